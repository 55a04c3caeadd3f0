//! v1 controllers of CPU time and place: cpu, cpuacct, cpuset, perf_event.

use alloc::format;

use super::load::{member, resident};
use super::v1::{group_of, mount_at};
use super::{Group, controller, eventually, v1};
use crate::files;
use crate::sys::{self, Errno, Fd, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, time_left};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::cpu_shares_divide_the_time", cpu_shares_divide_the_time),
    ("cgroup1::cpu_quota_throttles", cpu_quota_throttles),
    ("cgroup1::cpuacct_usage_counts_the_groups_time", cpuacct_usage_counts_the_groups_time),
    ("cgroup1::co_mounted_controllers_share_a_tree", co_mounted_controllers_share_a_tree),
    ("cgroup1::cpuset_without_cpus_takes_nobody", cpuset_without_cpus_takes_nobody),
    ("cgroup1::cpuset_binds_its_members", cpuset_binds_its_members),
    ("cgroup1::cpuset_exclusive_cpus_are_of_one_sibling", cpuset_exclusive_cpus_are_of_one_sibling),
    ("cgroup1::cpuset_clone_children_copies_the_parent", cpuset_clone_children_copies_the_parent),
    ("cgroup1::cpuset_noprefix_drops_the_prefix", cpuset_noprefix_drops_the_prefix),
    ("cgroup1::perf_event_counts_the_group_only", perf_event_counts_the_group_only),
];

const MS: u64 = 1_000_000;

/// A process in a group that, from the word to go, uses all of the first CPU that it gets.
struct Spinner {
    peer: Peer,
    /// What it had used when it was in: that is not the group's.
    before: u64,
}

impl Spinner {
    fn pid(&self) -> i32 {
        self.peer.pid()
    }

    /// Nanoseconds of CPU time since it is in its group.
    fn used(&self) -> Result<u64, Stop> {
        Ok(cpu_time(&self.peer)? - self.before)
    }

    /// Nanoseconds of CPU time that the group may have been charged for it.
    fn used_at_most(&self) -> Result<u64, Stop> {
        cpu_time(&self.peer)
    }
}

fn cpu_time(process: &Peer) -> Result<u64, Stop> {
    sys::cpu_time_ns(process.pid()).or_fail("clock_gettime of a process's CPU time")
}

fn spinner(group: &Group) -> Result<Spinner, Stop> {
    let peer = Peer::start(0, |test| {
        let mut first = [0; 16];
        first[0] = 1;
        sys::sched_setaffinity(&first).or_fail("sched_setaffinity")?;
        group.join()?;
        test.say("joined");
        test.hear()?;
        loop {
            core::hint::black_box(group);
        }
    })?;
    peer.hear()?;
    let before = cpu_time(&peer)?;
    Ok(Spinner { peer, before })
}

/// Lets them spin till they have used that much together since they are in their groups.
fn spin(processes: &[&Spinner], enough: u64) -> Check {
    for process in processes {
        process.peer.say("go");
    }
    loop {
        let mut sum = 0;
        for process in processes {
            sum += process.used()?;
        }
        if sum >= enough {
            return Ok(());
        }
        ensure!(time_left() > 1_500, "busy processes used {} ms of CPU time and no more", sum / MS);
        sys::sleep_ms(5);
    }
}

/// Of two busy groups the one with eight times the shares gets most of the CPU, whichever it is.
fn cpu_shares_divide_the_time(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpu")?;
    let (one, other) = (root.child("kr-one")?, root.child("kr-other")?);
    for (large, small) in [(&one, &other), (&other, &one)] {
        large.set("cpu.shares", "8192")?;
        small.set("cpu.shares", "1024")?;
        let (much, little) = (spinner(large)?, spinner(small)?);
        // What a host keeps its guest waiting is charged to whoever ran: that evens out, since it is paid back.
        let mut got = (0, 0);
        for enough in [240, 480, 960, 1_920] {
            spin(&[&much, &little], enough * MS)?;
            got = (much.used()? / MS, little.used()? / MS);
            if got.0 >= 3 * got.1 {
                break;
            }
        }
        let (much, little) = got;
        ensure!(much >= 3 * little, "with 8192 shares against 1024 two busy groups got {much} and {little} ms");
        ensure!(little > 0, "the group with the smaller shares got nothing");
    }
    Ok(())
}

