//! Drives a suite to its end, in as many VMs as its crashes take.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;

use kernrig_catalog::Test;
use kernrig_catalog::protocol::PAYLOAD_GROUP;
use kernrig_events::{Attempt, Class, Event, Outcome, Verdict, place};
use kernrig_image::Payload;
use kernrig_klog::{Benign, Report, Severity};
use kernrig_known::{Facts, Laid};
use kernrig_plan::{BOOT, Cell, Decision, END, Evidence, Reading, Suite, judge};
use kernrig_vm::{BootFile, Launcher, Machine, VmSpec, base_cmdline};

use crate::keep::Kept;
use crate::schedule::Settings;
use crate::session::{Session, Stop};
use crate::symbols::OwnSymbols;
use crate::timing::{Limits, Timing};
use crate::transcript::Transcript;

/// What a silent machine said because it was sent an NMI: it tells where the machine is, and is no complaint of its own.
fn asked_for(mut report: Report) -> Report {
    let reason = "a silent machine was sent an NMI, to make it say where it is".to_owned();
    report.benign = Some(Benign { reason, taint: String::new() });
    report
}

/// Whether a VM in which the kernel said this is not to be used further.
fn is_severe(report: &Report) -> bool {
    report.severity >= Severity::Oops && report.benign.is_none()
}

/// Drives one suite.
pub(crate) struct Driver<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) settings: &'a Settings,
    pub(crate) launcher: &'a Launcher,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) vms: &'a AtomicU32,
    pub(crate) events: &'a Sender<Event>,
    pub(crate) symbols: OwnSymbols,
}

/// What every VM of a suite boots.
pub(crate) struct BootFiles {
    kernel: BootFile,
    initramfs: BootFile,
}

/// A VM that is up, or why there is none.
pub(crate) enum Boot {
    Up(Box<Session>, u32),
    Failed(Box<Outcome>),
    Interrupted,
}

/// What was seen of a suite so far that is not said yet, or may have to be unsaid.
#[derive(Default)]
pub(crate) struct Seen<'s> {
    /// The worst boot.
    pub(crate) boot: Option<Outcome>,
    /// Boots that came to nothing and were tried again.
    pub(crate) failed_boots: Vec<Outcome>,
    /// Complaints when no test was running, each with what ran last.
    pub(crate) end: Vec<(String, Report)>,
    /// The last VM that came up.
    pub(crate) last: u32,
    /// Cells to run again.
    pub(crate) bad: Vec<(&'s Cell, Outcome)>,
    /// What came before of the cell that is being run again; empty while each has its first run.
    pub(crate) earlier: Vec<Attempt>,
}

