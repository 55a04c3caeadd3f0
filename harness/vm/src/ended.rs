//! How a VM came to its end.

use std::fmt;

/// How a VM came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was powered off: by its guest, or by QEMU being told to (`SIGTERM`, a QMP `quit`).
    Shutdown {
        /// The guest asked for it.
        guest: bool,
        /// QEMU's word for the cause, `guest-shutdown`.
        reason: String,
    },
    /// The guest reset itself: a reboot, or the triple fault of a kernel that died early.
    Reset,
    /// The guest's kernel reported a panic through a panic device.
    Panicked,
    /// QEMU died of a signal.
    Killed(i32),
    /// QEMU ended by itself, without a word on the guest: mostly it did not like its arguments.
    Exit {
        /// Its exit code.
        code: i32,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shutdown { guest: true, reason } => write!(f, "the guest powered off ({reason})"),
            Self::Shutdown { guest: false, reason } => write!(f, "QEMU was told to shut the guest down ({reason})"),
            Self::Reset => f.write_str("the guest reset itself (a reboot or a triple fault)"),
            Self::Panicked => f.write_str("the guest's kernel panicked"),
            Self::Killed(signal) => write!(f, "QEMU was killed by signal {signal}"),
            Self::Exit { code, stderr } if stderr.trim().is_empty() => write!(f, "QEMU exited with code {code}"),
            Self::Exit { code, stderr } => write!(f, "QEMU exited with code {code}: {}", stderr.trim()),
        }
    }
}
