//! The model: a run's events folded into what reports are about.

use kernrig_events::{Class, Event, KernelInfo, Outcome, Verdict};

/// What happened on one kernel × variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suite {
    /// Name of the kernel entry.
    pub kernel: String,
    /// Name of the variant.
    pub variant: String,
    /// Verdicts, in the order they were reached.
    pub outcomes: Vec<Outcome>,
}

impl Suite {
    /// Whether tests were left out for a reason that is not known: a kernel that is known not to come up leaves none to
    /// explain.
    fn has_holes(&self) -> bool {
        let known = |o: &Outcome| o.cell.test == "vm::boot" && o.verdict.label() == "known";
        let undone = |o: &Outcome| o.verdict.class() == Class::Undone;
        self.outcomes.iter().any(undone) && !self.outcomes.iter().any(known)
    }

    /// The outcome of a cell that was run again takes the place of what it holds already.
    fn take(&mut self, outcome: Outcome) {
        let same = |o: &&mut Outcome| o.cell == outcome.cell && !outcome.earlier.is_empty();
        match self.outcomes.iter_mut().rev().find(same) {
            Some(before) => *before = outcome,
            None => self.outcomes.push(outcome),
        }
    }
}

/// A kernel that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// Name of the kernel entry.
    pub kernel: String,
    /// Why not.
    pub reason: String,
    /// The entry says it may be missing.
    pub optional: bool,
}

/// A run, as far as its events tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// kernrig's version; empty until the run began.
    pub kernrig: String,
    /// When it began, seconds since 1970-01-01 UTC.
    pub started_unix: u64,
    /// Accelerator in use.
    pub accelerator: String,
    /// QEMU's version line.
    pub qemu: String,
    /// Cells planned.
    pub cells: usize,
    /// Kernels that were ready, in order.
    pub kernels: Vec<KernelInfo>,
    /// Kernels that could not be had, in order.
    pub unavailable: Vec<Unavailable>,
    /// One for each kernel × variant, in order of the first VM or verdict.
    pub suites: Vec<Suite>,
    /// What the user should know and that belongs to no cell, in order.
    pub notices: Vec<String>,
    /// What cut the run short. A record without its end was cut short too: see [`Model::interruption`].
    pub interrupted: Option<String>,
    /// The run's last event was seen.
    pub finished: bool,
    /// A flake counts as a failure. No event says so: whoever judges the run sets it.
    pub flaky_fails: bool,
    /// Wall-clock seconds of the run.
    pub seconds: f64,
    /// A test that passes where a known issue says it cannot is a failure (`--strict`). No event says so: set it.
    pub strict: bool,
}

impl Model {
    /// Folds all events of a run.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut model = Self::default();
        events.into_iter().for_each(|event| model.add(event));
        model
    }

    /// Folds one event more.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::RunStarted { kernrig, started_unix, cells, accelerator, qemu, .. } => {
                self.kernrig.clone_from(kernrig);
                self.started_unix = *started_unix;
                self.cells = *cells;
                self.accelerator.clone_from(accelerator);
                self.qemu.clone_from(qemu);
            }
            Event::KernelReady(kernel) => self.kernels.push(kernel.clone()),
            Event::KernelUnavailable { kernel, reason, optional } => self.unavailable.push(Unavailable {
                kernel: kernel.clone(),
                reason: reason.clone(),
                optional: *optional,
            }),
            Event::VmStarted { kernel, variant, .. } => drop(self.suite(kernel, variant)),
            Event::TestFinished(outcome) => {
                self.suite(&outcome.cell.kernel, &outcome.cell.variant).take(outcome.clone());
            }
            Event::Notice { text } => self.notices.push(text.clone()),
            Event::RunFinished { interrupted, seconds } => {
                self.interrupted.clone_from(interrupted);
                self.seconds = *seconds;
                self.finished = true;
            }
            Event::TestStarted { .. } | Event::VmEnded { .. } => {}
        }
    }

    fn suite(&mut self, kernel: &str, variant: &str) -> &mut Suite {
        let at = self.suites.iter().position(|s| s.kernel == kernel && s.variant == variant);
        let at = at.unwrap_or_else(|| {
            self.suites.push(Suite { kernel: kernel.into(), variant: variant.into(), outcomes: Vec::new() });
            self.suites.len() - 1
        });
        &mut self.suites[at]
    }

    /// What is known of a kernel.
    #[must_use]
    pub fn kernel(&self, name: &str) -> Option<&KernelInfo> {
        self.kernels.iter().find(|k| k.name == name)
    }

    /// What cut the run short, if anything did; a record that just stops counts.
    #[must_use]
    pub fn interruption(&self) -> Option<&str> {
        match &self.interrupted {
            Some(what) => Some(what),
            None if !self.finished => Some("the record of the run stops before its end"),
            None => None,
        }
    }

    /// Every verdict, suite by suite.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.suites.iter().flat_map(|suite| &suite.outcomes)
    }

    /// What a verdict means for this run.
    #[must_use]
    pub fn class(&self, verdict: &Verdict) -> Class {
        match verdict {
            Verdict::UnexpectedPass { .. } if self.strict => Class::Bad,
            other => other.class(),
        }
    }

    /// 0: all as expected. 1: a kernel did not do as it should. 2: kernrig could not do its job, which outweighs 1,
    /// for then the run says less than it was asked to.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let any = |class| self.outcomes().any(|outcome| self.class(&outcome.verdict) == class);
        if self.interruption().is_some() || any(Class::Harness) || self.unavailable.iter().any(|u| !u.optional) {
            2
        } else if any(Class::Bad) || (self.flaky_fails && self.outcomes().any(Outcome::flaky)) {
            // Tests that were not reached because a kernel did not come up are that kernel's fault.
            1
        } else if self.suites.iter().any(Suite::has_holes) {
            2
        } else {
            0
        }
    }
}

/// How much a verdict weighs where one must stand for several: the worse hides no flake.
pub(crate) fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Skip { .. } => 0,
        Verdict::Pass => 1,
        Verdict::UnexpectedPass { .. } => 2,
        Verdict::Known { .. } => 3,
        Verdict::NotReached { .. } => 4,
        Verdict::HarnessError { .. } => 5,
        Verdict::Fail { .. } => 6,
        Verdict::Hang { .. } => 7,
        Verdict::Lost { .. } => 8,
        Verdict::BootFailure { .. } => 9,
        Verdict::Crash { .. } => 10,
    }
}
