//! The calls that mount by descriptors (5.2) and what came with them.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::offset_of;

use super::{Errno, Fd, arg, c_string, call, nr, plain};

/// "From here", for calls that take a folder's descriptor.
const AT_FDCWD: i32 = -100;

/// Flags of [`open_tree`], [`mount_setattr`].
pub(crate) const OPEN_TREE_CLONE: usize = 1;
pub(crate) const AT_RECURSIVE: usize = 0x8000;
pub(crate) const AT_EMPTY_PATH: usize = 0x1000;
pub(crate) const MOVE_MOUNT_F_EMPTY_PATH: usize = 4;
pub(crate) const MOVE_MOUNT_BENEATH: usize = 0x200;

/// Commands of `fsconfig`.
pub(crate) const FSCONFIG_SET_FLAG: usize = 0;
pub(crate) const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_SET_FD: usize = 5;
pub(crate) const FSCONFIG_CMD_CREATE: usize = 6;
pub(crate) const FSCONFIG_CMD_RECONFIGURE: usize = 7;

pub(crate) const MOUNT_ATTR_RDONLY: u64 = 1;
pub(crate) const MOUNT_ATTR_NOEXEC: u64 = 8;
pub(crate) const MOUNT_ATTR_IDMAP: u64 = 0x10_0000;

/// `struct mount_attr`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct MountAttr {
    pub(crate) set: u64,
    pub(crate) clear: u64,
    pub(crate) propagation: u64,
    pub(crate) userns: u64,
}

pub(crate) fn fsopen(kind: &str) -> Result<Fd, Errno> {
    const CLOEXEC: usize = 1;
    let kind = c_string(kind)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::FSOPEN, [kind.as_ptr() as usize, CLOEXEC]) }.map(Fd::new)
}

pub(crate) fn fspick(path: &str) -> Result<Fd, Errno> {
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::FSPICK, [arg(AT_FDCWD), path.as_ptr() as usize, 1]) }.map(Fd::new)
}

/// `fsconfig` with a key, and a value that may be empty for none.
pub(crate) fn fsconfig(context: &Fd, command: usize, key: &str, value: &str) -> Result<(), Errno> {
    let (key_string, value_string) = (c_string(key)?, c_string(value)?);
    let at = |text: &str, string: &alloc::ffi::CString| if text.is_empty() { 0 } else { string.as_ptr() as usize };
    let args = [arg(context.raw()), command, at(key, &key_string), at(value, &value_string), 0];
    // SAFETY: NUL-terminated strings or null.
    unsafe { call(nr::FSCONFIG, args) }.map(drop)
}

/// `fsconfig` with a key alone, which may be empty.
pub(crate) fn fsconfig_key(context: &Fd, command: usize, key: &str) -> Result<(), Errno> {
    let key = c_string(key)?;
    // SAFETY: a NUL-terminated string; the command takes no value.
    unsafe { call(nr::FSCONFIG, [arg(context.raw()), command, key.as_ptr() as usize, 0, 0]) }.map(drop)
}

/// `fsconfig` with an open file for its value.
pub(crate) fn fsconfig_descriptor(context: &Fd, key: &str, value: &Fd) -> Result<(), Errno> {
    let key = c_string(key)?;
    let args = [arg(context.raw()), FSCONFIG_SET_FD, key.as_ptr() as usize, 0, arg(value.raw())];
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { call(nr::FSCONFIG, args) }.map(drop)
}

pub(crate) fn fsmount(context: &Fd, attributes: u64) -> Result<Fd, Errno> {
    plain(nr::FSMOUNT, [arg(context.raw()), 1, attributes as usize]).map(Fd::new)
}

pub(crate) fn open_tree(path: &str, flags: usize) -> Result<Fd, Errno> {
    const CLOEXEC: usize = 0o200_0000;
    let path = c_string(path)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::OPEN_TREE, [arg(AT_FDCWD), path.as_ptr() as usize, flags | CLOEXEC]) }.map(Fd::new)
}

/// `open_tree` that changes the copy before it is handed out (6.15).
pub(crate) fn open_tree_attr(path: &str, flags: usize, attributes: &MountAttr) -> Result<Fd, Errno> {
    const CLOEXEC: usize = 0o200_0000;
    let path = c_string(path)?;
    let at = core::ptr::from_ref(attributes) as usize;
    let args = [arg(AT_FDCWD), path.as_ptr() as usize, flags | CLOEXEC, at, size_of::<MountAttr>()];
    // SAFETY: a NUL-terminated string and a struct with its size.
    unsafe { call(nr::OPEN_TREE_ATTR, args) }.map(Fd::new)
}

