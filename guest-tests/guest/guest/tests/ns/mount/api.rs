//! The calls that mount by descriptors (5.2): a mount is made, changed and put in its place in steps.

use alloc::format;
use alloc::string::String;

use super::stage;
use super::unmount::MountMax;
use super::{BASE, COPY, IN, IN_MARK, OUT, OUT_MARK, mountinfo, must_be_absent, must_exist, refused, set_propagation};
use crate::files;
use crate::sys::mount_api::{
    AT_RECURSIVE, FSCONFIG_CMD_CREATE, FSCONFIG_CMD_RECONFIGURE, FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING,
    MOUNT_ATTR_IDMAP, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_RDONLY, MOVE_MOUNT_BENEATH, MountAttr, OPEN_TREE_CLONE, fsconfig,
    fsmount, fsopen, fspick, listmount, mount_id, mount_setattr, move_mount, open_tree, open_tree_attr, statmount,
};
use crate::sys::{self, Errno, Fd, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::peer::Peer;
use crate::tests::scratch::{folder, marked_tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::fsopen_builds_a_mount_in_steps", fsopen_builds_a_mount_in_steps),
    ("ns::mount::fsconfig_explains_a_refusal", fsconfig_explains_a_refusal),
    ("ns::mount::fspick_reconfigures_the_file_system", fspick_reconfigures_the_file_system),
    ("ns::mount::open_tree_clone_floats_till_it_is_put", open_tree_clone_floats_till_it_is_put),
    ("ns::mount::open_tree_takes_submounts_if_asked", open_tree_takes_submounts_if_asked),
    ("ns::mount::move_mount_moves_what_is_attached", move_mount_moves_what_is_attached),
    ("ns::mount::detached_trees_are_not_counted_on", detached_trees_are_not_counted_on),
    ("ns::mount::setattr_makes_a_tree_read_only", setattr_makes_a_tree_read_only),
    ("ns::mount::setattr_changes_all_or_nothing", setattr_changes_all_or_nothing),
    ("ns::mount::setattr_sets_propagation", setattr_sets_propagation),
    ("ns::mount::idmapped_mount_translates_owners", idmapped_mount_translates_owners),
    ("ns::mount::move_mount_goes_beneath", move_mount_goes_beneath),
    ("ns::mount::listmount_lists_what_is_below", listmount_lists_what_is_below),
    ("ns::mount::statmount_describes_a_mount", statmount_describes_a_mount),
    ("ns::mount::open_tree_attr_hands_out_changed_copies", open_tree_attr_hands_out_changed_copies),
];

/// A tmpfs with a marker that is mounted nowhere yet.
fn floating(marker: &str) -> Result<Fd, Stop> {
    let context = fsopen("tmpfs").or_absent("fsopen")?;
    fsconfig(&context, FSCONFIG_CMD_CREATE, "", "").or_fail("fsconfig(CREATE)")?;
    let mount = fsmount(&context, 0).or_fail("fsmount")?;
    sys::openat(&mount, marker, open::WRONLY | open::CREAT, 0o644).or_fail("make a file in a floating mount")?;
    Ok(mount)
}

/// Options, mount and place are given one after the other; before the last step nothing is to be seen.
pub(crate) fn fsopen_builds_a_mount_in_steps(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let context = fsopen("tmpfs").or_absent("fsopen")?;
    refused(fsmount(&context, 0).map(drop), Errno::EINVAL, "fsmount before CREATE")?;
    fsconfig(&context, FSCONFIG_SET_STRING, "mode", "0711").or_fail("fsconfig(mode)")?;
    fsconfig(&context, FSCONFIG_SET_STRING, "source", "by-steps").or_fail("fsconfig(source)")?;
    fsconfig(&context, FSCONFIG_CMD_CREATE, "", "").or_fail("fsconfig(CREATE)")?;
    let mount = fsmount(&context, MOUNT_ATTR_NOEXEC).or_fail("fsmount")?;
    let before = mountinfo::of("self")?;
    ensure!(before.iter().all(|mount| mount.source != "by-steps"), "a mount is in mountinfo before move_mount");
    move_mount(&mount, IN, 0).or_fail("move_mount")?;
    let source = mountinfo::at("self", IN)?.source;
    ensure!(source == "by-steps", "the mount has the source `{source}`, not the one set by fsconfig");
    let mode = sys::stat(IN).or_fail("stat the new mount")?.mode & 0o7777;
    ensure!(mode == 0o711, "its root has the mode {mode:o}, not the 711 set by fsconfig");
    super::elf::create("/tmp/base/in/program", 0o755)?;
    let run = super::elf::run_as("/tmp/base/in/program", 0)?;
    ensure!(run == Err(Errno::EACCES), "a program in a mount made with NOEXEC: {run:?}, not EACCES");
    refused(fsopen("no-such-fs").map(drop), Errno::ENODEV, "fsopen of a file system that there is not")
}

/// An unknown option is `EINVAL`, and the descriptor reads in words what was wrong.
pub(crate) fn fsconfig_explains_a_refusal(_: &Ctx) -> Check {
    let context = fsopen("tmpfs").or_absent("fsopen")?;
    let option = fsconfig(&context, FSCONFIG_SET_STRING, "nonsense", "1");
    refused(option, Errno::EINVAL, "fsconfig of an option that there is not")?;
    let mut buffer = [0; 256];
    let count = sys::read(&context, &mut buffer).or_fail("read what was wrong")?;
    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
    ensure!(text.starts_with("e ") && text.contains("nonsense"), "what was wrong reads `{text}`");
    Ok(())
}

/// `fspick` takes the file system, not the mount: read-only by it holds for every mount of it.
pub(crate) fn fspick_reconfigures_the_file_system(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    super::bind(IN, OUT)?;
    let context = fspick(IN).or_absent("fspick")?;
    fsconfig(&context, FSCONFIG_SET_FLAG, "ro", "").or_fail("fsconfig(ro)")?;
    fsconfig(&context, FSCONFIG_CMD_RECONFIGURE, "", "").or_fail("fsconfig(RECONFIGURE)")?;
    for path in [IN_MARK, OUT_MARK] {
        refused(write_to(path), Errno::EROFS, &format!("write to {path} of a read-only file system"))?;
    }
    files::create("/tmp/base/file", "").or_fail("write to another file system")
}

fn write_to(path: &str) -> Result<(), Errno> {
    sys::open(path, open::WRONLY | open::CREAT, 0o644).map(drop)
}

/// A copy of a mount is in no namespace, its files can be used, and it stays at the place where it is put.
pub(crate) fn open_tree_clone_floats_till_it_is_put(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let before = mountinfo::of("self")?.len();
    let tree = open_tree(IN, OPEN_TREE_CLONE).or_absent("open_tree(OPEN_TREE_CLONE)")?;
    let after = mountinfo::of("self")?.len();
    ensure!(before == after, "mountinfo had {before} lines before open_tree and has {after} after it");
    sys::umount(IN, 0).or_fail("unmount the original")?;
    must_be_absent(IN_MARK, "after the original was unmounted")?;
    sys::openat(&tree, "marker", open::RDONLY, 0).or_fail("open a file in the floating copy")?;
    move_mount(&tree, OUT, 0).or_fail("move_mount")?;
    drop(tree);
    must_exist(OUT_MARK, "where the copy was put")?;
    let lost = open_tree(OUT, OPEN_TREE_CLONE).or_fail("open_tree again")?;
    drop(lost);
    must_exist(OUT_MARK, "after a copy of it was given up")
}

/// Without `AT_RECURSIVE` the copy is of one mount, with it of all that are below too.
pub(crate) fn open_tree_takes_submounts_if_asked(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let one = open_tree(BASE, OPEN_TREE_CLONE).or_absent("open_tree(OPEN_TREE_CLONE)")?;
    let absent = sys::openat(&one, "in/marker", open::RDONLY, 0).map(drop);
    refused(absent, Errno::ENOENT, "open a file of a submount in a copy of one mount")?;
    let all = open_tree(BASE, OPEN_TREE_CLONE | AT_RECURSIVE).or_fail("open_tree(AT_RECURSIVE)")?;
    sys::openat(&all, "in/marker", open::RDONLY, 0).or_fail("open a file of a submount in a recursive copy")?;
    move_mount(&all, COPY, 0).or_fail("move_mount")?;
    must_exist("/tmp/copy/in/marker", "where the recursive copy was put")
}

/// Without `OPEN_TREE_CLONE` the descriptor is for the mount itself, which `move_mount` takes from its place.
pub(crate) fn move_mount_moves_what_is_attached(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let mount = open_tree(IN, 0).or_absent("open_tree")?;
    move_mount(&mount, OUT, 0).or_fail("move_mount")?;
    must_be_absent(IN_MARK, "at the old place")?;
    must_exist(OUT_MARK, "at the new place")?;
    set_propagation(BASE, ms::SHARED)?;
    let shared = move_mount(&mount, IN, 0);
    refused(shared, Errno::EINVAL, "move_mount from under a shared parent")?;
    must_exist(OUT_MARK, "after a refused move")
}

/// Floating trees put under a shared mount and unmounted leave nothing in the count of mounts (ee2e3f50629f, 5.12).
pub(crate) fn detached_trees_are_not_counted_on(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    marked_tmpfs(COPY, "marker")?;
    let room = MountMax::room_for(20)?;
    for round in 0..60 {
        let tree = open_tree(COPY, OPEN_TREE_CLONE).or_absent("open_tree(OPEN_TREE_CLONE)")?;
        move_mount(&tree, IN, 0).or_fail(&format!("move_mount, round {round}"))?;
        sys::umount(IN, sys::MNT_DETACH).or_fail("umount2(MNT_DETACH)")?;
    }
    let (mut made, mut end) = (0, Ok(()));
    while made < 40 && end.is_ok() {
        end = sys::mount("tmpfs", IN, "tmpfs", 0, "");
        made += usize::from(end.is_ok());
    }
    drop(room);
    ensure!(made <= 20 && end == Err(Errno::ENOSPC), "with room for 20 mounts {made} were made, then {end:?}");
    ensure!(made >= 10, "after 60 trees were put and unmounted there was room for {made} mounts, not 20");
    Ok(())
}

/// With `AT_RECURSIVE` a mount and those below turn read-only at once; other mounts of the same are as they were.
pub(crate) fn setattr_makes_a_tree_read_only(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    sys::mount(BASE, COPY, "", ms::BIND | ms::REC, "").or_fail("bind, recursive")?;
    let tree = open_tree(COPY, 0).or_absent("open_tree")?;
    let read_only = MountAttr { set: MOUNT_ATTR_RDONLY, ..MountAttr::default() };
    mount_setattr(&tree, 0, &read_only).or_absent("mount_setattr")?;
    refused(write_to("/tmp/copy/file"), Errno::EROFS, "write to the mount")?;
    write_to("/tmp/copy/in/file").or_fail("write below it, without AT_RECURSIVE")?;
    mount_setattr(&tree, AT_RECURSIVE, &read_only).or_fail("mount_setattr(AT_RECURSIVE)")?;
    refused(write_to("/tmp/copy/in/file"), Errno::EROFS, "write below it, with AT_RECURSIVE")?;
    write_to("/tmp/base/in/file").or_fail("write by the original")?;
    let clear = MountAttr { clear: MOUNT_ATTR_RDONLY, ..MountAttr::default() };
    mount_setattr(&tree, AT_RECURSIVE, &clear).or_fail("mount_setattr that clears")?;
    write_to("/tmp/copy/in/file").or_fail("write below it, cleared")
}

/// A writer below makes a recursive change `EBUSY`, and then no mount of the tree has changed.
pub(crate) fn setattr_changes_all_or_nothing(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    let writer = sys::open(IN_MARK, open::WRONLY, 0).or_fail("open a file to write")?;
    let tree = open_tree(BASE, 0).or_absent("open_tree")?;
    let read_only = MountAttr { set: MOUNT_ATTR_RDONLY, ..MountAttr::default() };
    refused(mount_setattr(&tree, AT_RECURSIVE, &read_only), Errno::EBUSY, "make read-only a tree that is written to")?;
    write_to("/tmp/base/file").or_fail("write to the upper mount after the refusal")?;
    drop(writer);
    mount_setattr(&tree, AT_RECURSIVE, &read_only).or_fail("make the tree read-only when nobody writes")?;
    refused(write_to("/tmp/base/file"), Errno::EROFS, "write to the upper mount")?;
    refused(write_to(IN_MARK), Errno::EROFS, "write to the lower mount")
}

/// Propagation is set by it too, and a namespace made afterwards gets the mounts.
pub(crate) fn setattr_sets_propagation(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let tree = open_tree(BASE, 0).or_absent("open_tree")?;
    let shared = MountAttr { propagation: ms::SHARED as u64, ..MountAttr::default() };
    mount_setattr(&tree, 0, &shared).or_absent("mount_setattr")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        must_exist(OUT_MARK, "inside, mounted outside under what was made shared")
    })?;
    peer.hear()?;
    marked_tmpfs(OUT, "marker")?;
    peer.say("mounted");
    peer.finish()
}

