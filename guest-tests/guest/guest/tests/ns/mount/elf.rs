//! A program that tells by its exit code who it runs as.

use alloc::format;

use crate::sys::{self, Errno};
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::program;

/// `exit(geteuid())`: mov eax, 107; syscall; mov edi, eax; mov eax, 60; syscall.
const CODE: &[u8] = &[0xb8, 107, 0, 0, 0, 0x0f, 5, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 5];

/// Above any user's number here: an error number is added to it.
const NOT_STARTED: i32 = 128;

/// Makes the program there, with that mode.
pub(super) fn create(path: &str, mode: u32) -> Check {
    program::install_code(path, CODE, mode)
}

/// Runs the program as that user in a child: its effective user, or why it was not started.
pub(super) fn run_as(path: &str, user: u32) -> Result<Result<i32, Errno>, Stop> {
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        let _ = sys::setuid(user);
        sys::exit(NOT_STARTED + program::become_program(path).0);
    }
    match sys::wait(pid, 0).or_fail("wait for the program")? {
        Some((_, sys::End::Exit(code))) if code < NOT_STARTED => Ok(Ok(code)),
        Some((_, sys::End::Exit(code))) => Ok(Err(Errno(code - NOT_STARTED))),
        other => Err(Stop::Fail(format!("the program: {other:?}"))),
    }
}
