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
    /// Other titles the same bug is known by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// Kind and first meaningful frames without offsets and compiler suffixes: one bug, one signature.
    pub signature: String,
    /// Reliable frames from the function blamed on, innermost first, normalised.
    pub frames: Vec<String>,
    /// The first stack as printed, from its top, the reporting machinery and unreliable (`?`) frames included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<StackFrame>,
    /// Taint as printed (`G        W`), if it was.
    pub taint: Option<String>,
    /// Task as printed (`comm` of the `Comm:` field), if it was.
    pub task: Option<String>,
    /// The report cannot be trusted: it is cut short, or its stack is missing, empty or somebody else's.
    pub corrupted: bool,
    /// Why it is no failure, if it is on a list of complaints that are known to be none. klog itself never sets this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benign: Option<Benign>,
    /// The lines of the report as they came, without control characters, bounded in length.
    pub text: String,
}

/// Why a complaint is no failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Benign {
    /// In a sentence.
    pub reason: String,
    /// The letters it puts into the kernel's taint word.
    #[serde(default)]
    pub taint: String,
}

/// A line of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackFrame {
    /// The function as printed, compiler suffixes and all, without offset.
    pub function: String,
    /// Printed without `?`: the unwinder believed in it.
    pub reliable: bool,
}