impl Driver<'_> {
    /// Runs every cell that is to run; each cell of the suite has a verdict afterwards.
    pub(crate) fn drive(&self) {
        let mut left = VecDeque::new();
        for cell in &self.suite.cells {
            match &cell.decision {
                Decision::Run => left.push_back(cell),
                Decision::Skip(reason) => self.say(cell.test.name, Verdict::Skip { reason: reason.clone() }),
            }
        }
        if left.is_empty() {
            return;
        }
        let files = match self.boot_files(&left) {
            Ok(files) => files,
            Err(reason) => {
                self.say(BOOT, Verdict::HarnessError { reason });
                return self.not_reached(left, "there is nothing to boot");
            }
        };
        let mut seen = Seen::default();
        let mut failures = 0;
        while !left.is_empty() {
            if let Some(reason) = self.limits.forbid(self.timing.boot()) {
                self.not_reached(std::mem::take(&mut left), &reason);
                break;
            }
            match self.boot(&files) {
                Boot::Up(session, vm) => {
                    failures = 0;
                    self.run_in(*session, vm, &mut left, &mut seen);
                }
                Boot::Failed(outcome) => {
                    // One more try for a kernel that did come up before: a boot that fails now and then is no reason
                    // to leave tests undone, and the failure is reported all the same.
                    let seen_up = seen.boot.as_ref().is_some_and(|b| b.verdict.class() != Class::Harness);
                    let retries = if outcome.verdict.class() == Class::Bad { self.settings.retries } else { 0 };
                    failures += 1;
                    if failures <= retries {
                        seen.failed_boots.push(*outcome);
                        continue;
                    }
                    let reason = format!("the kernel did not come up: {}", outcome.verdict.explanation());
                    keep_worse(&mut seen.boot, *outcome);
                    if !seen_up || failures > 1 {
                        self.not_reached(std::mem::take(&mut left), &reason);
                    }
                }
                Boot::Interrupted => self.not_reached(std::mem::take(&mut left), "the run was interrupted"),
            }
        }
        self.run_again(&files, &mut seen);
        if let Some(outcome) = seen.boot.or_else(|| seen.failed_boots.pop()) {
            let earlier = seen.failed_boots.into_iter().flat_map(Outcome::into_attempts).collect();
            self.emit(Event::TestFinished(outcome.after(earlier)));
        }
        self.say_end(seen.end, seen.last);
    }

    fn boot_files(&self, cells: &VecDeque<&Cell>) -> Result<BootFiles, String> {
        let kernel = &self.suite.kernel;
        let payload = |cell: &&Cell| self.payload(cell.test).map(|(payload, _)| payload);
        let payloads: Vec<_> = cells.iter().filter_map(payload).collect();
        let image = kernrig_image::initramfs(kernel, self.settings.guest, &payloads)
            .map_err(|e| format!("cannot make the initramfs: {e}"))?;
        let name = format!("{}.initramfs", file_name(&kernel.name));
        let path = self.settings.consoles.as_deref().unwrap_or(Path::new("")).join(name);
        Ok(BootFiles {
            kernel: BootFile::read(&kernel.image).map_err(|e| e.to_string())?,
            initramfs: BootFile::from_bytes(&path, &image.bytes).map_err(|e| e.to_string())?,
        })
    }

    /// What a test is, if it is the user's own.
    fn payload(&self, test: &Test) -> Option<&(Payload, Reading)> {
        let name = test.name.strip_prefix(PAYLOAD_GROUP)?;
        self.settings.payloads.iter().find(|(payload, _)| payload.name() == name)
    }

    pub(crate) fn boot(&self, files: &BootFiles) -> Boot {
        let started = Instant::now();
        let vm = self.vms.fetch_add(1, Ordering::Relaxed) + 1;
        let mut session = match self.launch(files, vm) {
            Ok(session) => session,
            Err(reason) => return Boot::Failed(Box::new(self.outcome(BOOT, Verdict::HarnessError { reason }))),
        };
        let stop = match session.boot() {
            Ok(()) => return Boot::Up(Box::new(session), vm),
            Err(Stop::Cancelled) => {
                self.gone(vm, session.end().1);
                return Boot::Interrupted;
            }
            Err(stop) => stop,
        };
        let by_hand = session.by_hand();
        if self.settings.consoles.is_some() {
            // A service to whoever tries by hand: without the file the command is still true.
            files.initramfs.save(files.initramfs.path()).ok();
        }
        let broken = session.qemu_failed();
        let (mut console, how) = session.end();
        let reports = self.known(console.take_reports());
        let verdict = match (&stop, broken) {
            (Stop::Broken(reason), _) => Verdict::HarnessError { reason: reason.clone() },
            (_, Some(reason)) => Verdict::HarnessError { reason },
            _ => Verdict::BootFailure { reason: self.why_no_boot(&stop, &how, &reports, &console) },
        };
        self.gone(vm, how);
        let mut outcome = self.outcome(BOOT, verdict);
        outcome.diagnostics = vec![format!("to try by hand: {by_hand}")];
        self.lay_known(&mut outcome, &reports);
        outcome.seconds = started.elapsed().as_secs_f64();
        outcome.reports = reports;
        outcome.console = console.take_excerpt();
        outcome.vm = vm;
        Boot::Failed(Box::new(outcome))
    }

    fn launch(&self, files: &BootFiles, vm: u32) -> Result<Session, String> {
        let variant = &self.suite.variant;
        let spec = VmSpec {
            qemu: self.settings.qemu.clone(),
            accelerator: self.settings.accelerator,
            machine: Machine::pc(self.settings.accelerator),
            kernel: files.kernel.clone(),
            initramfs: files.initramfs.clone(),
            cmdline: format!("{} {}", base_cmdline(self.settings.accelerator, self.settings.boot), variant.cmdline),
            memory_mib: variant.memory_mib,
            cpus: variant.cpus,
            hold: self.settings.keeper.as_ref().map(|keeper| keeper.hold()).transpose()?,
        };
        let machine = self.launcher.launch(spec).map_err(|e| e.to_string())?;
        self.emit(Event::VmStarted {
            vm,
            kernel: self.suite.kernel.name.clone(),
            variant: variant.name.clone(),
            command: machine.by_hand().to_owned(),
            cmdline: variant.cmdline.clone(),
        });
        let stem = format!("{}+{}.{vm}", file_name(&self.suite.kernel.name), file_name(&variant.name));
        let transcript = Transcript::open(self.settings.consoles.as_deref(), &stem)
            .map_err(|e| format!("cannot write the console of VM {vm}: {e}"))?;
        Session::new(machine, self.timing, self.limits.clone(), transcript).map_err(|e| e.to_string())
    }

    fn why_no_boot(&self, stop: &Stop, how: &str, reports: &[Report], console: &crate::console::Console) -> String {
        let last = console.last_words().map_or_else(String::new, |l| format!("; its last line was: {l}"));
        let worst = reports.iter().filter(|r| r.benign.is_none()).max_by_key(|r| r.severity);
        match (stop, worst) {
            (_, Some(report)) if report.severity > Severity::Warning => report.title.clone(),
            (Stop::Ended, _) => format!("the VM ended before the guest said hello: {how}{last}"),
            _ if console.bytes == 0 => {
                let seconds = self.timing.boot().as_secs();
                format!(
                    "the kernel printed nothing within {seconds} s: no kernel for this machine, or no serial console"
                )
            }
            _ => format!("the guest did not say hello within {} s{last}", self.timing.boot().as_secs()),
        }
    }

    /// Runs tests in a VM until none is left or the VM is not to be trusted any more.
    pub(crate) fn run_in<'s>(&self, mut session: Session, vm: u32, left: &mut VecDeque<&'s Cell>, seen: &mut Seen<'s>) {
        seen.last = vm;
        let mut boot = self.booted(&mut session, vm);
        let mut before = "the boot".to_owned();
        let mut fit = !boot.reports.iter().any(is_severe);
        let mut last: Option<&'static Test> = None;
        // A test that needs a boot of its own ends this one, if one has run in it that is not of the same kind.
        while fit && !left.is_empty() {
            let next = left.front().map(|cell| cell.test);
            if let (Some(last), Some(next)) = (last, next)
                && next.own_boot
                && !shares(last, next)
            {
                break;
            }
            last = next;
            let longest = left.front().map_or_else(Default::default, |cell| self.timing.outer(cell));
            if let Some(reason) = self.limits.forbid(longest) {
                self.give_up(left, &reason, seen);
                break;
            }
            let Some(cell) = left.pop_front() else { break };
            fit = self.run_test(&mut session, vm, cell, &before, seen);
            before = cell.test.name.to_owned();
        }
        if !fit && !left.is_empty() && boot.reports.iter().any(is_severe) {
            self.give_up(left, "the kernel oopsed while it booted", seen);
        }
        let (mut console, how) = if fit { session.power_off() } else { session.end() };
        let late = self.known(console.take_reports());
        seen.end.extend(late.into_iter().map(|report| (before.clone(), report)));
        self.gone(vm, how);
        if self.limits.cancelled() && boot.verdict == Verdict::Pass {
            boot.diagnostics.push("the run was interrupted later".to_owned());
        }
        keep_worse(&mut seen.boot, boot);
    }

    /// Says that what is left was not reached; a cell that had its run before keeps its verdict.
    fn give_up(&self, left: &mut VecDeque<&Cell>, reason: &str, seen: &Seen<'_>) {
        let left = std::mem::take(left);
        if seen.earlier.is_empty() {
            self.not_reached(left, reason);
        }
    }

    /// The outcome of a boot that reached the guest: what the kernel said on the way counts.
    fn booted(&self, session: &mut Session, vm: u32) -> Outcome {
        session.console.close();
        let reports = self.known(session.console.take_reports());
        let evidence = Evidence {
            fate: kernrig_plan::Fate::Answered { answer: kernrig_plan::Answer::Ok, taint: session.taint },
            taint_before: session.taint.of_the_machine(),
            reports: &reports,
            provoked: &[],
        };
        let mut outcome = self.outcome(BOOT, judge(&evidence));
        self.lay_known(&mut outcome, &reports);
        outcome.reports = reports;
        outcome.console = session.console.take_excerpt();
        outcome.vm = vm;
        outcome
    }

    /// Runs one test; gives whether the VM is fit for another.
    fn run_test<'s>(&self, session: &mut Session, vm: u32, cell: &'s Cell, before: &str, seen: &mut Seen<'s>) -> bool {
        let test = cell.test;
        self.emit(Event::TestStarted { cell: self.suite.id(test.name), vm });
        let started = Instant::now();
        let taint_before = session.taint;
        let number = session.number_of_next_command();
        let ran = session.run(cell, self.suite.probe, self.payload(test).map(|(_, reading)| *reading));
        let earlier = self.known(session.console.take_before(number));
        let sound = !earlier.iter().any(is_severe);
        seen.end.extend(earlier.into_iter().map(|report| (before.to_owned(), report)));
        let provoked = session.console.take_provoked();
        let mut reports = self.known(session.console.take_reports());
        let verdict = if ran.cancelled {
            Verdict::NotReached { reason: "the run was interrupted while the test ran".to_owned() }
        } else {
            judge(&Evidence { fate: ran.fate.clone(), taint_before, reports: &reports, provoked: &provoked })
        };
        let answered = matches!(&ran.fate, kernrig_plan::Fate::Answered { answer, .. }
            if !matches!(answer, kernrig_plan::Answer::Timeout(_)));
        let fit = sound && answered && session.rested && session.dirt.is_empty() && !reports.iter().any(is_severe);
        let mut outcome = self.outcome(test.name, verdict);
        outcome.diagnostics = ran.diagnostics;
        self.lay_known(&mut outcome, &reports);
        reports.extend(provoked.into_iter().map(asked_for));
        outcome.seconds = started.elapsed().as_secs_f64();
        outcome.subtests = ran.subtests;
        outcome.params = cell.params.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        outcome.dirt = std::mem::take(&mut session.dirt);
        outcome.reports = reports;
        outcome.console = session.console.take_excerpt();
        outcome.vm = vm;
        self.say_or_keep(session, cell, outcome, seen);
        fit
    }

    /// Says a verdict at once, asks the keeper about its VM, and keeps what is to be run again.
    fn say_or_keep<'s>(&self, session: &mut Session, cell: &'s Cell, outcome: Outcome, seen: &mut Seen<'s>) {
        let earlier = std::mem::take(&mut seen.earlier);
        if !earlier.is_empty() && outcome.verdict.class() == Class::Undone {
            return;
        }
        let outcome = outcome.after(earlier);
        if outcome.verdict.class() == Class::Bad && self.settings.retries > 0 {
            seen.bad.push((cell, outcome.clone()));
        }
        let asked = self.settings.keeper.as_ref().map(|keeper| (keeper, outcome.clone()));
        self.emit(Event::TestFinished(outcome));
        if let Some((keeper, outcome)) = asked {
            keeper.keep(&outcome, &mut Kept::new(session, self.suite.probe));
        }
    }

    /// What showed when no test was running: laid at the kernel as a whole, and at its last VM, saying after what it came.
    fn say_end(&self, end: Vec<(String, Report)>, vm: u32) {
        if end.is_empty() {
            return;
        }
        // Each may be a known one of the test before it; the worst of those that are not is told, if there is one.
        let mut laid = Vec::new();
        let mut outcome = self.outcome(END, Verdict::Pass);
        outcome.diagnostics = end.iter().map(|(after, r)| format!("after {after}: {}", r.title)).collect();
        for (after, report) in end.iter().filter(|(_, r)| r.benign.is_none()) {
            let mut one = self.outcome(after, Verdict::Crash { report: Box::new(report.clone()) });
            self.lay_known(&mut one, std::slice::from_ref(report));
            outcome.diagnostics.append(&mut one.diagnostics);
            laid.push((one.verdict.class() == Class::Bad, report.severity, one.verdict));
        }
        let worst = laid.iter().map(|(bad, severity, _)| (*bad, *severity)).max();
        let told = laid.into_iter().find(|(bad, severity, _)| Some((*bad, *severity)) == worst);
        outcome.verdict = told.map_or(Verdict::Pass, |(_, _, verdict)| verdict);
        outcome.reports = end.into_iter().map(|(_, r)| r).collect();
        outcome.vm = vm;
        self.emit(Event::TestFinished(outcome));
    }

    /// Lays what is known of the kernel over the verdict of an outcome.
    fn lay_known(&self, outcome: &mut Outcome, reports: &[Report]) {
        let kernel = &self.suite.kernel;
        let packages = kernel.packages.iter().map(|p| (p.name.as_str(), p.version.as_str()));
        let facts = Facts::new(&kernel.release, packages);
        let verdict = std::mem::replace(&mut outcome.verdict, Verdict::Pass);
        let Laid { verdict, said } =
            self.settings.known.lay(&facts, &outcome.cell.variant, &outcome.cell.test, verdict, reports);
        outcome.verdict = verdict;
        if let Some(said) = said {
            let place = place(&outcome.cell.kernel, &outcome.cell.variant);
            self.emit(Event::Notice { text: format!("{place} {}: {said}", outcome.cell.test) });
            outcome.diagnostics.push(said);
        }
    }

    /// The reports with functions in them, and those marked that are known to be no failure on this kernel.
    fn known(&self, mut reports: Vec<Report>) -> Vec<Report> {
        self.symbols.name(&mut reports, &self.suite.kernel);
        self.settings.benign.mark(&mut reports, &self.suite.kernel.release);
        reports
    }

    fn not_reached(&self, cells: VecDeque<&Cell>, reason: &str) {
        for cell in cells {
            self.say(cell.test.name, Verdict::NotReached { reason: reason.to_owned() });
        }
    }

    fn say(&self, test: &str, verdict: Verdict) {
        self.emit(Event::TestFinished(self.outcome(test, verdict)));
    }

    fn gone(&self, vm: u32, how: String) {
        self.emit(Event::VmEnded { vm, how });
    }

    fn outcome(&self, test: &str, verdict: Verdict) -> Outcome {
        Outcome {
            cell: self.suite.id(test),
            verdict,
            seconds: 0.0,
            diagnostics: Vec::new(),
            subtests: Vec::new(),
            dirt: Vec::new(),
            params: BTreeMap::new(),
            reports: Vec::new(),
            console: String::new(),
            vm: 0,
            earlier: Vec::new(),
            flaky: false,
        }
    }

    fn emit(&self, event: Event) {
        // The receiver lives until every sender is gone; if it is not there the process is ending.
        self.events.send(event).ok();
    }
}

/// Whether a test that needs a boot of its own may follow another: of the same group, and just as particular.
fn shares(last: &Test, next: &Test) -> bool {
    let group = |test: &Test| test.name.rsplit_once("::").map(|(group, _)| group.to_owned());
    last.own_boot && group(last) == group(next)
}

/// Of two boots of one suite the worse one is told.
pub(crate) fn keep_worse(kept: &mut Option<Outcome>, new: Outcome) {
    let rank = |o: &Outcome| match o.verdict.class() {
        Class::Good => 0,
        Class::Neutral | Class::Undone => 1,
        Class::Bad => 2,
        Class::Harness => 3,
    };
    if kept.as_ref().is_none_or(|old| rank(&new) > rank(old)) {
        *kept = Some(new);
    }
}

fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}
