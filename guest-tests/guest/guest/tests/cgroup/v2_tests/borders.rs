//! Who may do what: delegation to a user, delegation by namespace, and what a cgroup namespace shows.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::super::{Group, v2};
use super::{path_of, refuses};
use crate::files;
use crate::sys::{self, Errno, clone, ms, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::peer::{Link, Peer};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::borders::user_rules_a_delegated_subtree", user_rules_a_delegated_subtree),
    ("cgroup2::borders::user_cannot_move_out", user_cannot_move_out),
    ("cgroup2::borders::opener_must_have_the_right_to_move", opener_must_have_the_right_to_move),
    ("cgroup2::borders::nsdelegate_closes_the_namespace", nsdelegate_closes_the_namespace),
    ("cgroup2::borders::namespace_shows_paths_from_its_root", namespace_shows_paths_from_its_root),
];

const USER: u32 = 1000;

/// What makes a subtree a user's: the folder and the files to move processes and hand controllers on by.
fn delegate(group: &Group) -> Check {
    for name in ["", "/cgroup.procs", "/cgroup.subtree_control"] {
        let path = format!("{}{name}", group.path);
        sys::chown(&path, USER, USER).or_fail(&format!("chown {path}"))?;
    }
    Ok(())
}

/// A group that the user makes, for this side to remove.
fn below(group: &Group) -> Group {
    Group { path: group.file("below"), members: "cgroup.procs" }
}

fn become_user() -> Check {
    sys::setgid(USER).or_fail("setgid")?;
    sys::setuid(USER).or_fail("setuid")
}

/// A process in the group that is the user's, for what is said next.
fn user_in(group: &Group, body: impl FnOnce(&Link) -> Check) -> Check {
    let peer = Peer::start(0, |link| {
        group.join()?;
        become_user()?;
        body(link)
    })?;
    peer.finish()
}

/// A user whom a subtree was given makes groups in it, moves within it and hands controllers on; its limits stay.
fn user_rules_a_delegated_subtree(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let group = root.child("kr-delegated")?;
    delegate(&group)?;
    let made = below(&group);
    user_in(&group, |_| {
        sys::mkdir(&made.path, 0o755).or_fail("mkdir in a delegated group as its user")?;
        made.set("cgroup.procs", &sys::getpid().to_string())?;
        let path = path_of("self")?;
        ensure!(path == "/kr-delegated/below", "a user that moved down is in `{path}`");
        group.set("cgroup.subtree_control", "+pids")?;
        made.set("pids.max", "7")?;
        refuses(&group, "pids.max", "max", Errno::EACCES, "of the delegated group itself, by its user")
    })?;
    let limit = made.get("pids.max")?;
    ensure!(limit == "7", "pids.max that the user set to 7 is {limit}");
    group.set("cgroup.subtree_control", "-pids")
}

/// A user moves no process out of its subtree, not even into a group whose `cgroup.procs` anyone may write: `EACCES`.
fn user_cannot_move_out(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (group, outside) = (root.child("kr-delegated")?, root.child("kr-outside")?);
    delegate(&group)?;
    sys::chmod(&outside.file("cgroup.procs"), 0o666).or_fail("chmod cgroup.procs")?;
    user_in(&group, |_| {
        let own = sys::getpid().to_string();
        refuses(&outside, "cgroup.procs", &own, Errno::EACCES, "of a group outside the user's subtree")?;
        refuses(&root, "cgroup.procs", &own, Errno::EACCES, "of the root by a user")?;
        let path = path_of("self")?;
        ensure!(path == "/kr-delegated", "a user that could not move out is in `{path}`");
        Ok(())
    })
}

