//! What a network namespace has for itself besides its interfaces: settings, tables, numbers, sockets.

use alloc::format;

use super::station::{Station, arrived, bring_up, open_port, own_network, send};
use crate::files;
use crate::sys::{self, Errno, clone, inet_address, net};
use crate::test_api::{Check, Ctx, OrStop as _};
use crate::tests::interface;
use crate::tests::netlink::{self, Attributes, attribute, attribute_u32};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// Settings that each namespace had for itself in 2.6.32 already, with two values that none has by itself.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("/proc/sys/net/core/somaxconn", "77", "78"),
    ("/proc/sys/net/ipv4/icmp_ratemask", "6169", "6170"),
    ("/proc/sys/net/ipv4/conf/all/rp_filter", "1", "0"),
    ("/proc/sys/net/ipv4/conf/default/accept_redirects", "0", "1"),
    ("/proc/sys/net/ipv4/conf/lo/medium_id", "7", "8"),
    ("/proc/sys/net/ipv6/conf/all/hop_limit", "77", "78"),
];

/// The same of TCP and IP, which came one by one until 4.15.
const LATER: &[(&str, &str, &str)] = &[
    ("/proc/sys/net/ipv4/tcp_keepalive_time", "7200", "7300"),
    ("/proc/sys/net/ipv4/tcp_fin_timeout", "61", "62"),
    ("/proc/sys/net/ipv4/tcp_sack", "0", "1"),
    ("/proc/sys/net/ipv4/ip_default_ttl", "77", "78"),
];

fn must_read(path: &str, value: &str, what: &str) -> Check {
    let text = files::read_text(path).or_fail(&format!("read {path}"))?;
    ensure!(text.trim() == value, "{path} {what} is {}, not {value}", text.trim());
    Ok(())
}

fn set_apart(settings: &[(&str, &str, &str)]) -> Check {
    own_network()?;
    let inside = Station::start()?;
    for (path, one, other) in settings {
        inside.must(&format!("write {path} {one}"), "done", &format!("set {path} inside"))?;
        files::write(path, other).or_fail(&format!("set {path} outside"))?;
        inside.must(&format!("read {path}"), one, &format!("{path} inside after it was set outside"))?;
        inside.must(&format!("write {path} {one}"), "done", &format!("set {path} inside again"))?;
        must_read(path, other, "outside after it was set inside")?;
    }
    Ok(())
}

/// Settings written on one side are not read on the other.
pub(crate) fn sysctls(_: &Ctx) -> Check {
    set_apart(SETTINGS)
}

/// The same of those that were the whole machine's for longer.
pub(crate) fn sysctls_of_tcp(_: &Ctx) -> Check {
    set_apart(LATER)
}

