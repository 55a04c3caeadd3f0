//! `kernrig kernels list`: each kernel with its group, what it resolves to, and whether it is here already.

use std::sync::mpsc::channel;

use kernrig_kernels::archive::{PackageSpec, Resolution};
use kernrig_kernels::lock::Pin;
use kernrig_kernels::manifest::{KernelEntry, Source};

use crate::args::{Global, KernelChoice};
use crate::candidate::{Candidate, Origin};
use crate::failure::{Failure, chain};
use crate::matrix::Matrix;
use crate::stdout;

/// Prints the kernels that were asked for, else all; asks archives side by side, prints in order.
pub(super) fn list(global: &Global, choice: &KernelChoice) -> Result<u8, Failure> {
    let matrix = Matrix::load(global, false)?;
    if choice.kernels.is_empty() {
        let group = choice.group.as_deref();
        matrix.known_group(group)?;
        let entries = matrix.manifest.kernels.iter().filter(|e| group.is_none_or(|g| e.groups.iter().any(|x| x == g)));
        in_order(&entries.collect::<Vec<_>>(), |entry| of_entry(&matrix, entry, global.verbose));
    } else {
        in_order(&matrix.choose(choice)?, |candidate| vec![of_candidate(&matrix, candidate, "")]);
    }
    Ok(0)
}

/// Works on all side by side, for each may wait for an archive of its own, and prints in the order given.
fn in_order<T: Sync>(all: &[T], work: impl Fn(&T) -> Vec<String> + Sync) {
    std::thread::scope(|scope| {
        let work = &work;
        let waiting: Vec<_> = all
            .iter()
            .map(|one| {
                let (sender, lines) = channel();
                scope.spawn(move || sender.send(work(one)));
                lines
            })
            .collect();
        for lines in waiting {
            // A thread that panicked has said so itself.
            lines.recv().unwrap_or_default().into_iter().for_each(stdout::line);
        }
    });
}

fn of_entry(matrix: &Matrix, entry: &KernelEntry, verbose: bool) -> Vec<String> {
    let group = entry.groups.join(",");
    let (Source::Newest(spec) | Source::Every(spec)) = &entry.source else {
        return matrix.candidates(entry).iter().map(|candidate| of_candidate(matrix, candidate, &group)).collect();
    };
    let pin = matrix.lock.get(&entry.name);
    match matrix.archives.resolve(spec) {
        Ok(resolution) => of_resolution(matrix, entry, &resolution, pin, verbose),
        // A pin needs no archive when it is here already.
        Err(e) => match pin.filter(|pin| matrix.archives.is_cached(pin)) {
            Some(pin) => vec![row(&entry.name, &group, &pin.describe(), "cached, pinned")],
            None => vec![row(&entry.name, &group, &family(spec), &format!("not to be had: {}", chain(&e)))],
        },
    }
}

fn of_resolution(
    matrix: &Matrix,
    entry: &KernelEntry,
    found: &Resolution,
    pin: Option<&Pin>,
    verbose: bool,
) -> Vec<String> {
    let group = entry.groups.join(",");
    let every = matches!(entry.source, Source::Every(_));
    let mut lines = Vec::new();
    if let Some(pin) = pin.filter(|_| !every) {
        let newer = found.chosen().filter(|set| set.packages != pin.packages);
        let newer = newer.map_or_else(String::new, |set| format!("; {} is newest", set.version()));
        lines.push(row(&entry.name, &group, &pin.describe(), &format!("{}, pinned{newer}", here(matrix, pin))));
    } else {
        for set in found.complete.iter().take(if every { usize::MAX } else { 1 }) {
            let pin = Pin { seen: String::new(), packages: set.packages.clone() };
            lines.push(row(&entry.name_of(set.name()), &group, &pin.describe(), here(matrix, &pin)));
        }
        if found.complete.is_empty() {
            lines.push(row(&entry.name, &group, "-", "not to be had: no complete version"));
        }
    }
    lines.extend(found.notes.iter().map(|note| format!("  note: {note}")));
    if verbose {
        let incomplete = found.incomplete.iter();
        lines.extend(
            incomplete.map(|i| format!("  incomplete: {} {} lacks {}", i.name, i.version, i.missing.join(", "))),
        );
    } else if !found.incomplete.is_empty() {
        lines.push(format!("  {} incomplete, never chosen (-v lists them)", found.incomplete.len()));
    }
    lines
}

fn of_candidate(matrix: &Matrix, candidate: &Candidate, group: &str) -> String {
    let name = &candidate.name;
    match &candidate.origin {
        Origin::Newest(spec, None) => match matrix.archives.resolve(spec) {
            Ok(found) => match found.chosen() {
                Some(set) => {
                    let pin = Pin { seen: String::new(), packages: set.packages.clone() };
                    row(name, group, &pin.describe(), here(matrix, &pin))
                }
                None => row(name, group, &family(spec), "not to be had: no complete version"),
            },
            Err(e) => row(name, group, &family(spec), &format!("not to be had: {}", chain(&e))),
        },
        Origin::Newest(_, Some(pin)) => row(name, group, &pin.describe(), &format!("{}, pinned", here(matrix, pin))),
        Origin::Set(set) => {
            let pin = Pin { seen: String::new(), packages: set.packages.clone() };
            row(name, group, &pin.describe(), here(matrix, &pin))
        }
        Origin::Failed(reason) => row(name, group, "-", &format!("not to be had: {reason}")),
        Origin::Urls(urls) => row(name, group, urls.first().map_or("-", |u| &u.url), "by URL"),
        Origin::Image(_) | Origin::Path(_) | Origin::Packages(_) => match candidate.clone().get() {
            Ok(kernel) => row(name, group, &kernel.release, "on this machine"),
            Err(reason) => row(name, group, "-", &format!("not to be had: {reason}")),
        },
    }
}

fn here(matrix: &Matrix, pin: &Pin) -> &'static str {
    if matrix.archives.is_cached(pin) { "cached" } else { "to be fetched" }
}

fn family(spec: &PackageSpec) -> String {
    format!("{} of {}", spec.name, spec.archive)
}

fn row(name: &str, group: &str, what: &str, state: &str) -> String {
    format!("{name:<22} {group:<8} {what:<58} {state}")
}
