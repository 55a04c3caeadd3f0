//! The memory controller: what is charged, what limits do, what is counted.

use alloc::string::{String, ToString as _};

use super::super::load::{eater, member, resident, touch};
use super::super::ram_disk::RamDisk;
use super::super::{Group, eventually, v2};
use super::{counted, number};
use crate::files;
use crate::sys::{End, sig};
use crate::test_api::{Check, Ctx, Entry, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::memory::current_follows_use", current_follows_use),
    ("cgroup2::memory::stat_sums_over_the_subtree", stat_sums_over_the_subtree),
    ("cgroup2::memory::limit_of_the_parent_binds", limit_of_the_parent_binds),
    ("cgroup2::memory::high_reclaims_cache", high_reclaims_cache),
    ("cgroup2::memory::min_protects_cache", min_protects_cache),
    ("cgroup2::memory::low_protects_cache", low_protects_cache),
    ("cgroup2::memory::oom_group_kills_all", oom_group_kills_all),
    ("cgroup2::memory::events_local_leave_out_children", events_local_leave_out_children),
    ("cgroup2::memory::peak_outlives_the_use", peak_outlives_the_use),
    ("cgroup2::memory::reclaim_on_demand", reclaim_on_demand),
    ("cgroup2::memory::swap_max_holds", swap_max_holds),
];

const MIB: u64 = 1 << 20;

/// `memory.current` is up by what a member takes, that of a sibling is not, and it is down when the member has died.
fn current_follows_use(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (group, sibling) = (root.child("kr-taker")?, root.child("kr-sibling")?);
    let (process, _idle) = (eater(&group)?, resident(&sibling)?);
    let before = number(&group, "memory.current")?;
    process.ask("16")?;
    let (with, other) = (number(&group, "memory.current")?, number(&sibling, "memory.current")?);
    ensure!(with >= before + 15 * MIB, "memory.current went from {before} to {with} when 16 MiB were taken");
    ensure!(with <= before + 32 * MIB, "memory.current went from {before} to {with} when just 16 MiB were taken");
    ensure!(other < 8 * MIB, "memory.current of an idle sibling is {other}");
    drop(process);
    let down = eventually(3_000, || number(&group, "memory.current").is_ok_and(|now| now < with - 14 * MIB));
    ensure!(down, "memory.current is {} after the member has died, it was {with}", group.get("memory.current")?);
    Ok(())
}

/// `anon` in `memory.stat` of the parent is what its children have together.
fn stat_sums_over_the_subtree(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let parent = root.child("kr-parent")?;
    parent.set("cgroup.subtree_control", "+memory")?;
    let (one, other) = (parent.child("one")?, parent.child("other")?);
    let (first, second) = (eater(&one)?, eater(&other)?);
    first.ask("6")?;
    second.ask("10")?;
    let anon = |group: &Group| counted(group, "memory.stat", "anon");
    // Counters of the CPUs are folded in batches, every 2 s at the latest.
    let told = eventually(5_000, || {
        let (Ok(all), Ok(a), Ok(b)) = (anon(&parent), anon(&one), anon(&other)) else { return false };
        (5 * MIB..9 * MIB).contains(&a) && (9 * MIB..13 * MIB).contains(&b) && all >= a + b - MIB && all <= a + b + MIB
    });
    ensure!(
        told,
        "6 and 10 MiB were taken; memory.stat has {}, {} and for their parent {}",
        anon(&one)?,
        anon(&other)?,
        anon(&parent)?
    );
    Ok(())
}

/// A group without a limit of its own is held by that of its parent, which counts the children together.
fn limit_of_the_parent_binds(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (parent, outside) = (root.child("kr-parent")?, root.child("kr-outside")?);
    parent.set("memory.max", "24M")?;
    parent.set("cgroup.subtree_control", "+memory")?;
    let (one, other) = (parent.child("one")?, parent.child("other")?);
    let (small, big, free) = (eater(&one)?, eater(&other)?, eater(&outside)?);
    small.ask("4")?;
    big.ask("8")?;
    free.ask("4")?;
    big.say("32");
    let end = big.death()?;
    ensure!(end == End::Signal(sig::KILL), "the bigger child {end} above its parent's limit, not killed by SIGKILL");
    free.ask("28").map(drop)
}

/// A process that reads so many MiB of a RAM disk through the page cache: `minor mib`.
fn reader(group: &Group, disks: &'static [u32]) -> Result<Peer, Stop> {
    let open = core::cell::OnceCell::new();
    member(group, move |word| {
        let mut numbers = word.split(' ').map(|n| n.parse::<usize>().unwrap_or(0));
        let (Some(disk), Some(mib)) = (numbers.next(), numbers.next()) else { return Ok(String::new()) };
        if open.get().is_none() {
            let mut all = alloc::vec::Vec::new();
            for minor in disks {
                all.push(RamDisk::open(*minor)?);
            }
            let _ = open.set(all);
        }
        let Some(disk) = open.get().and_then(|all| all.get(disk)) else { fail!("no such disk") };
        disk.read(mib)?;
        Ok("read".to_string())
    })
}

