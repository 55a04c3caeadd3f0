//! cgroup v2, delegation and namespaces.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, PIDS};
use crate::test::{Test, test};

/// A refused write of so many bytes looks as if it had been taken.
const fn taken(name: &'static str, bytes: isize) -> Mutant {
    Mutant::new(name, Lie::Forgive { nr: nr::WRITE, answer: bytes })
}

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup2::borders::user_rules_a_delegated_subtree",
        "a user whom a subtree was given makes groups in it and moves within, its limit stays",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[Mutant::ignore("owner ignored", nr::CHOWN)]),
    // 187fe84067bd: the common ancestor counts.
    test(
        "cgroup2::borders::user_cannot_move_out",
        "a user moves no process out of its subtree, whatever the mode of cgroup.procs there",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[taken("moved out", 3)]),
    // e57457641613, 1756d7994ad8: 5.17, and stable kernels from 5.10.93 and 5.15.15 on.
    test(
        "cgroup2::borders::opener_must_have_the_right_to_move",
        "who opened cgroup.procs needs the right to move, whoever writes (CVE-2021-4197)",
    )
    .since(5, 17, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[taken("the writer counts", 3)]),
    // 5136f6365ce3 (4.13); 4.15 names it in /sys/kernel/cgroup.
    test(
        "cgroup2::borders::nsdelegate_closes_the_namespace",
        "with nsdelegate a namespace can neither turn its root's limits nor move out",
    )
    .since(4, 15, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[Mutant::ignore_if("option ignored", nr::MOUNT, 3, ms::REMOUNT)]),
    test(
        "cgroup2::borders::namespace_shows_paths_from_its_root",
        "in a cgroup namespace own paths begin at its root, and others' lead out of it",
    )
    .since(4, 6, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::lose("no new cgroup namespace", nr::UNSHARE, 0, clone::NEWCGROUP)]),
];
