//! What a run left behind, and whether two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};

use kernrig_events::{Event, KernelInfo, Outcome};

use crate::Facts;

/// A run, as far as it can be compared.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// kernrig's version.
    pub kernrig: String,
    /// Accelerator.
    pub accelerator: String,
    /// Kernels that were ready, in order.
    pub kernels: Vec<KernelInfo>,
    /// The outcome that stands for each cell, in order.
    pub outcomes: Vec<Outcome>,
    /// Command line of each kernel × variant.
    pub cmdlines: BTreeMap<(String, String), String>,
    /// What cut it short, if anything did.
    pub interrupted: Option<String>,
}

impl Record {
    /// Folds a run's events. Of a cell that has several outcomes the first stands, for what comes later are repeats; one
    /// that was run again for its bad verdict stands with all its attempts.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut record = Self { interrupted: Some("its record stops before its end".to_owned()), ..Self::default() };
        for event in events {
            match event {
                Event::RunStarted { kernrig, accelerator, .. } => {
                    record.kernrig.clone_from(kernrig);
                    record.accelerator.clone_from(accelerator);
                }
                Event::KernelReady(kernel) => record.kernels.push(kernel.clone()),
                Event::VmStarted { kernel, variant, cmdline, .. } => {
                    record.cmdlines.entry((kernel.clone(), variant.clone())).or_insert_with(|| cmdline.clone());
                }
                Event::TestFinished(outcome) => record.take(outcome),
                Event::RunFinished { interrupted, .. } => record.interrupted.clone_from(interrupted),
                _ => {}
            }
        }
        record
    }

    /// Adds an outcome.
    pub fn take(&mut self, outcome: &Outcome) {
        match self.outcomes.iter_mut().find(|o| o.cell == outcome.cell) {
            None => self.outcomes.push(outcome.clone()),
            Some(before) if !outcome.earlier.is_empty() => *before = outcome.clone(),
            Some(_) => {}
        }
    }

    /// What one kernel came to.
    #[must_use]
    pub fn of_kernel(&self, name: &str) -> Vec<&Outcome> {
        self.outcomes.iter().filter(|o| o.cell.kernel == name).collect()
    }

    /// What the run says of one kernel alone.
    #[must_use]
    pub fn only(&self, name: &str) -> Self {
        let mut only = self.clone();
        only.outcomes.retain(|o| o.cell.kernel == name);
        only.kernels.retain(|k| k.name == name);
        only
    }

    /// What is known of one kernel; only its name where the record says nothing of it.
    #[must_use]
    pub fn facts(&self, name: &str) -> Facts {
        let info = self.kernels.iter().find(|k| k.name == name);
        let of_it = self.cmdlines.iter().filter(|((kernel, _), _)| kernel == name);
        Facts {
            name: name.to_owned(),
            release: info.map(|k| k.release.clone()).unwrap_or_default(),
            packages: info.map(|k| k.packages.clone()).unwrap_or_default(),
            config: info.map(|k| k.config.clone()).unwrap_or_default(),
            modules: info.map(|k| k.modules.iter().cloned().collect()).unwrap_or_default(),
            cmdlines: of_it.map(|((_, variant), words)| (variant.clone(), words.clone())).collect(),
        }
    }

    /// Names of its tests.
    #[must_use]
    pub fn tests(&self) -> BTreeSet<&str> {
        self.outcomes.iter().map(|o| o.cell.test.as_str()).filter(|t| !t.starts_with("vm::")).collect()
    }

    /// Names of its variants.
    #[must_use]
    pub fn variants(&self) -> BTreeSet<&str> {
        self.outcomes.iter().map(|o| o.cell.variant.as_str()).collect()
    }
}

/// What stands between two records: notes, and tests to leave out, where the rest can be compared.
///
/// # Errors
///
/// Nothing can be compared; what stands in the way.
pub fn comparable(baseline: &Record, candidate: &Record) -> Result<(Vec<String>, Vec<String>), Vec<String>> {
    let mut notes = Vec::new();
    if baseline.kernrig != candidate.kernrig {
        let (was, now) = (&baseline.kernrig, &candidate.kernrig);
        notes.push(format!("the baseline was run by kernrig {was}, the candidate by {now}: tests may have changed"));
    }
    if baseline.accelerator != candidate.accelerator {
        let (was, now) = (&baseline.accelerator, &candidate.accelerator);
        notes.push(format!("the baseline ran under {was}, the candidate under {now}"));
    }
    for (whose, record) in [("baseline", baseline), ("candidate", candidate)] {
        if let Some(what) = &record.interrupted {
            notes.push(format!("the {whose} is partial: {what}"));
        }
    }
    apart("variant", &baseline.variants(), &candidate.variants(), &mut notes);
    apart("test", &baseline.tests(), &candidate.tests(), &mut notes);
    let tuned = tuned_otherwise(baseline, candidate);
    if let Some(first) = tuned.first() {
        notes.push(format!("{} tests had other parameters, {first} among them, and are left out", tuned.len()));
    }
    let both = |o: &&Outcome| {
        let same = |b: &Outcome| b.cell.test == o.cell.test && b.cell.variant == o.cell.variant;
        baseline.outcomes.iter().any(same) && !o.cell.test.starts_with("vm::") && !tuned.contains(&o.cell.test)
    };
    if candidate.outcomes.iter().any(|o| both(&o)) { Ok((notes, tuned)) } else { Err(notes) }
}

/// Tests of one variant that had other parameters in one run than in the other.
fn tuned_otherwise(baseline: &Record, candidate: &Record) -> Vec<String> {
    let params = |record: &Record| -> BTreeMap<String, BTreeMap<String, u64>> {
        let ran = record.outcomes.iter().filter(|o| o.vm != 0);
        ran.map(|o| (o.cell.test.clone(), o.params.clone())).collect()
    };
    let (was, now) = (params(baseline), params(candidate));
    let other = |(test, params): &(&String, &BTreeMap<String, u64>)| now.get(*test).is_some_and(|n| n != *params);
    was.iter().filter(other).map(|(test, _)| test.clone()).collect()
}

fn apart(what: &str, was: &BTreeSet<&str>, now: &BTreeSet<&str>, notes: &mut Vec<String>) {
    for (whose, only) in [("baseline", was - now), ("candidate", now - was)] {
        let first: Vec<_> = only.iter().take(3).copied().collect();
        let more = if only.len() > first.len() { ", …" } else { "" };
        if !first.is_empty() {
            notes.push(format!("only in the {whose}: {} {what}s: {}{more}", only.len(), first.join(", ")));
        }
    }
}
