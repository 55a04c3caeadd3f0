//! `kernrig kernels`: the kernels of the matrix and of the cache.

mod add;
mod cache;
mod fetch;
mod list;
mod lock;

use crate::args::{Global, KernelsCommand};
use crate::failure::Failure;

pub(crate) fn kernels(global: &Global, command: &KernelsCommand) -> Result<u8, Failure> {
    match command {
        KernelsCommand::List(choice) => list::list(global, choice),
        KernelsCommand::Fetch(choice) => fetch::fetch(global, choice),
        KernelsCommand::Lock { update, kernels } => lock::lock(global, kernels, *update),
        KernelsCommand::Du => cache::du(global),
        KernelsCommand::Prune { unused_for } => cache::prune(global, *unused_for),
        KernelsCommand::Add { name, path } => add::add(global, name, path),
    }
}
