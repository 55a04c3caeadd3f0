//! Interfaces upon others: macvlan, ipvlan, VLAN, VXLAN, and the tap that a program holds.

use alloc::format;

use super::frame;
use super::station::{NOTHING, Station, arrived, bring_up, open_port, own_network, send};
use crate::sys::{self, Errno, Fd, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::interface;
use crate::tests::netlink::Attributes;
use crate::tests::scratch;

/// What all of them stand on: an interface that takes packets and carries them nowhere.
const LOWER: &str = "kr-low";

fn lower() -> Check {
    own_network()?;
    interface::make("dummy", LOWER, None, None).or_absent("make a dummy interface")?;
    interface::set_up(LOWER, true).or_fail("bring the dummy interface up")
}

/// Two stations, each with one interface of the kind upon the lower one, with the addresses 10.77.4.1 and .2.
fn siblings(kind: &str, data: &Attributes) -> Result<[Station; 2], Stop> {
    lower()?;
    let station = |i: u32| {
        let station = Station::start()?;
        let name = format!("kr-s{i}");
        interface::make(kind, &name, Some(LOWER), Some(data)).or_absent(&format!("make a {kind} interface"))?;
        station.take(&name)?;
        station.run(&format!("addr {name} 10.77.4.{i}"))?;
        station.run("open 9000")?;
        Ok(station)
    };
    Ok([station(1)?, station(2)?])
}

fn macvlan(mode: u32) -> Attributes {
    const IFLA_MACVLAN_MODE: u16 = 1;
    Attributes::default().put_u32(IFLA_MACVLAN_MODE, mode)
}

/// Two macvlan interfaces in bridge mode reach each other, though the one below carries nothing.
pub(crate) fn bridge_mode_joins_siblings(_: &Ctx) -> Check {
    const BRIDGE: u32 = 4;
    let [one, two] = siblings("macvlan", &macvlan(BRIDGE))?;
    let macs = [one.run("mac kr-s1")?, two.run("mac kr-s2")?];
    ensure!(macs[0] != macs[1], "both macvlan interfaces have the hardware address {}", macs[0]);
    one.must("send 10.77.4.2 9000 over", "done", "send to the sibling")?;
    two.must("recv 9000", "over", "sent by the sibling; what came")?;
    two.must("send 10.77.4.1 9000 back", "done", "send back")?;
    one.must("recv 9000", "back", "sent back by the sibling; what came")
}

/// Two macvlan interfaces in private mode never hear of each other.
pub(crate) fn private_mode_keeps_siblings_apart(_: &Ctx) -> Check {
    const PRIVATE: u32 = 1;
    let [one, two] = siblings("macvlan", &macvlan(PRIVATE))?;
    one.run("send 10.77.4.2 9000 over")?;
    two.must("quiet 9000", NOTHING, "a sibling in private mode sent; what came")?;
    // Nothing else is wrong with it: what it sends to itself arrives.
    two.run("up lo")?;
    two.must("send 10.77.4.2 9000 own", "done", "send to itself")?;
    two.must("recv 9000", "own", "sent by itself; what came")
}

/// Two ipvlan interfaces have the hardware address of the one below and reach each other by their IP addresses.
pub(crate) fn siblings_share_the_hardware_address(_: &Ctx) -> Check {
    const IFLA_IPVLAN_MODE: u16 = 1;
    const L2: u16 = 0;
    let mode = Attributes::default().put(IFLA_IPVLAN_MODE, &L2.to_ne_bytes());
    let [one, two] = siblings("ipvlan", &mode)?;
    let below = format!("{:02x?}", interface::hardware(LOWER).or_fail("read its hardware address")?);
    one.must("mac kr-s1", &below, "the hardware address of an ipvlan interface")?;
    two.must("mac kr-s2", &below, "the hardware address of another")?;
    one.must("send 10.77.4.2 9000 over", "done", "send to the sibling")?;
    two.must("recv 9000", "over", "sent by the sibling; what came")?;
    two.must("send 10.77.4.1 9000 back", "done", "send back")?;
    one.must("recv 9000", "back", "sent back by the sibling; what came")
}

/// Makes a VLAN interface.
pub(super) fn vlan(name: &str, lower: &str, id: u16) -> Check {
    const IFLA_VLAN_ID: u16 = 1;
    let data = Attributes::default().put(IFLA_VLAN_ID, &id.to_ne_bytes());
    interface::make("vlan", name, Some(lower), Some(&data)).or_absent("make a VLAN interface")
}

/// Over one pair, VLAN 5 reaches VLAN 5 and not VLAN 6.
pub(crate) fn tags_keep_networks_apart(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    for name in ["kr-here", "kr-there"] {
        if name == "kr-here" {
            interface::set_up(name, true).or_fail("bring the pair up")?;
        } else {
            inside.run(&format!("up {name}"))?;
        }
    }
    vlan("kr-five", "kr-here", 5)?;
    bring_up("kr-five", "10.77.5.1")?;
    inside.run("vlan kr-six kr-there 6")?;
    inside.run("addr kr-six 10.77.5.2")?;
    inside.run("open 9000")?;
    send("10.77.5.2", 9000, "to-the-wrong-one").or_fail("send into VLAN 5")?;
    inside.must("quiet 9000", NOTHING, "sent into VLAN 5; what came in VLAN 6")?;
    inside.run("down kr-six")?;
    inside.run("vlan kr-five kr-there 5")?;
    inside.run("addr kr-five 10.77.5.3")?;
    send("10.77.5.3", 9000, "to-the-right-one").or_fail("send into VLAN 5")?;
    inside.must("recv 9000", "to-the-right-one", "sent into VLAN 5; what came there")
}

/// Makes one end of a VXLAN tunnel.
pub(super) fn vxlan(name: &str, id: u32, from: [u8; 4], to: [u8; 4]) -> Check {
    const IFLA_VXLAN_ID: u16 = 1;
    const IFLA_VXLAN_GROUP: u16 = 2;
    const IFLA_VXLAN_LOCAL: u16 = 4;
    const IFLA_VXLAN_PORT: u16 = 15;
    const PORT: u16 = 4789;
    let data = Attributes::default()
        .put_u32(IFLA_VXLAN_ID, id)
        .put(IFLA_VXLAN_GROUP, &to)
        .put(IFLA_VXLAN_LOCAL, &from)
        .put(IFLA_VXLAN_PORT, &PORT.to_be_bytes());
    interface::make("vxlan", name, None, Some(&data)).or_absent("make a VXLAN interface")
}

/// A network of its own over an IP network: its addresses are reached through the tunnel and not without it.
pub(crate) fn carries_frames_over_ip(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    bring_up("kr-here", "10.77.0.1")?;
    inside.run("addr kr-there 10.77.0.2")?;
    inside.run("vxlan kr-vx 77 10.77.0.2 10.77.0.1")?;
    inside.run("addr kr-vx 10.88.0.2")?;
    inside.run("open 9000")?;
    let before = send("10.88.0.2", 9000, "early");
    ensure!(before == Err(Errno::ENETUNREACH), "the tunnel's network was there without a tunnel: {before:?}");
    vxlan("kr-vx", 77, [10, 77, 0, 1], [10, 77, 0, 2])?;
    bring_up("kr-vx", "10.88.0.1")?;
    let port = open_port(9000)?;
    send("10.88.0.2", 9000, "through").or_fail("send into the tunnel")?;
    inside.must("recv 9000", "through", "sent into the tunnel; what came out")?;
    inside.must("send 10.88.0.1 9000 back", "done", "send back")?;
    let got = arrived(&port)?;
    ensure!(got == "back", "sent back through the tunnel; what came: `{got}`");
    Ok(())
}

fn tap(name: &str) -> Result<Fd, Stop> {
    const TUNSETIFF: usize = 0x4004_54ca;
    const TAP_WITHOUT_HEADER: u16 = 0x1002;
    scratch::own_mounts()?;
    sys::mknod_char("/tmp/tun", 0o600, 10, 200).or_fail("make the node of tun")?;
    let tap =
        sys::open("/tmp/tun", open::RDWR | open::CLOEXEC | open::NONBLOCK, 0).or_absent("open the node of tun")?;
    let mut request = [0u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    request[16..18].copy_from_slice(&TAP_WITHOUT_HEADER.to_ne_bytes());
    // SAFETY: the request takes a struct ifreq, 40 bytes.
    unsafe { sys::ioctl_with(&tap, TUNSETIFF, &mut request) }.or_fail("ioctl(TUNSETIFF)")?;
    Ok(tap)
}

/// A tap is in the namespace it was made in; what its holder writes arrives there, and it goes with its descriptor.
pub(crate) fn tap_lives_in_its_namespace(_: &Ctx) -> Check {
    own_network()?;
    let other = Station::start()?;
    let tap = tap("kr-tap")?;
    bring_up("kr-tap", "10.77.9.1")?;
    other.must("has kr-tap", "no", "a tap that was made outside is seen inside")?;
    let port = open_port(9000)?;
    let mac = interface::hardware("kr-tap").or_fail("read its hardware address")?;
    let addresses = ([10, 77, 9, 2], [10, 77, 9, 1]);
    let frame = frame::udp(mac, frame::HERE_MAC, addresses, 9000, b"from-the-holder", true);
    sys::write(&tap, &frame).or_fail("write a frame to the tap")?;
    let got = arrived(&port)?;
    ensure!(got == "from-the-holder", "a datagram was written to the tap; what came: `{got}`");
    send("10.77.9.2", 9000, "x").or_fail("send to a neighbour of the tap")?;
    let mut buffer = [0; 2048];
    let mut asked = false;
    // The question who has 10.77.9.2; IPv6 may have said something before.
    while !asked && sys::readable(&tap, 4_000).or_fail("poll the tap")? {
        let n = sys::read(&tap, &mut buffer).or_fail("read a frame from the tap")?;
        asked = n >= 42 && buffer[12..14] == [8, 6] && buffer[38..42] == [10, 77, 9, 2];
    }
    ensure!(asked, "the holder of the tap did not get the frame that asks for 10.77.9.2");
    drop(tap);
    let left = interface::exists("kr-tap").or_fail("look for kr-tap")?;
    ensure!(!left, "the tap outlives its descriptor");
    Ok(())
}
