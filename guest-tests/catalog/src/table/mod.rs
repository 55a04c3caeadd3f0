//! The table of tests, a file a group, in the order in which they run.
//!
//! A version is the first release whose mainline has the feature, from the man page or the commit named beside it.

mod bug_docker_407;
mod bug_leftovers;
mod bug_lp_720095;
mod bug_mount_calls;
mod bug_privileges;
mod cgroup1_control;
mod cgroup1_memory;
mod cgroup1_oom;
mod cgroup1_sched;
mod cgroup1_tree;
mod cgroup2;
mod cgroup2_borders;
mod cgroup2_cpu;
mod cgroup2_devices;
mod cgroup2_memory;
mod cgroup2_tasks;
mod cgroup2_tree;
mod checkpoint;
mod churn;
mod container;
mod mount;
mod mount_api;
mod mount_tree;
mod net;
mod ns;
mod ns_cgroup;
mod ns_file;
mod ns_net;
mod ns_pid;
mod ns_time;
mod ns_user;
mod security;
mod selftests;
mod setns;
mod union;

use crate::test::Test;

/// Every test by group, in the order in which they run.
pub const GROUPS: &[&[Test]] = &[
    ns::TESTS,
    ns_file::TESTS,
    ns_pid::TESTS,
    ns_user::TESTS,
    ns_cgroup::TESTS,
    ns_time::TESTS,
    mount::PROPAGATION,
    mount::UNMOUNT,
    mount_tree::TREE,
    mount_tree::FLAGS,
    mount_tree::USER,
    mount_api::TESTS,
    setns::VISITS,
    setns::MATRIX,
    setns::REFUSED,
    ns_net::TESTS,
    net::TESTS,
    cgroup2::TESTS,
    cgroup2_tree::TESTS,
    cgroup2_tasks::TESTS,
    cgroup2_memory::TESTS,
    cgroup2_cpu::TESTS,
    cgroup2_devices::TESTS,
    cgroup2_borders::TESTS,
    cgroup1_memory::TESTS,
    cgroup1_oom::TESTS,
    cgroup1_tree::TESTS,
    cgroup1_sched::TESTS,
    cgroup1_control::TESTS,
    union::OVERLAY,
    union::OVERLAYFS,
    union::AUFS,
    union::BTRFS,
    checkpoint::TESTS,
    security::TESTS,
    container::TESTS,
    churn::TESTS,
    bug_docker_407::TESTS,
    bug_lp_720095::TESTS,
    bug_mount_calls::TESTS,
    bug_leftovers::TESTS,
    bug_privileges::TESTS,
    selftests::TESTS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static ALL: [Test; COUNT] = {
    let mut all = [crate::test::test("", ""); COUNT];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut i = 0;
        while i < GROUPS[group].len() {
            all[at] = GROUPS[group][i];
            at += 1;
            i += 1;
        }
        group += 1;
    }
    all
};

/// Every test, in the order in which they run.
pub static TESTS: &[Test] = &ALL;
