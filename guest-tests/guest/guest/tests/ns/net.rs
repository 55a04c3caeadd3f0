//! Network namespaces: interfaces, ports, Unix sockets, and the way between two of them.

use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, clone, inet_address, net};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child, time_left};
use crate::tests::interface;
use crate::tests::ns::way::Way;
use crate::tests::peer::Peer;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::net::loopback_is_own_and_down", loopback_is_own_and_down),
    ("ns::net::unshare_makes_a_new_one", unshare_makes_a_new_one),
    ("ns::net::clone3_makes_a_new_one", clone3_makes_a_new_one),
    ("ns::net::port_is_private", port_is_private),
    ("ns::net::abstract_socket_is_private", abstract_socket_is_private),
    ("ns::net::veth_connects_namespaces", veth_connects_namespaces),
];

const LOCAL: [u8; 4] = [127, 0, 0, 1];
const PORT: u16 = 7711;

/// The test's own network namespace, so that the guest's stays as it is.
fn own_network() -> Check {
    sys::unshare(clone::NEWNET).or_absent("unshare(CLONE_NEWNET)")
}

fn lo_is_up() -> Result<bool, Stop> {
    interface::is_up("lo").or_fail("read the flags of lo")
}

fn set_lo(up: bool) -> Check {
    interface::set_up("lo", up).or_fail(if up { "bring lo up" } else { "take lo down" })
}

fn stream(family: i32) -> Result<Fd, Stop> {
    sys::socket(family, net::STREAM | net::CLOEXEC, 0).or_fail("socket")
}

fn listen(family: i32, address: &[u8], what: &str) -> Result<Fd, Stop> {
    let socket = stream(family)?;
    sys::bind(&socket, address).or_fail(what)?;
    sys::listen(&socket, 4).or_fail("listen")?;
    Ok(socket)
}

/// Nothing must answer there.
fn must_be_refused(family: i32, address: &[u8], expected: Errno, what: &str) -> Check {
    match sys::connect(&stream(family)?, address) {
        Err(errno) if errno == expected => Ok(()),
        Ok(()) => fail!("{what} was answered"),
        Err(errno) => fail!("{what}: {errno}, not {expected}"),
    }
}

/// A connection to the address reaches that listener of this process, and bytes go both ways.
fn must_reach(family: i32, address: &[u8], listener: &Fd, what: &str) -> Check {
    let client = stream(family)?;
    sys::connect(&client, address).or_fail(what)?;
    let waiting = sys::readable(listener, time_left().min(10_000) as i32).or_fail("poll")?;
    ensure!(waiting, "{what}: connected, but not to the listener of this namespace");
    let server = sys::accept(listener).or_fail("accept")?;
    exchange(&client, &server, what)
}

fn exchange(client: &Fd, server: &Fd, what: &str) -> Check {
    sys::write_all(client.raw(), b"ping").or_fail("write to the connection")?;
    expect(server, b"ping", what)?;
    sys::write_all(server.raw(), b"pong").or_fail("write back to the connection")?;
    expect(client, b"pong", what)
}

/// Reads that many bytes and compares them, within the test's time.
fn expect(socket: &Fd, bytes: &[u8], what: &str) -> Check {
    let mut got = Vec::new();
    while got.len() < bytes.len() {
        let ready = sys::readable(socket, time_left().saturating_sub(500).min(60_000) as i32).or_fail("poll")?;
        ensure!(ready, "{what}: {} of {} bytes came before the deadline", got.len(), bytes.len());
        let mut buffer = [0; 16];
        let n = sys::read(socket, &mut buffer).or_fail("read from the connection")?;
        ensure!(n > 0, "{what}: the connection was closed");
        got.extend_from_slice(&buffer[..n]);
    }
    ensure!(got == bytes, "{what}: other bytes came than were sent");
    Ok(())
}

/// `lo` of a new namespace is down and leads nowhere; its state and MTU are its own, in both directions.
pub(crate) fn loopback_is_own_and_down(_: &Ctx) -> Check {
    own_network()?;
    is_private(Way::Clone)
}

/// As by `clone`.
pub(crate) fn unshare_makes_a_new_one(_: &Ctx) -> Check {
    // By the other way, so that the guest's network stays as it is where this one does nothing.
    in_child(clone::NEWNET, || is_private(Way::Unshare))
}

/// As by `clone`.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    own_network()?;
    is_private(Way::Clone3)
}

fn is_private(way: Way) -> Check {
    set_lo(true)?;
    interface::set_mtu("lo", 12_000).or_fail("set the MTU outside")?;
    let peer = way.start(clone::NEWNET, |test| {
        ensure!(!lo_is_up()?, "lo of a new namespace is up");
        must_be_refused(net::AF_INET, &inet_address(LOCAL, PORT), Errno::ENETUNREACH, "127.0.0.1 while lo is down")?;
        let mtu = interface::mtu("lo").or_fail("read the MTU inside")?;
        ensure!(mtu != 12_000, "lo inside has the MTU that was set outside");
        test.say("down");
        test.hear()?;
        set_lo(true)?;
        let listener = listen(net::AF_INET, &inet_address(LOCAL, PORT), "bind inside")?;
        must_reach(net::AF_INET, &inet_address(LOCAL, PORT), &listener, "127.0.0.1 inside")?;
        test.say("up");
        test.hear()?;
        ensure!(lo_is_up()?, "lo inside went down with the one outside");
        Ok(())
    })?;
    peer.hear()?;
    ensure!(lo_is_up()?, "lo outside is down like the one inside");
    peer.ask("bring yours up")?;
    let mtu = interface::mtu("lo").or_fail("read the MTU outside")?;
    ensure!(mtu == 12_000, "the MTU outside became {mtu}");
    set_lo(false)?;
    peer.say("mine is down");
    peer.finish()
}

