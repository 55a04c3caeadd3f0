//! Makes the machine ready: mounts, device nodes, and what the kernel shall say on the console.
//!
//! What a kernel does not have is passed over in silence: that is a matter of the tests' needs, not of the boot.

use crate::files;
use crate::sys::{self, ms, open};

/// Mounts what every test may count on.
pub(crate) fn mount_all() {
    for folder in ["/proc", "/sys", "/dev", "/tmp", "/run"] {
        let _ = sys::mkdir(folder, 0o755);
    }
    let safe = ms::NOSUID | ms::NODEV | ms::NOEXEC;
    let _ = sys::mount("proc", "/proc", "proc", safe, "");
    let _ = sys::mount("sysfs", "/sys", "sysfs", safe, "");
    let _ = sys::mount("debugfs", "/sys/kernel/debug", "debugfs", safe, "");
    // 2.6.32 is the first kernel with devtmpfs, and not every config has it.
    if sys::mount("devtmpfs", "/dev", "devtmpfs", ms::NOSUID, "mode=0755").is_err() {
        let _ = sys::mount("tmpfs", "/dev", "tmpfs", ms::NOSUID, "mode=0755");
    }
    make_nodes();
    let _ = sys::mkdir("/dev/pts", 0o755);
    let _ = sys::mkdir("/dev/shm", 0o1777);
    let _ = sys::mount("devpts", "/dev/pts", "devpts", ms::NOSUID | ms::NOEXEC, "mode=0620,ptmxmode=0666");
    let _ = sys::mount("tmpfs", "/dev/shm", "tmpfs", ms::NOSUID | ms::NODEV, "mode=1777");
    let _ = sys::mount("tmpfs", "/tmp", "tmpfs", ms::NOSUID | ms::NODEV, "mode=1777");
    let _ = sys::mount("tmpfs", "/run", "tmpfs", ms::NOSUID | ms::NODEV, "mode=0755");
}

/// Name, mode, major, minor (Documentation/admin-guide/devices.txt).
const NODES: &[(&str, u32, u32, u32)] = &[
    ("/dev/null", 0o666, 1, 3),
    ("/dev/zero", 0o666, 1, 5),
    ("/dev/full", 0o666, 1, 7),
    ("/dev/random", 0o666, 1, 8),
    ("/dev/urandom", 0o666, 1, 9),
    ("/dev/kmsg", 0o600, 1, 11),
    ("/dev/ttyS0", 0o600, 4, 64),
    ("/dev/ttyS1", 0o600, 4, 65),
    ("/dev/tty", 0o666, 5, 0),
    ("/dev/console", 0o600, 5, 1),
    ("/dev/ptmx", 0o666, 5, 2),
];

fn make_nodes() {
    for (path, mode, major, minor) in NODES {
        let _ = sys::mknod_char(path, *mode, *major, *minor);
    }
}

/// The kernel's console is for the kernel: what a program writes to its standard streams goes nowhere.
pub(crate) fn standard_streams() {
    let Ok(null) = sys::open("/dev/null", open::RDWR, 0) else { return };
    for fd in 0..3 {
        if null.raw() != fd {
            let _ = sys::dup2(&null, fd);
        }
    }
    if null.raw() < 3 {
        let _ = null.into_raw();
    }
}

/// Settings by file, each with the first kernel that has it where it is not 2.6.32. Times are long for a healthy
/// kernel on a slow emulator and short for a harness that waits.
const SETTINGS: &[(&str, &str)] = &[
    // Whole oopses: with less, lines of lower levels in the middle of one are missing.
    ("/proc/sys/kernel/printk", "7 4 1 7"),
    // 4.6: without it, markers are dropped by a rate limit.
    ("/proc/sys/kernel/printk_devkmsg", "on"),
    // The host's NMI makes a CPU that hangs with interrupts off print its stack.
    ("/proc/sys/kernel/unknown_nmi_panic", "1"),
    ("/proc/sys/kernel/softlockup_thresh", "24"),
    // 2.6.36 in place of the former; a soft lockup is twice that.
    ("/proc/sys/kernel/watchdog_thresh", "12"),
    ("/proc/sys/kernel/hung_task_timeout_secs", "20"),
    // The tenth report would be the last one.
    ("/proc/sys/kernel/hung_task_warnings", "1000000"),
    // 3.3. An overloaded host has been seen to keep a VM from running for 16 s, which is no stall of the kernel's.
    ("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", "40"),
];

/// Has the kernel say what it has to say, soon and in full.
pub(crate) fn tune() {
    for (path, value) in SETTINGS {
        let _ = files::write(path, value);
    }
}

/// Makes all capabilities that are permitted effective: before 2.6.33 the first process comes without `CAP_SETPCAP`
/// in effect, and tests are root to the full.
pub(crate) fn all_powers() {
    if let Ok(own) = sys::capget() {
        let _ = sys::capset(sys::Capabilities { effective: own.permitted, ..own });
    }
}

/// Lets a `WARN_ONCE` that has fired fire again (4.15).
pub(crate) fn clear_warn_once() {
    let _ = files::write("/sys/kernel/debug/clear_warn_once", "1");
}
