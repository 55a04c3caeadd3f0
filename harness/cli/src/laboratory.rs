//! A place to boot suites in: QEMU, its accelerator, Ctrl-C, the folder of results. Every command that boots has one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kernrig_events::{Event, KernelInfo, Outcome, PackageInfo};
use kernrig_image::Payload;
use kernrig_kernels::Kernel;
use kernrig_plan::{BenignList, Reading, Suite};
use kernrig_report::Model;
use kernrig_run::{Keeper, Run, Settings};
use kernrig_vm::{Boot, Launcher};

use crate::args::{Accel, Global};
use crate::failure::{Failure, chain};
use crate::known_issues;
use crate::machine;
use crate::out_dir::OutDir;
use crate::progress::Progress;
use crate::screen::Screen;
use crate::signals::Signals;

/// How a laboratory goes about its work.
pub(crate) struct Options {
    /// The QEMU binary.
    pub(crate) qemu: PathBuf,
    /// When the command began: what deadline and duration count from.
    pub(crate) started: Instant,
    pub(crate) accel: Accel,
    /// With which words of its own a kernel is booted: those that save time, or none of them.
    pub(crate) boot: Boot,
    /// Who is given each VM, after each test, before it is ended.
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    /// VMs side by side; at least one.
    pub(crate) jobs: usize,
    pub(crate) deadline: Option<Duration>,
    /// How often a cell is run again while its verdict is bad.
    pub(crate) retries: u32,
    /// Programs of the user's own that suites may have.
    pub(crate) payloads: Arc<[(Payload, Reading)]>,
    pub(crate) benign: BenignList,
    /// Cells of one kernel and of all: for the bars, 0 where nobody knows yet.
    pub(crate) cells: (usize, usize),
}

/// Boots what it is given and keeps what comes of it.
pub(crate) struct Laboratory {
    log: Log,
    run: Run,
    signals: Signals,
    deadline: Option<(Instant, String)>,
    started: Instant,
}

impl Laboratory {
    /// Takes over signals, finds the accelerator, and writes the first event.
    pub(crate) fn open(
        global: &Global,
        screen: &Screen,
        signals: Signals,
        out: OutDir,
        options: Options,
    ) -> Result<Self, Failure> {
        let started = options.started;
        let probe = machine::probe(global, &options.qemu, options.accel)?;
        let deadline =
            options.deadline.map(|d| (started + d, format!("deadline of {}", humantime::format_duration(d))));
        let settings = Settings {
            qemu: options.qemu,
            accelerator: probe.accelerator,
            boot: options.boot,
            jobs: options.jobs.max(1),
            retries: options.retries,
            guest: kernrig_guest::GUEST,
            payloads: options.payloads,
            benign: Arc::new(options.benign),
            known: Arc::new(known_issues::overlay(global)?),
            consoles: Some(out.consoles()),
            deadline: deadline.clone(),
            cancel: Arc::clone(&signals.cancel),
            keeper: options.keeper,
        };
        let (of_a_kernel, cells) = options.cells;
        let progress = Progress::new(screen, global.verbose, of_a_kernel);
        let mut log = Log { out, progress, model: Model::default() };
        log.take(Event::RunStarted {
            kernrig: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            cells,
            jobs: settings.jobs,
            accelerator: settings.accelerator.name().to_owned(),
            qemu: probe.qemu_version.clone(),
        })?;
        probe.notes.iter().try_for_each(|note| log.take(Event::Notice { text: note.clone() }))?;
        let launcher = Launcher::new().map_err(|e| Failure::new(chain(&e)))?;
        Ok(Self { log, run: Run::new(settings, launcher), signals, deadline, started })
    }

