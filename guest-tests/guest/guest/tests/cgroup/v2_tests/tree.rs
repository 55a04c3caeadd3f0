//! The tree itself: who gets which controller, where processes may be, what is told of it.

use alloc::format;
use alloc::string::ToString as _;

use super::super::load::{member, resident};
use super::super::{Group, eventually, v2};
use super::{lists, path_of, refuses};
use crate::files;
use crate::sys::{self, Errno, Fd, PollFd, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::tree::controllers_are_handed_down", controllers_are_handed_down),
    ("cgroup2::tree::enabling_needs_the_parent", enabling_needs_the_parent),
    ("cgroup2::tree::disabling_is_refused_while_a_child_uses_it", disabling_is_refused_while_a_child_uses_it),
    ("cgroup2::tree::no_internal_processes", no_internal_processes),
    ("cgroup2::tree::moving_in_is_refused_above_controllers", moving_in_is_refused_above_controllers),
    ("cgroup2::tree::populated_flips_up_to_the_root", populated_flips_up_to_the_root),
    ("cgroup2::tree::populated_is_polled", populated_is_polled),
    ("cgroup2::tree::populated_is_seen_by_inotify", populated_is_seen_by_inotify),
    ("cgroup2::tree::max_depth_refuses_mkdir", max_depth_refuses_mkdir),
    ("cgroup2::tree::max_descendants_refuses_mkdir", max_descendants_refuses_mkdir),
    ("cgroup2::tree::stat_counts_descendants", stat_counts_descendants),
    ("cgroup2::tree::rename_is_refused", rename_is_refused),
    ("cgroup2::tree::rmdir_needs_an_empty_group", rmdir_needs_an_empty_group),
    ("cgroup2::tree::proc_shows_the_path", proc_shows_the_path),
    ("cgroup2::tree::zombie_of_a_removed_group_shows_deleted", zombie_of_a_removed_group_shows_deleted),
];

const CONTROL: &str = "cgroup.subtree_control";

/// A group has the controllers, and the files, that its parent hands down, and loses them again.
fn controllers_are_handed_down(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let parent = root.child("kr-parent")?;
    let child = parent.child("child")?;
    let has = |group: &Group| -> Result<(bool, bool), crate::test_api::Stop> {
        Ok((lists(group, "cgroup.controllers", "pids")?, files::exists(&group.file("pids.max"))))
    };
    ensure!(
        has(&parent)? == (true, true),
        "the root hands pids down, its child has (listed, file) {:?}",
        has(&parent)?
    );
    ensure!(has(&child)? == (false, false), "pids is not handed down and (listed, file) are {:?}", has(&child)?);
    parent.set(CONTROL, "+pids")?;
    ensure!(has(&child)? == (true, true), "pids is handed down and (listed, file) are {:?}", has(&child)?);
    parent.set(CONTROL, "-pids")?;
    ensure!(has(&child)? == (false, false), "pids was taken back and (listed, file) are {:?}", has(&child)?);
    Ok(())
}

/// What the parent does not hand down cannot be enabled: `ENOENT`, and nothing is.
fn enabling_needs_the_parent(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let parent = root.child("kr-parent")?;
    let child = parent.child("child")?;
    refuses(&child, CONTROL, "+pids", Errno::ENOENT, "of a group whose parent does not hand it down")?;
    parent.set(CONTROL, "+pids")?;
    child.set(CONTROL, "+pids")?;
    ensure!(lists(&child, CONTROL, "pids")?, "pids was enabled and is not in {CONTROL}");
    Ok(())
}

/// A controller stays as long as a child hands it on: `EBUSY`.
fn disabling_is_refused_while_a_child_uses_it(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let parent = root.child("kr-parent")?;
    let child = parent.child("child")?;
    parent.set(CONTROL, "+pids")?;
    child.set(CONTROL, "+pids")?;
    refuses(&parent, CONTROL, "-pids", Errno::EBUSY, "while its child hands it on")?;
    ensure!(files::exists(&child.file("pids.max")), "the controller that could not be disabled is gone from the child");
    child.set(CONTROL, "-pids")?;
    parent.set(CONTROL, "-pids")
}

/// A group with processes cannot hand a domain controller down: `EBUSY`, till they are gone.
fn no_internal_processes(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let group = root.child("kr-inner")?;
    let leaf = group.child("leaf")?;
    let process = resident(&group)?;
    refuses(&group, CONTROL, "+memory", Errno::EBUSY, "with a process in the group")?;
    leaf.set("cgroup.procs", &process.pid().to_string())?;
    group.set(CONTROL, "+memory")?;
    ensure!(lists(&leaf, "cgroup.controllers", "memory")?, "memory was handed down and the leaf does not list it");
    process.ask("alive?").map(drop)
}

