//! Interfaces that move between namespaces, and what the death of a namespace does to them.

use alloc::format;

use super::bridge::gone;
use super::station::{Station, bring_up, open_port, own_network, send, send_all};
use crate::sys::{self, Errno, clone, inet_address, net, open};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::interface;
use crate::tests::peer::{Link, Peer};

fn must_exist(name: &str, expected: bool, when: &str) -> Check {
    let found = interface::exists(name).or_fail(&format!("look for {name}"))?;
    ensure!(found == expected, "{when}: {name} is here: {found}");
    Ok(())
}

/// Who deletes one end of a pair deletes the other, wherever it is.
pub(crate) fn one_end_takes_the_other_along(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    interface::delete("kr-here").or_fail("delete the end outside")?;
    must_exist("kr-here", false, "after it was deleted")?;
    inside.must("has kr-there", "no", "the other end was deleted; this one is there")
}

/// An interface goes in by the number of a process and comes back so, down and without its address each time.
pub(crate) fn by_process_and_back(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    interface::make_veth("kr-here", "kr-there").or_absent("make a veth pair")?;
    bring_up("kr-there", "10.77.0.2")?;
    inside.take("kr-there")?;
    inside.must("send 10.77.0.9 9000 x", "ENETUNREACH", "a datagram to where the interface was before it moved")?;
    inside.run("addr kr-there 10.77.0.2")?;
    inside.must("send 10.77.0.9 9000 x", "done", "a datagram to where the interface is now")?;
    inside.run(&format!("give kr-there {}", sys::getpid()))?;
    inside.must("has kr-there", "no", "it was given back; it is still there")?;
    must_exist("kr-there", true, "after it was given back")?;
    let up = interface::is_up("kr-there").or_fail("read its flags")?;
    ensure!(!up, "an interface that came from another namespace is up");
    let sent = send("10.77.0.9", 9000, "x");
    ensure!(sent == Err(Errno::ENETUNREACH), "an interface came with its address: sending gave {sent:?}");
    Ok(())
}

/// An interface goes into the namespace that a descriptor stands for, with no process named.
pub(crate) fn by_descriptor(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    let path = format!("/proc/{}/ns/net", inside.pid());
    let namespace = sys::open(&path, open::RDONLY | open::CLOEXEC, 0).or_fail(&format!("open {path}"))?;
    interface::make_veth("kr-here", "kr-there").or_absent("make a veth pair")?;
    interface::move_to_fd("kr-there", &namespace).or_fail("move kr-there by descriptor")?;
    must_exist("kr-there", false, "after it was moved")?;
    inside.must("has kr-there", "yes", "it was moved by descriptor; it is there")?;
    bring_up("kr-here", "10.77.0.1")?;
    inside.run("addr kr-there 10.77.0.2")?;
    inside.run("open 9000")?;
    send("10.77.0.2", 9000, "x").or_fail("send over the pair")?;
    inside.must("recv 9000", "x", "sent over the pair; what came")
}

/// An interface does not go where its name is taken, and stays what it was.
pub(crate) fn taken_name_is_refused(_: &Ctx) -> Check {
    own_network()?;
    let inside = Station::start()?;
    inside.run("veth kr-same kr-inner")?;
    interface::make_veth("kr-same", "kr-outer").or_absent("make a veth pair")?;
    bring_up("kr-same", "10.77.0.1")?;
    let moved = interface::move_to("kr-same", inside.pid());
    ensure!(moved == Err(Errno::EEXIST), "kr-same was moved to where there is one: {moved:?}, not EEXIST");
    must_exist("kr-same", true, "after it was refused elsewhere")?;
    // Free there, it goes.
    interface::move_to("kr-outer", inside.pid()).or_fail("move its other end")?;
    inside.must("has kr-outer", "yes", "the other end was moved; it is there")
}

/// A virtual interface goes down with its namespace and turns up in no other.
pub(crate) fn virtual_interface_dies_with_its_namespace(_: &Ctx) -> Check {
    let initial = Station::start_in(0)?;
    own_network()?;
    let inside = Station::start()?;
    inside.connect("kr-here", "kr-there")?;
    for name in ["kr-dies", "kr-lives"] {
        interface::make("dummy", name, None, None).or_absent("make a dummy interface")?;
        inside.take(name)?;
    }
    inside.run(&format!("give kr-lives {}", sys::getpid()))?;
    inside.kill();
    // The other end goes when the namespace is taken down, and with it all virtual interfaces of it.
    gone("kr-here")?;
    must_exist("kr-lives", true, "given back before its namespace died")?;
    must_exist("kr-dies", false, "after its namespace died")?;
    initial.must("has kr-dies", "no", "its namespace died; it is in the initial one")
}