/// Page cache above `memory.high` is reclaimed, nobody is killed, and `memory.events` counts it.
fn high_reclaims_cache(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let group = root.child("kr-high")?;
    let process = reader(&group, &[0])?;
    process.ask("0 1")?;
    group.set("memory.high", "6M")?;
    process.ask("0 16")?;
    let (current, high) = (number(&group, "memory.current")?, counted(&group, "memory.events", "high")?);
    ensure!(current < 10 * MIB, "16 MiB were read with memory.high at 6 MiB and memory.current is {current}");
    ensure!(high > 0, "16 MiB were read with memory.high at 6 MiB and memory.events counts no high");
    group.set("memory.high", "max")?;
    process.ask("0 16")?;
    let current = number(&group, "memory.current")?;
    ensure!(current > 14 * MIB, "16 MiB were read without memory.high and memory.current is {current}");
    Ok(())
}

/// Two groups under a common limit of 20 MiB, one of which holds 8 MiB of page cache that the other could use.
struct Rivals {
    // Dropped in this order: processes, groups, their parent, the root.
    holder: Peer,
    kept: Group,
    pushing: Group,
    _parent: Group,
    _root: v2::Root,
}

impl Rivals {
    fn start() -> Result<Rivals, Stop> {
        scratch::own_mounts()?;
        let root = v2::mount()?;
        root.enable("memory")?;
        let parent = root.child("kr-parent")?;
        parent.set("cgroup.subtree_control", "+memory")?;
        let (kept, pushing) = (parent.child("kept")?, parent.child("pushing")?);
        parent.set("memory.max", "20M")?;
        let holder = reader(&kept, &[0])?;
        let rivals = Rivals { holder, kept, pushing, _parent: parent, _root: root };
        // Without protection it goes to who needs it.
        let before = rivals.fill()?;
        let needy = eater(&rivals.pushing)?;
        needy.ask("16")?;
        let left = rivals.cached()?;
        ensure!(
            left + 3 * MIB < before,
            "16 of 20 MiB went to a sibling, and of {before} bytes of cache {left} are left"
        );
        Ok(rivals)
    }

    /// Reads the 8 MiB, and tells how much is cached.
    fn fill(&self) -> Result<u64, Stop> {
        self.holder.ask("0 8")?;
        let cached = self.cached()?;
        ensure!(cached > 7 * MIB, "8 MiB were read and memory.stat has {cached} bytes of file");
        Ok(cached)
    }

    fn cached(&self) -> Result<u64, Stop> {
        counted(&self.kept, "memory.stat", "file")
    }
}

/// Cache below `memory.min` is not reclaimed for a sibling's sake: it is the sibling that is killed.
fn min_protects_cache(_: &Ctx) -> Check {
    let rivals = Rivals::start()?;
    rivals.kept.set("memory.min", "16M")?;
    let before = rivals.fill()?;
    let needy = eater(&rivals.pushing)?;
    needy.say("16");
    let end = needy.death()?;
    ensure!(end == End::Signal(sig::KILL), "a process that only protected memory could serve {end}, not by SIGKILL");
    let left = rivals.cached()?;
    ensure!(left + MIB >= before, "memory.min is 16M, and of {before} bytes of cache {left} are left");
    Ok(())
}

/// Cache below `memory.low` is not reclaimed as long as there is other.
fn low_protects_cache(_: &Ctx) -> Check {
    let rivals = Rivals::start()?;
    rivals.kept.set("memory.low", "16M")?;
    let before = rivals.fill()?;
    let (other, needy) = (reader(&rivals.pushing, &[1])?, eater(&rivals.pushing)?);
    other.ask("0 8")?;
    needy.ask("9")?;
    let left = rivals.cached()?;
    ensure!(left + MIB >= before, "memory.low is 16M, and of {before} bytes of cache {left} are left");
    // Low is no promise: with nothing else to take it goes, and nobody is killed.
    needy.ask("6")?;
    let left = rivals.cached()?;
    ensure!(left + MIB < before, "15 of 20 MiB went to a sibling, and of {before} bytes of cache {left} are left");
    Ok(())
}

