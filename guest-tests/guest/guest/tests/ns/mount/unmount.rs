//! Unmounting: busy, lazy, expiring, and by the death of the namespace.

use alloc::format;

use super::mountinfo;
use super::{BASE, IN, IN_MARK, OUT, must_be_absent, must_exist, refused, stage};
use crate::files;
use crate::sys::{self, Errno, Fd, arg, c_string, call, clone, ms, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, time_left};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, marked_tmpfs, tmpfs};

const MNT_EXPIRE: usize = 4;
const UMOUNT_NOFOLLOW: usize = 8;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::detached_mount_serves_open_files", detached_mount_serves_open_files),
    ("ns::mount::detaching_takes_submounts_along", detaching_takes_submounts_along),
    ("ns::mount::expiry_takes_two_calls", expiry_takes_two_calls),
    ("ns::mount::nofollow_spares_what_a_link_leads_to", nofollow_spares_what_a_link_leads_to),
    ("ns::mount::mounts_stack_on_one_place", mounts_stack_on_one_place),
    ("ns::mount::death_of_the_namespace_unmounts", death_of_the_namespace_unmounts),
    ("ns::mount::open_file_outlives_the_namespace", open_file_outlives_the_namespace),
    ("ns::mount::foreign_mountpoint_can_be_removed", foreign_mountpoint_can_be_removed),
    ("ns::mount::own_mountpoint_is_busy", own_mountpoint_is_busy),
    ("ns::mount::number_of_mounts_is_limited", number_of_mounts_is_limited),
    ("ns::mount::propagation_stops_at_the_limit", propagation_stops_at_the_limit),
];

/// A busy mount is EBUSY to unmount; detached it is off its path at once, and open files in it go on.
pub(crate) fn detached_mount_serves_open_files(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let file = sys::open(IN_MARK, open::RDWR, 0).or_fail("open a file in the mount")?;
    refused(sys::umount(IN, 0), Errno::EBUSY, "unmount of a busy mount")?;
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

/// The whole tree under a detached mount is off at once, and what lay beneath shows again.
pub(crate) fn detaching_takes_submounts_along(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    files::create("/tmp/base/in/beneath", "").or_fail("make a file beneath the mount")?;
    marked_tmpfs(IN, "marker")?;
    scratch::folder("/tmp/base/in/deep")?;
    marked_tmpfs("/tmp/base/in/deep", "marker")?;
    let deep = sys::open("/tmp/base/in/deep/marker", open::RDONLY, 0).or_fail("open a file deep in the tree")?;
    refused(sys::umount(IN, 0), Errno::EBUSY, "unmount of a mount that has one below")?;
    sys::umount(IN, sys::MNT_DETACH).or_fail("umount2(MNT_DETACH)")?;
    must_exist("/tmp/base/in/beneath", "after the tree was detached")?;
    let left = mountinfo::of("self")?.iter().filter(|mount| mount.point.starts_with(IN)).count();
    ensure!(left == 0, "{left} mounts of the detached tree are still in mountinfo");
    let text = files::read_to_end(&deep).or_fail("read a file of the detached tree")?;
    ensure!(text == b"marker", "a file deep in the detached tree has {} bytes, not its text", text.len());
    Ok(())
}

/// The first `MNT_EXPIRE` marks the mount (`EAGAIN`), use takes the mark away, and the second in a row unmounts.
pub(crate) fn expiry_takes_two_calls(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let first = || refused(sys::umount(IN, MNT_EXPIRE), Errno::EAGAIN, "the first umount2(MNT_EXPIRE)");
    first()?;
    must_exist(IN_MARK, "after the first MNT_EXPIRE")?;
    first()?;
    sys::umount(IN, MNT_EXPIRE).or_fail("the second umount2(MNT_EXPIRE)")?;
    must_be_absent(IN_MARK, "after the second MNT_EXPIRE")?;
    let mixed = sys::umount(BASE, MNT_EXPIRE | sys::MNT_DETACH);
    refused(mixed, Errno::EINVAL, "MNT_EXPIRE together with MNT_DETACH")
}

/// `UMOUNT_NOFOLLOW` refuses a symbolic link and leaves alone what it leads to; without it that is unmounted.
pub(crate) fn nofollow_spares_what_a_link_leads_to(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    sys::symlink(IN, "/tmp/link").or_fail("symlink")?;
    refused(sys::umount("/tmp/link", UMOUNT_NOFOLLOW), Errno::EINVAL, "umount2(UMOUNT_NOFOLLOW) of a link")?;
    must_exist(IN_MARK, "after a refused unmount")?;
    sys::umount("/tmp/link", 0).or_fail("unmount by the link")?;
    must_be_absent(IN_MARK, "after unmounting by the link")
}

/// The last mount on a place hides the one before, and its unmounting shows that again.
pub(crate) fn mounts_stack_on_one_place(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "first")?;
    marked_tmpfs(IN, "second")?;
    must_exist("/tmp/base/in/second", "with two mounts on it")?;
    must_be_absent("/tmp/base/in/first", "with two mounts on it")?;
    sys::umount(IN, 0).or_fail("unmount the upper one")?;
    must_exist("/tmp/base/in/first", "after the upper one went")?;
    must_be_absent("/tmp/base/in/second", "after the upper one went")
}

