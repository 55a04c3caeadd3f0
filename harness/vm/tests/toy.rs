//! A real QEMU with a kernel of a few bytes: life and death of a VM, without any real kernel.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernrig_vm::{Accelerator, BootFile, Ended, Hold, Launcher, Machine, VmSpec, find_qemu};
use rustix::process::{Pid, Signal, kill_process};

/// Far more than anything here takes: reached only when something hangs.
const LONG: Duration = Duration::from_secs(120);

/// `cli; hlt; jmp` back: stays for ever.
const STAY: &[u8] = &[0xfa, 0xf4, 0xeb, 0xfd];
/// `mov $0xfe, %al; out %al, $0x64`: resets through the keyboard controller.
const RESET: &[u8] = &[0xb0, 0xfe, 0xe6, 0x64, 0xfa, 0xf4, 0xeb, 0xfd];

/// Real-mode code that writes a text to a port: `mov $port, %dx`, then `mov $byte, %al; out %al, %dx` for each byte.
fn print(port: u16, text: &str) -> Vec<u8> {
    let [low, high] = port.to_le_bytes();
    let mut code = vec![0xba, low, high];
    text.bytes().for_each(|byte| code.extend([0xb0, byte, 0xee]));
    code
}

/// A bzImage (Linux boot protocol 2.00) whose set-up code is the whole kernel.
fn toy_kernel(code: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 512 * 6];
    image[0x1f1] = 4; // sectors of set-up code
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x200..0x202].copy_from_slice(&[0xeb, 0x7e]); // jump over the header
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&[0, 2]);
    image[0x211] = 1; // loaded high
    image[0x280..0x280 + code.len()].copy_from_slice(code);
    image
}

fn spec(kernel: &[u8]) -> VmSpec {
    VmSpec {
        qemu: find_qemu().unwrap(),
        accelerator: Accelerator::Tcg,
        machine: Machine::pc(Accelerator::Tcg),
        kernel: BootFile::from_bytes(Path::new("toy-kernel"), kernel).unwrap(),
        initramfs: BootFile::from_bytes(Path::new("initramfs.cpio"), b"none").unwrap(),
        cmdline: "console=ttyS0".into(),
        memory_mib: 64,
        cpus: 1,
        hold: None,
    }
}

fn first_line(stream: impl Read) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn each_port_has_its_stream_and_a_reset_ends_the_vm() {
    let code = [print(0x2f8, "hello channel\n"), print(0x3f8, "hello console\n"), RESET.into()].concat();
    let launcher = Launcher::new().unwrap();
    let mut vm = launcher.launch(spec(&toy_kernel(&code))).unwrap();
    assert_eq!(first_line(vm.take_console().unwrap()), "hello console\n");
    assert_eq!(first_line(vm.take_channel().unwrap()), "hello channel\n");
    assert_eq!(vm.wait_timeout(LONG), Some(Ended::Reset));
    assert!(vm.take_console().is_none());
}

#[test]
fn a_file_that_is_no_kernel_is_told_in_qemus_words() {
    let launcher = Launcher::new().unwrap();
    for garbage in [b"".as_slice(), b"this is no kernel at all", &[0; 4096]] {
        let vm = launcher.launch(spec(garbage)).unwrap();
        let Some(Ended::Exit { code, stderr }) = vm.wait_timeout(LONG) else { panic!("{:?}", vm.ended()) };
        assert!(code != 0 && stderr.contains("kernel"), "{code} {stderr}");
    }
}

#[test]
fn qemu_that_cannot_be_run_is_an_error() {
    let missing = VmSpec { qemu: "/nowhere/qemu-system-x86_64".into(), ..spec(b"") };
    let error = Launcher::new().unwrap().launch(missing).unwrap_err().to_string();
    assert!(error.contains("/nowhere/qemu-system-x86_64"), "{error}");
}