/// A busy group with a quota of a tenth is throttled, and gets no more than that but for the measuring.
fn cpu_quota_throttles(_: &Ctx) -> Check {
    const PERIODS: u64 = 10;
    scratch::own_mounts()?;
    let root = v1::mount("cpu")?;
    let (group, sibling) = (root.child("kr-quota")?, root.child("kr-free")?);
    group.set("cpu.cfs_period_us", "20000")?;
    group.set("cpu.cfs_quota_us", "2000")?;
    let (busy, free) = (spinner(&group)?, spinner(&sibling)?);
    let begin = sys::now_ms();
    busy.peer.say("go");
    let count = |word: &str| group.count("cpu.stat", word).unwrap_or(0);
    let state = || -> Result<_, Stop> { Ok((count("nr_throttled"), sys::now_ms() - begin, busy.used()? / MS)) };
    // A host that keeps its guest waiting makes one run count for many, and the group pays that back. The time is
    // added up when a throttled group is let go.
    let held = eventually(4_000, || {
        let so = |(periods, wall, ran)| periods >= PERIODS && ran * 2 < wall && count("throttled_time") > 0;
        state().is_ok_and(so)
    });
    let ((periods, wall, ran), time) = (state()?, count("throttled_time"));
    ensure!(
        held,
        "a busy group with 2 ms of each 20 ran {ran} ms of {wall}, throttled {periods} times for {time} ns by cpu.stat"
    );
    spin(&[&free], 20 * MS)?;
    let sibling = sibling.count("cpu.stat", "nr_throttled");
    ensure!(sibling == Some(0), "cpu.stat of a group without quota counts {sibling:?} times throttled");
    Ok(())
}

/// `cpuacct.usage` is what the members used, per CPU and in all, stays after them, and is the parent's too.
fn cpuacct_usage_counts_the_groups_time(ctx: &Ctx) -> Check {
    const SLACK: u64 = 40 * MS;
    scratch::own_mounts()?;
    let root = v1::mount("cpuacct")?;
    let (parent, idle) = (root.child("kr-parent")?, root.child("kr-idle")?);
    let group = parent.child("kr-busy")?;
    let (busy, _idler) = (spinner(&group)?, resident(&idle)?);
    spin(&[&busy], 150 * MS)?;
    let before = busy.used()?;
    let (usage, idle_usage) = (group.number("cpuacct.usage")?, idle.number("cpuacct.usage")?);
    let after = busy.used_at_most()?;
    ensure!(
        usage + SLACK >= before && usage <= after + SLACK,
        "cpuacct.usage is {} ms, the busy member used {} to {}",
        usage / MS,
        before / MS,
        after / MS
    );
    ensure!(idle_usage <= usage / 2, "cpuacct.usage is {} ms where nobody is busy", idle_usage / MS);
    // Kept in batches of 32 a CPU, what is read may lack as much.
    let in_batches = ctx.expects("stat_in_batches");
    let ticks: u64 = ["user", "system"].iter().filter_map(|word| group.count("cpuacct.stat", word)).sum();
    ensure!(
        ticks > 0 || in_batches,
        "cpuacct.stat counts no tick where {} ms were used: `{}`",
        usage / MS,
        group.get("cpuacct.stat")?
    );
    drop(busy);
    eventually(2_000, || group.pids().is_ok_and(|left| left.is_empty()));
    let (usage, above) = (group.number("cpuacct.usage")?, parent.number("cpuacct.usage")?);
    ensure!(
        usage + SLACK >= before,
        "cpuacct.usage is {} ms after the death of one who used {}",
        usage / MS,
        before / MS
    );
    ensure!(above >= usage, "cpuacct.usage of the parent is {above} ns, the child's {usage}");
    let per_cpu = group.get("cpuacct.usage_percpu")?;
    let sum: u64 = per_cpu.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).sum();
    ensure!(sum == usage, "cpuacct.usage is {usage} ns, the sum of usage_percpu {sum}");
    group.set("cpuacct.usage", "0")?;
    let usage = group.number("cpuacct.usage")?;
    ensure!(usage == 0, "cpuacct.usage is {usage} ns after it was reset");
    Ok(())
}

/// Two controllers mounted together have the same groups and members.
fn co_mounted_controllers_share_a_tree(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpu,cpuacct")?;
    let number = |name: &str| controller(name).map(|known| (known.hierarchy, known.groups));
    let group = root.child("kr-both")?;
    let (cpu, acct) = (number("cpu"), number("cpuacct"));
    ensure!(cpu == acct && cpu.is_some_and(|(id, _)| id != 0), "/proc/cgroups has cpu in {cpu:?}, cpuacct in {acct:?}");
    ensure!(cpu.is_some_and(|(_, groups)| groups == 2), "/proc/cgroups counts {cpu:?} where there are two groups");
    group.set("cpu.shares", "512")?;
    let busy = spinner(&group)?;
    for name in ["cpu", "cpuacct"] {
        let path = group_of(busy.pid(), name)?;
        ensure!(path == "/kr-both", "{name}: the member of /kr-both is in {path}");
    }
    spin(&[&busy], 30 * MS)?;
    let (shares, usage) = (group.number("cpu.shares")?, group.number("cpuacct.usage")?);
    ensure!(shares == 512, "cpu.shares is {shares}, 512 was written");
    ensure!(usage >= 10 * MS, "cpuacct.usage is {} ms where 30 were used", usage / MS);
    Ok(())
}

