//! cgroup v1, controllers that refuse or stop.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{BLK_DEV_THROTTLING, CGROUP_HUGETLB, CGROUPS, DEVICE, FREEZER, LOOP, NET_CLS, NET_PRIO, PIDS};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup1::devices_denied_cannot_be_opened_or_made",
        "a denied device is EPERM to open and to make, and the sibling may",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, DEVICE])
    .mutants(&[
        Mutant::ignore_write("nothing denied", "/devices.deny"),
        Mutant::ignore_write("nothing allowed", "/devices.allow"),
        Mutant::ignore("any node made", nr::MKNOD),
    ]),
    test(
        "cgroup1::devices_child_cannot_exceed_its_parent",
        "a group cannot be allowed a device that its parent is denied",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, DEVICE])
    .mutants(&[
        Mutant::ignore_write("nothing denied", "/devices.deny"),
        Mutant::new("allowed beyond the parent", Lie::Forgive { nr: nr::WRITE, answer: 9 }),
    ]),
    // bd2953ebbb53.
    test(
        "cgroup1::devices_denial_reaches_the_groups_below",
        "what is denied to a group is denied to the groups it has already",
    )
    .since(3, 10, 0)
    .kconfig(&[CGROUPS, DEVICE])
    .mutants(&[Mutant::ignore_write("nothing denied", "/devices.deny")]),
    test(
        "cgroup1::freezer_stops_and_thaws",
        "processes of a FROZEN cgroup stand still while others go on, then go on too",
    )
    .since(2, 6, 28)
    .kconfig(&[CGROUPS, FREEZER])
    .deadline(20)
    .mutants(&[
        Mutant::new("frozen by its word only", Lie::Read { path: "/freezer.state", text: "FROZEN\n" }),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // ef9fe980c6fc.
    test(
        "cgroup1::freezer_stops_the_groups_below",
        "a FROZEN group freezes those below, which cannot thaw by themselves",
    )
    .since(3, 8, 0)
    .kconfig(&[CGROUPS, FREEZER])
    .deadline(20)
    .mutants(&[
        Mutant::new("not by the parent", Lie::Read { path: "/freezer.parent_freezing", text: "0\n" }),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    test(
        "cgroup1::freezer_holds_back_a_kill_till_the_thaw",
        "a frozen process that is killed dies at the thaw and not before",
    )
    .since(2, 6, 28)
    .kconfig(&[CGROUPS, FREEZER])
    .deadline(20)
    .mutants(&[Mutant::ignore_write("members do not move in", "/kr-frozen/tasks")]),
    // Broken in 6.1 (f5d39b020809), mended in 6.16 and its stable kernels (37fb58a72737).
    test("cgroup1::freezer_stops_who_moves_in", "who is moved into a frozen group freezes, and the group says FROZEN")
        .since(3, 8, 0)
        .kconfig(&[CGROUPS, FREEZER])
        .deadline(20)
        .mutants(&[
            Mutant::ignore_write("not moved", "/kr-frozen/tasks"),
            Mutant::new("freezing for good", Lie::Read { path: "/kr-frozen/freezer.state", text: "FREEZING\n" }),
        ]),
    test("cgroup1::freezer_refuses_who_would_move_in", "a frozen group is EBUSY to who would move in")
        .since(2, 6, 28)
        .kconfig(&[CGROUPS, FREEZER])
        .until(3, 8, 0)
        .deadline(20)
        .mutants(&[Mutant::ignore_write("taken in", "/kr-frozen/tasks")]),
    test("cgroup1::pids_max_refuses_fork", "fork is EAGAIN at pids.max, works below it, and a sibling is not limited")
        .since(4, 3, 0)
        .kconfig(&[CGROUPS, PIDS])
        .mutants(&[
            Mutant::ignore_write("limit not set", "/pids.max"),
            Mutant::ignore_write("members do not move in", "/tasks"),
        ]),
    // 2bc64a204697.
    test("cgroup1::hugetlb_limit_holds", "a huge page beyond the group's limit is SIGBUS, and the sibling gets it")
        .since(3, 6, 0)
        .kconfig(&[CGROUPS, CGROUP_HUGETLB])
        .mutants(&[
            Mutant::ignore_write("limit not set", "/hugetlb.2MB.limit_in_bytes"),
            Mutant::new("hits not counted", Lie::Read { path: "/hugetlb.2MB.failcnt", text: "0\n" }),
        ]),
    test(
        "cgroup1::blkio_throttle_slows_reads",
        "reads of a device take as long as the group's limit makes them, and are counted",
    )
    .since(2, 6, 37)
    .kconfig(&[CGROUPS, BLK_DEV_THROTTLING, LOOP])
    .modules(&["loop"])
    .mutants(&[
        Mutant::ignore_write("limit not set", "/blkio.throttle.read_bps_device"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    test("cgroup1::net_cls_classid_is_inherited", "a new group has its parent's class, and a change is its own")
        .since(2, 6, 29)
        .kconfig(&[CGROUPS, NET_CLS])
        .modules(&["cls_cgroup"])
        .mutants(&[
            Mutant::ignore_write("class not set", "/net_cls.classid"),
            Mutant::new("not inherited", Lie::Read { path: "/kr-child/net_cls.classid", text: "0\n" }),
        ]),
    test(
        "cgroup1::net_prio_map_is_of_one_group",
        "net_prio.ifpriomap holds a priority for each interface, for one group",
    )
    .since(3, 3, 0)
    .kconfig(&[CGROUPS, NET_PRIO])
    .modules(&["netprio_cgroup"])
    .mutants(&[Mutant::ignore_write("priority not set", "/net_prio.ifpriomap")]),
];
