//! What is hunted, on what and how, before anything is fetched or booted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernrig_catalog::{Param, Test};
use kernrig_events::Outcome;
use kernrig_image::Payload;
use kernrig_kernels::Kernel;
use kernrig_kernels::manifest::{DEFAULT_VARIANT, VariantEntry};
use kernrig_known::{Facts, Issue, List};
use kernrig_plan::{Reading, Selection, near};

use super::args::ReproArgs;
use super::knobs::{Knobs, general};
use super::sighting::{AnyFault, Quarry};
use super::steps;
use crate::args::{Format, Global};
use crate::candidate::Candidate;
use crate::failure::Failure;
use crate::known_issues;
use crate::matrix::Matrix;
use crate::payloads::Payloads;
use crate::screen::Screen;
use crate::shape::Shape;

/// What was asked for.
pub(crate) struct Order {
    /// What is hunted, as the user named it.
    pub(crate) what: String,
    pub(crate) quarry: Arc<dyn Quarry>,
    /// The kernel is older than what the tests need: there a plain failure is none.
    pub(crate) old: Arc<AtomicBool>,
    /// The kernel has the issue, as the list says.
    affected: Arc<AtomicBool>,
    pub(crate) ladder: Vec<Knobs>,
    /// The user said which knobs: nothing is turned.
    pub(crate) pinned: bool,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) payloads: Arc<[(Payload, Reading)]>,
    pub(crate) screen: Screen,
    issue: Option<Issue>,
    tests: Vec<&'static Test>,
    payload_tests: Vec<&'static Test>,
    variants: Vec<VariantEntry>,
}

/// Any fault of a test, but for plain failures on a kernel that is too old for it.
#[derive(Debug)]
struct Fault {
    old: Arc<AtomicBool>,
}

impl Quarry for Fault {
    fn shows(&self, outcome: &Outcome) -> bool {
        AnyFault { complaints_only: self.old.load(Ordering::Relaxed) }.shows(outcome)
    }
}

/// What an issue looks like, whatever else shows beside it.
#[derive(Debug)]
struct Signature {
    issue: Issue,
    affected: Arc<AtomicBool>,
}

impl Quarry for Signature {
    fn shows(&self, outcome: &Outcome) -> bool {
        self.issue.shows_in(&outcome.verdict, &outcome.reports, self.affected.load(Ordering::Relaxed))
    }
}

impl Order {
    pub(crate) fn new(global: &Global, args: &ReproArgs) -> Result<Self, Failure> {
        let matrix = Matrix::load(global, false)?;
        let payloads = Payloads::declared(&matrix.manifest)?.with(&args.payload)?;
        let payload_tests: Vec<&'static Test> = payloads.tests().collect();
        let (old, affected): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let list = known_issues::load(global)?.1;
        let issue = args.what.as_deref().and_then(|what| list.get(what)).cloned();
        let own = issue.as_ref().map(|issue| ladder_of(issue, &args.tests)).transpose()?;
        let patterns: Vec<String> = match &own {
            Some((tests, _)) => tests.clone(),
            None => args.what.iter().cloned().collect(),
        };
        let selection = payloads.select(&patterns).map_err(|e| unknown(args, &list, &e.to_string()))?;
        let tests: Vec<&'static Test> = selection.tests().collect();
        let variants = matrix.manifest.variants.clone();
        let known = |name: &str| variants.iter().any(|variant| variant.name == name);
        let ladder = own.map(|(_, ladder)| ladder).filter(|ladder| !ladder.is_empty());
        let ladder = ladder.unwrap_or_else(|| tests.iter().flat_map(|test| general(test, known)).collect());
        let what = args.what.clone();
        let what = what.unwrap_or_else(|| tests.iter().map(|t| t.name).collect::<Vec<_>>().join(", "));
        let quarry: Arc<dyn Quarry> = match &issue {
            Some(issue) => Arc::new(Signature { issue: issue.clone(), affected: Arc::clone(&affected) }),
            None => Arc::new(Fault { old: Arc::clone(&old) }),
        };
        let pins = Pins::of(args);
        let (ladder, pinned) = (pins.pin(ladder), pins.any());
        if let Some(name) = args.variant.as_ref().filter(|name| !known(name)) {
            let known: Vec<_> = variants.iter().map(|variant| variant.name.as_str()).collect();
            return Err(Failure::new(format!("--variant {name}: there is no such variant"))
                .next(format!("there are {}", known.join(", "))));
        }
        selection.clone().tuned(&args.param).map_err(|e| Failure::new(e.to_string()))?;
        let candidates = matrix.choose(&args.kernels)?;
        let screen = if args.format == Format::Json { matrix.screen.beside() } else { matrix.screen };
        let payloads = payloads.read(&selection)?;
        Ok(Self {
            what,
            quarry,
            old,
            affected,
            ladder,
            pinned,
            candidates,
            payloads,
            screen,
            issue,
            tests,
            payload_tests,
            variants,
        })
    }