/// Inside and outside of the map: this many IDs from 0 are that many from here.
const FIRST: u32 = 10_000;
const COUNT: u32 = 10;

/// A user namespace that is only a map.
fn map() -> Result<Fd, Stop> {
    let peer = Peer::start(clone::NEWUSER, |test| {
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, &format!("0 {FIRST} {COUNT}\n")).or_fail(&format!("write {path}"))?;
    }
    let path = format!("/proc/{}/ns/user", peer.pid());
    sys::open(&path, open::RDONLY, 0).or_fail(&format!("open {path}"))
}

fn owner(path: &str) -> Result<(u32, u32), Stop> {
    sys::stat(path).map(|stat| (stat.uid, stat.gid)).or_fail(&format!("stat {path}"))
}

/// By an idmapped mount file owners are translated both ways, and by another mount they are as they were.
pub(crate) fn idmapped_mount_translates_owners(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    files::create("/tmp/base/in/of-third", "").or_fail("make a file")?;
    sys::chown("/tmp/base/in/of-third", 3, 4).or_fail("chown")?;
    sys::chmod(IN, 0o777).or_fail("chmod")?;
    let userns = map()?;
    let tree = open_tree(IN, OPEN_TREE_CLONE).or_absent("open_tree")?;
    let idmap = MountAttr { set: MOUNT_ATTR_IDMAP, userns: userns.raw() as u64, ..MountAttr::default() };
    mount_setattr(&tree, 0, &idmap).or_absent("mount_setattr(MOUNT_ATTR_IDMAP)")?;
    move_mount(&tree, COPY, 0).or_fail("move_mount")?;
    let (there, here) = (owner("/tmp/copy/of-third")?, owner("/tmp/base/in/of-third")?);
    ensure!(there == (FIRST + 3, FIRST + 4), "by the idmapped mount a file of 3:4 is owned by {there:?}");
    ensure!(here == (3, 4), "by the other mount a file of 3:4 is owned by {here:?}");
    in_child(0, || {
        sys::setgid(FIRST + 5).or_fail("setgid")?;
        sys::setuid(FIRST + 5).or_fail("setuid")?;
        write_to("/tmp/copy/of-fifth").or_fail("make a file by the idmapped mount")
    })?;
    let made = owner("/tmp/base/in/of-fifth")?;
    ensure!(made == (5, 5), "a file that {} made by the idmapped mount is owned by {made:?}", FIRST + 5);
    refused(write_to("/tmp/copy/of-root"), Errno::EOVERFLOW, "make a file as a user without a map")
}

