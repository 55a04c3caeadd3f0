//! End to end: the `kernrig` binary on real kernels in real QEMU.
//!
//! `KERNRIG_KERNELS` names a folder with one kernel a subfolder; without it the tests that need old kernels say what
//! they skip. Kernels of the host's own Debian mirror are used where it can be reached.

mod archive_of_its_time;
mod bad_input;
mod bench;
mod bisect;
mod every_kernel;
mod history;
mod interruption;
mod known;
mod markers;
mod mutants;
mod payload;
mod qualify;
mod repro;
mod rig;
mod selftests;
mod symbols;
