//! Programs of a few bytes to `exec`, made on the spot: nothing else is in a guest but its own binary.

use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, Thread, c_string, call, nr, open};
use crate::test_api::{OrStop as _, Stop};

/// Writes a byte to descriptor 1, reads one from descriptor 0, ends with its PID as exit code.
const TELL_WAIT_EXIT: &[u8] = &[
    0xb8, 1, 0, 0, 0, // mov eax, write
    0xbf, 1, 0, 0, 0, // mov edi, 1
    0x48, 0x8d, 0x74, 0x24, 0xc0, // lea rsi, [rsp - 64]
    0xba, 1, 0, 0, 0, // mov edx, 1
    0x0f, 0x05, // syscall
    0x31, 0xc0, // xor eax, eax
    0x31, 0xff, // xor edi, edi
    0x0f, 0x05, // syscall: read(0, the same, 1)
    0xb8, 39, 0, 0, 0, // mov eax, getpid
    0x0f, 0x05, // syscall
    0x89, 0xc7, // mov edi, eax
    0xb8, 231, 0, 0, 0, // mov eax, exit_group
    0x0f, 0x05, // syscall
];

/// Forks eight children that exit at once, reaps all, ends with exit code PID * 16 + how many it reaped.
pub(crate) const REAP_EIGHT: &[u8] = &[
    0xbb, 8, 0, 0, 0, // mov ebx, 8
    0x45, 0x31, 0xe4, // xor r12d, r12d
    0xb8, 57, 0, 0, 0, // fork: mov eax, fork
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x74, 47, // jz child
    0xff, 0xcb, // dec ebx
    0x75, 0xf1, // jnz fork
    0xb8, 61, 0, 0, 0, // wait: mov eax, wait4
    0x83, 0xcf, 0xff, // or edi, -1
    0x31, 0xf6, // xor esi, esi
    0x31, 0xd2, // xor edx, edx
    0x45, 0x31, 0xd2, // xor r10d, r10d
    0x0f, 0x05, // syscall
    0x85, 0xc0, // test eax, eax
    0x7e, 5, // jle done: no child is left
    0x41, 0xff, 0xc4, // inc r12d
    0xeb, 0xe6, // jmp wait
    0xb8, 39, 0, 0, 0, // done: mov eax, getpid
    0x0f, 0x05, // syscall
    0xc1, 0xe0, 4, // shl eax, 4
    0x44, 0x01, 0xe0, // add eax, r12d
    0x89, 0xc7, // mov edi, eax
    0xeb, 2, // jmp exit
    0x31, 0xff, // child: xor edi, edi
    0xb8, 231, 0, 0, 0, // exit: mov eax, exit_group
    0x0f, 0x05, // syscall
];

const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// A static ELF executable of that code.
fn elf(code: &[u8]) -> Vec<u8> {
    let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |file: &mut Vec<u8>, values: &[u16]| values.iter().for_each(|v| file.extend(v.to_le_bytes()));
    let word = |file: &mut Vec<u8>, values: &[u32]| values.iter().for_each(|v| file.extend(v.to_le_bytes()));
    let long = |file: &mut Vec<u8>, values: &[u64]| values.iter().for_each(|v| file.extend(v.to_le_bytes()));
    half(&mut file, &[2, 62]); // executable, x86_64
    word(&mut file, &[1]);
    long(&mut file, &[BASE + HEADERS, 64, 0]); // entry, program headers, section headers
    word(&mut file, &[0]);
    half(&mut file, &[64, 56, 1, 64, 0, 0]); // sizes and counts of headers
    word(&mut file, &[1, 5]); // PT_LOAD, readable and executable
    let size = HEADERS + code.len() as u64;
    long(&mut file, &[0, BASE, BASE, size, size, 4096]);
    file.extend_from_slice(code);
    file
}

/// Makes the program that tells, waits and ends, for [`become_program`].
pub(crate) fn install(path: &str) -> Result<(), Stop> {
    install_code(path, TELL_WAIT_EXIT, 0o755)
}

/// Makes a program of that code, with that mode.
pub(crate) fn install_code(path: &str, code: &[u8], mode: u32) -> Result<(), Stop> {
    let file = sys::open(path, open::WRONLY | open::CREAT | open::TRUNC | open::CLOEXEC, 0o755);
    let file = file.or_fail("make a program")?;
    sys::write_all(file.raw(), &elf(code)).or_fail("write a program")?;
    sys::chmod(path, mode).or_fail("chmod a program")
}

/// Takes the pipes for the program's descriptors 0 and 1.
pub(crate) fn set_pipes(input: &Fd, output: &Fd) -> Result<(), Stop> {
    sys::dup2(input, 0).or_fail("dup2 to 0")?;
    sys::dup2(output, 1).or_fail("dup2 to 1")
}

/// Becomes the program by way of a second thread while the first one, which the process is known by, waits for it; comes
/// back only with why not.
pub(crate) fn become_program_by_thread(path: &'static str) -> Stop {
    let started = Thread::start(move || {
        become_program(path);
    });
    match started.or_fail("start a thread") {
        Ok(thread) => thread.join(),
        Err(stop) => return stop,
    }
    Stop::Fail("exec by a thread came back".into())
}

/// `execve` without arguments and environment; comes back only with why not.
pub(crate) fn become_program(path: &str) -> Errno {
    let Ok(path) = c_string(path) else { return Errno::EINVAL };
    let arguments = [path.as_ptr() as usize, 0];
    // SAFETY: a NUL-terminated path, and arrays of addresses that end with null.
    let result = unsafe {
        call(nr::EXECVE, [path.as_ptr() as usize, arguments.as_ptr() as usize, arguments[1..].as_ptr() as usize])
    };
    result.err().unwrap_or(Errno::EIO)
}
