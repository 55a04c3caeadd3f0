//! What a union file system has to do, whatever its kind; and the broken kernels that each test has to see through.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::test::{Test, test};

const APPEND: usize = 0o2000;
const TRUNC: usize = 0o1000;
const SHOWN_LOWER: Mutant = reads("the union shows the lower file", "/file", "lower");

const fn reads(name: &'static str, path: &'static str, text: &'static str) -> Mutant {
    Mutant::new(name, Lie::Read { path, text })
}

const fn refuses(name: &'static str, nr: usize, errno: i32) -> Mutant {
    Mutant::new(name, Lie::Refuse { nr, errno })
}

macro_rules! behaviours {
    ($($name:ident: $purpose:literal, [$($mutant:expr),*];)*) => { $(
        #[doc = $purpose]
        pub(super) const fn $name(name: &'static str) -> Test {
            const MUTANTS: &[Mutant] = &[$($mutant),*];
            test(name, $purpose).mutants(MUTANTS)
        }
    )* };
}

behaviours! {
    // Copy-up.
    copy_up_leaves_lower_alone: "a write through the union lands in the upper layer, the lower keeps its bytes", [
        Mutant::ignore("change of mode lost", nr::CHMOD),
        reads("the lower file was written to", "/lower/file", "lower and more")
    ];
    copy_up_keeps_owner_mode_and_times: "a file copied up for one change keeps its mode, owner, group and time", [
        Mutant::ignore("owner lost", nr::CHOWN),
        Mutant::ignore("times lost", nr::UTIMENSAT),
        Mutant::ignore("mode lost", nr::CHMOD)
    ];
    copy_up_keeps_attributes: "extended attributes are copied up, one set through the union stays out of the lower", [
        Mutant::ignore("attributes lost", nr::SETXATTR),
        refuses("attributes unreadable", nr::GETXATTR, 61)
    ];
    append_and_truncation_copy_up: "append, O_TRUNC and truncate act on a whole copy, the lower keeps its bytes", [
        Mutant::lose("append lost", nr::OPEN, 1, APPEND),
        Mutant::lose("truncation at open lost", nr::OPEN, 1, TRUNC),
        Mutant::ignore("truncation to a size lost", nr::TRUNCATE)
    ];
    symlink_copies_up_as_itself: "a symbolic link given an owner is copied up as a link, its target is left alone", [
        Mutant::ignore("owner lost", nr::LCHOWN)
    ];
    devices_and_pipes_work_through: "a device and a pipe of the lower layer work before and after copy-up", [
        Mutant::ignore("owner lost", nr::CHOWN)
    ];
    copy_up_makes_parents_alike: "folders above a file copied up get the mode and owner they have in the lower", [
        Mutant::ignore("owner lost", nr::CHOWN),
        Mutant::ignore("mode lost", nr::CHMOD)
    ];
    large_sparse_file_copies_up_whole: "a megabyte with holes is whole in the union after one byte was appended", [
        reads("the copy is empty", "/big", "")
    ];
    permissions_of_lower_hold: "a user who is not root reads, writes and copies up only what modes of the lower allow", [
        Mutant::ignore("modes do not bind", nr::SETUID)
    ];
    lower_folder_takes_mode_and_file: "a lower folder takes a new mode and then a new file, and keeps its others", [
        Mutant::ignore("change of mode lost", nr::CHMOD)
    ];
    sendfile_gives_all: "sendfile from a file just copied up gives every byte, to a file and to a pipe", [
        Mutant::ignore("sendfile gives nothing", nr::SENDFILE)
    ];
    // Open files and links.
    mapped_write_copies_up: "what is stored through a mapping is in the union's file and not in the lower", [
        SHOWN_LOWER
    ];
    reader_over_copy_up: "a file opened to read before copy-up shows later writes, or the old, as its kind documents", [
        reads("the union shows something else", "/file", "neither")
    ];
    inode_number_stays: "a file has the same inode number before and after copy-up, by path and by descriptor", [
        Mutant::ignore("no inode number by path", nr::STAT),
        Mutant::ignore("no inode number by descriptor", nr::FSTAT)
    ];
    links_of_lower_over_copy_up: "two names of a lower file stay one or part at copy-up, as their kind documents", [
        reads("the other name shows something else", "/name", "neither"),
        Mutant::ignore("link lost", nr::LINK)
    ];
    new_link_is_the_same_file: "a lower file linked to a new name is one file of two names, after a remount too", [
        Mutant::ignore("link lost", nr::LINK),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    removed_file_lives_while_open: "files removed while open are gone by name and live on by descriptor", [
        Mutant::ignore("removal lost", nr::UNLINK),
        Mutant::forgive("a removed name is still found", nr::LSTAT)
    ];
    append_turned_on_later_holds: "O_APPEND turned on by fcntl for a file in the union makes writes go to its end", [
        Mutant::ignore("flag lost", nr::FCNTL)
    ];
    socket_in_union_accepts: "a Unix socket bound in the union takes a connection by its path", [
        refuses("no one listens", nr::CONNECT, 111),
        Mutant::ignore("the connection leads nowhere", nr::CONNECT)
    ];
    // Removal.
    whiteout_hides_lower: "a removed file is gone from the union, stays in the lower and can be made anew", [
        Mutant::ignore("removal lost", nr::UNLINK),
        Mutant::forgive("a removed name is still found", nr::LSTAT)
    ];
    removal_is_marked_in_upper: "a removal leaves the documented mark in the upper layer, which the union never shows", [
        Mutant::ignore("removal lost", nr::UNLINK),
        Mutant::ignore("no mark", nr::LSTAT)
    ];
    folder_made_anew_is_empty: "a folder removed and made anew shows nothing of the lower, after a remount too", [
        Mutant::ignore("removal lost", nr::RMDIR),
        Mutant::forgive("a removed name is still found", nr::LSTAT)
    ];
    only_an_empty_folder_can_go: "a lower folder can be removed when the union shows it empty, and not before", [
        Mutant::forgive("a full folder goes", nr::RMDIR),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    refused_rmdir_leaves_the_folder: "a refused rmdir of the current folder leaves it in its place, with its files", [
        refuses("the folder is unhashed", nr::GETCWD, 2),
        Mutant::forgive("a full folder goes", nr::RMDIR)
    ];
    moved_then_removed_leaves_nothing: "a lower file moved to a new folder and removed there leaves no name behind", [
        Mutant::ignore("removal lost", nr::UNLINK),
        Mutant::ignore("rename lost", nr::RENAME)
    ];
    // Names.
    rename_moves_lower_file: "a renamed lower file has its new name only, after a remount too, and stays in the lower", [
        Mutant::ignore("rename lost", nr::RENAME),
        Mutant::forgive("an old name is still found", nr::LSTAT)
    ];
    rename_over_removed_name: "a file takes a name that was removed, and gives it up again", [
        Mutant::ignore("removal and rename lost", nr::RENAME)
    ];
    folder_moves_whole_or_not_at_all: "a lower folder moves with all in it, or its rename answers EXDEV and moves none", [
        Mutant::ignore("rename lost", nr::RENAME),
        Mutant::ignore("listing empty", nr::GETDENTS64)
    ];
    listing_has_each_name_once: "a merged folder lists each name once with its kind, and no removed one", [
        Mutant::ignore("listing empty", nr::GETDENTS64),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    long_listing_is_exact: "a folder of many names, half removed and as many added, lists just what is there", [
        Mutant::ignore("removals lost", nr::UNLINK)
    ];
    own_attributes_are_hidden: "the union's own attributes are in the upper layer and neither listed nor read through it", [
        Mutant::ignore("listing empty", nr::LISTXATTR),
        Mutant::forgive("an attribute that is hidden is read", nr::GETXATTR)
    ];
    // The mount.
    read_only_and_back: "remounted read-only the union refuses each change with EROFS, writable again it takes them", [
        Mutant::ignore_if("remount lost", nr::MOUNT, 3, crate::flags::ms::REMOUNT)
    ];
    busy_union_stays: "in use it is EBUSY to umount; detached, it is gone and an open file lives till it is closed", [
        Mutant::forgive("a busy union goes", nr::UMOUNT2),
        Mutant::lose("detachment lost", nr::UMOUNT2, 1, 2),
        Mutant::ignore_when("detachment ignored", nr::UMOUNT2, 1, 2)
    ];
    two_mounts_are_one_union: "through two mounts it is one union: written and removed by either, seen by both", [
        Mutant::ignore_when("bind mount lost", nr::MOUNT, 3, crate::flags::ms::BIND),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    statfs_names_the_union: "statfs of the union and of a file in it names its own kind of file system", [
        Mutant::ignore("no answer", nr::STATFS)
    ];
    stacks_to_its_depth: "unions lie on each other to the documented depth, writes stay on top, one more is EINVAL", [
        Mutant::forgive("no limit of depth", nr::MOUNT)
    ];
    topmost_of_many_lowers_wins: "of 32 lower layers each gives its files, and of one name the topmost wins", [
        reads("another layer wins", "/m/same", "layer 2"),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    lowers_alone_are_read_only: "lower layers alone merge, and answer EROFS to who would change them", [
        Mutant::forgive("it can be written", nr::MKDIR)
    ];
    // Of overlay alone.
    senseless_layers_are_refused: "an upper without work, work in upper and unknown options are EINVAL", [
        Mutant::forgive("taken", nr::MOUNT)
    ];
    opaqueness_is_not_copied_up: "a lower folder that hides what is below it still shows its own files when copied up", [
        Mutant::ignore("listing empty", nr::GETDENTS64)
    ];
    layers_of_a_leaked_mount_serve_again: "layers that another mount namespace still has mounted can be mounted again", [
        Mutant::ignore("umount lost", nr::UMOUNT2)
    ];
    lower_above_another_upper_mounts: "a lower folder that holds the upper layer of another overlay can be mounted", [
        reads("another file is shown", "/second/file", "other")
    ];
    redirect_moves_lower_folder: "with redirect_dir=on a lower folder is renamed with all in it and nothing is copied", [
        refuses("refused", nr::RENAME, 18),
        Mutant::ignore("rename lost", nr::RENAME)
    ];
    index_refuses_layers_in_use: "with index=on layers in use by another mount are EBUSY, and free after its umount", [
        Mutant::forgive("taken", nr::MOUNT)
    ];
    index_keeps_links_together: "with index=on two names of a lower file stay one file over copy-up and remount", [
        reads("the link broke", "/merged/name", "lower")
    ];
    metacopy_copies_no_data: "with metacopy=on a new mode copies no data up, and the first write copies all", [
        Mutant::ignore("change of mode lost", nr::CHMOD)
    ];
    volatile_upper_is_not_reused: "an upper layer that was mounted volatile is marked, and refused till the mark is gone", [
        Mutant::forgive("taken", nr::MOUNT)
    ];
    user_namespace_mounts_its_own: "root of a user namespace mounts an overlay that copies up and removes, owned by it", [
        Mutant::lose("no user namespace", nr::CLONE, 0, crate::flags::clone::NEWUSER),
        Mutant::ignore("removal lost", nr::UNLINK)
    ];
    // Of btrfs alone.
    snapshot_outlives_its_origin: "a snapshot has all its files when the subvolume it was taken of is removed", [
        Mutant::ignore_when("removal lost", nr::IOCTL, 1, 0x5000_940f)
    ];
    read_only_snapshot_stays: "a read-only snapshot answers EROFS and does not follow its origin", [
        Mutant::forgive("it can be written", nr::MKDIR),
        Mutant::ignore_when("no snapshot", nr::IOCTL, 1, 0x5000_9417)
    ];
    chain_of_snapshots: "each of eight snapshots of one another keeps what it was taken of and what it was given", [
        reads("a snapshot shows its origin's bytes", "/link4/file", "link 3"),
        Mutant::ignore_when("no snapshot", nr::IOCTL, 1, 0x5000_9401)
    ];
    subvolumes_are_devices: "subvolumes are devices of their own, and no hard link leads from one to another", [
        Mutant::forgive("a link over the border", nr::LINK),
        Mutant::ignore("no device number", nr::STAT)
    ];
}
