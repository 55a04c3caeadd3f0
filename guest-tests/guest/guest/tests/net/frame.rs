//! Ethernet frames built by hand, and packet sockets to send them and to look at what comes.

use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, net};
use crate::tests::interface;

/// `ETH_P_ALL` and `ETH_P_IP`.
const ALL: u16 = 3;
const IP: u16 = 0x800;

/// A sender that nobody is.
pub(super) const HERE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 77];

/// A packet socket on one interface.
pub(super) struct Wire(Fd);

impl Wire {
    pub(super) fn open(name: &str) -> Result<Wire, Errno> {
        let socket = sys::socket(net::AF_PACKET, net::RAW | net::CLOEXEC, i32::from(ALL.to_be()))?;
        // struct sockaddr_ll: family, protocol in network order, interface, then what only a sender fills
        let mut address = [0u8; 20];
        address[..2].copy_from_slice(&(net::AF_PACKET as u16).to_ne_bytes());
        address[2..4].copy_from_slice(&ALL.to_be_bytes());
        address[4..8].copy_from_slice(&interface::index(name)?.to_ne_bytes());
        sys::bind(&socket, &address)?;
        Ok(Wire(socket))
    }

    pub(super) fn send(&self, frame: &[u8]) -> Result<(), Errno> {
        sys::sendto(&self.0, frame, &[]).map(drop)
    }

    /// A frame that has come already.
    pub(super) fn waiting(&self) -> Result<Option<Vec<u8>>, Errno> {
        if !sys::readable(&self.0, 0)? {
            return Ok(None);
        }
        let mut buffer = [0; 2048];
        let n = sys::recv(&self.0, &mut buffer, 0)?;
        Ok(Some(Vec::from(&buffer[..n])))
    }
}

/// The sum that IP takes of 16-bit words.
fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A UDP datagram in an IPv4 packet in a frame, its checksum right or not.
pub(super) fn udp(
    to: [u8; 6],
    from: [u8; 6],
    (source, destination): ([u8; 4], [u8; 4]),
    port: u16,
    content: &[u8],
    right: bool,
) -> Vec<u8> {
    let length = (content.len() + 8) as u16;
    let mut datagram = Vec::new();
    for word in [1024, port, length, 0] {
        datagram.extend_from_slice(&word.to_be_bytes());
    }
    datagram.extend_from_slice(content);
    let pseudo = sum(&source) + sum(&destination) + 17 + u32::from(length);
    let checksum = fold(pseudo + sum(&datagram)) ^ if right { 0 } else { 0x0101 };
    datagram[6..8].copy_from_slice(&checksum.to_be_bytes());

    let mut header = Vec::from([0x45, 0]);
    header.extend_from_slice(&(length + 20).to_be_bytes());
    header.extend_from_slice(&[0, 0, 0, 0, 64, 17, 0, 0]);
    header.extend_from_slice(&source);
    header.extend_from_slice(&destination);
    let checksum = fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    [&to[..], &from[..], &IP.to_be_bytes()[..], &header[..], &datagram[..]].concat()
}
