//! Renames, and what a merged folder lists.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, S_IFIFO, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::union::kind::{Kind, MERGED, UPPER, Union, reader};
use crate::tests::union::look::{
    LOWER_FILE, MERGED_FILE, lower_file, lower_folder, must_be_gone, must_hold, must_list,
};

/// A file of the lower layer is by its new name only, after a remount too.
pub(super) fn rename_moves_lower_file(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_folder)?;
    sys::rename(MERGED_FILE, "/tmp/merged/dir/moved").or_fail("rename a lower file")?;
    sys::rename("/tmp/merged/dir/one", "/tmp/merged/dir/two").or_fail("rename one lower file over another")?;
    union.also_remounted("after the rename", |when| {
        must_list(MERGED, &["dir", "other"], when)?;
        must_list("/tmp/merged/dir", &["moved", "two"], when)?;
        must_be_gone(MERGED_FILE, when)?;
        must_hold("/tmp/merged/dir/moved", "lower", when)?;
        must_hold("/tmp/merged/dir/two", "one", when)?;
        must_hold(LOWER_FILE, "lower", when)?;
        must_hold("/tmp/lower/dir/two", "two", when)?;
        Ok(())
    })?;
    Ok(())
}

/// A file moves to a name that was removed before, and away again.
pub(super) fn rename_over_removed_name(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    sys::unlink(MERGED_FILE).or_fail("remove a file")?;
    sys::rename("/tmp/merged/other", MERGED_FILE).or_fail("rename another to its name")?;
    union.also_remounted("after the rename", |when| {
        must_hold(MERGED_FILE, "other", when)?;
        must_be_gone("/tmp/merged/other", when)?;
        must_list(MERGED, &["file"], when)?;
        Ok(())
    })?;
    sys::rename(MERGED_FILE, "/tmp/merged/third").or_fail("rename it away")?;
    union.remount()?;
    must_list(MERGED, &["third"], "renamed away")?;
    must_hold("/tmp/merged/third", "other", "renamed away")?;
    must_list("/tmp/lower", &["file", "other"], "in the end")
}

/// A folder of the lower layer moves with all in it, or the rename is refused (`EXDEV`) and nothing has moved; one
/// that was made in the union moves.
pub(super) fn folder_moves_whole_or_not_at_all(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_folder)?;
    sys::mkdir("/tmp/merged/fresh", 0o755).or_fail("make a folder in the union")?;
    files::create("/tmp/merged/fresh/three", "three").or_fail("make a file in it")?;
    sys::rename("/tmp/merged/fresh", "/tmp/merged/moved-fresh").or_fail("rename a folder made in the union")?;
    let moved = sys::rename("/tmp/merged/dir", "/tmp/merged/moved");
    let (here, gone) = match moved {
        Ok(()) => ("moved", "dir"),
        Err(Errno::EXDEV) if kind.lower_folders_stay => ("dir", "moved"),
        Err(errno) => return Err(Stop::Fail(format!("rename of a lower folder: {errno}"))),
    };
    union.also_remounted("after the rename", |when| {
        must_be_gone("/tmp/merged/fresh", when)?;
        must_hold("/tmp/merged/moved-fresh/three", "three", when)?;
        must_be_gone(&format!("/tmp/merged/{gone}"), when)?;
        must_list(&format!("/tmp/merged/{here}"), &["one", "two"], when)?;
        must_hold(&format!("/tmp/merged/{here}/one"), "one", when)?;
        must_list("/tmp/lower/dir", &["one", "two"], when)?;
        Ok(())
    })?;
    Ok(())
}

/// Names and kinds in a folder, as `getdents64` gives them.
fn kinds(path: &str) -> Result<Vec<(String, u8)>, Stop> {
    let folder = reader(path)?;
    let mut buffer = [0u8; 4096];
    let mut found = Vec::new();
    loop {
        let args = [sys::arg(folder.raw()), buffer.as_mut_ptr() as usize, buffer.len()];
        // SAFETY: a writable buffer of its length.
        let n = unsafe { sys::call(nr::GETDENTS64, args) }.or_fail(&format!("list {path}"))?;
        let mut rest = &buffer[..n];
        if rest.is_empty() {
            found.sort();
            return Ok(found);
        }
        while let [_, ..] = rest {
            let (entry, after) = rest.split_at(usize::from(u16::from_le_bytes([rest[16], rest[17]])));
            let name = entry[19..].split(|byte| *byte == 0).next().unwrap_or_default();
            if name != b"." && name != b".." {
                found.push((String::from_utf8_lossy(name).into_owned(), entry[18]));
            }
            rest = after;
        }
    }
}

