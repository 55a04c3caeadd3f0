//! Flags of a single mount: what they forbid there and nowhere else.

use alloc::format;

use super::{BASE, COPY, IN, IN_MARK, bind, elf, refused, stage};
use crate::files;
use crate::sys::{self, Errno, clone, ms, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch::marked_tmpfs;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::mount::read_only_bind_is_that_mount_only", read_only_bind_is_that_mount_only),
    ("ns::mount::read_only_is_refused_to_a_writer", read_only_is_refused_to_a_writer),
    ("ns::mount::read_only_spares_other_namespaces", read_only_spares_other_namespaces),
    ("ns::mount::nosuid_keeps_the_user", nosuid_keeps_the_user),
    ("ns::mount::noexec_refuses_programs", noexec_refuses_programs),
    ("ns::mount::nodev_refuses_devices", nodev_refuses_devices),
];

fn remount_bind(at: &str, flags: usize) -> Result<(), Errno> {
    sys::mount("", at, "", ms::REMOUNT | ms::BIND | flags, "")
}

/// Binds [`BASE`] to [`COPY`] and gives the copy those flags.
fn bind_with(flags: usize) -> Check {
    bind(BASE, COPY)?;
    remount_bind(COPY, flags).or_fail(&format!("remount the bind with {flags:#x}"))
}

fn write_to(path: &str) -> Result<(), Errno> {
    sys::open(path, open::WRONLY | open::CREAT, 0o644).map(drop)
}

/// A bind made read-only is `EROFS` to write and change; the file system is writable by the other mount.
pub(crate) fn read_only_bind_is_that_mount_only(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    bind_with(ms::RDONLY)?;
    files::create("/tmp/base/file", "x").or_fail("write by the original")?;
    refused(write_to("/tmp/copy/file"), Errno::EROFS, "write by the read-only bind")?;
    refused(sys::mkdir("/tmp/copy/folder", 0o755), Errno::EROFS, "mkdir by the read-only bind")?;
    refused(sys::unlink("/tmp/copy/file"), Errno::EROFS, "unlink by the read-only bind")?;
    refused(sys::chmod("/tmp/copy/file", 0o600), Errno::EROFS, "chmod by the read-only bind")?;
    let text = files::read_text("/tmp/copy/file").or_fail("read by the read-only bind")?;
    ensure!(text == "x", "the file reads `{text}` by the read-only bind");
    remount_bind(COPY, 0).or_fail("make the bind writable again")?;
    write_to("/tmp/copy/other").or_fail("write by the bind, writable again")
}

/// While a file is open for writing by a mount, that one is `EBUSY` to be made read-only, and others are not.
pub(crate) fn read_only_is_refused_to_a_writer(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    bind(BASE, COPY)?;
    let writer = sys::open("/tmp/copy/file", open::WRONLY | open::CREAT, 0o644).or_fail("open a file to write")?;
    refused(remount_bind(COPY, ms::RDONLY), Errno::EBUSY, "make read-only what is written to")?;
    sys::write(&writer, b"text").or_fail("write after the refusal")?;
    remount_bind(BASE, ms::RDONLY).or_fail("make the other mount read-only")?;
    refused(write_to("/tmp/base/file"), Errno::EROFS, "write by the other mount")?;
    drop(writer);
    remount_bind(COPY, ms::RDONLY).or_fail("make the mount read-only when nobody writes")?;
    refused(write_to("/tmp/copy/file"), Errno::EROFS, "write when it is read-only")
}

/// A mount keeps its flag in a new namespace, and a change there stays there, shared or not.
pub(crate) fn read_only_spares_other_namespaces(_: &Ctx) -> Check {
    stage(ms::SHARED)?;
    marked_tmpfs(IN, "marker")?;
    remount_bind(IN, ms::RDONLY).or_fail("make a mount read-only")?;
    let peer = Peer::start(clone::NEWNS, |test| {
        refused(write_to(IN_MARK), Errno::EROFS, "write to the copy of a read-only mount")?;
        remount_bind(IN, 0).or_fail("make the copy writable")?;
        write_to(IN_MARK).or_fail("write to the copy, made writable")?;
        remount_bind(BASE, ms::RDONLY).or_fail("make another copy read-only")?;
        refused(write_to("/tmp/base/file"), Errno::EROFS, "write to the copy, made read-only")?;
        test.say("changed");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    refused(write_to(IN_MARK), Errno::EROFS, "write outside when the copy inside was made writable")?;
    write_to("/tmp/base/file").or_fail("write outside when the copy inside was made read-only")?;
    peer.say("go");
    peer.finish()
}

const USER: u32 = 77;

/// A set-user-id program runs as its owner by one mount and as its caller by the `nosuid` one.
pub(crate) fn nosuid_keeps_the_user(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    elf::create("/tmp/base/program", 0o4755)?;
    bind_with(ms::NOSUID)?;
    let owner = elf::run_as("/tmp/base/program", USER)?;
    ensure!(owner == Ok(0), "a set-user-id program of root's ran as {owner:?}, not as 0");
    let caller = elf::run_as("/tmp/copy/program", USER)?;
    ensure!(caller == Ok(USER as i32), "by a nosuid mount the program ran as {caller:?}, not as its caller {USER}");
    Ok(())
}

/// A program runs by one mount and is `EACCES` by the `noexec` one, where it cannot be mapped for execution either.
pub(crate) fn noexec_refuses_programs(_: &Ctx) -> Check {
    stage(ms::PRIVATE)?;
    elf::create("/tmp/base/program", 0o755)?;
    bind_with(ms::NOEXEC)?;
    let runs = elf::run_as("/tmp/base/program", USER)?;
    ensure!(runs == Ok(USER as i32), "a program by a mount with no flags: {runs:?}");
    let refused_to_run = elf::run_as("/tmp/copy/program", USER)?;
    ensure!(refused_to_run == Err(Errno::EACCES), "a program by a noexec mount: {refused_to_run:?}, not EACCES");
    map_executable("/tmp/base/program")?.or_fail("map a program by a mount with no flags")?;
    refused(map_executable("/tmp/copy/program")?, Errno::EPERM, "map a program by a noexec mount")
}

fn map_executable(path: &str) -> Result<Result<(), Errno>, Stop> {
    const READ_EXECUTE: usize = 5;
    const PRIVATE: usize = 2;
    let file = sys::open(path, open::RDONLY, 0).or_fail("open a program")?;
    Ok(sys::plain(sys::nr::MMAP, [0, 4096, READ_EXECUTE, PRIVATE, sys::arg(file.raw()), 0]).map(drop))
}

/// A device node works by one mount and is `EACCES` by the `nodev` one.
pub(crate) fn nodev_refuses_devices(_: &Ctx) -> Check {
    const ZERO: (u32, u32) = (1, 5);
    stage(ms::PRIVATE)?;
    sys::mknod_char("/tmp/base/zero", 0o666, ZERO.0, ZERO.1).or_fail("mknod")?;
    bind_with(ms::NODEV)?;
    let device = sys::open("/tmp/base/zero", open::RDONLY, 0).or_fail("open a device by a mount with no flags")?;
    let mut byte = [1];
    let count = sys::read(&device, &mut byte).or_fail("read from the device")?;
    ensure!(count == 1 && byte == [0], "/dev/zero read {count} bytes, {byte:?}");
    let by_copy = sys::open("/tmp/copy/zero", open::RDONLY, 0).map(drop);
    refused(by_copy, Errno::EACCES, "open a device by a nodev mount")
}
