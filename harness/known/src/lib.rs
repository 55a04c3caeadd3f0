//! Bugs that kernels are known to have: which, where, how they show, and what a verdict is worth in their light.
//!
//! [`Overlay::lay`] turns a failure that fits an issue into `known`, and a pass where one always shows into
//! `unexpected-pass`. Nothing here knows the time or a file: the day and the text of the list come from outside.

mod affected;
mod check;
mod date;
mod draft;
mod facts;
mod issue;
mod list;
mod overlay;

pub use check::{Finding, Surroundings, check};
pub use date::Date;
pub use draft::draft;
pub use facts::Facts;
pub use issue::{Issue, Shows};
pub use list::{Error, List, SHIPPED};
pub use overlay::{Laid, Overlay};
