//! cgroup v1, the memory controller: what is counted, and whom it is laid at.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, LOOP, MEMCG, MEMCG_KMEM, MEMCG_SWAP, MEMCG_V1};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // The controller is of 2.6.25; the tests ask for the files it has had since 2.6.26.
    // One boot for all of v1 memory: taking the controller from v2, whose dying groups still hold charges, is answered
    // with EBUSY or, on 5.10 and 6.1, now and then with a WARNING in page_counter_uncharge.
    test(
        "cgroup1::memory_usage_follows_and_its_peak_stays",
        "usage goes with the members' memory, max_usage_in_bytes stays till it is reset",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::new("nothing counted", Lie::Read { path: "/memory.usage_in_bytes", text: "0\n" }),
        Mutant::ignore_write("peak not reset", "/memory.max_usage_in_bytes"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    test(
        "cgroup1::memory_stat_tells_rss_from_cache",
        "memory.stat counts anonymous memory as rss and a file on tmpfs as cache",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::new("all is rss", Lie::Read { path: "/memory.stat", text: "cache 0\nrss 16777216\n" }),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // The write reclaims since 2.6.27 (628f42355389).
    test(
        "cgroup1::memory_limit_below_usage_is_refused",
        "a limit below what cannot be reclaimed is EBUSY, and the old one stays",
    )
    .since(2, 6, 27)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[Mutant::new("limit taken though it cannot be kept", Lie::Forgive { nr: nr::WRITE, answer: 7 })]),
    test(
        "cgroup1::memory_force_empty_gives_cache_back",
        "what members read from a disk stays charged without them, till force_empty",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1, LOOP])
    .modules(&["loop"])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("nothing given back", "/memory.force_empty"),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // 296c81d89f4f.
    test(
        "cgroup1::memory_soft_limit_hinders_nobody",
        "a group may exceed its soft limit while there is memory for all",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("soft limit not kept", "/memory.soft_limit_in_bytes"),
        Mutant::new("limit hit", Lie::Read { path: "/memory.failcnt", text: "7\n" }),
    ]),
    // Swap accounting is of 2.6.29; its switch has been a word of the command line since 2.6.37.
    test(
        "cgroup1::memory_memsw_limit_includes_memory",
        "the limit of memory and swap is never below that of memory, and counts both",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1, MEMCG_SWAP])
    .cmdline("swapaccount=1")
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::new("a limit below that of memory", Lie::Forgive { nr: nr::WRITE, answer: 7 }),
        Mutant::ignore_write("memsw limit not set", "/memory.memsw.limit_in_bytes"),
        Mutant::new("nothing counted", Lie::Read { path: "/memory.memsw.usage_in_bytes", text: "0\n" }),
    ]),
    // use_hierarchy became the only mode in 5.11 (bef8620cd8e0).
    test(
        "cgroup1::memory_parent_is_not_charged_when_flat",
        "without use_hierarchy a group's memory is not its parent's affair",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .until(5, 11, 0)
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::new("the parent charged", Lie::Read { path: "/kr-parent/memory.usage_in_bytes", text: "25165824\n" }),
        Mutant::new("a tree unasked", Lie::Read { path: "/memory.use_hierarchy", text: "1\n" }),
    ]),
    // bef8620cd8e0.
    test(
        "cgroup1::memory_hierarchy_cannot_be_switched_off",
        "memory.use_hierarchy cannot be 0, and a parent is charged for its groups",
    )
    .since(5, 11, 0)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::new("flat mode taken", Lie::Forgive { nr: nr::WRITE, answer: 1 }),
        Mutant::new("the parent not charged", Lie::Read { path: "/kr-parent/memory.usage_in_bytes", text: "0\n" }),
    ]),
    // 7dc74be032bc; gone in 6.13 (e548ad4a7cbf).
    test(
        "cgroup1::memory_charge_moves_when_asked_to",
        "a moved process leaves its charges, unless move_charge_at_immigrate is set",
    )
    .since(2, 6, 34)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .until(6, 13, 0)
    .deadline(20)
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("charges stay", "/memory.move_charge_at_immigrate"),
        Mutant::ignore_write("the process does not move", "/kr-moving/tasks"),
    ]),
    test(
        "cgroup1::memory_swappiness_is_inherited_and_bounded",
        "a new group has its parent's swappiness, a sibling does not, nonsense is EINVAL",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .own_boot()
    .mutants(&[
        Mutant::ignore_write("swappiness not set", "/kr-parent/memory.swappiness"),
        Mutant::new("not inherited", Lie::Read { path: "/kr-child/memory.swappiness", text: "60\n" }),
        Mutant::new("nonsense taken", Lie::Forgive { nr: nr::WRITE, answer: 4 }),
    ]),
    // 7ae1e1d0f8ac; since 5.16 the limit is refused (58056f77502f).
    test(
        "cgroup1::memory_kmem_limit_refuses_fork",
        "at its limit of kernel memory a group cannot fork, and its sibling can",
    )
    .since(3, 8, 0)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1, MEMCG_KMEM])
    .until(5, 16, 0)
    .deadline(20)
    .own_boot()
    .mutants(&[Mutant::ignore_write("limit not set", "/memory.kmem.limit_in_bytes")]),
];
