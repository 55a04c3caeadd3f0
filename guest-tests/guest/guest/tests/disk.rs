//! Disks of a test's own: loop devices over files on its tmpfs, and swap areas on them. A saved VM holds them whole.
//!
//! Tests that use one say `.modules(&["loop"])`. The node is made beside the file: no `/dev` is counted on.

use alloc::format;
use alloc::string::String;

use crate::files;
use crate::sys::{self, Errno, Fd, S_IFBLK, nr, open};
use crate::test_api::{Check, OrStop as _, Stop};

const LOOP_SET_FD: usize = 0x4c00;
const LOOP_CLR_FD: usize = 0x4c01;
const LOOP_SET_STATUS64: usize = 0x4c04;
/// On the control device, since 3.1.
const LOOP_CTL_GET_FREE: usize = 0x4c82;
/// The device frees itself when its last user closes it: so a test that is killed leaves none behind.
const LO_FLAGS_AUTOCLEAR: u32 = 4;
/// Others may take the free number that was just found.
const TRIES: u32 = 64;

/// A block device over a file; it goes away with the last user, of which this is one.
pub(crate) struct Disk {
    /// Path of its node.
    pub(crate) path: String,
    device: Fd,
}

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo {
    ids_and_range: [u64; 5],
    number: u32,
    encryption: [u32; 2],
    flags: u32,
    names_and_key: [u8; 160],
    init: [u64; 2],
}

impl Disk {
    /// A disk of zeroes; memory is used for what is written to it.
    pub(crate) fn new(file: &str, bytes: u64) -> Result<Disk, Stop> {
        let flags = open::RDWR | open::CREAT | open::EXCL | open::CLOEXEC;
        let backing = sys::open(file, flags, 0o600).or_fail(&format!("make {file}"))?;
        sys::plain(nr::FTRUNCATE, [sys::arg(backing.raw()), bytes as usize]).or_fail(&format!("size {file}"))?;
        let path = format!("{file}.disk");
        for number in 0..TRIES {
            let number = free_number()?.unwrap_or(number);
            let Some(device) = open_number(&path, number)? else { continue };
            match sys::ioctl(&device, LOOP_SET_FD, backing.raw() as usize) {
                Ok(_) => return Disk { path, device }.freed_by_itself(),
                Err(Errno::EBUSY) => {}
                Err(errno) => return Err(errno).or_fail(&format!("attach loop{number}")),
            }
        }
        Err(Stop::Fail(format!("no free loop device in {TRIES} tries")))
    }

    fn freed_by_itself(self) -> Result<Disk, Stop> {
        let mut info = LoopInfo {
            ids_and_range: [0; 5],
            number: 0,
            encryption: [0; 2],
            flags: LO_FLAGS_AUTOCLEAR,
            names_and_key: [0; 160],
            init: [0; 2],
        };
        // SAFETY: the struct is the one that the request is for, 232 bytes.
        if let Err(errno) = unsafe { sys::ioctl_with(&self.device, LOOP_SET_STATUS64, &mut info) } {
            let _ = sys::ioctl(&self.device, LOOP_CLR_FD, 0);
            return Err(errno).or_fail("mark the loop device to free itself");
        }
        Ok(self)
    }

    /// Writes bytes at an offset of the disk, for a file system too, which does not read by the page cache.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Check {
        let mut done = 0;
        while done < bytes.len() {
            let rest = &bytes[done..];
            let at = offset as usize + done;
            // SAFETY: the bytes are readable for their length.
            let n = unsafe {
                sys::call(nr::PWRITE64, [sys::arg(self.device.raw()), rest.as_ptr() as usize, rest.len(), at])
            };
            match n.or_fail("write to the disk")? {
                0 => return Err(Stop::Fail(format!("the disk takes nothing at {at}"))),
                n => done += n,
            }
        }
        sys::plain(nr::FSYNC, [sys::arg(self.device.raw())]).map(drop).or_fail("flush the disk")
    }
}

/// The kernel's advice, which may make a device; before 3.1 there is none.
fn free_number() -> Result<Option<u32>, Stop> {
    const NODE: &str = "/tmp/loop-control";
    match sys::mknod(NODE, sys::S_IFCHR | 0o600, 10, 237) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno).or_fail(&format!("mknod {NODE}")),
    }
    let Ok(control) = sys::open(NODE, open::RDWR | open::CLOEXEC, 0) else { return Ok(None) };
    Ok(sys::ioctl(&control, LOOP_CTL_GET_FREE, 0).ok().map(|number| number as u32))
}

/// Opens that loop device by a node at `path`; `None` if there is none of that number.
fn open_number(path: &str, number: u32) -> Result<Option<Fd>, Stop> {
    // Partitions shift the minor numbers, so they are asked for.
    let Ok(text) = files::read_text(&format!("/sys/block/loop{number}/dev")) else { return Ok(None) };
    let numbers = text.trim().split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let Some((major, minor)) = numbers else { return Err(Stop::Fail(format!("loop{number}/dev holds `{text}`"))) };
    match sys::unlink(path) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno).or_fail(&format!("remove {path}")),
    }
    sys::mknod(path, S_IFBLK | 0o600, major, minor).or_fail(&format!("mknod {path}"))?;
    match sys::open(path, open::RDWR | open::CLOEXEC, 0) {
        Ok(device) => Ok(Some(device)),
        Err(Errno::ENXIO) => Ok(None),
        Err(errno) => Err(errno).or_fail(&format!("open loop{number}")),
    }
}

/// Swap on a disk of its own; turned off when dropped, so a test that is killed leaves it on.
pub(crate) struct Swap {
    disk: Disk,
}

impl Swap {
    /// Makes and turns on so many bytes of swap.
    pub(crate) fn on(file: &str, bytes: u64) -> Result<Swap, Stop> {
        const PAGE: usize = 4096;
        let disk = Disk::new(file, bytes)?;
        // union swap_header: from 1024 version and last page, at the page's end the magic.
        let mut header = [0u8; PAGE];
        let last = (bytes / PAGE as u64 - 1) as u32;
        header[1024..1028].copy_from_slice(&1u32.to_le_bytes());
        header[1028..1032].copy_from_slice(&last.to_le_bytes());
        header[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
        disk.write_at(&header, 0)?;
        let path = sys::c_string(&disk.path).or_fail("path of the swap disk")?;
        // SAFETY: a NUL-terminated string, and flags.
        unsafe { sys::call(nr::SWAPON, [path.as_ptr() as usize, 0]) }.or_absent("swapon")?;
        Ok(Swap { disk })
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        if let Ok(path) = sys::c_string(&self.disk.path) {
            // SAFETY: a NUL-terminated string.
            let _ = unsafe { sys::call(nr::SWAPOFF, [path.as_ptr() as usize]) };
        }
    }
}
