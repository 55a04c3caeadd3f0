//! Makes a young kernel answer one test as 2.6.32 would: what is younger is `ENOSYS`, and its flags are `EINVAL`.
//!
//! A test must come to a verdict on such a kernel whatever the catalog says it needs. Real old kernels show more; this
//! shows it where none is at hand.

use crate::sys::{self, Errno, clone, nr};

/// `struct sock_filter`.
#[repr(C)]
struct Step {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    steps: *const Step,
}

const LOAD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;

const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000;

/// The last call of 2.6.32 on x86_64 is `perf_event_open`.
const LAST_CALL: u32 = nr::PERF_EVENT_OPEN as u32;
/// The last option of `prctl` of 2.6.32 is `PR_MCE_KILL_GET`.
const LAST_OPTION: u32 = 34;

const YOUNGER_TO_UNSHARE: u32 = (clone::NEWUSER | clone::NEWPID | clone::NEWCGROUP | clone::NEWTIME) as u32;
const YOUNGER_TO_CLONE: u32 = clone::NEWCGROUP as u32;

const fn step(code: u16, if_true: u8, if_false: u8, value: u32) -> Step {
    Step { code, if_true, if_false, value }
}

static STEPS: [Step; 15] = [
    step(LOAD, 0, 0, NUMBER),
    step(JUMP_IF_GREATER, 12, 0, LAST_CALL),
    step(JUMP_IF_EQUAL, 3, 0, nr::UNSHARE as u32),
    step(JUMP_IF_EQUAL, 4, 0, nr::CLONE as u32),
    step(JUMP_IF_EQUAL, 5, 0, nr::PRCTL as u32),
    step(RETURN, 0, 0, ALLOW),
    step(LOAD, 0, 0, FIRST_ARGUMENT),
    step(JUMP_IF_SET, 5, 4, YOUNGER_TO_UNSHARE),
    step(LOAD, 0, 0, FIRST_ARGUMENT),
    step(JUMP_IF_SET, 3, 2, YOUNGER_TO_CLONE),
    step(LOAD, 0, 0, FIRST_ARGUMENT),
    step(JUMP_IF_GREATER, 1, 0, LAST_OPTION),
    step(RETURN, 0, 0, ALLOW),
    step(RETURN, 0, 0, REFUSE | Errno::EINVAL.0 as u32),
    step(RETURN, 0, 0, REFUSE | Errno::ENOSYS.0 as u32),
];

/// From now on this process and its children see such a kernel.
pub(crate) fn pretend() -> Result<(), Errno> {
    const SET_SECCOMP: usize = 22;
    const FILTER: usize = 2;
    let program = Program { length: STEPS.len() as u16, steps: STEPS.as_ptr() };
    // SAFETY: the program and its steps are of the kernel's layout and outlive the call.
    unsafe { sys::call(nr::PRCTL, [SET_SECCOMP, FILTER, &raw const program as usize, 0, 0]) }.map(drop)
}