/// A new cpuset is empty, and `ENOSPC` to every task till it has both CPUs and memory nodes.
fn cpuset_without_cpus_takes_nobody(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpuset")?;
    let (group, source) = (root.child("kr-empty")?, root.child("kr-source")?);
    set_up(&source, &root)?;
    let member = resident(&source)?;
    let answer = group.take(member.pid());
    ensure!(answer == Err(Errno::ENOSPC), "a task moves to a cpuset without CPUs: {answer:?}, not ENOSPC");
    group.set("cpuset.cpus", "0")?;
    let answer = group.take(member.pid());
    ensure!(answer == Err(Errno::ENOSPC), "a task moves to a cpuset without memory nodes: {answer:?}, not ENOSPC");
    group.set("cpuset.mems", "0")?;
    group.take(member.pid()).or_fail("move a task to a cpuset with CPUs and memory nodes")?;
    let path = group_of(member.pid(), "cpuset")?;
    ensure!(path == "/kr-empty", "a task that was moved to /kr-empty is in {path}");
    Ok(())
}

fn set_up(group: &Group, root: &Group) -> Check {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        group.set(file, &root.get(file)?)?;
    }
    Ok(())
}

/// Members run on the cpuset's CPUs and cannot ask for others; nor can the cpuset ask for what there is not.
fn cpuset_binds_its_members(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpuset")?;
    let (group, other) = (root.child("kr-bound")?, root.child("kr-other")?);
    set_up(&group, &root)?;
    group.set("cpuset.cpus", "0")?;
    let beyond = group.try_set("cpuset.cpus", "1000");
    ensure!(beyond.is_err(), "the cpuset took CPU 1000");
    let below = group.child("kr-below")?;
    let cpus = sys::sched_getaffinity().or_fail("sched_getaffinity")?[0].count_ones();
    let answer = below.try_set("cpuset.cpus", "1");
    // A CPU that there is not is EINVAL, or ERANGE (cpulist_parse); one that the parent does not have is EACCES.
    let refused = if cpus > 1 { answer == Err(Errno::EACCES) } else { answer.is_err() };
    ensure!(refused, "of {cpus} CPUs the parent has the first, its child asks for CPU 1: {answer:?}");
    let member = member(&group, |word| match word {
        "where" => sys::sched_getaffinity().map(|mask| format!("{:#x}", mask[0])).or_fail("sched_getaffinity"),
        _ => {
            let mut second = [0; 16];
            second[0] = 2;
            Ok(format!("{:?}", sys::sched_setaffinity(&second)))
        }
    })?;
    let path = group_of(member.pid(), "cpuset")?;
    ensure!(path == "/kr-bound", "a process that moved to /kr-bound is in {path}");
    let mask = member.ask("where")?;
    ensure!(mask == "0x1", "a member of a cpuset with CPU 0 may run on {mask}");
    let answer = member.ask("go to CPU 1")?;
    ensure!(answer == "Err(EINVAL)", "a member of a cpuset with CPU 0 asks for CPU 1: {answer}");
    set_up(&other, &root)?;
    other.take(member.pid()).or_fail("move it to a cpuset with all CPUs")?;
    let (mask, all) = (member.ask("where")?, (1u64 << cpus) - 1);
    ensure!(mask == format!("{all:#x}"), "a member of a cpuset with all {cpus} CPUs may run on {mask}");
    Ok(())
}

/// What an exclusive cpuset has, no sibling can have.
fn cpuset_exclusive_cpus_are_of_one_sibling(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpuset")?;
    let (owner, sibling) = (root.child("kr-owner")?, root.child("kr-sibling")?);
    owner.set("cpuset.cpus", "0")?;
    sibling.set("cpuset.cpus", "0")?;
    let late = owner.try_set("cpuset.cpu_exclusive", "1");
    ensure!(late == Err(Errno::EINVAL), "a cpuset whose CPUs a sibling has becomes exclusive: {late:?}, not EINVAL");
    sibling.set("cpuset.cpus", "\n")?;
    owner.set("cpuset.cpu_exclusive", "1")?;
    let answer = sibling.try_set("cpuset.cpus", "0");
    ensure!(answer == Err(Errno::EINVAL), "a sibling takes a CPU of an exclusive cpuset: {answer:?}, not EINVAL");
    owner.set("cpuset.cpu_exclusive", "0")?;
    sibling.set("cpuset.cpus", "0")
}

