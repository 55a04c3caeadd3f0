//! `kernrig repro`: hunts an issue or a test's failure on a kernel until it shows, then says how often and with how
//! little.

pub(crate) mod args;
mod hands;
mod hunt;
mod interval;
mod knobs;
mod order;
mod report;
mod sighting;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kernrig_events::Outcome;
use kernrig_kernels::Kernel;
use kernrig_plan::{Decision, Suite};
use kernrig_vm::Boot;

use crate::args::{Format, Global};
use crate::candidate::{Candidate, Origin};
use crate::failure::Failure;
use crate::laboratory::{Laboratory, Options};
use crate::out_dir::OutDir;
use crate::signals::Signals;
use crate::{machine, matrix, stdout};

use args::ReproArgs;
use hands::Hands;
use hunt::{Hunt, Limits, Seen};
use knobs::Knobs;
use order::Order;
use report::{Finding, Sighting};

pub(crate) use steps::of_issue as ladder;

/// Tries at the smallest knobs.
const MEASURE: u32 = 5;

/// Of the budget, what may be spent after the first sighting on smaller knobs and on counting.
const AFTERWARDS: u32 = 3;

pub(crate) fn repro(global: &Global, args: &ReproArgs) -> Result<u8, Failure> {
    let order = Order::new(global, args)?;
    let qemu = machine::qemu()?;
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    let out = OutDir::open(&args.out)?;
    let hands = hands(args, &order, &signals)?;
    let jobs = jobs(args);
    let options = Options {
        qemu,
        started: Instant::now(),
        accel: args.accel,
        boot: Boot::Stock,
        retries: 0,
        keeper: hands.clone().map(|hands| hands as Arc<dyn kernrig_run::Keeper>),
        jobs: jobs as usize,
        deadline: None,
        payloads: Arc::clone(&order.payloads),
        benign: matrix::benign(global)?,
        cells: (0, 0),
    };
    let consoles = out.consoles();
    // What is known of the kernel is no news here, and says nothing of knobs that are turned down.
    let bare = Global { no_known: true, ..global.clone() };
    let laboratory = Laboratory::open(&bare, &order.screen, signals, out, options)?;
    let mut chase = Chase { args, order, laboratory, hands, consoles, jobs };
    let result = chase.all();
    let Chase { laboratory, .. } = chase;
    let (findings, ended) = match result {
        Ok(findings) => (findings, laboratory.close(Ok(())).1),
        Err(failure) => (Vec::new(), laboratory.close(Err(failure)).1),
    };
    ended?;
    write(args, &findings)?;
    let interrupted = findings.iter().any(|f| f.sighting.is_none() && f.ended_by.as_deref().is_some_and(is_signal));
    Ok(match findings.iter().any(|finding| finding.sighting.is_some()) {
        true => 0,
        false if interrupted => 2,
        false => 1,
    })
}

fn is_signal(name: &str) -> bool {
    name.starts_with("SIG")
}

fn hands(args: &ReproArgs, order: &Order, signals: &Signals) -> Result<Option<Arc<Hands>>, Failure> {
    if !args.dump && args.on_crash.is_none() {
        return Ok(None);
    }
    let sockets = tempfile::Builder::new().prefix("kernrig-").tempdir();
    Ok(Some(Arc::new(Hands {
        quarry: Arc::clone(&order.quarry),
        on_crash: args.on_crash,
        dump: args.dump.then(|| args.out.join("memory.elf")),
        screen: order.screen.clone(),
        cancel: Arc::clone(&signals.cancel),
        sockets: sockets.map_err(|e| Failure::new(format!("cannot make a folder for sockets: {e}")))?,
        next: AtomicU32::new(1),
        done: Mutex::new(None),
    })))
}

fn jobs(args: &ReproArgs) -> u32 {
    if args.on_crash.is_some() {
        return 1;
    }
    args.jobs.unwrap_or_else(|| {
        let room = kernrig_vm::capacity();
        let jobs = kernrig_run::jobs(room.cpus, room.memory_mib, machine::VM_CPUS, machine::VM_MEMORY_MIB);
        u32::try_from(jobs).unwrap_or(1)
    })
}

/// Prints the findings, and keeps them as `repro.json`.
fn write(args: &ReproArgs, findings: &[Finding]) -> Result<(), Failure> {
    let json = serde_json::Value::Array(findings.iter().map(Finding::json).collect()).to_string();
    match args.format {
        Format::Json => stdout::line(&json),
        Format::Table => findings.iter().for_each(|finding| stdout::line(format!("\n{}", finding.text()))),
    }
    let path = args.out.join("repro.json");
    kernrig_kernels::whole::write(&path, json.as_bytes())
        .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())).next("choose another --out DIR"))
}

