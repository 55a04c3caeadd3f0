//! The search at work: fetches, boots and judges one kernel after the other, each verdict on disk before the next.

use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use kernrig_bisect::{Ends, Mark, Next, Search, Seen, Tally, Verdict};
use kernrig_kernels::Kernel;

use super::line::{Line, Stop};
use super::question::Question;
use super::state::{self, State};
use crate::failure::Failure;
use crate::laboratory::Laboratory;
use crate::resolve;
use crate::screen::Screen;

/// All that a search needs.
pub(crate) struct Drive<'a> {
    pub(crate) line: &'a Line,
    pub(crate) question: &'a Question,
    pub(crate) laboratory: Laboratory,
    pub(crate) state: State,
    /// Passes that make a kernel good.
    pub(crate) needed: u32,
    pub(crate) screen: &'a Screen,
}

/// A search that came to its end.
pub(crate) struct Searched {
    pub(crate) next: Next,
    /// What was tried, in order: place in the line, what it has shown, its verdict.
    pub(crate) tried: Vec<(usize, Tally, Verdict)>,
    /// Kernels that were booted, and how often.
    pub(crate) boots: usize,
}

impl Drive<'_> {
    /// Searches the line to its end.
    pub(crate) fn search(&mut self, ends: Ends) -> Result<Searched, Failure> {
        let mut search = Search::new(self.line.stops.len(), ends)
            .ok_or_else(|| Failure::new("a line of less than two kernels; this is a bug in kernrig"))?;
        let mut searched = Searched { next: search.next(), tried: Vec::new(), boots: 0 };
        if self.state.tried() > 0 {
            self.screen.line(format!("goes on with {} kernels that an earlier call has tried", self.state.tried()));
        }
        while let Next::Try(at) = searched.next {
            let stop = &self.line.stops[at];
            let (tally, verdict) = self.judge(stop, &mut searched.boots)?;
            let mark = match (&verdict, self.line.fix) {
                (Verdict::Unjudged(_), _) => Mark::Skipped,
                (Verdict::Good, false) | (Verdict::Bad(_), true) => Mark::Old,
                (Verdict::Good, true) | (Verdict::Bad(_), false) => Mark::New,
            };
            search.mark(at, mark);
            searched.next = search.next();
            let (word, why) = match &verdict {
                Verdict::Good => ("good", String::new()),
                Verdict::Bad(what) => ("bad", format!(": {what}")),
                Verdict::Unjudged(why) => ("cannot be judged", format!(": {why}")),
            };
            let left = if matches!(searched.next, Next::Try(_)) {
                format!("; at most {} more to try", search.most_left())
            } else {
                String::new()
            };
            self.screen.line(format!("{word} {}{why}{left}", stop.show()));
            searched.tried.push((at, tally, verdict));
        }
        Ok(searched)
    }

    /// Tries a kernel until it is judged.
    fn judge(&mut self, stop: &Stop, boots: &mut usize) -> Result<(Tally, Verdict), Failure> {
        let listed = stop.set.as_ref().map(|set| {
            let packages: Vec<_> = set.packages.iter().map(|p| (p.name.clone(), p.sha256.clone())).collect();
            state::made_of(&stop.version, &packages)
        });
        // What an archive has is known by its hash, and need not be fetched to be known again.
        if let Some(made_of) = &listed {
            let tally = self.state.tally(stop.name(), made_of);
            if let Some(verdict) = tally.verdict(self.needed) {
                return Ok((tally, verdict));
            }
        }
        let kernel = match self.get(stop)? {
            Ok(kernel) => kernel,
            Err(reason) => return Ok(self.unjudged(Seen::Harness(format!("not to be had: {reason}")))),
        };
        let made_of = listed.unwrap_or_else(|| state::made_of_files(&stop.version, &kernel));
        let mut tally = self.state.tally(stop.name(), &made_of);
        loop {
            if let Some(verdict) = tally.verdict(self.needed) {
                return Ok((tally, verdict));
            }
            let seen = match self.question.suite(&stop.candidate, kernel.clone()) {
                Ok(suite) => {
                    *boots += 1;
                    let outcomes = self.laboratory.run(vec![suite])?;
                    self.go_on()?;
                    self.question.seen(&outcomes)
                }
                Err(reason) => Seen::Unjudged(reason),
            };
            tally.tries.push(seen);
            self.state.keep(stop.name(), &made_of, &tally)?;
        }
    }

    fn unjudged(&self, seen: Seen) -> (Tally, Verdict) {
        let tally = Tally { tries: vec![seen] };
        let verdict = tally.verdict(self.needed).unwrap_or(Verdict::Good);
        (tally, verdict)
    }

    /// Fetches a kernel, and stops waiting for it when the user has had enough.
    fn get(&self, stop: &Stop) -> Result<Result<Kernel, String>, Failure> {
        self.go_on()?;
        let inbox = resolve::fetch(vec![stop.candidate.clone()]);
        let cancel = self.laboratory.cancel();
        loop {
            match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok((_, result)) => return Ok(result),
                Err(RecvTimeoutError::Timeout) if !cancel.load(Ordering::Relaxed) => {}
                Err(RecvTimeoutError::Timeout) => self.go_on()?,
                // The thread has said itself what it panicked of.
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Err("fetching it failed without a reason; this is a bug in kernrig".to_owned()));
                }
            }
        }
    }

    /// An interruption is no verdict: what was seen of the last boot is not kept.
    fn go_on(&self) -> Result<(), Failure> {
        match self.laboratory.stopped() {
            Some(what) => Err(Failure::new(format!("stopped by {what}"))
                .next("what was found out is kept: the same command goes on from there")),
            None => Ok(()),
        }
    }
}
