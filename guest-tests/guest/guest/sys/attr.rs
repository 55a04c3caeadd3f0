//! What a file has beside its bytes: owner, times, extended attributes.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Errno, c_string, call, nr};

/// Owner of a symbolic link itself.
pub(crate) fn lchown(path: &str, uid: u32, gid: u32) -> Result<(), Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { call(nr::LCHOWN, [path.as_ptr() as usize, uid as usize, gid as usize]) }.map(drop)
}

/// Sets times of access and change to the same moment.
pub(crate) fn set_times(path: &str, seconds: u64, nanoseconds: u64) -> Result<(), Errno> {
    const AT_FDCWD: usize = -100isize as usize;
    let path = c_string(path)?;
    let times = [seconds, nanoseconds, seconds, nanoseconds];
    // SAFETY: a NUL-terminated string and two struct timespec.
    unsafe { call(nr::UTIMENSAT, [AT_FDCWD, path.as_ptr() as usize, times.as_ptr() as usize, 0]) }.map(drop)
}

/// Sets an extended attribute, new or not.
pub(crate) fn set_xattr(path: &str, name: &str, value: &str) -> Result<(), Errno> {
    let (path, name) = (c_string(path)?, c_string(name)?);
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, value.as_ptr() as usize, value.len(), 0];
    // SAFETY: NUL-terminated strings, and a value readable for its length.
    unsafe { call(nr::SETXATTR, args) }.map(drop)
}

/// Value of an extended attribute, as text.
pub(crate) fn get_xattr(path: &str, name: &str) -> Result<String, Errno> {
    let (path, name) = (c_string(path)?, c_string(name)?);
    let mut value = [0u8; 512];
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, value.as_mut_ptr() as usize, value.len()];
    // SAFETY: NUL-terminated strings, and a buffer of its length.
    let length = unsafe { call(nr::GETXATTR, args) }?;
    Ok(String::from_utf8_lossy(&value[..length]).into_owned())
}

/// Names of all extended attributes that the caller may see.
pub(crate) fn list_xattr(path: &str) -> Result<Vec<String>, Errno> {
    let path = c_string(path)?;
    let mut names = [0u8; 2048];
    // SAFETY: a NUL-terminated string, and a buffer of its length.
    let length = unsafe { call(nr::LISTXATTR, [path.as_ptr() as usize, names.as_mut_ptr() as usize, names.len()]) }?;
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}
