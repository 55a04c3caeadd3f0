//! cgroup v2. Runs before v1: a controller that is attached to a v1 hierarchy cannot be used in v2 until the last
//! cgroup of that hierarchy is gone.

use crate::mutant::Mutant;
use crate::options::{CGROUPS, MEMCG, PIDS};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // cgroups(7): 4.5; cgroup.freeze 5.2, cgroup.kill 5.14.
    test(
        "cgroup2::memory_max_ooms_only_the_offender",
        "a child above memory.max is OOM-killed, a sibling cgroup lives",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(30)
    .mutants(&[Mutant::ignore_write("limit ignored", "/memory.max")]),
    test("cgroup2::pids_max_refuses_fork", "fork is EAGAIN at pids.max, works below it, and a sibling is not limited")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, PIDS])
        .mutants(&[Mutant::ignore_write("limit ignored", "/pids.max")]),
    test(
        "cgroup2::freeze_stops_and_thaws",
        "processes of a frozen cgroup stand still while others go on, then go on too",
    )
    .since(5, 2, 0)
    .kconfig(&[CGROUPS])
    .deadline(20)
    .mutants(&[Mutant::ignore_write("nothing freezes", "/cgroup.freeze")]),
    test("cgroup2::kill_kills_all", "cgroup.kill kills the whole subtree and nobody else")
        .since(5, 14, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::ignore_write("nobody is killed", "/cgroup.kill")]),
];
