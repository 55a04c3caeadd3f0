//! The first instruction, and what happens on a panic.

use core::arch::global_asm;
use core::fmt::Write as _;
use core::panic::PanicInfo;

use alloc::string::String;

use crate::sys;
use crate::test_api;

// The stack pointer is at argc, 16-byte aligned (System V ABI, "Process Initialization"); the call leaves it as any
// function expects it.
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "call {main}", "ud2", main = sym entry);

extern "C" fn entry(_stack: *const usize) -> ! {
    crate::main();
    sys::exit(0)
}

/// Exit code of a process that panicked, as std's programs have it.
pub(crate) const PANIC_EXIT: i32 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut text = String::new();
    let _ = write!(text, "guest: {info}");
    test_api::note(&text);
    let _ = sys::write_all(2, text.as_bytes());
    let _ = sys::write_all(2, b"\n");
    sys::exit(PANIC_EXIT)
}

// Referred to by the prebuilt core and alloc, which are compiled to unwind; never called with panic=abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    sys::exit(PANIC_EXIT)
}