/// Puts the mount that a descriptor stands for at a path.
pub(crate) fn move_mount(from: &Fd, to: &str, flags: usize) -> Result<(), Errno> {
    let (none, to) = (c_string("")?, c_string(to)?);
    let flags = flags | MOVE_MOUNT_F_EMPTY_PATH;
    let args = [arg(from.raw()), none.as_ptr() as usize, arg(AT_FDCWD), to.as_ptr() as usize, flags];
    // SAFETY: NUL-terminated strings.
    unsafe { call(nr::MOVE_MOUNT, args) }.map(drop)
}

/// Changes the mount that a descriptor stands for, and with [`AT_RECURSIVE`] those below it.
pub(crate) fn mount_setattr(mount: &Fd, flags: usize, attributes: &MountAttr) -> Result<(), Errno> {
    let none = c_string("")?;
    let at = core::ptr::from_ref(attributes) as usize;
    let args = [arg(mount.raw()), none.as_ptr() as usize, flags | AT_EMPTY_PATH, at, size_of::<MountAttr>()];
    // SAFETY: a NUL-terminated string and a struct with its size.
    unsafe { call(nr::MOUNT_SETATTR, args) }.map(drop)
}

/// The number of the mount that a path is on, one that is never used twice (6.8).
pub(crate) fn mount_id(path: &str) -> Result<u64, Errno> {
    const STATX_MNT_ID_UNIQUE: usize = 0x4000;
    const MNT_ID_WORD: usize = 18;
    let path = c_string(path)?;
    let mut statx = [0u64; 32];
    let args = [arg(AT_FDCWD), path.as_ptr() as usize, 0, STATX_MNT_ID_UNIQUE, statx.as_mut_ptr() as usize];
    // SAFETY: a NUL-terminated string and room for struct statx, 256 bytes.
    unsafe { call(nr::STATX, args) }?;
    // stx_mask is the first word's lower half.
    if statx[0] as usize & STATX_MNT_ID_UNIQUE == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(statx[MNT_ID_WORD])
}

/// `struct mnt_id_req` as it was first.
#[repr(C)]
struct MountRequest {
    size: u32,
    spare: u32,
    mount: u64,
    param: u64,
}

impl MountRequest {
    fn new(mount: u64, param: u64) -> MountRequest {
        MountRequest { size: size_of::<MountRequest>() as u32, spare: 0, mount, param }
    }
}

/// The mounts on a mount, by their numbers, at most 64 (6.8).
pub(crate) fn listmount(parent: u64) -> Result<Vec<u64>, Errno> {
    let request = MountRequest::new(parent, 0);
    let mut list = [0u64; 64];
    let args = [core::ptr::from_ref(&request) as usize, list.as_mut_ptr() as usize, list.len(), 0];
    // SAFETY: a struct with its size in it, and room for as many numbers.
    let count = unsafe { call(nr::LISTMOUNT, args) }?;
    Ok(list[..count.min(list.len())].to_vec())
}

/// What `statmount` says of a mount.
#[derive(Debug)]
pub(crate) struct MountStatus {
    pub(crate) parent: u64,
    pub(crate) attributes: u64,
    pub(crate) propagation: u64,
    pub(crate) point: String,
    pub(crate) kind: String,
}

/// The head of `struct statmount`; what follows is spare and text.
#[repr(C)]
struct StatMount {
    size: u32,
    options: u32,
    mask: u64,
    superblock: [u32; 5],
    fs_type: u32,
    mount: u64,
    parent: u64,
    old_ids: [u32; 2],
    attributes: u64,
    propagation: u64,
    group: u64,
    master: u64,
    from: u64,
    mnt_root: u32,
    mnt_point: u32,
}

/// Asks for a mount's basics, its place and its kind (6.8).
pub(crate) fn statmount(mount: u64) -> Result<MountStatus, Errno> {
    const MNT_BASIC: u64 = 2;
    const MNT_POINT: u64 = 0x10;
    const FS_TYPE: u64 = 0x20;
    const TEXT: usize = 512;
    let request = MountRequest::new(mount, MNT_BASIC | MNT_POINT | FS_TYPE);
    let mut buffer = [0u64; 256];
    let size = size_of_val(&buffer);
    let args = [core::ptr::from_ref(&request) as usize, buffer.as_mut_ptr() as usize, size, 0];
    // SAFETY: a struct with its size in it, and a buffer of that size.
    unsafe { call(nr::STATMOUNT, args) }?;
    const { assert!(size_of::<StatMount>() <= TEXT && offset_of!(StatMount, mount) == 40) };
    // SAFETY: the buffer is larger than the head, aligned as it, and any bytes make one.
    let head = unsafe { &*buffer.as_ptr().cast::<StatMount>() };
    // SAFETY: the buffer's own bytes.
    let bytes = unsafe { core::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), size) };
    let text = |at: u32| {
        let rest = bytes.get(TEXT + at as usize..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..end]).into_owned()
    };
    Ok(MountStatus {
        parent: head.parent,
        attributes: head.attributes,
        propagation: head.propagation,
        point: text(head.mnt_point),
        kind: text(head.fs_type),
    })
}
