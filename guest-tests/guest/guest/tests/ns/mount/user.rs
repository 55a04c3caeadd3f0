//! Mounts that came from a more privileged namespace are locked, and what a user namespace may mount itself.

use alloc::format;

use super::{BASE, COPY, IN, IN_MARK, OUT, OUT_MARK, bind, mountinfo, must_be_absent, must_exist, refused, stage};
use crate::files;
use crate::sys::{self, Errno, clone, ms, nr};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::peer::Peer;
use crate::tests::scratch::{folder, marked_tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::userns_sends_no_mounts_out", userns_sends_no_mounts_out),
    ("ns::mount::userns_cannot_unmount_what_it_got", userns_cannot_unmount_what_it_got),
    ("ns::mount::userns_cannot_clear_read_only", userns_cannot_clear_read_only),
    ("ns::mount::userns_cannot_clear_other_flags", userns_cannot_clear_other_flags),
    ("ns::mount::userns_mounts_its_own_tmpfs", userns_mounts_its_own_tmpfs),
    ("ns::mount::userns_proc_needs_an_unmasked_one", userns_proc_needs_an_unmasked_one),
    ("ns::mount::userns_sysfs_needs_its_own_network", userns_sysfs_needs_its_own_network),
];

/// Runs the body as root of a new user namespace that owns a new mount namespace, and others if asked for. Root in it
/// is root outside, so that only what namespaces forbid is forbidden.
fn in_userns(more: usize, body: impl FnOnce() -> Check) -> Check {
    let peer = Peer::start(clone::NEWUSER | clone::NEWNS | more, |test| {
        test.say("born");
        test.hear()?;
        sys::plain(nr::SETRESGID, [0, 0, 0]).or_fail("setresgid(0) inside")?;
        sys::plain(nr::SETRESUID, [0, 0, 0]).or_fail("setresuid(0) inside")?;
        body()
    })?;
    peer.hear()?;
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, "0 0 1000\n").or_fail(&format!("write {path}"))?;
    }
    peer.say("mapped");
    peer.finish()
}

/// What was shared is a slave inside: mounts come in and none goes out.
pub(crate) fn userns_sends_no_mounts_out(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    marked_tmpfs(COPY, "marker")?;
    // Without a map it may mount all the same: a bind needs no file to be made.
    let peer = Peer::start(clone::NEWUSER | clone::NEWNS, |test| {
        bind(COPY, IN)?;
        must_exist(IN_MARK, "inside, where it was mounted")?;
        test.say("mounted");
        test.hear()?;
        must_exist(OUT_MARK, "inside, after it was mounted outside")
    })?;
    peer.hear()?;
    must_be_absent(IN_MARK, "outside, when it was mounted in a user namespace")?;
    let tags = mountinfo::at(&format!("{}", peer.pid()), BASE)?;
    let slave = tags.tag("master").is_some() && tags.tag("shared").is_none();
    ensure!(slave, "the copy of a shared mount in a user namespace has the tags {:?}", tags.tags);
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()
}

/// A mount from outside cannot be unmounted or moved by itself, lazily neither, so what it hides stays hidden.
pub(crate) fn userns_cannot_unmount_what_it_got(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    files::create("/tmp/base/in/hidden", "").or_fail("make a file")?;
    marked_tmpfs(IN, "marker")?;
    in_userns(0, || {
        refused(sys::umount(IN, 0), Errno::EINVAL, "unmount of what came from outside")?;
        refused(sys::umount(IN, sys::MNT_DETACH), Errno::EINVAL, "lazy unmount of what came from outside")?;
        refused(sys::mount(IN, COPY, "", ms::MOVE, ""), Errno::EINVAL, "a move of what came from outside")?;
        refused(sys::mount(BASE, COPY, "", ms::BIND, ""), Errno::EINVAL, "a bind that leaves out what hides a folder")?;
        must_be_absent("/tmp/base/in/hidden", "inside, under the mount from outside")?;
        sys::mount(BASE, COPY, "", ms::BIND | ms::REC, "").or_fail("bind of the whole tree")?;
        must_be_absent("/tmp/copy/in/hidden", "in the copy of the tree")?;
        refused(sys::umount("/tmp/copy/in", 0), Errno::EINVAL, "unmount in a copy of the tree")?;
        sys::umount(COPY, sys::MNT_DETACH).or_fail("unmount of the whole copy")?;
        bind(IN, OUT)?;
        must_exist(OUT_MARK, "inside, where it was bound")?;
        sys::umount(OUT, 0).or_fail("unmount of what was mounted inside")
    })
}

fn remount(flags: usize) -> Result<(), Errno> {
    sys::mount("", IN, "", ms::REMOUNT | ms::BIND | flags, "")
}

