//! Namespaces: what is set inside is not seen outside, nor the reverse.

pub(crate) mod cgroup;
pub(crate) mod file;
pub(crate) mod ipc;
mod ipc_objects;
pub(crate) mod mount;
pub(crate) mod net;
pub(crate) mod pid;
mod pid_made;
mod pid_seen;
pub(crate) mod time;
pub(crate) mod user;
mod user_maps;
mod user_powers;
pub(crate) mod uts;
mod way;

use crate::test_api::Entry;

/// UTS and IPC, in the catalog's order; the other kinds have lists of their own.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::uts::hostname_is_private", uts::hostname_is_private),
    ("ns::uts::names_are_inherited", uts::names_are_inherited),
    ("ns::uts::unshare_makes_a_new_one", uts::unshare_makes_a_new_one),
    ("ns::uts::clone3_makes_a_new_one", uts::clone3_makes_a_new_one),
    ("ns::ipc::shm_key_is_private", ipc::shm_key_is_private),
    ("ns::ipc::msg_key_is_private", ipc::msg_key_is_private),
    ("ns::ipc::sem_key_is_private", ipc::sem_key_is_private),
    ("ns::ipc::posix_mq_is_private", ipc::posix_mq_is_private),
    ("ns::ipc::unshare_makes_a_new_one", ipc::unshare_makes_a_new_one),
    ("ns::ipc::clone3_makes_a_new_one", ipc::clone3_makes_a_new_one),
    ("ns::ipc::limits_are_private", ipc_objects::limits_are_private),
    ("ns::ipc::sysvipc_lists_only_own", ipc_objects::sysvipc_lists_only_own),
    ("ns::ipc::teardown_frees_memory", ipc_objects::teardown_frees_memory),
    ("ns::ipc::many_teardowns_free_all", ipc_objects::many_teardowns_free_all),
];
