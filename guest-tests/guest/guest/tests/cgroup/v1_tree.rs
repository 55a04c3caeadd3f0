//! v1 hierarchies as such: groups, members, removal, renaming, options, and what comes when a group empties.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::agent::Agent;
use super::load::{forker, resident};
use super::v1::{group_of, member_path, mount_at, mount_named};
use super::{Group, controller, eventually, v1};
use crate::files;
use crate::sys::{self, Errno, Thread, clone, ms};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::named_hierarchy_groups_processes", named_hierarchy_groups_processes),
    ("cgroup1::fork_inherits_the_group_and_death_leaves_it", fork_inherits_the_group_and_death_leaves_it),
    ("cgroup1::procs_moves_a_process_tasks_a_thread", procs_moves_a_process_tasks_a_thread),
    ("cgroup1::rmdir_is_refused_while_in_use", rmdir_is_refused_while_in_use),
    ("cgroup1::rename_stays_with_the_parent", rename_stays_with_the_parent),
    ("cgroup1::rename_refuses_a_newline", rename_refuses_a_newline),
    ("cgroup1::deep_groups_have_their_whole_path", deep_groups_have_their_whole_path),
    ("cgroup1::hierarchy_outlives_its_unmount", hierarchy_outlives_its_unmount),
    ("cgroup1::delegated_group_takes_own_processes_only", delegated_group_takes_own_processes_only),
    ("cgroup1::release_agent_is_called_for_an_emptied_group", release_agent_is_called_for_an_emptied_group),
    ("cgroup1::release_agent_needs_the_first_user_namespace", release_agent_needs_the_first_user_namespace),
    ("cgroup1::remount_changes_the_release_agent", remount_changes_the_release_agent),
    ("cgroup1::controller_is_in_one_hierarchy_only", controller_is_in_one_hierarchy_only),
    ("cgroup1::removed_groups_leave_no_trace", removed_groups_leave_no_trace),
    ("cgroup1::ns_controller_groups_each_new_namespace", ns_controller_groups_each_new_namespace),
];

const NAME: &str = "name=kernrig";

/// A hierarchy without controllers has groups, and `/proc/PID/cgroup` tells who is in which.
fn named_hierarchy_groups_processes(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let (one, other) = (root.child("kr-one")?, root.child("kr-other")?);
    let (first, second) = (resident(&one)?, resident(&other)?);
    for (pid, expected) in [(first.pid(), "/kr-one"), (second.pid(), "/kr-other"), (sys::getpid(), "/")] {
        let path = group_of(pid, NAME)?;
        ensure!(path == expected, "a process of {expected} is in {path} by /proc/PID/cgroup");
    }
    other.take(first.pid()).or_fail("move a process from one group to the other")?;
    let path = group_of(first.pid(), NAME)?;
    ensure!(path == "/kr-other", "a process that was moved to /kr-other is in {path}");
    ensure!(one.pids()?.is_empty(), "the group it left still lists `{}`", one.get("tasks")?);
    let mut expected = [first.pid(), second.pid()];
    expected.sort_unstable();
    let mut members = other.pids()?;
    members.sort_unstable();
    ensure!(members == expected, "the group with {expected:?} lists {members:?}");
    Ok(())
}

/// A child is in its parent's group at birth, and the dead are in none.
fn fork_inherits_the_group_and_death_leaves_it(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let group = root.child("kr-family")?;
    let parent = forker(&group)?;
    for _ in 0..2 {
        let outcome = parent.ask("fork")?;
        ensure!(outcome == "forked", "fork is {outcome}");
    }
    let members = group.pids()?;
    ensure!(members.len() == 3, "a process that forked twice in the group, and its group lists {members:?}");
    for pid in &members {
        let path = group_of(*pid, NAME)?;
        ensure!(path == "/kr-family", "a process of the family is in {path}");
        sys::kill(*pid, sys::sig::KILL).or_fail("kill a member")?;
    }
    let empty = eventually(5_000, || group.pids().is_ok_and(|left| left.is_empty()));
    ensure!(empty, "all members were killed, the group lists `{}`", group.get("tasks")?);
    Ok(())
}

/// The group of one thread of a process.
fn group_of_thread(pid: i32, tid: i32) -> Result<String, Stop> {
    let path = format!("/proc/{pid}/task/{tid}/cgroup");
    let table = files::read_text(&path).or_fail(&format!("read {path}"))?;
    member_path(&table, NAME).ok_or_else(|| Stop::Fail(format!("{path} has no line for {NAME}")))
}

