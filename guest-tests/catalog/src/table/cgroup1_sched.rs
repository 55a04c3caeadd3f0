//! cgroup v1, controllers of CPU time and place.

use crate::Version;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CFS_BANDWIDTH, CGROUP_PERF, CGROUPS, CPUACCT, CPUSETS, CPUSETS_V1, FAIR_GROUP_SCHED};
use crate::test::{Oddity, Test, test};

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup1::cpu_shares_divide_the_time",
        "of two busy groups the one with eight times the shares gets most of the CPU",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, FAIR_GROUP_SCHED])
    .mutants(&[
        Mutant::ignore_write("shares not set", "/cpu.shares"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // ab84d31e15502.
    test("cgroup1::cpu_quota_throttles", "a busy group with a quota is throttled and runs no longer than that")
        .since(3, 2, 0)
        .kconfig(&[CGROUPS, FAIR_GROUP_SCHED, CFS_BANDWIDTH])
        .mutants(&[
            Mutant::ignore_write("quota not set", "/cpu.cfs_quota_us"),
            Mutant::ignore_write("members do not move in", "/tasks"),
        ]),
    // Counted up the tree since 2.6.29, cpuacct.stat since 2.6.30.
    test(
        "cgroup1::cpuacct_usage_counts_the_groups_time",
        "cpuacct.usage is what the members used, per CPU and in all, and the parent's too",
    )
    .since(2, 6, 30)
    .kconfig(&[CGROUPS, CPUACCT])
    .oddities(&[Oddity {
        name: "stat_in_batches",
        since: Version(2, 6, 30),
        until: Some(Version(3, 3, 0)),
        source: "kernel/sched.c, cpuacct_stats_show before 54c707e98de9",
    }])
    .mutants(&[
        Mutant::new("nothing counted", Lie::Read { path: "/cpuacct.usage", text: "0\n" }),
        Mutant::ignore_write("members do not move in", "/tasks"),
        Mutant::ignore_write("not reset", "/cpuacct.usage"),
    ]),
    test(
        "cgroup1::co_mounted_controllers_share_a_tree",
        "two controllers mounted together have the same groups and members",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, FAIR_GROUP_SCHED, CPUACCT])
    .mutants(&[
        Mutant::ignore_write("shares not set", "/cpu.shares"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    test("cgroup1::cpuset_without_cpus_takes_nobody", "a cpuset without CPUs or memory nodes is ENOSPC to every task")
        .since(2, 6, 24)
        .kconfig(&[CGROUPS, CPUSETS, CPUSETS_V1])
        .mutants(&[Mutant::ignore_write("members do not move in", "/kr-empty/tasks")]),
    test(
        "cgroup1::cpuset_binds_its_members",
        "members run on the CPUs of their cpuset only, and cannot ask for others",
    )
    .since(2, 6, 24)
    .kconfig(&[CGROUPS, CPUSETS, CPUSETS_V1])
    .mutants(&[
        Mutant::ignore_write("members do not move in", "/tasks"),
        Mutant::ignore("any CPU granted", nr::SCHED_SETAFFINITY),
    ]),
    test("cgroup1::cpuset_exclusive_cpus_are_of_one_sibling", "what an exclusive cpuset has, no sibling can have")
        .since(2, 6, 24)
        .kconfig(&[CGROUPS, CPUSETS, CPUSETS_V1])
        .mutants(&[Mutant::ignore_write("not exclusive", "/cpuset.cpu_exclusive")]),
    // 97978e6d1f2d.
    test(
        "cgroup1::cpuset_clone_children_copies_the_parent",
        "with clone_children a new cpuset has its parent's CPUs and memory nodes",
    )
    .since(2, 6, 37)
    .kconfig(&[CGROUPS, CPUSETS, CPUSETS_V1])
    .mutants(&[Mutant::ignore_write("not asked for", "/cgroup.clone_children")]),
    test(
        "cgroup1::cpuset_noprefix_drops_the_prefix",
        "mounted with noprefix, files of a cpuset go without the controller's name",
    )
    .since(2, 6, 24)
    .kconfig(&[CGROUPS, CPUSETS, CPUSETS_V1])
    .mutants(&[
        Mutant::ignore_write("members do not move in", "/tasks"),
        Mutant::ignore_write("CPUs not set", "/cpus"),
    ]),
    // e5d1367f17ba. Before 3.7 an event of software trips a WARNING in perf_cgroup_switch (mended by 95cf59ea7233, which
    // 3.2.71 has too and Ubuntu's 3.5.0-27 has not): a bug that the test is right to report there.
    test(
        "cgroup1::perf_event_counts_the_group_only",
        "a perf event of a group counts while its members run, and not while others do",
    )
    .since(2, 6, 39)
    .kconfig(&[CGROUPS, CGROUP_PERF])
    .mutants(&[
        Mutant::ignore_write("members do not move in", "/tasks"),
        Mutant::lose("the group taken for a PID", nr::PERF_EVENT_OPEN, 4, 4),
    ]),
];
