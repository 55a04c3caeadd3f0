//! What can go wrong before there is a VM.

use std::io;
use std::path::PathBuf;

/// Why there is no VM.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// No QEMU on this machine.
    #[error(
        "no {program} in PATH; install it (Debian, Ubuntu: `apt install qemu-system-x86`; Fedora: `dnf install \
         qemu-system-x86-core`; Arch: `pacman -S qemu-system-x86`)"
    )]
    NoQemu {
        /// The program that was looked for.
        program: &'static str,
    },
    /// QEMU is there and could not be started.
    #[error("cannot start {}: {source}; can the user QEMU runs as ({user}) execute it?", qemu.display())]
    Start {
        /// The QEMU that was to be run.
        qemu: PathBuf,
        /// Who was to run it.
        user: String,
        /// What the system said.
        source: io::Error,
    },
    /// QEMU does not answer `--version` as it should.
    #[error("{} --version: {reason}; is this a working QEMU?", qemu.display())]
    Version {
        /// The QEMU that was asked.
        qemu: PathBuf,
        /// What it did instead.
        reason: String,
    },
    /// A file the guest boots from cannot be read.
    #[error("cannot read {}, from which the guest was to boot: {source}", path.display())]
    BootFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A memory file, socket or thread for QEMU cannot be had.
    #[error("cannot make a {what} for QEMU: {source}")]
    Resource {
        /// What was to be made.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The thread that starts QEMU is gone.
    #[error("the thread that starts QEMU is gone; this is a bug in kernrig")]
    LauncherGone,
    /// QEMU did not do what it was told over QMP.
    #[error("QEMU did not take the command {command}: {reason}")]
    Qmp {
        /// The QMP command.
        command: &'static str,
        /// What it said, or that it said nothing.
        reason: String,
    },
}
