//! Networks of containers: veth, bridges, other interfaces, their end, and what a network namespace has for itself.

use crate::Version;
use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{
    BRIDGE, DUMMY, INET, IPV6, IPVLAN, MACVLAN, NET_NS, NF_TABLES, NF_TABLES_IPV4, PACKET, TUN, UNIX, USER_NS, VETH,
    VLAN, VXLAN,
};
use crate::test::{Oddity, Test, test};

/// What goes in goes nowhere else.
const SAME_NAMESPACE: Mutant = Mutant::lose("no new network namespace", nr::CLONE, 0, clone::NEWNET);

/// `writev` sends datagrams only; its second argument is the vector, whose second word is a length.
const CUT: Mutant = Mutant::new("datagrams are cut short", Lie::LoseIn { nr: nr::WRITEV, arg: 1, offset: 8, bits: 4 });

/// Datagrams are taken and never leave.
const LOST: Mutant = Mutant::new("datagrams get lost", Lie::Ignore { nr: nr::WRITEV, answer: 4 });

/// One piece of a stream is taken for sent and is not.
const HOLE: Mutant =
    Mutant::new("a piece of the stream is lost", Lie::IgnoreWhen { nr: nr::SENDTO, arg: 2, value: 2020, answer: 2020 });

const SIOCBRADDIF: usize = 0x89a2;
const SIOCBRDELIF: usize = 0x89a3;
const SIOCSIFADDR: usize = 0x8916;
const TUNSETIFF: usize = 0x4004_54ca;

const NO_PORT: Mutant = Mutant::ignore_when("interfaces do not become ports", nr::IOCTL, 1, SIOCBRADDIF);

/// Where interfaces of other namespaces are not in sysfs, a bridge there has no object to put its files in.
const NO_SYSFS: Oddity = Oddity {
    name: "bridges in the initial namespace only",
    since: Version(2, 6, 24),
    until: Some(Version(2, 6, 35)),
    source: "a1b3f594dc5f, net: Expose all network devices in a namespaces in sysfs",
};

/// A path of the file system was looked for among the sockets of the caller's namespace.
const PATHS_END: Oddity = Oddity {
    name: "socket paths end at the namespace",
    since: Version(2, 6, 24),
    until: Some(Version(2, 6, 36)),
    source: "af_unix: Allow connecting to sockets in other network namespaces (2.6.36)",
};

/// A test between network namespaces that a veth pair joins: network_namespaces(7) names 2.6.29 as usable.
const fn wire(name: &'static str, purpose: &'static str) -> Test {
    test(name, purpose).since(2, 6, 29).kconfig(&[NET_NS, INET, VETH]).modules(&["veth"]).deadline(20).leaves_netns()
}

const fn bridge(name: &'static str, purpose: &'static str) -> Test {
    wire(name, purpose)
        .kconfig(&[NET_NS, INET, VETH, BRIDGE, PACKET])
        .modules(&["veth", "bridge"])
        .oddities(&[NO_SYSFS])
}

