//! cgroup v2, block I/O on RAM disks, the BPF filter of device nodes, huge pages.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{BLK_CGROUP, BLK_DEV_RAM, BLK_DEV_THROTTLING, BPF_SYSCALL, CGROUP_BPF, CGROUP_HUGETLB, CGROUPS};
use crate::test::{Test, test};

/// `BPF_PROG_ATTACH`
const ATTACH: usize = 8;

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup2::devices::io_stat_counts_writes",
        "io.stat has what members and groups below wrote to a device, to the byte",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, BLK_CGROUP, BLK_DEV_RAM])
    .modules(&["brd"])
    .mutants(&[Mutant::new("nothing counted", Lie::Read { path: "/io.stat", text: "\n" })]),
    test("cgroup2::devices::io_max_slows_writes", "writes above the rate in io.max take their time")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, BLK_CGROUP, BLK_DEV_THROTTLING, BLK_DEV_RAM])
        .modules(&["brd"])
        .deadline(20)
        .mutants(&[Mutant::ignore_write("rate ignored", "/io.max")]),
    // ebc614f68736: BPF_CGROUP_DEVICE.
    test(
        "cgroup2::devices::bpf_filter_denies",
        "what a BPF device filter denies can neither be opened nor made by members",
    )
    .since(4, 15, 0)
    .kconfig(&[CGROUPS, CGROUP_BPF, BPF_SYSCALL])
    .mutants(&[Mutant::ignore_when("filter not attached", nr::BPF, 0, ATTACH)]),
    test(
        "cgroup2::devices::bpf_filter_binds_groups_below",
        "the device filter of a group binds the groups below it, old and new",
    )
    .since(4, 15, 0)
    .kconfig(&[CGROUPS, CGROUP_BPF, BPF_SYSCALL])
    .mutants(&[Mutant::ignore_when("filter not attached", nr::BPF, 0, ATTACH)]),
    // faced7e0806c: hugetlb in v2.
    test("cgroup2::devices::hugetlb_max_holds", "a huge page above hugetlb.2MB.max is a SIGBUS, a sibling gets one")
        .since(5, 6, 0)
        .kconfig(&[CGROUPS, CGROUP_HUGETLB])
        .mutants(&[Mutant::ignore_write("limit ignored", "/hugetlb.2MB.max")]),
];