/// `tasks` moves one thread and leaves the others, `cgroup.procs` moves all that a process has.
fn procs_moves_a_process_tasks_a_thread(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let (one, all) = (root.child("kr-one")?, root.child("kr-all")?);
    let peer = Peer::start(0, |test| {
        let thread = Thread::start(|| {
            loop {
                sys::sleep_ms(60_000);
            }
        });
        test.say(&format!("{}", thread.or_fail("start a thread")?.tid()));
        test.hear().map(drop)
    })?;
    let word = peer.hear()?;
    let (pid, Ok(tid)) = (peer.pid(), word.parse::<i32>()) else { fail!("the thread's number is `{word}`") };
    one.take(tid).or_fail("move a thread")?;
    let places = (group_of_thread(pid, tid)?, group_of(pid, NAME)?);
    ensure!(places.0 == "/kr-one", "a thread was moved to /kr-one by tasks and is in {}", places.0);
    ensure!(places.1 == "/", "a thread was moved by tasks, and the first one went along to {}", places.1);
    ensure!(one.pids()? == [tid], "tasks of the group with thread {tid} of process {pid} lists {:?}", one.pids()?);
    all.set("cgroup.procs", &format!("{pid}"))?;
    let places = (group_of_thread(pid, tid)?, group_of(pid, NAME)?);
    ensure!(places.0 == "/kr-all" && places.1 == "/kr-all", "cgroup.procs moved a process to /kr-all: {places:?}");
    let procs = all.get("cgroup.procs")?;
    ensure!(procs == format!("{pid}"), "cgroup.procs of the group with the process {pid} lists `{procs}`");
    Ok(())
}

/// `EBUSY` with a member, `EBUSY` with a group below; removed when neither is there.
fn rmdir_is_refused_while_in_use(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let group = root.child("kr-busy")?;
    let member = resident(&group)?;
    let answer = sys::rmdir(&group.path);
    ensure!(answer == Err(Errno::EBUSY), "rmdir of a group with a member: {answer:?}, not EBUSY");
    member.ask("alive?")?;
    drop(member);
    let below = group.child("kr-below")?;
    let answer = sys::rmdir(&group.path);
    ensure!(answer == Err(Errno::EBUSY), "rmdir of a group with a group below: {answer:?}, not EBUSY");
    drop(below);
    // The dead member leaves a moment after it was reaped.
    let mut answer = Ok(());
    eventually(2_000, || {
        answer = sys::rmdir(&group.path);
        answer != Err(Errno::EBUSY)
    });
    answer.or_fail("rmdir of an empty group")?;
    ensure!(!files::exists(&group.path), "the group was removed and is still there");
    Ok(())
}

/// A group can be renamed where it is, with its members; not to another parent, and not over another group.
fn rename_stays_with_the_parent(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let (mut group, other) = (root.child("kr-before")?, root.child("kr-other")?);
    let member = resident(&group)?;
    let (from, to) = (group.path.clone(), root.file("kr-after"));
    sys::rename(&from, &to).or_fail("rename within the parent")?;
    group.path.clone_from(&to);
    let path = group_of(member.pid(), NAME)?;
    ensure!(path == "/kr-after", "the member of a group that was renamed to /kr-after is in {path}");
    ensure!(!files::exists(&from) && group.pids()? == [member.pid()], "the old name is there, or the member is not");
    let across = sys::rename(&to, &other.file("kr-below"));
    ensure!(across == Err(Errno::EIO), "rename to another parent: {across:?}, not EIO");
    let over = sys::rename(&to, &other.path);
    ensure!(over == Err(Errno::EEXIST), "rename over another group: {over:?}, not EEXIST");
    let path = group_of(member.pid(), NAME)?;
    ensure!(path == "/kr-after", "after renames that were refused the member is in {path}");
    Ok(())
}

/// A line break in a group's name would make two lines of one in `/proc/PID/cgroup`.
fn rename_refuses_a_newline(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let group = root.child("kr-plain")?;
    let member = resident(&group)?;
    let bad = root.file("kr\nbad");
    let answer = sys::rename(&group.path, &bad);
    if answer.is_ok() {
        let _ = sys::rename(&bad, &group.path);
    }
    ensure!(answer == Err(Errno::EINVAL), "rename to a name with a line break: {answer:?}, not EINVAL");
    let path = group_of(member.pid(), NAME)?;
    ensure!(path == "/kr-plain", "the member of a group whose renaming was refused is in {path}");
    Ok(())
}

