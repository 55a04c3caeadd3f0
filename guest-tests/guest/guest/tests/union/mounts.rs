//! The union as a mount: read-only and back, busy, twice, on another, of many layers.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, MNT_DETACH, ms};
use crate::test_api::{Check, Ctx, OrStop as _};
use crate::tests::scratch::folder;
use crate::tests::union::kind::{Kind, LOWER, MERGED, Union, reader};
use crate::tests::union::look::{
    LOWER_FILE, MERGED_FILE, append, lower_file, must_be_gone, must_hold, must_list, whole,
};

/// Made read-only it refuses every change, made writable again it takes them.
pub(super) fn read_only_and_back(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    append(MERGED_FILE, " and more")?;
    sys::mount("", MERGED, "", ms::REMOUNT | ms::RDONLY, "").or_fail("remount read-only")?;
    let answers = [
        ("mkdir", sys::mkdir("/tmp/merged/new", 0o755)),
        ("unlink", sys::unlink("/tmp/merged/other")),
        ("chmod", sys::chmod("/tmp/merged/other", 0o600)),
        ("rename", sys::rename("/tmp/merged/other", "/tmp/merged/new")),
        ("open", sys::open(MERGED_FILE, sys::open::RDWR | sys::open::CLOEXEC, 0).map(drop)),
    ];
    for (what, answer) in answers {
        ensure!(answer == Err(Errno::EROFS), "read-only, {what} answers {answer:?}, not EROFS");
    }
    must_hold(MERGED_FILE, "lower and more", "read-only")?;
    sys::mount("", MERGED, "", ms::REMOUNT, "").or_fail("remount writable")?;
    append(MERGED_FILE, " again")?;
    must_hold(MERGED_FILE, "lower and more again", "writable again")
}

/// With a file open (or as someone's current folder) it is `EBUSY`; detached, it goes from sight at once and the file lives till it is closed.
pub(super) fn busy_union_stays(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    append(MERGED_FILE, " and more")?;
    let file = reader(MERGED_FILE)?;
    if !kind.files_pin {
        sys::chdir(MERGED).or_fail("chdir into the union")?;
    }
    let unmounted = sys::umount(MERGED, 0);
    ensure!(unmounted == Err(Errno::EBUSY), "umount while in use: {unmounted:?}, not EBUSY");
    must_hold(MERGED_FILE, "lower and more", "after a refused umount")?;
    sys::umount(MERGED, MNT_DETACH).or_fail("detach")?;
    must_be_gone(MERGED_FILE, "detached")?;
    ensure!(whole(&file)? == "lower and more", "detached, the open file reads `{}`", whole(&file)?);
    drop(file);
    sys::chdir("/").or_fail("leave the union")?;
    union.mount()?;
    must_hold(MERGED_FILE, "lower and more", "mounted again")
}

/// Seen through a second mount it is the same: written by either, seen by both, and left by one.
pub(super) fn two_mounts_are_one_union(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    folder("/tmp/second")?;
    sys::mount(MERGED, "/tmp/second", "", ms::BIND, "").or_fail("bind the union")?;
    append("/tmp/second/file", " and more")?;
    must_hold(MERGED_FILE, "lower and more", "written through the second mount")?;
    sys::unlink("/tmp/merged/other").or_fail("remove through the first mount")?;
    must_be_gone("/tmp/second/other", "removed through the first mount")?;
    let number = |path| Ok(sys::stat(path).or_fail("stat")?.ino);
    let (one, other) = (number(MERGED_FILE)?, number("/tmp/second/file")?);
    ensure!(one == other, "through two mounts a file has inode numbers {one} and {other}");
    sys::umount(MERGED, 0).or_fail("unmount the first")?;
    append("/tmp/second/file", " again")?;
    must_hold("/tmp/second/file", "lower and more again", "written through the mount that is left")?;
    must_hold(LOWER_FILE, "lower", "written through two mounts")
}

/// `statfs` names the union's own kind, and room to write in.
pub(super) fn statfs_names_the_union(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    let magic = sys::statfs_magic(MERGED).or_fail("statfs")?;
    ensure!(kind.magics.contains(&magic), "statfs says {magic:#x}, not one of {:#x?}", kind.magics);
    let file = sys::statfs_magic(MERGED_FILE).or_fail("statfs of a file")?;
    ensure!(file == magic, "statfs of a file in it says {file:#x}, not {magic:#x}");
    Ok(())
}