/// Sockets for echo requests are allowed where the range was set, and nowhere else.
pub(crate) fn ping_group_range(_: &Ctx) -> Check {
    const RANGE: &str = "/proc/sys/net/ipv4/ping_group_range";
    const ICMP: i32 = 1;
    fn open() -> Result<(), Errno> {
        sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, ICMP).map(drop)
    }
    own_network()?;
    ensure!(open() == Err(Errno::EACCES), "an echo socket before the range was set: {:?}, not EACCES", open());
    let peer = Peer::start(clone::NEWNET, |test| {
        files::write(RANGE, "0\t0").or_fail("set the range inside")?;
        open().or_fail("open an echo socket inside")?;
        test.say("set");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    ensure!(open() == Err(Errno::EACCES), "the range was set inside; an echo socket outside: {:?}", open());
    peer.say("go");
    peer.finish()
}

/// `NFNL_SUBSYS_NFTABLES`, and its messages.
const NFTABLES: u16 = 10;
const NFT_MSG_NEWTABLE: u16 = 0;
const NFT_MSG_GETTABLE: u16 = 1;
/// `struct nfgenmsg` of IPv4.
const IPV4: [u8; 4] = [2, 0, 0, 0];

fn add_table(name: &str) -> Result<(), Errno> {
    const NFTA_TABLE_NAME: u16 = 1;
    let name = Attributes::default().put_text(NFTA_TABLE_NAME, name);
    netlink::batch(NFTABLES, NFT_MSG_NEWTABLE, netlink::NEW, &IPV4, &name)
}

fn tables() -> Result<usize, Errno> {
    netlink::dump(netlink::NETFILTER, (NFTABLES << 8) | NFT_MSG_GETTABLE, &IPV4).map(|all| all.len())
}

/// An nftables table is in one namespace, and its name is free in another.
pub(crate) fn nft_tables(_: &Ctx) -> Check {
    own_network()?;
    let peer = Peer::start(clone::NEWNET, |test| {
        add_table("kr-table").or_fail("make an nftables table inside")?;
        test.say("made");
        test.hear()?;
        let count = tables().or_fail("list the tables inside")?;
        ensure!(count == 1, "inside there are {count} tables, 1 was made");
        Ok(())
    })?;
    peer.hear()?;
    let count = tables().or_fail("list the tables outside")?;
    ensure!(count == 0, "outside there are {count} tables, and one was made inside");
    add_table("kr-table").or_fail("make a table of the same name outside")?;
    add_table("kr-second").or_fail("make a second table outside")?;
    let count = tables().or_fail("list the tables outside")?;
    ensure!(count == 2, "outside there are {count} tables, 2 were made");
    peer.say("go");
    peer.finish()
}

/// A namespace gets a number in another, and the wire that leads to it tells that number.
pub(crate) fn numbers_of_other_namespaces(_: &Ctx) -> Check {
    const RTM_GETLINK: u16 = 18;
    const RTM_NEWNSID: u16 = 88;
    const RTM_GETNSID: u16 = 90;
    const NETNSA_NSID: u16 = 1;
    const NETNSA_PID: u16 = 2;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_LINK_NETNSID: u16 = 37;
    const NUMBER: u32 = 42;
    own_network()?;
    let inside = Station::start()?;
    let whose = || Attributes::default().put_u32(NETNSA_PID, inside.pid().cast_unsigned());
    let ask = || netlink::request(netlink::ROUTE, RTM_GETNSID, 0, &[0; 4], &whose()).or_absent("ask for its number");
    let told = |all: &[netlink::Message]| {
        all.iter().find_map(|answer| attribute_u32(answer.body.get(4..).unwrap_or_default(), NETNSA_NSID))
    };
    let before = told(&ask()?);
    ensure!(before == Some(u32::MAX), "a namespace that was given no number has {before:?}");
    let named = whose().put_u32(NETNSA_NSID, NUMBER);
    netlink::request(netlink::ROUTE, RTM_NEWNSID, 0, &[0; 4], &named).or_fail("give it a number")?;
    let after = told(&ask()?);
    ensure!(after == Some(NUMBER), "a namespace that was given the number {NUMBER} has {after:?}");
    inside.connect("kr-here", "kr-there")?;
    let links = netlink::dump(netlink::ROUTE, RTM_GETLINK, &interface::ANY_INTERFACE).or_fail("list the links")?;
    let rest = links.iter().map(|link| link.body.get(16..).unwrap_or_default());
    let mut wire = rest.filter(|rest| attribute(rest, IFLA_IFNAME) == Some(b"kr-here\0"));
    let number = wire.next().and_then(|rest| attribute_u32(rest, IFLA_LINK_NETNSID));
    ensure!(number == Some(NUMBER), "kr-here says that its other end is in namespace {number:?}, not {NUMBER}");
    Ok(())
}

/// A socket keeps the namespace it was made in when its process goes to another.
pub(crate) fn stays_where_it_was_made(_: &Ctx) -> Check {
    const SIOCGIFINDEX: usize = 0x8933;
    own_network()?;
    interface::set_up("lo", true).or_fail("bring lo up")?;
    interface::make_veth("kr-here", "kr-other").or_absent("make a veth pair")?;
    let port = open_port(9000)?;
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0).or_fail("socket")?;
    let peer = Peer::start(0, |_| {
        sys::unshare(clone::NEWNET).or_fail("unshare(CLONE_NEWNET)")?;
        let seen = interface::exists("kr-here").or_fail("look for kr-here")?;
        ensure!(!seen, "a new socket sees an interface of the namespace that was left");
        let mut request = [0u8; 40];
        request[..7].copy_from_slice(b"kr-here");
        // SAFETY: the request takes a struct ifreq, 40 bytes.
        unsafe { sys::ioctl_with(&socket, SIOCGIFINDEX, &mut request) }
            .or_fail("find, by a socket from before, an interface of the namespace that was left")?;
        let sent = send("127.0.0.1", 9000, "by-a-new-one");
        ensure!(sent == Err(Errno::ENETUNREACH), "lo is down here; sending by a new socket gave {sent:?}");
        sys::sendto(&socket, b"by-the-old-one", &inet_address([127, 0, 0, 1], 9000))
            .or_fail("send by the old socket")?;
        Ok(())
    })?;
    peer.finish()?;
    let got = arrived(&port)?;
    ensure!(got == "by-the-old-one", "sent by a socket that was made here; what came: `{got}`");
    Ok(())
}

