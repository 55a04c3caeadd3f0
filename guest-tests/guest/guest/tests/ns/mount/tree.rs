//! The tree of mounts: another root, moved and bound branches, what `..` and mountinfo show of them.

use alloc::format;

use super::{
    BASE, COPY, IN, IN_MARK, OUT, bind, mountinfo, must_be_absent, must_exist, refused, set_propagation, stage,
};
use crate::files;
use crate::sys::{self, Errno, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::peer::Peer;
use crate::tests::scratch::{folder, marked_tmpfs, tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::pivot_root_swaps_the_root", pivot_root_swaps_the_root),
    ("ns::mount::pivot_root_moves_others_of_the_namespace", pivot_root_moves_others_of_the_namespace),
    ("ns::mount::pivot_root_works_without_a_folder", pivot_root_works_without_a_folder),
    ("ns::mount::pivot_root_refuses_what_is_no_root", pivot_root_refuses_what_is_no_root),
    ("ns::mount::move_carries_the_tree", move_carries_the_tree),
    ("ns::mount::move_under_shared_parent_is_refused", move_under_shared_parent_is_refused),
    ("ns::mount::bind_leaves_out_submounts", bind_leaves_out_submounts),
    ("ns::mount::bind_puts_a_file_over_a_file", bind_puts_a_file_over_a_file),
    ("ns::mount::dotdot_stays_inside_a_bind", dotdot_stays_inside_a_bind),
    ("ns::mount::chroot_hides_mounts_outside_it", chroot_hides_mounts_outside_it),
    ("ns::mount::mountinfo_escapes_odd_names", mountinfo_escapes_odd_names),
];

/// Stage for `pivot_root`: the first root, an initramfs, cannot be left, so this process moves into a tmpfs that is
/// `/` to it, with a mount `/new` in it that has a folder `old`.
fn roots() -> Check {
    stage(ms::PRIVATE)?;
    for path in ["/tmp/base/new", "/tmp/base/proc"] {
        folder(path)?;
    }
    sys::mount("proc", "/tmp/base/proc", "proc", 0, "").or_fail("mount proc in the first root")?;
    files::create("/tmp/base/first", "").or_fail("mark the first root")?;
    sys::chdir(BASE).or_fail("chdir to the first root")?;
    sys::chroot(BASE).or_fail("chroot to the first root")?;
    marked_tmpfs("/new", "second")?;
    folder("/new/old")?;
    folder("/new/proc")
}

/// The new root is `/`, the old one where it was put, and once unmounted nothing of it is left.
pub(crate) fn pivot_root_swaps_the_root(_: &Ctx) -> Check {
    roots()?;
    let file = sys::open("/first", open::RDONLY, 0).or_fail("open a file of the old root")?;
    sys::pivot_root("/new", "/new/old").or_fail("pivot_root")?;
    must_exist("/second", "after pivot_root")?;
    must_be_absent("/first", "after pivot_root")?;
    must_exist("/old/first", "after pivot_root")?;
    sys::chdir("/").or_fail("chdir to the new root")?;
    refused(sys::umount("/old", 0), Errno::EBUSY, "unmount of the old root with a file open")?;
    drop(file);
    sys::umount("/old/proc", 0).or_fail("unmount proc of the old root")?;
    sys::umount("/old", 0).or_fail("unmount the old root")?;
    must_be_absent("/old/first", "after the old root was unmounted")?;
    sys::mount("proc", "/proc", "proc", 0, "").or_fail("mount proc in the new root")?;
    let points = mountinfo::of("self")?;
    let ok = points.len() == 2 && points[0].point == "/" && points[1].point == "/proc";
    ensure!(ok, "mountinfo lists {} mounts, not / and /proc", points.len());
    Ok(())
}

/// A process of the namespace whose root was the old one has the new one; those of another namespace keep theirs.
pub(crate) fn pivot_root_moves_others_of_the_namespace(_: &Ctx) -> Check {
    roots()?;
    let same = Peer::start(0, |test| {
        test.say("born");
        test.hear()?;
        must_exist("/second", "to a process of the namespace")?;
        must_be_absent("/first", "to a process of the namespace")
    })?;
    let other = Peer::start(clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        must_exist("/first", "to a process of another namespace")?;
        must_be_absent("/old/first", "to a process of another namespace")
    })?;
    same.hear()?;
    other.hear()?;
    sys::pivot_root("/new", "/new/old").or_fail("pivot_root")?;
    same.say("pivoted");
    other.say("pivoted");
    same.finish()?;
    other.finish()
}

