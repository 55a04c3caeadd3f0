//! Verdicts: what can be said of a cell, and what that means for the run.

use kernrig_klog::Report;
use serde::{Deserialize, Serialize};

/// What was found out about a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The test proved what it is for, the end marker came and the kernel neither complained nor grew a taint.
    Pass,
    /// The test ran and refuted what it is for.
    Fail {
        /// The one line that explains it.
        reason: String,
    },
    /// The kernel complained while the test ran: a warning, an oops or a panic.
    Crash {
        /// The first complaint.
        report: Box<Report>,
    },
    /// The test or the whole VM did not come back before its deadline.
    Hang {
        /// What was waited for, and for how long (seconds).
        reason: String,
    },
    /// The VM ended without a word while the test ran.
    Lost {
        /// How the VM ended.
        reason: String,
    },
    /// The kernel did not come up.
    BootFailure {
        /// Why, in plain words.
        reason: String,
    },
    /// The test means nothing on this kernel.
    Skip {
        /// What is missing.
        reason: String,
    },
    /// The test's turn did not come.
    NotReached {
        /// What was in the way.
        reason: String,
    },
    /// kernrig could not do its job; says nothing about the kernel.
    HarnessError {
        /// What went wrong.
        reason: String,
    },
    /// The kernel is at fault in a way that `known-issues.toml` expects of it.
    Known {
        /// The issue's id.
        issue: String,
        /// The id, the issue's title and what was seen, in one line.
        reason: String,
        /// The verdict without the issue.
        was: Box<Verdict>,
    },
    /// The test passed where `known-issues.toml` says that it always fails.
    UnexpectedPass {
        /// The issue's id.
        issue: String,
        /// What was expected, and what to do about it.
        reason: String,
    },
}

/// What a verdict means for the run's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// As it should be.
    Good,
    /// The kernel is at fault.
    Bad,
    /// Nothing can be said, and that is in order.
    Neutral,
    /// Nothing can be said, since something else went wrong that has a verdict or an event of its own: a kernel that
    /// did not boot, an interruption.
    Undone,
    /// Nothing can be said, and that is kernrig's fault or that of its surroundings.
    Harness,
}

impl Verdict {
    /// What the verdict means for the run. Whether an unexpected pass is a failure is the run's to say (`--strict`), so
    /// here it is a pass.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Pass | Self::UnexpectedPass { .. } => Class::Good,
            Self::Skip { .. } | Self::Known { .. } => Class::Neutral,
            Self::NotReached { .. } => Class::Undone,
            Self::HarnessError { .. } => Class::Harness,
            Self::Fail { .. }
            | Self::Crash { .. }
            | Self::Hang { .. }
            | Self::Lost { .. }
            | Self::BootFailure { .. } => Class::Bad,
        }
    }

    /// The verdict in a word, as reports print it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::Crash { report } if report.severity == kernrig_klog::Severity::Warning => "warning",
            Self::Crash { report } if report.severity == kernrig_klog::Severity::Panic => "panic",
            Self::Crash { .. } => "crash",
            Self::Hang { .. } => "hang",
            Self::Lost { .. } => "lost",
            Self::BootFailure { .. } => "boot-failure",
            Self::Skip { .. } => "skip",
            Self::NotReached { .. } => "not-reached",
            Self::HarnessError { .. } => "harness-error",
            Self::Known { .. } => "known",
            Self::UnexpectedPass { .. } => "unexpected-pass",
        }
    }

    /// The one line that explains it; empty for a pass.
    #[must_use]
    pub fn explanation(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Crash { report } => &report.title,
            Self::Fail { reason }
            | Self::Hang { reason }
            | Self::Lost { reason }
            | Self::BootFailure { reason }
            | Self::Skip { reason }
            | Self::NotReached { reason }
            | Self::HarnessError { reason }
            | Self::Known { reason, .. }
            | Self::UnexpectedPass { reason, .. } => reason,
        }
    }

    /// What was found out, without what is known of the kernel.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match self {
            Self::Known { was, .. } => was.bare(),
            Self::UnexpectedPass { .. } => &Self::Pass,
            other => other,
        }
    }

    /// The known issue that it is laid to, or was expected to be.
    #[must_use]
    pub fn issue(&self) -> Option<&str> {
        match self {
            Self::Known { issue, .. } | Self::UnexpectedPass { issue, .. } => Some(issue),
            _ => None,
        }
    }
}
