//! A release agent: the smallest program that writes down what the kernel called it with.

use alloc::string::String;
use alloc::vec::Vec;
use core::arch::global_asm;

use crate::files;
use crate::sys;
use crate::test_api::{Check, OrStop as _, Stop};

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
        let flags = sys::open::WRONLY | sys::open::CREAT | sys::open::TRUNC | sys::open::CLOEXEC;
        let file = sys::open(PATH, flags, 0o755).or_fail("make the release agent's file")?;
        let agent = Agent;
        sys::write_all(file.raw(), &program()).or_fail("write the release agent")?;
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

/// The code as a static ELF program of one segment (System V ABI, "Object Files").
fn program() -> Vec<u8> {
    const HEADERS: usize = 64 + 56;
    const BASE: u64 = 0x40_0000;
    let (begin, end) = (&raw const kernrig_agent_begin, &raw const kernrig_agent_end);
    // SAFETY: both are labels of the block above, in this order, and what lies between is read-only.
    let code = unsafe { core::slice::from_raw_parts(begin, end.addr() - begin.addr()) };
    let size = (HEADERS + code.len()) as u64;
    let mut elf: Vec<u8> = Vec::new();
    elf.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // Executable, x86-64, version 1; entry; program headers at 64, no sections; flags and sizes.
    elf.extend([2u16, 62].iter().flat_map(|n| n.to_le_bytes()));
    elf.extend(1u32.to_le_bytes());
    elf.extend([BASE + HEADERS as u64, 64, 0].iter().flat_map(|n| n.to_le_bytes()));
    elf.extend(0u32.to_le_bytes());
    elf.extend([64u16, 56, 1, 64, 0, 0].iter().flat_map(|n| n.to_le_bytes()));
    // PT_LOAD, readable and executable, the whole file.
    elf.extend([1u32, 5].iter().flat_map(|n| n.to_le_bytes()));
    elf.extend([0, BASE, BASE, size, size, 0x1000].iter().flat_map(|n: &u64| n.to_le_bytes()));
    elf.extend_from_slice(code);
    elf
}
