//! A station: a process in a network namespace of its own that does on the wire what it is told, in words.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, Fd, clone, inet_address, inet6_address, net};
use crate::test_api::{Check, OrStop as _, Stop, time_left};
use crate::tests::interface;
use crate::tests::peer::{Link, Peer};

/// What `recv` answers when nothing came.
pub(super) const NOTHING: &str = "nothing";

/// How long something that must come is waited for.
const COMES_MS: u64 = 4_000;

/// The test's own network namespace, so that the guest's stays as it is.
pub(super) fn own_network() -> Check {
    sys::unshare(clone::NEWNET).or_absent("unshare(CLONE_NEWNET)")
}

/// How long something that must not come is waited for where nothing says that it would be there by now.
const QUIET_MS: u64 = 300;

/// A process in a namespace; it ends with the test.
pub(super) struct Station(Peer);

impl Station {
    /// In a network namespace of its own.
    pub(super) fn start() -> Result<Station, Stop> {
        Station::start_in(clone::NEWNET)
    }

    /// In other new namespaces.
    pub(super) fn start_in(flags: usize) -> Result<Station, Stop> {
        let peer = Peer::start(flags, |test| {
            test.say("born");
            serve(test)
        })?;
        peer.hear()?;
        Ok(Station(peer))
    }

    pub(super) fn pid(&self) -> i32 {
        self.0.pid()
    }

    /// Has it do something; the answer, or why it could not.
    pub(super) fn run(&self, command: &str) -> Result<String, Stop> {
        let answer = self.0.ask(command)?;
        match answer.strip_prefix('!') {
            Some(why) => Err(Stop::Fail(format!("`{command}` inside: {why}"))),
            None => Ok(answer),
        }
    }

    /// What it does must have that answer.
    pub(super) fn must(&self, command: &str, answer: &str, what: &str) -> Check {
        let got = self.run(command)?;
        ensure!(got == answer, "{what}: `{got}`, not `{answer}`");
        Ok(())
    }

    /// Kills it and waits for its end.
    pub(super) fn kill(self) {
        drop(self);
    }

    /// Joins it with the test's namespace by a veth pair: `here` stays, `there` goes inside.
    pub(super) fn connect(&self, here: &str, there: &str) -> Check {
        interface::make_veth(here, there).or_absent("make a veth pair")?;
        self.take(there)
    }

    /// Moves an interface of the test's namespace inside, and looks from both sides.
    pub(super) fn take(&self, name: &str) -> Check {
        interface::move_to(name, self.pid()).or_fail(&format!("move {name} inside"))?;
        let seen = interface::exists(name).or_fail(&format!("look for {name}"))?;
        ensure!(!seen, "{name} went inside and is still seen outside");
        self.must(&format!("has {name}"), "yes", &format!("{name} was moved inside; it is there"))
    }
}

fn serve(test: &Link) -> Check {
    let mut ports = Vec::new();
    loop {
        let line = test.hear()?;
        let words: Vec<&str> = line.split(' ').collect();
        match obey(&words, &mut ports) {
            Ok(answer) => test.say(&answer),
            Err(Stop::Fail(why) | Stop::Skip(why) | Stop::Absent(why)) => test.say(&format!("!{why}")),
        }
    }
}

/// An IPv4 address in words.
fn ip(text: &str) -> Result<[u8; 4], Stop> {
    let parts: Vec<u8> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    parts.try_into().map_err(|_| Stop::Fail(format!("`{text}` is no IPv4 address")))
}

/// Address number `last` of the test's own IPv6 network.
pub(super) fn ip6(last: u8) -> [u8; 16] {
    let mut ip = [0; 16];
    (ip[0], ip[1], ip[15]) = (0xfd, 0x77, last);
    ip
}

/// Gives an interface of this process's namespace an IPv4 address and brings it up.
pub(super) fn bring_up(name: &str, address: &str) -> Check {
    interface::set_address(name, ip(address)?).or_fail(&format!("give {name} the address {address}"))?;
    interface::set_up(name, true).or_fail(&format!("bring {name} up"))
}

/// The same for IPv6.
pub(super) fn bring_up6(name: &str, last: u8) -> Check {
    interface::set_up(name, true).or_fail(&format!("bring {name} up"))?;
    interface::set_address6(name, ip6(last)).or_fail(&format!("give {name} an IPv6 address"))
}

/// A UDP socket on a port of every address.
pub(super) fn open_port(port: u16) -> Result<Fd, Stop> {
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0).or_fail("socket")?;
    sys::bind(&socket, &inet_address([0; 4], port)).or_fail("bind")?;
    Ok(socket)
}

fn open_port6(port: u16) -> Result<Fd, Stop> {
    let socket = sys::socket(net::AF_INET6, net::DGRAM | net::CLOEXEC, 0).or_fail("socket of IPv6")?;
    sys::bind(&socket, &inet6_address([0; 16], port)).or_fail("bind to an IPv6 port")?;
    Ok(socket)
}

