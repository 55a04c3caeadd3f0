//! Union file systems: a writable layer over one that must not change.
//!
//! Each kind marks removed files in its own way, so what counts is what a path leads to, before and after a remount.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::scratch::{self, folder};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("overlay::copy_up_leaves_lower_alone", overlay_copy_up),
    ("overlay::whiteout_hides_lower", overlay_whiteout),
    ("overlayfs_ubuntu::copy_up_leaves_lower_alone", overlayfs_copy_up),
    ("overlayfs_ubuntu::whiteout_hides_lower", overlayfs_whiteout),
    ("aufs::copy_up_leaves_lower_alone", aufs_copy_up),
    ("aufs::whiteout_hides_lower", aufs_whiteout),
];

/// A kind of union file system.
struct Kind {
    name: &'static str,
    options: &'static str,
}

/// Mainline's.
const OVERLAY: Kind = Kind { name: "overlay", options: "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work" };
/// Ubuntu's of 11.10 to 15.04, which has no work folder.
const OVERLAYFS: Kind = Kind { name: "overlayfs", options: "lowerdir=/tmp/lower,upperdir=/tmp/upper" };
const AUFS: Kind = Kind { name: "aufs", options: "br=/tmp/upper=rw:/tmp/lower=ro" };

const MERGED: &str = "/tmp/merged";
const LOWER_FILE: &str = "/tmp/lower/file";
const UPPER_FILE: &str = "/tmp/upper/file";
const MERGED_FILE: &str = "/tmp/merged/file";

fn mount(kind: &Kind) -> Check {
    // No such type is ENODEV: the module was not there or did not load.
    sys::mount("none", MERGED, kind.name, 0, kind.options).or_absent(&format!("mount {}", kind.name))
}

fn remount(kind: &Kind) -> Check {
    sys::umount(MERGED, 0).or_fail(&format!("unmount {}", kind.name))?;
    mount(kind)
}

/// Layers on a tmpfs, the lower with two files, and the union of them mounted.
fn stage(kind: &Kind) -> Check {
    scratch::own_mounts()?;
    for path in ["/tmp/lower", "/tmp/upper", "/tmp/work", MERGED] {
        folder(path)?;
    }
    files::create(LOWER_FILE, "lower").or_fail("make a file in the lower layer")?;
    files::create("/tmp/lower/other", "other").or_fail("make a file in the lower layer")?;
    mount(kind)
}

fn must_hold(path: &str, text: &str, when: &str) -> Check {
    let found = files::read_text(path).or_fail(&format!("read {path} {when}"))?;
    ensure!(found == text, "{when} {path} holds `{found}`, not `{text}`");
    Ok(())
}

fn must_be_gone(path: &str, when: &str) -> Check {
    let found = sys::lstat(path).map(|stat| stat.mode);
    ensure!(found == Err(Errno::ENOENT), "{when} {path} is there: {found:?}");
    Ok(())
}

fn names(path: &str) -> Result<Vec<String>, Stop> {
    let mut names = sys::list(path).or_fail(&format!("list {path}"))?;
    names.sort();
    Ok(names)
}

fn append(path: &str, text: &str) -> Check {
    let file = sys::open(path, open::WRONLY | open::APPEND, 0).or_fail(&format!("open {path} to append"))?;
    sys::write_all(file.raw(), text.as_bytes()).or_fail(&format!("append to {path}"))
}

/// Content and mode changed through the union land in the upper layer; the lower keeps both.
fn copy_up_leaves_lower_alone(kind: &Kind) -> Check {
    stage(kind)?;
    must_hold(MERGED_FILE, "lower", "before the write")?;
    must_be_gone(UPPER_FILE, "before the write")?;
    append(MERGED_FILE, " and more")?;
    sys::chmod("/tmp/merged/other", 0o600).or_fail("chmod through the union")?;
    must_hold(MERGED_FILE, "lower and more", "after the write")?;
    must_hold(UPPER_FILE, "lower and more", "after the write")?;
    must_hold(LOWER_FILE, "lower", "after the write")?;
    let mode = |path| Ok(sys::stat(path).or_fail("stat")?.mode & 0o777);
    let (merged, lower) = (mode("/tmp/merged/other")?, mode("/tmp/lower/other")?);
    ensure!((merged, lower) == (0o600, 0o644), "after chmod 600 through the union {merged:o}, in the lower {lower:o}");
    remount(kind)?;
    must_hold(MERGED_FILE, "lower and more", "after a remount")?;
    must_hold("/tmp/merged/other", "other", "after a remount")
}

/// A file removed through the union is gone from path and list, also after a remount; the lower keeps it; made anew
/// it holds the new bytes only.
fn whiteout_hides_lower(kind: &Kind) -> Check {
    stage(kind)?;
    ensure!(names(MERGED)? == ["file", "other"], "before the removal the union lists {:?}", names(MERGED)?);
    sys::unlink(MERGED_FILE).or_fail("remove through the union")?;
    for when in ["after the removal", "after a remount"] {
        must_be_gone(MERGED_FILE, when)?;
        ensure!(names(MERGED)? == ["other"], "{when} the union lists {:?}", names(MERGED)?);
        must_hold(LOWER_FILE, "lower", when)?;
        remount(kind)?;
    }
    files::create(MERGED_FILE, "new").or_fail("make the file anew")?;
    must_hold(MERGED_FILE, "new", "made anew")?;
    must_hold(LOWER_FILE, "lower", "made anew")?;
    ensure!(names(MERGED)? == ["file", "other"], "made anew the union lists {:?}", names(MERGED)?);
    Ok(())
}

/// `overlay`: writes land in the upper layer.
pub(crate) fn overlay_copy_up(_: &Ctx) -> Check {
    copy_up_leaves_lower_alone(&OVERLAY)
}

/// `overlay`: removals hide what the lower has.
pub(crate) fn overlay_whiteout(_: &Ctx) -> Check {
    whiteout_hides_lower(&OVERLAY)
}

/// Ubuntu's `overlayfs`: writes land in the upper layer.
pub(crate) fn overlayfs_copy_up(_: &Ctx) -> Check {
    copy_up_leaves_lower_alone(&OVERLAYFS)
}

/// Ubuntu's `overlayfs`: removals hide what the lower has.
pub(crate) fn overlayfs_whiteout(_: &Ctx) -> Check {
    whiteout_hides_lower(&OVERLAYFS)
}

/// AUFS: writes land in the writable branch.
pub(crate) fn aufs_copy_up(_: &Ctx) -> Check {
    copy_up_leaves_lower_alone(&AUFS)
}

/// AUFS: removals hide what the read-only branch has.
pub(crate) fn aufs_whiteout(_: &Ctx) -> Check {
    whiteout_hides_lower(&AUFS)
}
