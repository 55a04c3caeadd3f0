//! Loops that hunt for races and leaks; their numbers come from the host.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{
    AUFS, CGROUPS, FREEZER, IPC_NS, NET_NS, OVERLAY, OVERLAYFS_UBUNTU, PID_NS, SYSVIPC, TMPFS_XATTR, USER_NS, UTS_NS,
    VETH,
};
use crate::test::{Param, Test, test};

const fn iterations(default: u64) -> Param {
    Param { name: "iterations", default, min: 1, max: 10_000_000 }
}

const fn workers(default: u64) -> Param {
    Param { name: "workers", default, min: 1, max: 256 }
}

/// Goes on for as long whatever the iterations.
const SECONDS: Param = Param { name: "seconds", default: 0, min: 0, max: 86_400 };
const SEED: Param = Param { name: "seed", default: 1, min: 0, max: u64::MAX };

/// Defaults take a second at most on the slowest kernel under emulation; hunting is for who turns them up.
const LIGHT: &[Param] = &[iterations(40), workers(2), SECONDS, SEED];
const HEAVY: &[Param] = &[iterations(12), workers(2), SECONDS, SEED];
/// 2.6.32 takes network namespaces down one by one, a quarter of a second each (LP#720095).
const NET: &[Param] = &[iterations(4), workers(2), SECONDS, SEED];

const fn lost(name: &'static str, flag: usize) -> Mutant {
    Mutant::lose(name, nr::CLONE, 0, flag)
}

const NO_PID: Mutant = lost("no new PID namespace", clone::NEWPID);
const NO_MOUNTS: Mutant = lost("no new mount namespace", clone::NEWNS);
const NO_REMOVAL: Mutant = Mutant::ignore("groups are never removed", nr::RMDIR);
const SIGKILL: usize = 9;

const fn churn(name: &'static str, purpose: &'static str, params: &'static [Param]) -> Test {
    // 2.6.29: as the namespaces of network_namespaces(7); workers and the last look need PID and UTS namespaces.
    test(name, purpose).since(2, 6, 29).kconfig(&[PID_NS, UTS_NS]).params(params).deadline(30)
}

const UNION_MUTANTS: &[Mutant] =
    &[Mutant::new("layers are forgotten", Lie::Replace { nr: nr::MOUNT, arg: 4, value: 0 }), NO_MOUNTS];

const fn union(name: &'static str, purpose: &'static str) -> Test {
    churn(name, purpose, HEAVY).mutants(UNION_MUTANTS)
}

