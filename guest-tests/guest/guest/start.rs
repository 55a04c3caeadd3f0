//! The first instruction, and what happens on a panic.

use core::arch::global_asm;
use core::panic::PanicInfo;

use alloc::format;

use crate::channel::kmsg;
use crate::sys;
use crate::test_api;

// The stack pointer is at argc, 16-byte aligned (System V ABI, "Process Initialization"); the call leaves it as any
// function expects it.
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "call {main}", "ud2", main = sym entry);

extern "C" fn entry() -> ! {
    crate::main();
    sys::exit(0)
}

/// Exit code of a process that panicked, as std's programs have it.
const PANIC_EXIT: i32 = 101;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let text = format!("guest: {info}");
    // A test's panic is its own diagnostic; that of PID 1 ends the machine, and the console is the last witness.
    test_api::note(&text);
    if sys::getpid() == 1 {
        kmsg(0, &text);
    }
    let _ = sys::write_all(2, text.as_bytes());
    sys::exit(PANIC_EXIT)
}

// Both are referred to by the prebuilt core and alloc, which are compiled to unwind; never called with panic=abort.

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    sys::exit(PANIC_EXIT)
}
