//! Whole files in and out: /proc, /sys and cgroup files are read and written by one call each.

use alloc::string::String;
use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, open};

/// All of a file, whatever `stat` says of its size.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, Errno> {
    let file = sys::open(path, open::RDONLY | open::CLOEXEC, 0)?;
    read_to_end(&file)
}

/// What is left to read of an open file.
pub(crate) fn read_to_end(file: &Fd) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match sys::read(file, &mut buffer)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

/// A file as text; what is not UTF-8 is replaced.
pub(crate) fn read_text(path: &str) -> Result<String, Errno> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// The number in a file that holds one, such as most of /proc/sys.
pub(crate) fn read_number(path: &str) -> Result<u64, Errno> {
    read_text(path)?.trim().parse().map_err(|_| Errno::EINVAL)
}

/// One `write` to a file that is there already: what /proc, /sys and cgroup files want.
pub(crate) fn write(path: &str, text: &str) -> Result<(), Errno> {
    let file = sys::open(path, open::WRONLY | open::CLOEXEC, 0)?;
    match sys::write(&file, text.as_bytes())? {
        n if n == text.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

/// Makes a file, or empties it, and fills it.
pub(crate) fn create(path: &str, text: &str) -> Result<(), Errno> {
    let file = sys::open(path, open::WRONLY | open::CREAT | open::TRUNC | open::CLOEXEC, 0o644)?;
    sys::write_all(file.raw(), text.as_bytes())
}

/// Whether there is anything at the path.
pub(crate) fn exists(path: &str) -> bool {
    sys::access(path).is_ok()
}
