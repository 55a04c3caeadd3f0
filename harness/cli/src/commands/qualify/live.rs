//! Kernels booted side by side, and what differs booted again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use kernrig_catalog::Test;
use kernrig_compare::{
    Changelog, Difference, Facts, FactsDiff, Pair, Qualification, Record, State, confirm, wants_repeats,
};
use kernrig_events::Outcome;
use kernrig_kernels::Kernel;
use kernrig_known::List;
use kernrig_plan::{Selection, Suite};
use kernrig_vm::Boot;

use super::args::{QualifyArgs, QualifyFormat};
use super::changelog::changelog;
use super::pairing::{self, Pairing};
use crate::args::{Global, KernelChoice};
use crate::candidate::Candidate;
use crate::failure::Failure;
use crate::laboratory::{Laboratory, Options};
use crate::matrix::{self, Matrix};
use crate::out_dir::OutDir;
use crate::payloads::Payloads;
use crate::shape::Shape;
use crate::signals::Signals;
use crate::{known_issues, machine, stdout};

/// More differing cells than this are repeated together, a fresh VM for all of them each time: a kernel that is broken
/// altogether should not take a night to be called so.
const ONE_BY_ONE: usize = 12;

/// Kernels on this machine, and what is run on them.
struct Bench {
    baseline: Option<(Candidate, Arc<Kernel>)>,
    candidates: Vec<(Candidate, Arc<Kernel>)>,
    shapes: Vec<Shape>,
    selection: Selection,
    payloads: Vec<&'static Test>,
    params: Vec<(String, u64)>,
    /// What is known whether or not it is laid over verdicts.
    known: List,
}

pub(crate) fn qualify(global: &Global, args: &QualifyArgs, recorded: Option<Record>) -> Result<Qualification, Failure> {
    let started = Instant::now();
    let benign = matrix::benign(global)?;
    let qemu = machine::qemu()?;
    let matrix = Matrix::load(global, args.locked)?;
    let screen =
        if args.format == QualifyFormat::Human { matrix.screen.clone() } else { matrix.screen.clone().beside() };
    let declared = Payloads::declared(&matrix.manifest)?;
    let bench = Bench::new(&matrix, &declared, args, recorded.as_ref(), known_issues::load(global)?.1)?;
    let payloads = declared.read(&bench.selection)?;
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    let out = OutDir::open(&args.out)?;
    let cells = bench.selection.tests().count() * bench.shapes.len();
    let options = Options {
        qemu,
        started,
        accel: args.accel,
        boot: words(recorded.as_ref()),
        keeper: None,
        jobs: bench.jobs(args),
        deadline: args.deadline,
        retries: 0,
        payloads,
        benign,
        cells: (cells, cells * (bench.candidates.len() + usize::from(bench.baseline.is_some()))),
    };
    let mut laboratory = Laboratory::open(global, &screen, signals, out, options)?;
    let result = bench.run(&mut laboratory, args, recorded);
    let (result, so_far) = match result {
        Ok(qualification) => (Some(qualification), Ok(())),
        Err(failure) => (None, Err(failure)),
    };
    let (_, ended) = laboratory.close(so_far);
    ended?;
    result.ok_or_else(|| Failure::new("nothing was compared; this is a bug in kernrig"))
}

impl Bench {
    fn new(
        matrix: &Matrix,
        declared: &Payloads,
        args: &QualifyArgs,
        recorded: Option<&Record>,
        known: List,
    ) -> Result<Self, Failure> {
        let payloads: Vec<&'static Test> = declared.tests().collect();
        let named =
            |test: &String| kernrig_catalog::by_name(test).is_some() || payloads.iter().any(|p| p.name == *test);
        let (mut tests, mut params, mut variants) = (args.tests.clone(), args.param.clone(), args.variant.clone());
        if let Some(record) = recorded {
            if tests.is_empty() {
                tests = record.tests().into_iter().map(str::to_owned).filter(named).collect();
            }
            if variants.is_empty() {
                variants = record.variants().into_iter().map(str::to_owned).collect();
            }
            if params.is_empty() {
                let all: BTreeMap<_, _> = record.outcomes.iter().flat_map(|o| o.params.clone()).collect();
                params = all.into_iter().collect();
            }
        }
        let selection = declared.select(&tests).map_err(|e| Failure::new(e.to_string()))?;
        let selection = selection.tuned(&params).map_err(|e| Failure::new(e.to_string()))?;
        let shape = |entry| Shape::new(entry, args.append.as_deref());
        let shapes = matrix.variants(&variants)?.iter().map(shape).collect::<Result<Vec<_>, _>>()?;
        let candidates = matrix.choose(&args.kernels)?;
        let beside = |name: &String| baseline(matrix, name, &candidates);
        let baseline = args.baseline_kernel.as_ref().map(beside).transpose()?.map(had).transpose()?;
        let candidates = candidates.into_iter().map(had).collect::<Result<_, _>>()?;
        Ok(Self { baseline, candidates, shapes, selection, payloads, params, known })
    }

