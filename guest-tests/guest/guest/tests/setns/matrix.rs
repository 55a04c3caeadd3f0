//! Each kind of namespace by each way in: its file, a descriptor or a bind mount that outlives its owner, a pidfd.

use alloc::format;

use super::kinds::{self, CGROUP, IPC, Kind, MNT, NET, NO_CHILD, Owner, PID, TIME, USER, UTS, stage};
use super::{enter, namespace};
use crate::files;
use crate::sys::{self, Fd, ms, open};
use crate::test_api::{Check, Entry, OrStop as _, Stop, in_child};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("setns::uts_is_entered_by_file", |_| by_file(&UTS)),
    ("setns::ipc_is_entered_by_file", |_| by_file(&IPC)),
    ("setns::net_is_entered_by_file", |_| by_file(&NET)),
    ("setns::mnt_is_entered_by_file", |_| by_file(&MNT)),
    ("setns::pid_is_entered_by_file", |_| by_file(&PID)),
    ("setns::user_is_entered_by_file", |_| by_file(&USER)),
    ("setns::cgroup_is_entered_by_file", |_| by_file(&CGROUP)),
    ("setns::time_is_entered_by_file", |_| by_file(&TIME)),
    ("setns::uts_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&UTS)),
    ("setns::ipc_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&IPC)),
    ("setns::net_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&NET)),
    ("setns::mnt_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&MNT)),
    ("setns::pid_has_no_children_when_its_init_is_dead", |_| without_init(by_fd_of_the_dead(&PID))),
    ("setns::user_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&USER)),
    ("setns::cgroup_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&CGROUP)),
    ("setns::time_is_entered_when_its_owner_is_dead", |_| by_fd_of_the_dead(&TIME)),
    ("setns::uts_is_entered_by_a_bind_mount", |_| by_bind_mount(&UTS)),
    ("setns::ipc_is_entered_by_a_bind_mount", |_| by_bind_mount(&IPC)),
    ("setns::net_is_entered_by_a_bind_mount", |_| by_bind_mount(&NET)),
    ("setns::mnt_is_entered_by_a_bind_mount", |_| by_bind_mount(&MNT)),
    ("setns::pid_by_a_bind_mount_needs_its_init", |_| without_init(by_bind_mount(&PID))),
    ("setns::user_is_entered_by_a_bind_mount", |_| by_bind_mount(&USER)),
    ("setns::cgroup_is_entered_by_a_bind_mount", |_| by_bind_mount(&CGROUP)),
    ("setns::time_is_entered_by_a_bind_mount", |_| by_bind_mount(&TIME)),
    ("setns::uts_is_entered_by_pidfd", |_| by_pidfd(&UTS)),
    ("setns::ipc_is_entered_by_pidfd", |_| by_pidfd(&IPC)),
    ("setns::net_is_entered_by_pidfd", |_| by_pidfd(&NET)),
    ("setns::mnt_is_entered_by_pidfd", |_| by_pidfd(&MNT)),
    ("setns::pid_is_entered_by_pidfd", |_| by_pidfd(&PID)),
    ("setns::user_is_entered_by_pidfd", |_| by_pidfd(&USER)),
    ("setns::cgroup_is_entered_by_pidfd", |_| by_pidfd(&CGROUP)),
    ("setns::time_is_entered_by_pidfd", |_| by_pidfd(&TIME)),
];

/// A child goes in and finds the mark; its parent has stayed where it was.
fn visit(kind: &Kind, door: &Fd, flag: usize) -> Check {
    in_child(0, || {
        enter(door, flag)?;
        ensure!((kind.seen)()?, "after setns({flag:#x}) the caller is not in the {} namespace it named", kind.file);
        Ok(())
    })?;
    ensure!(!(kind.seen)()?, "a child's setns took its parent along into the {} namespace", kind.file);
    Ok(())
}

/// By the file of a living process, with the type and without.
fn by_file(kind: &Kind) -> Check {
    stage(kind)?;
    let owner = Owner::start(kind)?;
    let door = namespace(owner.pid(), kind.file)?;
    visit(kind, &door, kind.flag)?;
    visit(kind, &door, 0)?;
    owner.end()
}

/// By a descriptor that was opened when the owner lived.
fn by_fd_of_the_dead(kind: &Kind) -> Check {
    stage(kind)?;
    let owner = Owner::start(kind)?;
    let door = namespace(owner.pid(), kind.file)?;
    owner.end()?;
    visit(kind, &door, kind.flag)
}

/// By a mount of the file, which is all that holds the namespace.
fn by_bind_mount(kind: &Kind) -> Check {
    const AT: &str = "/tmp/held";
    stage(kind)?;
    files::create(AT, "").or_fail("make a file to mount on")?;
    let owner = Owner::start(kind)?;
    let file = format!("/proc/{}/ns/{}", owner.pid(), kind.file);
    sys::mount(&file, AT, "", ms::BIND, "").or_fail(&format!("bind mount {file}"))?;
    owner.end()?;
    let door = sys::open(AT, open::RDONLY | open::CLOEXEC, 0).or_fail("open the mounted file")?;
    visit(kind, &door, kind.flag)
}

/// By the process itself (5.8).
fn by_pidfd(kind: &Kind) -> Check {
    stage(kind)?;
    let owner = Owner::start(kind)?;
    let pid = owner.pid().parse().map_err(|_| Stop::Fail(format!("`{}` is no PID", owner.pid())))?;
    let door = sys::pidfd_open(pid).or_absent("pidfd_open")?;
    visit(kind, &door, kind.flag)?;
    owner.end()
}

/// A PID namespace whose init is dead is entered, and takes no process any more: `ENOMEM`.
fn without_init(visited: Check) -> Check {
    match visited {
        Err(Stop::Fail(reason)) if reason == NO_CHILD => Ok(()),
        Ok(()) => fail!("a process was born into a PID namespace whose init is dead"),
        other => other,
    }
}

/// All kinds that this kernel has files for.
pub(super) fn at_hand() -> impl Iterator<Item = &'static Kind> {
    kinds::ALL.iter().filter(|kind| files::exists(&format!("/proc/self/ns/{}", kind.file)))
}
