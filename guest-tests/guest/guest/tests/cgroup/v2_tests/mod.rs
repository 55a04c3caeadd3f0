//! Tests of the v2 hierarchy.

mod borders;
mod cpu;
mod devices;
mod memory;
mod tasks;
mod tree;

use alloc::format;
use alloc::string::{String, ToString as _};

use super::load::{only_the_offender_is_killed, pids_max_holds, resident, stops_and_goes_on};
use super::{Group, eventually, v2};
use crate::files;
use crate::sys::{End, Errno, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::scratch;

/// The tables of the group, in the catalog's order.
pub(crate) use {
    borders::TESTS as BORDERS, cpu::TESTS as CPU, devices::TESTS as DEVICES, memory::TESTS as MEMORY,
    tasks::TESTS as TASKS, tree::TESTS as TREE,
};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::memory_max_ooms_only_the_offender", memory_max_ooms_only_the_offender),
    ("cgroup2::pids_max_refuses_fork", pids_max_refuses_fork),
    ("cgroup2::freeze_stops_and_thaws", freeze_stops_and_thaws),
    ("cgroup2::kill_kills_all", kill_kills_all),
];

/// A child above `memory.max` is OOM-killed and counted as that, a sibling with the same limit lives.
pub(crate) fn memory_max_ooms_only_the_offender(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (offender, sibling) = (root.child("kr-offender")?, root.child("kr-sibling")?);
    for group in [&offender, &sibling] {
        group.set("memory.max", "16M")?;
    }
    only_the_offender_is_killed(&offender, &sibling)?;
    // oom_kill is counted since 4.13.
    if let (Some(over), Some(under)) =
        (offender.count("memory.events", "oom_kill"), sibling.count("memory.events", "oom_kill"))
    {
        ensure!(
            (over, under) == (1, 0),
            "memory.events counts {over} OOM kills of the offender, {under} of the sibling"
        );
    }
    Ok(())
}

/// Fork is EAGAIN at `pids.max`, works again when it is raised, and the sibling is not limited.
pub(crate) fn pids_max_refuses_fork(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let (limited, sibling) = (root.child("kr-limited")?, root.child("kr-sibling")?);
    pids_max_holds(&limited, &sibling)
}

fn freeze(group: &Group, on: bool) -> Check {
    group.set("cgroup.freeze", if on { "1" } else { "0" })?;
    let wanted = Some(u64::from(on));
    let so = eventually(5_000, || group.count("cgroup.events", "frozen") == wanted);
    ensure!(so, "cgroup.freeze {} was written, cgroup.events says `{}`", u8::from(on), group.get("cgroup.events")?);
    Ok(())
}

/// Processes of a frozen cgroup stand still while those of its sibling go on, and go on after the thaw.
pub(crate) fn freeze_stops_and_thaws(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (frozen, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    stops_and_goes_on(&frozen, &free, || freeze(&frozen, true), || freeze(&frozen, false))
}

/// `cgroup.kill` kills the members of the group and of the groups below it, and the sibling's lives.
pub(crate) fn kill_kills_all(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (group, sibling) = (root.child("kr-killed")?, root.child("kr-sibling")?);
    let below = group.child("below")?;
    let (member, deep, bystander) = (resident(&group)?, resident(&below)?, resident(&sibling)?);
    member.ask("alive?")?;
    deep.ask("alive?")?;
    group.set("cgroup.kill", "1")?;
    let empty = eventually(3_000, || group.count("cgroup.events", "populated") == Some(0));
    ensure!(empty, "cgroup.kill was written and the group says `{}`", group.get("cgroup.events")?);
    for (process, place) in [(&member, "the group"), (&deep, "a group below it")] {
        let end = process.death()?;
        ensure!(end == End::Signal(sig::KILL), "the process in {place} {end}, not killed by SIGKILL");
    }
    bystander.ask("alive?").map(drop)
}

/// The kernel must refuse the write with just that error.
fn refuses(group: &Group, name: &str, value: &str, expected: Errno, why: &str) -> Check {
    match files::write(&group.file(name), value) {
        Err(errno) if errno == expected => Ok(()),
        Ok(()) => fail!("`{value}` was taken by {name} {why}"),
        Err(errno) => fail!("`{value}` to {name} {why}: {errno}, not {expected}"),
    }
}

/// Whether a controller's name is in that file of the group.
fn lists(group: &Group, file: &str, controller: &str) -> Result<bool, Stop> {
    Ok(group.get(file)?.split_whitespace().any(|word| word == controller))
}

/// The path of a process in the v2 hierarchy.
fn path_of(process: &str) -> Result<String, Stop> {
    let text = files::read_text(&format!("/proc/{process}/cgroup")).or_fail(&format!("read /proc/{process}/cgroup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"));
    line.map(|path| path.to_string())
        .ok_or_else(|| Stop::Fail(format!("no line of the v2 hierarchy in /proc/{process}/cgroup: {text:?}")))
}

/// The number in a file, whatever it counts.
fn number(group: &Group, name: &str) -> Result<u64, Stop> {
    let text = group.get(name)?;
    text.parse().map_err(|_| Stop::Fail(format!("{name} is `{text}`, not a number")))
}

/// The number after a word in a file that every kernel with this test has.
fn counted(group: &Group, name: &str, word: &str) -> Result<u64, Stop> {
    group.count(name, word).ok_or_else(|| Stop::Absent(format!("{} has no line `{word}`", group.file(name))))
}
