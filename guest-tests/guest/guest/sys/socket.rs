//! Sockets and poll.

use super::{Errno, Fd, arg, call, nr, plain};

/// Address families and socket types.
pub(crate) mod net {
    pub(crate) const AF_UNIX: i32 = 1;
    pub(crate) const AF_INET: i32 = 2;
    pub(crate) const AF_INET6: i32 = 10;
    pub(crate) const AF_NETLINK: i32 = 16;
    pub(crate) const AF_PACKET: i32 = 17;
    pub(crate) const STREAM: i32 = 1;
    pub(crate) const DGRAM: i32 = 2;
    pub(crate) const RAW: i32 = 3;
    pub(crate) const CLOEXEC: i32 = 0o200_0000;
    pub(crate) const NONBLOCK: i32 = 0o4000;
}

pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<Fd, Errno> {
    plain(nr::SOCKET, [arg(family), arg(kind), arg(protocol)]).map(Fd::new)
}

/// `bind` to an address in the kernel's layout.
pub(crate) fn bind(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    // SAFETY: the address is readable for its length.
    unsafe { call(nr::BIND, [arg(socket.raw()), address.as_ptr() as usize, address.len()]) }.map(drop)
}

/// `connect` to an address in the kernel's layout.
pub(crate) fn connect(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    // SAFETY: the address is readable for its length.
    unsafe { call(nr::CONNECT, [arg(socket.raw()), address.as_ptr() as usize, address.len()]) }.map(drop)
}

pub(crate) fn listen(socket: &Fd, backlog: i32) -> Result<(), Errno> {
    plain(nr::LISTEN, [arg(socket.raw()), arg(backlog)]).map(drop)
}

pub(crate) fn accept(socket: &Fd) -> Result<Fd, Errno> {
    plain(nr::ACCEPT, [arg(socket.raw()), 0, 0]).map(Fd::new)
}

/// `sendto`; an empty address is none.
pub(crate) fn sendto(socket: &Fd, bytes: &[u8], address: &[u8]) -> Result<usize, Errno> {
    let at = if address.is_empty() { 0 } else { address.as_ptr() as usize };
    // SAFETY: bytes and address are readable for their lengths.
    unsafe { call(nr::SENDTO, [arg(socket.raw()), bytes.as_ptr() as usize, bytes.len(), 0, at, address.len()]) }
}

pub(crate) fn recv(socket: &Fd, buffer: &mut [u8], flags: i32) -> Result<usize, Errno> {
    // SAFETY: the buffer is writable for its length; no address is asked for.
    unsafe { call(nr::RECVFROM, [arg(socket.raw()), buffer.as_mut_ptr() as usize, buffer.len(), arg(flags), 0, 0]) }
}

/// `struct sockaddr_in`.
pub(crate) fn inet_address(ip: [u8; 4], port: u16) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&(net::AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&ip);
    address
}

/// `struct sockaddr_in6`.
pub(crate) fn inet6_address(ip: [u8; 16], port: u16) -> [u8; 28] {
    let mut address = [0; 28];
    address[..2].copy_from_slice(&(net::AF_INET6 as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[8..24].copy_from_slice(&ip);
    address
}

/// `setsockopt` with a value in the kernel's layout.
pub(crate) fn setsockopt(socket: &Fd, level: i32, option: i32, value: &[u8]) -> Result<(), Errno> {
    let args = [arg(socket.raw()), arg(level), arg(option), value.as_ptr() as usize, value.len()];
    // SAFETY: the value is readable for its length.
    unsafe { call(nr::SETSOCKOPT, args) }.map(drop)
}

/// `getsockopt`; how many bytes the kernel wrote.
pub(crate) fn getsockopt(socket: &Fd, level: i32, option: i32, value: &mut [u8]) -> Result<usize, Errno> {
    let mut length = value.len() as u32;
    let at = core::ptr::from_mut(&mut length) as usize;
    // SAFETY: the value is writable for the length that is passed, and the length is an int.
    unsafe { call(nr::GETSOCKOPT, [arg(socket.raw()), arg(level), arg(option), value.as_mut_ptr() as usize, at]) }?;
    Ok(length as usize)
}

/// No more is sent.
pub(crate) fn shutdown_write(socket: &Fd) -> Result<(), Errno> {
    const SHUT_WR: usize = 1;
    plain(nr::SHUTDOWN, [arg(socket.raw()), SHUT_WR]).map(drop)
}

/// Two connected Unix sockets.
pub(crate) fn socketpair(kind: i32) -> Result<(Fd, Fd), Errno> {
    let mut ends = [0i32; 2];
    // SAFETY: room for two ints.
    unsafe { call(nr::SOCKETPAIR, [arg(net::AF_UNIX), arg(kind | net::CLOEXEC), 0, ends.as_mut_ptr() as usize]) }?;
    Ok((Fd::new(ends[0] as usize), Fd::new(ends[1] as usize)))
}

/// There is something to read (or the other side has closed).
pub(crate) const POLLIN: i16 = 1;

/// `struct pollfd`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollFd {
    pub(crate) fd: i32,
    pub(crate) events: i16,
    pub(crate) revents: i16,
}

/// `poll`; how many are ready. A signal counts as a time-out.
pub(crate) fn poll(fds: &mut [PollFd], timeout_ms: i32) -> Result<usize, Errno> {
    // SAFETY: an array of the kernel's layout and its length.
    match unsafe { call(nr::POLL, [fds.as_mut_ptr() as usize, fds.len(), arg(timeout_ms)]) } {
        Err(Errno::EINTR) => Ok(0),
        other => other,
    }
}

/// Whether there is something to read within the time.
pub(crate) fn readable(fd: &Fd, timeout_ms: i32) -> Result<bool, Errno> {
    let mut one = [PollFd { fd: fd.raw(), events: POLLIN, revents: 0 }];
    Ok(poll(&mut one, timeout_ms)? > 0)
}
