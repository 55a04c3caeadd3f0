//! The v1 memory controller at its limit: who is killed, who waits, who is told.

use alloc::format;
use alloc::string::ToString as _;

use super::load::{eater, only_the_offender_is_killed, resident};
use super::v1::group_of;
use super::{Group, eventually, v1};
use crate::files;
use crate::sys::{self, End, Fd, nr, open, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, note};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::memory_limit_ooms_only_the_offender", memory_limit_ooms_only_the_offender),
    ("cgroup1::memory_limit_of_a_parent_holds_for_children", memory_limit_of_a_parent_holds_for_children),
    ("cgroup1::memory_oom_control_pauses_instead_of_killing", memory_oom_control_pauses_instead_of_killing),
    ("cgroup1::memory_oom_is_told_to_an_eventfd", memory_oom_is_told_to_an_eventfd),
    ("cgroup1::memory_threshold_is_told_to_an_eventfd", memory_threshold_is_told_to_an_eventfd),
    ("cgroup1::each_controller_has_a_hierarchy_of_its_own", each_controller_has_a_hierarchy_of_its_own),
];

/// A child above `memory.limit_in_bytes` is OOM-killed, a sibling with the same limit lives and never hit it.
fn memory_limit_ooms_only_the_offender(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let (offender, sibling) = (root.child("kr-offender")?, root.child("kr-sibling")?);
    for group in [&offender, &sibling] {
        group.set("memory.limit_in_bytes", "16777216")?;
    }
    only_the_offender_is_killed(&offender, &sibling)?;
    let (over, under) = (offender.get("memory.failcnt")?, sibling.get("memory.failcnt")?);
    ensure!(over != "0", "the offender was killed and memory.failcnt says it never hit its limit");
    ensure!(under == "0", "the sibling hit its limit {under} times by memory.failcnt");
    Ok(())
}

/// With `use_hierarchy` a limit holds for the groups below it, though they have none of their own.
fn memory_limit_of_a_parent_holds_for_children(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let parent = root.child("kr-parent")?;
    parent.set("memory.use_hierarchy", "1")?;
    parent.set("memory.limit_in_bytes", "16777216")?;
    let (child, free) = (parent.child("kr-child")?, root.child("kr-free")?);
    let (over, under) = (eater(&child)?, eater(&free)?);
    under.ask("24")?;
    over.ask("4")?;
    over.say("64");
    let end = over.death()?;
    ensure!(end == End::Signal(sig::KILL), "the process above its parent's limit {end}, not killed by SIGKILL");
    let hits = parent.get("memory.failcnt")?;
    ensure!(hits != "0", "memory.failcnt says that the parent never hit its limit");
    under.ask("1").map(drop)
}

/// With the OOM killer off a process at the limit waits, `under_oom` says so, and it goes on when there is room.
fn memory_oom_control_pauses_instead_of_killing(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-paused")?;
    group.set("memory.limit_in_bytes", "16777216")?;
    group.set("memory.oom_control", "1")?;
    let member = eater(&group)?;
    member.say("32");
    let waits = eventually(5_000, || group.count("memory.oom_control", "under_oom") == Some(1));
    ensure!(waits, "a process above its limit with oom_kill_disable: `{}`", group.get("memory.oom_control")?);
    let alive = sys::kill(member.pid(), 0);
    ensure!(alive.is_ok() && group.pids()?.contains(&member.pid()), "the process that should wait is gone");
    group.set("memory.limit_in_bytes", "67108864")?;
    let word = member.hear()?;
    ensure!(word == "took", "after the limit was raised the process says `{word}`");
    let over = eventually(5_000, || group.count("memory.oom_control", "under_oom") == Some(0));
    ensure!(over, "there is room again: `{}`", group.get("memory.oom_control")?);
    Ok(())
}

/// An eventfd that is told of what happens to one of the group's files.
fn watch(group: &Group, file: &str, argument: &str) -> Result<Fd, Stop> {
    let flags = open::NONBLOCK | open::CLOEXEC;
    let event = sys::plain(nr::EVENTFD2, [0, sys::arg(flags)]).map(Fd::new).or_fail("eventfd2")?;
    let watched = sys::open(&group.file(file), open::RDONLY | open::CLOEXEC, 0).or_fail(&format!("open {file}"))?;
    group.set("cgroup.event_control", format!("{} {} {argument}", event.raw(), watched.raw()).trim())?;
    Ok(event)
}

fn told(event: &Fd, within_ms: i32) -> Result<bool, Stop> {
    sys::readable(event, within_ms).or_fail("poll the eventfd")
}

/// An eventfd on `memory.oom_control` is signalled by an OOM, and not before.
fn memory_oom_is_told_to_an_eventfd(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-told")?;
    group.set("memory.limit_in_bytes", "16777216")?;
    let event = watch(&group, "memory.oom_control", "")?;
    let member = eater(&group)?;
    member.ask("4")?;
    ensure!(!told(&event, 0)?, "the eventfd tells of an OOM before there was one");
    member.say("64");
    member.death()?;
    ensure!(told(&event, 3_000)?, "a process was OOM-killed and the eventfd was not told");
    Ok(())
}

/// An eventfd with a threshold of `memory.usage_in_bytes` is signalled when it is crossed, and not before.
fn memory_threshold_is_told_to_an_eventfd(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-told")?;
    let event = watch(&group, "memory.usage_in_bytes", "12582912")?;
    let member = eater(&group)?;
    member.ask("4")?;
    ensure!(!told(&event, 0)?, "the eventfd tells of 12 MiB when 4 MiB are taken");
    member.ask("16")?;
    ensure!(told(&event, 3_000)?, "20 MiB are taken and the eventfd was not told that 12 MiB were crossed");
    Ok(())
}

/// Every enabled controller can be mounted alone, has its own groups, and takes a process in.
fn each_controller_has_a_hierarchy_of_its_own(ctx: &Ctx) -> Check {
    let unavailable = ctx.expects("lists_what_v1_lacks");
    scratch::own_mounts()?;
    let table = files::read_text("/proc/cgroups").or_fail("read /proc/cgroups")?;
    let mut seen = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let words: alloc::vec::Vec<&str> = line.split_whitespace().collect();
        let [name, _, _, enabled] = words[..] else { fail!("/proc/cgroups has the line `{line}`") };
        if enabled == "0" {
            note(&format!("{name} is disabled"));
            continue;
        }
        let root = match v1::mount(name) {
            Err(Stop::Absent(why)) if unavailable && matches!(name, "cpuset" | "memory") => {
                note(&format!("{name} is listed and has no v1 files: {why}"));
                continue;
            }
            other => other?,
        };
        let group = root.child("kr-each")?;
        if name == "cpuset" {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                group.set(file, &root.get(file)?)?;
            }
        }
        let member = resident(&group)?;
        let path = group_of(member.pid(), name)?;
        ensure!(path == "/kr-each", "{name}: a process that was moved to /kr-each is in {path}");
        let here = group_of(sys::getpid(), name)?;
        ensure!(here == "/", "{name}: the process that stayed in the root is in {here}");
        ensure!(group.pids()? == [member.pid()], "{name}: tasks reads `{}`", group.get("tasks")?);
        seen += 1;
    }
    ensure!(seen > 0, "/proc/cgroups lists no enabled controller: `{}`", table.trim().to_string());
    Ok(())
}
