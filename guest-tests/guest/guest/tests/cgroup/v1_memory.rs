//! The v1 memory controller: what is counted, and whom it is laid at.

use alloc::string::ToString as _;
use alloc::vec;

use super::load::{eater, forker, member, touch};
use super::{Group, eventually, v1};
use crate::files;
use crate::sys::{self, Errno, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::disk::Disk;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::memory_usage_follows_and_its_peak_stays", memory_usage_follows_and_its_peak_stays),
    ("cgroup1::memory_stat_tells_rss_from_cache", memory_stat_tells_rss_from_cache),
    ("cgroup1::memory_limit_below_usage_is_refused", memory_limit_below_usage_is_refused),
    ("cgroup1::memory_force_empty_gives_cache_back", memory_force_empty_gives_cache_back),
    ("cgroup1::memory_soft_limit_hinders_nobody", memory_soft_limit_hinders_nobody),
    ("cgroup1::memory_memsw_limit_includes_memory", memory_memsw_limit_includes_memory),
    ("cgroup1::memory_parent_is_not_charged_when_flat", memory_parent_is_not_charged_when_flat),
    ("cgroup1::memory_hierarchy_cannot_be_switched_off", memory_hierarchy_cannot_be_switched_off),
    ("cgroup1::memory_charge_moves_when_asked_to", memory_charge_moves_when_asked_to),
    ("cgroup1::memory_swappiness_is_inherited_and_bounded", memory_swappiness_is_inherited_and_bounded),
    ("cgroup1::memory_kmem_limit_refuses_fork", memory_kmem_limit_refuses_fork),
];

pub(super) const MIB: u64 = 1 << 20;

fn usage(group: &Group) -> Result<u64, Stop> {
    group.number("memory.usage_in_bytes")
}

fn within(group: &Group, least: u64, most: u64, when: &str) -> Check {
    // Pages are charged and given back in batches.
    eventually(3_000, || usage(group).is_ok_and(|now| (least..=most).contains(&now)));
    let now = usage(group)?;
    ensure!((least..=most).contains(&now), "{when} memory.usage_in_bytes is {now}, not {least} to {most}");
    Ok(())
}

/// Usage goes up with the members' memory and down with their death; the peak stays till it is reset.
fn memory_usage_follows_and_its_peak_stays(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let (group, sibling) = (root.child("kr-used")?, root.child("kr-sibling")?);
    let member = eater(&group)?;
    member.ask("8")?;
    within(&group, 8 * MIB, 12 * MIB, "with a member that took 8 MiB")?;
    within(&sibling, 0, MIB, "in a sibling without members")?;
    drop(member);
    within(&group, 0, 2 * MIB, "after the member's death")?;
    let peak = group.number("memory.max_usage_in_bytes")?;
    ensure!(peak >= 8 * MIB, "memory.max_usage_in_bytes is {peak} after a member took 8 MiB");
    group.set("memory.max_usage_in_bytes", "0")?;
    let peak = group.number("memory.max_usage_in_bytes")?;
    ensure!(peak < 8 * MIB, "memory.max_usage_in_bytes is {peak} after it was reset");
    Ok(())
}

/// Has 4 MiB of a file on tmpfs in memory, which go with this process: the file has no name, and stays open.
fn write_a_file() -> Check {
    const PATH: &str = "/tmp/kr-file";
    let block = vec![b'x'; 1 << 20];
    files::create(PATH, "").or_fail("make a file")?;
    let file = sys::open(PATH, sys::open::WRONLY, 0).or_fail("open the file")?;
    sys::unlink(PATH).or_fail("unlink the file")?;
    for _ in 0..4 {
        sys::write_all(file.raw(), &block).or_fail("write the file")?;
    }
    let _ = file.into_raw();
    Ok(())
}

