//! veth pairs: real packets between two namespaces, both ways.

use alloc::format;
use alloc::vec::Vec;

use super::frame;
use super::station::{Station, arrived, bring_up, bring_up6, ip6, open_port, own_network, send, send_all};
use crate::files;
use crate::sys::{self, Fd, clone, inet_address, inet6_address, net};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, time_left};
use crate::tests::interface;
use crate::tests::peer::{Link, Peer};

const PORT: u16 = 7712;
const HERE: [u8; 4] = [10, 77, 0, 1];
const THERE: [u8; 4] = [10, 77, 0, 2];

/// Sizes of the pieces of a stream, some larger than what fits a packet.
const PIECES: core::ops::Range<usize> = 2_000..2_040;

/// Piece number `i` of a side's stream: bytes that tell where they belong.
fn piece(size: usize, side: u8) -> Vec<u8> {
    (0..size).map(|i| ((i * 7 + size) % 251) as u8 ^ side).collect()
}

/// Sends a whole stream and says that it is all.
fn pour(socket: &Fd, side: u8) -> Check {
    for size in PIECES {
        let bytes = piece(size, side);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let n = sys::sendto(socket, rest, &[]).or_fail("send to the stream")?;
            rest = &rest[n..];
        }
    }
    sys::shutdown_write(socket).or_fail("shutdown")
}

/// Takes a whole stream up to its end and compares it.
fn drain(socket: &Fd, side: u8, from: &str) -> Check {
    let expected: Vec<u8> = PIECES.flat_map(|size| piece(size, side)).collect();
    let mut got = Vec::with_capacity(expected.len());
    let mut buffer = alloc::vec![0; 16 * 1024];
    loop {
        let ready = sys::readable(socket, time_left().saturating_sub(1000).min(60_000) as i32).or_fail("poll")?;
        ensure!(ready, "{} of {} bytes came from {from} before the deadline", got.len(), expected.len());
        match sys::recv(socket, &mut buffer, 0).or_fail("receive from the stream")? {
            0 => break,
            n => got.extend_from_slice(&buffer[..n]),
        }
    }
    ensure!(got.len() == expected.len(), "{} bytes came from {from}, {} were sent", got.len(), expected.len());
    let wrong = got.iter().zip(&expected).position(|(a, b)| a != b);
    ensure!(wrong.is_none(), "byte {} of the stream from {from} is another than was sent", wrong.unwrap_or(0));
    Ok(())
}

/// One process serves a stream inside, this one opens it from outside; both send and both compare.
fn both_streams(family: i32, here: impl FnOnce() -> Check, there: impl FnOnce() -> Check, address: &[u8]) -> Check {
    own_network()?;
    let peer = Peer::start(clone::NEWNET, |test| {
        test.say("born");
        test.hear()?;
        there()?;
        serve_stream(test, family, address)
    })?;
    peer.hear()?;
    interface::make_veth("kr-here", "kr-there").or_absent("make a veth pair")?;
    interface::move_to("kr-there", peer.pid()).or_fail("move one end inside")?;
    let seen = interface::exists("kr-there").or_fail("look for kr-there")?;
    ensure!(!seen, "kr-there went inside and is still seen outside");
    here()?;
    peer.ask("moved")?;
    let client = sys::socket(family, net::STREAM | net::CLOEXEC, 0).or_fail("socket")?;
    sys::connect(&client, address).or_fail("connect over the pair")?;
    must_have_left("kr-here")?;
    pour(&client, 0)?;
    let drained = drain(&client, 0xff, "inside");
    peer.finish()?;
    drained
}

/// How many packets an interface has sent, by `/proc/net/dev`: its ninth number.
fn sent(name: &str) -> Result<u64, Stop> {
    let table = files::read_text("/proc/self/net/dev").or_fail("read /proc/self/net/dev")?;
    let mark = format!("{name}:");
    let line = table.lines().find_map(|line| line.trim_start().strip_prefix(&mark));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(9)?.parse().ok());
    number.ok_or_else(|| Stop::Fail(format!("/proc/self/net/dev tells nothing of {name}")))
}

/// Packets went over the wire and not by a short cut inside of this host.
fn must_have_left(name: &str) -> Check {
    let count = sent(name)?;
    ensure!(count > 0, "the other end was reached, but no packet left by {name}");
    Ok(())
}

fn serve_stream(test: &Link, family: i32, address: &[u8]) -> Check {
    let listener = sys::socket(family, net::STREAM | net::CLOEXEC, 0).or_fail("socket inside")?;
    sys::bind(&listener, address).or_fail("bind inside")?;
    sys::listen(&listener, 4).or_fail("listen inside")?;
    test.say("listening");
    let server = sys::accept(&listener).or_fail("accept inside")?;
    drain(&server, 0, "outside")?;
    pour(&server, 0xff)
}

