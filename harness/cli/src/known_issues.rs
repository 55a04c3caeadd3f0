//! The list of known issues in use, and the day on which it is read.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use kernrig_known::{Date, List, Overlay};

use crate::args::Global;
use crate::failure::Failure;

/// Name of the list.
pub(crate) const FILE: &str = "known-issues.toml";

/// What to lay over verdicts; nothing with `--no-known`.
pub(crate) fn overlay(global: &Global) -> Result<Overlay, Failure> {
    if global.no_known {
        return Ok(Overlay::none());
    }
    Ok(Overlay::new(load(global)?.1, today()))
}

/// `known-issues.toml` beside the matrix in use, else in the current folder, else what is compiled in (without a path).
pub(crate) fn load(global: &Global) -> Result<(Option<PathBuf>, List), Failure> {
    let beside = global.config.as_deref().and_then(Path::parent).map(|folder| folder.join(FILE));
    let file = beside.filter(|file| file.exists()).unwrap_or_else(|| PathBuf::from(FILE));
    // A dangling link is a list that cannot be read, and not one that is not there.
    if file.symlink_metadata().is_err() {
        let shipped = List::shipped().map_err(|e| {
            Failure::new(format!("the known issues that are compiled in: {e}")).next("--no-known does without")
        })?;
        return Ok((None, shipped));
    }
    let wrong = |what: String| {
        Failure::new(format!("{}: {what}", file.display()))
            .next("mend it, or move it away: then the list that is compiled in holds; --no-known does without")
    };
    let text = std::fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
    let list = List::parse(&text).map_err(|e| wrong(e.to_string()))?;
    Ok((Some(file), list))
}

/// The day, in UTC.
pub(crate) fn today() -> Date {
    Date::of_unix(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
