//! cgroup v2, CPU time and pressure.

use crate::Version;
use crate::mutant::{Lie, Mutant};
use crate::options::{CFS_BANDWIDTH, CGROUPS, CPUSETS, FAIR_GROUP_SCHED, MEMCG, PSI};
use crate::test::{Oddity, Test, test};

pub(super) const TESTS: &[Test] = &[
    // d41bf8c9deae: cpu.stat in every group.
    test(
        "cgroup2::cpu::stat_counts_used_time",
        "cpu.stat counts what members and groups below use, without the controller too",
    )
    .since(4, 15, 0)
    .kconfig(&[CGROUPS])
    .deadline(20)
    .mutants(&[Mutant::new("no time counted", Lie::Read { path: "/cpu.stat", text: "usage_usec 0\n" })]),
    // 0d5936344f30: the cpu controller of v2.
    test("cgroup2::cpu::weight_shares_a_cpu", "two busy groups share a CPU by their weights")
        .since(4, 15, 0)
        .kconfig(&[CGROUPS, FAIR_GROUP_SCHED])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("weight ignored", "/cpu.weight")]),
    test("cgroup2::cpu::max_holds", "a busy group with cpu.max is throttled and uses less than half of the time")
        .since(4, 15, 0)
        .kconfig(&[CGROUPS, FAIR_GROUP_SCHED, CFS_BANDWIDTH])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("quota ignored", "/cpu.max")]),
    // 304000390f88: cpu.idle.
    test("cgroup2::cpu::idle_group_steps_back", "a group with cpu.idle gets next to nothing beside a busy one")
        .since(5, 15, 0)
        .kconfig(&[CGROUPS, FAIR_GROUP_SCHED])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("not idle", "/cpu.idle")]),
    // 4ec22e9c5a90: cpuset in v2.
    test(
        "cgroup2::cpu::cpuset_binds_members",
        "members may run on the CPUs of cpuset.cpus only, and on the parent's if it is empty",
    )
    .since(5, 0, 0)
    .kconfig(&[CGROUPS, CPUSETS])
    .mutants(&[Mutant::ignore_write("not bound", "/cpuset.cpus")]),
    // ee8dde0cd2ce: partitions.
    test(
        "cgroup2::cpu::cpuset_partition_takes_cpus",
        "a partition root takes its CPUs from all others, and never the last one",
    )
    .since(5, 0, 0)
    .kconfig(&[CGROUPS, CPUSETS])
    .oddities(&[Oddity {
        name: "partition_moves_kernel_threads",
        since: Version(5, 0, 0),
        until: Some(Version(5, 11, 0)),
        source: "ec5fbdfb99d1 (6.1, in 5.4 and 5.10 too) spares kthreads that 5c25b5ff89f0 (5.11) tags; seen on 5.10.262",
    }])
    .mutants(&[Mutant::ignore_write("no partition", "/cpuset.cpus.partition")]),
    // 2ce7135adc9a: pressure files.
    test("cgroup2::cpu::cpu_pressure_rises", "cpu.pressure of a group rises when its members wait for each other")
        .since(4, 20, 0)
        .kconfig(&[CGROUPS, PSI])
        .deadline(20)
        .mutants(&[Mutant::new(
            "no pressure",
            Lie::Read { path: "/cpu.pressure", text: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
        )]),
    // e27be240df53 (5.2): waits above memory.high count as pressure.
    test(
        "cgroup2::cpu::memory_pressure_rises",
        "memory.pressure of a group rises when memory.high slows its members down",
    )
    .since(5, 2, 0)
    .kconfig(&[CGROUPS, MEMCG, PSI])
    .deadline(20)
    .mutants(&[Mutant::new(
        "no pressure",
        Lie::Read { path: "/memory.pressure", text: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" },
    )]),
];
