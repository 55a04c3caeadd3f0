//! The tests, by name.

mod cgroup;
mod interface;
mod ns;
mod peer;
mod scratch;
mod setns;
mod union;

use crate::test_api::Entry;

/// Every test of the catalog but `selftest::*`, in its order.
pub(crate) static TESTS: &[Entry] = &[
    ("ns::uts::hostname_is_private", ns::uts::hostname_is_private),
    ("ns::uts::names_are_inherited", ns::uts::names_are_inherited),
    ("ns::ipc::shm_key_is_private", ns::ipc::shm_key_is_private),
    ("ns::ipc::msg_key_is_private", ns::ipc::msg_key_is_private),
    ("ns::ipc::sem_key_is_private", ns::ipc::sem_key_is_private),
    ("ns::ipc::posix_mq_is_private", ns::ipc::posix_mq_is_private),
    ("ns::mount::mount_is_private", ns::mount::mount_is_private),
    ("ns::mount::shared_propagates_both_ways", ns::mount::shared_propagates_both_ways),
    ("ns::mount::slave_receives_and_never_sends", ns::mount::slave_receives_and_never_sends),
    ("ns::mount::unbindable_refuses_bind", ns::mount::unbindable_refuses_bind),
    ("ns::mount::detached_mount_serves_open_files", ns::mount::detached_mount_serves_open_files),
    ("ns::pid::first_process_is_1", ns::pid::first_process_is_1),
    ("ns::pid::outside_is_invisible", ns::pid::outside_is_invisible),
    ("ns::pid::orphan_goes_to_init", ns::pid::orphan_goes_to_init),
    ("ns::pid::death_of_init_kills_all", ns::pid::death_of_init_kills_all),
    ("ns::pid::init_is_immune_from_inside", ns::pid::init_is_immune_from_inside),
    ("ns::pid::nested_is_seen_from_parent_only", ns::pid::nested_is_seen_from_parent_only),
    ("ns::net::loopback_is_own_and_down", ns::net::loopback_is_own_and_down),
    ("ns::net::port_is_private", ns::net::port_is_private),
    ("ns::net::abstract_socket_is_private", ns::net::abstract_socket_is_private),
    ("ns::net::veth_connects_namespaces", ns::net::veth_connects_namespaces),
    ("ns::user::maps_translate_ids", ns::user::maps_translate_ids),
    ("ns::user::unmapped_is_overflow_id", ns::user::unmapped_is_overflow_id),
    ("ns::user::capabilities_end_at_the_border", ns::user::capabilities_end_at_the_border),
    ("ns::cgroup::own_cgroup_is_the_root", ns::cgroup::own_cgroup_is_the_root),
    ("setns::uts_shows_its_hostname", setns::uts_shows_its_hostname),
    ("setns::net_shows_its_interfaces", setns::net_shows_its_interfaces),
    ("setns::mount_shows_its_mounts", setns::mount_shows_its_mounts),
    ("setns::pid_places_children_inside", setns::pid_places_children_inside),
    ("setns::wrong_type_is_refused", setns::wrong_type_is_refused),
    ("cgroup2::memory_max_ooms_only_the_offender", cgroup::memory_max_ooms_only_the_offender),
    ("cgroup2::pids_max_refuses_fork", cgroup::pids_max_refuses_fork),
    ("cgroup2::freeze_stops_and_thaws", cgroup::freeze_stops_and_thaws),
    ("cgroup2::kill_kills_all", cgroup::kill_kills_all),
    ("cgroup1::memory_limit_ooms_only_the_offender", cgroup::memory_limit_ooms_only_the_offender),
    ("cgroup1::freezer_stops_and_thaws", cgroup::freezer_stops_and_thaws),
    ("overlay::copy_up_leaves_lower_alone", union::overlay_copy_up),
    ("overlay::whiteout_hides_lower", union::overlay_whiteout),
    ("overlayfs_ubuntu::copy_up_leaves_lower_alone", union::overlayfs_copy_up),
    ("overlayfs_ubuntu::whiteout_hides_lower", union::overlayfs_whiteout),
    ("aufs::copy_up_leaves_lower_alone", union::aufs_copy_up),
    ("aufs::whiteout_hides_lower", union::aufs_whiteout),
];