/// `pivot_root(".", ".")` puts the old root under the new one on the same place, from where it is detached.
pub(crate) fn pivot_root_works_without_a_folder(_: &Ctx) -> Check {
    roots()?;
    let old = sys::open("/", open::RDONLY | open::DIRECTORY, 0).or_fail("open the old root")?;
    sys::chdir("/new").or_fail("chdir to the new root")?;
    sys::pivot_root(".", ".").or_fail("pivot_root(\".\", \".\")")?;
    must_exist("/second", "after pivot_root")?;
    // By its descriptor: `.` in the new root leads up to what is mounted on it in later kernels only.
    sys::plain(sys::nr::FCHDIR, [sys::arg(old.raw())]).or_fail("fchdir to the old root")?;
    drop(old);
    sys::umount(".", sys::MNT_DETACH).or_fail("detach the old root")?;
    sys::chdir("/").or_fail("chdir to the new root")?;
    must_exist("/second", "after the old root was detached")?;
    must_be_absent("/first", "after the old root was detached")?;
    sys::mount("proc", "/proc", "proc", 0, "").or_fail("mount proc in the new root")?;
    let count = mountinfo::of("self")?.len();
    ensure!(count == 2, "mountinfo lists {count} mounts, not / and /proc");
    Ok(())
}

/// What is no mount point, is the root itself, has the old root's place outside, or a shared parent, is refused.
pub(crate) fn pivot_root_refuses_what_is_no_root(_: &Ctx) -> Check {
    roots()?;
    folder("/plain")?;
    refused(sys::pivot_root("/new/old", "/new/old"), Errno::EINVAL, "pivot_root to a plain folder of another mount")?;
    refused(sys::pivot_root("/plain", "/plain"), Errno::EBUSY, "pivot_root to a folder of the root's mount")?;
    refused(sys::pivot_root("/", "/plain"), Errno::EBUSY, "pivot_root to the root that is")?;
    refused(sys::pivot_root("/new", "/plain"), Errno::EBUSY, "pivot_root with the old root on itself")?;
    tmpfs("/plain")?;
    refused(sys::pivot_root("/new", "/plain"), Errno::EINVAL, "pivot_root with the old root outside the new")?;
    set_propagation("/", ms::SHARED)?;
    refused(sys::pivot_root("/new", "/new/old"), Errno::EINVAL, "pivot_root under a shared parent")?;
    must_exist("/first", "after refused calls")?;
    set_propagation("/", ms::PRIVATE)?;
    sys::pivot_root("/new", "/new/old").or_fail("pivot_root with nothing in its way")?;
    must_exist("/second", "after pivot_root")
}

/// `MS_MOVE` takes a mount to another place, those below it too, and open files and processes in it stay.
pub(crate) fn move_carries_the_tree(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    folder("/tmp/base/in/deep")?;
    marked_tmpfs("/tmp/base/in/deep", "marker")?;
    let file = sys::open("/tmp/base/in/deep/marker", open::RDONLY, 0).or_fail("open a file deep in the tree")?;
    sys::mount(IN, COPY, "", ms::MOVE, "").or_fail("mount(MS_MOVE)")?;
    must_be_absent(IN_MARK, "at the old place")?;
    must_exist("/tmp/copy/marker", "at the new place")?;
    must_exist("/tmp/copy/deep/marker", "below the new place")?;
    let path = sys::readlink(&format!("/proc/self/fd/{}", file.raw())).or_fail("readlink of an open file")?;
    ensure!(path == "/tmp/copy/deep/marker", "a file that was open says that it is {path}");
    let inside = sys::mount(COPY, "/tmp/copy/deep", "", ms::MOVE, "");
    refused(inside, Errno::ELOOP, "a move of a mount to below itself")?;
    refused(sys::mount(OUT, IN, "", ms::MOVE, ""), Errno::EINVAL, "a move of what is no mount")
}

/// A mount whose parent is shared cannot be moved, and stays; nor can one with an unbindable go under a shared one.
pub(crate) fn move_under_shared_parent_is_refused(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    marked_tmpfs(IN, "marker")?;
    refused(sys::mount(IN, COPY, "", ms::MOVE, ""), Errno::EINVAL, "a move from under a shared parent")?;
    must_exist(IN_MARK, "after a refused move")?;
    must_be_absent("/tmp/copy/marker", "after a refused move")?;
    marked_tmpfs(COPY, "marker")?;
    set_propagation(COPY, ms::UNBINDABLE)?;
    refused(sys::mount(COPY, OUT, "", ms::MOVE, ""), Errno::EINVAL, "a move of an unbindable under a shared parent")?;
    set_propagation(COPY, ms::PRIVATE)?;
    sys::mount(COPY, OUT, "", ms::MOVE, "").or_fail("a move of a private mount under a shared parent")?;
    must_exist("/tmp/base/out/marker", "after the move")
}

/// A bind shows a folder of the file system and not what is mounted there; a recursive one shows that too.
pub(crate) fn bind_leaves_out_submounts(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    folder("/tmp/base/in/deep")?;
    marked_tmpfs("/tmp/base/in/deep", "marker")?;
    bind(IN, COPY)?;
    must_exist("/tmp/copy/deep", "in the bind")?;
    must_be_absent("/tmp/copy/deep/marker", "in the bind")?;
    files::create("/tmp/copy/written", "by the bind").or_fail("write by the bind")?;
    let text = files::read_text("/tmp/base/in/written").or_fail("read by the original")?;
    ensure!(text == "by the bind", "what was written by the bind reads `{text}` by the original");
    let root = mountinfo::at("self", COPY)?.root;
    ensure!(root == "/in", "mountinfo says that the bind shows {root} of its file system, not /in");
    sys::mount(IN, OUT, "", ms::BIND | ms::REC, "").or_fail("bind, recursive")?;
    must_exist("/tmp/base/out/deep/marker", "in the recursive bind")
}

