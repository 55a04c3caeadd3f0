//! Cells of two runs side by side: what changed.

use std::collections::{BTreeMap, BTreeSet};

use kernrig_catalog::{Version, by_name};
use kernrig_events::Outcome;
use serde::Serialize;

use crate::{Kind, State};

/// What changed in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is bad and was not.
    NewFailure,
    /// It was bad and is, in another way.
    NewSignature,
    /// It ran and does not any more.
    LostCoverage,
    /// It is bad at one time and not at another.
    Flaky,
    /// It was bad and is not.
    Fixed,
    /// It is bad as it was.
    StillFailing,
    /// It shows a known issue as it did.
    StillKnown,
    /// It shows a known issue and did not.
    NewlyKnown,
    /// It is not for kernels so young: the catalog says until when it is.
    Retired,
    /// It did not run and does now, and is as it should be.
    GainedCoverage,
    /// It is left out for another reason.
    SkipChanged,
}

impl Change {
    /// Every change, the worst first.
    pub const ALL: [Self; 11] = [
        Self::NewFailure,
        Self::NewSignature,
        Self::LostCoverage,
        Self::Flaky,
        Self::Fixed,
        Self::StillFailing,
        Self::StillKnown,
        Self::NewlyKnown,
        Self::Retired,
        Self::GainedCoverage,
        Self::SkipChanged,
    ];

    /// Whether a kernel that does so is not qualified.
    #[must_use]
    pub fn is_regression(self) -> bool {
        matches!(self, Self::NewFailure | Self::NewSignature | Self::LostCoverage)
    }

    /// In words, for one or for several.
    #[must_use]
    pub fn words(self, n: usize) -> &'static str {
        match self {
            Self::NewFailure if n == 1 => "new failure",
            Self::NewFailure => "new failures",
            Self::NewSignature if n == 1 => "new signature",
            Self::NewSignature => "new signatures",
            Self::LostCoverage => "lost",
            Self::Flaky => "flaky",
            Self::Fixed => "fixed",
            Self::StillFailing => "still failing",
            Self::StillKnown => "still known",
            Self::NewlyKnown => "newly known",
            Self::Retired => "retired",
            Self::GainedCoverage => "gained",
            Self::SkipChanged => "skipped otherwise",
        }
    }
}

/// A cell that changed, or is no better than it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The variant.
    pub variant: String,
    /// The test.
    pub test: String,
    /// What changed.
    pub change: Change,
    /// What it came to on the baseline; `None` where it has no such cell.
    pub was: Option<State>,
    /// What it comes to on the candidate.
    pub now: Option<State>,
    /// Verdicts of the repeats: those of the baseline, those of the candidate.
    pub repeats: (Vec<String>, Vec<String>),
    /// What could explain it.
    pub because: Vec<String>,
}

/// Every cell that changed or still fails, in the order of `Change`; `leave_out` are tests that cannot be compared.
#[must_use]
pub fn differences(
    (was, was_release): (&[&Outcome], &str),
    (now, now_release): (&[&Outcome], &str),
    leave_out: &[String],
) -> Vec<Difference> {
    let states = |outcomes: &[&Outcome]| -> BTreeMap<(String, String), State> {
        let key = |o: &Outcome| (o.cell.variant.clone(), o.cell.test.clone());
        outcomes.iter().map(|o| (key(o), State::of(o))).collect()
    };
    let (was, now) = (states(was), states(now));
    let cells: BTreeSet<_> = was.keys().chain(now.keys()).cloned().collect();
    let difference = |cell: (String, String)| {
        let (before, after) = (was.get(&cell).cloned(), now.get(&cell).cloned());
        let change = change(&cell.1, before.as_ref(), after.as_ref(), (was_release, now_release))?;
        let (variant, test) = cell;
        let nothing = (Vec::new(), Vec::new());
        Some(Difference { variant, test, change, was: before, now: after, repeats: nothing, because: Vec::new() })
    };
    let compared = cells.into_iter().filter(|(_, test)| !leave_out.contains(test));
    let mut all: Vec<_> = compared.filter_map(difference).collect();
    all.sort_by_key(|d| d.change);
    all
}

fn change(test: &str, was: Option<&State>, now: Option<&State>, releases: (&str, &str)) -> Option<Change> {
    let ran = |kind| matches!(kind, Kind::Good | Kind::Bad | Kind::Known);
    let before = was.map_or(Kind::Undone, |s| s.kind);
    let after = match now {
        Some(state) => state.kind,
        // A suite has the cell only if the kernel complained between tests.
        None if test == "vm::end" => Kind::Good,
        None => Kind::Undone,
    };
    match (before, after) {
        _ if now.is_some_and(|s| s.flaky) => Some(Change::Flaky),
        (Kind::Bad, Kind::Bad) if was.map(|s| &s.signature) == now.map(|s| &s.signature) => Some(Change::StillFailing),
        (Kind::Bad, Kind::Bad) => Some(Change::NewSignature),
        (_, Kind::Bad) => Some(Change::NewFailure),
        (Kind::Known, Kind::Known) => Some(Change::StillKnown),
        (_, Kind::Known) => Some(Change::NewlyKnown),
        (Kind::Bad | Kind::Known, Kind::Good) => Some(Change::Fixed),
        (Kind::Good, Kind::Good) => None,
        (_, Kind::Good) if test.starts_with("vm::") => None,
        (_, Kind::Good) => Some(Change::GainedCoverage),
        (before, Kind::Skip) if ran(before) && retired(test, releases) => Some(Change::Retired),
        (before, Kind::Skip | Kind::Undone) if ran(before) => Some(Change::LostCoverage),
        (Kind::Skip, Kind::Skip) if was.map(|s| &s.signature) != now.map(|s| &s.signature) => Some(Change::SkipChanged),
        _ => None,
    }
}

/// Whether the catalog ends a test between two kernels.
fn retired(test: &str, (was, now): (&str, &str)) -> bool {
    let until = by_name(test).and_then(|test| test.needs.until);
    let version = |release| Version::of_release(release);
    matches!((until, version(was), version(now)), (Some(until), Some(was), Some(now)) if was < until && until <= now)
        || matches!((by_name(test), version(was), version(now)), (Some(test), Some(was), Some(now))
            if now < test.needs.since && test.needs.since <= was)
}
