//! The kernel's RAM disks (`brd`): what is read from one is page cache, and one can be swap or be written directly.

use alloc::format;
use alloc::string::String;

use crate::sys::{self, Errno, Fd, nr, open};
use crate::test_api::{Check, OrStop as _, Stop};

const S_IFBLK: u32 = 0o6_0000;
const O_DIRECT: i32 = 0o4_0000;
const MAJOR: u32 = 1;
/// What `brd` gives each of its disks when it is not told otherwise.
const SIZE_MIB: usize = 16;
const PAGE: usize = 4096;

/// One of the disks; kept open, since its page cache goes with its last user.
pub(super) struct RamDisk {
    file: Fd,
    path: String,
}

impl RamDisk {
    /// The disk of that number, by a node in the test's own `/tmp`.
    pub(super) fn open(minor: u32) -> Result<RamDisk, Stop> {
        let path = format!("/tmp/ram{minor}");
        sys::mknod(&path, S_IFBLK | 0o600, MAJOR, minor).or_fail(&format!("mknod {path}"))?;
        let file = match sys::open(&path, open::RDWR | open::CLOEXEC, 0) {
            Err(Errno::ENXIO) => return Err(Stop::Absent(format!("no RAM disk {minor}: ENXIO"))),
            other => other.or_fail(&format!("open {path}"))?,
        };
        Ok(RamDisk { file, path })
    }

    /// Reads so many MiB from the start through the page cache, which charges the reader's cgroup.
    pub(super) fn read(&self, mib: usize) -> Check {
        let mut buffer = alloc::vec![0u8; 8 * PAGE];
        sys::plain(nr::LSEEK, [sys::arg(self.file.raw()), 0, 0]).or_fail("lseek")?;
        for _ in 0..(mib.min(SIZE_MIB) << 20) / buffer.len() {
            let n = sys::read(&self.file, &mut buffer).or_fail(&format!("read {}", self.path))?;
            ensure!(n == buffer.len(), "read {n} of {} bytes of {}", buffer.len(), self.path);
        }
        Ok(())
    }

    /// Writes so many KiB past the page cache, 64 at once.
    pub(super) fn write_directly(&self, kib: usize) -> Check {
        const AT_ONCE: usize = 64 << 10;
        let file = sys::open(&self.path, open::WRONLY | O_DIRECT | open::CLOEXEC, 0).or_fail("open with O_DIRECT")?;
        let memory = sys::map_anonymous(AT_ONCE);
        ensure!(!memory.is_null(), "mmap of {AT_ONCE} bytes failed");
        // SAFETY: a fresh mapping of that length, aligned to a page, unmapped after its last use below.
        let bytes = unsafe { core::slice::from_raw_parts(memory, AT_ONCE) };
        let done = (0..(kib << 10) / AT_ONCE).try_for_each(|_| sys::write_all(file.raw(), bytes));
        sys::unmap(memory, AT_ONCE);
        done.or_fail(&format!("write {} directly", self.path))
    }

    /// Makes the disk swap, till the answer is dropped. A loop device would not do: the memory behind it is charged to
    /// the cgroup that is swapped out (c74d40e8b5e2, 5.14).
    pub(super) fn swap_on(&self) -> Result<Swap, Stop> {
        let mut header = alloc::vec![0u8; PAGE];
        // union swap_header: version, last page, number of bad pages at 1024; the magic word ends the page.
        header[1024..1028].copy_from_slice(&1u32.to_le_bytes());
        header[1028..1032].copy_from_slice(&(((SIZE_MIB << 20) / PAGE - 1) as u32).to_le_bytes());
        header[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
        sys::plain(nr::LSEEK, [sys::arg(self.file.raw()), 0, 0]).or_fail("lseek")?;
        sys::write_all(self.file.raw(), &header).or_fail("write a swap header")?;
        let path = sys::c_string(&self.path).or_fail("path")?;
        // SAFETY: a NUL-terminated string, and flags.
        unsafe { sys::call(nr::SWAPON, [path.as_ptr() as usize, 0]) }.or_fail("swapon")?;
        Ok(Swap(path))
    }
}

/// Swap in use; switched off when dropped.
pub(super) struct Swap(alloc::ffi::CString);

impl Drop for Swap {
    fn drop(&mut self) {
        // SAFETY: a NUL-terminated string.
        let _ = unsafe { sys::call(nr::SWAPOFF, [self.0.as_ptr() as usize]) };
    }
}