/// Who opened `cgroup.procs` needs the right to move, whoever writes (CVE-2021-4197, e57457641613).
fn opener_must_have_the_right_to_move(_: &Ctx) -> Check {
    const UNCHANGED: usize = u32::MAX as usize;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (group, outside) = (root.child("kr-delegated")?, root.child("kr-outside")?);
    delegate(&group)?;
    sys::chmod(&outside.file("cgroup.procs"), 0o666).or_fail("chmod cgroup.procs")?;
    let peer = Peer::start(0, |_| {
        group.join()?;
        let effective = |uid: u32| sys::plain(nr::SETRESUID, [UNCHANGED, uid as usize, UNCHANGED]);
        effective(USER).or_fail("setresuid to the user")?;
        let file = sys::open(&outside.file("cgroup.procs"), open::WRONLY | open::CLOEXEC, 0).or_fail("open as user")?;
        effective(0).or_fail("setresuid back to root")?;
        let moved = sys::write(&file, sys::getpid().to_string().as_bytes()).map(drop);
        let path = path_of("self")?;
        ensure!(
            moved == Err(Errno::EACCES),
            "root moved a process by a file that a user opened: {moved:?}, not EACCES"
        );
        ensure!(path == "/kr-delegated", "a process that could not be moved is in `{path}`");
        outside.set("cgroup.procs", &sys::getpid().to_string())
    })?;
    peer.finish()
}

/// The hierarchy without the option again, since that is for all mounts of it.
struct Undelegated;

impl Drop for Undelegated {
    fn drop(&mut self) {
        let _ = options("");
    }
}

fn options(words: &str) -> Result<(), Errno> {
    sys::mount("", v2::AT, "", ms::REMOUNT, words)
}

/// With `nsdelegate` root of a cgroup namespace cannot turn its own root's limits nor move out; without it it can.
fn nsdelegate_closes_the_namespace(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let (group, outside) = (root.child("kr-inside")?, root.child("kr-outside")?);
    let _after = Undelegated;
    let peer = Peer::start(0, |link| {
        group.join()?;
        sys::unshare(clone::NEWCGROUP).or_fail("unshare(CLONE_NEWCGROUP)")?;
        group.set("pids.max", "50")?;
        outside.join()?;
        group.join()?;
        link.say("moved freely");
        link.hear()?;
        refuses(&group, "pids.max", "60", Errno::EPERM, "of the namespace's root")?;
        let own = sys::getpid().to_string();
        refuses(&outside, "cgroup.procs", &own, Errno::ENOENT, "of a group outside the namespace")
    })?;
    peer.hear()?;
    options("nsdelegate").or_absent("remount with nsdelegate")?;
    peer.say("go");
    peer.finish()?;
    let limit = group.get("pids.max")?;
    ensure!(limit == "50", "pids.max is {limit} after 50 was set and 60 refused");
    group.set("pids.max", "70")
}

/// In a cgroup namespace own paths begin at its root, others lead out of it by `..`, and a child's is below.
fn namespace_shows_paths_from_its_root(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (top, other) = (root.child("kr-top")?, root.child("kr-other")?);
    let deep = top.child("deep")?;
    let outsider = super::resident(&other)?;
    let pid = outsider.pid().to_string();
    let peer = Peer::start(0, |link| {
        top.join()?;
        sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
        deep.join()?;
        let (own, others): (String, String) = (path_of("self")?, path_of(&pid)?);
        ensure!(own == "/deep", "inside, a process below the root is in `{own}`, not in `/deep`");
        ensure!(others == "/../kr-other", "inside, a process of a sibling is in `{others}`, not in `/../kr-other`");
        link.say("looked");
        link.hear().map(drop)
    })?;
    peer.hear()?;
    let seen = path_of(&peer.pid().to_string())?;
    ensure!(seen == "/kr-top/deep", "outside, the process is in `{seen}`, not in `/kr-top/deep`");
    let text = files::read_text(&deep.file("cgroup.procs")).or_fail("read cgroup.procs")?;
    ensure!(text.trim() == peer.pid().to_string(), "cgroup.procs of the group lists {text:?}");
    peer.say("go");
    peer.finish()
}
