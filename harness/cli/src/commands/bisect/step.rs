//! `kernrig bisect step`: one kernel judged in the exit codes that `git bisect run` reads.

use std::time::Instant;

use kernrig_bisect::{Seen, Tally, Verdict};

use super::args::StepArgs;
use super::question::Question;
use super::{options, passes};
use crate::args::{Global, KernelChoice};
use crate::failure::Failure;
use crate::laboratory::Laboratory;
use crate::machine;
use crate::matrix::{self, Matrix};
use crate::out_dir::OutDir;
use crate::signals::Signals;
use crate::stdout;

/// `git bisect run`: the commit is left out.
const UNJUDGED: u8 = 125;
/// `git bisect run`: above 127 all of it stops. Any other failure's code would be taken for a verdict.
pub(crate) const STOP: u8 = 255;

/// Judges a kernel.
pub(crate) fn step(global: &Global, args: &StepArgs) -> u8 {
    match judge(global, args) {
        Ok(verdict) => {
            let (word, why, code) = match verdict {
                Verdict::Good => ("good", String::new(), u8::from(args.fix)),
                Verdict::Bad(what) => ("bad", format!(": {what}"), u8::from(!args.fix)),
                Verdict::Unjudged(why) => ("cannot be judged", format!(": {why}"), UNJUDGED),
            };
            stdout::line(format!("{word}{why}"));
            code
        }
        Err(failure) => {
            stdout::note(format!("error: {failure}"));
            STOP
        }
    }
}

fn judge(global: &Global, args: &StepArgs) -> Result<Verdict, Failure> {
    let started = Instant::now();
    let benign = matrix::benign(global)?;
    let qemu = machine::qemu()?;
    let matrix = Matrix::load(global, false)?;
    let question = Question::new(global, &matrix, &args.question)?;
    // One kernel of the many that git will ask about shares the doubt with about as many as halvings are usual.
    let needed = passes(&args.question, 16)?;
    let choice = KernelChoice { kernels: vec![args.kernel.clone()], group: None };
    let mut candidates = matrix.choose(&choice)?;
    if candidates.len() != 1 {
        return Err(Failure::new(format!("--kernel {}: {} kernels", args.kernel, candidates.len()))
            .next("a step judges one: name its build tree"));
    }
    let mut candidate = candidates.remove(0);
    let kernel = match candidate.get() {
        Ok(kernel) => kernel,
        Err(reason) => return Ok(Verdict::Unjudged(reason)),
    };
    let signals = Signals::install().map_err(|e| Failure::new(format!("cannot take over signals: {e}")))?;
    let options = options(&args.question, &question, qemu, benign, started);
    let out = OutDir::open(&args.question.out)?;
    let mut laboratory = Laboratory::open(global, &matrix.screen, signals, out, options)?;
    let mut tally = Tally::default();
    let verdict = loop {
        if let Some(verdict) = tally.verdict(needed) {
            break Ok(verdict);
        }
        let seen = match question.suite(&candidate, kernel.clone()) {
            Ok(suite) => laboratory.run(vec![suite]).map(|outcomes| question.seen(&outcomes)),
            Err(reason) => Ok(Seen::Unjudged(reason)),
        };
        if let Some(what) = laboratory.stopped() {
            break Err(Failure::new(format!("stopped by {what}")));
        }
        match seen {
            Ok(seen) => tally.tries.push(seen),
            Err(failure) => break Err(failure),
        }
    };
    let (_, closed) = laboratory.close(Ok(()));
    verdict.and_then(|verdict| closed.map(|()| verdict))
}
