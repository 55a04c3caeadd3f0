//! cgroup v1, the memory controller at its limit; and every controller once, in the same boot.

use crate::Version;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, MEMCG, MEMCG_V1};
use crate::test::{Oddity, Test, test};

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup1::memory_limit_ooms_only_the_offender",
        "a child above limit_in_bytes is OOM-killed, a sibling cgroup lives",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("limit not set", "/memory.limit_in_bytes"),
        Mutant::new("hits not counted", Lie::Read { path: "/memory.failcnt", text: "0\n" }),
    ]),
    // 28dbc4b6a01f.
    test(
        "cgroup1::memory_limit_of_a_parent_holds_for_children",
        "with use_hierarchy a limit holds for the groups below",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("limit not set", "/memory.limit_in_bytes"),
        Mutant::new("hits not counted", Lie::Read { path: "/kr-parent/memory.failcnt", text: "0\n" }),
    ]),
    // 3c11ecf448ef.
    test(
        "cgroup1::memory_oom_control_pauses_instead_of_killing",
        "with oom_kill_disable a process at the limit waits and goes on when it is raised",
    )
    .since(2, 6, 35)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("killer not switched off", "/memory.oom_control"),
        Mutant::ignore_write("limit not set", "/memory.limit_in_bytes"),
    ]),
    // 9490ff275606.
    test(
        "cgroup1::memory_oom_is_told_to_an_eventfd",
        "an eventfd on memory.oom_control is told of an OOM, and not before",
    )
    .since(2, 6, 35)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    .own_boot()
    .mutants(&[Mutant::ignore_write("nobody is told", "/cgroup.event_control")]),
    // 2e72b6347c94.
    test(
        "cgroup1::memory_threshold_is_told_to_an_eventfd",
        "an eventfd is told when memory.usage_in_bytes crosses a threshold",
    )
    .since(2, 6, 34)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("nobody is told", "/cgroup.event_control"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // Memory is among them.
    test(
        "cgroup1::each_controller_has_a_hierarchy_of_its_own",
        "every enabled controller can be mounted alone and takes a process in",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .deadline(30)
    .own_boot()
    .oddities(&[Oddity {
        name: "lists_what_v1_lacks",
        since: Version(6, 11, 0),
        until: Some(Version(6, 13, 0)),
        source: "af000ce85293: /proc/cgroups listed memory and cpuset without MEMCG_V1 and CPUSETS_V1",
    }])
    .mutants(&[Mutant::ignore_write("members do not move in", "/tasks"), Mutant::ignore("nothing mounted", nr::MOUNT)]),
];