/// Thirty groups deep, the path is all of them, and each can be removed once the one below is gone.
fn deep_groups_have_their_whole_path(_: &Ctx) -> Check {
    const DEEP: usize = 30;
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let mut groups: Vec<Group> = Vec::new();
    for _ in 0..DEEP {
        let parent = groups.last().unwrap_or(&root);
        groups.push(parent.child("d")?);
    }
    if let Some(last) = groups.last() {
        let member = resident(last)?;
        let path = group_of(member.pid(), NAME)?;
        ensure!(path == "/d".repeat(DEEP), "a process {DEEP} groups deep is in {path}");
        ensure!(root.pids()?.contains(&sys::getpid()), "the test left the root");
        ensure!(!root.pids()?.contains(&member.pid()), "a process of a deep group is listed in the root too");
    }
    while let Some(group) = groups.pop() {
        drop(group);
    }
    ensure!(!files::exists(&root.file("d")), "groups were removed from the bottom, the first is still there");
    Ok(())
}

/// A hierarchy that has groups keeps them, and their members, when nothing has it mounted.
fn hierarchy_outlives_its_unmount(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let group = root.child("kr-kept")?;
    let member = resident(&group)?;
    sys::umount(&root.path, 0).or_fail("unmount a hierarchy with a group")?;
    ensure!(!files::exists(&group.path), "the group shows where its hierarchy was unmounted");
    let path = group_of(member.pid(), NAME)?;
    ensure!(path == "/kr-kept", "the member of a group is in {path} once its hierarchy is unmounted");
    sys::mount("cgroup", &root.path, "cgroup", 0, &format!("none,{NAME}")).or_fail("mount it again")?;
    let members = group.pids()?;
    ensure!(members == [member.pid()], "mounted again, the group lists {members:?}, its member is {}", member.pid());
    Ok(())
}

/// A user who owns a group moves in what is theirs, and nobody else's.
fn delegated_group_takes_own_processes_only(_: &Ctx) -> Check {
    const USER: u32 = 1_000;
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    let (group, foreign) = (root.child("kr-theirs")?, root.child("kr-foreign")?);
    for path in [&group.path, &group.file("tasks")] {
        sys::chown(path, USER, USER).or_fail(&format!("chown {path}"))?;
    }
    let peer = Peer::start(0, |test| {
        sys::setgid(USER).or_fail("setgid")?;
        sys::setuid(USER).or_fail("setuid")?;
        let elsewhere = foreign.take(sys::getpid());
        ensure!(elsewhere == Err(Errno::EACCES), "a user moves into a group of root: {elsewhere:?}, not EACCES");
        // PID 1: whatever happens, nobody can kill it.
        let taken = group.take(1);
        ensure!(taken == Err(Errno::EACCES), "a user moves a process of root: {taken:?}, not EACCES");
        group.take(sys::getpid()).or_fail("a user moves itself into its own group")?;
        test.say("moved");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let path = group_of(peer.pid(), NAME)?;
    ensure!(path == "/kr-theirs", "a user that moved itself to /kr-theirs is in {path}");
    let path = group_of(1, NAME)?;
    ensure!(path == "/", "PID 1 of root is in {path}");
    peer.say("done");
    peer.finish()
}

/// The kernel calls the release agent with the path of a group that lost its last member and asked for it.
fn release_agent_is_called_for_an_emptied_group(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let agent = Agent::install()?;
    let root = mount_named("kernrig")?;
    root.set("release_agent", agent.path())?;
    let quiet = root.child("kr-quiet")?;
    let told = root.child("kr-told")?;
    told.set("notify_on_release", "1")?;
    let below = told.child("kr-below")?;
    let inherited = below.get("notify_on_release")?;
    ensure!(inherited == "1", "notify_on_release of a new group is {inherited}, its parent's is 1");
    drop(below);
    // A group that was removed is told of to its parent, which is empty now.
    eventually(5_000, || agent.said() == "/kr-told");
    ensure!(agent.said() == "/kr-told", "a group lost its only child, the release agent wrote `{}`", agent.said());
    agent.forget()?;
    // The quiet one first: when the other has been told, this one would have been.
    drop(resident(&quiet)?);
    drop(resident(&told)?);
    eventually(5_000, || !agent.said().is_empty());
    ensure!(agent.said() == "/kr-told", "/kr-told lost its last member, the release agent wrote `{}`", agent.said());
    Ok(())
}

/// The agent runs with all privileges in the first namespaces: root of another user namespace may not name it.
fn release_agent_needs_the_first_user_namespace(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_named("kernrig")?;
    root.set("release_agent", "/first")?;
    let peer = Peer::start(clone::NEWUSER | clone::NEWNS | clone::NEWCGROUP, |test| {
        test.say("born");
        test.hear()?;
        scratch::folder("/tmp/inside")?;
        let mounted = sys::mount("cgroup", "/tmp/inside", "cgroup", 0, &format!("none,{NAME}"));
        mounted.or_fail("mount the hierarchy inside of a user namespace")?;
        let answer = files::write("/tmp/inside/release_agent", "/other");
        ensure!(answer == Err(Errno::EPERM), "release_agent written inside of a user namespace: {answer:?}, not EPERM");
        Ok(())
    })?;
    peer.hear()?;
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, "0 0 10\n").or_fail(&format!("write {path}"))?;
    }
    peer.say("go");
    peer.finish()?;
    let agent = root.get("release_agent")?;
    ensure!(agent == "/first", "release_agent is `{agent}` after a user namespace was refused to set it");
    root.set("release_agent", "/second")?;
    let agent = root.get("release_agent")?;
    ensure!(agent == "/second", "release_agent is `{agent}` after root set it to /second");
    Ok(())
}