/// Read-only from outside stays read-only, for a copy of it too; what is mounted inside may be changed.
pub(crate) fn userns_cannot_clear_read_only(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    remount(ms::RDONLY).or_fail("make a mount read-only")?;
    in_userns(0, || {
        refused(remount(0), Errno::EPERM, "clear read-only of a mount from outside")?;
        let write = || sys::open(IN_MARK, sys::open::WRONLY, 0).map(drop);
        refused(write(), Errno::EROFS, "write after that")?;
        bind(IN, OUT)?;
        let copy = sys::mount("", OUT, "", ms::REMOUNT | ms::BIND, "");
        refused(copy, Errno::EPERM, "clear read-only of a copy of it")?;
        sys::mount("", BASE, "", ms::REMOUNT | ms::BIND | ms::RDONLY, "").or_fail("set read-only inside")?;
        sys::mount("", BASE, "", ms::REMOUNT | ms::BIND, "").or_fail("clear what was set inside")
    })
}

/// `nosuid`, `nodev`, `noexec` and `noatime` from outside stay set.
pub(crate) fn userns_cannot_clear_other_flags(_: &Ctx) -> Check {
    const ALL: usize = ms::NOSUID | ms::NODEV | ms::NOEXEC | ms::NOATIME;
    const MS_STRICTATIME: usize = 0x100_0000;
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    remount(ALL).or_fail("set the flags of a mount")?;
    in_userns(0, || {
        for flag in [ms::NOSUID, ms::NODEV, ms::NOEXEC] {
            refused(remount(ALL & !flag), Errno::EPERM, &format!("clear flag {flag:#x} of a mount from outside"))?;
        }
        // Only another word on access times takes the one away.
        let strict = remount(ALL & !ms::NOATIME | MS_STRICTATIME);
        refused(strict, Errno::EPERM, "clear noatime of a mount from outside")?;
        remount(ALL | ms::RDONLY).or_fail("set one more flag inside")?;
        remount(ALL).or_fail("clear what was set inside")
    })
}

/// Root of a user namespace mounts a tmpfs that is its own and not seen outside, and makes no device in it.
pub(crate) fn userns_mounts_its_own_tmpfs(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    in_userns(0, || {
        sys::mount("tmpfs", IN, "tmpfs", ms::NOATIME, "mode=0755").or_fail("mount tmpfs in a user namespace")?;
        files::create(IN_MARK, "marker").or_fail("make a file in it")?;
        let stat = sys::stat(IN_MARK).or_fail("stat the file")?;
        ensure!((stat.uid, stat.gid) == (0, 0), "root's file is owned by {}:{}", stat.uid, stat.gid);
        let device = sys::mknod_char("/tmp/base/in/zero", 0o666, 1, 5);
        refused(device, Errno::EPERM, "mknod of a device in a user namespace")?;
        folder("/tmp/base/in/disk")?;
        let devices = sys::mount("devtmpfs", "/tmp/base/in/disk", "devtmpfs", 0, "");
        refused(devices, Errno::EPERM, "mount of devtmpfs in a user namespace")
    })?;
    must_be_absent(IN_MARK, "outside")
}

const SAFE: usize = ms::NOSUID | ms::NODEV | ms::NOEXEC;

/// proc is mounted inside where one is in full view, and is `EPERM` where the one in view has a folder masked.
pub(crate) fn userns_proc_needs_an_unmasked_one(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    in_userns(clone::NEWPID, || {
        sys::mount("proc", IN, "proc", SAFE, "").or_fail("mount proc with a whole one in view")?;
        let own = sys::readlink("/tmp/base/in/self").or_fail("readlink of self in it")?;
        ensure!(own == "1", "the new proc calls init of its PID namespace {own}");
        Ok(())
    })?;
    bind(OUT, "/proc/sys")?;
    in_userns(clone::NEWPID, || {
        let masked = sys::mount("proc", IN, "proc", SAFE, "");
        refused(masked, Errno::EPERM, "mount of proc with a masked one in view")?;
        must_be_absent("/tmp/base/in/sys", "after a refused mount")
    })
}

/// sysfs is `EPERM` to who does not own the network namespace that it shows, and mounted by who does.
pub(crate) fn userns_sysfs_needs_its_own_network(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    in_userns(0, || {
        let foreign = sys::mount("sysfs", IN, "sysfs", SAFE, "");
        refused(foreign, Errno::EPERM, "mount of sysfs without a network namespace of one's own")
    })?;
    in_userns(clone::NEWNET, || {
        sys::mount("sysfs", IN, "sysfs", SAFE, "").or_fail("mount sysfs with a network namespace of one's own")?;
        must_exist("/tmp/base/in/class/net/lo", "in the new sysfs")
    })
}
