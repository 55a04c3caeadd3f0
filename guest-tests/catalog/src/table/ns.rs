//! Namespaces: UTS, IPC, PID, user, cgroup, time.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{CGROUPS, IPC_NS, PID_NS, POSIX_MQUEUE, SYSVIPC, USER_NS, UTS_NS};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // uts_namespaces(7): 2.6.19.
    test("ns::uts::hostname_is_private", "a host name set in a new UTS namespace is not seen outside, nor the reverse")
        .kconfig(&[UTS_NS])
        .mutants(&[Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS)]),
    test("ns::uts::names_are_inherited", "a new UTS namespace starts with its creator's host and domain name")
        .kconfig(&[UTS_NS])
        .mutants(&[Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS)]),
    // ipc_namespaces(7): 2.6.19, POSIX queues 2.6.30.
    test("ns::ipc::shm_key_is_private", "a shared memory key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::msg_key_is_private", "a message queue key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::sem_key_is_private", "a semaphore key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::posix_mq_is_private", "a POSIX queue is neither opened nor listed from another IPC namespace")
        .since(2, 6, 30)
        .kconfig(&[IPC_NS, POSIX_MQUEUE]),
    // pid_namespaces(7): 2.6.24.
    test("ns::pid::first_process_is_1", "the first process of a PID namespace is 1 inside and another number outside")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::outside_is_invisible", "a process outside can be neither signalled nor seen in a new proc inside")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::orphan_goes_to_init", "an orphan becomes the child of its namespace's init, which reaps it")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::death_of_init_kills_all", "when init of a PID namespace is killed, every process in it dies")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test(
        "ns::pid::init_is_immune_from_inside",
        "SIGKILL and SIGTERM to init have no effect from inside, SIGKILL from outside has",
    )
    .since(2, 6, 26)
    .kconfig(&[PID_NS]),
    test(
        "ns::pid::nested_is_seen_from_parent_only",
        "a process of a nested namespace has a PID above it and sees none of them",
    )
    .since(2, 6, 24)
    .kconfig(&[PID_NS]),
    // user_namespaces(7): complete from 3.8.
    test("ns::user::maps_translate_ids", "UID and GID maps translate process and file owners both ways")
        .since(3, 8, 0)
        .kconfig(&[USER_NS]),
    test("ns::user::unmapped_is_overflow_id", "IDs without a map show as 65534, inside and before the map is written")
        .since(3, 8, 0)
        .kconfig(&[USER_NS]),
    test(
        "ns::user::capabilities_end_at_the_border",
        "root of a user namespace is mighty over its own UTS namespace only",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS, UTS_NS]),
    // cgroup_namespaces(7): 4.6.
    test("ns::cgroup::own_cgroup_is_the_root", "inside a cgroup namespace its own cgroup is /, outside the full path")
        .since(4, 6, 0)
        .kconfig(&[CGROUPS]),
];