/// Tells of the end of the file system that holds a path: the watch itself keeps nothing alive (inotify(7)).
struct Obituary(Fd);

impl Obituary {
    fn new() -> Result<Obituary, Stop> {
        sys::plain(nr::INOTIFY_INIT1, [arg(open::NONBLOCK)]).map(|fd| Obituary(Fd::new(fd))).or_fail("inotify_init1")
    }

    fn watch(&self, path: &str) -> Check {
        // IN_UNMOUNT alone is EINVAL on 2.6.38 and well on 3.2: it goes with IN_MOVE_SELF, which nobody here does.
        const UNMOUNT: usize = 0x2000 | 0x800;
        let path = c_string(path).or_fail("a path")?;
        let args = [arg(self.0.raw()), path.as_ptr() as usize, UNMOUNT];
        // SAFETY: a NUL-terminated string, and numbers.
        unsafe { call(nr::INOTIFY_ADD_WATCH, args) }.map(drop).or_fail("inotify_add_watch")
    }

    /// Whether the file system has gone by now.
    fn has_come(&self) -> Result<bool, Stop> {
        sys::readable(&self.0, 0).or_fail("poll the watch")
    }

    /// Waits till the file system has gone.
    fn wait(&self, why: &str) -> Check {
        let left = time_left().saturating_sub(1_000).min(60_000);
        let gone = sys::readable(&self.0, left as i32).or_fail("poll the watch")?;
        ensure!(gone, "the file system is still mounted somewhere: {why}");
        Ok(())
    }
}

