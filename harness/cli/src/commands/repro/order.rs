//! What is hunted, on what and how, before anything is fetched or booted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernrig_catalog::{Param, Test};
use kernrig_events::Outcome;
use kernrig_image::Payload;
use kernrig_kernels::manifest::{DEFAULT_VARIANT, VariantEntry};
use kernrig_plan::{Reading, Selection};

use super::knobs::{Knobs, general};
use super::sighting::{AnyFault, Quarry};
use crate::args::{Format, Global, ReproArgs};
use crate::candidate::Candidate;
use crate::failure::Failure;
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
    pub(crate) ladder: Vec<Knobs>,
    /// The user said which knobs: nothing is turned.
    pub(crate) pinned: bool,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) payloads: Arc<[(Payload, Reading)]>,
    pub(crate) screen: Screen,
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

impl Order {
    pub(crate) fn new(global: &Global, args: &ReproArgs) -> Result<Self, Failure> {
        let matrix = Matrix::load(global, false)?;
        let payloads = Payloads::declared(&matrix.manifest)?.with(&args.payload)?;
        let payload_tests: Vec<&'static Test> = payloads.tests().collect();
        let old: Arc<AtomicBool> = Arc::default();
        let patterns: Vec<String> = args.what.iter().cloned().collect();
        let selection = payloads.select(&patterns).map_err(|e| Failure::new(e.to_string().replace("--test ", "")))?;
        let tests: Vec<&'static Test> = selection.tests().collect();
        let variants = matrix.manifest.variants.clone();
        let known = |name: &str| variants.iter().any(|variant| variant.name == name);
        let ladder: Vec<Knobs> = tests.iter().flat_map(|test| general(test, known)).collect();
        let (what, quarry): (_, Arc<dyn Quarry>) = (
            args.what.clone().unwrap_or_else(|| tests.iter().map(|t| t.name).collect::<Vec<_>>().join(", ")),
            Arc::new(Fault { old: Arc::clone(&old) }),
        );
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
        Ok(Self { what, quarry, old, ladder, pinned, candidates, payloads, screen, tests, payload_tests, variants })
    }

    /// What a test declares.
    pub(crate) fn params(&self, test: &str) -> &'static [Param] {
        self.tests.iter().find(|known| known.name == test).map_or(&[], |test| test.params)
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
        if words.is_empty() {
            words.push(test.to_owned());
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
