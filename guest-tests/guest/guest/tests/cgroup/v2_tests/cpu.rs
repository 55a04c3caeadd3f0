//! CPU time: shares, quotas, which CPUs, and the pressure of who waits.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::super::load::{eater, member, resident, spinning};
use super::super::{Group, eventually, v2};
use super::counted;
use crate::files;
use crate::sys;
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::cpu::stat_counts_used_time", stat_counts_used_time),
    ("cgroup2::cpu::weight_shares_a_cpu", weight_shares_a_cpu),
    ("cgroup2::cpu::max_holds", max_holds),
    ("cgroup2::cpu::idle_group_steps_back", idle_group_steps_back),
    ("cgroup2::cpu::cpuset_binds_members", cpuset_binds_members),
    ("cgroup2::cpu::cpuset_partition_takes_cpus", cpuset_partition_takes_cpus),
    ("cgroup2::cpu::cpu_pressure_rises", cpu_pressure_rises),
    ("cgroup2::cpu::memory_pressure_rises", memory_pressure_rises),
];

/// What two groups whose members compete for one CPU must have used together before they are compared.
const ENOUGH_US: u64 = 300_000;

fn used(group: &Group) -> Result<u64, Stop> {
    counted(group, "cpu.stat", "usage_usec")
}

/// Microseconds that each of two groups uses from now on, till they have used enough together. While they are not
/// divided as they should be they get more: what a host keeps its guest waiting is charged to whoever ran, and that is
/// paid back.
fn race(one: &Group, other: &Group, divided: impl Fn(u64, u64) -> bool) -> Result<(u64, u64), Stop> {
    let (first, second) = (used(one)?, used(other)?);
    let mut now = (0, 0);
    for enough in [1, 2, 4, 8].map(|times| times * ENOUGH_US) {
        let done = eventually(6_000, || {
            now = (used(one).unwrap_or(0).saturating_sub(first), used(other).unwrap_or(0).saturating_sub(second));
            now.0 + now.1 >= enough
        });
        ensure!(done, "two busy groups have used {now:?} us of the CPU in 6 s");
        if divided(now.0, now.1) {
            break;
        }
    }
    Ok(now)
}

/// `cpu.stat` counts what members use, for the parent too, and nothing for a group that does nothing.
fn stat_counts_used_time(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let parent = root.child("kr-parent")?;
    let (busy, idle) = (parent.child("busy")?, parent.child("idle")?);
    let (_busy, _idle) = (spinning(&busy)?, resident(&idle)?);
    let before = used(&parent)?;
    let rests = |spent, rested| rested * 10 < spent;
    let (spent, rested) = race(&busy, &idle, rests)?;
    let all = used(&parent)? - before;
    ensure!(rests(spent, rested), "an idle group used {rested} us while a busy one used {spent}");
    // Each number is rounded by itself.
    ensure!(all + spent / 20 >= spent, "the children used {spent} and {rested} us, the parent's cpu.stat has {all}");
    Ok(())
}

/// Two busy groups get of one CPU what their weights say: of 1000 and 100 one gets more than thrice the other's.
fn weight_shares_a_cpu(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("cpu")?;
    let (heavy, light) = (root.child("kr-heavy")?, root.child("kr-light")?);
    heavy.set("cpu.weight", "1000")?;
    light.set("cpu.weight", "100")?;
    let (_one, _other) = (spinning(&heavy)?, spinning(&light)?);
    let by_weight = |more, less| more > 3 * less && less > 0;
    let (more, less) = race(&heavy, &light, by_weight)?;
    ensure!(more > 3 * less, "of weights 1000 and 100 the groups used {more} and {less} us");
    ensure!(less > 0, "the light group got nothing while the heavy one used {more} us");
    Ok(())
}

