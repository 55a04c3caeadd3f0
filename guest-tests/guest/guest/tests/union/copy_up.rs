//! What a first write through a union takes along, and what it leaves alone.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::files;
use crate::sys::{self, Errno, S_IFCHR, S_IFIFO, S_IFLNK, S_IFMT, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child};
use crate::tests::union::kind::{Kind, Union};
use crate::tests::union::look::{
    LOWER_FILE, MERGED_FILE, UPPER_FILE, append, looks, lower_file, lower_folder, must_be_gone, must_hold,
};

/// A user of the tests, and its group.
const OWNER: (u32, u32) = (1001, 1002);
/// A moment long gone.
const THEN: (u64, u64) = (1_234_567_890, 123_456_000);

/// Content and mode changed through the union land in the upper layer; the lower keeps both.
pub(super) fn copy_up_leaves_lower_alone(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    must_hold(MERGED_FILE, "lower", "before the write")?;
    if kind.has_upper() {
        must_be_gone(UPPER_FILE, "before the write")?;
    }
    append(MERGED_FILE, " and more")?;
    sys::chmod("/tmp/merged/other", 0o600).or_fail("chmod through the union")?;
    must_hold(MERGED_FILE, "lower and more", "after the write")?;
    if kind.has_upper() {
        must_hold(UPPER_FILE, "lower and more", "after the write")?;
    }
    must_hold(LOWER_FILE, "lower", "after the write")?;
    let mode = |path| Ok(sys::stat(path).or_fail("stat")?.mode & 0o777);
    let (merged, lower) = (mode("/tmp/merged/other")?, mode("/tmp/lower/other")?);
    ensure!((merged, lower) == (0o600, 0o644), "after chmod 600 through the union {merged:o}, in the lower {lower:o}");
    union.remount()?;
    must_hold(MERGED_FILE, "lower and more", "after a remount")?;
    must_hold("/tmp/merged/other", "other", "after a remount")
}

fn old_file() -> Check {
    lower_file()?;
    sys::chown(LOWER_FILE, OWNER.0, OWNER.1).or_fail("chown in the lower layer")?;
    sys::chmod(LOWER_FILE, 0o6751).or_fail("chmod in the lower layer")?;
    sys::set_times(LOWER_FILE, THEN.0, THEN.1).or_fail("set times in the lower layer")
}

fn must_look(path: &str, expected: (u32, (u32, u32), (u64, u64)), when: &str) -> Check {
    let found = looks(path)?;
    ensure!(found == expected, "{when} {path} has mode, owner and time {found:?}, not {expected:?}");
    Ok(())
}

/// A file copied up for one thing keeps what else it has: mode, owner, group, time of change.
pub(super) fn copy_up_keeps_owner_mode_and_times(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, old_file)?;
    let old = (0o6751, OWNER, THEN);
    must_look(MERGED_FILE, old, "before copy-up")?;
    sys::chmod(MERGED_FILE, 0o640).or_fail("chmod through the union")?;
    must_look(MERGED_FILE, (0o640, OWNER, THEN), "after chmod")?;
    sys::chown(MERGED_FILE, 7, 8).or_fail("chown through the union")?;
    must_look(MERGED_FILE, (0o640, (7, 8), THEN), "after chown")?;
    let later = (THEN.0 + 1000, THEN.1);
    sys::set_times("/tmp/merged/other", later.0, later.1).or_fail("set times through the union")?;
    union.remount()?;
    must_look(MERGED_FILE, (0o640, (7, 8), THEN), "after a remount")?;
    must_look("/tmp/merged/other", (0o644, (0, 0), later), "after a remount")?;
    must_hold(MERGED_FILE, "lower", "after a remount")?;
    must_look(LOWER_FILE, old, "in the end")
}

/// Extended attributes come along, and one set through the union does not reach the lower layer.
pub(super) fn copy_up_keeps_attributes(_: &Ctx, kind: &'static Kind) -> Check {
    const NAME: &str = "trusted.kernrig";
    let union = Union::stage(kind, || {
        lower_file()?;
        sys::set_xattr(LOWER_FILE, NAME, "of lower").or_fail("set an attribute in the lower layer")?;
        sys::set_xattr("/tmp/lower/other", NAME, "of lower").or_fail("set an attribute in the lower layer")
    })?;
    append(MERGED_FILE, " and more")?;
    sys::set_xattr("/tmp/merged/other", NAME, "of upper").or_fail("set an attribute through the union")?;
    union.remount()?;
    for (path, expected) in [
        (MERGED_FILE, "of lower"),
        ("/tmp/merged/other", "of upper"),
        (LOWER_FILE, "of lower"),
        ("/tmp/lower/other", "of lower"),
    ] {
        let found = sys::get_xattr(path, NAME);
        ensure!(found.as_deref() == Ok(expected), "{path} has the attribute {found:?}, not `{expected}`");
    }
    Ok(())
}