/// `memory.stat` counts anonymous memory as `rss` and a file on tmpfs as `cache`.
fn memory_stat_tells_rss_from_cache(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-stat")?;
    let member = member(&group, |word| {
        match word {
            "rss" => touch(4 << 20)?,
            _ => write_a_file()?,
        }
        Ok("took".to_string())
    })?;
    let count = |word: &str| group.count("memory.stat", word).unwrap_or(0);
    // The counters are kept per CPU and added up now and then.
    let (rss, cache) = (count("rss"), count("cache"));
    for (word, before, other, other_before) in [("rss", rss, "cache", cache), ("cache", cache, "rss", rss)] {
        let other_before = if word == "cache" { count(other) } else { other_before };
        member.ask(word)?;
        let so = eventually(3_000, || count(word) >= before + 3 * MIB);
        ensure!(so, "memory.stat says {word} {} after 4 MiB of it, {before} before", count(word));
        let grown = count(other).saturating_sub(other_before);
        // The block that is written from is memory of the member too.
        ensure!(grown <= 2 * MIB, "memory.stat counts {grown} as {other} where {word} was taken");
    }
    Ok(())
}

/// A limit below what is in use and cannot be reclaimed is `EBUSY`; the old one stays and nobody is killed.
fn memory_limit_below_usage_is_refused(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-full")?;
    group.set("memory.limit_in_bytes", "33554432")?;
    let member = eater(&group)?;
    member.ask("8")?;
    let answer = group.try_set("memory.limit_in_bytes", "4194304");
    ensure!(answer == Err(Errno::EBUSY), "a limit of 4 MiB with 8 MiB of unreclaimable memory: {answer:?}, not EBUSY");
    let limit = group.number("memory.limit_in_bytes")?;
    ensure!(limit == 32 * MIB, "the limit is {limit} after a lower one was refused");
    member.ask("1").map(drop)
}

/// What was read from a disk stays charged to the group without members, till `memory.force_empty` lets go of it.
fn memory_force_empty_gives_cache_back(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-reader")?;
    // Dropped before the group, which its worker holds.
    let disk = Disk::new("/tmp/kr-disk", 8 << 20)?;
    let reader = member(&group, |_| {
        let file = sys::open(&disk.path, open::RDONLY | open::CLOEXEC, 0).or_fail("open the disk")?;
        let mut block = vec![0; 64 << 10];
        for _ in 0..64 {
            sys::read(&file, &mut block).or_fail("read the disk")?;
        }
        Ok("read".to_string())
    })?;
    reader.ask("read")?;
    drop(reader);
    within(&group, 4 * MIB, 12 * MIB, "after a member that read 4 MiB of a disk")?;
    eventually(2_000, || group.pids().is_ok_and(|left| left.is_empty()));
    group.set("memory.force_empty", "0")?;
    within(&group, 0, MIB, "after memory.force_empty")
}

/// A group may be above its soft limit while there is memory for all.
fn memory_soft_limit_hinders_nobody(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-soft")?;
    group.set("memory.soft_limit_in_bytes", "1M")?;
    let soft = group.number("memory.soft_limit_in_bytes")?;
    ensure!(soft == MIB, "memory.soft_limit_in_bytes reads {soft} after `1M` was written");
    let member = eater(&group)?;
    member.ask("8")?;
    within(&group, 8 * MIB, 12 * MIB, "above the soft limit")?;
    let hits = group.number("memory.failcnt")?;
    ensure!(hits == 0, "memory.failcnt is {hits} in a group without a hard limit");
    Ok(())
}

/// The limit of memory and swap together cannot be below that of memory alone, and counts at least as much.
fn memory_memsw_limit_includes_memory(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let group = root.child("kr-memsw")?;
    group.set("memory.limit_in_bytes", "16777216")?;
    let below = group.try_set("memory.memsw.limit_in_bytes", "8388608");
    if below == Err(Errno::ENOENT) {
        return Err(Stop::Absent("there is no memory.memsw.limit_in_bytes, though swapaccount=1 was given".into()));
    }
    ensure!(below == Err(Errno::EINVAL), "memsw.limit_in_bytes below limit_in_bytes: {below:?}, not EINVAL");
    group.set("memory.memsw.limit_in_bytes", "16777216")?;
    let above = group.try_set("memory.limit_in_bytes", "33554432");
    ensure!(above == Err(Errno::EINVAL), "limit_in_bytes above memsw.limit_in_bytes: {above:?}, not EINVAL");
    let member = eater(&group)?;
    member.ask("8")?;
    let (memory, both) = (usage(&group)?, group.number("memory.memsw.usage_in_bytes")?);
    ensure!(both >= 8 * MIB, "memsw.usage_in_bytes is {both} with {memory} of memory in use");
    Ok(())
}