/// With 10 ms in each 50 a busy group is throttled and uses less than half of the time.
fn max_holds(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("cpu")?;
    let group = root.child("kr-limited")?;
    group.set("cpu.max", "10000 50000")?;
    let _busy = spinning(&group)?;
    let (begin, before) = (sys::now_ms(), used(&group)?);
    let throttled = || counted(&group, "cpu.stat", "nr_throttled");
    let first = throttled()?;
    let so_far = || Ok::<_, Stop>(((sys::now_ms() - begin) * 1000, used(&group)? - before, throttled()? - first));
    // Eight periods and three times throttled at least, however busy the host is. One that keeps its guest waiting makes
    // one run count for many, and the group pays that back.
    let held = eventually(6_000, || {
        so_far().is_ok_and(|(took, spent, times)| took >= 400_000 && times >= 3 && spent * 2 < took)
    });
    let (took, spent, times) = so_far()?;
    ensure!(held, "with cpu.max 10000 50000 a busy group used {spent} of {took} us and was throttled {times} times");
    Ok(())
}

/// A group with `cpu.idle` gets next to nothing beside a busy one.
fn idle_group_steps_back(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("cpu")?;
    let (normal, idle) = (root.child("kr-normal")?, root.child("kr-idle")?);
    idle.set("cpu.idle", "1")?;
    // Born first and killed last: beside the other it hardly gets to do either.
    let _idle = spinning(&idle)?;
    let _normal = spinning(&normal)?;
    let steps_back = |more, less| more > 5 * less;
    let (more, less) = race(&normal, &idle, steps_back)?;
    ensure!(steps_back(more, less), "beside a group with cpu.idle, which used {less} us, a normal one used {more}");
    Ok(())
}

/// The CPUs that a process may run on, as numbers.
fn allowed() -> Result<String, Stop> {
    let mask = sys::sched_getaffinity().or_fail("sched_getaffinity")?;
    let all = (0..1024).filter(|cpu| mask[cpu / 64] & (1 << (cpu % 64)) != 0);
    Ok(all.map(|cpu: usize| cpu.to_string()).collect::<alloc::vec::Vec<_>>().join(","))
}

fn last_cpu() -> Result<(usize, usize), Stop> {
    let all = allowed()?;
    let last = all.rsplit(',').next().and_then(|cpu| cpu.parse().ok()).unwrap_or(0);
    Ok((last, all.split(',').count()))
}

fn says(group: &Group, file: &str, expected: &str) -> Check {
    let text = group.get(file)?;
    ensure!(text == expected, "{} is `{text}`, not `{expected}`", group.file(file));
    Ok(())
}

/// Members of a group may run on the CPUs in `cpuset.cpus` only, and on all of the parent's where it is empty.
fn cpuset_binds_members(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("cpuset")?;
    let (bound, free) = (root.child("kr-bound")?, root.child("kr-free")?);
    let (last, _) = last_cpu()?;
    let (last, all) = (last.to_string(), allowed()?);
    let (one, other) = (member(&bound, |_| allowed())?, member(&free, |_| allowed())?);
    says(&bound, "cpuset.cpus", "")?;
    bound.set("cpuset.cpus", &last)?;
    says(&bound, "cpuset.cpus", &last)?;
    says(&bound, "cpuset.cpus.effective", &last)?;
    let (inside, outside) = (one.ask("where?")?, other.ask("where?")?);
    ensure!(inside == last, "bound to CPU {last} a member may run on {inside}");
    ensure!(outside == all, "a member of a group without cpuset.cpus may run on {outside}, not on {all}");
    bound.set("cpuset.mems", "0")?;
    says(&bound, "cpuset.mems.effective", "0")?;
    // With members in it the list may not become empty: ENOSPC.
    drop(one);
    let emptied = eventually(3_000, || bound.set("cpuset.cpus", "\n").is_ok());
    ensure!(emptied, "cpuset.cpus of a group without members cannot be emptied");
    says(&bound, "cpuset.cpus", "")?;
    let inside = member(&bound, |_| allowed())?.ask("where?")?;
    ensure!(inside == all, "no longer bound a member may run on {inside}, not on {all}");
    Ok(())
}

