//! What is left when a container has gone: namespaces, groups and devices that were freed late or never.

use crate::Kconfig;
use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, IPC_NS, IPV6, MEMCG, MEMCG_V1, NET_NS, PID_NS, USER_NS, VETH};
use crate::test::{Param, Test, test};
use crate::version::Version;

const fn iterations(default: u64, max: u64) -> Param {
    Param { name: "iterations", default, min: 1, max }
}

const IO_URING: Kconfig = Kconfig { any: &["IO_URING"], since: Version(5, 1, 0), until: None };

pub(super) const TESTS: &[Test] = &[
    // user.max_ipc_namespaces is of 4.9. Freed in the background since 5.6 (e1eb26fa62d0), waited for by who needs room
    // since a80c4adcb574 and da27f796a832 (6.3).
    test(
        "bug::ipc_lag::unshare_loop",
        "IPC namespaces that were left do not count against the limit, however fast they come and go",
    )
    .since(4, 9, 0)
    .kconfig(&[IPC_NS, USER_NS])
    .params(&[iterations(250, 100_000)])
    .deadline(20)
    .mutants(&[
        Mutant::lose("no new IPC namespace", nr::UNSHARE, 0, clone::NEWIPC),
        Mutant::new("none is freed", Lie::Refuse { nr: nr::UNSHARE, errno: 28 }),
    ]),
    // docker#5618; 751eb6b6042a (4.8) is the repair of this way to it.
    test(
        "bug::unregister_netdevice::duplicate_address",
        "an interface whose IPv6 address was a duplicate goes with its network namespace",
    )
    .since(2, 6, 29)
    .kconfig(&[NET_NS, IPV6, VETH])
    .modules(&["ipv6", "veth"])
    .params(&[iterations(2, 10_000)])
    .deadline(20)
    .leaves_netns()
    .mutants(&[Mutant::lose("it does not go", nr::CLONE, 0, clone::NEWNET)]),
    // cgroup.stat is of 4.14. What held groups: pages till the last is gone, and caches of slabs till 5.3 (fb2f2b0adb98).
    test(
        "bug::dying_cgroups::cache_holds_groups",
        "groups removed before their cached files are freed when those are gone",
    )
    .since(4, 14, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .params(&[iterations(16, 10_000)])
    .deadline(20)
    .mutants(&[
        Mutant::new(
            "none is freed",
            Lie::Read { path: "/cgroup.stat", text: "nr_descendants 0\nnr_dying_descendants 16\n" },
        ),
        Mutant::ignore("files stay", nr::UNLINK),
    ]),
    // Never freed with accounting of kernel memory, 3.8 to 4.x; d6e0b7fa1186 (4.0), 73f576c04b94 (4.8): with 65,535 of
    // them mkdir was ENOSPC.
    test(
        "bug::kmem_leak::groups_come_and_go",
        "memory groups with accounting of kernel memory come and go, and /proc/cgroups counts as before",
    )
    .since(2, 6, 29)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .params(&[iterations(60, 200_000)])
    .deadline(30)
    .mutants(&[Mutant::ignore("groups stay", nr::RMDIR)]),
    // 7fea700e04bd (6.10, 6.1.98 and other stable kernels). setns of PID namespaces is of 3.8, io_uring of 5.1.
    test(
        "bug::zap_pid_ns::waiting_init_is_idle",
        "init of a PID namespace that used io_uring waits for the last process of it asleep",
    )
    .since(5, 1, 0)
    .kconfig(&[PID_NS, IO_URING])
    .mutants(&[
        Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID),
        Mutant::ignore("none is sent in", nr::SETNS),
    ]),
];
