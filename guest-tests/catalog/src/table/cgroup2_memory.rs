//! cgroup v2, the memory controller. Page cache comes from RAM disks, since tmpfs cannot be reclaimed.

use crate::mutant::{Lie, Mutant};
use crate::options::{BLK_DEV_RAM, CGROUPS, MEMCG, MEMCG_SWAP, SWAP};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    test("cgroup2::memory::current_follows_use", "memory.current rises by what members take and falls when they die")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, MEMCG])
        .mutants(&[Mutant::new("nothing charged", Lie::Read { path: "/memory.current", text: "4096\n" })]),
    test(
        "cgroup2::memory::stat_sums_over_the_subtree",
        "anon in memory.stat of a parent is what its children have together",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(20)
    .mutants(&[Mutant::new("nothing counted", Lie::Read { path: "/memory.stat", text: "anon 0\nfile 0\n" })]),
    test(
        "cgroup2::memory::limit_of_the_parent_binds",
        "a group without a limit of its own is held by its parent's memory.max",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(30)
    .mutants(&[Mutant::ignore_write("limit ignored", "/memory.max")]),
    test(
        "cgroup2::memory::high_reclaims_cache",
        "page cache above memory.high is reclaimed and counted, without a kill",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG, BLK_DEV_RAM])
    .modules(&["brd"])
    .deadline(20)
    .mutants(&[Mutant::ignore_write("high ignored", "/memory.high")]),
    // bf8d5d52ffe8: memory.min.
    test("cgroup2::memory::min_protects_cache", "page cache below memory.min stays when a sibling needs memory")
        .since(4, 18, 0)
        .kconfig(&[CGROUPS, MEMCG, BLK_DEV_RAM])
        .modules(&["brd"])
        .deadline(30)
        .mutants(&[Mutant::ignore_write("min ignored", "/memory.min")]),
    test("cgroup2::memory::low_protects_cache", "page cache below memory.low stays when a sibling needs memory")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, MEMCG, BLK_DEV_RAM])
        .modules(&["brd"])
        .deadline(30)
        .mutants(&[Mutant::ignore_write("low ignored", "/memory.low")]),
    // 3d8b38eb81ca: memory.oom.group.
    test(
        "cgroup2::memory::oom_group_kills_all",
        "memory.oom.group has the OOM killer end the whole group, and nobody else",
    )
    .since(4, 19, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(30)
    .mutants(&[Mutant::ignore_write("one victim only", "/memory.oom.group")]),
    // 1e577f970f66: memory.events.local.
    test(
        "cgroup2::memory::events_local_leave_out_children",
        "an OOM kill in a child is in memory.events of its parent, not in its events.local",
    )
    .since(5, 2, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(30)
    .mutants(&[Mutant::new(
        "children counted",
        Lie::Read { path: "/memory.events.local", text: "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n" },
    )]),
    // 8e20d4b33266: memory.peak.
    test("cgroup2::memory::peak_outlives_the_use", "memory.peak is the most that memory.current ever was")
        .since(5, 19, 0)
        .kconfig(&[CGROUPS, MEMCG])
        .mutants(&[Mutant::new("no peak", Lie::Read { path: "/memory.peak", text: "0\n" })]),
    // 94968384dde1: memory.reclaim.
    test("cgroup2::memory::reclaim_on_demand", "a write to memory.reclaim takes that much page cache back")
        .since(5, 19, 0)
        .kconfig(&[CGROUPS, MEMCG, BLK_DEV_RAM])
        .modules(&["brd"])
        .mutants(&[Mutant::ignore_write("nothing reclaimed", "/memory.reclaim")]),
    test(
        "cgroup2::memory::swap_max_holds",
        "what exceeds memory.max is swapped, up to memory.swap.max; beyond is the OOM killer",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG, BLK_DEV_RAM, SWAP, MEMCG_SWAP])
    .modules(&["brd"])
    .deadline(30)
    .mutants(&[Mutant::ignore_write("swap without a limit", "/memory.swap.max")]),
];
