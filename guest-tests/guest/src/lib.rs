//! The static guest binary that is PID 1 in every kernrig VM, built by this crate's build script and embedded.
//!
//! Its sources are in `guest/`, next to `src/`: `no_std`, no libc, raw system calls, so that one file runs on every
//! kernel from 2.6.32 on and on every host it is built on. The words it speaks are in `kernrig_catalog::protocol`.

/// The guest binary: a static x86_64 ELF file, `/init` of the initramfs.
pub static GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernrig-guest"));