/// With `memory.oom.group` the OOM killer ends all processes of the group and of those below it, and nobody else.
fn oom_group_kills_all(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (group, sibling) = (root.child("kr-together")?, root.child("kr-sibling")?);
    group.set("memory.max", "16M")?;
    group.set("memory.oom.group", "1")?;
    let (big, small, other) = (eater(&group)?, resident(&group)?, resident(&sibling)?);
    small.ask("alive?")?;
    big.say("64");
    let end = big.death()?;
    ensure!(end == End::Signal(sig::KILL), "the one above the limit {end}, not killed by SIGKILL");
    let kills = || counted(&group, "memory.events", "oom_kill");
    // The one that was picked may be counted twice: oom_kill_process kills it, and then all members.
    let both = eventually(3_000, || kills().is_ok_and(|kills| kills >= 2));
    ensure!(both, "memory.events counts {} OOM kills of a group of 2", kills()?);
    let end = small.death()?;
    ensure!(end == End::Signal(sig::KILL), "its companion {end}, not killed by SIGKILL");
    other.ask("alive?").map(drop)
}

/// An OOM kill in a child is in the parent's `memory.events`, and not in its `memory.events.local`.
fn events_local_leave_out_children(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let parent = root.child("kr-parent")?;
    parent.set("cgroup.subtree_control", "+memory")?;
    let child = parent.child("child")?;
    child.set("memory.max", "16M")?;
    let process = eater(&child)?;
    process.say("64");
    process.death()?;
    for (group, file, expected) in [
        (&child, "memory.events", 1),
        (&child, "memory.events.local", 1),
        (&parent, "memory.events", 1),
        (&parent, "memory.events.local", 0),
    ] {
        let kills = counted(group, file, "oom_kill")?;
        ensure!(kills == expected, "{} counts {kills} OOM kills, not {expected}", group.file(file));
    }
    Ok(())
}

/// `memory.peak` is what `memory.current` was at most.
fn peak_outlives_the_use(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let group = root.child("kr-peak")?;
    let process = eater(&group)?;
    let first = number(&group, "memory.peak")?;
    ensure!(first < 8 * MIB, "memory.peak is {first} before anything was taken");
    process.ask("16")?;
    drop(process);
    let down = eventually(3_000, || number(&group, "memory.current").is_ok_and(|now| now < 8 * MIB));
    ensure!(down, "memory.current is {} after the member has died", group.get("memory.current")?);
    let peak = number(&group, "memory.peak")?;
    ensure!((15 * MIB..32 * MIB).contains(&peak), "16 MiB were taken and given back, memory.peak is {peak}");
    Ok(())
}

/// A write to `memory.reclaim` takes so much cache back.
fn reclaim_on_demand(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let group = root.child("kr-reclaimed")?;
    let process = reader(&group, &[0])?;
    process.ask("0 12")?;
    let before = number(&group, "memory.current")?;
    ensure!(before > 11 * MIB, "12 MiB were read and memory.current is {before}");
    group.set("memory.reclaim", "6M")?;
    let after = number(&group, "memory.current")?;
    ensure!(after + 5 * MIB < before, "6 MiB were to be reclaimed, memory.current went from {before} to {after}");
    ensure!(after > MIB, "6 MiB were to be reclaimed, memory.current went from {before} to {after}");
    Ok(())
}

/// Why the kernel counts no swap.
fn no_swap_files() -> Stop {
    let asked = files::read_text("/proc/cmdline").is_ok_and(|all| all.split_whitespace().any(|w| w == "swapaccount=1"));
    if asked {
        Stop::Fail("there is no memory.swap.max although swapaccount=1 is on the command line".into())
    } else {
        Stop::Skip("swap is not accounted on this kernel; boot with swapaccount=1".into())
    }
}

/// What does not fit into `memory.max` goes to swap, as far as `memory.swap.max` allows; beyond is the OOM killer.
fn swap_max_holds(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let disk = RamDisk::open(3)?;
    let _swap = disk.swap_on()?;
    let group = root.child("kr-swapping")?;
    if !files::exists(&group.file("memory.swap.max")) {
        return Err(no_swap_files());
    }
    group.set("memory.max", "8M")?;
    group.set("memory.swap.max", "5M")?;
    let process = member(&group, |word| {
        touch(word.parse::<usize>().unwrap_or(0) << 20)?;
        Ok("took".to_string())
    })?;
    process.ask("10")?;
    let (current, swap) = (number(&group, "memory.current")?, number(&group, "memory.swap.current")?);
    ensure!(current <= 8 * MIB, "memory.current is {current} with memory.max at 8 MiB");
    ensure!((MIB..=5 * MIB).contains(&swap), "10 MiB with memory.max at 8 MiB, and memory.swap.current is {swap}");
    process.say("8");
    let end = process.death()?;
    ensure!(end == End::Signal(sig::KILL), "the process above memory and swap {end}, not killed by SIGKILL");
    Ok(())
}
