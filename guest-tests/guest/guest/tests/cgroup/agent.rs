//! A release agent: the smallest program that writes down what the kernel called it with.

use alloc::string::String;
use core::arch::global_asm;

use crate::files;
use crate::sys;
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::program;

// The kernel runs it in the first mount namespace, so it lies in the root file system and not in the test's own /tmp.
const PATH: &str = "/kernrig-agent";
const SAID: &str = "/kernrig-agent-said";

// open(SAID, O_WRONLY | O_CREAT | O_APPEND, 0600), write(argv[1]), exit. At the start rsp points to argc.
global_asm!(
    ".pushsection .rodata.release_agent, \"a\", @progbits",
    "kernrig_agent_begin:",
    "mov eax, 2",
    "lea rdi, [rip + 4f]",
    "mov esi, 0x441",
    "mov edx, 0x180",
    "syscall",
    "mov edi, eax",
    "mov rsi, [rsp + 16]",
    "xor edx, edx",
    "2:",
    "cmp byte ptr [rsi + rdx], 0",
    "je 3f",
    "inc edx",
    "jmp 2b",
    "3:",
    "mov eax, 1",
    "syscall",
    "xor edi, edi",
    "mov eax, 60",
    "syscall",
    "4:",
    ".asciz \"/kernrig-agent-said\"",
    "kernrig_agent_end:",
    ".popsection",
);

unsafe extern "C" {
    static kernrig_agent_begin: u8;
    static kernrig_agent_end: u8;
}

/// The agent's file; gone with what it wrote when dropped.
pub(super) struct Agent;

impl Agent {
    /// Puts the program where the kernel finds it.
    pub(super) fn install() -> Result<Agent, Stop> {
        let _ = sys::unlink(SAID);
        let agent = Agent;
        program::install_code(PATH, code(), 0o755)?;
        Ok(agent)
    }

    pub(super) fn path(&self) -> &'static str {
        PATH
    }

    /// All that it was called with, one after the other.
    pub(super) fn said(&self) -> String {
        files::read_text(SAID).unwrap_or_default()
    }

    /// Begins anew.
    pub(super) fn forget(&self) -> Check {
        sys::unlink(SAID).or_fail("remove what the release agent wrote")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = sys::unlink(PATH);
        let _ = sys::unlink(SAID);
    }
}

/// What lies between the labels.
fn code() -> &'static [u8] {
    let (begin, end) = (&raw const kernrig_agent_begin, &raw const kernrig_agent_end);
    // SAFETY: both are labels of the block above, in this order, and what lies between is read-only.
    unsafe { core::slice::from_raw_parts(begin, end.addr() - begin.addr()) }
}
