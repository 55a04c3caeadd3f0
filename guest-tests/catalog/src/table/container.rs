//! The whole: a container set up, run, used, killed and torn down.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{
    AUFS, CGROUP_DEVICE_BEFORE_PIDS, CGROUPS, DEVPTS_INSTANCES, FREEZER_OF_V1, INET, IPC_NS, MEMCG, NET_NS, OVERLAY,
    OVERLAYFS_UBUNTU, PID_NS, PIDS_OF_V2, SECCOMP_FILTER, SYSVIPC, TIME_NS, TMPFS_XATTR, USER_NS, UTS_NS, VETH,
};
use crate::test::{Kconfig, Param, Test, test};

/// What every container here is made of.
const CLASSIC: &[Kconfig] = &[
    UTS_NS,
    IPC_NS,
    PID_NS,
    NET_NS,
    SYSVIPC,
    INET,
    VETH,
    DEVPTS_INSTANCES,
    CGROUPS,
    CGROUP_DEVICE_BEFORE_PIDS,
    PIDS_OF_V2,
];

macro_rules! classic_and {
    ($($more:expr),+) => {
        &[
            UTS_NS, IPC_NS, PID_NS, NET_NS, SYSVIPC, INET, VETH, DEVPTS_INSTANCES, CGROUPS, CGROUP_DEVICE_BEFORE_PIDS,
            PIDS_OF_V2, $($more),+
        ]
    };
}

const PR_CAPBSET_DROP: usize = 24;
const PR_SET_SECCOMP: usize = 22;
const SIGKILL: usize = 9;

const NO_PID: Mutant = Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID);
const NO_NET: Mutant = Mutant::lose("no new network namespace", nr::CLONE, 0, clone::NEWNET);
const NO_IPC: Mutant = Mutant::lose("no new IPC namespace", nr::CLONE, 0, clone::NEWIPC);
const NO_UTS: Mutant = Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS);
const NO_MOUNT_NS: Mutant = Mutant::lose("no new mount namespace", nr::CLONE, 0, clone::NEWNS);
const NO_USER: Mutant = Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER);
const OLD_ROOT: Mutant = Mutant::ignore("the old root stays mounted", nr::UMOUNT2);
const NO_PIVOT: Mutant = Mutant::ignore("the root stays the old one", nr::PIVOT_ROOT);
const NO_DROP: Mutant = Mutant::ignore_when("capabilities stay in the bounding set", nr::PRCTL, 0, PR_CAPBSET_DROP);
const NO_CAPSET: Mutant = Mutant::ignore("capabilities are kept", nr::CAPSET);
const NO_LIMIT: Mutant = Mutant::ignore_write("the limit is not set", "/pids.max");
const NO_MEMBER: Mutant = Mutant::ignore_write("the group stays empty", "/cgroup.procs");
const NO_MASK: Mutant = Mutant::ignore_if("read-only remounts do nothing", nr::MOUNT, 3, ms::REMOUNT | ms::RDONLY);
const LOST: Mutant =
    Mutant::new("what is sent gets lost", Lie::IgnoreWhen { nr: nr::SENDTO, arg: 2, value: 4, answer: 4 });
const LEAKY: Mutant = Mutant::ignore("groups are never removed", nr::RMDIR);

const fn container(name: &'static str, purpose: &'static str) -> Test {
    // 2.6.29: usable network namespaces, terminals of one's own, pid, ipc, uts and mount namespaces.
    test(name, purpose).since(2, 6, 29).kconfig(CLASSIC).modules(&["veth"]).deadline(30).leaves_netns()
}

