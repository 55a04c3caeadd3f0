//! What a container engine, and kernrig itself, ask of a kernel: judged by version, build options and command line.
//!
//! The [`Table`] is data (`readiness.toml`), compiled in; [`Table::check`] lays it over a kernel. No I/O.

mod check;
mod report;
mod table;

pub use report::{Finding, GroupReport, Report, State, Warning};
pub use table::{KERNRIG, Table, TableError};

#[cfg(test)]
mod tests;
