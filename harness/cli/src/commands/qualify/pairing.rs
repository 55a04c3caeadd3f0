//! Which kernel of the candidate's run is held against which of the baseline's.

use std::collections::BTreeSet;

use kernrig_compare::{Explainer, Facts, FactsDiff, Pair, Record, comparable, differences};
use kernrig_events::Class;
use kernrig_known::{Issue, List};

use crate::failure::Failure;

/// A candidate and its baseline, each with what its run says of it alone.
pub(crate) struct Pairing {
    pub(crate) baseline: (String, Record),
    pub(crate) candidate: (String, Record),
}

/// Every kernel of the candidate's run beside the one of the baseline's: the only one there, else that of its name.
pub(crate) fn pairings(baseline: &Record, candidate: &Record) -> Result<Vec<Pairing>, Failure> {
    let old = kernels(baseline);
    let pairing = |name: String| {
        let beside = match old.iter().next() {
            Some(only) if old.len() == 1 => only.clone(),
            _ if old.contains(&name) => name.clone(),
            _ => {
                let there: Vec<_> = old.iter().map(String::as_str).collect();
                return Err(Failure::new(format!("the baseline has no kernel {name} to compare with"))
                    .next(format!("it has {}; a baseline of one kernel is compared with any", there.join(", "))));
            }
        };
        Ok(Pairing {
            baseline: (beside.clone(), baseline.only(&beside)),
            candidate: (name.clone(), candidate.only(&name)),
        })
    };
    kernels(candidate).into_iter().map(pairing).collect()
}

fn kernels(record: &Record) -> BTreeSet<String> {
    record.outcomes.iter().map(|o| o.cell.kernel.clone()).collect()
}

impl Pairing {
    /// What differs, not yet repeated nor explained, and what should be known of the comparison.
    pub(crate) fn compare(&self) -> Result<(Pair, Vec<String>), Failure> {
        let ((was_name, was), (now_name, now)) = (&self.baseline, &self.candidate);
        let (notes, leave_out) = comparable(was, now).map_err(|reasons| {
            let reasons = if reasons.is_empty() { "no test ran on both".to_owned() } else { reasons.join("\n  ") };
            Failure::new(format!("{now_name} cannot be compared with {was_name}:\n  {reasons}"))
                .next("compare runs of the same tests, variants and parameters")
        })?;
        let (before, after) = (was.facts(was_name), now.facts(now_name));
        let (old, new) = (was.of_kernel(was_name), now.of_kernel(now_name));
        let differences = differences((&old, &before.release), (&new, &after.release), &leave_out);
        let differing = |test: &str, variant: &str| differences.iter().any(|d| d.test == test && d.variant == variant);
        let alike =
            new.iter().filter(|o| !leave_out.contains(&o.cell.test) && !differing(&o.cell.test, &o.cell.variant));
        let alike = alike.count();
        let kernels = FactsDiff::of(&before, &after);
        Ok((Pair { baseline: before, candidate: after, kernels, changelog: None, alike, differences }, notes))
    }

    /// Says of each difference what could explain it.
    pub(crate) fn explain(pair: &mut Pair, known: &List) {
        let explainer = Explainer::new(&pair.baseline, &pair.candidate);
        let (was, now) = (known_as(&pair.baseline), known_as(&pair.candidate));
        for difference in &mut pair.differences {
            explainer.explain(difference);
            let apart =
                |issue: &&Issue| issue.tests.fit(&difference.test) && issue.affects(&was) != issue.affects(&now);
            let said = known.issues().iter().filter(apart).map(|issue| {
                let whose = if issue.affects(&was) { "baseline" } else { "candidate" };
                let fix = if issue.fix.is_empty() { String::new() } else { format!(" ({})", issue.fix.join(", ")) };
                format!("known issue {} is said to be in the {whose} only: {}{fix}", issue.id, issue.title)
            });
            let said: Vec<_> = said.collect();
            difference.because.extend(said);
            let hints: Vec<_> = pair.changelog.iter().flat_map(|log| log.of(difference)).collect();
            difference.because.extend(hints);
        }
    }

    /// Why the candidate cannot be judged whatever was seen.
    pub(crate) fn undecided(&self) -> Option<String> {
        let (name, record) = &self.candidate;
        if let Some(what) = &record.interrupted {
            return Some(format!("the run of {name} is not whole ({what})"));
        }
        // What was not compared is not known to be as good as before.
        if let Ok((_, left_out)) = comparable(&self.baseline.1, record)
            && let Some(first) = left_out.first()
        {
            let count = left_out.len();
            return Some(format!("{count} tests had other parameters than on the baseline, {first} among them"));
        }
        [&self.baseline, &self.candidate].into_iter().find_map(|(name, record)| {
            let broken = record.outcomes.iter().find(|o| o.verdict.class() == Class::Harness)?;
            Some(format!("kernrig could not judge {} on {name}: {}", broken.cell.test, broken.verdict.explanation()))
        })
    }
}

/// A kernel as known issues know it.
pub(crate) fn known_as(facts: &Facts) -> kernrig_known::Facts {
    let packages = facts.packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
    kernrig_known::Facts::new(&facts.release, packages)
}
