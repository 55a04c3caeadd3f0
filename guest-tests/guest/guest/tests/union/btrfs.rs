//! btrfs as a union: a disk of the test's own, subvolumes on it, and what only they promise.

use alloc::format;
use alloc::vec;

use crate::files;
use crate::sys::{self, Errno};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::disk::Disk;
use crate::tests::scratch::folder;
use crate::tests::union::kind::{BTRFS, LOWER, MERGED, POOL, Union, reader};
use crate::tests::union::look::{lower_file, must_be_gone, must_hold};
use crate::tests::union::mkfs;

/// `struct btrfs_ioctl_vol_args` and its second version are 4 KiB; the name lies at 8 or 56.
const ARGS: usize = 4096;
const SNAP_CREATE: usize = 0x5000_9401;
const SUBVOL_CREATE: usize = 0x5000_940e;
const SNAP_DESTROY: usize = 0x5000_940f;
/// With flags, 2.6.38.
const SNAP_CREATE_V2: usize = 0x5000_9417;
const RDONLY: u64 = 2;

const DISK_BYTES: u64 = 256 << 20;

/// A new btrfs, mounted whole on [`POOL`].
pub(super) fn pool() -> Result<Disk, Stop> {
    let disk = Disk::new("/tmp/btrfs", DISK_BYTES)?;
    mkfs::format(&disk, DISK_BYTES)?;
    folder(POOL)?;
    sys::mount(&disk.path, POOL, "btrfs", 0, "").or_absent("mount btrfs")?;
    Ok(disk)
}

fn volume_call(request: usize, source: i32, flags: u64, name: &str) -> Result<(), Errno> {
    let name_at = if request == SNAP_CREATE_V2 { 56 } else { 8 };
    let mut args = vec![0u64; ARGS / 8];
    args[0] = source as u64;
    if request == SNAP_CREATE_V2 {
        args[2] = flags;
    }
    for (i, byte) in name.bytes().enumerate() {
        args[name_at / 8 + i / 8] |= u64::from(byte) << (i % 8 * 8);
    }
    let folder = sys::open(POOL, sys::open::RDONLY | sys::open::DIRECTORY | sys::open::CLOEXEC, 0)?;
    // SAFETY: 4 KiB of the layout that the requests are for.
    unsafe { sys::call(sys::nr::IOCTL, [folder.raw() as usize, request, args.as_ptr() as usize]) }.map(drop)
}

pub(super) fn make_subvolume(name: &str) -> Check {
    volume_call(SUBVOL_CREATE, 0, 0, name).or_fail(&format!("make the subvolume {name}"))
}

pub(super) fn snapshot(of: &str, name: &str) -> Check {
    let source = reader(of)?;
    volume_call(SNAP_CREATE, source.raw(), 0, name).or_fail(&format!("make {name}, a snapshot of {of}"))
}

/// The snapshot of a subvolume that was removed has all it had.
pub(super) fn snapshot_outlives_its_origin(_: &Ctx) -> Check {
    let union = Union::stage(&BTRFS, lower_file)?;
    sys::umount(LOWER, 0).or_fail("unmount the lower subvolume")?;
    volume_call(SNAP_DESTROY, 0, 0, "lower").or_fail("remove the subvolume")?;
    must_be_gone(&format!("{POOL}/lower"), "after its removal")?;
    must_hold("/tmp/merged/file", "lower", "after its origin's removal")?;
    sys::umount(MERGED, 0).or_fail("unmount the snapshot")?;
    union.mount()?;
    must_hold("/tmp/merged/file", "lower", "after its origin's removal and a remount")
}

/// A read-only snapshot refuses changes and does not follow its origin.
pub(super) fn read_only_snapshot_stays(_: &Ctx) -> Check {
    let _union = Union::stage(&BTRFS, lower_file)?;
    let source = reader(LOWER)?;
    volume_call(SNAP_CREATE_V2, source.raw(), RDONLY, "frozen").or_fail("make a read-only snapshot")?;
    let frozen = format!("{POOL}/frozen");
    let made = sys::mkdir(&format!("{frozen}/new"), 0o755);
    ensure!(made == Err(Errno::EROFS), "mkdir in a read-only snapshot: {made:?}, not EROFS");
    let removed = sys::unlink(&format!("{frozen}/file"));
    ensure!(removed == Err(Errno::EROFS), "unlink in a read-only snapshot: {removed:?}, not EROFS");
    files::create("/tmp/lower/file", "changed").or_fail("change the origin")?;
    must_hold(&format!("{frozen}/file"), "lower", "after a change of the origin")
}

/// Each of a chain of snapshots keeps what it was taken of, whatever is written to the others.
pub(super) fn chain_of_snapshots(_: &Ctx) -> Check {
    const LINKS: u32 = 8;
    let _union = Union::stage(&BTRFS, lower_file)?;
    for link in 1..=LINKS {
        let below = if link == 1 { LOWER.into() } else { format!("{POOL}/link{}", link - 1) };
        snapshot(&below, &format!("link{link}"))?;
        files::create(&format!("{POOL}/link{link}/file"), &format!("link {link}")).or_fail("write to a snapshot")?;
        files::create(&format!("{POOL}/link{link}/only{link}"), "").or_fail("make a file in a snapshot")?;
    }
    must_hold("/tmp/lower/file", "lower", "under a chain of snapshots")?;
    for link in 1..=LINKS {
        must_hold(&format!("{POOL}/link{link}/file"), &format!("link {link}"), "in a chain of snapshots")?;
        for other in 1..=LINKS {
            let there = files::exists(&format!("{POOL}/link{link}/only{other}"));
            ensure!(there == (other <= link), "snapshot {link} of the chain has the file of {other}: {there}");
        }
    }
    Ok(())
}

/// Subvolumes are devices of their own: no hard link leads from one to another.
pub(super) fn subvolumes_are_devices(_: &Ctx) -> Check {
    let _union = Union::stage(&BTRFS, lower_file)?;
    let device = |path: &str| Ok::<_, Stop>(sys::stat(path).or_fail(&format!("stat {path}"))?.dev);
    let (lower, merged) = (device(LOWER)?, device(MERGED)?);
    ensure!(lower != merged && lower != 0, "subvolume and snapshot have the same device number {lower:#x}");
    let linked = sys::link(&format!("{POOL}/lower/file"), &format!("{POOL}/merged/link"));
    // EPERM up to 2.6.38.
    let refused = matches!(linked, Err(Errno::EXDEV | Errno::EPERM));
    ensure!(refused, "a hard link from one subvolume to another: {linked:?}, not EXDEV");
    let moved = sys::rename(&format!("{POOL}/lower"), &format!("{POOL}/renamed"));
    ensure!(moved == Ok(()), "rename of a subvolume: {moved:?}");
    must_hold(&format!("{POOL}/renamed/file"), "lower", "in the renamed subvolume")
}
