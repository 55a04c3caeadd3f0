//! How fast klog reads: ordinary console text, text that is all splats, and how soon a first report comes out.
//!
//! `cargo bench -p kernrig-klog`. One core, by the time it was this program's, so that a machine that does other things
//! beside tells the same; megabytes are 10^6 bytes. The shortest splats are the cases of
//! `cases`: a dozen lines each, so that what a report costs at all outweighs its text.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use kernrig_klog::Stream;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Bytes of each text.
const SIZE: usize = 64_000_000;
/// Rounds; the fastest counts, as what slows the others is not klog.
const ROUNDS: usize = 5;
/// Bytes fed at once, as a pipe gives them.
const CHUNK: usize = 64 * 1024;

/// Time on the CPU as the kernel counts it, or that of the wall where it does not.
struct Clock {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu: Self::cpu() }
    }

    fn cpu() -> Option<Duration> {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
    }

    fn elapsed(&self) -> Duration {
        let cpu = self.cpu.and_then(|then| Self::cpu()?.checked_sub(then)).filter(|took| !took.is_zero());
        cpu.unwrap_or_else(|| self.wall.elapsed())
    }
}

fn main() -> Result<()> {
    let ordinary = filled(&ordinary_lines());
    let splats = filled(&whole_splats());
    let short = filled(&cases()?);
    for (name, text) in [("ordinary console text", &ordinary), ("all splats", &splats), ("the shortest splats", &short)]
    {
        let mut best = Duration::MAX;
        let mut reports = 0;
        for _ in 0..ROUNDS {
            let started = Clock::now();
            reports = read(text);
            best = best.min(started.elapsed());
        }
        let speed = text.len() as f64 / best.as_secs_f64() / 1e6;
        println!("{name:<24} {speed:8.0} MB/s  ({reports} reports in {} MB)", text.len() / 1_000_000);
    }
    latency()
}

/// From the byte that makes a report complete to the report, the console silent after it.
fn latency() -> Result<()> {
    let case = fs::read_to_string(cases_folder().join("oops-2.6.32-null"))?;
    let (_, log) = case.split_once("\n\n").ok_or("a case without a header")?;
    let boot = ordinary_lines().repeat(50);
    let mut times = Vec::new();
    for _ in 0..200 {
        let mut stream = Stream::new();
        black_box(stream.push(&boot));
        let started = Instant::now();
        let mut found = stream.push(log.as_bytes());
        found.extend(stream.idle());
        times.push(started.elapsed());
        if black_box(found).is_empty() {
            return Err("no report".into());
        }
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "first report             {:8.0} µs  from the splat's first byte, {} bytes of it, to the report (median of {})",
        median.as_secs_f64() * 1e6,
        log.len(),
        times.len()
    );
    Ok(())
}

fn read(text: &[u8]) -> usize {
    let mut stream = Stream::new();
    let mut reports = 0;
    for chunk in text.chunks(CHUNK) {
        reports += black_box(stream.push(chunk)).len();
    }
    reports + black_box(stream.finish()).len()
}

/// Lines as a boot prints them.
fn ordinary_lines() -> Vec<u8> {
    let messages = [
        "Linux version 6.1.0 (build@host) (gcc 12.2.0) #1 SMP PREEMPT_DYNAMIC",
        "Command line: console=ttyS0 panic=-1 quiet loglevel=8",
        "x86/fpu: Supporting XSAVE feature 0x001: 'x87 floating point registers'",
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
        "ACPI: PCI Interrupt Link [LNKA] (IRQs 5 *10 11)",
        "pci 0000:00:01.1: legacy IDE quirk: reg 0x10: [io  0x01f0-0x01f7]",
        "RCU Tasks Trace: Setting shift to 0 and lim to 1 rcu_task_cb_adjust=1.",
        "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.",
        "systemd[1]: Started Journal Service, and what else there is to start.",
        "kernrig: aa11 begin 3 ns::uts::hostname_is_private",
    ];
    let mut text = String::new();
    for (number, message) in messages.iter().cycle().take(1000).enumerate() {
        text.push_str(&format!("[{:5}.{:06}] {message}\r\n", number / 100, number * 997 % 1_000_000));
    }
    text.into_bytes()
}

