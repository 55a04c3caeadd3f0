//! cgroup v2, what is done to the processes of a group.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, MEMCG, PIDS};
use crate::test::{Test, test};

/// A refused write of so many bytes looks as if it had been taken.
const fn taken(name: &'static str, bytes: isize) -> Mutant {
    Mutant::new(name, Lie::Forgive { nr: nr::WRITE, answer: bytes })
}

const INTO: u64 = clone::INTO_CGROUP as u64;

pub(super) const TESTS: &[Test] = &[
    // 97a61369830a, 5.3: before it a new child of a frozen group was not frozen.
    test(
        "cgroup2::tasks::newcomer_of_a_frozen_subtree_is_frozen",
        "a group made below a frozen one is frozen, and so is who is moved there",
    )
    .since(5, 3, 0)
    .kconfig(&[CGROUPS])
    .deadline(20)
    .mutants(&[Mutant::ignore_write("nothing freezes", "/cgroup.freeze")]),
    test("cgroup2::tasks::frozen_process_is_killed", "a frozen process dies of SIGKILL, and its group stays frozen")
        .since(5, 2, 0)
        .kconfig(&[CGROUPS])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("nothing freezes", "/cgroup.freeze")]),
    test("cgroup2::tasks::kill_ends_a_fork_bomb", "cgroup.kill ends a group that forks all the time, and nobody else")
        .since(5, 14, 0)
        .kconfig(&[CGROUPS, PIDS])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("nobody is killed", "/cgroup.kill")]),
    test(
        "cgroup2::tasks::pids_max_of_the_parent_binds",
        "pids.max of a parent counts the processes of all groups below it",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[Mutant::ignore_write("limit ignored", "/pids.max")]),
    // 135b8b37bd91: pids.events.
    test("cgroup2::tasks::pids_events_count_refusals", "pids.events counts each fork that pids.max refused")
        .since(4, 8, 0)
        .kconfig(&[CGROUPS, PIDS])
        .mutants(&[Mutant::new("refusals not counted", Lie::Read { path: "/pids.events", text: "max 0\n" })]),
    // ef2c41cf38a7: CLONE_INTO_CGROUP.
    test(
        "cgroup2::tasks::clone3_is_born_into_a_group",
        "a child of clone3 with CLONE_INTO_CGROUP is born in that group",
    )
    .since(5, 7, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::new("born beside its parent", Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: INTO })]),
    test(
        "cgroup2::tasks::clone3_into_a_full_group_is_refused",
        "CLONE_INTO_CGROUP counts against pids.max of the group, not of the parent's",
    )
    .since(5, 7, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[Mutant::new("born beside its parent", Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: INTO })]),
    // 8cfd8147df67: threaded groups.
    test(
        "cgroup2::tasks::threaded_group_takes_no_domain_controller",
        "a threaded group can have pids, its domain hands no domain controller down",
    )
    .since(4, 14, 0)
    .kconfig(&[CGROUPS, MEMCG, PIDS])
    .mutants(&[taken("memory in a threaded domain", 7)]),
    test(
        "cgroup2::tasks::domain_below_threaded_is_invalid",
        "a domain beside a threaded group is invalid and takes no thread till it is threaded",
    )
    .since(4, 14, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::new("all are domains", Lie::Read { path: "/cgroup.type", text: "domain\n" })]),
    test(
        "cgroup2::tasks::threads_of_a_process_part",
        "threads of one process live in two threaded groups of one domain",
    )
    .since(4, 14, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::ignore_write("threads stay together", "/cgroup.threads")]),
    test("cgroup2::tasks::pids_count_threads", "a thread counts for pids.max as a process does: EAGAIN")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, PIDS])
        .mutants(&[Mutant::ignore_write("limit ignored", "/pids.max")]),
];
