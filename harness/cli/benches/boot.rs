//! What the harness costs: boots, cells and whole runs against the bare QEMU command on the same kernel.
//!
//! All in one run, interleaved, medians; read the ratios. Kernels: each folder of `KERNRIG_KERNELS` and debian-6.1.
//! `KERNRIG_BENCH_ROUNDS` (default 7) sets the rounds.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernrig_catalog::protocol::GUEST_HELLO;
use kernrig_kernels::archive::Archives;
use kernrig_kernels::cache::Cache;
use kernrig_kernels::manifest::{Manifest, Source};
use kernrig_kernels::{Kernel, local};
use kernrig_run::Trial;
use kernrig_vm::{Accelerator, Boot, BootFile, Launcher, Machine, VmSpec, base_cmdline, find_qemu};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A cheap test, so that what is measured is the harness.
const CELL: &str = "ns::uts::hostname_is_private";

/// Cells run in each VM.
const CELLS: u32 = 10;

fn main() -> Result<()> {
    let rounds = std::env::var("KERNRIG_BENCH_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(7);
    let folder = tempfile::tempdir()?;
    let kernels = kernels(folder.path())?;
    println!(
        "medians of {rounds} interleaved rounds under TCG, one VM at a time; bare = the QEMU command itself, to the guest's first line"
    );
    println!("{:<18} {:>8} {:>13} {:>13} {:>16}", "kernel", "bare s", "harness boot", "one cell", "whole kernrig run");
    for kernel in &kernels {
        let row = measure(kernel, folder.path(), rounds)?;
        println!(
            "{:<18} {:>8.2} {:>13} {:>13} {:>16}",
            kernel.name,
            row.bare,
            format!("{:.3}", row.boot / row.bare),
            format!("{:.4}", row.cell / row.bare),
            format!("{:.2}", row.whole / row.bare),
        );
    }
    Ok(())
}

/// The old kernels at hand and, where it can be had, Debian's.
fn kernels(folder: &Path) -> Result<Vec<Kernel>> {
    let mut kernels = Vec::new();
    let cache = Cache::open(&folder.join("cache"))?;
    if let Some(root) = std::env::var_os("KERNRIG_KERNELS") {
        let mut paths: Vec<PathBuf> = fs::read_dir(root)?.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|p| p.is_dir()) {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            kernels.push(local::open_path(name.as_deref(), path, &cache)?);
        }
    }
    let manifest = Manifest::shipped();
    let archives = Archives::new(Default::default(), manifest.archives.clone())?;
    for entry in manifest.kernels.iter().filter(|e| e.name == "debian-6.1") {
        if let Source::Newest(package) = &entry.source {
            match archives.obtain(&entry.name, package, None) {
                Ok(obtained) => kernels.push(obtained.kernel),
                Err(e) => eprintln!("SKIPPED {}: {e}", entry.name),
            }
        }
    }
    Ok(kernels)
}

/// Medians in seconds.
struct Row {
    bare: f64,
    boot: f64,
    cell: f64,
    whole: f64,
}

fn measure(kernel: &Kernel, folder: &Path, rounds: usize) -> Result<Row> {
    let initramfs = folder.join(format!("{}.initramfs", kernel.name));
    let image = kernrig_image::initramfs(kernel, kernrig_guest::GUEST, &[])?;
    fs::write(&initramfs, &image.bytes)?;
    let launcher = Launcher::new()?;
    let test = kernrig_catalog::by_name(CELL).ok_or("the catalog has no such test")?;
    let (mut bare, mut boot, mut cell, mut whole) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(bare_boot(&kernel.image, &initramfs)?);
        let spec = VmSpec {
            qemu: find_qemu()?,
            accelerator: Accelerator::Tcg,
            machine: Machine::pc(Accelerator::Tcg),
            kernel: BootFile::read(&kernel.image)?,
            initramfs: BootFile::from_bytes(&initramfs, &image.bytes)?,
            cmdline: base_cmdline(Accelerator::Tcg, Boot::Fast),
            memory_mib: 512,
            cpus: 1,
            hold: None,
        };
        let (mut trial, took) = Trial::boot(&launcher, spec, None)?;
        boot.push(took);
        for _ in 0..CELLS {
            cell.push(trial.run(test)?);
        }
        drop(trial);
        whole.push(whole_run(kernel, folder)?);
    }
    Ok(Row { bare: median(bare), boot: median(boot), cell: median(cell), whole: median(whole) })
}

/// The bare command: the same machine, kernel, initramfs and words, the guest's port on standard output.
fn bare_boot(kernel: &Path, initramfs: &Path) -> Result<Duration> {
    let started = Instant::now();
    let machine = Machine::pc(Accelerator::Tcg);
    let mut qemu = Command::new(find_qemu()?)
        .args(["-accel", "tcg", "-machine", machine.machine, "-cpu", machine.cpu, "-m", "512M", "-smp", "1"])
        .args(["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &base_cmdline(Accelerator::Tcg, Boot::Fast), "-serial", "null", "-serial", "stdio"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(qemu.stdout.take().ok_or("no standard output")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 && !contains(&line, GUEST_HELLO.as_bytes()) {
        line.clear();
    }
    let took = started.elapsed();
    qemu.kill()?;
    qemu.wait()?;
    if line.is_empty() { Err("bare QEMU: no hello".into()) } else { Ok(took) }
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|w| w == word)
}

/// `kernrig run` of one cell on one kernel, from its start to its exit.
fn whole_run(kernel: &Kernel, folder: &Path) -> Result<Duration> {
    let started = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_kernrig"))
        .args(["run", "-t", CELL, "--jobs", "1", "-k"])
        .arg(if kernel.name.starts_with("debian") { Path::new(&kernel.name) } else { folder_of(kernel) })
        .arg("--out")
        .arg(folder.join("out"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() { Ok(started.elapsed()) } else { Err(format!("kernrig run: {status}").into()) }
}

fn folder_of(kernel: &Kernel) -> &Path {
    kernel.image.parent().unwrap_or(&kernel.image)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}
