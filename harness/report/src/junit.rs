//! JUnit: a suite per kernel × variant, each (classname, name) once, valid for the schemas Jenkins and Surefire read.
//!
//! `docs/junit.md` says which verdict becomes which element.

use std::collections::{BTreeMap, BTreeSet};

use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestResult, TestSuite};
use kernrig_events::{Outcome, Subtest, SubtestResult, Verdict, place};
use kernrig_klog::Report;

use crate::Model;
use crate::model::weight;
use crate::sightings::{Sighting, reports, sightings};
use crate::terminal::attempts;
use crate::xml;

/// A file is closed before it grows past this: GitLab refuses 30 MB, and some proxies 25.
const MAX_FILE: usize = 20 * 1024 * 1024;
/// Most bytes of console, and of reports, in one case.
const MAX_TEXT: usize = 128 * 1024;
/// Most characters of a message attribute, and of a name.
const MAX_MESSAGE: usize = 1000;
const MAX_NAME: usize = 200;
/// Longest time a case may claim: readers sum them.
const MAX_SECONDS: f64 = 30.0 * 24.0 * 3600.0;

/// The run as JUnit files: each with the suffix its name gets before the extension (empty for the first, then `-2`, …).
#[must_use]
pub fn junit(model: &Model) -> Vec<(String, Vec<u8>)> {
    let timestamp = i64::try_from(model.started_unix).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let timestamp = timestamp.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut files = Files::default();
    for (name, about, cases) in suites(model) {
        for part in parts(cases) {
            let suite = TestSuite {
                name: xml::attribute(&name, MAX_NAME),
                package: "kernrig".into(),
                timestamp,
                hostname: "localhost".into(),
                testcases: part,
                system_out: Some(xml::cdata(&xml::bounded(&about, MAX_TEXT))),
                system_err: None,
            };
            files.add(suite);
        }
    }
    files.close()
}

/// Files as they fill.
#[derive(Debug, Default)]
struct Files {
    done: Vec<Vec<u8>>,
    open: Vec<u8>,
    id: usize,
}

const PROLOG: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites>";
const EPILOG: &str = "</testsuites>\n";

impl Files {
    fn add(&mut self, suite: TestSuite) {
        let text = rendered(suite, self.id);
        self.id += 1;
        if !self.open.is_empty() && self.open.len() + text.len() + EPILOG.len() > MAX_FILE {
            self.end();
        }
        if self.open.is_empty() {
            self.open.extend_from_slice(PROLOG.as_bytes());
        }
        self.open.extend_from_slice(text.as_bytes());
    }

