//! What root of a user namespace must not do to the machine, and ways around paths.

use alloc::format;

use super::privileges::{USER, become_user, no_new_privs};
use crate::files;
use crate::sys::{self, Errno, Fd, clone, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child};
use crate::tests::peer::{Link, Peer};
use crate::tests::scratch::{self, folder};

/// Calls that rule the machine, harmless ones: each needs a capability over the initial user namespace first.
fn calls_of_power() -> [(&'static str, Result<usize, Errno>); 5] {
    let name = c"kernrig_no_such_module";
    const CAD_OFF: usize = 0;
    // SAFETY: a NUL-terminated name.
    let unload = unsafe { sys::call(nr::DELETE_MODULE, [name.as_ptr() as usize, 0]) };
    [
        ("delete_module", unload),
        ("reboot", sys::plain(nr::REBOOT, [0xfee1_dead, 0x2812_1969, CAD_OFF, 0])),
        ("kexec_load", sys::plain(nr::KEXEC_LOAD, [0, 0, 0, 0])),
        ("iopl", sys::plain(nr::IOPL, [3])),
        ("syslog", sys::plain(nr::SYSLOG, [7, 0, 0])),
    ]
}

/// Modules, reboot, kexec, ports and the console's log level stay out of reach.
pub(crate) fn user_namespace_does_not_rule_the_machine(_: &Ctx) -> Check {
    // In a child: who has the ports keeps them, and so do its children.
    in_child(0, || {
        for (call, result) in calls_of_power() {
            ensure!(result != Err(Errno::EPERM), "{call} is refused to root itself");
        }
        Ok(())
    })?;
    let peer = Peer::start(clone::NEWUSER, |_| {
        let caps = sys::capget().or_fail("capget")?;
        ensure!(caps.effective & (1 << 22) != 0, "root inside lacks CAP_SYS_BOOT ({:#x})", caps.effective);
        for (call, result) in calls_of_power() {
            // Modules, kexec and ports can each be left out of a kernel (MODULES, KEXEC, X86_IOPL_IOPERM).
            let right = [Err(Errno::EPERM), Err(Errno::ENOSYS)].contains(&result);
            ensure!(right, "{call} in a user namespace: {result:?}, not EPERM");
        }
        Ok(())
    })?;
    peer.finish()
}

/// A setting of the machine that is put back when dropped.
struct Setting {
    path: &'static str,
    before: alloc::string::String,
}

impl Setting {
    fn of(path: &'static str) -> Result<Setting, Stop> {
        match files::read_text(path) {
            Err(Errno::ENOENT) => Err(Stop::Absent(format!("there is no {path}"))),
            other => Ok(Setting { path, before: other.or_fail(path)? }),
        }
    }

    fn set(&self, value: &str) -> Check {
        files::write(self.path, value).or_fail(&format!("write {value} to {}", self.path))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = files::write(self.path, self.before.trim());
    }
}

/// A user reads the kernel's log where it is not restricted, and not where it is; root of a user namespace neither.
pub(crate) fn kernel_log_can_be_restricted(_: &Ctx) -> Check {
    const SIZE_OF_BUFFER: usize = 10;
    const READ_ALL: usize = 3;
    fn read() -> Result<usize, Errno> {
        let mut buffer = [0u8; 64];
        // SAFETY: a writable buffer of its length.
        unsafe { sys::call(nr::SYSLOG, [READ_ALL, buffer.as_mut_ptr() as usize, buffer.len()]) }
    }
    let setting = Setting::of("/proc/sys/kernel/dmesg_restrict")?;
    for (value, allowed) in [("0", true), ("1", false)] {
        setting.set(value)?;
        ensure!(sys::plain(nr::SYSLOG, [SIZE_OF_BUFFER, 0, 0]).is_ok(), "root may not read the kernel's log");
        in_child(0, || {
            become_user(USER)?;
            let got = read();
            let right = if allowed { got.is_ok() } else { got == Err(Errno::EPERM) };
            ensure!(right, "dmesg_restrict is {value}; a user reads the kernel's log: {got:?}");
            Ok(())
        })?;
    }
    Ok(())
}

/// `struct file_handle` with room for any.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    handle: [u8; 128],
}

fn handle_of(path: &str) -> Result<Handle, Errno> {
    const AT_FDCWD: usize = -100isize as usize;
    let mut handle = Handle { bytes: 128, kind: 0, handle: [0; 128] };
    let path = sys::c_string(path)?;
    let mut mount = 0i32;
    let (at, id) = ((&raw mut handle) as usize, (&raw mut mount) as usize);
    // SAFETY: a path, a handle with the room it says it has, and an int.
    unsafe { sys::call(nr::NAME_TO_HANDLE_AT, [AT_FDCWD, path.as_ptr() as usize, at, id, 0]) }?;
    Ok(handle)
}

