//! The kernel's complaints by signature: on which kernels each was seen, and on which not though the same test ran.

use std::collections::{BTreeMap, BTreeSet};

use kernrig_events::{Class, Outcome, Verdict, place};
use kernrig_klog::Report;

use crate::Model;

/// One complaint over all kernels of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Its title where it was seen first.
    pub(crate) title: String,
    /// Kernels (and variants) it was seen on.
    pub(crate) seen: BTreeSet<String>,
    /// Kernels it was not seen on, of those that ran a test in which it was seen elsewhere.
    pub(crate) unseen: BTreeSet<String>,
    tests: BTreeSet<String>,
}

impl Sighting {
    /// `seen on a, b; not on c`.
    pub(crate) fn places(&self) -> String {
        let listed = |places: &BTreeSet<String>| places.iter().cloned().collect::<Vec<_>>().join(", ");
        let unseen = if self.unseen.is_empty() { String::new() } else { format!("; not on {}", listed(&self.unseen)) };
        format!("seen on {}{unseen}", listed(&self.seen))
    }
}

/// The reports of an outcome and of its earlier attempts, the one that its verdict is made of included, once each.
pub(crate) fn reports(outcome: &Outcome) -> Vec<&Report> {
    let earlier = outcome.earlier.iter().flat_map(|attempt| &attempt.reports);
    let mut reports: Vec<_> = earlier.chain(&outcome.reports).collect();
    if let Verdict::Crash { report } = outcome.verdict.bare()
        && !reports.contains(&&**report)
    {
        reports.insert(0, report);
    }
    reports
}

/// By signature. Of a run with one kernel it would say nothing that the outcomes do not: empty.
pub(crate) fn sightings(model: &Model) -> BTreeMap<String, Sighting> {
    let mut all: BTreeMap<String, Sighting> = BTreeMap::new();
    if model.suites.len() < 2 {
        return all;
    }
    for outcome in model.outcomes() {
        for report in reports(outcome).into_iter().filter(|report| report.benign.is_none()) {
            let sighting = all.entry(report.signature.clone()).or_default();
            if sighting.title.is_empty() {
                sighting.title.clone_from(&report.title);
            }
            sighting.seen.insert(place(&outcome.cell.kernel, &outcome.cell.variant));
            sighting.tests.insert(outcome.cell.test.clone());
        }
    }
    for suite in &model.suites {
        let ran: BTreeSet<&str> = suite.outcomes.iter().filter(|o| judged(o)).map(|o| o.cell.test.as_str()).collect();
        let here = place(&suite.kernel, &suite.variant);
        for sighting in all.values_mut().filter(|sighting| !sighting.seen.contains(&here)) {
            // The VM's own end has an outcome only where there was something to say.
            let same = |test: &String| ran.contains(test.as_str()) || (test == "vm::end" && !ran.is_empty());
            if sighting.tests.iter().any(same) {
                sighting.unseen.insert(here.clone());
            }
        }
    }
    all
}

/// Whether the test ran far enough for the kernel to complain.
fn judged(outcome: &Outcome) -> bool {
    !matches!(outcome.verdict, Verdict::Skip { .. })
        && !matches!(outcome.verdict.class(), Class::Undone | Class::Harness)
}
