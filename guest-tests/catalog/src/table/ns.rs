//! Namespaces: UTS and IPC.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{IPC_NS, POSIX_MQUEUE, SYSVIPC, UTS_NS};
use crate::test::{Test, test};

const NO_UTS: Mutant = Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS);
const NO_IPC: Mutant = Mutant::lose("no new IPC namespace", nr::CLONE, 0, clone::NEWIPC);

/// `clone3` that does not make the namespace: the flags are the first word of its structure.
pub(super) const fn lost_in_clone3(flag: usize) -> Mutant {
    Mutant::new("flag of clone3 lost", Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: flag as u64 })
}

pub(super) const TESTS: &[Test] = &[
    // uts_namespaces(7): 2.6.19.
    test("ns::uts::hostname_is_private", "a host name set in a new UTS namespace is not seen outside, nor the reverse")
        .kconfig(&[UTS_NS])
        .mutants(&[NO_UTS, Mutant::ignore("host name not set", nr::SETHOSTNAME)]),
    test("ns::uts::names_are_inherited", "a new UTS namespace starts with its creator's host and domain name")
        .kconfig(&[UTS_NS])
        .mutants(&[NO_UTS]),
    test("ns::uts::unshare_makes_a_new_one", "unshare gives a process a UTS namespace of its own, names and all")
        .kconfig(&[UTS_NS])
        .mutants(&[Mutant::lose("no new UTS namespace", nr::UNSHARE, 0, clone::NEWUTS)]),
    // clone3(2): 5.3.
    test("ns::uts::clone3_makes_a_new_one", "a process made by clone3 has a UTS namespace of its own, names and all")
        .since(5, 3, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[lost_in_clone3(clone::NEWUTS)]),
    // ipc_namespaces(7): 2.6.19, POSIX queues 2.6.30.
    test("ns::ipc::shm_key_is_private", "a shared memory key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[NO_IPC]),
    test("ns::ipc::msg_key_is_private", "a message queue key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[NO_IPC]),
    test("ns::ipc::sem_key_is_private", "a semaphore key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[NO_IPC]),
    test("ns::ipc::posix_mq_is_private", "a POSIX queue is neither opened nor listed from another IPC namespace")
        .since(2, 6, 30)
        .kconfig(&[IPC_NS, POSIX_MQUEUE])
        .mutants(&[NO_IPC]),
    test("ns::ipc::unshare_makes_a_new_one", "after unshare System V keys of either side mean nothing to the other")
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[Mutant::lose("no new IPC namespace", nr::UNSHARE, 0, clone::NEWIPC)]),
    test("ns::ipc::clone3_makes_a_new_one", "after clone3 System V keys of either side mean nothing to the other")
        .since(5, 3, 0)
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[lost_in_clone3(clone::NEWIPC)]),
    test(
        "ns::ipc::limits_are_private",
        "shmmni set in an IPC namespace holds there and is neither seen nor felt outside",
    )
    .kconfig(&[IPC_NS, SYSVIPC])
    .mutants(&[NO_IPC, Mutant::ignore_write("limit not set", "/shmmni")]),
    test("ns::ipc::sysvipc_lists_only_own", "/proc/sysvipc lists to each side the objects of its own IPC namespace")
        .kconfig(&[IPC_NS, SYSVIPC])
        .mutants(&[NO_IPC]),
    test(
        "ns::ipc::teardown_frees_memory",
        "a segment left behind goes with its IPC namespace and its memory comes back",
    )
    .kconfig(&[IPC_NS, SYSVIPC])
    .mutants(&[NO_IPC]),
    test(
        "ns::ipc::many_teardowns_free_all",
        "eight IPC namespaces full of objects end at once and give all of it back",
    )
    .since(2, 6, 30)
    .kconfig(&[IPC_NS, SYSVIPC, POSIX_MQUEUE])
    .mutants(&[NO_IPC]),
];