pub(super) const TESTS: &[Test] = &[
    churn("churn::namespaces::uts", "UTS namespaces by several processes keep their names and leave nothing", LIGHT)
        .mutants(&[lost("no new UTS namespace", clone::NEWUTS)]),
    churn("churn::namespaces::ipc", "IPC namespaces full of System V objects take them along when they go", LIGHT)
        .kconfig(&[PID_NS, UTS_NS, IPC_NS, SYSVIPC])
        .mutants(&[lost("no new IPC namespace", clone::NEWIPC)]),
    churn("churn::namespaces::mount", "mount namespaces with mounts upon mounts take them along when they go", LIGHT)
        .mutants(&[NO_MOUNTS]),
    churn("churn::namespaces::pid", "PID namespaces start at 1, count on, and take their processes along", LIGHT)
        .mutants(&[NO_PID]),
    churn(
        "churn::namespaces::net",
        "network namespaces start with lo down and leave nothing, however they pile up",
        NET,
    )
    .kconfig(&[PID_NS, UTS_NS, NET_NS])
    .leaves_netns()
    .mutants(&[lost("no new network namespace", clone::NEWNET)]),
    churn("churn::namespaces::user", "user namespaces with others inside them come and go and leave nothing", LIGHT)
        .since(3, 8, 0)
        .kconfig(&[PID_NS, UTS_NS, USER_NS])
        .mutants(&[lost("no new user namespace", clone::NEWUSER)]),
    churn(
        "churn::namespaces::cgroup",
        "cgroup namespaces have the group they were made in for root, and let it go",
        LIGHT,
    )
    .since(4, 6, 0)
    .kconfig(&[PID_NS, UTS_NS, CGROUPS])
    .mutants(&[Mutant::lose("no new cgroup namespace", nr::UNSHARE, 0, clone::NEWCGROUP)]),
    churn(
        "churn::namespaces::veth",
        "pairs into namespaces that die at once leave no end behind, whoever is first",
        NET,
    )
    .kconfig(&[PID_NS, UTS_NS, NET_NS, VETH])
    .modules(&["veth"])
    .leaves_netns()
    .mutants(&[lost("no new network namespace", clone::NEWNET)]),
    churn(
        "churn::groups::version_1",
        "groups of version 1 made, entered and removed by several processes all go",
        HEAVY,
    )
    .kconfig(&[PID_NS, UTS_NS, CGROUPS, FREEZER])
    .mutants(&[NO_REMOVAL, Mutant::ignore_write("members do not move", "/tasks")]),
    churn(
        "churn::groups::version_2",
        "groups of version 2 made, entered and removed by several processes all go",
        HEAVY,
    )
    .since(4, 5, 0)
    .kconfig(&[PID_NS, UTS_NS, CGROUPS])
    .mutants(&[NO_REMOVAL, Mutant::ignore_write("members do not move", "/cgroup.procs")]),
    union("churn::mounts::overlay", "overlays by several processes over one lower layer leave it alone and all go")
        .since(3, 18, 0)
        .kconfig(&[PID_NS, UTS_NS, OVERLAY, TMPFS_XATTR])
        .modules(&["overlay"]),
    union("churn::mounts::overlayfs_ubuntu", "overlayfs by several processes over one lower layer leave it alone")
        .since(3, 0, 0)
        .kconfig(&[PID_NS, UTS_NS, OVERLAYFS_UBUNTU, TMPFS_XATTR])
        .modules(&["overlayfs"]),
    union("churn::mounts::aufs", "AUFS unions by several processes over one lower layer leave it alone and all go")
        .kconfig(&[PID_NS, UTS_NS, AUFS])
        .modules(&["aufs"]),
    churn(
        "churn::mounts::propagation",
        "mounts arrive in peers and slaves and go with detached trees and namespaces",
        HEAVY,
    )
    .mutants(&[Mutant::ignore_if("mounts are never shared", nr::MOUNT, 3, ms::SHARED), NO_MOUNTS]),
    // setns(2): 3.0.
    churn(
        "churn::storms::setns",
        "processes that enter namespace after namespace are always where they went last",
        LIGHT,
    )
    .since(3, 0, 0)
    .kconfig(&[PID_NS, UTS_NS, IPC_NS, NET_NS])
    .leaves_netns()
    .mutants(&[Mutant::ignore("nothing is entered", nr::SETNS)]),
    churn(
        "churn::storms::orphans",
        "orphans of a PID namespace come to its init and go with it when it is killed",
        HEAVY,
    )
    .mutants(&[NO_PID, Mutant::ignore_when("nothing is killed", nr::KILL, 1, SIGKILL)]),
    churn(
        "churn::storms::fork_exec_kill",
        "programs in PID namespaces tell their PID, and die wherever they are",
        HEAVY,
    )
    .mutants(&[NO_PID, Mutant::ignore_when("nothing is killed", nr::KILL, 1, SIGKILL)]),
    churn(
        "churn::storms::mixture",
        "namespaces, mounts, orphans and programs mixed by seed leave nothing behind",
        HEAVY,
    )
    .kconfig(&[PID_NS, UTS_NS, IPC_NS, NET_NS, SYSVIPC])
    .leaves_netns()
    .mutants(&[NO_PID, lost("no new IPC namespace", clone::NEWIPC)]),
];
