//! `kernrig run`: kernels to suites to events, each event on disk before it is shown, reports at the end.

use std::sync::Arc;
use std::time::Instant;

use kernrig_image::Payload;
use kernrig_plan::{Decision, Reading, Selection, Suite, Variant};
use kernrig_report::terminal;

use crate::args::{Flaky, Global, RunArgs};
use crate::candidate::Candidate;
use crate::failure::Failure;
use crate::known_issues;
use crate::laboratory::{Laboratory, Options};
use crate::machine;
use crate::matrix::{self, Matrix};
use crate::out_dir::{OutDir, Report};
use crate::payloads::Payloads;
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
    // Read again where it is used; a list that cannot be read shall not cost the last run's results.
    known_issues::overlay(global)?;
    if args.dry_run {
        return dry_run(&order(global, args)?);
    }
    // The cheapest errors first: without QEMU nothing is fetched, and a wrong word leaves the last results alone.
    let qemu = machine::qemu()?;
    let order = order(global, args)?;
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    let report = args.junit.as_deref().map(Report::at).transpose()?;
    let out = OutDir::open(&args.out)?;
    report.as_ref().map_or(Ok(()), Report::forget)?;
    let cells = order.selection.tests().count() * order.variants.len();
    let options = Options {
        qemu,
        started,
        accel: args.accel,
        boot: kernrig_vm::Boot::Fast,
        keeper: None,
        jobs: jobs(args, &order.variants),
        deadline: args.deadline,
        retries: args.retries,
        payloads: Arc::clone(&order.payloads),
        benign,
        cells: (cells, cells * order.candidates.len()),
    };
    let mut laboratory = Laboratory::open(global, &order.screen, signals, out, options)?;
    let resolver = Resolver {
        candidates: order.candidates,
        variants: order.variants,
        selection: order.selection,
        cancel: laboratory.cancel(),
        deadline: laboratory.deadline(),
    };
    let result = laboratory.feed(|suites, events| resolver.resolve(suites, events));
    let (mut model, result) = laboratory.close(result.map(drop));
    model.flaky_fails = args.flaky == Flaky::Fail;
    model.strict = args.strict;
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

fn jobs(args: &RunArgs, variants: &[Shape]) -> usize {
    if let Some(jobs) = args.jobs {
        return jobs as usize;
    }
    let room = kernrig_vm::capacity();
    let cpus = variants.iter().map(|v| v.size().0).max().unwrap_or(machine::VM_CPUS);
    let memory = variants.iter().map(|v| v.size().1).max().unwrap_or(machine::VM_MEMORY_MIB);
    kernrig_run::jobs(room.cpus, room.memory_mib, cpus, memory)
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
