//! Into a namespace and back: what the caller sees and does there, and what the one who lives there sees of it.

use super::{enter, must_refuse, namespace, of};
use crate::files;
use crate::sys::{self, Errno, clone, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::interface;
use crate::tests::ns::uts::{hostname, set_hostname};
use crate::tests::peer::{Link, Peer};
use crate::tests::scratch::{self, folder, marked_tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("setns::uts_shows_its_hostname", uts_shows_its_hostname),
    ("setns::net_shows_its_interfaces", net_shows_its_interfaces),
    ("setns::mount_shows_its_mounts", mount_shows_its_mounts),
    ("setns::pid_places_children_inside", pid_places_children_inside),
    ("setns::wrong_type_is_refused", wrong_type_is_refused),
];

/// A process in a UTS namespace of its own with the name `inside`, which tells its name when asked.
fn named_inside() -> Result<Peer, Stop> {
    let peer = Peer::start(clone::NEWUTS, |test| {
        set_hostname("inside")?;
        test.say("set");
        loop {
            test.hear()?;
            test.say(&hostname()?);
        }
    })?;
    peer.hear()?;
    Ok(peer)
}

fn must_be_named(name: &str, place: &str) -> Check {
    let found = hostname()?;
    ensure!(found == name, "{place} the host name is `{found}`, not `{name}`");
    Ok(())
}

/// In the entered namespace its name is read and set, and the way back leads to the old one, unchanged.
pub(crate) fn uts_shows_its_hostname(_: &Ctx) -> Check {
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    set_hostname("outside")?;
    let peer = named_inside()?;
    let (inner, outer) = (of(&peer, "uts")?, namespace("self", "uts")?);
    must_be_named("outside", "before setns")?;
    enter(&inner, clone::NEWUTS)?;
    must_be_named("inside", "after setns")?;
    set_hostname("visited")?;
    let name = peer.ask("name?")?;
    ensure!(name == "visited", "the name set after setns is `{name}` to the process that lives there");
    enter(&outer, 0)?;
    must_be_named("outside", "after the way back")
}

fn lo_mtu() -> Result<i32, Stop> {
    interface::mtu("lo").or_fail("read the MTU of lo")
}

/// In the entered namespace `lo` is the one of that namespace, and the way back leads to the old one.
pub(crate) fn net_shows_its_interfaces(_: &Ctx) -> Check {
    const INSIDE: i32 = 11_111;
    sys::unshare(clone::NEWNET).or_absent("unshare(CLONE_NEWNET)")?;
    let peer = Peer::start(clone::NEWNET, |test| {
        interface::set_mtu("lo", INSIDE).or_fail("set the MTU of lo inside")?;
        interface::set_up("lo", true).or_fail("bring lo up inside")?;
        test.say("up");
        test.hear()?;
        ensure!(!interface::is_up("lo").or_fail("read the flags of lo inside")?, "lo inside is still up");
        Ok(())
    })?;
    peer.hear()?;
    let (inner, outer) = (of(&peer, "net")?, namespace("self", "net")?);
    let before = lo_mtu()?;
    ensure!(before != INSIDE, "before setns lo has the MTU of the one inside");
    enter(&inner, clone::NEWNET)?;
    let (mtu, up) = (lo_mtu()?, interface::is_up("lo").or_fail("read the flags of lo")?);
    ensure!(mtu == INSIDE && up, "after setns lo has the MTU {mtu} and is up: {up}; not {INSIDE} and up");
    interface::set_up("lo", false).or_fail("take lo down after setns")?;
    enter(&outer, 0)?;
    let (mtu, up) = (lo_mtu()?, interface::is_up("lo").or_fail("read the flags of lo")?);
    ensure!(mtu == before && !up, "after the way back lo has the MTU {mtu} and is up: {up}; not {before} and down");
    peer.say("taken down");
    peer.finish()
}

const MARK: &str = "/tmp/in/marker";

/// In the entered namespace its mounts are seen, and after the way back they are not.
pub(crate) fn mount_shows_its_mounts(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    folder("/tmp/in")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs("/tmp/in", "marker")?;
        test.say("mounted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let (inner, outer) = (of(&peer, "mnt")?, namespace("self", "mnt")?);
    ensure!(!files::exists(MARK), "the mount inside is seen before setns");
    enter(&inner, clone::NEWNS)?;
    ensure!(files::exists(MARK), "the mount inside is not seen after setns");
    enter(&outer, 0)?;
    ensure!(!files::exists(MARK), "the mount inside is still seen after the way back");
    peer.say("go");
    peer.finish()
}

/// What a process placed in the namespace of another init must find.
fn placed_inside(link: &Link) -> Check {
    let (pid, parent) = (sys::getpid(), sys::getppid());
    ensure!(pid == 2, "the child made after setns is {pid} inside, not 2");
    ensure!(parent == 0, "its parent outside shows as {parent}, not 0");
    sys::kill(1, 0).or_fail("reach init from the child made after setns")?;
    link.say("placed");
    link.hear().map(drop)
}

/// The caller keeps its own number and namespace; its next child is born inside, where init can reach it.
pub(crate) fn pid_places_children_inside(_: &Ctx) -> Check {
    let init = Peer::start(clone::NEWPID, |test| {
        test.say("born");
        test.hear()?;
        sys::kill(2, 0).or_fail("reach the process placed inside, as init")?;
        test.say("reached");
        test.hear().map(drop)
    })?;
    init.hear()?;
    let own = sys::getpid();
    enter(&of(&init, "pid")?, clone::NEWPID)?;
    ensure!(sys::getpid() == own, "setns changed the caller's own number from {own} to {}", sys::getpid());
    let child = Peer::start(0, placed_inside)?;
    child.hear()?;
    ensure!(child.pid() != 2, "the child made after setns has its inner number outside");
    init.ask("look")?;
    child.say("go");
    child.finish()?;
    init.say("go");
    init.finish()
}

/// `setns` refuses a wrong type, a file that is no namespace and no file at all, and changes nothing then.
pub(crate) fn wrong_type_is_refused(_: &Ctx) -> Check {
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    set_hostname("outside")?;
    let peer = named_inside()?;
    let inner = of(&peer, "uts")?;
    // Asked first: EINVAL means something only where the right type is taken.
    in_child(0, || enter(&inner, clone::NEWUTS))?;
    must_refuse(sys::setns(&inner, clone::NEWIPC), Errno::EINVAL, "the type of another namespace")?;
    must_refuse(sys::setns(&inner, usize::MAX >> 33), Errno::EINVAL, "a type that there is not")?;
    let plain = sys::open("/proc/self/status", open::RDONLY, 0).or_fail("open a plain file")?;
    must_refuse(sys::setns(&plain, 0), Errno::EINVAL, "a file that is no namespace")?;
    must_be_named("outside", "after refused calls")
}
