//! `kernrig bisect`: over the kernels of an archive, the two between which a behaviour changed.

pub(crate) mod args;
mod drive;
mod line;
mod question;
mod state;
mod step;
mod tell;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use kernrig_bisect::{Ends, needed};
use kernrig_plan::BenignList;

use crate::args::Global;
use crate::commands::bisect::args::{BisectArgs, BisectCommand, EndsArg, QuestionArgs};
use crate::failure::Failure;
use crate::laboratory::{Laboratory, Options};
use crate::machine;
use crate::matrix::{self, Matrix};
use crate::out_dir::OutDir;
use crate::signals::Signals;

use drive::Drive;
use line::Line;
use question::Question;
use state::State;

pub(crate) use step::STOP;

/// Whether a command line, even a wrong one, is of a step: to `git bisect run` the usual code for wrong arguments says
/// that the commit is bad.
pub(crate) fn is_step(words: impl Iterator<Item = OsString>) -> bool {
    // Options of every command may stand between the two.
    words.skip_while(|word| word != "bisect").any(|word| word == "step")
}

pub(crate) fn bisect(global: &Global, args: &BisectArgs) -> Result<u8, Failure> {
    if let Some(BisectCommand::Step(step)) = &args.command {
        return Ok(std::panic::catch_unwind(|| step::step(global, step)).unwrap_or(STOP));
    }
    let started = Instant::now();
    let benign = matrix::benign(global)?;
    let qemu = machine::qemu()?;
    let matrix = Matrix::load(global, false)?;
    let question = Question::new(global, &matrix, &args.question)?;
    let line = Line::find(&matrix, args)?;
    let needed = passes(&args.question, kernrig_bisect::most_steps(line.stops.len()))?;
    let words = state::words(&args.question)?;
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    // A search of something else is refused before its results are moved away.
    let state = State::open(&args.question.out, words, args.restart)?;
    let out = OutDir::open(&args.question.out)?;
    let options = options(&args.question, &question, qemu, benign, started);
    let laboratory = Laboratory::open(global, &matrix.screen, signals, out, options)?;
    let ends = match args.ends {
        EndsArg::Lazy => Ends::Lazy,
        EndsArg::First => Ends::First,
        EndsArg::Trust => Ends::Trusted,
    };
    let mut drive = Drive { line: &line, question: &question, laboratory, state, needed, screen: &matrix.screen };
    tell::opening(&matrix.screen, &line, ends, needed);
    let result = drive.search(ends);
    let (_, closed) = drive.laboratory.close(result.as_ref().map(drop).map_err(|e| Failure::new(e.to_string())));
    let search = result?;
    closed?;
    tell::result(&matrix, &line, &search, &args.question)
}

/// Boots that have to pass before a kernel is called good.
fn passes(args: &QuestionArgs, kernels: u32) -> Result<u32, Failure> {
    let (rate, confidence) = (args.rate, args.confidence);
    args.repeat.or_else(|| needed(rate, confidence, kernels)).ok_or_else(|| {
        let what = "would take more than 1000 boots of each good kernel";
        Failure::new(format!("--rate {rate} with --confidence {confidence} {what}"))
            .next("make the fault show more often, ask for less confidence, or say --repeat N")
    })
}

/// One VM after the other, and no retries: how often a kernel is tried is the search's own affair.
fn options(args: &QuestionArgs, question: &Question, qemu: PathBuf, benign: BenignList, started: Instant) -> Options {
    Options {
        qemu,
        started,
        accel: args.accel,
        boot: kernrig_vm::Boot::Fast,
        keeper: None,
        jobs: 1,
        deadline: args.deadline,
        retries: 0,
        payloads: Arc::clone(&question.payloads),
        benign,
        cells: (0, 0),
    }
}
