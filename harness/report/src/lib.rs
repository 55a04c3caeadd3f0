//! Events in, reports out: JUnit, JSON lines, terminal text. Consumes events only and never touches the OS.

pub mod jsonl;
mod junit;
mod model;
mod sightings;
pub mod terminal;
mod xml;

pub use junit::junit;
pub use model::{Model, Suite, Unavailable};
