//! Network interfaces of the namespace this process is in: state, MTU and address by ioctl, veth pairs by netlink.

use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, net};

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

const IFF_UP: u16 = 1;

fn control(name: &str, request: usize, value: &[u8]) -> Result<[u8; 24], Errno> {
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0)?;
    let mut argument = Request { name: [0; 16], value: [0; 24] };
    argument.name[..name.len()].copy_from_slice(name.as_bytes());
    argument.value[..value.len()].copy_from_slice(value);
    // SAFETY: all requests of this file take a struct ifreq.
    unsafe { sys::ioctl_with(&socket, request, &mut argument) }?;
    Ok(argument.value)
}

fn flags(name: &str) -> Result<u16, Errno> {
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

const RTM_NEWLINK: u16 = 16;
const RTM_SETLINK: u16 = 19;
/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST: u16 = 5;
/// `NLM_F_CREATE | NLM_F_EXCL`.
const NEW: u16 = 0x600;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const NLMSG_ERROR: u16 = 2;

/// `struct ifinfomsg` of no interface in particular.
const ANY_INTERFACE: [u8; 16] = [0; 16];

fn put(message: &mut Vec<u8>, kind: u16, content: &[u8]) {
    message.extend_from_slice(&((content.len() + 4) as u16).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(content);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn put_name(message: &mut Vec<u8>, name: &str) {
    let mut content = Vec::from(name.as_bytes());
    content.push(0);
    put(message, IFLA_IFNAME, &content);
}

/// Makes a veth pair in this namespace.
pub(crate) fn make_veth(name: &str, peer: &str) -> Result<(), Errno> {
    let mut other = Vec::from(ANY_INTERFACE);
    put_name(&mut other, peer);
    let mut data = Vec::new();
    put(&mut data, VETH_INFO_PEER, &other);
    let mut info = Vec::new();
    put(&mut info, IFLA_INFO_KIND, b"veth\0");
    put(&mut info, IFLA_INFO_DATA, &data);
    let mut link = Vec::from(ANY_INTERFACE);
    put_name(&mut link, name);
    put(&mut link, IFLA_LINKINFO, &info);
    routing_request(RTM_NEWLINK, NEW, &link)
}

/// Moves an interface into the network namespace of the process. Making it there at once is for 2.6.33 and later.
pub(crate) fn move_to(name: &str, process: i32) -> Result<(), Errno> {
    let mut link = Vec::from(ANY_INTERFACE);
    put_name(&mut link, name);
    put(&mut link, IFLA_NET_NS_PID, &process.to_ne_bytes());
    routing_request(RTM_SETLINK, 0, &link)
}

/// Sends one rtnetlink message and takes the kernel's answer.
fn routing_request(kind: u16, flags: u16, content: &[u8]) -> Result<(), Errno> {
    const ROUTE: i32 = 0;
    let socket = sys::socket(net::AF_NETLINK, net::RAW | net::CLOEXEC, ROUTE)?;
    let mut message = Vec::new();
    message.extend_from_slice(&((content.len() + 16) as u32).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(REQUEST | flags).to_ne_bytes());
    message.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(content);
    let mut kernel = [0u8; 12];
    kernel[..2].copy_from_slice(&(net::AF_NETLINK as u16).to_ne_bytes());
    sys::sendto(&socket, &message, &kernel)?;
    answer(&socket)
}

/// The error number in an NLMSG_ERROR, which is 0 for an acknowledgement.
fn answer(socket: &Fd) -> Result<(), Errno> {
    let mut buffer = [0u8; 1024];
    let n = sys::recv(socket, &mut buffer, 0)?;
    if n < 20 || u16::from_ne_bytes([buffer[4], buffer[5]]) != NLMSG_ERROR {
        return Err(Errno::EBADMSG);
    }
    match i32::from_ne_bytes([buffer[16], buffer[17], buffer[18], buffer[19]]) {
        0 => Ok(()),
        errno => Err(Errno(-errno)),
    }
}
