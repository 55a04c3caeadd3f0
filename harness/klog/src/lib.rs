//! Kernel console text in, reports out: titles, signatures, call traces. No I/O, no clock, no panics.
//!
//! Feed a [`Stream`] as the console speaks, or [`parse`] a whole log. The rules are data (`table.rs`), the functions
//! that are never to blame too (`machinery.rs`); adding an oops is told in `docs/adding-an-oops.md`.

mod lines;
mod machinery;
mod naming;
mod open;
mod report;
mod rule;
mod rules;
mod search;
mod stream;
mod table;
mod trace;
mod wording;

pub use report::{Benign, Report, Severity, StackFrame};
pub use stream::{Found, Stream, parse};

/// Every kind that a report can be of, each once.
#[must_use]
pub fn kinds() -> std::collections::BTreeSet<&'static str> {
    table::RULES.iter().map(|rule| rule.kind).collect()
}