fn open_by(mount: &Fd, handle: &Handle) -> Result<Fd, Errno> {
    let at = core::ptr::from_ref(handle) as usize;
    // SAFETY: a handle that the kernel made.
    unsafe { sys::call(nr::OPEN_BY_HANDLE_AT, [sys::arg(mount.raw()), at, 0]) }.map(Fd::new)
}

/// A file is opened by its handle, past all paths, by root and by nobody in a user namespace.
pub(crate) fn handles_do_not_lead_out(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    files::create("/tmp/secret", "secret").or_fail("make a file")?;
    let mount = sys::open("/tmp", open::RDONLY | open::DIRECTORY, 0).or_fail("open /tmp")?;
    let handle = handle_of("/tmp/secret").or_absent("name_to_handle_at")?;
    let text = files::read_to_end(&open_by(&mount, &handle).or_fail("open_by_handle_at as root")?).or_fail("read")?;
    ensure!(text == b"secret", "the handle leads to another file");
    let peer = Peer::start(clone::NEWUSER, |_| {
        let opened = open_by(&mount, &handle).map(drop);
        ensure!(opened == Err(Errno::EPERM), "open_by_handle_at in a user namespace: {opened:?}, not EPERM");
        Ok(())
    })?;
    peer.finish()
}

/// `openat2` with `struct open_how`.
fn open_within(folder: &Fd, path: &str, resolve: u64) -> Result<Fd, Errno> {
    let how = [open::RDONLY as u64, 0, resolve];
    let path = sys::c_string(path)?;
    let args = [sys::arg(folder.raw()), path.as_ptr() as usize, how.as_ptr() as usize, 24];
    // SAFETY: a NUL-terminated path and a struct of the size that is passed.
    unsafe { sys::call(nr::OPENAT2, args) }.map(Fd::new)
}

/// No path leads out of the folder it is resolved in, neither by `..` nor by a link.
pub(crate) fn paths_stay_beneath(_: &Ctx) -> Check {
    const BENEATH: u64 = 8;
    const IN_ROOT: u64 = 16;
    scratch::own_mounts()?;
    for path in ["/tmp/root", "/tmp/root/tmp"] {
        folder(path)?;
    }
    for (path, text) in [("/tmp/secret", "outside"), ("/tmp/root/tmp/secret", "inside"), ("/tmp/root/own", "own")] {
        files::create(path, text).or_fail(&format!("make {path}"))?;
    }
    sys::symlink("/tmp/secret", "/tmp/root/link").or_fail("make a link")?;
    let root = sys::open("/tmp/root", open::RDONLY | open::DIRECTORY, 0).or_fail("open the folder")?;
    let read = |path: &str, resolve| match open_within(&root, path, resolve) {
        Ok(file) => files::read_to_end(&file),
        Err(errno) => Err(errno),
    };
    let plain = read("link", 0).or_absent("openat2")?;
    ensure!(plain == b"outside", "without a limit the link leads elsewhere");
    for path in ["link", "../secret", "/tmp/secret"] {
        let beneath = read(path, BENEATH);
        ensure!(beneath == Err(Errno::EXDEV), "{path} beneath the folder: {beneath:?}, not EXDEV");
    }
    for path in ["link", "/tmp/secret", "../../tmp/secret"] {
        let in_root = read(path, IN_ROOT);
        ensure!(in_root.as_deref() == Ok(b"inside"), "{path} with the folder as the root: {in_root:?}");
    }
    ensure!(read("own", BENEATH).as_deref() == Ok(b"own"), "a file in the folder is not found beneath it");
    Ok(())
}

