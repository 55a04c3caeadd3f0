//! Routes, neighbours, and what else of IP a namespace has for itself.

use alloc::format;
use alloc::vec::Vec;

use super::station::{NOTHING, Station, arrived, bring_up, open_port, own_network, send};
use crate::files;
use crate::sys::{self, Errno, Fd, net};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::interface;
use crate::tests::netlink::{self, Attributes, attribute};

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const RTA_DST: u16 = 1;
const RTA_GATEWAY: u16 = 5;

/// Adds a route to a /24 by way of a gateway.
pub(super) fn add(to: [u8; 4], via: [u8; 4]) -> Result<(), Errno> {
    // struct rtmsg: family, length of the destination, of the source, tos, table main, protocol boot, scope universe,
    // type unicast, flags
    let fixed = [net::AF_INET as u8, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
    let attributes = Attributes::default().put(RTA_DST, &to).put(RTA_GATEWAY, &via);
    netlink::request(netlink::ROUTE, RTM_NEWROUTE, netlink::NEW, &fixed, &attributes).map(drop)
}

/// Whether the namespace of this process has a route to that destination.
fn has_route(to: [u8; 4]) -> Result<bool, Stop> {
    let mut fixed = [0; 12];
    fixed[0] = net::AF_INET as u8;
    let all = netlink::dump(netlink::ROUTE, RTM_GETROUTE, &fixed).or_fail("list the routes")?;
    Ok(all.iter().any(|route| attribute(route.body.get(12..).unwrap_or_default(), RTA_DST) == Some(&to[..])))
}

const FAR: &str = "10.99.7.0";
const FAR_IP: [u8; 4] = [10, 99, 7, 0];

/// A route made outside is listed and used outside only.
pub(crate) fn routes_are_private(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    bring_up("kr-here", "10.77.0.1")?;
    inside.run("addr kr-there 10.77.0.2")?;
    let before = send("10.99.7.9", 9000, "x");
    ensure!(before == Err(Errno::ENETUNREACH), "without a route a datagram got {before:?}, not ENETUNREACH");
    add(FAR_IP, [10, 77, 0, 2]).or_fail("add a route outside")?;
    ensure!(has_route(FAR_IP)?, "the route that was added is not listed");
    send("10.99.7.9", 9000, "x").or_fail("send by the new route")?;
    inside.must("send 10.99.7.9 9000 x", "ENETUNREACH", "a datagram inside by a route that was made outside")?;
    inside.run(&format!("route {FAR} 10.77.0.1"))?;
    inside.must("send 10.99.7.9 9000 x", "done", "a datagram inside by a route that was made inside")
}

/// `struct ndmsg` of a permanent entry for that interface.
fn neighbour(index: u32) -> [u8; 12] {
    const PERMANENT: u8 = 0x80;
    let mut fixed = [0; 12];
    fixed[0] = net::AF_INET as u8;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8] = PERMANENT;
    fixed
}

/// A neighbour made outside is listed outside, in both ways there are to list it, and in neither way inside.
pub(crate) fn neighbours_are_private(_: &Ctx) -> Check {
    const NDA_DST: u16 = 1;
    const NDA_LLADDR: u16 = 2;
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    bring_up("kr-here", "10.77.0.1")?;
    inside.run("addr kr-there 10.77.0.2")?;
    let fixed = neighbour(interface::index("kr-here").or_fail("number of kr-here")?);
    let entry = Attributes::default().put(NDA_DST, &[10, 77, 0, 66]).put(NDA_LLADDR, &[2, 0, 0, 0, 0, 66]);
    netlink::request(netlink::ROUTE, RTM_NEWNEIGH, netlink::NEW, &fixed, &entry).or_fail("add a neighbour")?;
    let mut family = [0; 12];
    family[0] = net::AF_INET as u8;
    let all = netlink::dump(netlink::ROUTE, RTM_GETNEIGH, &family).or_fail("list the neighbours")?;
    let listed =
        all.iter().any(|one| attribute(one.body.get(12..).unwrap_or_default(), NDA_DST) == Some(&[10, 77, 0, 66]));
    ensure!(listed, "the neighbour that was added is not listed");
    let table = files::read_text("/proc/self/net/arp").or_fail("read /proc/self/net/arp")?;
    ensure!(table.contains("10.77.0.66"), "/proc/self/net/arp lacks the neighbour that was added");
    let seen = inside.run("read /proc/self/net/arp")?;
    ensure!(!seen.contains("10.77.0.66"), "/proc/self/net/arp inside shows a neighbour of outside: {seen}");
    let from_here = files::read_text(&format!("/proc/{}/net/arp", inside.pid())).or_fail("read its table")?;
    ensure!(!from_here.contains("10.77.0.66"), "/proc/PID/net/arp of the process inside shows one of outside");
    Ok(())
}