/// A process cannot be moved into a group that hands a domain controller down: `EBUSY`, and it stays where it was.
fn moving_in_is_refused_above_controllers(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (group, other) = (root.child("kr-inner")?, root.child("kr-other")?);
    group.set(CONTROL, "+memory")?;
    let process = resident(&other)?;
    let pid = process.pid().to_string();
    refuses(&group, "cgroup.procs", &pid, Errno::EBUSY, "of a group that hands memory down")?;
    let path = path_of(&pid)?;
    ensure!(path == "/kr-other", "a process that could not be moved is in `{path}`");
    group.set(CONTROL, "-memory")?;
    group.set("cgroup.procs", &pid)?;
    let path = path_of(&pid)?;
    ensure!(path == "/kr-inner", "a process that was moved is in `{path}`");
    Ok(())
}

fn populated(group: &Group, wanted: u64) -> Check {
    let so = eventually(3_000, || group.count("cgroup.events", "populated") == Some(wanted));
    ensure!(so, "{} says `{}`, not populated {wanted}", group.file("cgroup.events"), group.get("cgroup.events")?);
    Ok(())
}

/// `populated` is 1 in the group with the process and above it, 0 elsewhere and after its end.
fn populated_flips_up_to_the_root(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (parent, sibling) = (root.child("kr-parent")?, root.child("kr-sibling")?);
    let child = parent.child("child")?;
    populated(&parent, 0)?;
    populated(&child, 0)?;
    let process = resident(&child)?;
    populated(&child, 1)?;
    populated(&parent, 1)?;
    populated(&sibling, 0)?;
    drop(process);
    populated(&child, 0)?;
    populated(&parent, 0)
}

/// A poll of `cgroup.events` says so when `populated` changes, and only then.
fn populated_is_polled(_: &Ctx) -> Check {
    const POLLPRI: i16 = 2;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-watched")?;
    let events = sys::open(&group.file("cgroup.events"), open::RDONLY | open::CLOEXEC, 0).or_fail("cgroup.events")?;
    let look = |wait: i32| -> Result<bool, crate::test_api::Stop> {
        let mut one = [PollFd { fd: events.raw(), events: POLLPRI, revents: 0 }];
        let told = sys::poll(&mut one, wait).or_fail("poll")? > 0 && one[0].revents & POLLPRI != 0;
        sys::plain(nr::LSEEK, [sys::arg(events.raw()), 0, 0]).or_fail("lseek")?;
        files::read_to_end(&events).or_fail("read cgroup.events")?;
        Ok(told)
    };
    look(0)?;
    ensure!(!look(0)?, "poll tells of a change where there was none");
    let process = resident(&group)?;
    ensure!(look(3_000)?, "poll does not tell that the group became populated");
    drop(process);
    ensure!(look(3_000)?, "poll does not tell that the group became empty");
    Ok(())
}

/// An inotify watch on `cgroup.events` tells of both changes of `populated`.
fn populated_is_seen_by_inotify(_: &Ctx) -> Check {
    const IN_MODIFY: usize = 2;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-watched")?;
    let watch = Fd::new(sys::plain(nr::INOTIFY_INIT1, [open::CLOEXEC as usize]).or_fail("inotify_init1")?);
    let path = sys::c_string(&group.file("cgroup.events")).or_fail("path")?;
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { sys::call(nr::INOTIFY_ADD_WATCH, [sys::arg(watch.raw()), path.as_ptr() as usize, IN_MODIFY]) }
        .or_fail("inotify_add_watch")?;
    let told = || -> Result<bool, crate::test_api::Stop> {
        let told = sys::readable(&watch, 3_000).or_fail("poll")?;
        if told {
            sys::read(&watch, &mut [0; 1024]).or_fail("read inotify events")?;
        }
        Ok(told)
    };
    let process = resident(&group)?;
    ensure!(told()?, "inotify does not tell that the group became populated");
    drop(process);
    ensure!(told()?, "inotify does not tell that the group became empty");
    Ok(())
}

/// A folder below, made and removed again.
fn try_mkdir(path: &str) -> Result<(), Errno> {
    let made = sys::mkdir(path, 0o755);
    let _ = sys::rmdir(path);
    made
}

/// No group is made deeper than `cgroup.max.depth` below the group: `EAGAIN`.
fn max_depth_refuses_mkdir(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let top = root.child("kr-top")?;
    top.set("cgroup.max.depth", "1")?;
    let child = top.child("child")?;
    let deeper = try_mkdir(&child.file("deeper"));
    ensure!(deeper == Err(Errno::EAGAIN), "mkdir two levels below cgroup.max.depth 1: {deeper:?}, not EAGAIN");
    top.set("cgroup.max.depth", "2")?;
    try_mkdir(&child.file("deeper")).or_fail("mkdir two levels below cgroup.max.depth 2")
}

