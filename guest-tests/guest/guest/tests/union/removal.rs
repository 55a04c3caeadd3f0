//! What was removed through a union stays away.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, S_IFCHR, S_IFLNK, S_IFMT, S_IFREG};
use crate::test_api::{Check, Ctx, OrStop as _};
use crate::tests::union::kind::{Kind, MERGED, Removal, UPPER, Union, current_folder};
use crate::tests::union::look::{
    LOWER_FILE, MERGED_FILE, UPPER_FILE, lower_file, lower_folder, must_be_gone, must_hold, must_list,
};

/// A file removed through the union is gone from path and list, also after a remount; the lower keeps it; made anew
/// it holds the new bytes only.
pub(super) fn whiteout_hides_lower(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    must_list(MERGED, &["file", "other"], "before the removal")?;
    sys::unlink(MERGED_FILE).or_fail("remove through the union")?;
    union.also_remounted("after the removal", |when| {
        must_be_gone(MERGED_FILE, when)?;
        must_list(MERGED, &["other"], when)?;
        must_hold(LOWER_FILE, "lower", when)?;
        Ok(())
    })?;
    files::create(MERGED_FILE, "new").or_fail("make the file anew")?;
    must_hold(MERGED_FILE, "new", "made anew")?;
    must_hold(LOWER_FILE, "lower", "made anew")?;
    must_list(MERGED, &["file", "other"], "made anew")
}

/// The writable layer holds the mark of a removal that its kind documents, and the union never shows it.
pub(super) fn removal_is_marked_in_upper(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    sys::unlink(MERGED_FILE).or_fail("remove through the union")?;
    union.remount()?;
    match kind.removal {
        Removal::Device => {
            let mark = sys::lstat(UPPER_FILE).or_fail("stat the mark")?;
            let found = (mark.mode & S_IFMT, mark.rdev);
            ensure!(
                found == (S_IFCHR, 0),
                "the mark has kind {:o} and device {:#x}, not a device 0/0",
                found.0,
                found.1
            );
        }
        Removal::Symlink => {
            let mark = sys::lstat(UPPER_FILE).or_fail("stat the mark")?;
            ensure!(mark.mode & S_IFMT == S_IFLNK, "the mark has mode {:o}, not a symbolic link's", mark.mode);
        }
        Removal::Prefix => {
            let mark = sys::lstat(&format!("{UPPER}/.wh.file")).or_fail("stat the mark")?;
            let found = (mark.mode & S_IFMT, mark.size);
            ensure!(found == (S_IFREG, 0), "the mark has kind {:o} and {} bytes", found.0, found.1);
        }
        Removal::Nothing => must_hold(LOWER_FILE, "lower", "after a removal in its copy")?,
    }
    must_list(MERGED, &["other"], "after a remount")
}

/// A folder removed and made anew has nothing of what the lower has by that name.
pub(super) fn folder_made_anew_is_empty(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_folder)?;
    for name in ["one", "two"] {
        sys::unlink(&format!("/tmp/merged/dir/{name}")).or_fail("remove a file through the union")?;
    }
    sys::rmdir("/tmp/merged/dir").or_fail("remove the emptied folder")?;
    must_be_gone("/tmp/merged/dir", "removed")?;
    sys::mkdir("/tmp/merged/dir", 0o755).or_fail("make the folder anew")?;
    union.also_remounted("made anew", |when| {
        must_list("/tmp/merged/dir", &[], when)?;
        must_be_gone("/tmp/merged/dir/one", when)?;
        must_list("/tmp/lower/dir", &["one", "two"], when)?;
        Ok(())
    })?;
    files::create("/tmp/merged/dir/one", "new").or_fail("make a file in it")?;
    must_list("/tmp/merged/dir", &["one"], "with a new file")?;
    must_hold("/tmp/merged/dir/one", "new", "made anew")
}

/// A folder of the lower layer goes when the union shows it empty, and not before.
pub(super) fn only_an_empty_folder_can_go(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_folder)?;
    for left in ["one", "two"] {
        let removed = sys::rmdir("/tmp/merged/dir");
        ensure!(removed == Err(Errno::ENOTEMPTY), "rmdir with {left} in it: {removed:?}, not ENOTEMPTY");
        sys::unlink(&format!("/tmp/merged/dir/{left}")).or_fail("remove a file through the union")?;
    }
    must_list("/tmp/merged/dir", &[], "emptied")?;
    sys::rmdir("/tmp/merged/dir").or_fail("remove the emptied folder")?;
    union.also_remounted("removed", |when| {
        must_be_gone("/tmp/merged/dir", when)?;
        must_list(MERGED, &["file", "other"], when)?;
        must_list("/tmp/lower/dir", &["one", "two"], when)?;
        Ok(())
    })?;
    Ok(())
}

/// A refused rmdir of the current folder leaves it one (docker#19082, ce9113bbcbf4 in 4.5).
pub(super) fn refused_rmdir_leaves_the_folder(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_folder)?;
    sys::chdir("/tmp/merged/dir").or_fail("chdir")?;
    let removed = sys::rmdir("../dir");
    ensure!(removed == Err(Errno::ENOTEMPTY), "rmdir of a full folder: {removed:?}, not ENOTEMPTY");
    let here = current_folder();
    ensure!(here.as_deref() == Ok("/tmp/merged/dir"), "after a refused rmdir the current folder is {here:?}");
    must_list(".", &["one", "two"], "after a refused rmdir")
}

/// A file of the lower layer that was moved and then removed leaves nothing to see (docker#12327, 45d117389696 in 4.5).
pub(super) fn moved_then_removed_leaves_nothing(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    sys::mkdir("/tmp/merged/fresh", 0o755).or_fail("make a folder in the union")?;
    sys::rename(MERGED_FILE, "/tmp/merged/fresh/file").or_fail("move a lower file into it")?;
    must_hold("/tmp/merged/fresh/file", "lower", "moved")?;
    sys::unlink("/tmp/merged/fresh/file").or_fail("remove it there")?;
    must_list("/tmp/merged/fresh", &[], "after the removal")?;
    union.remount()?;
    must_list("/tmp/merged/fresh", &[], "after a remount")?;
    must_list(MERGED, &["fresh", "other"], "after a remount")?;
    sys::rmdir("/tmp/merged/fresh").or_fail("remove the folder that held it")?;
    must_hold(LOWER_FILE, "lower", "moved and removed through the union")
}
