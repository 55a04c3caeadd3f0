//! Files that are open, mapped or linked while they are copied up.

use crate::files;
use crate::sys::{self, net, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child};
use crate::tests::union::kind::{Kind, Union, reader, writer};
use crate::tests::union::look::{LOWER_FILE, MERGED_FILE, append, lower_file, must_be_gone, must_hold, whole};

/// What is stored through a mapping of a file of the lower layer is in the union's file and not in the lower's.
pub(super) fn mapped_write_copies_up(_: &Ctx, kind: &'static Kind) -> Check {
    const PAGE: usize = 4096;
    const READ_WRITE: usize = 3;
    const SHARED: usize = 1;
    let union = Union::stage(kind, lower_file)?;
    let file = writer(MERGED_FILE)?;
    let at = sys::plain(nr::MMAP, [0, PAGE, READ_WRITE, SHARED, sys::arg(file.raw()), 0]).or_fail("map the file")?;
    let bytes: *mut u8 = core::ptr::with_exposed_provenance_mut(at);
    // SAFETY: a page that was just mapped to be read and written, and the file has five bytes in it.
    unsafe { bytes.copy_from_nonoverlapping(b"LOWER".as_ptr(), 5) };
    sys::plain(nr::MSYNC, [at, PAGE, 4]).or_fail("msync")?;
    must_hold(MERGED_FILE, "LOWER", "written through a mapping")?;
    must_hold(LOWER_FILE, "lower", "written through a mapping of the union's")?;
    sys::unmap(bytes, PAGE);
    drop(file);
    union.remount()?;
    must_hold(MERGED_FILE, "LOWER", "after a remount")?;
    must_hold(LOWER_FILE, "lower", "after a remount")
}

/// One that opened a file to read before its copy-up sees what is written after, or keeps the old, as documented.
pub(super) fn reader_over_copy_up(ctx: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    let early = reader(MERGED_FILE)?;
    ensure!(whole(&early)? == "lower", "before copy-up the reader has `{}`", whole(&early)?);
    append(MERGED_FILE, " and more")?;
    let follows = kind.readers_follow.holds(ctx);
    let expected = if follows { "lower and more" } else { "lower" };
    let found = whole(&early)?;
    ensure!(found == expected, "a file opened before copy-up reads `{found}` after it, not `{expected}`");
    let late = reader(MERGED_FILE)?;
    ensure!(whole(&late)? == "lower and more", "a file opened after copy-up reads `{}`", whole(&late)?);
    Ok(())
}

/// A file keeps its inode number over copy-up.
pub(super) fn inode_number_stays(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    let number = || Ok::<_, Stop>(sys::stat(MERGED_FILE).or_fail("stat")?.ino);
    let early = reader(MERGED_FILE)?;
    let before = number()?;
    ensure!(before != 0, "before copy-up the inode number is 0");
    append(MERGED_FILE, " and more")?;
    must_hold(MERGED_FILE, "lower and more", "after copy-up")?;
    let after = number()?;
    ensure!(after == before, "the inode number was {before} and is {after} after copy-up");
    let open = sys::fstat(&early).or_fail("fstat")?.ino;
    ensure!(open == before, "the inode number was {before} and is {open} to one that has the file open");
    Ok(())
}

/// Two names of one lower file: written by one, the other has it too, or has become a file of its own, as documented.
pub(super) fn links_of_lower_over_copy_up(ctx: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, || {
        lower_file()?;
        sys::link(LOWER_FILE, "/tmp/lower/name").or_fail("link in the lower layer")
    })?;
    let links = sys::stat(MERGED_FILE).or_fail("stat")?.nlink;
    ensure!(links == 2, "a file of two names has a link count of {links} before copy-up");
    append(MERGED_FILE, " and more")?;
    let expected = if kind.links_hold.holds(ctx) { "lower and more" } else { "lower" };
    must_hold(MERGED_FILE, "lower and more", "after copy-up")?;
    must_hold("/tmp/merged/name", expected, "after copy-up by its other name")?;
    must_hold("/tmp/lower/name", "lower", "after copy-up")?;
    // The other name is copied up for itself: aufs forgets what is still linked below when it is unmounted.
    sys::chmod("/tmp/merged/name", 0o640).or_fail("chmod by the other name")?;
    union.remount()?;
    must_hold("/tmp/merged/name", expected, "after copy-up by its other name and a remount")
}

