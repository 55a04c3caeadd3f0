//! End to end: the `kernrig` binary on real kernels in real QEMU.
//!
//! `KERNRIG_KERNELS` names a folder with one kernel a subfolder; without it the tests that need old kernels say what
//! they skip. Kernels of the host's own Debian mirror are used where it can be reached.

mod archive_of_its_time;
mod bad_input;
mod interruption;
mod markers;
mod old_kernels;
mod rig;
mod selftests;
#[expect(
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "shared with the tests of kernrig-kernels, which use all of it"
)]
#[path = "../../../kernels/tests/toy_archive/mod.rs"]
mod toy_archive;
