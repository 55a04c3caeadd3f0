//! A program of its own to execute: a static ELF file whose exit code is its effective user.

use crate::sys::{self, Errno, c_string, call, nr};
use crate::test_api::{Check, OrStop as _};

/// `exit(geteuid())`: mov eax, 107; syscall; mov edi, eax; mov eax, 60; syscall.
const CODE: [u8; 16] = [0xb8, 107, 0, 0, 0, 0x0f, 5, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5];

const HEADERS: usize = 64 + 56;
const BASE: u64 = 0x40_0000;

/// ELF header and one program header that maps the whole file (elf(5)).
fn image() -> [u8; HEADERS + CODE.len()] {
    let mut image = [0; HEADERS + CODE.len()];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        image[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2u16, 62] {
        put(&half.to_le_bytes());
    }
    put(&1u32.to_le_bytes());
    for word in [BASE + HEADERS as u64, 64, 0] {
        put(&word.to_le_bytes());
    }
    put(&0u32.to_le_bytes());
    for half in [64u16, 56, 1, 0, 0, 0] {
        put(&half.to_le_bytes());
    }
    const LOAD: u32 = 1;
    const READ_EXECUTE: u32 = 5;
    for word in [LOAD, READ_EXECUTE] {
        put(&word.to_le_bytes());
    }
    let length = (HEADERS + CODE.len()) as u64;
    for word in [0, BASE, BASE, length, length, 0x1000] {
        put(&word.to_le_bytes());
    }
    put(&CODE);
    image
}

/// Writes the program there, with that mode.
pub(super) fn create(path: &str, mode: u32) -> Check {
    use sys::open;
    let file = sys::open(path, open::WRONLY | open::CREAT | open::TRUNC, 0o755).or_fail("make a program")?;
    sys::write_all(file.raw(), &image()).or_fail("write a program")?;
    drop(file);
    sys::chmod(path, mode).or_fail("chmod a program")
}

/// Runs the program as that user in a child: its effective user, or why it was not started.
pub(super) fn run_as(path: &str, user: u32) -> Result<Result<i32, Errno>, crate::test_api::Stop> {
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        let _ = sys::setuid(user);
        // Beyond what `exit(euid)` may say here: 128 and the error number.
        sys::exit(128 + execute(path).0);
    }
    match sys::wait(pid, 0).or_fail("wait for the program")? {
        Some((_, sys::End::Exit(code))) if code < 128 => Ok(Ok(code)),
        Some((_, sys::End::Exit(code))) => Ok(Err(Errno(code - 128))),
        other => Err(crate::test_api::Stop::Fail(alloc::format!("the program: {other:?}"))),
    }
}

/// Comes back only with an error.
fn execute(path: &str) -> Errno {
    let Ok(path) = c_string(path) else { return Errno::EINVAL };
    let arguments = [path.as_ptr() as usize, 0];
    let none = [0usize];
    // SAFETY: a NUL-terminated string and two lists of such that end with a null.
    let result =
        unsafe { call(nr::EXECVE, [path.as_ptr() as usize, arguments.as_ptr() as usize, none.as_ptr() as usize]) };
    result.err().unwrap_or(Errno::EIO)
}