/// No more groups are made than `cgroup.max.descendants`, at whatever depth: `EAGAIN`.
fn max_descendants_refuses_mkdir(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let top = root.child("kr-top")?;
    top.set("cgroup.max.descendants", "2")?;
    let child = top.child("child")?;
    let _grandchild = child.child("grandchild")?;
    let third = try_mkdir(&top.file("third"));
    ensure!(third == Err(Errno::EAGAIN), "a third mkdir at cgroup.max.descendants 2: {third:?}, not EAGAIN");
    top.set("cgroup.max.descendants", "3")?;
    try_mkdir(&top.file("third")).or_fail("a third mkdir at cgroup.max.descendants 3")
}

/// `nr_descendants` is the number of groups below, and those that were removed die off.
fn stat_counts_descendants(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let top = root.child("kr-top")?;
    let living = || super::counted(&top, "cgroup.stat", "nr_descendants");
    ensure!(living()? == 0, "nr_descendants is {} in a fresh group", living()?);
    let child = top.child("child")?;
    let grandchild = child.child("grandchild")?;
    ensure!(living()? == 2, "nr_descendants is {} with a child and a grandchild", living()?);
    drop(grandchild);
    drop(child);
    ensure!(living()? == 0, "nr_descendants is {} after both were removed", living()?);
    let gone = eventually(5_000, || top.count("cgroup.stat", "nr_dying_descendants") == Some(0));
    ensure!(gone, "removed groups go on dying: `{}`", top.get("cgroup.stat")?);
    Ok(())
}

/// A v2 group keeps its name: `EPERM`.
fn rename_is_refused(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-named")?;
    let renamed = sys::rename(&group.path, &root.file("kr-renamed"));
    let moved = files::exists(&root.file("kr-renamed"));
    if moved {
        let _ = sys::rmdir(&root.file("kr-renamed"));
    }
    ensure!(renamed == Err(Errno::EPERM), "rename of a v2 group: {renamed:?}, not EPERM");
    ensure!(!moved && files::exists(&group.path), "rename was refused and took place");
    Ok(())
}

/// A group with a process or with a group in it is not removed: `EBUSY`; an empty one is.
fn rmdir_needs_an_empty_group(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-full")?;
    let child = group.child("child")?;
    let busy = |why: &str| -> Check {
        let removed = sys::rmdir(&group.path);
        ensure!(removed == Err(Errno::EBUSY), "rmdir of a group with {why} in it: {removed:?}, not EBUSY");
        Ok(())
    };
    busy("a group")?;
    drop(child);
    let process = resident(&group)?;
    busy("a process")?;
    drop(process);
    let removed = eventually(3_000, || sys::rmdir(&group.path).is_ok());
    ensure!(removed && !files::exists(&group.path), "an empty group is not removed");
    Ok(())
}

/// `/proc/PID/cgroup` follows a process through the tree, for itself and for others.
fn proc_shows_the_path(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (one, other) = (root.child("kr-one")?, root.child("kr-other")?);
    let deep = other.child("deep")?;
    let process = member(&one, |_| path_of("self"))?;
    let pid = process.pid().to_string();
    for (group, expected) in [(&one, "/kr-one"), (&deep, "/kr-other/deep"), (&other, "/kr-other")] {
        group.set("cgroup.procs", &pid)?;
        let (own, seen) = (process.ask("where?")?, path_of(&pid)?);
        ensure!(own == expected && seen == expected, "moved to {expected}: it sees `{own}`, others see `{seen}`");
        let members = group.get("cgroup.procs")?;
        ensure!(members == pid, "{expected}/cgroup.procs lists {members:?}, not {pid}");
    }
    Ok(())
}

/// A process that nobody has waited for keeps the path of its group, marked ` (deleted)` when that is removed.
fn zombie_of_a_removed_group_shows_deleted(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-short")?;
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        sys::exit(i32::from(group.join().is_err()));
    }
    let zombie = || files::read_text(&format!("/proc/{pid}/stat")).is_ok_and(|text| text.contains(") Z"));
    ensure!(eventually(3_000, zombie), "a process that ended is no zombie");
    let before = path_of(&pid.to_string())?;
    let removed = eventually(3_000, || sys::rmdir(&group.path).is_ok());
    let after = path_of(&pid.to_string())?;
    let _ = sys::wait(pid, 0);
    ensure!(removed, "a group whose only process is a zombie is not removed");
    ensure!(before == "/kr-short", "the zombie's path is `{before}`");
    ensure!(after == "/kr-short (deleted)", "the zombie's path after rmdir is `{after}`");
    Ok(())
}
