//! QEMU as a process: without rights, in a session of its own, and never longer alive than the thread that started it.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::VmError;
use crate::user::{User, describe};

/// Starts QEMU. It dies with the *thread* that calls this (prctl(2), PR_SET_PDEATHSIG), so call it only on one that
/// outlives the VM. The descriptors are inherited under their own numbers, and no others are.
pub(crate) fn spawn(
    qemu: &Path,
    arguments: &[String],
    inherited: Vec<RawFd>,
    user: Option<&User>,
) -> Result<Child, VmError> {
    // A path that is relative would not be after the change of folder.
    let program = std::path::absolute(qemu).unwrap_or_else(|_| qemu.to_owned());
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // The environment of a CI job holds secrets: none of it goes where a guest might get at it, except what a QEMU
    // from an environment module needs to start.
    command.env_clear().envs(["PATH", "LD_LIBRARY_PATH"].into_iter().filter_map(|n| Some((n, std::env::var_os(n)?))));
    let parent = std::process::id();
    let identity = user.cloned();
    let prepare = move || prepare_child(parent, identity.as_ref(), &inherited);
    // SAFETY: the closure runs in the forked child and makes system calls only; all it needs was allocated before.
    unsafe { command.pre_exec(prepare) };
    command.spawn().map_err(|source| VmError::Start { qemu: qemu.to_owned(), user: describe(user), source })
}

/// What the forked child does before it becomes QEMU. Async-signal-safe: no allocation, no locks.
fn prepare_child(parent: u32, user: Option<&User>, inherited: &[RawFd]) -> io::Result<()> {
    // SAFETY: setsid takes nothing and fails harmlessly; a new session keeps a terminal's Ctrl-C from QEMU.
    unsafe { libc::setsid() };
    let limit = |resource| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: setrlimit reads one rlimit that lives here.
        checked(unsafe { libc::setrlimit(resource, &raw const none) })
    };
    limit(libc::RLIMIT_CORE)?;
    // QEMU writes to no file at all: an escape that tries gets SIGXFSZ.
    limit(libc::RLIMIT_FSIZE)?;
    if let Some(user) = user {
        become_user(user)?;
    }
    inherit_only(inherited)?;
    // SAFETY: these options take plain numbers.
    unsafe {
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        // After the change of user, which clears it.
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
        // The parent may have died before the request: nobody would send the signal any more.
        if u32::try_from(libc::getppid()).ok() != Some(parent) {
            libc::_exit(1);
        }
    }
    Ok(())
}

fn become_user(user: &User) -> io::Result<()> {
    // SAFETY: the list is valid for its length; the other calls take numbers. Groups first: it needs root.
    unsafe {
        checked(libc::setgroups(user.groups.len(), user.groups.as_ptr()))?;
        checked(libc::setresgid(user.gid, user.gid, user.gid))?;
        checked(libc::setresuid(user.uid, user.uid, user.uid))
    }
}

fn inherit_only(inherited: &[RawFd]) -> io::Result<()> {
    // Some library may have left a descriptor open without close-on-exec. Before 5.11 the flag is unknown, and
    // there is nothing better to do than to trust the libraries.
    // SAFETY: close_range takes numbers; with this flag it only marks descriptors.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    for &fd in inherited {
        // SAFETY: F_SETFD takes a number; a bad descriptor is an error.
        checked(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
    }
    Ok(())
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
