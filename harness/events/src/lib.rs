//! What happens in a run, as data: verdicts, cells, events. Producers and reporters share it; it does nothing itself.

mod event;
mod verdict;

pub use event::{Attempt, CellId, Event, KernelInfo, Outcome, PackageInfo, Subtest, SubtestResult, place};
pub use verdict::{Class, Verdict};
