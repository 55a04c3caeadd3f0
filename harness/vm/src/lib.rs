//! QEMU as a child process: accelerator probe, command line, serial ports, QMP. Knows nothing of tests.

mod accelerator;
mod capacity;
mod cmdline;
mod command;
mod ended;
mod error;
mod files;
mod hold;
mod launcher;
mod log;
mod probe;
mod probe_guest;
mod process;
mod qemu;
mod qmp;
mod user;
mod vm;

pub use accelerator::Accelerator;
pub use capacity::{Capacity, capacity};
pub use cmdline::{Boot, WORDS, Word, base_cmdline};
pub use command::{Machine, VmSpec, shell_quoted};
pub use ended::Ended;
pub use error::VmError;
pub use files::BootFile;
pub use hold::Hold;
pub use launcher::Launcher;
pub use log::BoundedLog;
pub use probe::{Probe, probe};
pub use probe_guest::run_probe_guest;
pub use qemu::{find_qemu, qemu_version};
pub use vm::Vm;