/// Sends into the pair until it is killed.
fn flood(test: &Link) -> Check {
    bring_up("kr-there", "10.77.0.2")?;
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0).or_fail("socket inside")?;
    sys::connect(&socket, &inet_address([10, 77, 0, 1], 9000)).or_fail("connect inside")?;
    let _unread = open_port(9000)?;
    test.say("flooding");
    loop {
        // It may find no listener or no room: that is no reason to stop.
        let _ = send_all(&socket, &[7; 900]);
    }
}

/// A pair whose end inside is in use by `body`, until that is killed.
fn pair_with(body: fn(&Link) -> Check) -> Result<Peer, crate::test_api::Stop> {
    let peer = Peer::start(clone::NEWNET, |test| {
        test.say("born");
        test.hear()?;
        body(test)
    })?;
    peer.hear()?;
    interface::make_veth("kr-here", "kr-there").or_absent("make a veth pair")?;
    interface::move_to("kr-there", peer.pid()).or_fail("move one end inside")?;
    must_exist("kr-there", false, "after it was moved inside")?;
    bring_up("kr-here", "10.77.0.1")?;
    Ok(peer)
}

/// What must still go once a namespace died that was in use.
fn next_one_can_be_made() -> Check {
    in_child(clone::NEWNET, || {
        must_exist("kr-here", false, "in a new namespace")?;
        interface::set_up("lo", true).or_fail("bring lo up in a new namespace")
    })
}

/// Namespaces die while datagrams fly both ways: the pair goes each time, and the next one can be made.
pub(crate) fn while_datagrams_fly(_: &Ctx) -> Check {
    const ROUNDS: usize = 4;
    own_network()?;
    let port = open_port(9000)?;
    for _ in 0..ROUNDS {
        let peer = pair_with(flood)?;
        peer.ask("go")?;
        let comes = sys::readable(&port, 4_000).or_fail("poll")?;
        ensure!(comes, "nothing came of the flood from inside");
        for _ in 0..50 {
            send("10.77.0.2", 9000, "against the stream").or_fail("send inside")?;
        }
        drop(peer);
        gone("kr-here")?;
        while sys::readable(&port, 0).or_fail("poll")? {
            sys::recv(&port, &mut [0; 1024], 0).or_fail("recv")?;
        }
        next_one_can_be_made()?;
    }
    Ok(())
}

/// Sends a stream that nobody reads until it is killed.
fn unread(test: &Link) -> Check {
    bring_up("kr-there", "10.77.0.2")?;
    let listener = sys::socket(net::AF_INET, net::STREAM | net::CLOEXEC, 0).or_fail("socket inside")?;
    sys::bind(&listener, &inet_address([10, 77, 0, 2], 9000)).or_fail("bind inside")?;
    sys::listen(&listener, 4).or_fail("listen inside")?;
    test.say("listening");
    let server = sys::accept(&listener).or_fail("accept inside")?;
    test.say("accepted");
    loop {
        sys::sendto(&server, &[7; 4096], &[]).or_fail("send to the stream")?;
    }
}

/// A namespace dies whose connection is full of what nobody read, either way.
pub(crate) fn while_a_stream_is_unread(_: &Ctx) -> Check {
    own_network()?;
    let peer = pair_with(unread)?;
    peer.ask("go")?;
    let client = sys::socket(net::AF_INET, net::STREAM | net::CLOEXEC, 0).or_fail("socket")?;
    sys::connect(&client, &inet_address([10, 77, 0, 2], 9000)).or_fail("connect over the pair")?;
    peer.hear()?;
    sys::sendto(&client, &[9; 4096], &[]).or_fail("send to the stream")?;
    let comes = sys::readable(&client, 4_000).or_fail("poll")?;
    ensure!(comes, "nothing came of the stream from inside");
    drop(peer);
    gone("kr-here")?;
    next_one_can_be_made()?;
    drop(client);
    next_one_can_be_made()
}
