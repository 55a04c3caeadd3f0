//! Bridges: what goes from port to port, what does not, and what is left of a port whose namespace died.

use alloc::format;
use alloc::vec::Vec;

use super::frame::Wire;
use super::station::{NOTHING, Station, arrived, bring_up, open_port, own_network, send};
use crate::sys::{self, Errno, net};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, time_left};
use crate::tests::interface;

const SIOCBRADDBR: usize = 0x89a0;
const SIOCBRDELBR: usize = 0x89a1;
const SIOCBRADDIF: usize = 0x89a2;
const SIOCBRDELIF: usize = 0x89a3;
const SIOCDEVPRIVATE: usize = 0x89f0;

const BRIDGE: &str = "kr-br";

/// A bridge; gone when dropped, after what it connects.
struct Bridge;

impl Bridge {
    /// In this namespace, and one that forwards at once: with the usual delay a new port listens and learns for 15 s.
    fn make() -> Result<Bridge, Stop> {
        const SET_FORWARD_DELAY: u64 = 8;
        by_name(SIOCBRADDBR).or_absent("ioctl(SIOCBRADDBR)")?;
        let bridge = Bridge;
        let delay = [SET_FORWARD_DELAY, 0, 0, 0];
        interface::control(BRIDGE, SIOCDEVPRIVATE, &(delay.as_ptr() as usize).to_ne_bytes())
            .or_fail("set the bridge's forward delay")?;
        interface::set_up(BRIDGE, true).or_fail("bring the bridge up")?;
        Ok(bridge)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = interface::set_up(BRIDGE, false);
        let _ = by_name(SIOCBRDELBR);
    }
}

fn by_name(request: usize) -> Result<(), Errno> {
    let name = sys::c_string(BRIDGE)?;
    let control = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0)?;
    // SAFETY: both requests take a NUL-terminated name.
    unsafe { sys::call(sys::nr::IOCTL, [sys::arg(control.raw()), request, name.as_ptr() as usize]) }.map(drop)
}

fn port(request: usize, name: &str) -> Result<(), Errno> {
    let index = interface::index(name)?;
    interface::control(BRIDGE, request, &index.to_ne_bytes()).map(drop)
}

/// The end that stays outside of station number `i`.
fn outer(i: usize) -> alloc::string::String {
    format!("kr-o{i}")
}

/// Stations around a bridge.
struct Star {
    all: Vec<Station>,
    _bridge: Bridge,
}

/// So many stations on one bridge, with the addresses 10.77.3.1 and up.
fn stations(ctx: &Ctx, count: usize) -> Result<Star, Stop> {
    if !ctx.expects("bridges in the initial namespace only") {
        own_network()?;
    }
    let mut star = Star { all: Vec::new(), _bridge: Bridge::make()? };
    for i in 1..=count {
        let station = Station::start()?;
        let (here, there) = (outer(i), format!("kr-i{i}"));
        station.connect(&here, &there)?;
        port(SIOCBRADDIF, &here).or_fail(&format!("make {here} a port"))?;
        interface::set_up(&here, true).or_fail(&format!("bring {here} up"))?;
        station.run(&format!("addr {there} 10.77.3.{i}"))?;
        station.run("open 9000")?;
        star.all.push(station);
    }
    Ok(star)
}

/// A datagram from one station to number `to` of them.
fn pass(from: &Station, all: &[Station], to: usize, word: &str) -> Check {
    from.must(&format!("send 10.77.3.{to} 9000 {word}"), "done", "send to another station")?;
    all[to - 1].must("recv 9000", word, &format!("sent to station {to} over the bridge; what came"))
}

/// Three namespaces reach each other over a bridge, and nobody gets what is another's.
pub(crate) fn forwards_between_namespaces(ctx: &Ctx) -> Check {
    let star = stations(ctx, 3)?;
    let all = &star.all;
    for (from, to) in [(1, 2), (2, 3), (3, 1), (2, 1)] {
        pass(&all[from - 1], all, to, &format!("from-{from}-to-{to}"))?;
    }
    for station in all {
        station.must("waiting 9000", NOTHING, "each datagram was taken; what is left")?;
    }
    Ok(())
}

