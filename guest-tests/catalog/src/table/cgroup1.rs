//! cgroup v1, controller by controller.

use crate::options::{CGROUPS, FREEZER, MEMCG, MEMCG_V1};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // Documentation/cgroups: memory 2.6.25, freezer 2.6.28.
    test(
        "cgroup1::memory_limit_ooms_only_the_offender",
        "a child above limit_in_bytes is OOM-killed, a sibling cgroup lives",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    // Taking the controller from v2, whose dying groups still hold charges, is answered with EBUSY or, on 5.10 and 6.1,
    // now and then with a WARNING in page_counter_uncharge.
    .own_boot(),
    test(
        "cgroup1::freezer_stops_and_thaws",
        "processes of a FROZEN cgroup stand still while others go on, then go on too",
    )
    .since(2, 6, 28)
    .kconfig(&[CGROUPS, FREEZER])
    .deadline(20),
];
