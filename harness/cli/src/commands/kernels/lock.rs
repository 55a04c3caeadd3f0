//! `kernrig kernels lock`: what the kernels of the matrix resolve to, pinned in `kernels.lock`.

use kernrig_kernels::archive::PackageSpec;

use crate::args::{Global, KernelChoice};
use crate::candidate::Origin;
use crate::failure::{Failure, chain};
use crate::matrix::Matrix;
use crate::stdout;

/// Pins what is not pinned yet; with `update` everything that was asked for, anew.
pub(super) fn lock(global: &Global, choice: &KernelChoice, update: bool) -> Result<u8, Failure> {
    let (mut matrix, unsound) =
        if update { Matrix::load_to_lock_anew(global)? } else { (Matrix::load(global, false)?, None) };
    let newest = matrix.choose(choice)?.into_iter().filter_map(|candidate| match candidate.origin {
        Origin::Newest(spec, pin) if update || pin.is_none() => Some((candidate.name, spec)),
        _ => None,
    });
    let entries: Vec<(String, PackageSpec)> = newest.collect();
    let mut lock = std::mem::take(&mut matrix.lock);
    lock.retain(|name| matrix.manifest.kernels.iter().any(|entry| entry.name == name));
    let (moved, errors) = matrix.archives.update(&entries, &mut lock);
    let path = matrix.lock_file();
    if let Some(reason) = &unsound {
        if moved.is_empty() {
            errors.iter().for_each(|error| stdout::note(format!("error: {}", chain(error))));
            return Err(Failure::new(reason.clone()).next("nothing was resolved in its place: it stays as it is"));
        }
        stdout::note(format!("warning: {reason}"));
        stdout::note(format!("  {} is written anew, with what was asked for and nothing else", path.display()));
    }
    lock.save(&path).map_err(|e| Failure::new(chain(&e)))?;
    moved.iter().for_each(|moved| stdout::line(moved.to_string()));
    if moved.is_empty() && errors.is_empty() {
        stdout::line(format!("{}: nothing moved", path.display()));
    }
    errors.iter().for_each(|error| stdout::note(format!("error: {}; its pin stays as it is", chain(error))));
    Ok(if errors.is_empty() { 0 } else { 2 })
}
