//! A mount namespace of the test's own with an empty `/tmp`, so that no test leaves a mount or a file to the next.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, ms};
use crate::test_api::{OrStop as _, Stop};

/// An empty tmpfs that only this test and its children see.
pub(crate) const DIR: &str = "/tmp";

/// Gives this process its own mounts and an empty [`DIR`].
pub(crate) fn own_mounts() -> Result<(), Stop> {
    sys::unshare(sys::clone::NEWNS).or_fail("unshare(CLONE_NEWNS)")?;
    sys::mount("", "/", "", ms::REC | ms::PRIVATE, "").or_fail("make all mounts private")?;
    folder(DIR)?;
    tmpfs(DIR)
}

/// Mounts an empty tmpfs.
pub(crate) fn tmpfs(at: &str) -> Result<(), Stop> {
    sys::mount("tmpfs", at, "tmpfs", 0, "mode=0755").or_fail(&format!("mount tmpfs on {at}"))
}

/// Mounts a tmpfs that is known by the file `marker` in it.
pub(crate) fn marked_tmpfs(at: &str, marker: &str) -> Result<(), Stop> {
    tmpfs(at)?;
    files::create(&format!("{at}/{marker}"), marker).or_fail(&format!("make {at}/{marker}"))
}

/// Makes a folder, or takes the one that is there.
pub(crate) fn folder(path: &str) -> Result<(), Stop> {
    match sys::mkdir(path, 0o755) {
        Err(Errno::EEXIST) => Ok(()),
        other => other.or_fail(&format!("mkdir {path}")),
    }
}