#[test]
fn a_running_vm_has_no_rights_and_dies_when_told() {
    let launcher = Launcher::new().unwrap();
    let mut vm = launcher.launch(spec(&toy_kernel(&[print(0x3f8, "up\n"), STAY.into()].concat()))).unwrap();
    assert_eq!(first_line(vm.take_console().unwrap()), "up\n");
    vm.inject_nmi().unwrap();

    let status = std::fs::read_to_string(format!("/proc/{}/status", vm.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_ne!(field("Uid:")[0], "0", "QEMU never runs as root");
    assert_eq!(field("CapEff:"), ["0000000000000000"]);
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    assert_eq!(field("Seccomp:"), ["2"]);
    // Its session's id is its own PID. Ours is not asked for: in a PID namespace it may be 0, which getsid(2) gives for a
    // leader outside.
    let theirs = rustix::process::getsid(Pid::from_raw(vm.pid().cast_signed())).unwrap();
    assert_eq!(theirs.as_raw_nonzero().get().cast_unsigned(), vm.pid(), "a terminal's Ctrl-C must not reach it");

    assert_eq!(vm.wait_timeout(Duration::ZERO), None);
    vm.kill();
    assert_eq!(vm.wait_timeout(LONG), Some(Ended::Killed(9)));
    assert!(vm.inject_nmi().is_err());
    vm.kill();
}

#[test]
fn dropping_a_vm_or_its_launcher_leaves_no_qemu() {
    let launcher = Launcher::new().unwrap();
    let kernel = toy_kernel(STAY);
    let pid = launcher.launch(spec(&kernel)).unwrap().pid();
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "reaped when the drop returns");
    let vm = launcher.launch(spec(&kernel)).unwrap();
    drop(launcher);
    assert_eq!(vm.wait_timeout(LONG), Some(Ended::Killed(9)));
}

/// What the doomed harness below does; no test by itself.
#[test]
#[ignore = "started by the test below as a process of its own"]
fn doomed_harness() {
    let launcher = Launcher::new().unwrap();
    let code = [print(0x3f8, "up\n"), STAY.into()].concat();
    // Started from a thread that ends at once, as a worker of the harness may.
    let start =
        || std::thread::scope(|s| s.spawn(|| launcher.launch(spec(&toy_kernel(&code))).unwrap()).join().unwrap());
    let mut vm = start();
    let console = vm.take_console().unwrap();
    assert_eq!(first_line(console), "up\n");
    println!("\nqemu-pid={}", vm.pid());
    std::io::stdout().flush().unwrap();
    let _ = vm.wait();
}

#[test]
fn no_qemu_outlives_a_harness_that_is_killed() {
    let mut harness = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "doomed_harness", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(harness.stdout.take().unwrap()).lines();
    let pid: i32 = lines.map_while(Result::ok).find_map(|l| l.strip_prefix("qemu-pid=")?.parse().ok()).unwrap();
    let qemu = format!("/proc/{pid}");
    assert!(Path::new(&qemu).exists());
    kill_process(Pid::from_child(&harness), Signal::KILL).unwrap();
    harness.wait().unwrap();

    // A zombie counts as gone: reaping it is up to the machine's init.
    let alive = || {
        let stat = std::fs::read_to_string(format!("{qemu}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    };
    let deadline = Instant::now() + LONG;
    while alive() {
        assert!(Instant::now() < deadline, "QEMU {pid} lives on");
        std::thread::yield_now();
    }
}

#[test]
fn a_held_vm_stays_when_its_guest_ends_and_gives_its_memory_away() {
    let folder = tempfile::tempdir().unwrap();
    let hold = Hold::with_ports(folder.path(), true).unwrap();
    let launcher = Launcher::new().unwrap();
    let vm = launcher.launch(VmSpec { hold: Some(hold.clone()), ..spec(&toy_kernel(RESET)) }).unwrap();
    assert_eq!(vm.wait_timeout(LONG), Some(Ended::Reset));

    let path = folder.path().join("memory");
    let length = vm.dump(std::fs::File::create(&path).unwrap()).unwrap();
    assert!(length > 64 << 20, "{length}");
    let mut start = [0; 4];
    std::fs::File::open(&path).unwrap().read_exact(&mut start).unwrap();
    assert_eq!(&start, b"\x7fELF");

    let mut debugger = UnixStream::connect(hold.gdb().unwrap()).unwrap();
    debugger.write_all(b"+$?#3f").unwrap();
    let mut answer = [0; 2];
    debugger.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+$", "the debugger's port acknowledges and answers");
    assert!(first_line(UnixStream::connect(hold.qmp().unwrap()).unwrap()).contains("QMP"));
    assert!(vm.resume().is_err() || vm.ended().is_some(), "a guest that has ended does not go on");
    let pid = vm.pid();
    drop((debugger, vm));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}
