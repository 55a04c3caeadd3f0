//! An issue: a bug that kernels are known to have, and how it shows.

use globset::GlobMatcher;
use kernrig_events::Verdict;
use kernrig_klog::Report;

use crate::affected::Affected;
use crate::{Date, Facts};

/// Kinds of reports that only tell of a machine that makes no progress: part of a hang.
const STUCK: &[&str] = &["soft-lockup", "hard-lockup", "rcu-stall", "hung-task"];

/// Kinds of reports that memory gives which somebody else has written to.
const MEMORY_FAULTS: &[&str] = &[
    "GPF",
    "NULL-deref",
    "paging-request",
    "stack-segment",
    "double-fault",
    "invalid-opcode",
    "kernel-BUG",
    "BUG",
    "oops",
    "list-corruption",
    "slab-corruption",
    "bad-page",
    "panic",
];

/// A bug that kernels are known to have.
#[derive(Clone, Debug)]
pub struct Issue {
    /// By which it is named: `docker#407`, `CVE-2015-2925`.
    pub id: String,
    /// What is wrong, in a line.
    pub title: String,
    /// Where more is told of it; empty if nowhere.
    pub url: String,
    /// Patterns of tests in which it shows.
    pub tests: Patterns,
    /// Patterns of variants under which it shows.
    pub variants: Patterns,
    /// Whether each run of a test shows it.
    pub shows: Shows,
    /// Tests in which it shows now and then only, although it always shows in the others.
    pub sometimes_in: Patterns,
    /// Whether it writes to memory that is not its own: any fault of memory in its tests, and whatever the kernel says
    /// after it has shown, may be its doing.
    pub corrupts_memory: bool,
    /// Commits that fixed it.
    pub fix: Vec<String>,
    /// Why it is expected; empty where nobody said.
    pub reason: String,
    /// Who looks after the entry; empty if nobody.
    pub owner: String,
    /// Where its end is followed; empty if nowhere.
    pub ticket: String,
    /// The last day on which the entry is believed.
    pub expires: Option<Date>,
    /// What to turn up to see it, step by step.
    pub repro: Vec<toml::Table>,
    pub(crate) affected: Affected,
    pub(crate) signatures: Vec<Signature>,
}

/// How often a bug shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// In each run of each of its tests: a pass is not expected.
    Always,
    /// Now and then.
    Sometimes,
}

/// Patterns over names.
#[derive(Clone, Debug)]
pub struct Patterns(pub(crate) Vec<GlobMatcher>);

impl Patterns {
    /// Whether any of them fits.
    #[must_use]
    pub fn fit(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.is_match(name))
    }

    /// As written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|glob| glob.glob().glob())
    }
}

/// What a bug looks like.
#[derive(Clone, Debug)]
pub(crate) enum Signature {
    /// A complaint of the kernel.
    Report {
        /// One of these kinds; empty for any.
        kinds: Vec<String>,
        /// One of these functions in its stack; empty for any.
        any: Vec<String>,
        /// All of these functions in its stack.
        all: Vec<String>,
    },
    /// A verdict.
    Outcome {
        /// Its label.
        outcome: String,
        /// What its line has to look like.
        reason: Option<GlobMatcher>,
    },
}

impl Issue {
    /// Whether a kernel has it.
    #[must_use]
    pub fn affects(&self, facts: &Facts) -> bool {
        self.affected.covers(facts)
    }

    /// Whether a pass of this test is not expected on a kernel that has it.
    #[must_use]
    pub fn always_shows_in(&self, test: &str) -> bool {
        self.shows == Shows::Always && !self.sometimes_in.fit(test)
    }

    /// Whether a report is one of it.
    #[must_use]
    pub fn claims(&self, report: &Report) -> bool {
        self.signatures.iter().any(|signature| signature.claims(report))
    }