/// The mount option sets what the file shows; a remount changes it; the hierarchy is the same.
fn remount_changes_the_release_agent(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = mount_at("/tmp/cgroup1", &format!("none,{NAME},release_agent=/first"))?;
    let agent = root.get("release_agent")?;
    ensure!(agent == "/first", "release_agent is `{agent}`, /first was mounted with");
    sys::mount("cgroup", &root.path, "cgroup", ms::REMOUNT, &format!("none,{NAME},release_agent=/second"))
        .or_fail("remount with another release agent")?;
    let agent = root.get("release_agent")?;
    ensure!(agent == "/second", "release_agent is `{agent}` after a remount with /second");
    let group = root.child("kr-stays")?;
    let member = resident(&group)?;
    let more = sys::mount("cgroup", &root.path, "cgroup", ms::REMOUNT, &format!("devices,{NAME}"));
    ensure!(more.is_err(), "a controller was added to a hierarchy that has groups");
    ensure!(group.pids()? == [member.pid()], "the remount that was refused lost a group's member");
    Ok(())
}

/// A mounted controller cannot be mounted in other company, and mounted again it is the same tree.
fn controller_is_in_one_hierarchy_only(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let group = root.child("kr-one")?;
    scratch::folder("/tmp/second")?;
    let both = sys::mount("cgroup", "/tmp/second", "cgroup", 0, "freezer,devices");
    ensure!(both == Err(Errno::EBUSY), "the freezer in a second hierarchy, with devices: {both:?}, not EBUSY");
    sys::mount("cgroup", "/tmp/second", "cgroup", 0, "freezer").or_fail("mount the same hierarchy again")?;
    let seen = files::exists("/tmp/second/kr-one/freezer.state");
    sys::umount("/tmp/second", 0).or_fail("unmount")?;
    ensure!(seen, "mounted a second time, the hierarchy lacks a group it has");
    let member = resident(&group)?;
    let (here, devices) = (group_of(member.pid(), "freezer")?, controller("devices").map(|d| d.hierarchy));
    ensure!(here == "/kr-one", "the member of /kr-one is in {here}");
    ensure!(devices == Some(0), "devices is attached to hierarchy {devices:?} after a mount that was refused");
    Ok(())
}

/// As many groups come and go, and `/proc/cgroups` counts what it did before.
fn removed_groups_leave_no_trace(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let count = || controller("freezer").map_or(0, |now| now.groups);
    let (before, many) = (count(), ctx.param("iterations"));
    let path = |i: u64| root.file(&format!("kr-{i}"));
    for i in 0..many {
        sys::mkdir(&path(i), 0o755).or_fail(&format!("mkdir of group {i}"))?;
    }
    let during = count();
    for i in 0..many {
        sys::rmdir(&path(i)).or_fail(&format!("rmdir of group {i}"))?;
    }
    ensure!(during == before + many, "/proc/cgroups counts {during} groups, {before} before {many} were made");
    eventually(5_000, || count() == before);
    let after = count();
    ensure!(after == before, "/proc/cgroups counts {after} groups after {many} came and went, {before} before");
    Ok(())
}

/// Up to 2.6.39 the `ns` controller made a group, named by its PID, of each process with new namespaces.
fn ns_controller_groups_each_new_namespace(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("ns")?;
    let peer = Peer::start(clone::NEWUTS, |test| {
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let (path, pid) = (group_of(peer.pid(), "ns")?, peer.pid());
    drop(peer);
    let made = root.file(&format!("{pid}"));
    let there = files::exists(&made);
    let gone = eventually(5_000, || sys::rmdir(&made) != Err(Errno::EBUSY));
    ensure!(path == format!("/{pid}"), "process {pid} was born with new namespaces into the group {path}");
    ensure!(there && gone, "the group {made} is not there, or cannot be removed when its process is gone");
    Ok(())
}