/// `/proc/PID/net/dev` lists the interfaces of that process's namespace, whoever reads it.
pub(crate) fn proc_shows_its_namespace(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    let names = |path: &str| files::read_text(path).or_fail(&format!("read {path}"));
    let (own, other) = (names("/proc/self/net/dev")?, names(&format!("/proc/{}/net/dev", inside.pid()))?);
    ensure!(own.contains("kr-here") && !own.contains("kr-there"), "/proc/self/net/dev: not just kr-here of the pair");
    ensure!(other.contains("kr-there") && !other.contains("kr-here"), "its /proc/PID/net/dev: not just kr-there");
    let seen = inside.run("read /proc/self/net/dev")?;
    ensure!(seen.contains("kr-there") && !seen.contains("kr-here"), "/proc/self/net/dev inside: not just kr-there");
    Ok(())
}

/// Groups of link messages: `RTMGRP_LINK`.
const LINKS: u32 = 1;

/// Names of interfaces in the messages that wait, till the fence has come.
fn link_names(listener: &Fd, fence: &str) -> Result<Vec<Vec<u8>>, Stop> {
    const IFLA_IFNAME: u16 = 3;
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mark = [fence.as_bytes(), &[0]].concat();
    while !names.contains(&mark) {
        let ready = sys::readable(listener, 4_000).or_fail("poll")?;
        ensure!(ready, "no message came of {fence}, which was made where the listener is");
        for message in netlink::receive(listener).or_fail("listen to link messages")? {
            names.extend(attribute(message.body.get(16..).unwrap_or_default(), IFLA_IFNAME).map(Vec::from));
        }
    }
    Ok(names)
}

/// A listener hears of interfaces of its own namespace only.
pub(crate) fn events_stay_inside(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-fence", "kr-there")?;
    let listener = netlink::socket(netlink::ROUTE, LINKS).or_fail("listen to link messages")?;
    // Its end here stays as it was: what is heard of is what goes on inside.
    inside.run("up lo")?;
    inside.run("down lo")?;
    interface::make_veth("kr-other", "kr-secret").or_fail("make a second pair")?;
    let own = link_names(&listener, "kr-other")?;
    ensure!(own.contains(&Vec::from(b"kr-secret\0")), "no message came of kr-secret");
    let foreign = own.iter().any(|name| name == b"lo\0");
    ensure!(!foreign, "a listener outside hears of lo inside");
    Ok(())
}

/// A router between two stations forwards while its own switch is on, whatever the others' say.
pub(crate) fn forwarding_is_switched_per_namespace(_: &Ctx) -> Check {
    const SWITCH: &str = "/proc/sys/net/ipv4/ip_forward";
    own_network()?;
    let (left, right) = (Station::start()?, Station::start()?);
    left.connect("kr-l", "kr-left")?;
    right.connect("kr-r", "kr-right")?;
    bring_up("kr-l", "10.77.1.1")?;
    bring_up("kr-r", "10.77.2.1")?;
    left.run("addr kr-left 10.77.1.2")?;
    right.run("addr kr-right 10.77.2.2")?;
    left.run("route 10.77.2.0 10.77.1.1")?;
    right.run("route 10.77.1.0 10.77.2.1")?;
    right.run("open 9000")?;
    files::write(SWITCH, "0").or_fail("switch forwarding off")?;
    left.must(&format!("write {SWITCH} 1"), "done", "switch forwarding on in another namespace")?;
    ensure!(files::read_number(SWITCH) == Ok(0), "ip_forward of this namespace was switched on from another");
    // What goes the same way afterwards and arrives says that what went before is through.
    let fence = open_port(9001)?;
    for word in ["resolved", "passed"] {
        left.run(&format!("send 10.77.1.1 9001 {word}"))?;
        let got = arrived(&fence)?;
        ensure!(got == word, "from the station on the left came `{got}`, not `{word}`");
        if word == "resolved" {
            left.run("send 10.77.2.2 9000 early")?;
        }
    }
    send("10.77.2.2", 9000, "fence").or_fail("send from the router")?;
    right.must("recv 9000", "fence", "forwarding is off in the router; the first that came")?;
    files::write(SWITCH, "1").or_fail("switch forwarding on")?;
    left.run("send 10.77.2.2 9000 late")?;
    right.must("recv 9000", "late", "forwarding is on in the router; what came")?;
    right.must("waiting 9000", NOTHING, "forwarding was off; what came after all")
}