pub(super) const TESTS: &[Test] = &[
    container("container::whole::on_a_bound_folder", "a container of 2.6.32's namespaces keeps all that it promises")
        .mutants(&[
            NO_PID,
            NO_NET,
            NO_IPC,
            NO_UTS,
            NO_MOUNT_NS,
            OLD_ROOT,
            NO_PIVOT,
            NO_DROP,
            NO_CAPSET,
            NO_LIMIT,
            NO_MEMBER,
            NO_MASK,
        ]),
    container("container::whole::on_overlay", "a container on overlay changes its own files and not the image")
        .since(3, 18, 0)
        .kconfig(classic_and!(OVERLAY, TMPFS_XATTR))
        .modules(&["veth", "overlay"])
        .mutants(&[NO_PIVOT, Mutant::new("layers are forgotten", Lie::Replace { nr: nr::MOUNT, arg: 4, value: 0 })]),
    container(
        "container::whole::on_overlayfs_ubuntu",
        "a container on Ubuntu's overlayfs changes its own files and not the image",
    )
    .since(3, 0, 0)
    .kconfig(classic_and!(OVERLAYFS_UBUNTU, TMPFS_XATTR))
    .modules(&["veth", "overlayfs"])
    .mutants(&[NO_PIVOT, NO_PID]),
    container("container::whole::on_aufs", "a container on AUFS changes its own files and not the image")
        .kconfig(classic_and!(AUFS))
        .modules(&["veth", "aufs"])
        .mutants(&[NO_PIVOT, NO_PID]),
    // user_namespaces(7): 3.8; tmpfs and devpts can be mounted in one since 3.9 (b3c6761d9b5c).
    container("container::whole::with_a_user_namespace", "root of a container can be a user outside, all else as ever")
        .since(3, 9, 0)
        .kconfig(classic_and!(USER_NS))
        .mutants(&[NO_USER, NO_PID, NO_LIMIT, NO_CAPSET, Mutant::ignore_write("no users are mapped", "/uid_map")]),
    // cgroup_namespaces(7): 4.6.
    container("container::whole::with_a_cgroup_namespace", "a container in a cgroup namespace has its group for root")
        .since(4, 6, 0)
        .mutants(&[Mutant::lose("no new cgroup namespace", nr::UNSHARE, 0, clone::NEWCGROUP), NO_MEMBER]),
    // time_namespaces(7): 5.6.
    container(
        "container::whole::with_a_clock_of_its_own",
        "a container in a time namespace was booted at another time",
    )
    .since(5, 6, 0)
    .kconfig(classic_and!(TIME_NS))
    .mutants(&[Mutant::ignore_write("the clock is not set", "/timens_offsets")]),
    // seccomp(2): 3.5.
    container("container::whole::sealed_by_seccomp", "a container with no_new_privs and a filter is held by both")
        .since(3, 5, 0)
        .kconfig(classic_and!(SECCOMP_FILTER))
        .mutants(&[Mutant::ignore_when("filters do nothing", nr::PRCTL, 0, PR_SET_SECCOMP), NO_PID]),
    container("container::many::one_after_another", "container after container, nothing is left behind in the kernel")
        .params(&[Param { name: "iterations", default: 4, min: 1, max: 100_000 }])
        .deadline(60)
        .mutants(&[LEAKY, NO_NET]),
    container("container::many::at_once", "containers side by side keep their promises and leave nothing behind")
        .params(&[Param { name: "workers", default: 3, min: 1, max: 200 }])
        .deadline(60)
        .mutants(&[LEAKY, NO_LIMIT, NO_UTS, LOST]),
    container(
        "container::life::ends_with_its_init",
        "when init of a container ends its code is told, and all others end",
    )
    .mutants(&[NO_PID]),
    container(
        "container::life::killed_with_many_children",
        "a container of many processes is gone with its killed init",
    )
    .params(&[Param { name: "workers", default: 40, min: 1, max: 10_000 }])
    .mutants(&[NO_PID]),
    container("container::life::frozen_and_killed", "a frozen container stands still, and can be killed")
        .kconfig(classic_and!(FREEZER_OF_V1))
        .mutants(&[
            Mutant::ignore_write("the group stays empty", "/cgroup.procs"),
            Mutant::ignore_write("freezing does nothing", "/cgroup.freeze"),
            Mutant::ignore_when("nothing is killed", nr::KILL, 1, SIGKILL),
        ]),
    container(
        "container::life::signals_are_passed_on",
        "init of a container gets a signal from outside and passes it on",
    )
    .mutants(&[NO_PID, Mutant::ignore_when("SIGTERM gets lost", nr::KILL, 1, 15)]),
    // reboot(2): 3.4, cf3f89214ef6.
    container(
        "container::life::reboot_ends_it_alone",
        "reboot inside a container ends the container, and not the host",
    )
    .since(3, 4, 0)
    .mutants(&[Mutant::ignore("reboot does nothing", nr::REBOOT)]),
    container(
        "container::life::oom_stays_inside",
        "a greedy process of a container is killed, others live, and the host",
    )
    .kconfig(classic_and!(MEMCG))
    .mutants(&[Mutant::ignore_write("the limit is not set", "/memory.max"), NO_MEMBER]),
    // setns(2): all kinds from 3.8.
    container(
        "container::using::entered_from_outside",
        "who enters all namespaces of a container is one of its processes",
    )
    .since(3, 8, 0)
    .mutants(&[Mutant::ignore("nothing is entered", nr::SETNS)]),
    container(
        "container::using::program_speaks_through_pipes",
        "a program that is exec'd as init keeps PID 1 and its pipes",
    )
    .mutants(&[NO_PID, Mutant::ignore("descriptors are not copied", nr::DUP2)]),
    container("container::using::read_only_root", "a read-only root takes no write, /tmp and /dev/shm do")
        .mutants(&[Mutant::lose("mounts are never read-only", nr::MOUNT, 3, ms::RDONLY), NO_CAPSET]),
    container("container::using::holds_another", "root of a container's user namespace makes another container in it")
        .since(3, 9, 0)
        .kconfig(classic_and!(USER_NS))
        .mutants(&[NO_USER, NO_PIVOT, NO_PID, NO_UTS]),
];