/// A TCP port that is taken in one namespace is free in another, and each port leads to its own listener.
pub(crate) fn port_is_private(_: &Ctx) -> Check {
    own_network()?;
    set_lo(true)?;
    let address = inet_address(LOCAL, PORT);
    let listener = listen(net::AF_INET, &address, "bind outside")?;
    let second = sys::bind(&stream(net::AF_INET)?, &address);
    ensure!(second == Err(Errno::EADDRINUSE), "a second bind of the port in one namespace: {second:?}, not EADDRINUSE");
    let peer = Peer::start(clone::NEWNET, |test| {
        set_lo(true)?;
        must_be_refused(net::AF_INET, &address, Errno::ECONNREFUSED, "a port that is served outside only")?;
        let listener = listen(net::AF_INET, &address, "bind inside the port that is taken outside")?;
        test.say("bound");
        test.hear()?;
        must_reach(net::AF_INET, &address, &listener, "the port inside")
    })?;
    peer.hear()?;
    must_reach(net::AF_INET, &address, &listener, "the port outside")?;
    peer.say("reached");
    peer.finish()
}

/// `struct sockaddr_un` of an abstract name.
fn abstract_address(name: &str) -> Vec<u8> {
    let mut address = Vec::from((net::AF_UNIX as u16).to_ne_bytes());
    address.push(0);
    address.extend_from_slice(name.as_bytes());
    address
}

/// An abstract Unix socket answers in its own network namespace only, and its name is free in another.
pub(crate) fn abstract_socket_is_private(_: &Ctx) -> Check {
    own_network()?;
    let address = abstract_address("kernrig");
    let listener = listen(net::AF_UNIX, &address, "bind outside")?;
    in_child(0, || sys::connect(&stream(net::AF_UNIX)?, &address).or_fail("connect in the same namespace"))?;
    drop(sys::accept(&listener).or_fail("accept the child")?);
    let peer = Peer::start(clone::NEWNET, |test| {
        must_be_refused(net::AF_UNIX, &address, Errno::ECONNREFUSED, "an abstract name that is served outside only")?;
        let listener = listen(net::AF_UNIX, &address, "bind inside the name that is taken outside")?;
        test.say("bound");
        test.hear()?;
        must_reach(net::AF_UNIX, &address, &listener, "the name inside")
    })?;
    peer.hear()?;
    must_reach(net::AF_UNIX, &address, &listener, "the name outside")?;
    peer.say("reached");
    peer.finish()
}

const HERE: [u8; 4] = [10, 77, 0, 1];
const THERE: [u8; 4] = [10, 77, 0, 2];

/// Without a pair one namespace cannot reach the other; with it bytes go both ways; the end given away is gone here.
pub(crate) fn veth_connects_namespaces(_: &Ctx) -> Check {
    own_network()?;
    let there = inet_address(THERE, PORT);
    let peer = Peer::start(clone::NEWNET, |test| {
        test.say("born");
        test.hear()?;
        let seen = interface::exists("kr-here").or_fail("look for kr-here")?;
        ensure!(!seen, "the end of the pair that stays outside is seen inside");
        bring_up("kr-there", THERE)?;
        let listener = listen(net::AF_INET, &there, "bind inside")?;
        test.say("listening");
        let server = sys::accept(&listener).or_fail("accept")?;
        expect(&server, b"ping", "from outside")?;
        sys::write_all(server.raw(), b"pong").or_fail("write to the connection")?;
        test.hear().map(drop)
    })?;
    peer.hear()?;
    must_be_refused(net::AF_INET, &there, Errno::ENETUNREACH, "the other namespace without a pair")?;
    interface::make_veth("kr-here", "kr-there").or_absent("make a veth pair")?;
    interface::move_to("kr-there", peer.pid()).or_fail("move one end inside")?;
    let seen = interface::exists("kr-there").or_fail("look for kr-there")?;
    ensure!(!seen, "the end of the pair that went inside is seen outside");
    bring_up("kr-here", HERE)?;
    peer.ask("made")?;
    let client = stream(net::AF_INET)?;
    sys::connect(&client, &there).or_fail("connect over the pair")?;
    sys::write_all(client.raw(), b"ping").or_fail("write to the connection")?;
    expect(&client, b"pong", "from inside")?;
    peer.say("done");
    peer.finish()
}

fn bring_up(name: &str, ip: [u8; 4]) -> Check {
    interface::set_address(name, ip).or_fail("give the end of the pair an address")?;
    interface::set_up(name, true).or_fail("bring the end of the pair up")
}