    fn end(&mut self) {
        if !self.open.is_empty() {
            self.open.extend_from_slice(EPILOG.as_bytes());
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    fn close(mut self) -> Vec<(String, Vec<u8>)> {
        self.end();
        if self.done.is_empty() {
            self.done.push(format!("{PROLOG}{EPILOG}").into_bytes());
        }
        let suffix = |at: usize| if at == 0 { String::new() } else { format!("-{}", at + 1) };
        self.done.into_iter().enumerate().map(|(at, file)| (suffix(at), file)).collect()
    }
}

/// One suite's element. `junit-report` 0.9 knows no `skipped` count (Surefire's schema requires it), numbers suites from 0 in
/// each file and ends the time stamp in `Z`, which the older schemas refuse: the start tag, which comes before any text of
/// a guest, is put right.
fn rendered(suite: TestSuite, id: usize) -> String {
    let skipped = suite.skipped();
    let mut bytes = Vec::new();
    // Writing to memory cannot fail; were it to, the part that was written still says what was lost.
    let failed = ReportBuilder::new().add_testsuite(suite).build().write_xml(&mut bytes).err();
    let text = String::from_utf8_lossy(&bytes);
    let inner = text.split_once("<testsuites>").map_or("", |(_, rest)| rest);
    let inner = inner.rsplit_once("</testsuites>").map_or(inner, |(suite, _)| suite);
    let (tag, rest) = inner.split_once('>').unwrap_or((inner, ""));
    let tag = tag
        .replacen(" id=\"0\"", &format!(" id=\"{id}\""), 1)
        .replacen(" hostname=\"", &format!(" skipped=\"{skipped}\" hostname=\""), 1)
        .replacen("Z\" time=\"", "\" time=\"", 1);
    debug_assert!(failed.is_none(), "{failed:?}");
    format!("{tag}>{rest}")
}

/// Cases in portions that fit a file, each case being bounded.
fn parts(cases: Vec<TestCase>) -> Vec<Vec<TestCase>> {
    let mut parts = vec![Vec::new()];
    let mut size = 0;
    for case in cases {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let own = 6 * (2 * MAX_MESSAGE) + text(&case.system_out) + text(&case.system_err);
        if size + own > MAX_FILE / 2 && size > 0 {
            parts.push(Vec::new());
            size = 0;
        }
        size += own;
        if let Some(last) = parts.last_mut() {
            last.push(case);
        }
    }
    parts
}

/// Name, system-out and cases of each suite.
fn suites(model: &Model) -> Vec<(String, String, Vec<TestCase>)> {
    let mut names = Names::default();
    let mut suites = Vec::new();
    let sightings = sightings(model);
    for suite in &model.suites {
        let place = place(&suite.kernel, &suite.variant);
        let mut cases = Vec::new();
        for outcomes in merged(&suite.outcomes) {
            cases.push(case(model, &place, &outcomes, &sightings, &mut names));
            cases.extend(parts_of(&place, &outcomes, &mut names));
        }
        suites.push((place, about(model, Some(&suite.kernel)), cases));
    }
    for missing in &model.unavailable {
        let message = xml::attribute(&missing.reason, MAX_MESSAGE);
        let mut case = if missing.optional {
            TestCase::skipped_with_cause("obtain", "optional", &message)
        } else {
            TestCase::error("obtain", Duration::ZERO, "kernel-unavailable", &message)
        };
        names.give(&mut case, &format!("{}.kernel", missing.kernel), "obtain");
        suites.push((missing.kernel.clone(), about(model, None), vec![case]));
    }
    suites
}

/// Outcomes of the same cell together, in order of the first, the worst of each cell in front.
fn merged(outcomes: &[Outcome]) -> Vec<Vec<&Outcome>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cells: Vec<Vec<&Outcome>> = Vec::new();
    for outcome in outcomes {
        let at = *places.entry(&outcome.cell.test).or_insert_with(|| {
            cells.push(Vec::new());
            cells.len() - 1
        });
        cells[at].push(outcome);
    }
    for cell in &mut cells {
        // Stable: of equals the first stays in front.
        cell.sort_by_key(|outcome| std::cmp::Reverse(weight(&outcome.verdict)));
    }
    cells
}

/// The names given out: readers merge what has the same pair, so no pair is given twice.
#[derive(Debug, Default)]
struct Names(BTreeSet<(String, String)>);

impl Names {
    fn give(&mut self, case: &mut TestCase, class: &str, name: &str) {
        let class = xml::attribute(class, MAX_NAME);
        let wanted = xml::attribute(name, MAX_NAME);
        let mut name = wanted.clone();
        let mut n = 2;
        while !self.0.insert((class.clone(), name.clone())) {
            name = format!("{wanted} ({n})");
            n += 1;
        }
        case.set_classname(&class);
        case.name = name;
    }
}

/// The case of a cell; the first outcome is the one that counts.
fn case(
    model: &Model,
    place: &str,
    outcomes: &[&Outcome],
    sightings: &BTreeMap<String, Sighting>,
    names: &mut Names,
) -> TestCase {
    let Some(outcome) = outcomes.first() else { return TestCase::skipped("") };
    let verdict = &outcome.verdict;
    let (group, name) = outcome.cell.test.rsplit_once("::").unwrap_or(("", &outcome.cell.test));
    let class = if group.is_empty() { place.to_owned() } else { format!("{place}.{}", group.replace("::", ".")) };
    let mut message = xml::attribute(verdict.explanation(), MAX_MESSAGE);
    if outcomes.len() > 1 {
        let others: Vec<_> = outcomes.iter().skip(1).map(|o| o.verdict.label()).collect();
        message = format!("{message} (ran {} times, also: {})", outcomes.len(), others.join(", "));
    }
    if !outcome.earlier.is_empty() {
        let what = if outcome.flaky() { "flaky: " } else { "" };
        message = xml::attribute(&format!("{what}{}", attempts(outcome)), MAX_MESSAGE);
    }
    let (kind, cause) = (outcome.label().to_owned(), None);
    let result = match verdict {
        _ if outcome.flaky() && model.flaky_fails => TestResult::Failure { type_: kind, message, cause },
        Verdict::UnexpectedPass { .. } if model.strict => TestResult::Failure { type_: kind, message, cause },
        Verdict::Pass | Verdict::UnexpectedPass { .. } => TestResult::Success,
        Verdict::Skip { .. } | Verdict::Known { .. } => TestResult::SkippedWithCause { type_: kind, message, cause },
        Verdict::NotReached { .. } | Verdict::HarnessError { .. } => TestResult::Error { type_: kind, message, cause },
        Verdict::Fail { .. }
        | Verdict::Crash { .. }
        | Verdict::Hang { .. }
        | Verdict::Lost { .. }
        | Verdict::BootFailure { .. } => TestResult::Failure { type_: kind, message, cause },
    };
    let quiet = matches!(verdict, Verdict::Pass | Verdict::Skip { .. });
    let told = !quiet
        || !outcome.dirt.is_empty()
        || !outcome.params.is_empty()
        || !outcome.reports.is_empty()
        || outcome.flaky();
    let seconds = |o: &&Outcome| o.seconds + o.earlier.iter().map(|attempt| attempt.seconds).sum::<f64>();
    let mut case = TestCase::success("", time(outcomes.iter().map(seconds).sum()));
    case.result = result;
    names.give(&mut case, &class, if name.is_empty() { "(no name)" } else { name });
    if told {
        case.system_out = text(out_of(outcome));
        case.system_err = text(err_of(outcome, sightings));
    }
    case
}

/// The cases of a payload's own results, in a class of its name; its time is told once, by the payload's case.
fn parts_of(place: &str, outcomes: &[&Outcome], names: &mut Names) -> Vec<TestCase> {
    let Some(outcome) = outcomes.first() else { return Vec::new() };
    let class = format!("{place}.{}", outcome.cell.test.replace("::", "."));
    let part = |subtest: &Subtest| {
        let failed = subtest.result == SubtestResult::Fail;
        let reason = if failed && subtest.reason.is_empty() { "not ok" } else { &subtest.reason };
        let message = xml::attribute(reason, MAX_MESSAGE);
        let mut case = TestCase::success("", Duration::ZERO);
        case.result = match subtest.result {
            SubtestResult::Pass => TestResult::Success,
            SubtestResult::Fail => TestResult::Failure { type_: "fail".to_owned(), message, cause: None },
            SubtestResult::Skip => TestResult::SkippedWithCause { type_: "skip".to_owned(), message, cause: None },
        };
        names.give(&mut case, &class, if subtest.name.is_empty() { "(no name)" } else { &subtest.name });
        case
    };
    outcome.subtests.iter().map(part).collect()
}

/// What the test said and the console cut.
fn out_of(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    let tried = format!("{}{}", if outcome.flaky() { "flaky: " } else { "" }, attempts(outcome));
    let heads: Vec<_> = (1..=outcome.earlier.len()).map(|at| format!("--- console of attempt {at} ---")).collect();
    if !outcome.earlier.is_empty() {
        lines.push(tried.as_str());
    }
    for (head, attempt) in heads.iter().zip(&outcome.earlier) {
        lines.extend(attempt.diagnostics.iter().map(String::as_str));
        lines.extend([head, attempt.console.as_str()]);
    }
    if !outcome.earlier.is_empty() {
        lines.push("--- the last attempt ---");
    }
    lines.extend(outcome.diagnostics.iter().map(String::as_str));
    let unexpected = format!("warning: unexpected-pass: {}", outcome.verdict.explanation());
    if matches!(outcome.verdict, Verdict::UnexpectedPass { .. }) {
        lines.insert(0, unexpected.as_str());
    }
    let params = format!("parameters: {}", params(outcome));
    if !outcome.params.is_empty() {
        lines.insert(0, params.as_str());
    }
    let dirt = format!("left behind, for no other test to see: {}", outcome.dirt.join(", "));
    if !outcome.dirt.is_empty() {
        lines.push(&dirt);
    }
    if !outcome.console.is_empty() {
        lines.push("--- console ---");
        lines.push(&outcome.console);
    }
    lines.join("\n")
}

/// What the user gave the test: `iterations=5000, seed=3`.
pub(crate) fn params(outcome: &Outcome) -> String {
    let word = |(name, value): (&String, &u64)| format!("{name}={value}");
    outcome.params.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// The kernel's complaints, each with its title and signature.
fn err_of(outcome: &Outcome, sightings: &BTreeMap<String, Sighting>) -> String {
    let text = |r: &&Report| {
        let mut lines = vec![r.title.clone(), format!("signature: {}", r.signature)];
        lines.extend(sightings.get(&r.signature).map(Sighting::places));
        lines.extend(r.benign.as_ref().map(|known| format!("known, and no failure: {}", known.reason)));
        lines
            .extend(r.corrupted.then(|| "corrupted: cut short, or the stack is missing or somebody else's".to_owned()));
        lines.extend(r.taint.as_ref().map(|taint| format!("taint: {taint}")));
        lines.extend((!r.frames.is_empty()).then(|| format!("stack: {}", r.frames.join(" < "))));
        format!("{}\n{}\n", lines.join("\n"), r.text)
    };
    reports(outcome).iter().map(text).collect::<Vec<_>>().join("\n")
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then(|| xml::cdata(&xml::bounded(&text, MAX_TEXT)))
}

/// Seconds that are neither negative nor endless, to the millisecond.
fn time(seconds: f64) -> Duration {
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, MAX_SECONDS) } else { 0.0 };
    Duration::milliseconds((seconds * 1000.0).round() as i64)
}

/// What the run and the kernel were, for a suite's system-out.
fn about(model: &Model, kernel: Option<&str>) -> String {
    let mut lines = vec![
        format!("kernrig: {}", model.kernrig),
        format!("accelerator: {}", model.accelerator),
        format!("qemu: {}", model.qemu),
    ];
    if let Some(kernel) = kernel.and_then(|name| model.kernel(name)) {
        lines.push(format!("release: {}", kernel.release));
        for package in &kernel.packages {
            lines.push(format!("package: {} {} sha256:{}", package.name, package.version, package.sha256));
        }
        lines.extend(kernel.notes.iter().map(|note| format!("note: {note}")));
    }
    lines.extend(model.notices.iter().map(|notice| format!("notice: {notice}")));
    lines.extend(model.interruption().map(|what| format!("interrupted: {what}")));
    lines.join("\n")
}
