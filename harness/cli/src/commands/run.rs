//! `kernrig run`: kernels to suites to events, each event on disk before it is shown, reports at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kernrig_events::{Event, Outcome};
use kernrig_image::Payload;
use kernrig_plan::{Decision, Reading, Selection, Suite, Variant};
use kernrig_report::{Model, terminal};
use kernrig_run::{Run, Settings};
use kernrig_vm::{Launcher, Probe};

use crate::args::{Global, RunArgs};
use crate::candidate::Candidate;
use crate::failure::{Failure, chain};
use crate::machine;
use crate::matrix::{self, Matrix};
use crate::out_dir::{OutDir, Report};
use crate::payloads::Payloads;
use crate::progress::Progress;
use crate::resolve::Resolver;
use crate::screen::Screen;
use crate::shape::Shape;
use crate::signals::Signals;
use crate::stdout;

/// What was asked for, before anything is fetched or booted.
struct Order {
    candidates: Vec<Candidate>,
    variants: Vec<Shape>,
    selection: Selection,
    payloads: Arc<[(Payload, Reading)]>,
    screen: Screen,
}

pub(crate) fn run(global: &Global, args: &RunArgs) -> Result<u8, Failure> {
    let started = Instant::now();
    let benign = matrix::benign(global)?;
    if args.dry_run {
        return dry_run(&order(global, args)?);
    }
    // The cheapest errors first: without QEMU nothing is fetched, and a wrong word leaves the last results alone.
    let qemu = machine::qemu()?;
    let order = order(global, args)?;
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    let report = args.junit.as_deref().map(Report::at).transpose()?;
    let mut out = OutDir::open(&args.out)?;
    report.as_ref().map_or(Ok(()), Report::forget)?;
    let probe = machine::probe(global, &qemu, args.accel)?;
    let settings = Settings {
        qemu,
        accelerator: probe.accelerator,
        jobs: jobs(args, &order.variants),
        guest: kernrig_guest::GUEST,
        payloads: Arc::clone(&order.payloads),
        benign: Arc::new(benign),
        consoles: Some(out.consoles()),
        deadline: args.deadline.map(|d| (started + d, deadline_name(d))),
        cancel: Arc::clone(&signals.cancel),
    };
    let cells = order.selection.tests().count() * order.variants.len();
    let progress = Progress::new(&order.screen, global.verbose, cells);
    let mut log = Log { out: &mut out, progress, model: Model::default() };
    let result = conduct(order, cells, settings, &probe, &signals, started, &mut log);
    let Log { mut progress, mut model, .. } = log;
    progress.end();
    // Also when the disk ran full: what was seen so far is reported if it can be.
    let written = report.map_or(Ok(()), |report| report.write(&kernrig_report::junit(&model)));
    // They were shown when they came; said twice they look like two things.
    model.notices.clear();
    stdout::line(format!("\n{}", terminal::summary(&model).trim_end()));
    result.and(written).map(|()| model.exit_code())
}

fn order(global: &Global, args: &RunArgs) -> Result<Order, Failure> {
    let matrix = Matrix::load(global, args.locked)?;
    let payloads = Payloads::declared(&matrix.manifest)?.with(&args.payload)?;
    let selection = payloads.select(&args.tests).map_err(|e| Failure::new(e.to_string()))?;
    let selection = selection.tuned(&args.param).map_err(|e| Failure::new(e.to_string()))?;
    let payloads = payloads.read(&selection)?;
    let shape = |entry| Ok(Shape::new(entry, args.append.as_deref())?.sized(args.smp, args.memory));
    let variants = matrix.variants(&args.variant)?.iter().map(shape).collect::<Result<_, Failure>>()?;
    let candidates = matrix.choose(&args.kernels)?;
    Ok(Order { candidates, variants, selection, payloads, screen: matrix.screen })
}

