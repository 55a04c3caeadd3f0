//! Files a guest boots from, held in memory so that a QEMU without any rights can read them.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::VmError;

/// A kernel or an initramfs in sealed memory. Clones share it, and so do all the QEMUs that boot from it.
///
/// QEMU opens it anew as `/proc/self/fd/N`: it needs no access to the folder the file came from, which may well be
/// below `/root`, and nothing can change it under a VM that is starting.
#[derive(Clone, Debug)]
pub struct BootFile {
    memory: Arc<File>,
    path: PathBuf,
}

impl BootFile {
    /// Takes a file into memory.
    ///
    /// # Errors
    /// When it cannot be read, or there is no memory for it.
    pub fn read(path: &Path) -> Result<Self, VmError> {
        let fail = |source| VmError::BootFile { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(fail)?;
        Self::fill(path, |memory| io::copy(&mut file, memory).map(drop)).map_err(fail)
    }

    /// Takes bytes into memory. `path` is what [`crate::VmSpec::by_hand`] calls it, see [`Self::save`].
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, VmError> {
        Self::fill(path, |memory| memory.write_all(bytes))
            .map_err(|source| VmError::Resource { what: "memory file", source })
    }

    fn fill(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<Self> {
        let fd = memfd_create("kernrig-boot-file", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut memory = File::from(fd);
        write(&mut memory)?;
        seal(&memory)?;
        Ok(Self { memory: Arc::new(memory), path: path.to_owned() })
    }

    /// Where the file is, or would be, on disk.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a copy to a path, for whoever wants to try by hand.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        // A descriptor of its own: the offset of the shared one is not ours to move.
        let mut memory = File::open(format!("/proc/self/fd/{}", self.memory.as_raw_fd()))?;
        memory.rewind()?;
        io::copy(&mut memory.take(u64::MAX), &mut File::create(path)?).map(drop)
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.memory.as_raw_fd()
    }

    /// The path under which a child that has inherited the descriptor opens the file.
    pub(crate) fn path_in_child(&self) -> String {
        format!("/proc/self/fd/{}", self.raw_fd())
    }
}

/// Seals memory against every change. The kernel refuses (EBUSY) after 150 ms in which anybody held one of its pages,
/// which on a busy host its own reclaim does (memfd_wait_for_pins(), 3.17).
fn seal(memory: &File) -> io::Result<()> {
    const TRIES: usize = 40;
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    let held = |result: &rustix::io::Result<()>| *result == Err(rustix::io::Errno::BUSY);
    let sealed = std::iter::repeat_with(|| fcntl_add_seals(memory, all)).take(TRIES).find(|result| !held(result));
    Ok(sealed.unwrap_or(Err(rustix::io::Errno::BUSY))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_what_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = BootFile::from_bytes(Path::new("initramfs.cpio"), b"070701").unwrap();
        for _ in 0..2 {
            file.save(&folder.path().join("copy")).unwrap();
            assert_eq!(std::fs::read(folder.path().join("copy")).unwrap(), b"070701");
        }
        assert!((&*file.memory).write_all(b"x").is_err(), "the memory is sealed");
    }

    #[test]
    fn a_missing_kernel_is_named() {
        let error = BootFile::read(Path::new("/nowhere/bzImage")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/bzImage"), "{error}");
    }
}
