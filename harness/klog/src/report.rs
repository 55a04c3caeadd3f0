//! A report: one complaint of the kernel, read and named.

use serde::{Deserialize, Serialize};

/// How bad a complaint is for the machine it was seen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The kernel complained and goes on (`WARNING`, `INFO`): the VM may be used further.
    Warning,
    /// Something died or is stuck (`Oops`, `BUG`, a lockup): the VM is not to be trusted any more.
    Oops,
    /// The machine stopped.
    Panic,
}

/// One complaint of the kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Family, such as `WARNING`, `NULL-deref`, `GPF`, `panic`, `soft-lockup`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// Title as syzbot would write it: `WARNING in proc_register`.
    pub title: String,
    /// Kind and first meaningful frames without offsets and compiler suffixes: one bug, one signature.
    pub signature: String,
    /// Reliable frames, innermost first, normalised.
    pub frames: Vec<String>,
    /// Taint as printed (`G        W`), if it was.
    pub taint: Option<String>,
    /// Task as printed (`comm` of the `Comm:` field), if it was.
    pub task: Option<String>,
    /// The stack cannot be trusted (torn or mixed lines).
    pub corrupted: bool,
    /// The lines of the report as they came, without control characters, bounded in length.
    pub text: String,
}