/// Everything between the first event and the last.
fn conduct(
    order: Order,
    cells: usize,
    settings: Settings,
    probe: &Probe,
    signals: &Signals,
    started: Instant,
    log: &mut Log<'_>,
) -> Result<(), Failure> {
    log.take(Event::RunStarted {
        kernrig: env!("CARGO_PKG_VERSION").to_owned(),
        started_unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        cells: cells * order.candidates.len(),
        jobs: settings.jobs,
        accelerator: settings.accelerator.name().to_owned(),
        qemu: probe.qemu_version.clone(),
    })?;
    for note in &probe.notes {
        log.take(Event::Notice { text: note.clone() })?;
    }
    let launcher = Launcher::new().map_err(|e| Failure::new(chain(&e)))?;
    let deadline = settings.deadline.clone();
    let (sender, receiver) = channel();
    let (suites, to_run) = channel();
    let resolver = Resolver {
        candidates: order.candidates,
        variants: order.variants,
        selection: order.selection,
        cancel: Arc::clone(&settings.cancel),
        deadline: deadline.clone(),
    };
    let cancel = Arc::clone(&settings.cancel);
    let run = Run::new(settings, launcher);
    let failed = std::thread::scope(|scope| {
        let to_events = sender.clone();
        scope.spawn(move || resolver.resolve(&suites, &to_events));
        scope.spawn(move || run.execute(to_run, &sender));
        log.drain(&receiver, &cancel)
    });
    let by_deadline = || deadline.map(|(_, name)| name).filter(|name| log.cut_by(name));
    let interrupted = signals.name().map(str::to_owned).or_else(by_deadline);
    failed.map_or(Ok(()), Err)?;
    log.take(Event::RunFinished { interrupted, seconds: started.elapsed().as_secs_f64() })
}

/// Where events go, in this order: disk, terminal, memory.
struct Log<'a> {
    out: &'a mut OutDir,
    progress: Progress,
    model: Model,
}

impl Log<'_> {
    fn take(&mut self, event: Event) -> Result<(), Failure> {
        self.out.append(&event)?;
        self.progress.show(&event);
        self.model.add(&event);
        Ok(())
    }

    /// Takes events until there can be no more. If one cannot be written the run is stopped, and the rest is neither
    /// shown nor reported.
    fn drain(&mut self, events: &Receiver<Event>, cancel: &std::sync::atomic::AtomicBool) -> Option<Failure> {
        let mut failed = None;
        for event in events {
            if failed.is_none()
                && let Err(failure) = self.take(event)
            {
                cancel.store(true, Ordering::Relaxed);
                failed = Some(failure);
            }
        }
        failed
    }

    /// Whether anything was left out for this reason.
    fn cut_by(&self, name: &str) -> bool {
        let cut = |o: &Outcome| o.verdict.label() == "not-reached" && o.verdict.explanation().contains(name);
        self.model.outcomes().any(cut) || self.model.unavailable.iter().any(|u| u.reason.contains(name))
    }
}

fn jobs(args: &RunArgs, variants: &[Shape]) -> usize {
    if let Some(jobs) = args.jobs {
        return jobs as usize;
    }
    let room = kernrig_vm::capacity();
    let cpus = variants.iter().map(|v| v.size().0).max().unwrap_or(machine::VM_CPUS);
    let memory = variants.iter().map(|v| v.size().1).max().unwrap_or(machine::VM_MEMORY_MIB);
    kernrig_run::jobs(room.cpus, room.memory_mib, cpus, memory)
}

fn deadline_name(deadline: std::time::Duration) -> String {
    format!("deadline of {}", humantime::format_duration(deadline))
}

/// Prints every cell with its decision.
fn dry_run(order: &Order) -> Result<u8, Failure> {
    let mut code = 0;
    for candidate in &order.candidates {
        let mut candidate = candidate.clone();
        let kernel = match candidate.get() {
            Ok(kernel) => Arc::new(kernel),
            Err(reason) => {
                code = if candidate.optional { code } else { 2 };
                order.screen.line(format!("{}: no kernel: {reason}", candidate.name));
                continue;
            }
        };
        for variant in &order.variants {
            let suite =
                Suite::plan(Arc::clone(&kernel), variant.with(&candidate.cmdline, &kernel.version), &order.selection);
            let Variant { name, cmdline, cpus, memory_mib, .. } = &suite.variant;
            let shape = format!("{cpus} CPU, {memory_mib} MiB, {cmdline:?}");
            order.screen.line(format!("{} ({}), variant {name}: {shape}", kernel.name, kernel.release));
            for note in &kernel.notes {
                order.screen.line(format!("  note: {note}"));
            }
            for cell in &suite.cells {
                order.screen.line(match &cell.decision {
                    Decision::Run => {
                        let params: String =
                            cell.params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                        format!("  run   {}{params}", cell.test.name)
                    }
                    Decision::Skip(reason) => format!("  skip  {}: {reason}", cell.test.name),
                });
            }
        }
    }
    Ok(code)
}