/// `struct iovec` and `writev`: the one call that only the sending of datagrams makes.
pub(super) fn send_all(socket: &Fd, bytes: &[u8]) -> Result<(), Errno> {
    let mut vector = [bytes.as_ptr() as usize, bytes.len()];
    // SAFETY: one iovec of readable bytes.
    unsafe { sys::call(sys::nr::WRITEV, [sys::arg(socket.raw()), vector.as_mut_ptr() as usize, 1]) }.map(drop)
}

/// Sends one datagram from any port.
pub(super) fn send(to: &str, port: u16, text: &str) -> Result<(), Errno> {
    let address = ip(to).map_err(|_| Errno::EINVAL)?;
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0)?;
    sys::connect(&socket, &inet_address(address, port))?;
    send_all(&socket, text.as_bytes())
}

fn send6(last: u8, port: u16, text: &str) -> Result<(), Errno> {
    let socket = sys::socket(net::AF_INET6, net::DGRAM | net::CLOEXEC, 0)?;
    sys::connect(&socket, &inet6_address(ip6(last), port))?;
    send_all(&socket, text.as_bytes())
}

/// The next datagram, or that none came within the time.
pub(super) fn next(socket: &Fd, ms: u64) -> Result<String, Stop> {
    let ms = ms.min(time_left().saturating_sub(1000));
    if !sys::readable(socket, ms as i32).or_fail("poll")? {
        return Ok(NOTHING.into());
    }
    let mut buffer = alloc::vec![0; 16 * 1024];
    let n = sys::recv(socket, &mut buffer, 0).or_fail("recv")?;
    Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
}

/// The next datagram, which must come.
pub(super) fn arrived(socket: &Fd) -> Result<String, Stop> {
    next(socket, COMES_MS)
}

fn number<T: core::str::FromStr>(text: &str) -> Result<T, Stop> {
    text.parse().map_err(|_| Stop::Fail(format!("`{text}` is no number")))
}

fn port_of(ports: &[(u16, Fd)], port: u16) -> Result<&Fd, Stop> {
    let found = ports.iter().find(|(known, _)| *known == port);
    found.map(|(_, socket)| socket).ok_or_else(|| Stop::Fail(format!("port {port} is not open")))
}

/// An error number is an answer: the test knows which one it expects.
fn answer(result: Result<(), Errno>) -> String {
    result.map_or_else(|errno| errno.to_string(), |()| "done".to_string())
}

fn obey(words: &[&str], ports: &mut Vec<(u16, Fd)>) -> Result<String, Stop> {
    let done = |()| "done".to_string();
    match *words {
        ["addr", name, address] => bring_up(name, address).map(done),
        ["addr6", name, last] => bring_up6(name, number(last)?).map(done),
        ["up", name] => interface::set_up(name, true).or_fail("bring it up").map(done),
        ["down", name] => interface::set_up(name, false).or_fail("take it down").map(done),
        ["has", name] => {
            let there = interface::exists(name).or_fail("look for it")?;
            Ok(if there { "yes" } else { "no" }.to_string())
        }
        ["open", port] => {
            ports.push((number(port)?, open_port(number(port)?)?));
            Ok(done(()))
        }
        ["open6", port] => {
            ports.push((number(port)?, open_port6(number(port)?)?));
            Ok(done(()))
        }
        ["send", to, port, text] => Ok(answer(send(to, number(port)?, text))),
        ["send6", last, port, text] => Ok(answer(send6(number(last)?, number(port)?, text))),
        ["recv", port] => arrived(port_of(ports, number(port)?)?),
        ["quiet", port] => next(port_of(ports, number(port)?)?, QUIET_MS),
        ["veth", name, other] => interface::make_veth(name, other).or_fail("make a veth pair").map(done),
        ["give", name, process] => interface::move_to(name, number(process)?).or_fail("move it").map(done),
        ["vlan", name, lower, id] => super::devices::vlan(name, lower, number(id)?).map(done),
        ["vxlan", name, id, from, to] => super::devices::vxlan(name, number(id)?, ip(from)?, ip(to)?).map(done),
        ["waiting", port] => next(port_of(ports, number(port)?)?, 0),
        ["fill", last, port, size] => {
            let text: String = (0..number(size)?).map(|i: u32| char::from(b'a' + (i % 23) as u8)).collect();
            Ok(answer(send6(number(last)?, number(port)?, &text)))
        }
        ["mac", name] => {
            interface::hardware(name).or_fail("read its hardware address").map(|mac| format!("{mac:02x?}"))
        }
        ["read", path] => files::read_text(path).or_fail(path).map(|text| text.trim().replace(['\t', '\n'], " ")),
        ["write", path, value] => Ok(answer(files::write(path, value))),
        ["route", to, via] => {
            super::route::add(ip(to)?, ip(via)?).or_fail("add a route")?;
            Ok(done(()))
        }
        _ => fail!("no such command: {words:?}"),
    }
}