/// A folder with entries in both layers lists each name once, with its kind, and no removed one.
pub(super) fn listing_has_each_name_once(_: &Ctx, kind: &'static Kind) -> Check {
    const FIFO: u8 = 1;
    const DIR: u8 = 4;
    const FILE: u8 = 8;
    const LINK: u8 = 10;
    let union = Union::stage(kind, || {
        lower_folder()?;
        sys::symlink("file", "/tmp/lower/link").or_fail("make a link in the lower layer")?;
        sys::mknod("/tmp/lower/pipe", S_IFIFO | 0o600, 0, 0).or_fail("make a pipe in the lower layer")
    })?;
    files::create("/tmp/merged/new", "new").or_fail("make a file in the union")?;
    sys::mkdir("/tmp/merged/new-dir", 0o755).or_fail("make a folder in the union")?;
    sys::chmod(MERGED_FILE, 0o600).or_fail("copy a file up")?;
    files::create("/tmp/merged/dir/three", "three").or_fail("make a file in a lower folder")?;
    sys::unlink("/tmp/merged/dir/two").or_fail("remove a file of a lower folder")?;
    sys::unlink("/tmp/merged/other").or_fail("remove a file of the union")?;
    let top = [("dir", DIR), ("file", FILE), ("link", LINK), ("new", FILE), ("new-dir", DIR), ("pipe", FIFO)];
    union.also_remounted("at first", |when| {
        for (path, expected) in [(MERGED, &top[..]), ("/tmp/merged/dir", &[("one", FILE), ("three", FILE)][..])] {
            let found = kinds(path)?;
            let same = found.iter().map(|(name, kind)| (name.as_str(), *kind)).eq(expected.iter().copied());
            ensure!(same, "{when} {path} lists {found:?}, not {expected:?}");
        }
        Ok(())
    })?;
    Ok(())
}

/// A long folder, half of it removed and as much added, lists just what is there.
pub(super) fn long_listing_is_exact(_: &Ctx, kind: &'static Kind) -> Check {
    const NAMES: usize = 120;
    let union = Union::stage(kind, || {
        sys::mkdir("/tmp/lower/dir", 0o755).or_fail("make a folder in the lower layer")?;
        for i in 0..NAMES {
            files::create(&format!("/tmp/lower/dir/file-with-a-long-name-{i:03}"), "").or_fail("fill it")?;
        }
        Ok(())
    })?;
    let mut expected = Vec::new();
    for i in 0..NAMES {
        let name = format!("file-with-a-long-name-{i:03}");
        if i % 2 == 0 {
            sys::unlink(&format!("/tmp/merged/dir/{name}")).or_fail("remove")?;
            let name = format!("new-file-{i:03}");
            files::create(&format!("/tmp/merged/dir/{name}"), "").or_fail("make a file")?;
            expected.push(name);
        } else {
            expected.push(name);
        }
    }
    expected.sort();
    union.also_remounted("at first", |when| {
        let mut found = sys::list("/tmp/merged/dir").or_fail("list the folder")?;
        found.sort();
        let differs = found.iter().zip(&expected).find(|(a, b)| a != b);
        ensure!(found == expected, "{when} {} names of {} are listed; first odd one {differs:?}", found.len(), NAMES);
        Ok(())
    })?;
    Ok(())
}

/// Attributes that the union keeps its books with are neither listed nor readable through it.
pub(super) fn own_attributes_are_hidden(_: &Ctx, kind: &'static Kind) -> Check {
    const OWN: &str = "trusted.overlay.opaque";
    const OTHER: &str = "trusted.kernrig";
    let _union = Union::stage(kind, lower_folder)?;
    for name in ["one", "two"] {
        sys::unlink(&format!("/tmp/merged/dir/{name}")).or_fail("remove a file through the union")?;
    }
    sys::rmdir("/tmp/merged/dir").or_fail("remove the folder")?;
    sys::mkdir("/tmp/merged/dir", 0o755).or_fail("make the folder anew")?;
    sys::set_xattr("/tmp/merged/dir", OTHER, "x").or_fail("set an attribute through the union")?;
    let kept = sys::get_xattr(&format!("{UPPER}/dir"), OWN);
    ensure!(kept.as_deref() == Ok("y"), "in the upper layer the folder's {OWN} is {kept:?}, not `y`");
    let listed = sys::list_xattr("/tmp/merged/dir").or_fail("list attributes")?;
    ensure!(listed.iter().any(|name| name == OTHER), "the list of attributes lacks {OTHER}: {listed:?}");
    let own = listed.iter().find(|name| name.starts_with("trusted.overlay."));
    ensure!(own.is_none(), "the union lists its own attribute {own:?}");
    let read = sys::get_xattr("/tmp/merged/dir", OWN);
    ensure!(read.is_err(), "the union lets its own attribute be read: {read:?}");
    Ok(())
}