/// A process that restricted itself opens what lies beneath its rules and nothing else.
pub(crate) fn landlock_keeps_to_its_paths(_: &Ctx) -> Check {
    const READ_FILE: u64 = 4;
    const PATH_BENEATH: usize = 1;
    scratch::own_mounts()?;
    for path in ["/tmp/allowed", "/tmp/denied"] {
        folder(path)?;
        files::create(&format!("{path}/file"), "x").or_fail("make a file")?;
    }
    in_child(0, || {
        let handled = [READ_FILE];
        // SAFETY: a struct landlock_ruleset_attr of its first size, 8 bytes.
        let ruleset = unsafe { sys::call(nr::LANDLOCK_CREATE_RULESET, [handled.as_ptr() as usize, 8, 0]) };
        let ruleset = Fd::new(ruleset.or_absent("landlock_create_ruleset")?);
        let allowed = sys::open("/tmp/allowed", open::PATH | open::CLOEXEC, 0).or_fail("open the folder")?;
        // struct landlock_path_beneath_attr, packed: rights, descriptor
        let mut rule = [0u8; 12];
        rule[..8].copy_from_slice(&READ_FILE.to_ne_bytes());
        rule[8..].copy_from_slice(&allowed.raw().to_ne_bytes());
        let args = [sys::arg(ruleset.raw()), PATH_BENEATH, rule.as_ptr() as usize, 0];
        // SAFETY: a rule of the layout that its type says.
        unsafe { sys::call(nr::LANDLOCK_ADD_RULE, args) }.or_fail("landlock_add_rule")?;
        no_new_privs()?;
        files::read("/tmp/denied/file").or_fail("read a file before the restriction")?;
        sys::plain(nr::LANDLOCK_RESTRICT_SELF, [sys::arg(ruleset.raw()), 0]).or_fail("landlock_restrict_self")?;
        files::read("/tmp/allowed/file").or_fail("read a file beneath the rule")?;
        let denied = files::read("/tmp/denied/file").map(drop);
        ensure!(denied == Err(Errno::EACCES), "read a file beneath no rule: {denied:?}, not EACCES");
        Ok(())
    })?;
    files::read("/tmp/denied/file").map(drop).or_fail("read a file after a child restricted itself")
}

/// What is read by a pipe cannot be written to by way of the pipe (CVE-2022-0847: 9d2231c5d74e, 5.17).
pub(crate) fn pipe_does_not_write_to_its_source(_: &Ctx) -> Check {
    const ROOM: usize = 64 * 1024;
    scratch::own_mounts()?;
    files::create("/tmp/source", "as it was").or_fail("make a file")?;
    let source = sys::open("/tmp/source", open::RDONLY, 0).or_fail("open it to read")?;
    let (from, to) = sys::pipe().or_fail("pipe")?;
    // Each buffer of the pipe has been one that may be added to.
    let mut block = alloc::vec![0u8; ROOM];
    sys::write_all(to.raw(), &block).or_fail("fill the pipe")?;
    let mut left = ROOM;
    while left > 0 {
        left -= sys::read(&from, &mut block).or_fail("empty the pipe")?;
    }
    let mut offset = 0u64;
    let at = core::ptr::from_mut(&mut offset) as usize;
    // SAFETY: an offset in the file; the pipe has none.
    let n = unsafe { sys::call(nr::SPLICE, [sys::arg(source.raw()), at, sys::arg(to.raw()), 0, 1, 0]) };
    ensure!(n == Ok(1), "splice of one byte into the pipe: {n:?}");
    sys::write_all(to.raw(), b"XXXX").or_fail("write to the pipe")?;
    let n = sys::read(&from, &mut block).or_fail("read from the pipe")?;
    ensure!(block[..n].starts_with(b"a"), "the byte that was spliced did not come out of the pipe");
    let text = files::read_text("/tmp/source").or_fail("read the file")?;
    ensure!(text == "as it was", "the file, which was never open to write, became `{text}`");
    Ok(())
}

const SEIZE: usize = 0x4206;
const DETACH: usize = 17;

/// With Yama's scope at 1 a process traces its children and no others; at 0 all of its user's.
pub(crate) fn yama_lets_trace_children_only(_: &Ctx) -> Check {
    let setting = Setting::of("/proc/sys/kernel/yama/ptrace_scope")?;
    let sleeper = |test: &Link| {
        // A change of users makes a process undumpable, which alone keeps tracers off.
        sys::prctl(4, 1).or_fail("prctl(PR_SET_DUMPABLE)")?;
        test.say("there");
        test.hear().map(drop)
    };
    for (value, allowed) in [("0", true), ("1", false)] {
        setting.set(value)?;
        let other = Peer::start(0, |test| {
            become_user(USER)?;
            sleeper(test)
        })?;
        other.hear()?;
        in_child(0, || {
            become_user(USER)?;
            let attached = sys::plain(nr::PTRACE, [SEIZE, other.pid() as usize, 0, 0]).map(drop);
            let expected = if allowed { Ok(()) } else { Err(Errno::EPERM) };
            ensure!(attached == expected, "ptrace_scope is {value}; tracing no child of its own: {attached:?}");
            let child = Peer::start(0, sleeper)?;
            child.hear()?;
            sys::plain(nr::PTRACE, [SEIZE, child.pid() as usize, 0, 0]).or_fail("trace a child of its own")?;
            let _ = sys::plain(nr::PTRACE, [DETACH, child.pid() as usize, 0, 0]);
            Ok(())
        })?;
    }
    Ok(())
}
