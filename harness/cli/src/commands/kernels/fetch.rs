//! `kernrig kernels fetch`: kernels into the cache, so that a later run needs no network.

use crate::args::{Global, KernelChoice};
use crate::failure::Failure;
use crate::matrix::Matrix;
use crate::resolve;

/// Fetches what was asked for, else the default group; 2 if a kernel is not to be had.
pub(super) fn fetch(global: &Global, choice: &KernelChoice) -> Result<u8, Failure> {
    let matrix = Matrix::load(global, false)?;
    let candidates = matrix.choose(choice)?;
    let mut code = 0;
    for (candidate, result) in resolve::fetch(candidates) {
        match result {
            Ok(kernel) => {
                let from: Vec<String> = kernel.packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
                matrix.screen.line(format!("{} is {} ({})", candidate.name, kernel.release, from.join(", ")));
                kernel.notes.iter().for_each(|note| matrix.screen.line(format!("  note: {note}")));
            }
            Err(reason) => {
                code = if candidate.optional { code } else { 2 };
                matrix.screen.line(format!("no kernel {}: {reason}", candidate.name));
            }
        }
    }
    matrix.screen.clear();
    Ok(code)
}