/// A stream each way over IPv4, compared byte by byte.
pub(crate) fn streams_both_ways(_: &Ctx) -> Check {
    let here = || bring_up("kr-here", "10.77.0.1");
    let there = || bring_up("kr-there", "10.77.0.2");
    both_streams(net::AF_INET, here, there, &inet_address(THERE, PORT))
}

/// A stream each way over IPv6, compared byte by byte.
pub(crate) fn streams_both_ways_over_ipv6(_: &Ctx) -> Check {
    let (here, there) = (|| bring_up6("kr-here", 1), || bring_up6("kr-there", 2));
    both_streams(net::AF_INET6, here, there, &inet6_address(ip6(2), PORT))
}

/// A station joined with this namespace by `kr-here` and `kr-there`, with addresses.
fn joined() -> Result<Station, Stop> {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    bring_up("kr-here", "10.77.0.1")?;
    inside.run("addr kr-there 10.77.0.2")?;
    Ok(inside)
}

/// Sizes of datagrams: none needs another's packet, the last needs several.
const SIZES: [usize; 4] = [1, 63, 1400, 4100];

/// Each datagram arrives as one, as long as it was, in IPv4 each way.
pub(crate) fn datagrams_stay_whole(_: &Ctx) -> Check {
    let inside = joined()?;
    inside.run("open 9000")?;
    let port = open_port(9000)?;
    for size in SIZES {
        let text = core::iter::repeat_n('x', size).collect::<alloc::string::String>();
        send("10.77.0.2", 9000, &text).or_fail(&format!("send {size} bytes"))?;
        let got = inside.run("recv 9000")?;
        // Words of the conversation are cut at 1,000 bytes.
        ensure!(got.len() == size.min(1000), "of {size} bytes sent inside {} came", got.len());
    }
    for size in ["10.77.0.1 9000 short", "10.77.0.1 9000 a-longer-one"] {
        inside.must(&format!("send {size}"), "done", "send outside")?;
        let got = arrived(&port)?;
        ensure!(size.ends_with(&format!(" {got}")), "`{got}` came from inside, `{size}` was sent");
    }
    must_have_left("kr-here")
}

/// The same over IPv6, where the sender cuts what is too long.
pub(crate) fn datagrams_stay_whole_over_ipv6(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    bring_up6("kr-here", 1)?;
    inside.run("addr6 kr-there 2")?;
    let port = sys::socket(net::AF_INET6, net::DGRAM | net::CLOEXEC, 0).or_fail("socket of IPv6")?;
    sys::bind(&port, &inet6_address([0; 16], 9000)).or_fail("bind to an IPv6 port")?;
    for size in SIZES {
        inside.must(&format!("fill 1 9000 {size}"), "done", "send outside")?;
        let got = arrived(&port)?;
        let right = got.bytes().enumerate().all(|(i, byte)| byte == b'a' + (i % 23) as u8);
        ensure!(got.len() == size && right, "of {size} bytes sent outside {} came, in order: {right}", got.len());
    }
    inside.run("open6 9001")?;
    let socket = sys::socket(net::AF_INET6, net::DGRAM | net::CLOEXEC, 0).or_fail("socket of IPv6")?;
    sys::connect(&socket, &inet6_address(ip6(2), 9001)).or_fail("connect")?;
    send_all(&socket, b"back").or_fail("send inside")?;
    inside.must("recv 9001", "back", "sent inside; what came")
}

/// A datagram whose checksum is wrong is not delivered; one that differs in nothing but the checksum is
/// (ce8c839b74e3, 4.4: veth took every packet for checked).
pub(crate) fn bad_checksum_is_dropped(_: &Ctx) -> Check {
    let inside = joined()?;
    inside.run("open 9000")?;
    let target = interface_address(&inside)?;
    let wire = frame::Wire::open("kr-here").or_fail("open a packet socket on kr-here")?;
    let send = |word: &str, right| {
        let frame = frame::udp(target, frame::HERE_MAC, (HERE, THERE), 9000, word.as_bytes(), right);
        wire.send(&frame).or_fail("send a frame")
    };
    // What is sent before the kernel's link watch has seen the other end come up is dropped without a word.
    let carries = || -> Result<bool, Stop> {
        send("up", true)?;
        Ok(inside.run("recv 9000")? == "up")
    };
    ensure!((0..4).any(|_| matches!(carries(), Ok(true))), "the wire carries nothing: four datagrams, none came");
    send("bad", false)?;
    send("good", true)?;
    inside.must("recv 9000", "good", "a datagram with a bad checksum was sent, then a good one; the first that came")
}

/// The hardware address of the end inside.
fn interface_address(inside: &Station) -> Result<[u8; 6], Stop> {
    let text = inside.run("mac kr-there")?;
    let digits = text.trim_matches(['[', ']']).split(", ").filter_map(|byte| u8::from_str_radix(byte, 16).ok());
    let bytes: Vec<u8> = digits.collect();
    bytes.try_into().map_err(|_| Stop::Fail(format!("`{text}` is no hardware address")))
}