/// Unions lie on each other as deep as documented, the next is refused, and what is written lands in the topmost.
pub(super) fn stacks_to_its_depth(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    let mut below = String::from(MERGED);
    for level in 2..=kind.depth + 1 {
        let names = ["upper", "work", "merged"].map(|name| format!("/tmp/{name}{level}"));
        for path in &names {
            folder(path)?;
        }
        let [upper, work, merged] = names;
        let mounted = sys::mount("none", &merged, kind.name, 0, &kind.options(&[&below], &upper, &work));
        if level > kind.depth {
            ensure!(mounted == Err(Errno::EINVAL), "union {level} on another: {mounted:?}, not EINVAL");
            break;
        }
        mounted.or_fail(&format!("mount union {level} on another"))?;
        let (file, new) = (format!("{merged}/file"), format!("{merged}/new"));
        must_hold(&file, "lower", "through two unions")?;
        append(&file, " and more")?;
        sys::unlink(&format!("{merged}/other")).or_fail("remove through two unions")?;
        files::create(&new, "new").or_fail("make a file through two unions")?;
        must_list(&merged, &["file", "new"], "on top")?;
        must_hold(&file, "lower and more", "on top")?;
        must_hold(&format!("{upper}/file"), "lower and more", "written on top")?;
        must_hold(&format!("{below}/file"), "lower", "written on top")?;
        must_list(&below, &["file", "other"], "below")?;
        below = merged;
    }
    must_hold(LOWER_FILE, "lower", "below all")
}

/// Lower layers, the topmost first, each with a file of its own and one that all have.
fn lowers(count: u32) -> Result<Vec<String>, crate::test_api::Stop> {
    (1..=count)
        .map(|layer| {
            let path = format!("/tmp/l{layer}");
            folder(&path)?;
            files::create(&format!("{path}/only{layer:02}"), "").or_fail("make a file in a layer")?;
            files::create(&format!("{path}/same"), &format!("layer {layer}")).or_fail("make a file in a layer")?;
            Ok(path)
        })
        .collect()
}

/// Of many lower layers each gives what it has, and the topmost wins.
pub(super) fn topmost_of_many_lowers_wins(_: &Ctx, kind: &'static Kind) -> Check {
    const LAYERS: u32 = 32;
    let _union = Union::stage(kind, lower_file)?;
    let layers = lowers(LAYERS)?;
    for path in ["/tmp/u", "/tmp/w", "/tmp/m"] {
        folder(path)?;
    }
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    let options = kind.options(&layers, "/tmp/u", "/tmp/w");
    sys::mount("none", "/tmp/m", kind.name, 0, &options).or_fail(&format!("mount {LAYERS} lower layers"))?;
    let mut expected: Vec<String> = (1..=LAYERS).map(|layer| format!("only{layer:02}")).collect();
    expected.push("same".into());
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    must_list("/tmp/m", &expected, "of many layers")?;
    must_hold("/tmp/m/same", "layer 1", "of many layers")?;
    append("/tmp/m/same", "+")?;
    must_hold("/tmp/m/same", "layer 1+", "copied up over many layers")?;
    must_hold("/tmp/l1/same", "layer 1", "copied up over many layers")?;
    sys::unlink("/tmp/m/same").or_fail("remove what all layers have")?;
    must_be_gone("/tmp/m/same", "removed over many layers")?;
    must_list("/tmp/m", &expected[..expected.len() - 1], "without what all layers had")
}

/// Of lower layers alone the union can be read and not written.
pub(super) fn lowers_alone_are_read_only(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    folder("/tmp/m")?;
    let layers = lowers(2)?;
    let options = match kind.has_upper() && kind.name == "aufs" {
        true => format!("br={}=ro:{}=ro", layers[0], layers[1]),
        false => format!("lowerdir={}:{}", layers[0], layers[1]),
    };
    sys::mount("none", "/tmp/m", kind.name, 0, &options).or_fail("mount lower layers alone")?;
    must_list("/tmp/m", &["only01", "only02", "same"], "of lower layers alone")?;
    must_hold("/tmp/m/same", "layer 1", "of lower layers alone")?;
    let made = sys::mkdir("/tmp/m/new", 0o755);
    ensure!(made == Err(Errno::EROFS), "mkdir with no layer to write to: {made:?}, not EROFS");
    let removed = sys::unlink("/tmp/m/only02");
    ensure!(removed == Err(Errno::EROFS), "unlink with no layer to write to: {removed:?}, not EROFS");
    must_list(LOWER, &["file", "other"], "meanwhile")
}