/// Append, truncation to nothing at open, and to a size, all act on the copy and on all of it.
pub(super) fn append_and_truncation_copy_up(_: &Ctx, kind: &'static Kind) -> Check {
    let names = ["append", "empty", "short", "long"];
    let union = Union::stage(kind, || {
        for name in names {
            files::create(&format!("/tmp/lower/{name}"), "0123456789").or_fail("make a file in the lower layer")?;
        }
        Ok(())
    })?;
    append("/tmp/merged/append", "+")?;
    drop(sys::open("/tmp/merged/empty", open::WRONLY | open::TRUNC | open::CLOEXEC, 0).or_fail("open and truncate")?);
    for (path, size) in [("/tmp/merged/short", 4), ("/tmp/merged/long", 12)] {
        let path = sys::c_string(path).or_fail("path")?;
        // SAFETY: a NUL-terminated string and a size.
        unsafe { sys::call(nr::TRUNCATE, [path.as_ptr() as usize, size]) }.or_fail("truncate through the union")?;
    }
    union.also_remounted("after the change", |when| {
        must_hold("/tmp/merged/append", "0123456789+", when)?;
        must_hold("/tmp/merged/empty", "", when)?;
        must_hold("/tmp/merged/short", "0123", when)?;
        must_hold("/tmp/merged/long", "0123456789\0\0", when)?;
        for name in names {
            must_hold(&format!("/tmp/lower/{name}"), "0123456789", when)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A symbolic link is copied up as one, and its target is not.
pub(super) fn symlink_copies_up_as_itself(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, || {
        lower_file()?;
        sys::symlink("file", "/tmp/lower/link").or_fail("make a link in the lower layer")
    })?;
    must_hold("/tmp/merged/link", "lower", "through a link of the lower layer")?;
    sys::lchown("/tmp/merged/link", OWNER.0, OWNER.1).or_fail("lchown through the union")?;
    union.remount()?;
    let link = sys::lstat("/tmp/merged/link").or_fail("stat the link")?;
    ensure!(link.mode & S_IFMT == S_IFLNK, "copied up, the link has mode {:o}", link.mode);
    ensure!((link.uid, link.gid) == OWNER, "after lchown the link belongs to {:?}", (link.uid, link.gid));
    let target = sys::readlink("/tmp/merged/link");
    ensure!(target.as_deref() == Ok("file"), "copied up, the link leads to {target:?}");
    must_hold("/tmp/merged/link", "lower", "through the copied link")?;
    let (file, lower) = (looks(MERGED_FILE)?.1, looks("/tmp/lower/link")?.1);
    ensure!(file == (0, 0), "lchown of the link gave its target to {file:?}");
    ensure!(lower == (0, 0), "lchown of the link gave the one in the lower layer to {lower:?}");
    Ok(())
}

/// Devices and pipes of the lower layer work through the union, before and after they are copied up.
pub(super) fn devices_and_pipes_work_through(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, || {
        sys::mknod_char("/tmp/lower/zero", 0o666, 1, 5).or_fail("make a device in the lower layer")?;
        sys::mknod("/tmp/lower/pipe", S_IFIFO | 0o666, 0, 0).or_fail("make a pipe in the lower layer")
    })?;
    for when in ["before copy-up", "after copy-up", "after a remount"] {
        let zero = sys::open("/tmp/merged/zero", open::RDWR | open::CLOEXEC, 0).or_fail("open the device")?;
        let mut bytes = [7; 4];
        let n = sys::read(&zero, &mut bytes).or_fail("read the device")?;
        ensure!((n, bytes) == (4, [0; 4]), "{when} the zero device gives {:?}", &bytes[..n]);
        let pipe = sys::open("/tmp/merged/pipe", open::RDWR | open::CLOEXEC, 0).or_fail("open the pipe")?;
        sys::write_all(pipe.raw(), b"word").or_fail("write to the pipe")?;
        let other =
            sys::open("/tmp/merged/pipe", open::RDONLY | open::NONBLOCK | open::CLOEXEC, 0).or_fail("open it again")?;
        let n = sys::read(&other, &mut bytes).or_fail("read the pipe")?;
        ensure!(&bytes[..n] == b"word", "{when} the pipe gives {:?}", &bytes[..n]);
        drop((zero, pipe, other));
        if when == "before copy-up" {
            sys::chown("/tmp/merged/zero", OWNER.0, OWNER.1).or_fail("chown the device")?;
            sys::chown("/tmp/merged/pipe", OWNER.0, OWNER.1).or_fail("chown the pipe")?;
        } else {
            union.remount()?;
        }
    }
    for (name, wanted, device) in [("zero", S_IFCHR, 0x105), ("pipe", S_IFIFO, 0)] {
        let stat = sys::stat(&format!("/tmp/merged/{name}")).or_fail("stat")?;
        let found = (stat.mode & S_IFMT, stat.rdev, (stat.uid, stat.gid));
        ensure!(found == (wanted, device, OWNER), "copied up, {name} has kind, device and owner {found:?}");
    }
    let lower = looks("/tmp/lower/zero")?.1;
    ensure!(lower == (0, 0), "chown through the union gave the lower device to {lower:?}");
    Ok(())
}

/// A file far down is written to: the folders above it are made in the upper layer as they are below.
pub(super) fn copy_up_makes_parents_alike(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, || {
        for (path, mode) in [("/tmp/lower/a", 0o751), ("/tmp/lower/a/b", 0o3775)] {
            sys::mkdir(path, 0o755).or_fail("make a folder in the lower layer")?;
            sys::chown(path, OWNER.0, OWNER.1).or_fail("chown in the lower layer")?;
            sys::chmod(path, mode).or_fail("chmod in the lower layer")?;
        }
        files::create("/tmp/lower/a/b/file", "deep").or_fail("make a file in the lower layer")?;
        files::create("/tmp/lower/a/next", "next").or_fail("make a file in the lower layer")
    })?;
    append("/tmp/merged/a/b/file", " down")?;
    union.remount()?;
    must_hold("/tmp/merged/a/b/file", "deep down", "after a remount")?;
    must_hold("/tmp/merged/a/next", "next", "after a remount")?;
    must_hold("/tmp/lower/a/b/file", "deep", "after a remount")?;
    let tops: &[&str] = if kind.has_upper() { &["/tmp/merged", "/tmp/upper"] } else { &["/tmp/merged"] };
    for top in tops {
        for (name, mode) in [("a", 0o751), ("a/b", 0o3775)] {
            let (found, owner, _) = looks(&format!("{top}/{name}"))?;
            ensure!((found, owner) == (mode, OWNER), "{top}/{name} has mode {found:o} and owner {owner:?}");
        }
    }
    Ok(())
}

/// A file of a megabyte with holes is there whole after one byte of it was written.
pub(super) fn large_sparse_file_copies_up_whole(_: &Ctx, kind: &'static Kind) -> Check {
    const PAGES: usize = 256;
    const PAGE: usize = 4096;
    let page = |index: usize| u8::try_from(index % 251).unwrap_or(0) + 1;
    let has_data = |index: usize| index.is_multiple_of(3);
    let union = Union::stage(kind, || {
        files::create("/tmp/lower/big", "").or_fail("make a file in the lower layer")?;
        let file = sys::open("/tmp/lower/big", open::WRONLY | open::CLOEXEC, 0).or_fail("open it")?;
        sys::plain(nr::FTRUNCATE, [sys::arg(file.raw()), PAGES * PAGE]).or_fail("make it a megabyte")?;
        for index in (0..PAGES).filter(|index| has_data(*index)) {
            sys::plain(nr::LSEEK, [sys::arg(file.raw()), index * PAGE, 0]).or_fail("seek")?;
            sys::write_all(file.raw(), &[page(index); PAGE]).or_fail("fill it")?;
        }
        Ok(())
    })?;
    append("/tmp/merged/big", "!")?;
    union.remount()?;
    for (path, size) in [("/tmp/merged/big", PAGES * PAGE + 1), ("/tmp/lower/big", PAGES * PAGE)] {
        let bytes = files::read(path).or_fail(&format!("read {path}"))?;
        ensure!(bytes.len() == size, "{path} has {} bytes, not {size}", bytes.len());
        for (index, found) in bytes.chunks_exact(PAGE).enumerate() {
            let wanted = if has_data(index) { page(index) } else { 0 };
            ensure!(found.iter().all(|byte| *byte == wanted), "{path} differs in its page {index}");
        }
    }
    Ok(())
}

/// Modes of the lower layer hold for a user who is not root, for reading as for copying up.
pub(super) fn permissions_of_lower_hold(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, || {
        for (name, owner, mode) in [("roots", 0, 0o644), ("secret", 0, 0o600), ("own", OWNER.0, 0o600)] {
            let path = format!("/tmp/lower/{name}");
            files::create(&path, "lower").or_fail("make a file in the lower layer")?;
            sys::chown(&path, owner, owner).or_fail("chown in the lower layer")?;
            sys::chmod(&path, mode).or_fail("chmod in the lower layer")?;
        }
        Ok(())
    })?;
    in_child(0, || {
        sys::setgid(OWNER.0).or_fail("setgid")?;
        sys::setuid(OWNER.0).or_fail("setuid")?;
        let open = |name: &str, flags| sys::open(&format!("/tmp/merged/{name}"), flags, 0).map(|fd| fd.raw() >= 0);
        for (name, flags, expected) in [
            ("roots", open::RDONLY, Ok(true)),
            ("roots", open::WRONLY, Err(Errno::EACCES)),
            ("secret", open::RDONLY, Err(Errno::EACCES)),
            ("own", open::RDWR, Ok(true)),
        ] {
            let found = open(name, flags);
            ensure!(found == expected, "a user opens {name} with flags {flags}: {found:?}, not {expected:?}");
        }
        let made = sys::mkdir("/tmp/merged/new", 0o755);
        ensure!(made == Err(Errno::EACCES), "a user makes a folder where only root may: {made:?}");
        append("/tmp/merged/own", " and more")
    })?;
    must_hold("/tmp/merged/own", "lower and more", "written by its owner")?;
    must_hold("/tmp/lower/own", "lower", "written by its owner")?;
    let owner = looks("/tmp/merged/own")?.1;
    ensure!(owner == (OWNER.0, OWNER.0), "a file that its owner copied up belongs to {owner:?}");
    Ok(())
}