/// A file is bound over another: its text is there, the other's name stays, and unmounted the other is back.
pub(crate) fn bind_puts_a_file_over_a_file(_: &Ctx) -> Check {
    const UPPER: &str = "/tmp/base/upper";
    const LOWER: &str = "/tmp/base/lower";
    stage(ms::PRIVATE)?;
    files::create(UPPER, "upper").or_fail("make a file")?;
    files::create(LOWER, "lower").or_fail("make a file")?;
    let reads = |expected: &str| {
        let text = files::read_text(LOWER).or_fail("read the file")?;
        ensure!(text == expected, "the file reads `{text}`, not `{expected}`");
        Ok(())
    };
    bind(UPPER, LOWER)?;
    reads("upper")?;
    sys::unlink(UPPER).or_fail("unlink the file that is bound")?;
    reads("upper")?;
    sys::umount(LOWER, 0).or_fail("unmount the file")?;
    reads("lower")?;
    refused(sys::mount(IN, LOWER, "", ms::BIND, ""), Errno::ENOTDIR, "bind of a folder over a file")
}

/// A folder that was moved out of a bind's root while a process was in it: `..` must not lead on from there.
pub(crate) fn dotdot_stays_inside_a_bind(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    files::create("/tmp/base/secret", "").or_fail("make a file")?;
    folder("/tmp/base/in/jailed")?;
    bind(IN, COPY)?;
    let peer = Peer::start(0, |test| {
        sys::chdir("/tmp/copy/jailed").or_fail("chdir in the bind")?;
        sys::chroot(COPY).or_fail("chroot into the bind")?;
        test.say("in");
        test.hear()?;
        let up = sys::chdir("..");
        ensure!(!files::exists("secret"), "chdir(\"..\") led out of the bind, to where `secret` is (CVE-2015-2925)");
        refused(up, Errno::ENOENT, "chdir(\"..\") from a folder that was moved out of the bind")
    })?;
    peer.hear()?;
    sys::rename("/tmp/base/in/jailed", "/tmp/base/jailed").or_fail("move the folder out of the bind")?;
    peer.say("moved");
    peer.finish()
}

/// In a chroot mountinfo lists what is below it, by the paths there, and nothing else.
pub(crate) fn chroot_hides_mounts_outside_it(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    tmpfs(COPY)?;
    sys::mount("proc", OUT, "proc", 0, "").or_fail("mount proc")?;
    let pid = format!("{}", sys::getpid());
    let peer = Peer::start(clone::NEWNS, |test| {
        sys::chdir(BASE).or_fail("chdir")?;
        sys::chroot(BASE).or_fail("chroot")?;
        let text = files::read_text("/out/self/mountinfo").or_fail("read mountinfo in the chroot")?;
        let points: alloc::vec::Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(4)).collect();
        ensure!(points == ["/", "/out"], "in the chroot mountinfo lists {points:?}, not / and /out");
        let outside =
            files::read_text(&format!("/out/{pid}/mountinfo")).or_fail("read mountinfo of a process outside")?;
        ensure!(outside.contains(" /tmp/copy "), "the mounts of a process outside lack /tmp/copy");
        test.say("looked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let points = mountinfo::of(&format!("{}", peer.pid()))?.len();
    ensure!(points == 2, "from outside the process in the chroot has {points} mounts, not 2");
    peer.say("go");
    peer.finish()
}

/// Blank, tab, newline and backslash are octal in mountinfo and mounts, so that a line stays a line.
pub(crate) fn mountinfo_escapes_odd_names(_: &Ctx) -> Check {
    const ODD: &str = "/tmp/base/a b\tc\nd\\e";
    const ESCAPED: &str = "/tmp/base/a\\040b\\011c\\012d\\134e";
    stage(ms::PRIVATE)?;
    folder(ODD)?;
    sys::mount("odd source", ODD, "tmpfs", 0, "").or_fail("mount on a folder with an odd name")?;
    let mount = mountinfo::at("self", ESCAPED)?;
    ensure!(mount.source == "odd\\040source", "the source `odd source` shows as `{}`", mount.source);
    folder(&format!("{ODD}/in side"))?;
    sys::mount(&format!("{ODD}/in side"), COPY, "", ms::BIND, "").or_fail("bind a folder with an odd name")?;
    let root = mountinfo::at("self", COPY)?.root;
    ensure!(root == "/in\\040side", "the root of the bind shows as `{root}`");
    let mounts = files::read_text("/proc/self/mounts").or_fail("read /proc/self/mounts")?;
    ensure!(mounts.contains(ESCAPED), "/proc/self/mounts lacks {ESCAPED}");
    Ok(())
}