/// With `cgroup.clone_children` a new cpuset has its parent's CPUs and nodes, and hands the flag on.
fn cpuset_clone_children_copies_the_parent(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("cpuset")?;
    let parent = root.child("kr-parent")?;
    set_up(&parent, &root)?;
    let plain = parent.child("kr-plain")?.get("cpuset.cpus")?;
    ensure!(plain.is_empty(), "without clone_children a new cpuset has the CPUs `{plain}`");
    parent.set("cgroup.clone_children", "1")?;
    let child = parent.child("kr-child")?;
    for file in ["cpuset.cpus", "cpuset.mems", "cgroup.clone_children"] {
        let (here, above) = (child.get(file)?, parent.get(file)?);
        ensure!(here == above && !here.is_empty(), "{file} is `{here}` in a new group, `{above}` in its parent");
    }
    let member = resident(&child)?;
    let path = group_of(member.pid(), "cpuset")?;
    ensure!(path == "/kr-parent/kr-child", "a member of a cpuset that was set up by the kernel is in {path}");
    Ok(())
}

/// Mounted with `noprefix`, as the old `cpuset` file system was, files go without `cpuset.`.
fn cpuset_noprefix_drops_the_prefix(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let prefixed = v1::mount("cpuset")?;
    ensure!(files::exists(&prefixed.file("cpuset.cpus")), "mounted without noprefix there is no cpuset.cpus");
    drop(prefixed);
    let root = mount_at("/tmp/cpuset", "cpuset,noprefix")?;
    let group = root.child("kr-old")?;
    group.set("cpus", "0")?;
    group.set("mems", "0")?;
    let member = resident(&group)?;
    let path = group_of(member.pid(), "cpuset")?;
    ensure!(path == "/kr-old", "a member of /kr-old is in {path}");
    let prefixed = group.try_set("cpuset.cpus", "0");
    ensure!(prefixed == Err(Errno::ENOENT), "the file is there with its prefix too: {prefixed:?}");
    Ok(())
}

/// A software event of the group counts what the group ran, on that CPU.
fn count_cpu_clock(group: &Group) -> Result<Fd, Stop> {
    const PERF_TYPE_SOFTWARE: u64 = 1;
    const ATTR_SIZE_VER0: u64 = 64;
    const PERF_FLAG_PID_CGROUP: usize = 4;
    // struct perf_event_attr: type and size in the first word, PERF_COUNT_SW_CPU_CLOCK (0) in the second.
    let mut attr = [0u64; 8];
    attr[0] = PERF_TYPE_SOFTWARE | ATTR_SIZE_VER0 << 32;
    let folder = sys::open(&group.path, open::RDONLY | open::CLOEXEC, 0).or_fail("open the group's folder")?;
    let args = [attr.as_ptr() as usize, sys::arg(folder.raw()), 0, usize::MAX, PERF_FLAG_PID_CGROUP];
    // SAFETY: an attribute structure of the size that it names.
    let event = unsafe { sys::call(nr::PERF_EVENT_OPEN, args) };
    event.map(Fd::new).or_fail("perf_event_open of a group")
}

fn read_count(event: &Fd) -> Result<u64, Stop> {
    let mut count = [0; 8];
    let n = sys::read(event, &mut count).or_fail("read a perf event")?;
    ensure!(n == 8, "a perf event reads {n} bytes");
    Ok(u64::from_ne_bytes(count))
}

/// A perf event of a group counts while its members run, and not while others do.
fn perf_event_counts_the_group_only(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("perf_event")?;
    let (busy, idle) = (root.child("kr-busy")?, root.child("kr-idle")?);
    let (spinning, _idler) = (spinner(&busy)?, resident(&idle)?);
    let (event, other) = (count_cpu_clock(&busy)?, count_cpu_clock(&idle)?);
    spin(&[&spinning], 100 * MS)?;
    let (counted, elsewhere) = (read_count(&event)? / MS, read_count(&other)? / MS);
    ensure!(counted >= 50, "the event of the busy group counted {counted} ms, its member used 100");
    ensure!(elsewhere * 2 <= counted, "the event of the idle group counted {elsewhere} ms, that of the busy {counted}");
    Ok(())
}
