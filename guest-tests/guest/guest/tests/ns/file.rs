//! `/proc/PID/ns`: which files there are, what they say of a namespace, and that they keep it alive.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, Fd, S_IFMT, S_IFREG, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::ns::uts::{hostname, set_hostname};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::file::there_are_none_before_3_0", there_are_none_before_3_0),
    ("ns::file::there_is_one_of_each_kind", there_is_one_of_each_kind),
    ("ns::file::is_plain_before_3_8", is_plain_before_3_8),
    ("ns::file::link_names_the_namespace", link_names_the_namespace),
    ("ns::file::open_file_keeps_the_namespace", open_file_keeps_the_namespace),
    ("ns::file::bind_mount_keeps_the_namespace", bind_mount_keeps_the_namespace),
];

/// What the link says of a process's namespace (3.8): `uts:[4026531838]`.
pub(crate) fn link(process: &str, kind: &str) -> Result<String, Stop> {
    let path = format!("/proc/{process}/ns/{kind}");
    match sys::readlink(&path) {
        Err(Errno::ENOENT) => Err(Stop::Absent(format!("readlink {path}: ENOENT"))),
        other => other.or_fail(&format!("readlink {path}")),
    }
}

/// The namespace of a process, opened (3.0).
pub(crate) fn opened(process: &str, kind: &str) -> Result<Fd, Stop> {
    let path = format!("/proc/{process}/ns/{kind}");
    match sys::open(&path, open::RDONLY | open::CLOEXEC, 0) {
        Err(Errno::ENOENT) => Err(Stop::Absent(format!("open {path}: ENOENT"))),
        other => other.or_fail(&format!("open {path}")),
    }
}

/// Before 3.0 a process has no such folder, and its other files are there.
pub(crate) fn there_are_none_before_3_0(_: &Ctx) -> Check {
    ensure!(files::exists("/proc/self/status"), "there is no /proc/self/status");
    let looked = sys::access("/proc/self/ns");
    ensure!(looked == Err(Errno::ENOENT), "/proc/self/ns before 3.0: {looked:?}, not ENOENT");
    Ok(())
}

/// The kinds that came later than 3.0, by the oddity that says a kernel does not have them yet.
const LATER: &[(&str, &[&str])] = &[
    ("no_mnt_pid_user", &["mnt", "pid", "user"]),
    ("no_cgroup", &["cgroup"]),
    ("no_pid_for_children", &["pid_for_children"]),
    ("no_time", &["time", "time_for_children"]),
];

/// There is a file for each kind of namespace that this version has, each can be opened, and no other.
pub(crate) fn there_is_one_of_each_kind(ctx: &Ctx) -> Check {
    let mut expected = Vec::from(["ipc", "net", "uts"]);
    for (oddity, kinds) in LATER {
        if !ctx.expects(oddity) {
            expected.extend_from_slice(kinds);
        }
    }
    expected.sort_unstable();
    let mut found = sys::list("/proc/self/ns").or_fail("list /proc/self/ns")?;
    found.sort_unstable();
    ensure!(found == expected, "/proc/self/ns has {found:?}, not {expected:?}");
    found.iter().try_for_each(|kind| opened("self", kind).map(drop))
}

/// From 3.0 to 3.7 it is a plain file without a target.
pub(crate) fn is_plain_before_3_8(_: &Ctx) -> Check {
    let file = sys::lstat("/proc/self/ns/uts").or_fail("lstat /proc/self/ns/uts")?;
    ensure!(file.mode & S_IFMT == S_IFREG, "/proc/self/ns/uts has the mode {:o}, not a plain file's", file.mode);
    let target = sys::readlink("/proc/self/ns/uts");
    ensure!(target == Err(Errno::EINVAL), "readlink of a plain file: {target:?}, not EINVAL");
    opened("self", "uts").map(drop)
}

