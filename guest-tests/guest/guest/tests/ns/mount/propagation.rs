//! What a mount passes on and what it gets: private, shared, slave, both, unbindable, and the way from one to another.

use alloc::format;

use super::mountinfo;
use super::{
    BASE, COPY, IN, IN_MARK, OUT, OUT_MARK, bind, must_be_absent, must_exist, refused, set_propagation, stage,
};
use crate::files;
use crate::sys::{self, Errno, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::ns::way::Way;
use crate::tests::peer::Peer;
use crate::tests::scratch::{folder, marked_tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::mount_is_private", mount_is_private),
    ("ns::mount::unshare_makes_a_new_one", unshare_makes_a_new_one),
    ("ns::mount::clone3_makes_a_new_one", clone3_makes_a_new_one),
    ("ns::mount::shared_propagates_both_ways", shared_propagates_both_ways),
    ("ns::mount::slave_receives_and_never_sends", slave_receives_and_never_sends),
    ("ns::mount::unbindable_refuses_bind", unbindable_refuses_bind),
    ("ns::mount::slave_that_is_shared_passes_on", slave_that_is_shared_passes_on),
    ("ns::mount::made_private_is_cut_off_for_good", made_private_is_cut_off_for_good),
    ("ns::mount::recursive_change_reaches_submounts", recursive_change_reaches_submounts),
    ("ns::mount::bind_of_shared_joins_its_group", bind_of_shared_joins_its_group),
    ("ns::mount::mountinfo_names_peer_groups", mountinfo_names_peer_groups),
    ("ns::mount::propagate_from_names_a_far_master", propagate_from_names_a_far_master),
    ("ns::mount::busy_copy_holds_the_original", busy_copy_holds_the_original),
    ("ns::mount::foreign_mount_is_made_private", foreign_mount_is_made_private),
    ("ns::mount::unmounted_one_cannot_be_shared", unmounted_one_cannot_be_shared),
];

fn must_see(mark: &str, whose: &str, side: &str) -> Check {
    ensure!(files::exists(mark), "the mount made {whose} is not seen {side}");
    Ok(())
}

fn must_not_see(mark: &str, whose: &str, side: &str) -> Check {
    ensure!(!files::exists(mark), "the mount made {whose} is seen {side}");
    Ok(())
}

/// A private mount point carries nothing in either direction, neither mounts nor their removal.
pub(crate) fn mount_is_private(_: &Ctx) -> Check {
    is_private(Way::Clone)
}

/// As by `clone`.
pub(crate) fn unshare_makes_a_new_one(_: &Ctx) -> Check {
    // By the other way, so that the guest's mounts stay as they are where this one does nothing.
    in_child(clone::NEWNS, || is_private(Way::Unshare))
}

/// As by `clone`.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    is_private(Way::Clone3)
}

fn is_private(way: Way) -> Check {
    stage(ms::PRIVATE)?;
    let peer = way.start(clone::NEWNS, |test| {
        marked_tmpfs(IN, "marker")?;
        must_see(IN_MARK, "inside", "inside")?;
        test.say("mounted");
        test.hear()?;
        must_not_see(OUT_MARK, "outside", "inside")?;
        sys::umount(BASE, sys::MNT_DETACH).or_fail("unmount inside what was there before")
    })?;
    peer.hear()?;
    must_not_see(IN_MARK, "inside", "outside")?;
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()?;
    must_see(OUT_MARK, "outside", "outside, after the inside has unmounted its copy")
}

/// Mounts and unmounts under a shared mount show in both namespaces, and one beside it stays where it was made.
pub(crate) fn shared_propagates_both_ways(_: &Ctx) -> Check {
    const BESIDE: &str = "/tmp/beside";
    stage(ms::SHARED)?;
    folder(BESIDE)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs(BESIDE, "marker")?;
        marked_tmpfs(IN, "marker")?;
        test.say("mounted");
        test.hear()?;
        must_see(OUT_MARK, "outside", "inside")?;
        sys::umount(OUT, 0).or_fail("unmount inside what was mounted outside")
    })?;
    peer.hear()?;
    must_see(IN_MARK, "inside", "outside")?;
    must_not_see("/tmp/beside/marker", "inside, beside the shared one,", "outside")?;
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()?;
    must_not_see(OUT_MARK, "outside", "outside, though it was unmounted inside")
}