    /// Set once the user wants it to end: what runs is ended then, what is left is not reached.
    pub(crate) fn cancel(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.signals.cancel)
    }

    /// When nothing more is started, and what that moment is called.
    pub(crate) fn deadline(&self) -> Option<(Instant, String)> {
        self.deadline.clone()
    }

    /// What asked it to stop, if something did.
    pub(crate) fn stopped(&self) -> Option<String> {
        let over = |(moment, _): &&(Instant, String)| Instant::now() >= *moment;
        self.signals.name().map(str::to_owned).or_else(|| self.deadline.as_ref().filter(over).map(|(_, n)| n.clone()))
    }

    /// Runs the suites to their ends, as many at once as there are jobs, each in fresh VMs; what came of their cells, in
    /// the order in which it came.
    pub(crate) fn run(&mut self, suites: Vec<Suite>) -> Result<Vec<Outcome>, Failure> {
        for suite in &suites {
            if self.log.model.kernel(&suite.kernel.name).is_none() {
                self.log.take(Event::KernelReady(info(&suite.kernel)))?;
            }
        }
        let outcomes = self.feed(|to_run, _| suites.into_iter().for_each(|suite| drop(to_run.send(suite))))?;
        Ok(outcomes)
    }

    /// Runs suites as they are sent, until the feeder has returned and all have come to their ends.
    pub(crate) fn feed(
        &mut self,
        feeder: impl FnOnce(&Sender<Suite>, &Sender<Event>) + Send,
    ) -> Result<Vec<Outcome>, Failure> {
        let (sender, receiver) = channel();
        let (suites, to_run) = channel();
        let Self { log, run, signals, .. } = self;
        std::thread::scope(|scope| {
            let to_events = sender.clone();
            scope.spawn(move || feeder(&suites, &to_events));
            scope.spawn(move || run.execute(to_run, &sender));
            log.drain(&receiver, &signals.cancel)
        })
    }

    /// Writes the last event if nothing went wrong before, and takes the bars away.
    pub(crate) fn close(self, so_far: Result<(), Failure>) -> (Model, Result<(), Failure>) {
        let Self { mut log, signals, deadline, started, .. } = self;
        let by_deadline = || deadline.map(|(_, name)| name).filter(|name| log.cut_by(name));
        let interrupted = signals.name().map(str::to_owned).or_else(by_deadline);
        let ended = so_far
            .and_then(|()| log.take(Event::RunFinished { interrupted, seconds: started.elapsed().as_secs_f64() }));
        log.progress.end();
        (log.model, ended)
    }
}

/// What reports say of a kernel.
pub(crate) fn info(kernel: &Kernel) -> KernelInfo {
    let package = |p: &kernrig_kernels::Package| PackageInfo {
        name: p.name.clone(),
        version: p.version.clone(),
        sha256: p.sha256.clone(),
    };
    KernelInfo {
        name: kernel.name.clone(),
        release: kernel.release.clone(),
        packages: kernel.packages.iter().map(package).collect(),
        notes: kernel.notes.clone(),
        config: options_of_tests(kernel),
        modules: kernel.modules.iter().map(|module| module.name.clone()).collect(),
    }
}

/// The build options that any test asks for.
fn options_of_tests(kernel: &Kernel) -> BTreeMap<String, String> {
    let names: BTreeSet<&str> =
        kernrig_catalog::TESTS.iter().flat_map(|test| test.needs.kconfig).flat_map(|need| need.any).copied().collect();
    let all = kernel.config.iter().flat_map(kernrig_kernels::Config::iter);
    all.filter(|(name, _)| names.contains(name)).map(|(name, value)| (name.to_owned(), value.to_string())).collect()
}

/// Where events go, in this order: disk, terminal, memory.
struct Log {
    out: OutDir,
    progress: Progress,
    model: Model,
}

impl Log {
    fn take(&mut self, event: Event) -> Result<(), Failure> {
        self.out.append(&event)?;
        self.progress.show(&event);
        self.model.add(&event);
        Ok(())
    }

    /// Takes events until there can be no more. If one cannot be written the run is stopped, and the rest is neither
    /// shown nor reported.
    fn drain(&mut self, events: &Receiver<Event>, cancel: &AtomicBool) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut failed = None;
        for event in events {
            if failed.is_some() {
                continue;
            }
            if let Event::TestFinished(outcome) = &event {
                // What was run again takes the place of what came of its first run.
                outcomes.retain(|o| outcome.earlier.is_empty() || o.cell != outcome.cell);
                outcomes.push(outcome.clone());
            }
            if let Err(failure) = self.take(event) {
                cancel.store(true, Ordering::Relaxed);
                failed = Some(failure);
            }
        }
        failed.map_or(Ok(outcomes), Err)
    }

    /// Whether anything was left out for this reason.
    fn cut_by(&self, name: &str) -> bool {
        let cut = |o: &Outcome| o.verdict.label() == "not-reached" && o.verdict.explanation().contains(name);
        self.model.outcomes().any(cut) || self.model.unavailable.iter().any(|u| u.reason.contains(name))
    }
}
