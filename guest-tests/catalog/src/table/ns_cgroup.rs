//! Cgroup namespaces.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::CGROUPS;
use crate::test::{Test, test};

const NO_UNSHARE: Mutant = Mutant::lose("no new cgroup namespace", nr::UNSHARE, 0, clone::NEWCGROUP);

const fn cgroup(name: &'static str, purpose: &'static str) -> Test {
    // cgroup_namespaces(7): 4.6.
    test(name, purpose).since(4, 6, 0).kconfig(&[CGROUPS]).mutants(&[NO_UNSHARE])
}

pub(super) const TESTS: &[Test] = &[
    cgroup(
        "ns::cgroup::own_cgroup_is_the_root",
        "inside a cgroup namespace its own cgroup is /, outside the full path",
    ),
    cgroup(
        "ns::cgroup::clone_starts_at_the_creators",
        "a cgroup namespace made by clone has its creator's cgroup for root",
    )
    .mutants(&[Mutant::lose("no new cgroup namespace", nr::CLONE, 0, clone::NEWCGROUP)]),
    cgroup(
        "ns::cgroup::clone3_starts_at_the_creators",
        "one made by clone3 has its creator's cgroup for its root, too",
    )
    .since(5, 3, 0)
    .mutants(&[Mutant::new(
        "flag of clone3 lost",
        Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: clone::NEWCGROUP as u64 },
    )]),
    cgroup(
        "ns::cgroup::moved_out_shows_dots",
        "moved out of its namespace's root a process sees its cgroup as /../other",
    ),
    cgroup("ns::cgroup::mountinfo_shows_the_subtree", "roots in mountinfo are seen from the reader's cgroup namespace"),
];
