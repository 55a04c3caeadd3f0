//! Networks of containers: wires, bridges, other interfaces, their end, and what a namespace has for itself.

pub(crate) mod bridge;
pub(crate) mod devices;
pub(crate) mod frame;
pub(crate) mod moving;
pub(crate) mod private;
pub(crate) mod route;
mod station;
pub(crate) mod wire;

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("net::veth::streams_both_ways", wire::streams_both_ways),
    ("net::veth::streams_both_ways_over_ipv6", wire::streams_both_ways_over_ipv6),
    ("net::veth::datagrams_stay_whole", wire::datagrams_stay_whole),
    ("net::veth::datagrams_stay_whole_over_ipv6", wire::datagrams_stay_whole_over_ipv6),
    ("net::veth::bad_checksum_is_dropped", wire::bad_checksum_is_dropped),
    ("net::veth::one_end_takes_the_other_along", moving::one_end_takes_the_other_along),
    ("net::bridge::forwards_between_namespaces", bridge::forwards_between_namespaces),
    ("net::bridge::host_is_not_a_station", bridge::host_is_not_a_station),
    ("net::bridge::learns_where_a_station_is", bridge::learns_where_a_station_is),
    ("net::bridge::removed_port_is_cut_off", bridge::removed_port_is_cut_off),
    ("net::bridge::dead_namespace_leaves_its_port", bridge::dead_namespace_leaves_its_port),
    ("net::bridge::star_of_ten_namespaces", bridge::star_of_ten_namespaces),
    ("net::bridge::lives_in_its_namespace", bridge::lives_in_its_namespace),
    ("net::macvlan::bridge_mode_joins_siblings", devices::bridge_mode_joins_siblings),
    ("net::macvlan::private_mode_keeps_siblings_apart", devices::private_mode_keeps_siblings_apart),
    ("net::ipvlan::siblings_share_the_hardware_address", devices::siblings_share_the_hardware_address),
    ("net::vlan::tags_keep_networks_apart", devices::tags_keep_networks_apart),
    ("net::vxlan::carries_frames_over_ip", devices::carries_frames_over_ip),
    ("net::tun::tap_lives_in_its_namespace", devices::tap_lives_in_its_namespace),
    ("net::moving::by_process_and_back", moving::by_process_and_back),
    ("net::moving::by_descriptor", moving::by_descriptor),
    ("net::moving::taken_name_is_refused", moving::taken_name_is_refused),
    ("net::moving::virtual_interface_dies_with_its_namespace", moving::virtual_interface_dies_with_its_namespace),
    ("net::teardown::while_datagrams_fly", moving::while_datagrams_fly),
    ("net::teardown::while_a_stream_is_unread", moving::while_a_stream_is_unread),
    ("net::private::routes", route::routes_are_private),
    ("net::private::neighbours", route::neighbours_are_private),
    ("net::private::proc_net_of_a_process", route::proc_shows_its_namespace),
    ("net::private::link_events", route::events_stay_inside),
    ("net::private::forwarding", route::forwarding_is_switched_per_namespace),
    ("net::private::sysctls", private::sysctls),
    ("net::private::sysctls_of_tcp", private::sysctls_of_tcp),
    ("net::private::ping_group_range", private::ping_group_range),
    ("net::private::nft_tables", private::nft_tables),
    ("net::private::numbers_of_other_namespaces", private::numbers_of_other_namespaces),
    ("net::socket::stays_where_it_was_made", private::stays_where_it_was_made),
    ("net::socket::binds_to_one_interface", private::binds_to_one_interface),
    ("net::socket::unix_path_crosses_namespaces", private::unix_path_crosses_namespaces),
    ("net::socket::raw_ones_in_a_user_namespace", private::raw_ones_in_a_user_namespace),
];