    fn jobs(&self, args: &QualifyArgs) -> usize {
        let room = kernrig_vm::capacity();
        let most = |size: fn(&Shape) -> u32| self.shapes.iter().map(size).max().unwrap_or(1);
        let by_room = kernrig_run::jobs(room.cpus, room.memory_mib, most(|s| s.size().0), most(|s| s.size().1));
        args.jobs.map_or(by_room, |jobs| jobs as usize)
    }

    fn suite(&self, (candidate, kernel): &(Candidate, Arc<Kernel>), shape: &Shape, selection: &Selection) -> Suite {
        Suite::plan(Arc::clone(kernel), shape.with(&candidate.cmdline, &kernel.version), selection)
    }

    /// Both, suite by suite in turn, so that what the host does meanwhile is done to both.
    fn run(
        &self,
        laboratory: &mut Laboratory,
        args: &QualifyArgs,
        recorded: Option<Record>,
    ) -> Result<Qualification, Failure> {
        let kernels = || self.baseline.iter().chain(&self.candidates);
        let suites = self.shapes.iter().flat_map(|shape| kernels().map(move |k| self.suite(k, shape, &self.selection)));
        laboratory.run(suites.collect())?;
        let mut record = super::record(&args.out)?;
        record.interrupted = laboratory.stopped();
        let pairings = self.pairings(&record, recorded.as_ref())?;
        let how = if recorded.is_some() {
            "with the words that save `kernrig run` time"
        } else {
            "without words that save time"
        };
        let mut notes = vec![format!("every VM was booted cold, {how}")];
        let mut pairs = Vec::new();
        let mut undecided = None;
        let mut changelogs = String::new();
        for pairing in &pairings {
            let (mut pair, more) = pairing.compare()?;
            undecided = undecided.or_else(|| pairing.undecided());
            notes.extend(more);
            if laboratory.stopped().is_none() {
                self.repeat(laboratory, args.repeats, &mut pair)?;
            }
            undecided = undecided.or_else(|| laboratory.stopped().map(|what| format!("interrupted ({what})")));
            self.know_all_of(&mut pair);
            if laboratory.stopped().is_none() && pair.differences.iter().any(Changelog::may_explain) {
                match self.changelog(&mut pair) {
                    Ok(text) => changelogs.push_str(&text),
                    Err(reason) => notes.push(format!("the changelog is not to be had: {reason}")),
                }
            }
            Pairing::explain(&mut pair, &self.known);
            pairs.push(pair);
        }
        notes.dedup();
        if !changelogs.is_empty() {
            super::write(&args.out, "changelog.txt", &changelogs)?;
            notes.push(format!("the changelogs are in {}", args.out.join("changelog.txt").display()));
        }
        Ok(Qualification::new(pairs, notes, undecided))
    }

    fn pairings(&self, record: &Record, recorded: Option<&Record>) -> Result<Vec<Pairing>, Failure> {
        let candidates: Vec<_> = self.candidates.iter().map(|(c, _)| c.name.as_str()).collect();
        let mut now = record.clone();
        now.outcomes.retain(|o| candidates.contains(&o.cell.kernel.as_str()));
        match (recorded, &self.baseline) {
            (Some(recorded), _) => pairing::pairings(recorded, &now),
            (None, Some((baseline, _))) => pairing::pairings(&record.only(&baseline.name), &now),
            (None, None) => Err(Failure::new("there is no baseline; this is a bug in kernrig")),
        }
    }

    /// Runs what differs again on both, and keeps as a difference what differs each time.
    fn repeat(&self, laboratory: &mut Laboratory, times: u32, pair: &mut Pair) -> Result<(), Failure> {
        let chosen = |d: &&mut Difference| wants_repeats(d) && times > 0;
        let cells: Vec<_> =
            pair.differences.iter_mut().filter(chosen).map(|d| (d.variant.clone(), d.test.clone())).collect();
        if cells.is_empty() {
            return Ok(());
        }
        let by_name = |(c, _): &&(Candidate, Arc<Kernel>)| c.name == pair.candidate.name;
        let candidate = self.candidates.iter().find(by_name);
        let mut suites = Vec::new();
        for _ in 0..times {
            for shape in &self.shapes {
                for tests in self.portions(shape, &cells) {
                    let selection = self.selection_of(&tests)?;
                    let both = self.baseline.iter().chain(candidate);
                    suites.extend(both.map(|kernel| self.suite(kernel, shape, &selection)));
                }
            }
        }
        stdout::note(format!("{} cells differ; each is run {times} times more", cells.len()));
        let outcomes = laboratory.run(suites)?;
        for difference in pair.differences.iter_mut().filter(chosen) {
            let of = |kernel: &str| states(&outcomes, kernel, difference);
            let (was, now) = (of(&pair.baseline.name), of(&pair.candidate.name));
            confirm(difference, &was, &now);
        }
        pair.differences.sort_by_key(|d| d.change);
        Ok(())
    }