pub(super) const TESTS: &[Test] = &[
    wire("net::veth::streams_both_ways", "a TCP stream each way through a veth pair arrives byte by byte")
        .mutants(&[HOLE, SAME_NAMESPACE]),
    wire("net::veth::streams_both_ways_over_ipv6", "a TCP stream each way over IPv6 arrives byte by byte")
        .kconfig(&[NET_NS, INET, IPV6, VETH])
        .mutants(&[HOLE, SAME_NAMESPACE]),
    wire("net::veth::datagrams_stay_whole", "UDP datagrams arrive as one and as long, fragmented ones too")
        .mutants(&[CUT, SAME_NAMESPACE]),
    wire("net::veth::datagrams_stay_whole_over_ipv6", "UDP datagrams over IPv6 arrive as one, fragmented ones too")
        .kconfig(&[NET_NS, INET, IPV6, VETH])
        .mutants(&[CUT, LOST]),
    // ce8c839b74e3 "veth: don't modify ip_summed; doing so treats packets with bad checksums as good", 4.4.
    wire(
        "net::veth::bad_checksum_is_dropped",
        "a datagram whose checksum is wrong is not delivered through a veth pair",
    )
    .kconfig(&[NET_NS, INET, VETH, PACKET])
    .mutants(&[Mutant::new(
        "frames get lost",
        // The frame with the good checksum: 14 + 20 + 8 + 4 bytes.
        Lie::IgnoreWhen { nr: nr::SENDTO, arg: 2, value: 46, answer: 46 },
    )]),
    wire("net::veth::one_end_takes_the_other_along", "deleting one end of a pair deletes the other in its namespace")
        .mutants(&[SAME_NAMESPACE]),
    bridge("net::bridge::forwards_between_namespaces", "three namespaces reach each other through a bridge")
        .mutants(&[NO_PORT, LOST]),
    bridge("net::bridge::host_is_not_a_station", "the host is reached through a bridge only with an address on it")
        .mutants(&[Mutant::ignore_when("addresses are not set", nr::IOCTL, 1, SIOCSIFADDR)]),
    bridge(
        "net::bridge::learns_where_a_station_is",
        "what is for a known station goes out by that station's port alone",
    )
    .mutants(&[NO_PORT]),
    bridge(
        "net::bridge::removed_port_is_cut_off",
        "an interface that is no port any more is cut off, and back it is not",
    )
    .mutants(&[Mutant::ignore_when("ports stay in the bridge", nr::IOCTL, 1, SIOCBRDELIF)]),
    bridge("net::bridge::dead_namespace_leaves_its_port", "when a namespace dies its port leaves, and others go on")
        .mutants(&[NO_PORT, SAME_NAMESPACE]),
    bridge("net::bridge::star_of_ten_namespaces", "ten namespaces around one bridge send round in a circle")
        .deadline(30)
        .mutants(&[NO_PORT, LOST]),
    // On 2.6.32 this ends in a BUG_ON of sysfs_create_group.
    // Interfaces of other namespaces are in sysfs since 2.6.35; before, making one there is `kernel BUG in br_sysfs_addbr`
    // (seen on 2.6.32.69), so a bridge in a namespace is no feature of those kernels.
    bridge("net::bridge::lives_in_its_namespace", "a bridge can be made in a network namespace and is in it alone")
        .since(2, 6, 35)
        .oddities(&[])
        .mutants(&[Mutant::lose("no new network namespace", nr::UNSHARE, 0, clone::NEWNET)]),
    // Modes: 2.6.33.
    wire("net::macvlan::bridge_mode_joins_siblings", "two macvlan interfaces in bridge mode reach each other")
        .since(2, 6, 33)
        .kconfig(&[NET_NS, INET, MACVLAN, DUMMY])
        .modules(&["dummy", "macvlan"])
        .mutants(&[CUT, SAME_NAMESPACE]),
    wire("net::macvlan::private_mode_keeps_siblings_apart", "two macvlan interfaces in private mode never meet")
        .since(2, 6, 33)
        .kconfig(&[NET_NS, INET, MACVLAN, DUMMY])
        .modules(&["dummy", "macvlan"])
        .mutants(&[SAME_NAMESPACE]),
    wire("net::ipvlan::siblings_share_the_hardware_address", "ipvlan interfaces share one hardware address and meet")
        .since(3, 19, 0)
        .kconfig(&[NET_NS, INET, IPVLAN, DUMMY])
        .modules(&["dummy", "ipvlan"])
        .mutants(&[CUT, SAME_NAMESPACE]),
    wire("net::vlan::tags_keep_networks_apart", "over one veth pair a VLAN reaches its own number and no other")
        .kconfig(&[NET_NS, INET, VETH, VLAN])
        .modules(&["veth", "8021q"])
        .mutants(&[LOST, SAME_NAMESPACE]),
    // 3.7; the port can be chosen from 3.10.
    wire("net::vxlan::carries_frames_over_ip", "a VXLAN tunnel between two namespaces carries a network of its own")
        .since(3, 10, 0)
        .kconfig(&[NET_NS, INET, VETH, VXLAN])
        .modules(&["veth", "vxlan"])
        .mutants(&[CUT, SAME_NAMESPACE]),
    wire(
        "net::tun::tap_lives_in_its_namespace",
        "a tap takes and gives frames in its own namespace and ends with its fd",
    )
    .kconfig(&[NET_NS, INET, TUN])
    .modules(&["tun"])
    .mutants(&[
        Mutant::ignore_when("no tap is made", nr::IOCTL, 1, TUNSETIFF),
        Mutant::lose("the inner namespace is the outer one", nr::CLONE, 0, clone::NEWNET),
    ]),
    wire("net::moving::by_process_and_back", "an interface goes to a process's namespace and back, bare each time")
        .mutants(&[SAME_NAMESPACE]),
    // IFLA_NET_NS_FD: 3.0.
    wire("net::moving::by_descriptor", "an interface goes into the namespace that a descriptor stands for")
        .since(3, 0, 0)
        .mutants(&[SAME_NAMESPACE, LOST]),
    wire(
        "net::moving::taken_name_is_refused",
        "an interface does not move to where its name is taken, and stays as it is",
    )
    .mutants(&[SAME_NAMESPACE]),
    wire(
        "net::moving::virtual_interface_dies_with_its_namespace",
        "a virtual interface goes with its namespace and turns up in no other",
    )
    .kconfig(&[NET_NS, INET, VETH, DUMMY])
    .modules(&["veth", "dummy"])
    .mutants(&[SAME_NAMESPACE]),
    wire("net::teardown::while_datagrams_fly", "a namespace goes away while datagrams fly in and out of it")
        .deadline(30)
        .mutants(&[SAME_NAMESPACE, LOST]),
    wire("net::teardown::while_a_stream_is_unread", "a namespace goes away whose connection is full of unread bytes")
        .deadline(30)
        .mutants(&[SAME_NAMESPACE]),
    wire("net::private::routes", "a route made outside is neither listed nor used inside").mutants(&[SAME_NAMESPACE]),
    wire("net::private::neighbours", "a neighbour entry made outside is not listed inside").mutants(&[
        SAME_NAMESPACE,
        Mutant::new("the table is everybody's", Lie::Read { path: "/net/arp", text: "IP address\n10.77.0.66 0x1\n" }),
    ]),
    wire("net::private::proc_net_of_a_process", "/proc/PID/net is that process's namespace, whoever reads it").mutants(
        &[
            SAME_NAMESPACE,
            Mutant::new("all see one table", Lie::Read { path: "/net/dev", text: "Inter-|\n lo: 0\nkr-here: 0\n" }),
        ],
    ),
    wire("net::private::link_events", "a netlink listener hears of interfaces of its own namespace only")
        .mutants(&[SAME_NAMESPACE]),
    wire("net::private::forwarding", "a namespace routes between its interfaces while its own ip_forward is on")
        .mutants(&[Mutant::ignore_write("the switch does nothing", "/ip_forward"), SAME_NAMESPACE]),
    wire("net::private::sysctls", "settings of core, IPv4 and IPv6 written in one namespace are not read in another")
        .kconfig(&[NET_NS, INET, IPV6])
        .modules(&[])
        .mutants(&[SAME_NAMESPACE, Mutant::ignore_write("one is not written", "/somaxconn")]),
    // tcp_sack was the last of these: 4.15.
    wire("net::private::sysctls_of_tcp", "settings of TCP written in one namespace are not read in another")
        .since(4, 15, 0)
        .kconfig(&[NET_NS, INET])
        .modules(&[])
        .mutants(&[SAME_NAMESPACE, Mutant::ignore_write("one is not written", "/tcp_sack")]),
    // Echo sockets: 3.0.
    wire("net::private::ping_group_range", "echo sockets are allowed only in the namespace that allows the group")
        .since(3, 0, 0)
        .kconfig(&[NET_NS, INET])
        .modules(&[])
        .mutants(&[
            SAME_NAMESPACE,
            Mutant::ignore_write("the range is not set", "/ping_group_range"),
            Mutant::forgive("all may open one", nr::SOCKET),
        ]),
    // nf_tables 3.13; its IPv4 tables are no module of their own since 4.17.
    wire("net::private::nft_tables", "an nftables table exists in one namespace, and its name is free in another")
        .since(4, 17, 0)
        .kconfig(&[NET_NS, NF_TABLES, NF_TABLES_IPV4])
        .modules(&["nf_tables"])
        .mutants(&[SAME_NAMESPACE]),
    // 4.0.
    wire("net::private::numbers_of_other_namespaces", "a namespace has the number it was given, and a wire tells it")
        .since(4, 0, 0)
        .mutants(&[SAME_NAMESPACE]),
    wire("net::socket::stays_where_it_was_made", "a socket keeps the network namespace it was made in")
        .mutants(&[Mutant::lose("no new network namespace", nr::UNSHARE, 0, clone::NEWNET)]),
    wire("net::socket::binds_to_one_interface", "a socket bound to an interface gets nothing that comes by another")
        .mutants(&[Mutant::ignore("the socket is not bound", nr::SETSOCKOPT), LOST]),
    wire("net::socket::unix_path_crosses_namespaces", "a Unix socket's path is reached from another network namespace")
        .kconfig(&[NET_NS, UNIX, VETH])
        .oddities(&[PATHS_END])
        .mutants(&[
            SAME_NAMESPACE,
            Mutant::new("paths end at the namespace", Lie::Refuse { nr: nr::CONNECT, errno: 111 }),
        ]),
    // user_namespaces(7): 3.8.
    wire(
        "net::socket::raw_ones_in_a_user_namespace",
        "root of a user namespace has raw sockets in its own network only",
    )
    .since(3, 8, 0)
    .kconfig(&[NET_NS, USER_NS, INET, PACKET])
    .modules(&[])
    .mutants(&[
        Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER),
        Mutant::forgive("anyone may open one", nr::SOCKET),
    ]),
];