/// A socket that is bound to one interface gets nothing that comes by another.
pub(crate) fn binds_to_one_interface(_: &Ctx) -> Check {
    const SOL_SOCKET: i32 = 1;
    const SO_BINDTODEVICE: i32 = 25;
    own_network()?;
    let (one, two) = (Station::start()?, Station::start()?);
    one.connect("kr-a", "kr-one")?;
    two.connect("kr-b", "kr-two")?;
    bring_up("kr-a", "10.77.1.1")?;
    bring_up("kr-b", "10.77.2.1")?;
    one.run("addr kr-one 10.77.1.2")?;
    two.run("addr kr-two 10.77.2.2")?;
    let bound = open_port(9000)?;
    sys::setsockopt(&bound, SOL_SOCKET, SO_BINDTODEVICE, b"kr-b\0").or_fail("bind the socket to kr-b")?;
    let fence = open_port(9001)?;
    one.must("send 10.77.1.1 9000 by-the-other", "done", "send by the other interface")?;
    one.run("send 10.77.1.1 9001 fence")?;
    ensure!(arrived(&fence)? == "fence", "what was sent by the other interface to a free socket did not come");
    two.must("send 10.77.2.1 9000 by-its-own", "done", "send by its own interface")?;
    let got = arrived(&bound)?;
    ensure!(got == "by-its-own", "the first that came to a socket bound to kr-b is `{got}`");
    Ok(())
}

/// `struct sockaddr_un` of a path.
fn path_address(path: &str) -> [u8; 110] {
    let mut address = [0; 110];
    address[..2].copy_from_slice(&(net::AF_UNIX as u16).to_ne_bytes());
    address[2..2 + path.len()].copy_from_slice(path.as_bytes());
    address
}

/// A Unix socket in the file system is reached from another network namespace: the mounts decide.
pub(crate) fn unix_path_crosses_namespaces(ctx: &Ctx) -> Check {
    let refused = ctx.expects("socket paths end at the namespace");
    scratch::own_mounts()?;
    own_network()?;
    interface::make_veth("kr-here", "kr-other").or_absent("make a veth pair")?;
    let address = path_address("/tmp/socket");
    let listener = sys::socket(net::AF_UNIX, net::STREAM | net::CLOEXEC, 0).or_fail("socket")?;
    sys::bind(&listener, &address).or_fail("bind to /tmp/socket")?;
    sys::listen(&listener, 4).or_fail("listen")?;
    let peer = Peer::start(clone::NEWNET, |test| {
        let seen = interface::exists("kr-here").or_fail("look for kr-here")?;
        ensure!(!seen, "the process inside is in the same network namespace");
        let client = sys::socket(net::AF_UNIX, net::STREAM | net::CLOEXEC, 0).or_fail("socket inside")?;
        let connected = sys::connect(&client, &address);
        if refused {
            ensure!(connected == Err(Errno::ECONNREFUSED), "connect to /tmp/socket: {connected:?}, not ECONNREFUSED");
            test.say("refused");
            return Ok(());
        }
        connected.or_fail("connect to /tmp/socket from another network namespace")?;
        sys::sendto(&client, b"hello", &[]).or_fail("send inside")?;
        test.say("sent");
        test.hear().map(drop)
    })?;
    if peer.hear()? == "refused" {
        return peer.finish();
    }
    let server = sys::accept(&listener).or_fail("accept")?;
    let mut buffer = [0; 16];
    let n = sys::recv(&server, &mut buffer, 0).or_fail("recv")?;
    ensure!(&buffer[..n] == b"hello", "`hello` was sent inside, {n} bytes came that are others");
    peer.say("go");
    peer.finish()
}

fn raw() -> Result<sys::Fd, Errno> {
    const ICMP: i32 = 1;
    sys::socket(net::AF_INET, net::RAW | net::CLOEXEC, ICMP)
}

fn packet() -> Result<sys::Fd, Errno> {
    sys::socket(net::AF_PACKET, net::RAW | net::CLOEXEC, 0)
}

/// Root of a user namespace has raw and packet sockets in a network namespace of its own and in no other.
pub(crate) fn raw_ones_in_a_user_namespace(_: &Ctx) -> Check {
    own_network()?;
    let without = Peer::start(clone::NEWUSER, |_| {
        for (what, result) in [("raw", raw()), ("packet", packet())] {
            let result = result.map(drop);
            ensure!(result == Err(Errno::EPERM), "a {what} socket in the namespace of outside: {result:?}, not EPERM");
        }
        Ok(())
    })?;
    without.finish()?;
    let with = Peer::start(clone::NEWUSER | clone::NEWNET, |_| {
        interface::set_up("lo", true).or_fail("bring lo up inside")?;
        packet().or_fail("open a packet socket inside")?;
        let socket = raw().or_fail("open a raw socket inside")?;
        // An echo request with its checksum; the reply comes with the IP header before it.
        let request = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
        sys::sendto(&socket, &request, &inet_address([127, 0, 0, 1], 0)).or_fail("send an echo request")?;
        let mut buffer = [0; 256];
        loop {
            ensure!(sys::readable(&socket, 4_000).or_fail("poll")?, "no answer came to an echo request inside");
            let n = sys::recv(&socket, &mut buffer, 0).or_fail("recv")?;
            if n >= 28 && buffer[20] == 0 {
                return Ok(());
            }
        }
    })?;
    with.finish()
}