/// A folder of the lower layer takes a new mode and then a new file; below nothing changes.
pub(super) fn lower_folder_takes_mode_and_file(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_folder)?;
    sys::chmod("/tmp/merged/dir", 0o700).or_fail("chmod a folder through the union")?;
    files::create("/tmp/merged/dir/three", "three").or_fail("make a file in it")?;
    union.remount()?;
    let (merged, lower) = (looks("/tmp/merged/dir")?.0, looks("/tmp/lower/dir")?.0);
    ensure!((merged, lower) == (0o700, 0o755), "after chmod 700 the folder has {merged:o}, the lower one {lower:o}");
    for (name, text) in [("one", "one"), ("two", "two"), ("three", "three")] {
        must_hold(&format!("/tmp/merged/dir/{name}"), text, "in the merged folder")?;
    }
    must_be_gone("/tmp/lower/dir/three", "in the lower folder")
}

/// `sendfile` out of a file that was just copied up gives every byte (docker/for-linux#1015).
pub(super) fn sendfile_gives_all(_: &Ctx, kind: &'static Kind) -> Check {
    let text: String = vec!["0123456789abcdef"; 128].concat();
    let _union = Union::stage(kind, || files::create(LOWER_FILE, &text).or_fail("make a file in the lower layer"))?;
    append(MERGED_FILE, "+")?;
    let file = sys::open(MERGED_FILE, open::RDONLY | open::CLOEXEC, 0).or_fail("open the copy")?;
    let copy =
        sys::open("/tmp/merged/copy", open::RDWR | open::CREAT | open::CLOEXEC, 0o644).or_fail("open another")?;
    let (from_pipe, to_pipe) = sys::pipe().or_fail("pipe")?;
    let send = |to: &sys::Fd, from: &sys::Fd| -> Result<usize, Stop> {
        sys::plain(nr::SENDFILE, [sys::arg(to.raw()), sys::arg(from.raw()), 0, 65_536]).or_fail("sendfile")
    };
    // To a file, as cp of busybox does; before 2.6.33 it takes sockets and pipes only.
    let sent = match send(&copy, &file) {
        Err(Stop::Fail(reason)) if reason.ends_with("EINVAL") => None,
        other => Some(other?),
    };
    if let Some(sent) = sent {
        ensure!(sent == text.len() + 1, "sendfile to a file gave {sent} bytes of {}", text.len() + 1);
        must_hold("/tmp/merged/copy", &format!("{text}+"), "copied by sendfile")?;
        sys::plain(nr::LSEEK, [sys::arg(file.raw()), 0, 0]).or_fail("seek")?;
    }
    let sent = send(&to_pipe, &file)?;
    ensure!(sent == text.len() + 1, "sendfile to a pipe gave {sent} bytes of {}", text.len() + 1);
    drop(to_pipe);
    let found = files::read_to_end(&from_pipe).or_fail("read the pipe")?;
    ensure!(found.len() == sent && found.ends_with(b"f+"), "what came through the pipe are {} bytes", found.len());
    Ok(())
}