    /// What a test declares.
    pub(crate) fn params(&self, test: &str) -> &'static [Param] {
        self.tests.iter().find(|known| known.name == test).map_or(&[], |test| test.params)
    }

    /// What the list says of an issue on a kernel, which is hunted from now on.
    pub(crate) fn said_of(&self, kernel: &Kernel) -> Option<String> {
        let issue = self.issue.as_ref()?;
        let packages = kernel.packages.iter().map(|p| (p.name.as_str(), p.version.as_str()));
        let affected = issue.affects(&Facts::new(&kernel.release, packages));
        self.affected.store(affected, Ordering::Relaxed);
        Some(format!("by the list of known issues this kernel is {}affected", if affected { "" } else { "not " }))
    }

    /// How knobs are booted, and the one test that runs.
    pub(crate) fn plan(&self, knobs: &Knobs, append: Option<&str>) -> Result<(Shape, Selection), Failure> {
        let variant = self.variants.iter().find(|variant| variant.name == knobs.variant).ok_or_else(|| {
            Failure::new(format!("{}: there is no variant {} in kernels.toml", knobs.words(), knobs.variant))
        })?;
        let params: Vec<(String, u64)> = knobs.params.iter().map(|(name, value)| (name.clone(), *value)).collect();
        let selection = Selection::with_payloads(std::slice::from_ref(&knobs.test), self.payload_tests.clone())
            .map_err(|e| Failure::new(e.to_string()))?
            .tuned(&params)
            .map_err(|e| Failure::new(format!("{}: {e}", knobs.words())))?;
        Ok((Shape::new(variant, append)?.sized(knobs.smp, knobs.memory), selection))
    }

    /// The words that name what is hunted, by one of its tests.
    pub(crate) fn named(&self, test: &str, args: &ReproArgs) -> Vec<String> {
        let payloads = args.payload.payloads.iter();
        let mut words: Vec<String> =
            payloads.flat_map(|path| ["--payload".to_owned(), path.display().to_string()]).collect();
        match &self.issue {
            Some(issue) => words.extend([issue.id.clone(), "-t".to_owned(), test.to_owned()]),
            None if words.is_empty() => words.push(test.to_owned()),
            None => {}
        }
        words
    }
}

/// Knobs that the user holds.
struct Pins<'a> {
    args: &'a ReproArgs,
}

impl<'a> Pins<'a> {
    fn of(args: &'a ReproArgs) -> Self {
        Self { args }
    }

    fn any(&self) -> bool {
        let ReproArgs { variant, param, smp, memory, .. } = self.args;
        variant.is_some() || !param.is_empty() || smp.is_some() || memory.is_some()
    }

    /// Each test once, with what the user said and nothing else.
    fn pin(&self, ladder: Vec<Knobs>) -> Vec<Knobs> {
        if !self.any() {
            return ladder;
        }
        let mut pinned: Vec<Knobs> = Vec::new();
        for rung in ladder {
            let mut knobs = Knobs::plain(&rung.test, self.args.variant.as_deref().unwrap_or(DEFAULT_VARIANT));
            (knobs.smp, knobs.memory) = (self.args.smp, self.args.memory);
            let has = |name: &str| {
                kernrig_catalog::by_name(&rung.test).is_some_and(|t| t.params.iter().any(|p| p.name == name))
            };
            knobs.params = self.args.param.iter().filter(|(name, _)| has(name)).cloned().collect();
            if !pinned.contains(&knobs) {
                pinned.push(knobs);
            }
        }
        pinned
    }
}

/// The tests of an issue that are wanted, and the steps that its entry has for them.
fn ladder_of(issue: &Issue, wanted: &[String]) -> Result<(Vec<String>, Vec<Knobs>), Failure> {
    let wrong = |why: String| Failure::new(format!("known issue {}: {why}", issue.id)).next("`kernrig known check`");
    let mut ladder = steps::of_issue(&issue.repro).map_err(wrong)?;
    let patterns: Vec<String> = issue.tests.texts().map(str::to_owned).collect();
    let mut tests = Vec::new();
    for pattern in &patterns {
        let selection = Selection::new(std::slice::from_ref(pattern));
        tests.extend(selection.map_err(|e| wrong(e.to_string().replace("--test ", "")))?.tests());
    }
    if !wanted.is_empty() {
        let chosen = Selection::new(wanted).map_err(|e| Failure::new(e.to_string()))?;
        tests.retain(|test| chosen.has(test));
        ladder.retain(|knobs| kernrig_catalog::by_name(&knobs.test).is_some_and(|test| chosen.has(test)));
        if tests.is_empty() && ladder.is_empty() {
            return Err(Failure::new(format!("--test {}: {} has no such test", wanted.join(" "), issue.id))
                .next(format!("it has {}", patterns.join(", "))));
        }
    }
    let named = ladder.iter().map(|knobs| knobs.test.clone());
    let names: std::collections::BTreeSet<String> = match ladder.is_empty() {
        true => tests.iter().map(|test| test.name.to_owned()).collect(),
        false => named.collect(),
    };
    Ok((names.into_iter().collect(), ladder))
}

/// What was named is neither: the names that look like it.
fn unknown(args: &ReproArgs, list: &List, message: &str) -> Failure {
    let what = args.what.as_deref().unwrap_or_default();
    if what.contains("::") || what.contains(['*', '?', '[', '{']) {
        return Failure::new(message.replace("--test ", ""));
    }
    let near = near(what, list.issues().iter().map(|issue| issue.id.as_str()));
    let meant = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) };
    Failure::new(format!("{what}: there is no such known issue, and no test"))
        .next(format!("{meant}`kernrig known list` and `kernrig list` print them all"))
}
