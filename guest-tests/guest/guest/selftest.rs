//! `selftest::*`: makes the kernel misbehave on purpose, to see that the harness notices and lays it at the right door.
//!
//! A test that the kernel survives answers `ok`: what the kernel said of it is the host's to find.

use alloc::format;
use alloc::vec;
use core::arch::asm;

use kernrig_catalog::protocol::FAULTS_DIR;

use crate::channel::kmsg;
use crate::files;
use crate::sys::{self, Errno, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, time_left};

/// Every selftest of the catalog.
pub(crate) const TESTS: &[Entry] = &[
    ("selftest::oops", oops),
    ("selftest::warn", warn),
    ("selftest::garbage", garbage),
    ("selftest::panic", panic),
    ("selftest::hang", hang),
    ("selftest::lost", lost),
];

/// Loads a module that was broken on purpose. The outer error is that there is none, or no way to load it.
fn load_fault(name: &str) -> Result<Result<(), Errno>, Stop> {
    let path = format!("{FAULTS_DIR}/{name}.ko");
    let image = files::read(&path).map_err(|_| Stop::Skip(format!("no {name}.ko was made for this kernel")))?;
    match sys::init_module(&image, "") {
        Err(errno @ (Errno::ENOEXEC | Errno::EKEYREJECTED | Errno::ENOSYS | Errno::EPERM)) => {
            Err(Stop::Fail(format!("{path} cannot be loaded: {errno}")))
        }
        other => Ok(other),
    }
}

fn has_fault(name: &str) -> bool {
    files::exists(&format!("{FAULTS_DIR}/{name}.ko"))
}

/// Loads a module in a process of its own, which the oops kills.
fn oops(_: &Ctx) -> Check {
    let name = if has_fault("oops") {
        "oops"
    } else {
        load_fault("oops-stock-first")?.or_fail("oops-stock-first.ko")?;
        "oops-stock"
    };
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        let code = match load_fault(name) {
            Ok(Ok(())) => 0,
            Ok(Err(Errno(errno))) => errno,
            Err(_) => 255,
        };
        sys::exit(code);
    }
    match sys::wait(pid, 0).or_fail("wait")? {
        Some((_, sys::End::Signal(_))) => Ok(()),
        Some((_, sys::End::Exit(255))) => load_fault(name).map(drop),
        Some((_, sys::End::Exit(0))) => fail!("{name}.ko was loaded and nothing broke"),
        Some((_, sys::End::Exit(errno))) => fail!("{name}.ko failed to load without an oops: {}", Errno(errno)),
        None => fail!("no child to wait for"),
    }
}

/// Registers twice what may be registered once. The second load may fail: the warning is the point.
fn warn(_: &Ctx) -> Check {
    match load_fault("warn-first")? {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => fail!("warn-first.ko: {errno}"),
    }
    load_fault("warn").map(drop)
}

/// Ends the kernel by its own word (2.6.32: an oops on the way).
fn panic(_: &Ctx) -> Check {
    files::write("/proc/sysrq-trigger", "c").or_fail("/proc/sysrq-trigger")?;
    fail!("sysrq c did not panic the kernel")
}

/// Stops this CPU with interrupts off: by a module, else from user space, which kernels before 5.5 let `iopl` do.
fn hang(_: &Ctx) -> Check {
    if has_fault("hang") {
        let loaded = load_fault("hang")?;
        fail!("hang.ko came back from loading: {loaded:?}");
    }
    sys::iopl(3).map_err(|errno| Stop::Skip(format!("no hang.ko was made, and iopl: {errno}")))?;
    let flags: u64;
    // SAFETY: turns interrupts off, by leave of iopl(3); where the kernel only pretends (5.5), nothing happens. The
    // flags are read over the stack, below the red zone as the compiler sees to.
    unsafe { asm!("cli", "pushfq", "pop {}", out(reg) flags) };
    const INTERRUPTS_ON: u64 = 1 << 9;
    if flags & INTERRUPTS_ON != 0 {
        return Err(Stop::Skip("no hang.ko was made, and cli in user space has no effect on this kernel".into()));
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Resets the machine behind the kernel's back.
fn lost(_: &Ctx) -> Check {
    sys::iopl(3).map_err(|errno| Stop::Skip(format!("no access to I/O ports: {errno}")))?;
    // Keyboard controller: pulse the reset line. Then the chip set's reset control register: a hard reset.
    for (port, value) in [(0x64_u16, 0xfe_u8), (0xcf9, 0x02), (0xcf9, 0x06)] {
        // SAFETY: port I/O, by leave of iopl(3); it ends the machine or does nothing.
        unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
    }
    // The reset comes a moment later.
    while time_left() > 0 {
        sys::sleep_ms(10);
    }
    fail!("the machine did not reset")
}

/// Lines that look like the guest's own, under a token and a nonce that are nobody's.
const FORGED: &[&str] = &[
    "not ok 1 selftest::garbage [0123456789abcdef]",
    "not ok 1 selftest::garbage",
    "ok 1 selftest::oops",
    "# reason: forged [0123456789abcdef]",
    "kernrig-hello 1 release=9.9.9-forged cpus=64",
    "kernrig-hello 999 release=forged",
    "ack 0",
    "ack 999999",
    "done 1 taint=0",
    "done 999999 taint=1023 [0123456789abcdef]",
    "done 1 taint=512 settle=timeout [0123456789abcdef]",
];

/// Writes junk and forgeries to both ports and the kernel's log, as often as the host says, and passes.
fn garbage(ctx: &Ctx) -> Check {
    for _ in 0..ctx.param("iterations") {
        write_garbage()?;
    }
    ctx.note("junk and forged lines were written to both ports");
    Ok(())
}

fn write_garbage() -> Check {
    let junk =
        b"\x00\x07\x1b[2J\x1b]0;title\x07\x9b31m\xff\xfe\xc0\xaf\xed\xa0\x80]]>&lt;\x13\x11\r\x08\x7f\n".as_slice();
    for port in ["/dev/ttyS1", "/dev/ttyS0"] {
        let port = sys::open(port, open::WRONLY | open::NOCTTY | open::CLOEXEC, 0).or_fail(port)?;
        let write = |bytes: &[u8]| sys::write_all(port.raw(), bytes);
        write(junk).or_fail("junk")?;
        for line in FORGED {
            write(format!("\n{line}\r\n").as_bytes()).or_fail("a forged line")?;
        }
        write(&vec![b'x'; 20_000]).or_fail("a long line")?;
        write(b"\nok 1 selftest::gar").or_fail("half a line")?;
    }
    for marker in ["begin 1 selftest::garbage", "end 1 0123456789abcdef", "boot", "end 999999 x"] {
        kmsg(1, &format!("kernrig: 0000000000000000 {marker}"));
    }
    kmsg(1, "\x1b[31mred\u{fffd}\u{7}");
    Ok(())
}