/// A mount put beneath the top one shows when that one is unmounted.
pub(crate) fn move_mount_goes_beneath(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "top")?;
    let lower = floating("lower")?;
    move_mount(&lower, IN, MOVE_MOUNT_BENEATH).or_absent("move_mount(MOVE_MOUNT_BENEATH)")?;
    must_exist("/tmp/base/in/top", "after a mount was put beneath")?;
    must_be_absent("/tmp/base/in/lower", "after it was put beneath")?;
    sys::umount(IN, 0).or_fail("unmount the top")?;
    must_exist("/tmp/base/in/lower", "after the top was unmounted")?;
    must_be_absent("/tmp/base/in/top", "after the top was unmounted")
}

/// The mounts on a mount are listed by the numbers that `statx` gives, those in another namespace not.
pub(crate) fn listmount_lists_what_is_below(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    let base = mount_id(BASE).or_absent("statx(STATX_MNT_ID_UNIQUE)")?;
    let none = listmount(base).or_absent("listmount")?;
    ensure!(none.is_empty(), "a mount with none below lists {none:?}");
    marked_tmpfs(IN, "marker")?;
    marked_tmpfs(OUT, "marker")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        refused(listmount(base).map(drop), Errno::ENOENT, "listmount of a mount of another namespace")?;
        test.say("looked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let listed = listmount(base).or_fail("listmount")?;
    let expected = [mount_id(IN).or_fail("statx")?, mount_id(OUT).or_fail("statx")?];
    ensure!(listed == expected, "listmount says {listed:?}, statx {expected:?}");
    peer.say("go");
    peer.finish()?;
    sys::umount(IN, 0).or_fail("unmount")?;
    let left = listmount(base).or_fail("listmount")?;
    ensure!(left == expected[1..], "after an unmount listmount says {left:?}, not {:?}", &expected[1..]);
    Ok(())
}

/// Place, kind, parent, attributes and propagation of a mount by its number.
pub(crate) fn statmount_describes_a_mount(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    set_propagation(IN, ms::SHARED)?;
    sys::mount("", IN, "", ms::REMOUNT | ms::BIND | ms::RDONLY, "").or_fail("make it read-only")?;
    let parent = mount_id(BASE).or_absent("statx(STATX_MNT_ID_UNIQUE)")?;
    let id = mount_id(IN).or_fail("statx")?;
    let status = statmount(id).or_absent("statmount")?;
    ensure!(status.point == IN && status.kind == "tmpfs", "statmount says {status:?} of a tmpfs at {IN}");
    ensure!(status.parent == parent, "statmount says that its parent is {}, statx {parent}", status.parent);
    ensure!(status.attributes & MOUNT_ATTR_RDONLY != 0, "statmount says {status:?} of a read-only mount");
    ensure!(status.propagation == ms::SHARED as u64, "statmount says {status:?} of a shared mount");
    sys::umount(IN, 0).or_fail("unmount")?;
    refused(statmount(id).map(drop), Errno::ENOENT, "statmount of what was unmounted")
}

/// The copy has its attributes from the first moment, and the original has not.
pub(crate) fn open_tree_attr_hands_out_changed_copies(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    marked_tmpfs(IN, "marker")?;
    folder("/tmp/base/in/deep")?;
    let read_only = MountAttr { set: MOUNT_ATTR_RDONLY, ..MountAttr::default() };
    let tree = open_tree_attr(IN, OPEN_TREE_CLONE, &read_only).or_absent("open_tree_attr")?;
    let written = sys::openat(&tree, "file", open::WRONLY | open::CREAT, 0o644).map(drop);
    refused(written, Errno::EROFS, "write to a copy that was asked for read-only")?;
    write_to("/tmp/base/in/file").or_fail("write to the original")?;
    move_mount(&tree, COPY, 0).or_fail("move_mount")?;
    refused(write_to("/tmp/copy/deep/file"), Errno::EROFS, "write to the copy in its place")
}