/// A slave gets its master's mounts and unmounts and sends nothing back.
pub(crate) fn slave_receives_and_never_sends(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        set_propagation(BASE, ms::SLAVE)?;
        marked_tmpfs(IN, "marker")?;
        test.say("mounted");
        test.hear()?;
        must_see(OUT_MARK, "by the master", "by the slave")?;
        test.say("seen");
        test.hear()?;
        must_not_see(OUT_MARK, "by the master and unmounted there", "by the slave")?;
        must_see(IN_MARK, "by the slave", "by the slave")
    })?;
    peer.hear()?;
    must_not_see(IN_MARK, "by the slave", "by the master")?;
    marked_tmpfs(OUT, "marker")?;
    peer.ask("mounted")?;
    sys::umount(OUT, 0).or_fail("unmount by the master")?;
    peer.say("unmounted");
    peer.finish()
}

fn bind_copy(flags: usize) -> Result<(), Errno> {
    sys::mount(BASE, COPY, "", ms::BIND | flags, "")
}

/// An unbindable mount is EINVAL to bind and is left out of a recursive bind; made private it can be bound.
pub(crate) fn unbindable_refuses_bind(_: &Ctx) -> Check {
    stage(ms::UNBINDABLE)?;
    match bind_copy(0) {
        Err(Errno::EINVAL) => {}
        Ok(()) => fail!("an unbindable mount was bound"),
        Err(errno) => fail!("bind of an unbindable mount: {errno}, not EINVAL"),
    }
    set_propagation(BASE, ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    set_propagation(IN, ms::UNBINDABLE)?;
    marked_tmpfs(OUT, "marker")?;
    bind_copy(ms::REC).or_fail("bind of a private mount, recursive")?;
    ensure!(files::exists("/tmp/copy/out/marker"), "a recursive bind left out a private mount");
    ensure!(!files::exists("/tmp/copy/in/marker"), "a recursive bind took an unbindable mount along");
    Ok(())
}

/// What a slave gets it hands on to its own peers, and theirs never reach the master.
pub(crate) fn slave_that_is_shared_passes_on(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let slave = Peer::start(clone::NEWNS, |test| {
        set_propagation(BASE, ms::SLAVE)?;
        set_propagation(BASE, ms::SHARED)?;
        let peer = Peer::start(clone::NEWNS, |slave| {
            slave.say("born");
            slave.hear()?;
            must_see(OUT_MARK, "by the master", "by the slave's peer")?;
            marked_tmpfs(IN, "marker")?;
            slave.say("mounted");
            slave.hear().map(drop)
        })?;
        peer.hear()?;
        test.say("born");
        test.hear()?;
        must_see(OUT_MARK, "by the master", "by the slave")?;
        peer.ask("look")?;
        must_see(IN_MARK, "by the slave's peer", "by the slave")?;
        test.say("seen");
        test.hear()?;
        peer.say("go");
        peer.finish()
    })?;
    slave.hear()?;
    marked_tmpfs(OUT, "marker")?;
    slave.ask("mounted")?;
    must_not_see(IN_MARK, "by the slave's peer", "by the master")?;
    slave.say("go");
    slave.finish()
}

/// Made private a mount gets nothing more; shared again it is a group of its own and still gets nothing.
pub(crate) fn made_private_is_cut_off_for_good(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        must_see(OUT_MARK, "outside", "inside while shared")?;
        set_propagation(BASE, ms::PRIVATE)?;
        test.say("private");
        test.hear()?;
        must_see(OUT_MARK, "outside and unmounted there after the cut", "inside, where it has to stay")?;
        set_propagation(BASE, ms::SHARED)?;
        test.say("shared");
        test.hear()?;
        must_not_see(IN_MARK, "outside, in another group", "inside")
    })?;
    peer.hear()?;
    marked_tmpfs(OUT, "marker")?;
    peer.ask("mounted")?;
    sys::umount(OUT, 0).or_fail("unmount outside")?;
    peer.ask("unmounted")?;
    marked_tmpfs(IN, "marker")?;
    peer.say("mounted");
    peer.finish()
}