/// A partition root takes its CPUs from all others; with one CPU only there is nothing to take, and it must not.
fn cpuset_partition_takes_cpus(ctx: &Ctx) -> Check {
    const FILE: &str = "cpuset.cpus.partition";
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("cpuset")?;
    let (taker, other) = (root.child("kr-taker")?, root.child("kr-other")?);
    let (last, count) = last_cpu()?;
    if count > 1 && ctx.expects("partition_moves_kernel_threads") {
        return Err(Stop::Skip("a partition moves kernel threads off their CPU here, which outlives the test".into()));
    }
    let before = other.get("cpuset.cpus.effective")?;
    says(&taker, FILE, "member")?;
    taker.set("cpuset.cpus", &last.to_string())?;
    let written = files::write(&taker.file(FILE), "root");
    let (state, left) = (taker.get(FILE)?, other.get("cpuset.cpus.effective")?);
    let _member = files::write(&taker.file(FILE), "member");
    if count == 1 {
        ensure!(written.is_err() || state.contains("invalid"), "a partition took the only CPU: `{state}`");
        ensure!(left == before, "a partition of the only CPU leaves `{left}` to others");
        return Ok(());
    }
    written.or_fail("make a partition root")?;
    ensure!(state == "root", "{FILE} is `{state}` after `root` was written");
    let has_last = left.split(['-', ',']).any(|cpu| cpu == last.to_string());
    ensure!(!has_last && left != before, "a partition has CPU {last}, and others may run on `{left}` of `{before}`");
    says(&other, "cpuset.cpus.effective", &before)
}

/// `total` in the `some` line of a pressure file.
fn stalled(group: &Group, file: &str) -> Result<u64, Stop> {
    if !files::exists("/proc/pressure") {
        return Err(no_pressure());
    }
    let text = group.get(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("some "));
    let total = line.and_then(|line| line.rsplit("total=").next()).and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| Stop::Fail(format!("{} has no total of `some`: `{text}`", group.file(file))))
}

/// Why the kernel has no pressure files.
fn no_pressure() -> Stop {
    let asked = files::read_text("/proc/cmdline").is_ok_and(|all| all.split_whitespace().any(|word| word == "psi=1"));
    if asked {
        Stop::Fail("there is no /proc/pressure although psi=1 is on the command line".into())
    } else {
        Stop::Skip("pressure is not tracked on this kernel; boot with psi=1".into())
    }
}

/// `cpu.pressure` counts that of two busy members of a group one has to wait for the other; alone in a group none does.
fn cpu_pressure_rises(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (crowded, quiet) = (root.child("kr-crowded")?, root.child("kr-quiet")?);
    // There before the others: on its way in it would have to wait for them.
    let _idle = resident(&quiet)?;
    let (waits, rests) = (stalled(&crowded, "cpu.pressure")?, stalled(&quiet, "cpu.pressure")?);
    let (_one, _other) = (spinning(&crowded)?, spinning(&crowded)?);
    let risen = || Ok::<_, Stop>(stalled(&crowded, "cpu.pressure")?.saturating_sub(waits));
    let so = eventually(5_000, || risen().is_ok_and(|now| now > 100_000));
    ensure!(so, "two processes on one CPU, and cpu.pressure rose by {} us only", risen()?);
    let quietly = stalled(&quiet, "cpu.pressure")?.saturating_sub(rests);
    ensure!(quietly * 2 < risen()?, "cpu.pressure of an idle group rose by {quietly} us beside {}", risen()?);
    Ok(())
}

/// Memory that cannot be reclaimed above `memory.high` slows its user down, and `memory.pressure` says so.
fn memory_pressure_rises(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let (pressed, free) = (root.child("kr-pressed")?, root.child("kr-free")?);
    let (before, rests) = (stalled(&pressed, "memory.pressure")?, stalled(&free, "memory.pressure")?);
    let (process, other) = (eater(&pressed)?, eater(&free)?);
    pressed.set("memory.high", "4M")?;
    other.ask("24")?;
    process.say("24");
    let risen = || Ok::<_, Stop>(stalled(&pressed, "memory.pressure")?.saturating_sub(before));
    let so = eventually(5_000, || risen().is_ok_and(|now| now > 1_000));
    ensure!(so, "24 MiB are taken with memory.high at 4 MiB, and memory.pressure rose by {} us only", risen()?);
    let rested = stalled(&free, "memory.pressure")?.saturating_sub(rests);
    ensure!(rested < risen()?, "memory.pressure of a group without limit rose by {rested} us");
    Ok(())
}
