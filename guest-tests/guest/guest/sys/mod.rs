//! System calls: the raw instruction, and one thin function for each call that is used in more than one place.
//!
//! A path is a `&str` (made NUL-terminated here), a descriptor is an [`Fd`], an error is an [`Errno`].

mod attr;
mod clone3;
mod errno;
mod fs;
mod ipc;
pub(crate) mod mount_api;
mod mutation;
mod process;
mod socket;
mod thread;
mod time;

use core::arch::asm;

use alloc::ffi::CString;

pub(crate) use attr::*;
pub(crate) use clone3::*;
pub(crate) use errno::Errno;
pub(crate) use fs::*;
pub(crate) use ipc::*;
pub(crate) use kernrig_catalog::flags::{clone, ms};
pub(crate) use kernrig_catalog::nr;
pub(crate) use mutation::mutate;
pub(crate) use process::*;
pub(crate) use socket::*;
pub(crate) use thread::*;
pub(crate) use time::*;

/// A system call as the kernel sees it.
///
/// # Safety
/// Every argument that the kernel takes for an address must be good for what the call does with it.
pub(crate) unsafe fn syscall6(nr: usize, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
    let result: isize;
    // SAFETY: the caller answers for the arguments; the kernel clobbers rcx and r11 and nothing else.
    unsafe {
        asm!("syscall", inlateout("rax") nr.cast_signed() => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// A system call with up to six arguments, its answer taken apart.
///
/// # Safety
/// As [`syscall6`].
pub(crate) unsafe fn call<const N: usize>(nr: usize, args: [usize; N]) -> Result<usize, Errno> {
    const { assert!(N <= 6) };
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    // SAFETY: the caller answers for it.
    let result = unsafe { mutation::syscall(nr, all) };
    if (-4095..0).contains(&result) {
        return Err(Errno(-(result as i32)));
    }
    Ok(result.cast_unsigned())
}

/// A system call none of whose arguments is an address.
pub(crate) fn plain<const N: usize>(nr: usize, args: [usize; N]) -> Result<usize, Errno> {
    // SAFETY: nothing here is an address that the kernel would write to on this process's behalf; callers keep to
    // that, and a number that is one by mistake is read as data by the kernel or refused with EFAULT.
    unsafe { call(nr, args) }
}

/// A path or name for the kernel.
pub(crate) fn c_string(text: &str) -> Result<CString, Errno> {
    CString::new(text).map_err(|_| Errno::EINVAL)
}

/// Number of a plain argument, `-1` and all.
pub(crate) fn arg(value: i32) -> usize {
    value as isize as usize
}
