//! Netlink messages built by hand: there is no `ip` in the guest, and each attribute is the one the test means.

use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, net};

/// `NLM_F_REQUEST | NLM_F_ACK`.
const REQUEST: u16 = 5;
/// `NLM_F_CREATE | NLM_F_EXCL`.
pub(crate) const NEW: u16 = 0x600;
/// `NLM_F_ROOT | NLM_F_MATCH`.
const DUMP: u16 = 0x300;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Protocols of `AF_NETLINK`.
pub(crate) const ROUTE: i32 = 0;
pub(crate) const NETFILTER: i32 = 12;

/// Attributes of a message, one after the other.
#[derive(Default)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    /// Adds one.
    pub(crate) fn put(mut self, kind: u16, content: &[u8]) -> Self {
        self.0.extend_from_slice(&((content.len() + 4) as u16).to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a number of 32 bits in the host's order.
    pub(crate) fn put_u32(self, kind: u16, value: u32) -> Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds a text with its NUL.
    pub(crate) fn put_text(self, kind: u16, text: &str) -> Self {
        let mut content = Vec::from(text.as_bytes());
        content.push(0);
        self.put(kind, &content)
    }

    /// Adds one that holds others.
    pub(crate) fn nest(self, kind: u16, inner: &Attributes) -> Self {
        self.put(kind, &inner.0)
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The content of the first attribute of that kind.
pub(crate) fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    const TYPE_MASK: u16 = 0x3fff;
    while bytes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let found = u16::from_ne_bytes([bytes[2], bytes[3]]) & TYPE_MASK;
        let content = bytes.get(4..length)?;
        if found == kind {
            return Some(content);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// The same as a number of 32 bits.
pub(crate) fn attribute_u32(bytes: &[u8], kind: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(attribute(bytes, kind)?.get(..4)?.try_into().ok()?))
}

/// A message of the kernel: its type, and what follows the header.
pub(crate) struct Message {
    pub(crate) kind: u16,
    pub(crate) body: Vec<u8>,
}

/// A socket that listens to those groups (bits; 0: none).
pub(crate) fn socket(protocol: i32, groups: u32) -> Result<Fd, Errno> {
    let socket = sys::socket(net::AF_NETLINK, net::RAW | net::CLOEXEC, protocol)?;
    let mut own = kernel();
    own[8..].copy_from_slice(&groups.to_ne_bytes());
    sys::bind(&socket, &own)?;
    Ok(socket)
}

/// `struct sockaddr_nl` of the kernel.
fn kernel() -> [u8; 12] {
    let mut address = [0u8; 12];
    address[..2].copy_from_slice(&(net::AF_NETLINK as u16).to_ne_bytes());
    address
}

fn header(kind: u16, flags: u16, sequence: u32, content: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend_from_slice(&((content.len() + 16) as u32).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(content);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// Messages that wait on the socket; waits for the first.
pub(crate) fn receive(socket: &Fd) -> Result<Vec<Message>, Errno> {
    let mut buffer = alloc::vec![0u8; 16 * 1024];
    let n = sys::recv(socket, &mut buffer, 0)?;
    let mut rest = &buffer[..n];
    let mut all = Vec::new();
    while rest.len() >= 16 {
        let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        let kind = u16::from_ne_bytes([rest[4], rest[5]]);
        let body = rest.get(16..length).ok_or(Errno::EBADMSG)?;
        all.push(Message { kind, body: Vec::from(body) });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(all)
}

/// The error number in an `NLMSG_ERROR`, which is 0 for an acknowledgement.
fn verdict(message: &Message) -> Result<(), Errno> {
    match message.body.get(..4).map(|b| i32::from_ne_bytes([b[0], b[1], b[2], b[3]])) {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno(-errno)),
        None => Err(Errno::EBADMSG),
    }
}

/// Sends one request, which is a fixed part and attributes, and takes the kernel's acknowledgement.
pub(crate) fn request(
    protocol: i32,
    kind: u16,
    flags: u16,
    fixed: &[u8],
    attributes: &Attributes,
) -> Result<Vec<Message>, Errno> {
    let socket = sys::socket(net::AF_NETLINK, net::RAW | net::CLOEXEC, protocol)?;
    let content = [fixed, attributes.bytes()].concat();
    sys::sendto(&socket, &header(kind, REQUEST | flags, 1, &content), &kernel())?;
    let mut answers = Vec::new();
    loop {
        for message in receive(&socket)? {
            match message.kind {
                NLMSG_ERROR => return verdict(&message).map(|()| answers),
                _ => answers.push(message),
            }
        }
    }
}

/// All objects of a kind.
pub(crate) fn dump(protocol: i32, kind: u16, fixed: &[u8]) -> Result<Vec<Message>, Errno> {
    let socket = sys::socket(net::AF_NETLINK, net::RAW | net::CLOEXEC, protocol)?;
    sys::sendto(&socket, &header(kind, DUMP | 1, 1, fixed), &kernel())?;
    let mut answers = Vec::new();
    loop {
        for message in receive(&socket)? {
            match message.kind {
                NLMSG_DONE => return Ok(answers),
                NLMSG_ERROR => verdict(&message)?,
                _ => answers.push(message),
            }
        }
    }
}

/// An nfnetlink transaction of one request, between the messages that begin and end a batch.
pub(crate) fn batch(subsystem: u16, request: u16, flags: u16, fixed: &[u8], content: &Attributes) -> Result<(), Errno> {
    const BEGIN: u16 = 16;
    const END: u16 = 17;
    let socket = sys::socket(net::AF_NETLINK, net::RAW | net::CLOEXEC, NETFILTER)?;
    // struct nfgenmsg: family, version, the subsystem in network order
    let genmsg = [0, 0, (subsystem >> 8) as u8, subsystem as u8];
    let content = [fixed, content.bytes()].concat();
    let mut message = header(BEGIN, 1, 0, &genmsg);
    message.extend_from_slice(&header((subsystem << 8) | request, REQUEST | flags, 1, &content));
    message.extend_from_slice(&header(END, 1, 2, &genmsg));
    sys::sendto(&socket, &message, &kernel())?;
    loop {
        for message in receive(&socket)? {
            if message.kind == NLMSG_ERROR {
                return verdict(&message);
            }
        }
    }
}