/// One namespace is one name and inode whoever looks, two namespaces are two; the name holds kind and inode.
pub(crate) fn link_names_the_namespace(_: &Ctx) -> Check {
    const KINDS: &[(&str, usize)] = &[("uts", clone::NEWUTS), ("ipc", clone::NEWIPC), ("mnt", clone::NEWNS)];
    for (kind, flag) in KINDS {
        let own = link("self", kind)?;
        let inode = sys::stat(&format!("/proc/self/ns/{kind}")).or_fail("stat the file of a namespace")?.ino;
        ensure!(own == format!("{kind}:[{inode}]"), "the link of {kind} is `{own}` and its inode {inode}");
        for (flags, same) in [(0, true), (*flag, false)] {
            let peer = Peer::start(flags, |test| {
                test.say(&link("self", kind)?);
                test.hear().map(drop)
            })?;
            let inner = peer.hear()?;
            ensure!((inner == own) == same, "a child made with {flags:#x} is in `{inner}` and its parent in `{own}`");
            let outer = link(&peer.pid().to_string(), kind)?;
            ensure!(inner == outer, "a namespace is `{inner}` to the one in it and `{outer}` to its parent");
            peer.say("go");
            peer.finish()?;
        }
    }
    Ok(())
}

/// A process in a UTS namespace named `kept`, and then that namespace held by `hold` and by no process.
fn only_held_by<T>(hold: impl FnOnce(&str) -> Result<T, Stop>) -> Result<T, Stop> {
    let peer = Peer::start(clone::NEWUTS, |test| {
        set_hostname("kept")?;
        test.say("named");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let held = hold(&format!("/proc/{}/ns/uts", peer.pid()))?;
    peer.say("go");
    peer.finish()?;
    // Another one, so that memory that was given back would be in use.
    let other = Peer::start(clone::NEWUTS, |_| set_hostname("other"))?;
    other.finish()?;
    Ok(held)
}

/// Goes there, finds the name, changes it, comes back.
fn must_be_kept(file: &Fd, name: &str, next: &str) -> Check {
    let own = opened("self", "uts")?;
    let outside = hostname()?;
    sys::setns(file, clone::NEWUTS).or_absent("setns into the namespace that was kept")?;
    let found = hostname()?;
    ensure!(found == name, "in the namespace that was kept the host name is `{found}`, not `{name}`");
    set_hostname(next)?;
    sys::setns(&own, 0).or_fail("setns back")?;
    let back = hostname()?;
    ensure!(back == outside, "after the way back the host name is `{back}`, not `{outside}`");
    Ok(())
}

/// A namespace without a process lives as long as its file is open.
pub(crate) fn open_file_keeps_the_namespace(_: &Ctx) -> Check {
    let file = only_held_by(|path| sys::open(path, open::RDONLY | open::CLOEXEC, 0).or_fail("open the file"))?;
    must_be_kept(&file, "kept", "changed")?;
    must_be_kept(&file, "changed", "again")
}

/// A namespace without a process lives as long as its file is mounted somewhere, and is entered by that.
pub(crate) fn bind_mount_keeps_the_namespace(_: &Ctx) -> Check {
    const AT: &str = "/tmp/kept";
    scratch::own_mounts()?;
    files::create(AT, "").or_fail("make a file to mount on")?;
    only_held_by(|path| sys::mount(path, AT, "", ms::BIND, "").or_fail("bind mount the file of a namespace"))?;
    let held = || sys::open(AT, open::RDONLY | open::CLOEXEC, 0).or_fail("open the mounted file");
    must_be_kept(&held()?, "kept", "changed")?;
    must_be_kept(&held()?, "changed", "again")?;
    sys::umount(AT, 0).or_fail("umount the file of a namespace")?;
    let entered = sys::setns(&held()?, 0);
    ensure!(entered == Err(Errno::EINVAL), "setns by the plain file below the mount: {entered:?}, not EINVAL");
    Ok(())
}
