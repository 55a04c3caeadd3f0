//! Namespaces: what is set inside is not seen outside, nor the reverse.

pub(crate) mod cgroup;
pub(crate) mod ipc;
pub(crate) mod mount;
pub(crate) mod net;
pub(crate) mod pid;
pub(crate) mod user;
pub(crate) mod uts;

use crate::test_api::Entry;

/// In the catalog's order; mounts and networks have lists of their own.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::uts::hostname_is_private", uts::hostname_is_private),
    ("ns::uts::names_are_inherited", uts::names_are_inherited),
    ("ns::ipc::shm_key_is_private", ipc::shm_key_is_private),
    ("ns::ipc::msg_key_is_private", ipc::msg_key_is_private),
    ("ns::ipc::sem_key_is_private", ipc::sem_key_is_private),
    ("ns::ipc::posix_mq_is_private", ipc::posix_mq_is_private),
    ("ns::pid::first_process_is_1", pid::first_process_is_1),
    ("ns::pid::outside_is_invisible", pid::outside_is_invisible),
    ("ns::pid::orphan_goes_to_init", pid::orphan_goes_to_init),
    ("ns::pid::death_of_init_kills_all", pid::death_of_init_kills_all),
    ("ns::pid::init_is_immune_from_inside", pid::init_is_immune_from_inside),
    ("ns::pid::nested_is_seen_from_parent_only", pid::nested_is_seen_from_parent_only),
    ("ns::user::maps_translate_ids", user::maps_translate_ids),
    ("ns::user::unmapped_is_overflow_id", user::unmapped_is_overflow_id),
    ("ns::user::capabilities_end_at_the_border", user::capabilities_end_at_the_border),
    ("ns::cgroup::own_cgroup_is_the_root", cgroup::own_cgroup_is_the_root),
];
