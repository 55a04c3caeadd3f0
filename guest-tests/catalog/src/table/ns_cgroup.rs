//! Cgroup namespaces.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::CGROUPS;
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // cgroup_namespaces(7): 4.6.
    test("ns::cgroup::own_cgroup_is_the_root", "inside a cgroup namespace its own cgroup is /, outside the full path")
        .since(4, 6, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::lose("no new cgroup namespace", nr::UNSHARE, 0, clone::NEWCGROUP)]),
];
