//! Files, folders and mounts.

use alloc::string::String;
use alloc::vec::Vec;
use core::ptr::null;

use super::{Errno, arg, c_string, call, nr, plain};

/// Flags of `open`.
pub(crate) mod open {
    pub(crate) const RDONLY: i32 = 0;
    pub(crate) const WRONLY: i32 = 1;
    pub(crate) const RDWR: i32 = 2;
    pub(crate) const CREAT: i32 = 0o100;
    pub(crate) const EXCL: i32 = 0o200;
    pub(crate) const NOCTTY: i32 = 0o400;
    pub(crate) const TRUNC: i32 = 0o1000;
    pub(crate) const APPEND: i32 = 0o2000;
    pub(crate) const NONBLOCK: i32 = 0o4000;
    pub(crate) const DIRECTORY: i32 = 0o20_0000;
    pub(crate) const CLOEXEC: i32 = 0o200_0000;
    pub(crate) const PATH: i32 = 0o1000_0000;
}
/// `umount2` at once, busy or not: the mount goes when its last user does.
pub(crate) const MNT_DETACH: usize = 2;

/// Kinds in a mode, for `mknod` and `stat`.
pub(crate) const S_IFMT: u32 = 0o17_0000;
pub(crate) const S_IFCHR: u32 = 0o2_0000;
pub(crate) const S_IFBLK: u32 = 0o6_0000;
pub(crate) const S_IFDIR: u32 = 0o4_0000;
pub(crate) const S_IFIFO: u32 = 0o1_0000;
pub(crate) const S_IFREG: u32 = 0o10_0000;
pub(crate) const S_IFLNK: u32 = 0o12_0000;

/// An open descriptor; closed when dropped.
#[derive(Debug)]
pub(crate) struct Fd(i32);

impl Fd {
    /// Takes a descriptor that nothing else closes.
    pub(crate) fn new(raw: usize) -> Fd {
        Fd(raw as i32)
    }

    pub(crate) fn raw(&self) -> i32 {
        self.0
    }

    /// Gives the descriptor up without closing it.
    pub(crate) fn into_raw(self) -> i32 {
        let raw = self.0;
        core::mem::forget(self);
        raw
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        let _ = close(self.0);
    }
}

pub(crate) fn close(fd: i32) -> Result<(), Errno> {
    plain(nr::CLOSE, [arg(fd)]).map(drop)
}

pub(crate) fn open(path: &str, flags: i32, mode: u32) -> Result<Fd, Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::OPEN, [path.as_ptr() as usize, arg(flags), mode as usize]) }.map(Fd::new)
}

pub(crate) fn openat(folder: &Fd, path: &str, flags: i32, mode: u32) -> Result<Fd, Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::OPENAT, [arg(folder.raw()), path.as_ptr() as usize, arg(flags), mode as usize]) }.map(Fd::new)
}

/// `read`, again after a signal.
pub(crate) fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        // SAFETY: the buffer is writable for its length.
        let n = unsafe { call(nr::READ, [arg(fd.raw()), buffer.as_mut_ptr() as usize, buffer.len()]) };
        if n != Err(Errno::EINTR) {
            return n;
        }
    }
}

/// `write`, again after a signal; may write less.
pub(crate) fn write(fd: &Fd, bytes: &[u8]) -> Result<usize, Errno> {
    write_raw(fd.raw(), bytes)
}

fn write_raw(fd: i32, bytes: &[u8]) -> Result<usize, Errno> {
    loop {
        // SAFETY: the bytes are readable for their length.
        let n = unsafe { call(nr::WRITE, [arg(fd), bytes.as_ptr() as usize, bytes.len()]) };
        if n != Err(Errno::EINTR) {
            return n;
        }
    }
}

/// Writes all of it.
pub(crate) fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write_raw(fd, bytes)? {
            0 => return Err(Errno::EIO),
            n => bytes = &bytes[n..],
        }
    }
    Ok(())
}

/// Two ends of a pipe, to read from and to write to, closed on exec.
pub(crate) fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [0i32; 2];
    // SAFETY: room for two ints.
    unsafe { call(nr::PIPE2, [ends.as_mut_ptr() as usize, arg(open::CLOEXEC)]) }?;
    Ok((Fd(ends[0]), Fd(ends[1])))
}

