//! Kernel console text in, reports out: titles, signatures, call traces. No I/O, no clock, no panics.

mod report;

pub use report::{Report, Severity};
