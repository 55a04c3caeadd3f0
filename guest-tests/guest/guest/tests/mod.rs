//! The tests, by name.

mod bug;
mod census;
mod cgroup;
mod checkpoint;
mod churn;
mod container;
#[expect(dead_code, reason = "swap is for tests to come")]
mod disk;
mod interface;
mod net;
mod netlink;
mod ns;
mod peer;
mod program;
mod scratch;
mod security;
mod setns;
mod union;

use crate::test_api::Entry;

/// Every test but `selftest::*`, in the catalog's order.
pub(crate) const GROUPS: &[&[Entry]] = &[
    ns::TESTS,
    ns::file::TESTS,
    ns::pid::TESTS,
    ns::user::TESTS,
    ns::cgroup::TESTS,
    ns::time::TESTS,
    ns::mount::propagation::TESTS,
    ns::mount::unmount::TESTS,
    ns::mount::tree::TESTS,
    ns::mount::flags::TESTS,
    ns::mount::user::TESTS,
    ns::mount::api::TESTS,
    setns::visits::TESTS,
    setns::matrix::TESTS,
    setns::refused::TESTS,
    ns::net::TESTS,
    net::TESTS,
    cgroup::v2_tests::TESTS,
    cgroup::v2_tests::TREE,
    cgroup::v2_tests::TASKS,
    cgroup::v2_tests::MEMORY,
    cgroup::v2_tests::CPU,
    cgroup::v2_tests::DEVICES,
    cgroup::v2_tests::BORDERS,
    cgroup::v1_memory::TESTS,
    cgroup::v1_oom::TESTS,
    cgroup::v1_tree::TESTS,
    cgroup::v1_sched::TESTS,
    cgroup::v1_control::TESTS,
    union::OVERLAY,
    union::OVERLAYFS,
    union::AUFS,
    union::BTRFS,
    checkpoint::TESTS,
    security::TESTS,
    container::TESTS,
    churn::TESTS,
    bug::docker_407::TESTS,
    bug::lp_720095::TESTS,
    bug::mount_calls::TESTS,
    bug::leftovers::TESTS,
    bug::privileges::TESTS,
];
