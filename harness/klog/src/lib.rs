//! Kernel console text in, reports out: titles, signatures, call traces. No I/O, no clock, no panics.
//!
//! Feed a [`Stream`] as the console speaks, or [`parse`] a whole log. The rules are data (`rules.rs`), the functions
//! that are never to blame too (`machinery.rs`); adding an oops is told in `docs/adding-an-oops.md`.

mod lines;
mod machinery;
mod naming;
mod report;
mod rules;
mod stream;
mod trace;

pub use report::{Report, Severity};
pub use stream::{Found, Stream, parse};