/// A hunt on every kernel, one after the other.
struct Chase<'a> {
    args: &'a ReproArgs,
    order: Order,
    laboratory: Laboratory,
    hands: Option<Arc<Hands>>,
    consoles: PathBuf,
    jobs: u32,
}

/// What is kept of a hunt while it goes on, besides its tallies.
struct Course {
    started: Instant,
    /// When it first showed, and in which try.
    first: Option<(Instant, u32)>,
    /// Of each setting at which it showed the first try that did.
    shown: Vec<(Knobs, Outcome)>,
    /// What it was called, and how often.
    titles: BTreeMap<String, u32>,
    /// How long the last tries took.
    last: Duration,
}

impl Chase<'_> {
    fn all(&mut self) -> Result<Vec<Finding>, Failure> {
        let mut findings = Vec::new();
        for candidate in self.order.candidates.clone() {
            if self.laboratory.stopped().is_some() || self.hands.as_ref().is_some_and(|hands| hands.done().is_some()) {
                break;
            }
            findings.push(self.on(candidate)?);
        }
        Ok(findings)
    }

    fn on(&mut self, mut candidate: Candidate) -> Result<Finding, Failure> {
        let kernel = candidate.get();
        let kernel =
            Arc::new(kernel.map_err(|reason| Failure::new(format!("{} is not to be had: {reason}", candidate.name)))?);
        let (ladder, left_out, mut notes) = self.ladder(&candidate, &kernel)?;
        notes.extend(self.order.said_of(&kernel));
        let declared = ladder.iter().map(|knobs| (knobs.test.clone(), self.order.params(&knobs.test))).collect();
        let pinned = self.order.pinned;
        let measure = self.args.tries.filter(|_| pinned).unwrap_or(MEASURE);
        let mut hunt = Hunt::new(ladder, declared, Limits { tries: self.args.tries, measure, minimise: !pinned });
        let mut course = Course {
            started: Instant::now(),
            first: None,
            shown: Vec::new(),
            titles: BTreeMap::new(),
            last: Duration::ZERO,
        };
        let mut ended_by = None;
        while ended_by.is_none() {
            ended_by = self.over(&course, &hunt);
            if ended_by.is_none() {
                let Some((knobs, times)) = hunt.next(self.jobs) else { break };
                self.attempt(&candidate, &kernel, &knobs, times, &mut hunt, &mut course)?;
            }
        }
        notes.extend(self.hands.as_ref().and_then(|hands| hands.done()).filter(|told| !told.is_empty()));
        self.finding(&candidate, &kernel, &hunt, course, left_out, notes, ended_by)
    }

    /// Why no further try is begun, if that is so.
    fn over(&self, course: &Course, hunt: &Hunt) -> Option<String> {
        if let Some(name) = self.laboratory.stopped() {
            return Some(name);
        }
        if self.hands.as_ref().is_some_and(|hands| self.args.on_crash.is_some() && hands.done().is_some()) {
            return Some("you, who had its VM".to_owned());
        }
        let budget = humantime::format_duration(self.args.budget);
        let spent = |since: Instant, of: Duration| hunt.tries() > 0 && since.elapsed() + course.last > of;
        match course.first {
            _ if spent(course.started, self.args.budget) => Some(format!("the budget of {budget}")),
            Some((first, _)) if spent(first, self.args.budget / AFTERWARDS) => {
                Some(format!("what the budget of {budget} leaves for counting"))
            }
            _ => None,
        }
    }

    /// The steps that mean something on a kernel, those that do not with the reason, and what is said against some.
    #[expect(clippy::type_complexity, reason = "three lists that nothing else has")]
    fn ladder(
        &mut self,
        candidate: &Candidate,
        kernel: &Arc<Kernel>,
    ) -> Result<(Vec<Knobs>, Vec<(String, String)>, Vec<String>), Failure> {
        let (mut ladder, mut left_out, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for knobs in self.order.ladder.clone() {
            let (suite, against) = self.suite(candidate, kernel, &knobs)?;
            match suite.cells.first().map(|cell| &cell.decision) {
                Some(Decision::Skip(reason)) => left_out.push((knobs.words(), reason.clone())),
                _ => ladder.push(knobs),
            }
            for words in against.into_iter().map(|words| format!("run all the same: {words}")) {
                if !notes.contains(&words) {
                    notes.push(words);
                }
            }
        }
        if ladder.is_empty() {
            let why = left_out.first().map_or_else(String::new, |(step, why)| format!(": {step}: {why}"));
            return Err(Failure::new(format!("{} cannot be hunted on {}{why}", self.order.what, candidate.name)));
        }
        self.order.old.store(!notes.is_empty(), std::sync::atomic::Ordering::Relaxed);
        Ok((ladder, left_out, notes))
    }

    fn suite(
        &self,
        candidate: &Candidate,
        kernel: &Arc<Kernel>,
        knobs: &Knobs,
    ) -> Result<(Suite, Vec<String>), Failure> {
        let (shape, selection) = self.order.plan(knobs, self.args.append.as_deref())?;
        let variant = shape.with(&candidate.cmdline, &kernel.version);
        Ok(Suite::plan(Arc::clone(kernel), variant, &selection).insist())
    }

    /// Tries side by side with the same knobs, each in a VM of its own.
    fn attempt(
        &mut self,
        candidate: &Candidate,
        kernel: &Arc<Kernel>,
        knobs: &Knobs,
        times: u32,
        hunt: &mut Hunt,
        course: &mut Course,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let (suite, _) = self.suite(candidate, kernel, knobs)?;
        let times = times.min((self.jobs / suite.variant.cpus.max(1)).max(1));
        self.order.screen.line(format!("try {}: {}", told_numbers(hunt.tries() + 1, times), knobs.words()));
        let outcomes = self.laboratory.run(vec![suite; times as usize])?;
        if self.laboratory.stopped().is_some() && self.hands.as_ref().is_none_or(|hands| hands.done().is_none()) {
            return Ok(());
        }
        let mut vms: BTreeMap<u32, Vec<Outcome>> = BTreeMap::new();
        for outcome in outcomes {
            vms.entry(outcome.vm).or_default().push(sighting::bare(outcome));
        }
        for outcomes in vms.values() {
            let (seen, outcome) = sighting::look(outcomes, &knobs.test, self.order.quarry.as_ref());
            if let (Seen::It, Some(outcome)) = (&seen, outcome) {
                *course.titles.entry(sighting::title(outcome)).or_default() += 1;
                course.first.get_or_insert((Instant::now(), hunt.tries() + 1));
                if course.shown.iter().all(|(other, _)| other != knobs) {
                    course.shown.push((knobs.clone(), outcome.clone()));
                }
            }
            if let Seen::Other(title) = &seen {
                self.order.screen.line(format!("it showed something else: {title}"));
            }
            hunt.tell(knobs, seen);
        }
        course.last = began.elapsed();
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all that a hunt leaves behind")]
    fn finding(
        &self,
        candidate: &Candidate,
        kernel: &Kernel,
        hunt: &Hunt,
        course: Course,
        left_out: Vec<(String, String)>,
        notes: Vec<String>,
        ended_by: Option<String>,
    ) -> Result<Finding, Failure> {
        if let (0, Some(tally)) = (hunt.tries(), hunt.tallies().first()) {
            let why = tally.void.clone().unwrap_or_default();
            return Err(Failure::new(format!("no try on {} ran: {why}", candidate.name)));
        }
        let sighting = hunt.best().and_then(|best| {
            let (_, outcome) = course.shown.iter().find(|(knobs, _)| *knobs == best.knobs)?;
            let (first, first_in_try) = course.first?;
            Some(Sighting {
                at: best.clone(),
                outcome: outcome.clone(),
                first_after_s: (first - course.started).as_secs_f64(),
                first_in_try,
                titles: course.titles.clone(),
                console: console(&self.consoles, outcome.vm),
                repeat: self.repeat(candidate, &best.knobs),
            })
        });
        Ok(Finding {
            what: self.order.what.clone(),
            kernel: candidate.name.clone(),
            release: kernel.release.clone(),
            tallies: hunt.tallies().to_vec(),
            left_out,
            sighting,
            seconds: course.started.elapsed().as_secs_f64(),
            ended_by,
            notes,
        })
    }

    /// The command that does the same again with these knobs alone.
    fn repeat(&self, candidate: &Candidate, knobs: &Knobs) -> String {
        let kernel = match &candidate.origin {
            Origin::Path(path) => path.display().to_string(),
            _ => candidate.name.clone(),
        };
        let mut words = vec!["kernrig".to_owned(), "repro".to_owned()];
        words.extend(self.order.named(&knobs.test, self.args));
        words.extend(["-k".to_owned(), kernel]);
        words.extend(knobs.arguments());
        words.extend(self.args.append.iter().flat_map(|append| ["--append".to_owned(), append.clone()]));
        words.extend(["--tries".to_owned(), MEASURE.to_string()]);
        if !self.args.payload.args.is_empty() {
            words.push("--".to_owned());
            words.extend(self.args.payload.args.iter().cloned());
        }
        kernrig_vm::shell_quoted(&words)
    }
}

fn told_numbers(first: u32, times: u32) -> String {
    if times == 1 { first.to_string() } else { format!("{first} to {}", first + times - 1) }
}

/// The console of a VM of this run.
fn console(folder: &Path, vm: u32) -> Option<PathBuf> {
    let ending = format!(".{vm}.console");
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    files.map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with(&ending))
}
