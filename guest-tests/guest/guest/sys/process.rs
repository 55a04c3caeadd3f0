//! Processes, namespaces, credentials, modules, memory.

use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;
use core::ptr::null_mut;

use super::{Errno, Fd, arg, c_string, call, clone, nr, plain};

/// Signals.
pub(crate) mod sig {
    pub(crate) const HUP: i32 = 1;
    pub(crate) const BUS: i32 = 7;
    pub(crate) const KILL: i32 = 9;
    pub(crate) const USR1: i32 = 10;
    pub(crate) const SEGV: i32 = 11;
    pub(crate) const PIPE: i32 = 13;
    pub(crate) const TERM: i32 = 15;
    pub(crate) const CHLD: i32 = 17;
    pub(crate) const STOP: i32 = 19;
}

/// `wait4` without waiting.
pub(crate) const WNOHANG: i32 = 1;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

impl core::fmt::Display for End {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            End::Exit(code) => write!(f, "ended with exit code {code}"),
            End::Signal(number) => match signal_name(number) {
                Some(name) => write!(f, "killed by {name}"),
                None => write!(f, "killed by signal {number}"),
            },
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// Ends this process at once.
pub(crate) fn exit(code: i32) -> ! {
    loop {
        let _ = plain(nr::EXIT_GROUP, [arg(code)]);
    }
}

/// `clone` used as fork, with namespace flags: the child's own pid for the parent, 0 for the child.
pub(crate) fn fork(flags: usize) -> Result<i32, Errno> {
    // A shared address space would need a second stack: never by this door.
    let flags = (flags & !clone::VM) | sig::CHLD as usize;
    // SAFETY: a null stack means a copy of this one; no address is passed.
    unsafe { call(nr::CLONE, [flags, 0, 0, 0, 0]) }.map(|pid| pid as i32)
}

/// Becomes another program; comes back only with the reason why not. No string may have a NUL in it.
pub(crate) fn execve(path: &str, argv: &[String], environment: &[String]) -> Errno {
    let c_strings = |texts: &[String]| texts.iter().map(|text| c_string(text)).collect::<Result<Vec<_>, _>>();
    let (Ok(path), Ok(argv), Ok(environment)) = (c_string(path), c_strings(argv), c_strings(environment)) else {
        return Errno::EINVAL;
    };
    let pointers =
        |strings: &[CString]| -> Vec<usize> { strings.iter().map(|s| s.as_ptr() as usize).chain([0]).collect() };
    let (argv_at, environment_at) = (pointers(&argv), pointers(&environment));
    let args = [path.as_ptr() as usize, argv_at.as_ptr() as usize, environment_at.as_ptr() as usize];
    // SAFETY: a NUL-terminated path and two lists of such strings, each ended by a null, all alive until the call.
    unsafe { call(nr::EXECVE, args) }.err().unwrap_or(Errno::EINVAL)
}

pub(crate) fn unshare(flags: usize) -> Result<(), Errno> {
    plain(nr::UNSHARE, [flags]).map(drop)
}

pub(crate) fn setns(fd: &Fd, kind: usize) -> Result<(), Errno> {
    plain(nr::SETNS, [arg(fd.raw()), kind]).map(drop)
}

/// Waits for the process (any child: -1); `None` when `WNOHANG` was asked for and none has ended.
pub(crate) fn wait(pid: i32, options: i32) -> Result<Option<(i32, End)>, Errno> {
    let mut status = 0i32;
    loop {
        // SAFETY: room for an int; no rusage.
        let got = unsafe { call(nr::WAIT4, [arg(pid), core::ptr::from_mut(&mut status) as usize, arg(options), 0]) };
        match got {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
            Ok(0) => return Ok(None),
            Ok(pid) if status & 0x7f == 0 => return Ok(Some((pid as i32, End::Exit((status >> 8) & 0xff)))),
            Ok(pid) => return Ok(Some((pid as i32, End::Signal(status & 0x7f)))),
        }
    }
}

pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
    plain(nr::KILL, [arg(pid), arg(signal)]).map(drop)
}

/// Lets the signal be ignored (no handler: that would need a restorer).
pub(crate) fn ignore(signal: i32) {
    // struct sigaction of the kernel: handler (SIG_IGN), flags, restorer, mask
    let action = [1u64, 0, 0, 0];
    // SAFETY: a struct of the kernel's layout and the size of its mask.
    let _ = unsafe { call(nr::RT_SIGACTION, [arg(signal), action.as_ptr() as usize, 0, 8]) };
}

pub(crate) fn getpid() -> i32 {
    plain(nr::GETPID, []).map_or(0, |n| n as i32)
}

pub(crate) fn getppid() -> i32 {
    plain(nr::GETPPID, []).map_or(0, |n| n as i32)
}

pub(crate) fn getuid() -> u32 {
    plain(nr::GETUID, []).map_or(0, |n| n as u32)
}

pub(crate) fn getgid() -> u32 {
    plain(nr::GETGID, []).map_or(0, |n| n as u32)
}

pub(crate) fn setsid() -> Result<(), Errno> {
    plain(nr::SETSID, []).map(drop)
}

pub(crate) fn setuid(uid: u32) -> Result<(), Errno> {
    plain(nr::SETUID, [uid as usize]).map(drop)
}

pub(crate) fn setgid(gid: u32) -> Result<(), Errno> {
    plain(nr::SETGID, [gid as usize]).map(drop)
}

