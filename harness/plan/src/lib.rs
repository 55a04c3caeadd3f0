//! Which cells a run has and which are skipped, and what a cell's evidence is worth: decided without touching a VM.
//!
//! [`Suite::plan`] lays the catalog's needs over a kernel and a variant before anything boots; [`judge`] turns what
//! was seen of a cell into its verdict. Both are pure.

mod benign;
mod judge;
mod ktap;
mod near;
mod needs;
mod params;
mod payload;
mod selection;
mod suite;
mod taint;

pub use benign::{BenignError, BenignList, SHIPPED_BENIGN};
pub use judge::{Answer, Evidence, Fate, judge, unresponsive_by_itself};
pub use kernrig_kernels::manifest::Reading;
pub use ktap::KtapResults;
pub use near::names as near;
pub use params::{ParamError, Params};
pub use payload::payload_test;
pub use selection::{Selection, SelectionError};
pub use suite::{BOOT, Cell, Decision, END, Suite, Variant};
pub use taint::Taint;
