//! Mount namespaces and the propagation of mounts between them.
//!
//! A mount is known by a marker file in it, so that what counts is what a path leads to and not what a list says.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, folder, marked_tmpfs, tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::mount_is_private", mount_is_private),
    ("ns::mount::shared_propagates_both_ways", shared_propagates_both_ways),
    ("ns::mount::slave_receives_and_never_sends", slave_receives_and_never_sends),
    ("ns::mount::unbindable_refuses_bind", unbindable_refuses_bind),
    ("ns::mount::detached_mount_serves_open_files", detached_mount_serves_open_files),
];

/// The mount under which both sides mount; its propagation is what a test is about.
const BASE: &str = "/tmp/base";
const IN: &str = "/tmp/base/in";
const OUT: &str = "/tmp/base/out";
const IN_MARK: &str = "/tmp/base/in/marker";
const OUT_MARK: &str = "/tmp/base/out/marker";

/// Own mounts, and [`BASE`] mounted with two folders to mount on.
fn stage(propagation: usize) -> Check {
    scratch::own_mounts()?;
    folder(BASE)?;
    tmpfs(BASE)?;
    set_propagation(BASE, propagation)?;
    folder(IN)?;
    folder(OUT)
}

fn set_propagation(at: &str, propagation: usize) -> Check {
    sys::mount("", at, "", propagation, "").or_fail(&format!("set propagation {propagation:#x} of {at}"))
}

fn must_see(mark: &str, whose: &str, side: &str) -> Check {
    ensure!(files::exists(mark), "the mount made {whose} is not seen {side}");
    Ok(())
}

fn must_not_see(mark: &str, whose: &str, side: &str) -> Check {
    ensure!(!files::exists(mark), "the mount made {whose} is seen {side}");
    Ok(())
}

/// A private mount point carries nothing in either direction, neither mounts nor their removal.
pub(crate) fn mount_is_private(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs(IN, "marker")?;
        must_see(IN_MARK, "inside", "inside")?;
        test.say("mounted");
        test.hear()?;
        must_not_see(OUT_MARK, "outside", "inside")?;
        sys::umount(BASE, sys::MNT_DETACH).or_fail("unmount inside what was there before")
    })?;
    peer.hear()?;
    must_not_see(IN_MARK, "inside", "outside")?;
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()?;
    must_see(OUT_MARK, "outside", "outside, after the inside has unmounted its copy")
}

/// Mounts and unmounts under a shared mount show in both namespaces, and one beside it stays where it was made.
pub(crate) fn shared_propagates_both_ways(_: &Ctx) -> Check {
    const BESIDE: &str = "/tmp/beside";
    stage(ms::SHARED)?;
    folder(BESIDE)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs(BESIDE, "marker")?;
        marked_tmpfs(IN, "marker")?;
        test.say("mounted");
        test.hear()?;
        must_see(OUT_MARK, "outside", "inside")?;
        sys::umount(OUT, 0).or_fail("unmount inside what was mounted outside")
    })?;
    peer.hear()?;
    must_see(IN_MARK, "inside", "outside")?;
    must_not_see("/tmp/beside/marker", "inside, beside the shared one,", "outside")?;
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()?;
    must_not_see(OUT_MARK, "outside", "outside, though it was unmounted inside")
}

/// A slave gets its master's mounts and unmounts and sends nothing back.
pub(crate) fn slave_receives_and_never_sends(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let peer = Peer::start(clone::NEWNS, |test| {
        set_propagation(BASE, ms::SLAVE)?;
        marked_tmpfs(IN, "marker")?;
        test.say("mounted");
        test.hear()?;
        must_see(OUT_MARK, "by the master", "by the slave")?;
        test.say("seen");
        test.hear()?;
        must_not_see(OUT_MARK, "by the master and unmounted there", "by the slave")?;
        must_see(IN_MARK, "by the slave", "by the slave")
    })?;
    peer.hear()?;
    must_not_see(IN_MARK, "by the slave", "by the master")?;
    marked_tmpfs(OUT, "marker")?;
    peer.ask("mounted")?;
    sys::umount(OUT, 0).or_fail("unmount by the master")?;
    peer.say("unmounted");
    peer.finish()
}

const COPY: &str = "/tmp/copy";

fn bind_copy(flags: usize) -> Result<(), Errno> {
    sys::mount(BASE, COPY, "", ms::BIND | flags, "")
}

/// An unbindable mount is EINVAL to bind and is left out of a recursive bind; made private it can be bound.
pub(crate) fn unbindable_refuses_bind(_: &Ctx) -> Check {
    stage(ms::UNBINDABLE)?;
    folder(COPY)?;
    match bind_copy(0) {
        Err(Errno::EINVAL) => {}
        Ok(()) => fail!("an unbindable mount was bound"),
        Err(errno) => fail!("bind of an unbindable mount: {errno}, not EINVAL"),
    }
    set_propagation(BASE, ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    set_propagation(IN, ms::UNBINDABLE)?;
    marked_tmpfs(OUT, "marker")?;
    bind_copy(ms::REC).or_fail("bind of a private mount, recursive")?;
    ensure!(files::exists("/tmp/copy/out/marker"), "a recursive bind left out a private mount");
    ensure!(!files::exists("/tmp/copy/in/marker"), "a recursive bind took an unbindable mount along");
    Ok(())
}

/// A busy mount is EBUSY to unmount; detached it is off its path at once, and open files in it go on.
pub(crate) fn detached_mount_serves_open_files(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let file = sys::open(IN_MARK, open::RDWR, 0).or_fail("open a file in the mount")?;
    match sys::umount(IN, 0) {
        Err(Errno::EBUSY) => {}
        Ok(()) => fail!("a mount with an open file was unmounted without MNT_DETACH"),
        Err(errno) => fail!("unmount of a busy mount: {errno}, not EBUSY"),
    }
    sys::umount(IN, sys::MNT_DETACH).or_fail("umount2(MNT_DETACH)")?;
    ensure!(!files::exists(IN_MARK), "a detached mount is still at its path");
    read_back(&file)
}

/// The marker's bytes are read and more can be written.
fn read_back(file: &sys::Fd) -> Result<(), Stop> {
    let text = files::read_to_end(file).or_fail("read from the detached mount")?;
    ensure!(
        text == b"marker",
        "a file in the detached mount reads `{}`",
        alloc::string::String::from_utf8_lossy(&text)
    );
    sys::write(file, b" and more").or_fail("write to the detached mount")?;
    let size = sys::fstat(file).or_fail("fstat in the detached mount")?.size;
    ensure!(size == 15, "the file has {size} bytes after a write to the detached mount, not 15");
    Ok(())
}
