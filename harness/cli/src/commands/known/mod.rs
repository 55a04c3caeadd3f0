//! `kernrig known`: bugs that kernels are known to have.

mod add;
pub(crate) mod args;
mod check;
mod list;

use args::KnownCommand;

use crate::args::Global;
use crate::failure::Failure;

pub(crate) fn known(global: &Global, command: &KnownCommand) -> Result<u8, Failure> {
    match command {
        KnownCommand::List { kernels, format } => list::list(global, kernels, *format),
        KnownCommand::Check => check::check(global),
        KnownCommand::Add { cell, out } => add::add(cell, out),
    }
}
