//! Files that are written whole or not at all: no reader, and no later run, ever finds half of one.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file whole or not at all; one that is there is replaced. It is for everybody whom the umask lets in.
///
/// # Errors
/// The system's word.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_by_way_of(folder_of(path), path, bytes)
}

/// Whether [`write`] could write this file now, as far as its folder tells; leaves nothing behind.
///
/// # Errors
/// The system's word.
pub fn probe(path: &Path) -> io::Result<()> {
    tempfile::NamedTempFile::new_in(folder_of(path)).map(drop)
}

/// The same by way of a folder of the same file system, in which a broken-off write may leave something.
pub(crate) fn write_by_way_of(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A temporary file is private unless told otherwise; the umask is taken off these by open(2).
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|e| e.error)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_readable_as_any_other_and_replaces_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        std::fs::write(folder.path().join("plain"), "x").unwrap();
        let path = folder.path().join("whole");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(mode("whole"), mode("plain"));
        probe(&path).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
        assert!(probe(&folder.path().join("nowhere/x")).is_err());
    }
}
