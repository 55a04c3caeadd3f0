//! Cgroup namespaces: the root that /proc/PID/cgroup shows.

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::files;
use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::cgroup::v2;
use crate::tests::ns::way::Way;
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::cgroup::own_cgroup_is_the_root", own_cgroup_is_the_root),
    ("ns::cgroup::clone_starts_at_the_creators", clone_starts_at_the_creators),
    ("ns::cgroup::clone3_starts_at_the_creators", clone3_starts_at_the_creators),
    ("ns::cgroup::moved_out_shows_dots", moved_out_shows_dots),
    ("ns::cgroup::mountinfo_shows_the_subtree", mountinfo_shows_the_subtree),
];

/// The path of a process in the v2 hierarchy as /proc shows it to this one.
fn path_of(process: &str) -> Result<String, Stop> {
    let text = files::read_text(&format!("/proc/{process}/cgroup")).or_fail(&format!("read /proc/{process}/cgroup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"));
    line.map(|path| path.to_string())
        .ok_or_else(|| Stop::Fail(format!("no line of the v2 hierarchy in /proc/{process}/cgroup: {text:?}")))
}

/// Inside a cgroup namespace its own cgroup is `/` and a mount shows just its subtree; outside the path is whole.
pub(crate) fn own_cgroup_is_the_root(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-cgroupns")?;
    let peer = Peer::start(0, |test| {
        group.join()?;
        let before = path_of("self")?;
        ensure!(before == "/kr-cgroupns", "before unshare the own cgroup is `{before}`");
        sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
        let (own, outer) = (path_of("self")?, path_of("1")?);
        ensure!(own == "/", "inside the own cgroup shows as `{own}`, not `/`");
        ensure!(outer == "/..", "inside the cgroup of PID 1 shows as `{outer}`, not `/..`");
        mount_shows_the_subtree()?;
        test.say("looked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let (from_outside, own) = (path_of(&peer.pid().to_string())?, path_of("self")?);
    ensure!(from_outside == "/kr-cgroupns", "outside the cgroup inside shows as `{from_outside}`");
    ensure!(own == "/", "the test's own cgroup shows as `{own}` after a child's unshare");
    peer.say("go");
    peer.finish()
}

/// A mount made inside has the namespace's root for its root, which holds this process and no other folder.
fn mount_shows_the_subtree() -> Check {
    sys::unshare(clone::NEWNS).or_fail("unshare(CLONE_NEWNS) inside")?;
    scratch::folder("/tmp/inside")?;
    sys::mount("cgroup2", "/tmp/inside", "cgroup2", 0, "").or_fail("mount cgroup2 inside")?;
    ensure!(!files::exists("/tmp/inside/kr-cgroupns"), "a mount made inside shows the whole hierarchy");
    let members = files::read_text("/tmp/inside/cgroup.procs").or_fail("read cgroup.procs inside")?;
    let own = sys::getpid();
    ensure!(members.trim() == own.to_string(), "the root inside holds {members:?}, not just process {own}");
    Ok(())
}

/// Born in a new namespace by `way`: its root is the cgroup of its creator, whatever it joins later.
fn starts_at_the_creators(way: Way) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-creator")?;
    let below = group.child("below")?;
    let creator = Peer::start(0, |test| {
        group.join()?;
        let child = way.start(clone::NEWCGROUP, |link| {
            let own = path_of("self")?;
            ensure!(own == "/", "a process born in a new cgroup namespace shows its cgroup as `{own}`, not `/`");
            below.join()?;
            let own = path_of("self")?;
            ensure!(own == "/below", "after a move one down the own cgroup is `{own}`, not `/below`");
            link.say("moved");
            link.hear().map(drop)
        })?;
        child.hear()?;
        let (own, other) = (path_of("self")?, path_of(&child.pid().to_string())?);
        ensure!(own == "/kr-creator", "the creator's own cgroup shows as `{own}`");
        ensure!(other == "/kr-creator/below", "to its creator the child's cgroup is `{other}`");
        child.say("go");
        child.finish()?;
        test.say("done");
        Ok(())
    })?;
    creator.hear()?;
    creator.finish()
}

/// By `clone`.
pub(crate) fn clone_starts_at_the_creators(_: &Ctx) -> Check {
    starts_at_the_creators(Way::Clone)
}

/// By `clone3`.
pub(crate) fn clone3_starts_at_the_creators(_: &Ctx) -> Check {
    starts_at_the_creators(Way::Clone3)
}

/// A process that is moved out of its namespace's root sees its cgroup by the way up.
pub(crate) fn moved_out_shows_dots(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (group, other) = (root.child("kr-inside")?, root.child("kr-other")?);
    let peer = Peer::start(0, |test| {
        group.join()?;
        sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
        test.say("inside");
        test.hear()?;
        let own = path_of("self")?;
        ensure!(own == "/../kr-other", "moved to a sibling the own cgroup is `{own}`, not `/../kr-other`");
        test.say("looked");
        test.hear()?;
        let own = path_of("self")?;
        ensure!(own == "/", "moved back the own cgroup is `{own}`, not `/`");
        Ok(())
    })?;
    peer.hear()?;
    let pid = peer.pid().to_string();
    other.set("cgroup.procs", &pid)?;
    peer.ask("moved")?;
    group.set("cgroup.procs", &pid)?;
    peer.say("moved back");
    peer.finish()
}

/// The root field of a mount of the hierarchy in this process's mountinfo.
fn root_of_mount(at: &str) -> Result<String, Stop> {
    let text = files::read_text("/proc/self/mountinfo").or_fail("read /proc/self/mountinfo")?;
    let line = text.lines().map(|line| line.split(' ')).find(|words| words.clone().nth(4) == Some(at));
    let root = line.and_then(|mut words| words.nth(3)).map(|root| root.to_string());
    root.ok_or_else(|| Stop::Fail(format!("{at} is not in mountinfo")))
}

/// A mount made inside has the root `/` there and the cgroup's path outside; one made outside shows the way up.
pub(crate) fn mountinfo_shows_the_subtree(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    scratch::folder("/tmp/made-inside")?;
    let root = v2::mount()?;
    let group = root.child("kr-mount")?;
    let peer = Peer::start(0, |test| {
        group.join()?;
        sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
        sys::mount("cgroup2", "/tmp/made-inside", "cgroup2", 0, "").or_fail("mount cgroup2 inside")?;
        let (own, outer) = (root_of_mount("/tmp/made-inside")?, root_of_mount("/tmp/cgroup2")?);
        ensure!(own == "/", "inside the root of a mount made there is `{own}`, not `/`");
        ensure!(outer == "/..", "inside the root of a mount made outside is `{outer}`, not `/..`");
        test.say("mounted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let inner = root_of_mount("/tmp/made-inside")?;
    ensure!(inner == "/kr-mount", "outside the root of a mount made inside is `{inner}`, not `/kr-mount`");
    sys::umount("/tmp/made-inside", sys::MNT_DETACH).or_fail("umount")?;
    peer.say("go");
    peer.finish()
}
