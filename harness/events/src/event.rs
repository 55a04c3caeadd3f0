//! Events: everything a run tells its reporters, in the order it happens, one line of JSON each in `results.jsonl`.

use std::collections::BTreeMap;

use kernrig_klog::Report;
use serde::{Deserialize, Serialize};

use crate::{Class, Verdict};

/// A cell: kernel × variant × test.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellId {
    /// Name of the kernel entry, `debian-6.1`.
    pub kernel: String,
    /// Name of the variant, `default` where none was asked for.
    pub variant: String,
    /// Full test name, `ns::uts::hostname_is_private`; `vm::boot` and `vm::end` stand for the VM itself.
    pub test: String,
}

/// `debian-6.1`, or `debian-6.1+memcg`: how a kernel × variant is named wherever it is shown.
#[must_use]
pub fn place(kernel: &str, variant: &str) -> String {
    if variant == "default" || variant.is_empty() { kernel.to_owned() } else { format!("{kernel}+{variant}") }
}

/// A package or file a kernel came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageInfo {
    /// Package name, or file name for a kernel in the hand.
    pub name: String,
    /// Package version; empty for files.
    pub version: String,
    /// SHA-256 in lower-case hex; empty where it was not taken.
    pub sha256: String,
}

/// A kernel that is ready to boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelInfo {
    /// Name of the kernel entry.
    pub name: String,
    /// `uname -r` as the package or image states it.
    pub release: String,
    /// Where it came from.
    pub packages: Vec<PackageInfo>,
    /// What the user should know of it: a withdrawn pin, a stub `System.map`, no config.
    pub notes: Vec<String>,
    /// Build options that tests ask for, without `CONFIG_`; what is not set is not in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Modules that tests ask for, with all they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
}

/// A cell's verdict with what was seen on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The cell.
    pub cell: CellId,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Wall-clock seconds from the command to the final verdict.
    pub seconds: f64,
    /// Diagnostic lines of the test, without the leading `# `.
    pub diagnostics: Vec<String>,
    /// What a payload said of its parts, in KTAP; empty for a test of kernrig's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtests: Vec<Subtest>,
    /// Numbers that the user gave the test: `iterations`, `seed`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, u64>,
    /// What the test left behind in its VM, which no other test then saw: `mounts`, `processes`, `cgroups`…
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dirt: Vec<String>,
    /// Every complaint of the kernel laid at this cell, the one of the verdict included.
    pub reports: Vec<Report>,
    /// The console between the cell's markers, cut to a bound; raw, so reporters clean it for their format.
    pub console: String,
    /// Number of the VM within the run it ran in; 0 if in none.
    pub vm: u32,
    /// What came before, in order, where the cell was run again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Attempt>,
    /// It was bad before and is not now. In the record for whoever reads it by hand: [`Outcome::after`] sets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
}

/// A run of a cell that was not its last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Diagnostic lines of the test.
    pub diagnostics: Vec<String>,
    /// The kernel's complaints.
    pub reports: Vec<Report>,
    /// The console between the cell's markers.
    pub console: String,
    /// Number of the VM within the run.
    pub vm: u32,
}

impl Outcome {
    /// The outcome of a cell that was run before: all that was seen is kept.
    #[must_use]
    pub fn after(mut self, earlier: Vec<Attempt>) -> Self {
        let fine = matches!(self.verdict.class(), Class::Good | Class::Neutral);
        self.flaky = fine && earlier.iter().any(|attempt| attempt.verdict.class() == Class::Bad);
        self.earlier = earlier;
        self
    }

    /// Whether the same cell was bad once and fine once.
    #[must_use]
    pub fn flaky(&self) -> bool {
        self.flaky
    }

    /// The cell in a word, as reports print it: `flaky`, or its verdict.
    #[must_use]
    pub fn label(&self) -> &'static str {
        if self.flaky { "flaky" } else { self.verdict.label() }
    }

    /// What is kept of it when the cell is run again: what came before it, and itself.
    #[must_use]
    pub fn into_attempts(self) -> Vec<Attempt> {
        let Self { verdict, seconds, diagnostics, reports, console, vm, mut earlier, .. } = self;
        earlier.push(Attempt { verdict, seconds, diagnostics, reports, console, vm });
        earlier
    }
}

/// One result that a payload gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtest {
    /// Its name, those of the tests it is part of in front: `outer::inner`.
    pub name: String,
    /// What came of it.
    pub result: SubtestResult,
    /// What the payload said of a failure or a skip.
    pub reason: String,
}

/// What came of a part of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubtestResult {
    /// `ok`
    Pass,
    /// `not ok`
    Fail,
    /// `# SKIP`, `# TODO`: neither.
    Skip,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// kernrig's version.
        kernrig: String,
        /// Seconds since 1970-01-01 UTC.
        started_unix: u64,
        /// Cells that will run or be skipped.
        cells: usize,
        /// VMs side by side.
        jobs: usize,
        /// Accelerator in use, `tcg` or `kvm`.
        accelerator: String,
        /// QEMU's version line.
        qemu: String,
    },
    /// A kernel is ready.
    KernelReady(KernelInfo),
    /// A kernel could not be had: a harness error unless `optional`.
    KernelUnavailable {
        /// Name of the kernel entry.
        kernel: String,
        /// Why not.
        reason: String,
        /// The entry says it may be missing.
        optional: bool,
    },
    /// A VM was started.
    VmStarted {
        /// Number within the run, from 1.
        vm: u32,
        /// Kernel it boots.
        kernel: String,
        /// Variant it boots.
        variant: String,
        /// The QEMU command, quoted for a shell.
        command: String,
        /// Words of the kernel command line besides kernrig's own.
        #[serde(default)]
        cmdline: String,
    },
    /// A test was started.
    TestStarted {
        /// The cell.
        cell: CellId,
        /// The VM it runs in.
        vm: u32,
    },
    /// A cell has a verdict. It comes once more where the cell was run again: an outcome with `earlier` attempts takes
    /// the place of what was said of its cell before.
    TestFinished(Outcome),
    /// A VM is gone.
    VmEnded {
        /// Number within the run.
        vm: u32,
        /// How it ended.
        how: String,
    },
    /// Something the user should know and that belongs to no cell.
    Notice {
        /// One line.
        text: String,
    },
    /// The run is over.
    RunFinished {
        /// What cut it short, if anything did: `SIGINT`, `SIGTERM`, `deadline of 55m`.
        interrupted: Option<String>,
        /// Wall-clock seconds.
        seconds: f64,
    },
}
