//! `kernrig known add`: an entry drafted from a cell of a run.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use kernrig_events::place;
use kernrig_known::{Facts, draft};
use kernrig_report::{Model, jsonl};

use crate::failure::Failure;
use crate::stdout;

/// Most cells that are told of.
const MOST: usize = 10;

pub(super) fn add(cell: &str, out: &Path) -> Result<u8, Failure> {
    let path = out.join("results.jsonl");
    let unread = |why: String| {
        Failure::new(format!("{}: {why}", path.display())).next("name the folder of a run with --out DIR")
    };
    let file = File::open(&path).map_err(|e| unread(e.to_string()))?;
    let events = jsonl::read(BufReader::new(file)).map_err(|e| unread(e.to_string()))?;
    let model = Model::of(&events);
    let name = |outcome: &kernrig_events::Outcome| {
        format!("{}/{}", place(&outcome.cell.kernel, &outcome.cell.variant), outcome.cell.test)
    };
    let facts = |kernel: &str| {
        let info = model.kernel(kernel);
        let packages = info.into_iter().flat_map(|info| &info.packages);
        Facts::new(
            info.map_or("", |info| &info.release),
            packages.map(|package| (package.name.as_str(), package.version.as_str())),
        )
    };
    let drafted = |outcome: &kernrig_events::Outcome| draft(outcome, &facts(&outcome.cell.kernel));
    // A path may be the name of a kernel, so names are compared whole. Of a cell that ran twice a failure is wanted.
    let mut ran = model.outcomes().filter(|outcome| name(outcome) == cell).peekable();
    if ran.peek().is_none() {
        let failed: Vec<String> = model.outcomes().filter(|o| drafted(o).is_some()).map(name).take(MOST).collect();
        let there = if failed.is_empty() {
            "no cell failed in it".to_owned()
        } else {
            format!("failed: {}", failed.join(", "))
        };
        return Err(Failure::new(format!("--from {cell}: {} has no such cell", path.display())).next(there));
    }
    match ran.find_map(drafted) {
        Some(text) => stdout::line(text.trim_end()),
        None => {
            return Err(Failure::new(format!("--from {cell}: it did not fail, so there is nothing to expect of it")));
        }
    }
    Ok(0)
}