    /// Whether what was seen of a cell shows it, whatever else shows beside it: a complaint that fits, else an outcome
    /// that fits, unless the kernel complained of something else.
    ///
    /// One that is known by its complaints is not told by a mere hang of a kernel that is not `affected`: any machine
    /// that is slow enough has those.
    #[must_use]
    pub fn shows_in(&self, verdict: &Verdict, reports: &[Report], affected: bool) -> bool {
        let complaints = || reports.iter().filter(|report| report.benign.is_none());
        if complaints().any(|report| self.claims(report)) {
            return true;
        }
        let by_complaints = self.signatures.iter().any(|signature| matches!(signature, Signature::Report { .. }));
        let verdict = verdict.bare();
        self.is_outcome(verdict)
            && (affected || !by_complaints)
            && complaints().all(|report| verdict.label() == "hang" && STUCK.contains(&report.kind.as_str()))
    }

    /// The ranges as written, for people.
    #[must_use]
    pub fn affected(&self) -> Vec<String> {
        let upstream = self.affected.upstream.iter().map(|range| range.text.clone());
        let packages = self.affected.packages.iter().map(|(flavour, range)| format!("{flavour} {}", range.text));
        upstream.chain(packages).collect()
    }

    /// The versions that have the fix.
    #[must_use]
    pub fn fixed_in(&self) -> Vec<String> {
        self.affected.fixed.iter().map(ToString::to_string).collect()
    }

    fn is_outcome(&self, verdict: &Verdict) -> bool {
        self.signatures.iter().any(|signature| match signature {
            Signature::Outcome { outcome, reason } => {
                let fits = |glob: &GlobMatcher| glob.is_match(verdict.explanation());
                verdict.label() == outcome && reason.as_ref().is_none_or(fits)
            }
            Signature::Report { .. } => false,
        })
    }
}

impl Signature {
    fn claims(&self, report: &Report) -> bool {
        let Self::Report { kinds, any, all } = self else { return false };
        let in_signature = || report.signature.split(':').skip(1);
        let seen = |name: &String| report.frames.contains(name) || in_signature().any(|frame| frame == name);
        (kinds.is_empty() || kinds.contains(&report.kind))
            && (any.is_empty() || any.iter().any(seen))
            && all.iter().all(seen)
    }
}

/// The issue that a complaint is laid to: one that it fits, else one that corrupts memory, if it is a fault of memory or
/// that one had shown before it.
fn claimer<'a>(issues: &[&'a Issue], reports: &[Report], report: &Report) -> Option<&'a Issue> {
    let fitting = |report: &Report| issues.iter().copied().find(|issue| issue.claims(report));
    let before = || reports.iter().take_while(|earlier| *earlier != report);
    let scribblers = || issues.iter().copied().filter(|issue| issue.corrupts_memory);
    let fault = MEMORY_FAULTS.contains(&report.kind.as_str());
    fitting(report)
        .or_else(|| scribblers().find(|_| fault))
        .or_else(|| before().filter_map(fitting).find(|issue| issue.corrupts_memory))
}

/// Which of the issues a failure is laid to, if together they explain all of it: the verdict and every complaint.
pub(crate) fn explain<'a>(issues: &[&'a Issue], verdict: &Verdict, reports: &[Report]) -> Option<&'a Issue> {
    let claimer = |report: &Report| claimer(issues, reports, report);
    let by_outcome = issues.iter().copied().find(|issue| issue.is_outcome(verdict));
    let part_of_hang =
        |report: &Report| by_outcome.is_some() && verdict.label() == "hang" && STUCK.contains(&report.kind.as_str());
    let complaints = || reports.iter().filter(|report| report.benign.is_none());
    if !complaints().all(|report| part_of_hang(report) || claimer(report).is_some()) {
        return None;
    }
    match verdict {
        Verdict::Crash { report } => claimer(report),
        Verdict::Fail { .. } => by_outcome,
        Verdict::Hang { .. } | Verdict::Lost { .. } | Verdict::BootFailure { .. } => {
            by_outcome.or_else(|| complaints().find_map(claimer))
        }
        _ => None,
    }
}