/// A new name for a file of the lower layer is the same file: written by either, seen by both.
pub(super) fn new_link_is_the_same_file(_: &Ctx, kind: &'static Kind) -> Check {
    let union = Union::stage(kind, lower_file)?;
    sys::link(MERGED_FILE, "/tmp/merged/name").or_fail("link through the union")?;
    append("/tmp/merged/name", " and more")?;
    append(MERGED_FILE, " and yet more")?;
    union.also_remounted("after the writes", |when| {
        must_hold(MERGED_FILE, "lower and more and yet more", when)?;
        must_hold("/tmp/merged/name", "lower and more and yet more", when)?;
        let (one, other) = (sys::stat(MERGED_FILE).or_fail("stat")?, sys::stat("/tmp/merged/name").or_fail("stat")?);
        ensure!(one.ino == other.ino, "{when} the two names have inode numbers {} and {}", one.ino, other.ino);
        let counted = one.nlink == 2 || !kind.counts_links;
        ensure!(counted, "{when} the link count is {}", one.nlink);
        Ok(())
    })?;
    sys::unlink(MERGED_FILE).or_fail("remove one name")?;
    must_be_gone(MERGED_FILE, "removed")?;
    must_hold("/tmp/merged/name", "lower and more and yet more", "without its first name")?;
    must_be_gone("/tmp/lower/name", "linked through the union")
}

/// A removed file lives on for those who have it open, to read and to write.
pub(super) fn removed_file_lives_while_open(_: &Ctx, kind: &'static Kind) -> Check {
    let _union = Union::stage(kind, lower_file)?;
    let reading = reader(MERGED_FILE)?;
    let writing = writer("/tmp/merged/other")?;
    sys::unlink(MERGED_FILE).or_fail("remove a file that is read")?;
    sys::unlink("/tmp/merged/other").or_fail("remove a file that is written")?;
    must_be_gone(MERGED_FILE, "removed while open")?;
    must_be_gone("/tmp/merged/other", "removed while open")?;
    ensure!(whole(&reading)? == "lower", "removed, the open file reads `{}`", whole(&reading)?);
    ensure!(whole(&writing)? == "other", "removed, the open file reads `{}`", whole(&writing)?);
    sys::write_all(writing.raw(), b" written").or_fail("write to a removed file")?;
    ensure!(whole(&writing)? == "other written", "removed and written to, it reads `{}`", whole(&writing)?);
    files::create("/tmp/merged/other", "new").or_fail("make a file by the free name")?;
    ensure!(whole(&writing)? == "other written", "its name taken, it reads `{}`", whole(&writing)?);
    must_hold("/tmp/lower/other", "other", "removed through the union")
}

/// Appending that is turned on for a file that is open already holds (docker#20199).
pub(super) fn append_turned_on_later_holds(_: &Ctx, kind: &'static Kind) -> Check {
    const F_SETFL: usize = 4;
    let _union = Union::stage(kind, lower_file)?;
    let file = writer(MERGED_FILE)?;
    sys::plain(nr::FCNTL, [sys::arg(file.raw()), F_SETFL, open::APPEND as usize]).or_fail("fcntl(F_SETFL)")?;
    sys::write_all(file.raw(), b" and more").or_fail("write")?;
    must_hold(MERGED_FILE, "lower and more", "written to after O_APPEND was turned on")?;
    must_hold(LOWER_FILE, "lower", "written to after O_APPEND was turned on")
}

/// A Unix socket that was bound in a union takes connections by its path.
pub(super) fn socket_in_union_accepts(_: &Ctx, kind: &'static Kind) -> Check {
    const PATH: &[u8] = b"/tmp/merged/dir/socket\0";
    let _union = Union::stage(kind, || sys::mkdir("/tmp/lower/dir", 0o755).or_fail("make a folder"))?;
    let mut address = [0u8; 2 + PATH.len()];
    address[..2].copy_from_slice(&(net::AF_UNIX as u16).to_le_bytes());
    address[2..].copy_from_slice(PATH);
    let listener = sys::socket(net::AF_UNIX, net::STREAM, 0).or_fail("socket")?;
    sys::bind(&listener, &address).or_fail("bind in the union")?;
    sys::listen(&listener, 1).or_fail("listen")?;
    in_child(0, || {
        let socket = sys::socket(net::AF_UNIX, net::STREAM, 0).or_fail("socket")?;
        sys::connect(&socket, &address).or_fail("connect to the socket in the union")?;
        sys::write_all(socket.raw(), b"word").or_fail("write to it")
    })?;
    let accepted = sys::accept(&listener).or_fail("accept")?;
    let mut word = [0; 8];
    let n = sys::read(&accepted, &mut word).or_fail("read from the socket")?;
    ensure!(&word[..n] == b"word", "through the socket came {:?}", &word[..n]);
    let kind = sys::stat("/tmp/merged/dir/socket").or_fail("stat the socket")?.mode & sys::S_IFMT;
    ensure!(kind == 0o14_0000, "the socket's name is of kind {kind:o}");
    Ok(())
}