/// The descriptor `to` becomes a copy of `from`.
pub(crate) fn dup2(from: &Fd, to: i32) -> Result<(), Errno> {
    plain(nr::DUP2, [arg(from.raw()), arg(to)]).map(drop)
}

/// `ioctl` with a number or nothing as its argument.
pub(crate) fn ioctl(fd: &Fd, request: usize, value: usize) -> Result<usize, Errno> {
    plain(nr::IOCTL, [arg(fd.raw()), request, value])
}

/// `ioctl` that reads or writes a struct.
///
/// # Safety
/// The struct must be the one that the request is for.
pub(crate) unsafe fn ioctl_with<T>(fd: &Fd, request: usize, value: &mut T) -> Result<usize, Errno> {
    // SAFETY: the caller promises that the type fits the request.
    unsafe { call(nr::IOCTL, [arg(fd.raw()), request, core::ptr::from_mut(value) as usize]) }
}

fn path_call(nr: usize, path: &str, value: usize) -> Result<(), Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string, and a number.
    unsafe { call(nr, [path.as_ptr() as usize, value]) }.map(drop)
}

fn two_paths(nr: usize, one: &str, other: &str) -> Result<(), Errno> {
    let (one, other) = (c_string(one)?, c_string(other)?);
    // SAFETY: two NUL-terminated strings.
    unsafe { call(nr, [one.as_ptr() as usize, other.as_ptr() as usize]) }.map(drop)
}

/// Whether the path leads to something.
pub(crate) fn access(path: &str) -> Result<(), Errno> {
    path_call(nr::ACCESS, path, 0)
}

pub(crate) fn mkdir(path: &str, mode: u32) -> Result<(), Errno> {
    path_call(nr::MKDIR, path, mode as usize)
}

pub(crate) fn rmdir(path: &str) -> Result<(), Errno> {
    path_call(nr::RMDIR, path, 0)
}

pub(crate) fn unlink(path: &str) -> Result<(), Errno> {
    path_call(nr::UNLINK, path, 0)
}

pub(crate) fn chdir(path: &str) -> Result<(), Errno> {
    path_call(nr::CHDIR, path, 0)
}

pub(crate) fn chroot(path: &str) -> Result<(), Errno> {
    path_call(nr::CHROOT, path, 0)
}

pub(crate) fn chmod(path: &str, mode: u32) -> Result<(), Errno> {
    path_call(nr::CHMOD, path, mode as usize)
}

pub(crate) fn chown(path: &str, uid: u32, gid: u32) -> Result<(), Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { call(nr::CHOWN, [path.as_ptr() as usize, uid as usize, gid as usize]) }.map(drop)
}

pub(crate) fn rename(from: &str, to: &str) -> Result<(), Errno> {
    two_paths(nr::RENAME, from, to)
}

pub(crate) fn link(from: &str, to: &str) -> Result<(), Errno> {
    two_paths(nr::LINK, from, to)
}

pub(crate) fn symlink(target: &str, path: &str) -> Result<(), Errno> {
    two_paths(nr::SYMLINK, target, path)
}

pub(crate) fn pivot_root(new: &str, old: &str) -> Result<(), Errno> {
    two_paths(nr::PIVOT_ROOT, new, old)
}

pub(crate) fn readlink(path: &str) -> Result<String, Errno> {
    let path = c_string(path)?;
    let mut buffer = [0u8; 4096];
    // SAFETY: a NUL-terminated string and a writable buffer of its length.
    let n = unsafe { call(nr::READLINK, [path.as_ptr() as usize, buffer.as_mut_ptr() as usize, buffer.len()]) }?;
    Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
}

/// A character device node.
pub(crate) fn mknod_char(path: &str, mode: u32, major: u32, minor: u32) -> Result<(), Errno> {
    mknod(path, S_IFCHR | mode, major, minor)
}

/// Any node; `mode` holds the kind.
pub(crate) fn mknod(path: &str, mode: u32, major: u32, minor: u32) -> Result<(), Errno> {
    let path = c_string(path)?;
    let device = ((major << 8) | (minor & 0xff) | ((minor & !0xff) << 12)) as usize;
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { call(nr::MKNOD, [path.as_ptr() as usize, mode as usize, device]) }.map(drop)
}