/// A process in a mount namespace of its own where a tmpfs is mounted and watched; ends when told to.
fn with_watched_mount(obituary: &Obituary) -> Result<Peer, Stop> {
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs(IN, "marker")?;
        obituary.watch(IN)?;
        test.say("mounted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    must_be_absent(IN_MARK, "outside, while the mount is inside")?;
    Ok(peer)
}

/// When the last process of a mount namespace ends, what was mounted there is shut down.
pub(crate) fn death_of_the_namespace_unmounts(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let obituary = Obituary::new()?;
    let peer = with_watched_mount(&obituary)?;
    ensure!(!obituary.has_come()?, "the file system was shut down while its namespace lived");
    peer.say("go");
    peer.finish()?;
    obituary.wait("its namespace's last process has ended")
}

/// An open file keeps its file system alive when the namespace has gone, and the last close shuts it down.
pub(crate) fn open_file_outlives_the_namespace(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let obituary = Obituary::new()?;
    let peer = with_watched_mount(&obituary)?;
    let there = format!("/proc/{}/root{IN_MARK}", peer.pid());
    let file = sys::open(&there, open::RDWR, 0).or_fail(&format!("open {there}"))?;
    peer.say("go");
    peer.finish()?;
    read_back(&file)?;
    ensure!(!obituary.has_come()?, "the file system was shut down while a file in it was open");
    drop(file);
    obituary.wait("the last file in it was closed and its namespace has ended")
}

/// A folder or file that is a mount point in another namespace only can be removed, and the mount there goes.
pub(crate) fn foreign_mountpoint_can_be_removed(ctx: &Ctx) -> Check {
    const FILE: &str = "/tmp/base/file";
    stage(ms::PRIVATE)?;
    for path in [FILE, "/tmp/base/source"] {
        files::create(path, "").or_fail("make a file")?;
    }
    let busy = ctx.expects("foreign_mountpoint_is_busy");
    let peer = Peer::start(clone::NEWNS, |test| {
        marked_tmpfs(IN, "marker")?;
        super::bind("/tmp/base/source", FILE)?;
        test.say("mounted");
        test.hear()?;
        let left = mountinfo::of("self")?.iter().filter(|m| m.point.starts_with(IN) || m.point == FILE).count();
        let expected = if busy { 2 } else { 0 };
        ensure!(left == expected, "{left} mounts are left inside after the removal outside, not {expected}");
        Ok(())
    })?;
    peer.hear()?;
    let (folder, file) = (sys::rmdir(IN), sys::unlink(FILE));
    if busy {
        refused(folder, Errno::EBUSY, "rmdir of a folder that another namespace mounts on")?;
        refused(file, Errno::EBUSY, "unlink of a file that another namespace mounts on")?;
    } else {
        folder.or_fail("rmdir of a folder that another namespace mounts on")?;
        file.or_fail("unlink of a file that another namespace mounts on")?;
    }
    peer.say("removed");
    peer.finish()
}

/// A mount point of one's own is `EBUSY` to remove or rename; unmounted it is a folder like any other.
pub(crate) fn own_mountpoint_is_busy(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    tmpfs(OUT)?;
    refused(sys::rmdir(OUT), Errno::EBUSY, "rmdir of a mount point")?;
    refused(sys::rename(OUT, "/tmp/base/other"), Errno::EBUSY, "rename of a mount point")?;
    refused(sys::rename(IN, OUT), Errno::EBUSY, "rename onto a mount point")?;
    sys::umount(OUT, 0).or_fail("unmount")?;
    sys::rmdir(OUT).or_fail("rmdir of what was a mount point")?;
    must_be_absent(OUT, "after it was removed")
}

/// `fs.mount-max` for the time of a test.
pub(super) struct MountMax(u64);

impl MountMax {
    const FILE: &str = "/proc/sys/fs/mount-max";

    /// Leaves room for so many mounts on top of those that this namespace has.
    pub(super) fn room_for(more: usize) -> Result<MountMax, Stop> {
        let before = files::read_number(MountMax::FILE).or_absent("read fs.mount-max")?;
        let now = mountinfo::of("self")?.len();
        let guard = MountMax(before);
        files::write(MountMax::FILE, &format!("{}", now + more)).or_fail("set fs.mount-max")?;
        Ok(guard)
    }
}

impl Drop for MountMax {
    fn drop(&mut self) {
        let _ = files::write(MountMax::FILE, &format!("{}", self.0));
    }
}

/// Mounts until refused, at most so often; how many it took, and how it was refused.
fn mount_till_refused(most: usize, mut one_more: impl FnMut() -> Result<(), Errno>) -> (usize, Option<Errno>) {
    for count in 0..most {
        if let Err(errno) = one_more() {
            return (count, Some(errno));
        }
    }
    (most, None)
}

/// With `fs.mount-max` reached the next mount is `ENOSPC`, and an unmount makes room for one.
pub(crate) fn number_of_mounts_is_limited(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let room = MountMax::room_for(8)?;
    let one_more = || sys::mount(OUT, IN, "", ms::BIND, "");
    // A root that mountinfo does not list counts too.
    let (made, end) = mount_till_refused(20, one_more);
    ensure!((4..=8).contains(&made), "{made} mounts fitted in where 8 were left (then {end:?})");
    ensure!(end == Some(Errno::ENOSPC), "a mount beyond fs.mount-max: {end:?}, not ENOSPC");
    sys::umount(IN, 0).or_fail("unmount one")?;
    one_more().or_fail("mount in the room that an unmount made")?;
    refused(one_more(), Errno::ENOSPC, "a mount beyond fs.mount-max")?;
    drop(room);
    one_more().or_fail("mount with the former fs.mount-max")
}

/// Binding a shared tree into itself doubles the mounts each time: the limit stops that (CVE-2016-6213).
pub(crate) fn propagation_stops_at_the_limit(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    let _room = MountMax::room_for(300)?;
    let (made, end) = mount_till_refused(20, || sys::mount(BASE, BASE, "", ms::BIND | ms::REC, ""));
    ensure!(end == Some(Errno::ENOSPC), "mounts that double were stopped by {end:?} after {made}, not by ENOSPC");
    let count = mountinfo::of("self")?.len();
    ensure!(count > 8 && count < 400, "there are {count} mounts when ENOSPC stopped them, with room for 300");
    while sys::umount(BASE, sys::MNT_DETACH).is_ok() {}
    must_be_absent(OUT, "after /tmp/base was unmounted whole")
}
