//! What the changelog of a package says between a candidate and its baseline.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use kernrig_bisect::{Entry, between};
use kernrig_compare::{Changelog, Facts};
use kernrig_kernels::Kernel;
use kernrig_kernels::archive::{PackageSet, compare_versions};

use super::pairing::known_as;
use crate::candidate::{Candidate, Origin};
use crate::failure::chain;

/// A kernel on this machine, and how it was had.
type AtHand = (Candidate, Arc<Kernel>);

/// The changelog between two kernels, and its text; `None` where they are not of one source.
///
/// # Errors
/// Why that of the younger is not to be had.
pub(crate) fn changelog(
    (was, baseline): (&Facts, Option<&AtHand>),
    (now, candidate): (&Facts, Option<&AtHand>),
) -> Result<Option<(Changelog, String)>, String> {
    let (before, after) = (known_as(was), known_as(now));
    let (Some((flavour, before)), Some((other, after))) = (before.package(), after.package()) else { return Ok(None) };
    let order = compare_versions(before, after);
    if order == Ordering::Equal || flavour != other {
        return Ok(None);
    }
    let backwards = order == Ordering::Greater;
    let (from, to, younger) = if backwards { (after, before, baseline) } else { (before, after, candidate) };
    let Some((candidate, kernel)) = younger else { return Ok(None) };
    let Some(text) = kept_or_fetched(candidate, kernel)? else { return Ok(None) };
    let entries = between(&text, from, to, compare_versions);
    // One that does not reach back to the older version is of another making, or was cut.
    if entries.is_empty() || between(&text, "0", from, compare_versions).is_empty() {
        return Ok(None);
    }
    let lines = entries.iter().map(|entry: &Entry| (entry.version.as_str(), entry.lines.as_slice()));
    let mut log = Changelog::new(from, to, lines);
    log.backwards = backwards;
    let mut all = format!("{} against {}: from {from} to {to}\n\n", now.name, was.name);
    for entry in &entries {
        // Writing to a String does not fail.
        let _ = writeln!(all, "{}\n", entry.lines.join("\n"));
    }
    Ok(Some((log, all)))
}

fn kept_or_fetched(candidate: &Candidate, kernel: &Kernel) -> Result<Option<String>, String> {
    if let Some(text) = kernel.changelog().map_err(|e| e.to_string())? {
        return Ok(Some(text));
    }
    let Some(archives) = &candidate.archives else { return Ok(None) };
    let set = match &candidate.origin {
        Origin::Set(set) => set.clone(),
        Origin::Newest(_, Some(pin)) => PackageSet { packages: pin.packages.clone() },
        Origin::Newest(spec, None) => {
            let found = archives.resolve(spec).map_err(|e| chain(&e))?;
            let version = kernel.packages.first().map(|package| package.version.as_str());
            match found.complete.into_iter().find(|set| Some(set.version()) == version) {
                Some(set) => set,
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    archives.changelog(&set).map_err(|e| chain(&e))
}