/// Splats of the length and shape that kernels of 2.6.32 and of 6.1 print them in.
fn whole_splats() -> Vec<u8> {
    let mut text = String::new();
    let mut line = |number: usize, message: &str| {
        text.push_str(&format!("[{:5}.{:06}] {message}\n", number / 7, number * 997 % 1_000_000));
    };
    let registers = |line: &mut dyn FnMut(usize, &str), number: usize| {
        for name in ["RAX", "RDX", "RBP", "R10", "R13"] {
            let value = number * 0x9e37;
            line(number, &format!("{name}: {value:016x} RBX: ffff88001f837d38 RCX: {:016x}", value * 3));
        }
        line(number, "FS:  00007f0011223344(0000) GS:ffff88001fc00000(0000) knlGS:0000000000000000");
        line(number, "CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033");
        line(number, "CR2: 0000000000000008 CR3: 000000001e1d4000 CR4: 00000000000006f0");
    };
    for number in 0..200 {
        let (old, name) = (number % 2 == 0, format!("thing_{}", number % 10));
        if old {
            line(number, "BUG: unable to handle kernel NULL pointer dereference at 0000000000000008");
            line(number, &format!("IP: [<ffffffff810a8072>] {name}+0x52/0x90"));
            line(number, "PGD 1e1d5067 PUD 1e1d6067 PMD 0 ");
            line(number, "Oops: 0000 [#1] SMP ");
            line(number, "Pid: 15, comm: init Not tainted 2.6.32 #1 Bochs");
            line(number, &format!("RIP: 0010:[<ffffffff810a8072>]  [<ffffffff810a8072>] {name}+0x52/0x90"));
        } else {
            line(number, "------------[ cut here ]------------");
            line(number, &format!("WARNING: CPU: 0 PID: 147 at fs/thing.c:399 {name}+0x182/0x220"));
            line(
                number,
                "Modules linked in: dummy(E) veth(E) bridge(E) stp(E) llc(E) overlay(E) ext4(E) crc16(E) mbcache(E)",
            );
            line(
                number,
                "CPU: 0 PID: 147 Comm: busybox Tainted: G            E      6.1.0-13-cloud-amd64 #1  Debian 6.1.55-1",
            );
            line(
                number,
                "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014",
            );
            line(number, &format!("RIP: 0010:{name}+0x182/0x220"));
            line(
                number,
                "Code: 48 89 c6 48 c7 c7 e0 0f 0b 66 90 55 48 89 e5 41 57 41 89 d7 41 56 41 55 49 89 fd 41 54 49 89 cc",
            );
        }
        registers(&mut line, number);
        line(number, "Call Trace:");
        for depth in 0..24 {
            let doubt = if depth % 3 == 0 { "? " } else { "" };
            let address = if old { "[<ffffffff810a8072>] " } else { "" };
            line(number, &format!(" {address}{doubt}caller_{}_of_{name}+0x{depth:x}4/0x220", depth * 7 % 24));
        }
        line(number, "---[ end trace 4eaa2a86a8e2da22 ]---");
    }
    text.into_bytes()
}

/// The logs of all cases, one after the other.
fn cases() -> Result<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(cases_folder())?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut text = Vec::new();
    for path in paths {
        let case = fs::read_to_string(path)?;
        if let Some((_, log)) = case.split_once("\n\n") {
            text.extend_from_slice(log.as_bytes());
        }
    }
    Ok(text)
}

fn cases_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn filled(text: &[u8]) -> Vec<u8> {
    text.iter().copied().cycle().take(SIZE).collect()
}