/// `prctl` for options that take numbers.
pub(crate) fn prctl(option: i32, value: usize) -> Result<usize, Errno> {
    plain(nr::PRCTL, [arg(option), value, 0, 0, 0])
}

/// Effective, permitted and inheritable capabilities of this process, as bit masks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Capabilities {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

pub(crate) fn capget() -> Result<Capabilities, Errno> {
    let header = [CAPABILITY_VERSION_3, 0];
    let mut data = [0u32; 6];
    // SAFETY: header and data are of version 3's layout: two structs of three u32.
    unsafe { call(nr::CAPGET, [header.as_ptr() as usize, data.as_mut_ptr() as usize]) }?;
    let join = |i: usize| u64::from(data[i]) | (u64::from(data[i + 3]) << 32);
    Ok(Capabilities { effective: join(0), permitted: join(1), inheritable: join(2) })
}

pub(crate) fn capset(caps: Capabilities) -> Result<(), Errno> {
    let header = [CAPABILITY_VERSION_3, 0];
    let all = [caps.effective, caps.permitted, caps.inheritable];
    let mut data = [0u32; 6];
    for (i, mask) in all.into_iter().enumerate() {
        data[i] = mask as u32;
        data[i + 3] = (mask >> 32) as u32;
    }
    // SAFETY: as in capget.
    unsafe { call(nr::CAPSET, [header.as_ptr() as usize, data.as_ptr() as usize]) }.map(drop)
}

pub(crate) fn sethostname(name: &str) -> Result<(), Errno> {
    // SAFETY: the name is readable for its length.
    unsafe { call(nr::SETHOSTNAME, [name.as_ptr() as usize, name.len()]) }.map(drop)
}

/// What `uname` says.
pub(crate) struct Uname {
    pub(crate) nodename: String,
    pub(crate) release: String,
    pub(crate) version: String,
    pub(crate) domainname: String,
}

pub(crate) fn uname() -> Result<Uname, Errno> {
    let mut fields = [[0u8; 65]; 6];
    // SAFETY: struct new_utsname is six arrays of 65 bytes.
    unsafe { call(nr::UNAME, [fields.as_mut_ptr() as usize]) }?;
    let text = |i: usize| {
        let field: &[u8; 65] = &fields[i];
        let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    Ok(Uname { nodename: text(1), release: text(2), version: text(3), domainname: text(5) })
}

/// Loads a module from its bytes; an empty string passes no parameters.
pub(crate) fn init_module(image: &[u8], parameters: &str) -> Result<(), Errno> {
    let parameters = c_string(parameters)?;
    // SAFETY: the image is readable for its length, the parameters are NUL-terminated.
    unsafe { call(nr::INIT_MODULE, [image.as_ptr() as usize, image.len(), parameters.as_ptr() as usize]) }.map(drop)
}

/// Runs this process on these CPUs only, of the first 1,024.
pub(crate) fn sched_setaffinity(mask: &[u64; 16]) -> Result<(), Errno> {
    // SAFETY: a mask of the length that is passed.
    unsafe { call(nr::SCHED_SETAFFINITY, [0, size_of_val(mask), mask.as_ptr() as usize]) }.map(drop)
}

/// The CPUs that this process may run on, of the first 1,024.
pub(crate) fn sched_getaffinity() -> Result<[u64; 16], Errno> {
    let mut mask = [0u64; 16];
    // SAFETY: a mask of the length that is passed.
    unsafe { call(nr::SCHED_GETAFFINITY, [0, size_of_val(&mask), mask.as_mut_ptr() as usize]) }?;
    Ok(mask)
}

/// Port I/O for this process.
pub(crate) fn iopl(level: i32) -> Result<(), Errno> {
    plain(nr::IOPL, [arg(level)]).map(drop)
}

/// What `reboot` is to do.
pub(crate) mod reboot {
    pub(crate) const RESTART: usize = 0x0123_4567;
    pub(crate) const POWER_OFF: usize = 0x4321_FEDC;
    pub(crate) const HALT: usize = 0xCDEF_0123;
}

pub(crate) fn reboot(what: usize) -> Result<(), Errno> {
    plain(nr::REBOOT, [0xfee1_dead, 0x2812_1969, what, 0]).map(drop)
}

/// Fresh zeroed memory, null if there is none.
pub(crate) fn map_anonymous(size: usize) -> *mut u8 {
    const READ_WRITE: usize = 3;
    const PRIVATE_ANONYMOUS: usize = 0x22;
    plain(nr::MMAP, [0, size, READ_WRITE, PRIVATE_ANONYMOUS, usize::MAX, 0])
        .map_or(null_mut(), core::ptr::with_exposed_provenance_mut)
}

/// Fresh zeroed memory that forked children share with this process, null if there is none.
pub(crate) fn map_shared(size: usize) -> *mut u8 {
    const READ_WRITE: usize = 3;
    const SHARED_ANONYMOUS: usize = 0x21;
    plain(nr::MMAP, [0, size, READ_WRITE, SHARED_ANONYMOUS, usize::MAX, 0])
        .map_or(null_mut(), core::ptr::with_exposed_provenance_mut)
}

/// Gives a mapping of [`map_anonymous`] or [`map_shared`] back.
pub(crate) fn unmap(at: *mut u8, size: usize) {
    let _ = plain(nr::MUNMAP, [at.expose_provenance(), size]);
}

/// A descriptor for a process (5.3).
pub(crate) fn pidfd_open(pid: i32) -> Result<Fd, Errno> {
    plain(nr::PIDFD_OPEN, [arg(pid), 0]).map(Fd::new)
}
