//! Cells whose verdict is bad, run again: each alone in a fresh VM, with all that was seen before kept.

use std::collections::VecDeque;

use crate::suite::{Boot, BootFiles, Driver, Seen, keep_worse};

impl Driver<'_> {
    /// Runs each bad cell again until it is not bad, or as often as was asked for. Where there is no time left for it, or no
    /// VM comes up, the cell keeps the verdict that it has.
    pub(crate) fn run_again(&self, files: &BootFiles, seen: &mut Seen<'_>) {
        for _ in 0..self.settings.retries {
            for (cell, outcome) in std::mem::take(&mut seen.bad) {
                let longest = self.timing.boot() + self.timing.outer(cell);
                if self.limits.forbid(longest).is_some() {
                    return;
                }
                match self.boot(files) {
                    Boot::Up(session, vm) => {
                        seen.earlier = outcome.into_attempts();
                        self.run_in(*session, vm, &mut VecDeque::from([cell]), seen);
                        seen.earlier.clear();
                    }
                    Boot::Failed(boot) => keep_worse(&mut seen.boot, *boot),
                    Boot::Interrupted => return,
                }
            }
        }
    }
}