/// With `MS_REC` what is mounted below changes too, without it only the one.
pub(crate) fn recursive_change_reaches_submounts(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    set_propagation(BASE, ms::SHARED)?;
    let shared = |at| Ok::<_, Stop>(mountinfo::at("self", at)?.tag("shared").is_some());
    ensure!(
        shared(BASE)? && !shared(IN)?,
        "without MS_REC both of a mount and the one below it became shared, or none"
    );
    set_propagation(BASE, ms::SHARED | ms::REC)?;
    ensure!(shared(IN)?, "MS_REC did not make the mount below shared");
    folder("/tmp/base/in/deep")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs("/tmp/base/in/deep", "marker")?;
        test.say("mounted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    must_see("/tmp/base/in/deep/marker", "inside, under the mount below", "outside")?;
    peer.say("go");
    peer.finish()
}

/// A bind of a shared mount is in the same group: what is mounted under either shows under both.
pub(crate) fn bind_of_shared_joins_its_group(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    bind(BASE, COPY)?;
    marked_tmpfs(IN, "marker")?;
    must_see("/tmp/copy/in/marker", "under the original", "under the bind")?;
    marked_tmpfs("/tmp/copy/out", "marker")?;
    must_see(OUT_MARK, "under the bind", "under the original")?;
    sys::umount("/tmp/copy/in", 0).or_fail("unmount under the bind")?;
    must_not_see(IN_MARK, "under the original and unmounted under the bind", "under the original")
}

/// `shared:N` is the same number on both sides, a slave's `master:N` is its master's, and private has no number.
pub(crate) fn mountinfo_names_peer_groups(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let private = mountinfo::at("self", BASE)?;
    ensure!(private.tags.is_empty(), "a private mount has the tags {:?}", private.tags);
    set_propagation(BASE, ms::SHARED)?;
    let shared = mountinfo::at("self", BASE)?;
    let Some(group) = shared.tag("shared") else { fail!("a shared mount has the tags {:?}", shared.tags) };
    let peer = Peer::start(clone::NEWNS, |test| {
        let copy = mountinfo::at("self", BASE)?;
        ensure!(copy.tag("shared") == Some(group), "its copy has {:?}, not shared:{group}", copy.tags);
        set_propagation(BASE, ms::SLAVE)?;
        let slave = mountinfo::at("self", BASE)?;
        let ok = slave.tag("master") == Some(group) && slave.tag("shared").is_none();
        ensure!(ok, "the slave of group {group} has the tags {:?}", slave.tags);
        set_propagation(BASE, ms::SHARED)?;
        let both = mountinfo::at("self", BASE)?;
        let ok = both.tag("master") == Some(group) && both.tag("shared").is_some_and(|own| own != group);
        ensure!(ok, "the slave of group {group}, itself shared, has the tags {:?}", both.tags);
        test.say("looked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let seen = mountinfo::at(&format!("{}", peer.pid()), BASE)?;
    ensure!(seen.tag("master") == Some(group), "from outside the slave has the tags {:?}", seen.tags);
    peer.say("go");
    peer.finish()?;
    set_propagation(BASE, ms::UNBINDABLE)?;
    let tags = mountinfo::at("self", BASE)?.tags;
    ensure!(tags.iter().any(|tag| tag == "unbindable") && tags.len() == 1, "an unbindable mount has the tags {tags:?}");
    Ok(())
}

/// Where the master is in another namespace, `propagate_from` names the nearest group in this one that feeds it.
pub(crate) fn propagate_from_names_a_far_master(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let shared = mountinfo::at("self", BASE)?;
    let Some(first) = shared.tag("shared") else { fail!("a shared mount has the tags {:?}", shared.tags) };
    let middle = Peer::start(clone::NEWNS, |test| {
        bind(BASE, COPY)?;
        set_propagation(BASE, ms::SLAVE)?;
        set_propagation(BASE, ms::SHARED)?;
        let both = mountinfo::at("self", BASE)?;
        let Some(second) = both.tag("shared") else { fail!("a slave made shared has the tags {:?}", both.tags) };
        let last = Peer::start(clone::NEWNS, |middle| {
            set_propagation(BASE, ms::SLAVE)?;
            let tags = mountinfo::at("self", BASE)?;
            let ok = tags.tag("master") == Some(second) && tags.tag("propagate_from") == Some(first);
            ensure!(ok, "{:?} at the end of {first}, {second}", tags.tags);
            middle.say("looked");
            middle.hear()?;
            must_see(OUT_MARK, "by the first master", "at the end of the chain")
        })?;
        last.hear()?;
        test.say("looked");
        test.hear()?;
        last.say("mounted");
        last.finish()
    })?;
    middle.hear()?;
    marked_tmpfs(OUT, "marker")?;
    middle.say("mounted");
    middle.finish()
}

/// An open file in a copy that a mount has passed on makes its unmounting `EBUSY`; closed, all copies go.
pub(crate) fn busy_copy_holds_the_original(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        let file = sys::open(OUT_MARK, open::RDONLY, 0).or_fail("open a file in the copy")?;
        test.say("open");
        test.hear()?;
        must_see(OUT_MARK, "outside", "inside, after a refused unmount")?;
        drop(file);
        test.say("closed");
        test.hear()?;
        must_not_see(OUT_MARK, "outside and unmounted there", "inside")
    })?;
    peer.hear()?;
    marked_tmpfs(OUT, "marker")?;
    peer.ask("mounted")?;
    refused(sys::umount(OUT, 0), Errno::EBUSY, "unmount while a file is open in the copy")?;
    must_see(OUT_MARK, "outside", "outside, after a refused unmount")?;
    peer.ask("refused")?;
    sys::umount(OUT, 0).or_fail("unmount when no copy is in use")?;
    peer.say("unmounted");
    peer.finish()
}

/// A mount of another namespace, reached through `/proc/PID/root`, is made private there: CRIU does that.
pub(crate) fn foreign_mount_is_made_private(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        let tags = mountinfo::at("self", BASE)?.tags;
        ensure!(tags.is_empty(), "the mount that was made private from outside has the tags {tags:?}");
        must_not_see(OUT_MARK, "outside", "inside, where the mount was made private")
    })?;
    peer.hear()?;
    let there = format!("/proc/{}/root{BASE}", peer.pid());
    let folder = sys::open(&there, open::RDONLY | open::DIRECTORY, 0).or_fail(&format!("open {there}"))?;
    let link = format!("/proc/self/fd/{}", folder.raw());
    sys::mount("", &link, "", ms::PRIVATE, "").or_fail("make a mount of another namespace private")?;
    drop(folder);
    let here = mountinfo::at("self", BASE)?;
    ensure!(here.tag("shared").is_some(), "the mount here has the tags {:?} after the one there changed", here.tags);
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()
}

/// A mount that is in no namespace any more is `EINVAL` to change.
pub(crate) fn unmounted_one_cannot_be_shared(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let folder = sys::open(IN, open::RDONLY | open::DIRECTORY, 0).or_fail("open the mount")?;
    let link = format!("/proc/self/fd/{}", folder.raw());
    sys::mount("", &link, "", ms::SHARED, "").or_fail("make it shared while it is mounted")?;
    must_exist(IN_MARK, "before it is detached")?;
    sys::umount(IN, sys::MNT_DETACH).or_fail("umount2(MNT_DETACH)")?;
    must_be_absent(IN_MARK, "after it is detached")?;
    refused(sys::mount("", &link, "", ms::SHARED, ""), Errno::EINVAL, "make a detached mount shared")
}