    /// The tests to run again under a variant, a VM each, or all in one if they are many.
    fn portions(&self, shape: &Shape, cells: &[(String, String)]) -> Vec<Vec<String>> {
        let of_it = cells.iter().filter(|(variant, _)| variant == shape.name());
        // The VM itself is tried with whatever comes first.
        let any = self.selection.tests().next().map(|test| test.name.to_owned()).unwrap_or_default();
        let tests: Vec<String> =
            of_it.map(|(_, test)| if test.starts_with("vm::") { any.clone() } else { test.clone() }).collect();
        match tests.len() {
            0 => Vec::new(),
            n if n > ONE_BY_ONE => vec![tests],
            _ => tests.into_iter().map(|test| vec![test]).collect(),
        }
    }

    fn selection_of(&self, tests: &[String]) -> Result<Selection, Failure> {
        let selection =
            Selection::with_payloads(tests, self.payloads.clone()).map_err(|e| Failure::new(e.to_string()))?;
        let reaches = |name: &str| selection.tests().any(|test| test.params.iter().any(|param| param.name == name));
        let params: Vec<_> = self.params.iter().filter(|(name, _)| reaches(name)).cloned().collect();
        selection.tuned(&params).map_err(|e| Failure::new(e.to_string()))
    }

    /// What the changelog says between the two, whole.
    fn changelog(&self, pair: &mut Pair) -> Result<String, String> {
        let candidate = self.candidates.iter().find(|(c, _)| c.name == pair.candidate.name);
        let found = changelog((&pair.baseline, self.baseline.as_ref()), (&pair.candidate, candidate))?;
        let (log, text) = found.unzip();
        pair.changelog = log;
        Ok(text.unwrap_or_default())
    }

    /// Where both kernels are at hand, all their build options are compared, and not those alone that tests ask for.
    fn know_all_of(&self, pair: &mut Pair) {
        let at_hand = |name: &str| self.baseline.iter().chain(&self.candidates).find(|(c, _)| c.name == name);
        let Some((_, was)) = self.baseline.as_ref() else { return };
        let Some((_, now)) = at_hand(&pair.candidate.name) else { return };
        let know = |facts: &mut Facts, kernel: &Kernel| {
            let all = kernel.config.iter().flat_map(kernrig_kernels::Config::iter);
            facts.config = all.map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        };
        know(&mut pair.baseline, was);
        know(&mut pair.candidate, now);
        pair.kernels = FactsDiff::of(&pair.baseline, &pair.candidate);
    }
}

/// A run that was recorded booted with the words that save time, and what is held against it does too.
fn words(recorded: Option<&Record>) -> Boot {
    if recorded.is_some() { Boot::Fast } else { Boot::Stock }
}

/// What came of a cell's repeats on a kernel.
fn states(outcomes: &[Outcome], kernel: &str, difference: &Difference) -> Vec<State> {
    let same = |o: &&Outcome| {
        o.cell.kernel == kernel && o.cell.variant == difference.variant && o.cell.test == difference.test
    };
    outcomes.iter().filter(same).map(State::of).collect()
}

/// The one kernel to compare with, none of the candidates.
fn baseline(matrix: &Matrix, name: &str, candidates: &[Candidate]) -> Result<Candidate, Failure> {
    let mut found = matrix.choose(&KernelChoice { kernels: vec![name.to_owned()], group: None })?;
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|c| c.name.as_str()).collect();
        return Err(Failure::new(format!("--baseline-kernel {name}: that is {} kernels", found.len()))
            .next(format!("choose one of {}", names.join(", "))));
    }
    let mut one =
        found.pop().ok_or_else(|| Failure::new(format!("--baseline-kernel {name}: there is no such kernel")))?;
    if candidates.iter().any(|other| other.same(&one)) {
        return Err(Failure::new(format!("--baseline-kernel {name}: it is a candidate too"))
            .next("a kernel beside itself tells nothing; name another with --kernel"));
    }
    while candidates.iter().any(|other| other.name == one.name) {
        one.name.push_str("~baseline");
    }
    Ok(one)
}

fn had(mut candidate: Candidate) -> Result<(Candidate, Arc<Kernel>), Failure> {
    let kernel = candidate.get().map_err(|reason| Failure::new(format!("no kernel {}: {reason}", candidate.name)))?;
    Ok((candidate, Arc::new(kernel)))
}
