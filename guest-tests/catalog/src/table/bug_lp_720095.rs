//! Launchpad #720095: network namespaces that come faster than they go, up to 2.6.32.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{NET_NS, VETH};
use crate::test::{Param, Test, test};

/// One creator is held back by the lock that the clean-up takes; vsftpd's clients were eight.
const PARAMS: &[Param] = &[
    Param { name: "workers", default: 8, min: 1, max: 16 },
    Param { name: "seconds", default: 4, min: 2, max: 86_400 },
];

// 2.6.29: as the namespaces of network_namespaces(7). Not of 2.6.33, the repair: who lacks it is to be caught.
pub(super) const TESTS: &[Test] = &[test(
    "bug::lp_720095::backlog_recovers",
    "network namespaces that eight processes make go no slower than they come",
)
.since(2, 6, 29)
.kconfig(&[NET_NS, VETH])
.modules(&["veth"])
.params(PARAMS)
.deadline(60)
.leaves_netns()
.mutants(&[Mutant::lose("no new network namespace", nr::CLONE, 0, clone::NEWNET)])];
