//! Network interfaces of the namespace this process is in: state, MTU and address by ioctl, the rest by netlink.

use crate::sys::{self, Errno, Fd, net};
use crate::tests::netlink::{self, Attributes};

/// `struct ifreq`: a name and a union.
#[repr(C)]
struct Request {
    name: [u8; 16],
    value: [u8; 24],
}

const SIOCGIFFLAGS: usize = 0x8913;
const SIOCSIFFLAGS: usize = 0x8914;
const SIOCSIFADDR: usize = 0x8916;
const SIOCSIFNETMASK: usize = 0x891c;
const SIOCGIFMTU: usize = 0x8921;
const SIOCSIFMTU: usize = 0x8922;
const SIOCGIFHWADDR: usize = 0x8927;
const SIOCGIFINDEX: usize = 0x8933;

const IFF_UP: u16 = 1;

pub(crate) fn control(name: &str, request: usize, value: &[u8]) -> Result<[u8; 24], Errno> {
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0)?;
    let mut argument = Request { name: [0; 16], value: [0; 24] };
    argument.name[..name.len()].copy_from_slice(name.as_bytes());
    argument.value[..value.len()].copy_from_slice(value);
    // SAFETY: all requests of this file take a struct ifreq.
    unsafe { sys::ioctl_with(&socket, request, &mut argument) }?;
    Ok(argument.value)
}

pub(crate) fn flags(name: &str) -> Result<u16, Errno> {
    control(name, SIOCGIFFLAGS, &[]).map(|value| u16::from_ne_bytes([value[0], value[1]]))
}

/// Whether it is up.
pub(crate) fn is_up(name: &str) -> Result<bool, Errno> {
    Ok(flags(name)? & IFF_UP != 0)
}

/// Brings it up or takes it down.
pub(crate) fn set_up(name: &str, up: bool) -> Result<(), Errno> {
    let flags = if up { flags(name)? | IFF_UP } else { flags(name)? & !IFF_UP };
    control(name, SIOCSIFFLAGS, &flags.to_ne_bytes()).map(drop)
}

pub(crate) fn mtu(name: &str) -> Result<i32, Errno> {
    control(name, SIOCGIFMTU, &[]).map(|value| i32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
}

pub(crate) fn set_mtu(name: &str, mtu: i32) -> Result<(), Errno> {
    control(name, SIOCSIFMTU, &mtu.to_ne_bytes()).map(drop)
}

/// Gives it an IPv4 address in a /24.
pub(crate) fn set_address(name: &str, ip: [u8; 4]) -> Result<(), Errno> {
    control(name, SIOCSIFADDR, &sys::inet_address(ip, 0))?;
    control(name, SIOCSIFNETMASK, &sys::inet_address([255, 255, 255, 0], 0)).map(drop)
}

/// Whether there is an interface of that name.
pub(crate) fn exists(name: &str) -> Result<bool, Errno> {
    match flags(name) {
        Ok(_) => Ok(true),
        Err(Errno::ENODEV) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Its number.
pub(crate) fn index(name: &str) -> Result<u32, Errno> {
    control(name, SIOCGIFINDEX, &[]).map(|value| u32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
}

/// Its hardware address.
pub(crate) fn hardware(name: &str) -> Result<[u8; 6], Errno> {
    control(name, SIOCGIFHWADDR, &[]).map(|v| [v[2], v[3], v[4], v[5], v[6], v[7]])
}

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_SETLINK: u16 = 19;
const RTM_NEWADDR: u16 = 20;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

/// `struct ifinfomsg` of no interface in particular.
pub(crate) const ANY_INTERFACE: [u8; 16] = [0; 16];

fn named(name: &str) -> Attributes {
    Attributes::default().put_text(IFLA_IFNAME, name)
}

fn link_request(kind: u16, flags: u16, link: &Attributes) -> Result<(), Errno> {
    netlink::request(netlink::ROUTE, kind, flags, &ANY_INTERFACE, link).map(drop)
}

/// Makes an interface of a kind in this namespace: upon another one (`lower`), with the kind's own attributes.
pub(crate) fn make(kind: &str, name: &str, lower: Option<&str>, data: Option<&Attributes>) -> Result<(), Errno> {
    let mut info = Attributes::default().put_text(IFLA_INFO_KIND, kind);
    if let Some(data) = data {
        info = info.nest(IFLA_INFO_DATA, data);
    }
    let mut link = named(name);
    if let Some(lower) = lower {
        link = link.put_u32(IFLA_LINK, index(lower)?);
    }
    link_request(RTM_NEWLINK, netlink::NEW, &link.nest(IFLA_LINKINFO, &info))
}

/// Makes a veth pair in this namespace.
pub(crate) fn make_veth(name: &str, peer: &str) -> Result<(), Errno> {
    let other = [&ANY_INTERFACE[..], named(peer).bytes()].concat();
    make("veth", name, None, Some(&Attributes::default().put(VETH_INFO_PEER, &other)))
}

/// Takes an interface away; of a pair both.
pub(crate) fn delete(name: &str) -> Result<(), Errno> {
    link_request(RTM_DELLINK, 0, &named(name))
}

/// Moves an interface into the network namespace of the process. Making it there at once is for 2.6.33 and later.
pub(crate) fn move_to(name: &str, process: i32) -> Result<(), Errno> {
    link_request(RTM_SETLINK, 0, &named(name).put_u32(IFLA_NET_NS_PID, process.cast_unsigned()))
}

/// Moves an interface into the network namespace that the descriptor stands for (3.0).
pub(crate) fn move_to_fd(name: &str, namespace: &Fd) -> Result<(), Errno> {
    link_request(RTM_SETLINK, 0, &named(name).put_u32(IFLA_NET_NS_FD, namespace.raw().cast_unsigned()))
}

/// Gives it an IPv6 address in a /64 that is not looked for on the link first.
pub(crate) fn set_address6(name: &str, ip: [u8; 16]) -> Result<(), Errno> {
    const IFA_F_NODAD: u8 = 2;
    add_address6(name, ip, IFA_F_NODAD)
}

/// Gives it an IPv6 address in a /64, which without flags is looked for on the link first.
pub(crate) fn add_address6(name: &str, ip: [u8; 16], flags: u8) -> Result<(), Errno> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    let mut fixed = [net::AF_INET6 as u8, 64, flags, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index(name)?.to_ne_bytes());
    let addresses = Attributes::default().put(IFA_LOCAL, &ip).put(IFA_ADDRESS, &ip);
    netlink::request(netlink::ROUTE, RTM_NEWADDR, netlink::NEW, &fixed, &addresses).map(drop)
}