/// Without `use_hierarchy` a group's memory is not its parent's affair.
fn memory_parent_is_not_charged_when_flat(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let parent = root.child("kr-parent")?;
    let mode = parent.get("memory.use_hierarchy")?;
    ensure!(mode == "0", "memory.use_hierarchy is `{mode}` in a new group");
    parent.set("memory.limit_in_bytes", "8388608")?;
    let child = parent.child("kr-child")?;
    let member = eater(&child)?;
    member.ask("24")?;
    within(&child, 24 * MIB, 32 * MIB, "in the child")?;
    within(&parent, 0, 2 * MIB, "in the parent")
}

/// Since 5.11 every hierarchy is one: 0 is `EINVAL`, and the parent is charged.
fn memory_hierarchy_cannot_be_switched_off(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let parent = root.child("kr-parent")?;
    let off = parent.try_set("memory.use_hierarchy", "0");
    ensure!(off == Err(Errno::EINVAL), "0 written to memory.use_hierarchy: {off:?}, not EINVAL");
    let child = parent.child("kr-child")?;
    let member = eater(&child)?;
    member.ask("8")?;
    within(&parent, 8 * MIB, 16 * MIB, "in the parent of a group with 8 MiB")
}

/// What a process has charged stays behind when it moves, unless `move_charge_at_immigrate` is set where it goes.
fn memory_charge_moves_when_asked_to(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let (first, plain, moving) = (root.child("kr-first")?, root.child("kr-plain")?, root.child("kr-moving")?);
    let member = eater(&first)?;
    member.ask("8")?;
    plain.take(member.pid()).or_fail("move the process")?;
    within(&first, 7 * MIB, 16 * MIB, "in the group it left")?;
    within(&plain, 0, MIB, "in the group it went to, which takes no charges")?;
    first.take(member.pid()).or_fail("move the process back")?;
    moving.set("memory.move_charge_at_immigrate", "1")?;
    moving.take(member.pid()).or_fail("move the process and its memory")?;
    within(&moving, 7 * MIB, 16 * MIB, "in the group it went to, which takes charges")?;
    within(&first, 0, 2 * MIB, "in the group it left with its charges")
}

/// A new group has its parent's swappiness, later changes are its own, and nonsense is refused.
fn memory_swappiness_is_inherited_and_bounded(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let parent = root.child("kr-parent")?;
    parent.set("memory.swappiness", "30")?;
    let child = parent.child("kr-child")?;
    let inherited = child.number("memory.swappiness")?;
    ensure!(inherited == 30, "swappiness of a new group is {inherited}, its parent's is 30");
    let beyond = child.try_set("memory.swappiness", "1000");
    ensure!(beyond == Err(Errno::EINVAL), "swappiness 1000: {beyond:?}, not EINVAL");
    let other = root.child("kr-other")?.number("memory.swappiness")?;
    ensure!(other != 30, "swappiness of a sibling went along to 30");
    Ok(())
}

/// At its limit of kernel memory a group cannot fork: kernel stacks and page tables are charged.
fn memory_kmem_limit_refuses_fork(_: &Ctx) -> Check {
    const ENOUGH: u32 = 300;
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let (limited, sibling) = (root.child("kr-limited")?, root.child("kr-sibling")?);
    limited.set("memory.kmem.limit_in_bytes", "1048576")?;
    let (one, other) = (forker(&limited)?, forker(&sibling)?);
    let mut outcome = "forked".to_string();
    let mut forks = 0;
    while outcome == "forked" && forks < ENOUGH {
        outcome = one.ask("fork")?;
        forks += 1;
    }
    ensure!(outcome == "ENOMEM" || outcome == "EAGAIN", "fork {forks} with 1 MiB of kernel memory is {outcome}");
    let hits = limited.number("memory.kmem.failcnt")?;
    ensure!(hits > 0, "fork was {outcome} and memory.kmem.failcnt says the limit was never hit");
    let outcome = other.ask("fork")?;
    ensure!(outcome == "forked", "fork in the sibling without a limit is {outcome}");
    Ok(())
}
