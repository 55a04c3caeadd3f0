//! Each file under `cases/` is a console log with what klog must make of it; adding an oops is adding a file.
//!
//! Header: for each report in order `title:`, `kind:`, `severity:` and, where wanted, `signature:`, `task:`, `taint:`,
//! `corrupted:` (`yes`; no is what is meant without) and `frame:` (innermost first, each given must be there in this order). A blank line, then the log. No header: silence.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use kernrig_klog::{Report, Stream, parse};

#[derive(Debug, Default)]
struct Wanted {
    title: String,
    fields: Vec<(String, String)>,
}

fn cases() -> Vec<(String, Vec<Wanted>, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let (head, log) = match text.strip_prefix('\n') {
                Some(log) => ("", log),
                None => text.split_once("\n\n").unwrap_or_else(|| panic!("{}: no blank line", path.display())),
            };
            let mut wanted: Vec<Wanted> = Vec::new();
            for line in head.lines() {
                let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{}: {line:?}", path.display()));
                match (key, wanted.last_mut()) {
                    ("title", _) => wanted.push(Wanted { title: value.into(), fields: Vec::new() }),
                    (_, Some(last)) => last.fields.push((key.into(), value.into())),
                    _ => panic!("{}: {key} before the first title", path.display()),
                }
            }
            (path.file_name().unwrap().to_string_lossy().into_owned(), wanted, log.to_owned())
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(cases.len() > 20);
    cases
}

fn check(case: &str, wanted: &[Wanted], got: &[Report]) {
    let titles: Vec<_> = got.iter().map(|r| r.title.as_str()).collect();
    assert_eq!(titles, wanted.iter().map(|w| w.title.as_str()).collect::<Vec<_>>(), "{case}");
    for (wanted, got) in wanted.iter().zip(got) {
        let mut frames = got.frames.iter();
        for (key, value) in &wanted.fields {
            let is = match key.as_str() {
                "kind" => got.kind.clone(),
                "severity" => format!("{:?}", got.severity).to_lowercase(),
                "signature" => got.signature.clone(),
                "corrupted" => if got.corrupted { "yes" } else { "no" }.to_owned(),
                "task" => got.task.clone().unwrap_or_default(),
                "taint" => got.taint.clone().unwrap_or_default(),
                "frame" => frames.find(|f| *f == value).cloned().unwrap_or_else(|| format!("not in {:?}", got.frames)),
                _ => panic!("{case}: {key} is no key of a case"),
            };
            assert_eq!((key, &is), (key, value), "{case}: {got:#?}");
        }
        let corrupted = wanted.fields.iter().any(|(key, value)| key == "corrupted" && value == "yes");
        assert_eq!(got.corrupted, corrupted, "{case}: {got:#?}");
        assert!(!got.text.contains(|c: char| c.is_control() && c != '\n'), "{case}");
    }
}

#[test]
fn each_case_gets_its_titles() {
    for (case, wanted, log) in cases() {
        check(&case, &wanted, &parse(&log));
    }
}

#[test]
fn where_the_stream_is_cut_makes_no_difference() {
    for (case, _, log) in cases() {
        let whole = parse(&log);
        for size in [1, 7, 64] {
            let mut stream = Stream::new();
            let mut got: Vec<_> = log.as_bytes().chunks(size).flat_map(|chunk| stream.push(chunk)).collect();
            got.extend(stream.finish());
            assert_eq!(got.into_iter().map(|f| f.report).collect::<Vec<_>>(), whole, "{case} in pieces of {size}");
        }
    }
}

#[test]
fn timestamps_priorities_and_line_ends_make_no_difference() {
    for (case, wanted, log) in cases() {
        let dressed: String = log.lines().map(|line| format!("<4>{line}\r\n")).collect();
        check(&format!("{case}, with <4> and CRLF"), &wanted, &parse(&dressed));
        let bare: String = log
            .lines()
            .map(|line| if line.starts_with('[') { line.split_once("] ").map_or("", |(_, rest)| rest) } else { line })
            .map(|line| format!("{line}\n"))
            .collect();
        if !case.contains("run-together") && !log.contains("][ ") && !case.starts_with("lockdep-old") {
            check(&format!("{case}, bare"), &wanted, &parse(&bare));
        }
    }
}

#[test]
fn line_numbers_count_newlines_from_the_start() {
    for (case, wanted, log) in cases() {
        let mut stream = Stream::new();
        let lead = "boot\n".repeat(1000);
        let mut found = stream.push(lead.as_bytes());
        found.extend(stream.push(log.as_bytes()));
        found.extend(stream.finish());
        assert_eq!(found.len(), wanted.len(), "{case}");
        let lines = 1000 + log.lines().count() as u64;
        for found in found {
            assert!(
                1000 <= found.first_line && found.first_line <= found.last_line && found.last_line < lines,
                "{case}"
            );
            let first = log.lines().nth((found.first_line - 1000) as usize).unwrap();
            assert!(
                found.report.text.starts_with(first.trim_start_matches("<4>"))
                    || first.contains(found.report.text.lines().next().unwrap()),
                "{case}"
            );
        }
    }
}
