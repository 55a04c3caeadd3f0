//! The static guest binary that is PID 1 in every kernrig VM, built by this crate's build script and embedded.
//!
//! Its sources are in `guest/`, next to `src/`: `no_std`, no libc, raw system calls, so that one file runs on every
//! kernel from 2.6.32 on and on every host it is built on. The words it speaks are in `kernrig_catalog::protocol`.

/// The guest binary: a static x86_64 ELF file, `/init` of the initramfs.
pub static GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernrig-guest"));

#[cfg(test)]
mod tests {
    use super::GUEST;

    fn number(at: usize, bytes: usize) -> usize {
        GUEST[at..at + bytes].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
    }

    /// Program header types, System V ABI.
    fn segments() -> Vec<usize> {
        let (offset, size, count) = (number(32, 8), number(54, 2), number(56, 2));
        (0..count).map(|i| number(offset + i * size, 4)).collect()
    }

    #[test]
    fn guest_is_a_static_executable_for_x86_64() {
        const EXEC: usize = 2;
        const X86_64: usize = 62;
        const DYNAMIC: usize = 2;
        const INTERPRETER: usize = 3;
        assert!(GUEST.starts_with(b"\x7fELF\x02\x01"));
        assert_eq!((number(16, 2), number(18, 2)), (EXEC, X86_64), "type and machine");
        let segments = segments();
        assert!(!segments.is_empty() && !segments.contains(&DYNAMIC) && !segments.contains(&INTERPRETER));
    }

    #[test]
    fn guest_is_the_same_on_every_machine() {
        let here = env!("CARGO_MANIFEST_DIR").as_bytes();
        assert!(!GUEST.windows(here.len()).any(|w| w == here), "a path of this machine is in the binary");
    }
}
