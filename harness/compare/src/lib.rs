//! Two runs compared by cell and signature, and what could explain each difference; pure: no files, no VM, no clock.

mod cells;
mod changelog;
mod explain;
mod record;
mod repeats;
mod report;
mod state;

pub use cells::{Change, Difference, differences};
pub use changelog::Changelog;
pub use explain::{ConfigChange, Explainer, Facts, FactsDiff};
pub use record::{Record, comparable};
pub use repeats::{confirm, wants_repeats};
pub use report::{Pair, Qualification, human, markdown};
pub use state::{Kind, State};