/// `mount`; an empty source is passed as "none".
pub(crate) fn mount(source: &str, target: &str, kind: &str, flags: usize, data: &str) -> Result<(), Errno> {
    let source = c_string(if source.is_empty() { "none" } else { source })?;
    let (target, kind, data_string) = (c_string(target)?, c_string(kind)?, c_string(data)?);
    // Some file systems take any data, even "", for a request to parse it.
    let data_at = if data.is_empty() { null() } else { data_string.as_ptr() };
    // SAFETY: NUL-terminated strings that outlive the call.
    unsafe {
        call(
            nr::MOUNT,
            [source.as_ptr() as usize, target.as_ptr() as usize, kind.as_ptr() as usize, flags, data_at as usize],
        )
    }
    .map(drop)
}

pub(crate) fn umount(path: &str, flags: usize) -> Result<(), Errno> {
    path_call(nr::UMOUNT2, path, flags)
}

/// `struct stat` of x86_64.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) nlink: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pad: u32,
    pub(crate) rdev: u64,
    pub(crate) size: i64,
    pub(crate) blksize: i64,
    pub(crate) blocks: i64,
    times: [u64; 6],
    unused: [i64; 3],
}

impl Stat {
    /// When the content last changed, seconds and nanoseconds.
    pub(crate) fn mtime(&self) -> (u64, u64) {
        (self.times[2], self.times[3])
    }
}

pub(crate) fn stat(path: &str) -> Result<Stat, Errno> {
    stat_by(nr::STAT, path)
}

pub(crate) fn lstat(path: &str) -> Result<Stat, Errno> {
    stat_by(nr::LSTAT, path)
}

fn stat_by(nr: usize, path: &str) -> Result<Stat, Errno> {
    let path = c_string(path)?;
    let mut stat = Stat::default();
    // SAFETY: a NUL-terminated string and a struct of the kernel's layout.
    unsafe { call(nr, [path.as_ptr() as usize, core::ptr::from_mut(&mut stat) as usize]) }?;
    Ok(stat)
}

pub(crate) fn fstat(fd: &Fd) -> Result<Stat, Errno> {
    let mut stat = Stat::default();
    // SAFETY: a struct of the kernel's layout.
    unsafe { call(nr::FSTAT, [arg(fd.raw()), core::ptr::from_mut(&mut stat) as usize]) }?;
    Ok(stat)
}

/// The magic number of the file system that holds the path.
pub(crate) fn statfs_magic(path: &str) -> Result<u64, Errno> {
    let path = c_string(path)?;
    let mut statfs = [0u64; 15];
    // SAFETY: a NUL-terminated string and room for `struct statfs`, 120 bytes.
    unsafe { call(nr::STATFS, [path.as_ptr() as usize, statfs.as_mut_ptr() as usize]) }?;
    Ok(statfs[0])
}

/// Names in a folder, without `.` and `..`.
pub(crate) fn list(path: &str) -> Result<Vec<String>, Errno> {
    read_entries(&open(path, open::RDONLY | open::DIRECTORY | open::CLOEXEC, 0)?)
}

/// Names in an open folder, from the start.
pub(crate) fn entries(folder: &Fd) -> Result<Vec<String>, Errno> {
    plain(nr::LSEEK, [arg(folder.raw()), 0, 0])?;
    read_entries(folder)
}

/// Names from where the folder stands; /proc/PID/ns before 3.8 cannot seek.
fn read_entries(folder: &Fd) -> Result<Vec<String>, Errno> {
    let mut buffer = [0u8; 4096];
    let mut names = Vec::new();
    loop {
        // SAFETY: a writable buffer of its length.
        let n = unsafe { call(nr::GETDENTS64, [arg(folder.raw()), buffer.as_mut_ptr() as usize, buffer.len()]) }?;
        if n == 0 {
            return Ok(names);
        }
        let mut rest = &buffer[..n];
        // struct linux_dirent64: inode, offset, u16 length at 16, u8 type, name from 19 to a NUL
        while let [_, ..] = rest {
            let length = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
            let name = &rest[19..length];
            let name = &name[..name.iter().position(|b| *b == 0).unwrap_or(name.len())];
            if name != b"." && name != b".." {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
            rest = &rest[length..];
        }
    }
}

/// Flushes all file systems.
pub(crate) fn sync() {
    let _ = plain(nr::SYNC, []);
}