/// Without an address the host cannot talk to the stations, with one on the bridge it can.
pub(crate) fn host_is_not_a_station(ctx: &Ctx) -> Check {
    let star = stations(ctx, 2)?;
    let all = &star.all;
    pass(&all[0], all, 2, "hello")?;
    let sent = send("10.77.3.1", 9000, "from-the-host");
    ensure!(sent == Err(Errno::ENETUNREACH), "the host has no address on the bridge and sent: {sent:?}");
    bring_up(BRIDGE, "10.77.3.200")?;
    let port = open_port(9000)?;
    all[1].must("send 10.77.3.200 9000 up", "done", "send to the host")?;
    let got = arrived(&port)?;
    ensure!(got == "up", "with an address on the bridge the host got `{got}`");
    all[0].must("waiting 9000", NOTHING, "nothing was sent to station 1; what came")
}

/// What is for a station that has been heard goes out by its port alone; a broadcast goes out by all.
pub(crate) fn learns_where_a_station_is(ctx: &Ctx) -> Check {
    let star = stations(ctx, 3)?;
    let all = &star.all;
    // Each has spoken once, so that the bridge knows all three.
    pass(&all[0], all, 2, "first")?;
    pass(&all[1], all, 1, "second")?;
    let third = Wire::open(&outer(3)).or_fail("listen at the third port")?;
    pass(&all[0], all, 2, "for-the-second-alone")?;
    pass(&all[0], all, 3, "for-the-third")?;
    let mut heard = Vec::new();
    while let Some(frame) = third.waiting().or_fail("look at the third port")? {
        heard.push(frame);
    }
    let has = |word: &[u8]| heard.iter().any(|frame| frame.windows(word.len()).any(|part| part == word));
    ensure!(has(b"for-the-third"), "what was sent to the third station was not seen at its port");
    ensure!(!has(b"for-the-second-alone"), "the third port was given what is for a station known to be elsewhere");
    Ok(())
}

/// A port that was taken out of the bridge is cut off, and back in it is reached again.
pub(crate) fn removed_port_is_cut_off(ctx: &Ctx) -> Check {
    let star = stations(ctx, 3)?;
    let all = &star.all;
    pass(&all[0], all, 2, "before")?;
    port(SIOCBRDELIF, &outer(2)).or_fail("take the port of station 2 out")?;
    all[0].run("send 10.77.3.2 9000 lost")?;
    // The bridge handles what comes from one port in order: the third has it after the second would have.
    pass(&all[0], all, 3, "fence")?;
    all[1].must("waiting 9000", NOTHING, "the port of station 2 is out of the bridge; what came")?;
    port(SIOCBRADDIF, &outer(2)).or_fail("put it back")?;
    pass(&all[0], all, 2, "after")
}

/// When a namespace dies its end of the pair goes, and with it the port; the others go on.
pub(crate) fn dead_namespace_leaves_its_port(ctx: &Ctx) -> Check {
    let mut star = stations(ctx, 3)?;
    let all = &mut star.all;
    pass(&all[0], all, 3, "before")?;
    all.pop().map_or(Ok(()), |third| {
        third.kill();
        gone(&outer(3))
    })?;
    pass(&all[0], all, 2, "after")?;
    // Its name and its place are free again.
    let heir = Station::start()?;
    heir.connect(&outer(3), "kr-i3")?;
    port(SIOCBRADDIF, &outer(3)).or_fail("make the heir's end a port")?;
    interface::set_up(&outer(3), true).or_fail("bring the heir's end up")?;
    // Another address: the old one is in the others' tables with the hardware address of the dead.
    heir.run("addr kr-i3 10.77.3.4")?;
    heir.run("open 9000")?;
    all[0].must("send 10.77.3.4 9000 to-the-heir", "done", "send to the heir")?;
    heir.must("recv 9000", "to-the-heir", "sent to the heir of the port; what came")
}

/// Waits until there is no such interface.
pub(super) fn gone(name: &str) -> Check {
    while interface::exists(name).or_fail(&format!("look for {name}"))? {
        ensure!(time_left() > 1_500, "{name} outlives the namespace that had its other end");
        sys::sleep_ms(5);
    }
    Ok(())
}

/// Ten namespaces around a bridge: each sends to the next one, all the way round.
pub(crate) fn star_of_ten_namespaces(ctx: &Ctx) -> Check {
    const COUNT: usize = 10;
    let star = stations(ctx, COUNT)?;
    let all = &star.all;
    for i in 1..=COUNT {
        pass(&all[i - 1], all, i % COUNT + 1, &format!("round-{i}"))?;
    }
    Ok(())
}

/// A bridge can be made in a network namespace of its own, and is in that one alone.
pub(crate) fn lives_in_its_namespace(_: &Ctx) -> Check {
    let initial = Station::start_in(0)?;
    own_network()?;
    let _bridge = Bridge::make()?;
    initial.must(&format!("has {BRIDGE}"), "no", "a bridge was made in another namespace; it is in the initial one")
}
