//! `kernrig qualify`: a kernel beside another, or beside a run of it: what is new, what is gone, and why.

pub(crate) mod args;
mod changelog;
mod live;
mod pairing;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use kernrig_compare::{Qualification, Record, human, markdown};
use kernrig_kernels::whole;
use kernrig_known::List;
use kernrig_report::{jsonl, terminal};

use crate::args::Global;
use crate::failure::Failure;
use crate::{known_issues, stdout};
use args::{QualifyArgs, QualifyFormat};
use pairing::Pairing;

/// Longest line of a guest's that is printed.
const WIDEST: usize = 600;

pub(crate) fn qualify(global: &Global, args: &QualifyArgs) -> Result<u8, Failure> {
    let baseline = args.baseline.as_deref().map(record).transpose()?;
    let qualification = match (baseline, &args.run) {
        (Some(baseline), Some(run)) => of_records(&baseline, &record(run)?, &known_issues::load(global)?.1)?,
        (baseline, _) => live::qualify(global, args, baseline)?,
    };
    let json = serde_json::to_string_pretty(&qualification)
        .map_err(|e| Failure::new(format!("the result cannot be written as JSON: {e}")))?;
    let page = markdown(&qualification);
    write(&args.out, "qualify.json", &json)?;
    write(&args.out, "qualify.md", &page)?;
    match args.format {
        QualifyFormat::Json => stdout::line(json),
        QualifyFormat::Markdown => stdout::line(page.trim_end()),
        QualifyFormat::Human => {
            let text = human(&qualification);
            let tidy = |line: &str| {
                let bare = line.trim_start_matches(' ');
                format!("{}{}", &line[..line.len() - bare.len()], terminal::clean_line(bare, WIDEST))
            };
            stdout::line(format!("\n{}", text.lines().map(tidy).collect::<Vec<_>>().join("\n")));
        }
    }
    Ok(qualification.exit_code)
}

/// Two runs that were made already.
fn of_records(baseline: &Record, candidate: &Record, known: &List) -> Result<Qualification, Failure> {
    let pairings = pairing::pairings(baseline, candidate)?;
    let mut notes = vec!["nothing was booted: what differs was not repeated".to_owned()];
    let mut pairs = Vec::new();
    let mut undecided = None;
    for pairing in &pairings {
        let (pair, more) = pairing.compare()?;
        undecided = undecided.or_else(|| pairing.undecided());
        notes.extend(more);
        pairs.push(pair);
    }
    pairs.iter_mut().for_each(|pair| Pairing::explain(pair, known));
    notes.dedup();
    Ok(Qualification::new(pairs, notes, undecided))
}

/// Reads a run: its folder, or the file in it.
fn record(run: &Path) -> Result<Record, Failure> {
    let file = if run.is_dir() { run.join("results.jsonl") } else { run.to_owned() };
    let failed = |what: String| {
        Failure::new(format!("{}: {what}", file.display()))
            .next("a run is the folder that `kernrig run --out DIR` wrote, or the results.jsonl in it")
    };
    let events = File::open(&file).map_err(|e| failed(e.to_string()))?;
    let events = jsonl::read(BufReader::new(events)).map_err(|e| failed(e.to_string()))?;
    let record = Record::of(&events);
    if record.outcomes.is_empty() { Err(failed("no test has a verdict in it".to_owned())) } else { Ok(record) }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = folder.join(name);
    fs::create_dir_all(folder).and_then(|()| whole::write(&path, text.as_bytes())).map_err(|e| {
        Failure::new(format!("cannot write {}: {e}", path.display())).next("choose another folder with --out DIR")
    })
}
