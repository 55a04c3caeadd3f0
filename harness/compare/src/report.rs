//! A qualification: pairs of kernels with their differences, the verdict line, and both as text.

use serde::Serialize;

use crate::{Change, Changelog, Difference, Facts, FactsDiff};

/// Versions of a changelog that are named.
const MOST_VERSIONS: usize = 5;

/// A candidate beside its baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The baseline.
    pub baseline: Facts,
    /// The candidate.
    pub candidate: Facts,
    /// How the kernels differ as such.
    pub kernels: FactsDiff,
    /// What the changelog of their package says between them; `None` where they are not of one, or it is not at hand.
    pub changelog: Option<Changelog>,
    /// Cells that are alike on both.
    pub alike: usize,
    /// Cells that are not, and those that are no better than they were; the worst first.
    pub differences: Vec<Difference>,
}

/// What a qualification came to.
#[derive(Clone, Debug, Serialize)]
pub struct Qualification {
    /// `qualified`, `not qualified: 2 new failures, 1 lost`, `undecided: …`.
    pub verdict: String,
    /// 0, 1 or 2.
    pub exit_code: u8,
    /// What the reader should know of how it was made.
    pub notes: Vec<String>,
    /// One for each candidate.
    pub pairs: Vec<Pair>,
}

impl Qualification {
    /// Judges pairs; `undecided` says why nothing can be decided, if that is so: it outweighs what was seen.
    #[must_use]
    pub fn new(pairs: Vec<Pair>, notes: Vec<String>, undecided: Option<String>) -> Self {
        let all = || pairs.iter().flat_map(|pair| &pair.differences);
        let count = |change| all().filter(|d| d.change == change).count();
        let told: Vec<_> = Change::ALL
            .into_iter()
            .filter(|change| change.is_regression())
            .map(|change| (change, count(change)))
            .filter(|(_, n)| *n > 0)
            .map(|(change, n)| format!("{n} {}", change.words(n)))
            .collect();
        let (verdict, exit_code) = match undecided {
            Some(why) if told.is_empty() => (format!("undecided: {why}"), 2),
            Some(why) => (format!("undecided: {why}; so far {}", told.join(", ")), 2),
            None if told.is_empty() => ("qualified".to_owned(), 0),
            None => (format!("not qualified: {}", told.join(", ")), 1),
        };
        Self { verdict, exit_code, notes, pairs }
    }
}

/// For a terminal. What a guest said is in it as it said it: whoever prints it cleans it.
#[must_use]
pub fn human(qualification: &Qualification) -> String {
    let mut lines = Vec::new();
    for pair in &qualification.pairs {
        lines.push(format!("{} against {}", named(&pair.candidate), named(&pair.baseline)));
        lines.push(format!("  {}", counts(pair)));
        lines.extend(facts(pair).into_iter().map(|fact| format!("  {fact}")));
        for difference in &pair.differences {
            lines.push(String::new());
            lines.push(format!("  {}: {}", difference.change.words(1), cell(difference)));
            lines.extend(details(difference).into_iter().map(|detail| format!("    {detail}")));
        }
        lines.push(String::new());
    }
    lines.extend(qualification.notes.iter().map(|note| format!("note: {note}")));
    lines.push(qualification.verdict.clone());
    lines.join("\n") + "\n"
}

/// For a merge request or a release page.
#[must_use]
pub fn markdown(qualification: &Qualification) -> String {
    let mut lines = vec![format!("## {}", plain(&qualification.verdict))];
    for pair in &qualification.pairs {
        lines.push(String::new());
        lines.push(format!("### {} against {}", plain(&named(&pair.candidate)), plain(&named(&pair.baseline))));
        lines.push(String::new());
        lines.push(plain(&counts(pair)));
        lines.push(String::new());
        lines.extend(facts(pair).into_iter().map(|fact| format!("- {}", plain(&fact))));
        if !pair.differences.is_empty() {
            lines.extend([String::new(), "| change | cell | was → is | what could explain it |".to_owned()]);
            lines.push("|---|---|---|---|".to_owned());
        }
        for difference in &pair.differences {
            let states = format!("{} → {}", state(&difference.was), state(&difference.now));
            let because = difference.because.iter().map(|b| plain(b)).collect::<Vec<_>>().join("<br>");
            let (change, cell) = (difference.change.words(1), cell(difference));
            lines.push(format!("| {change} | `{}` | {} | {because} |", cell.replace('`', "'"), plain(&states)));
        }
    }
    lines.push(String::new());
    lines.extend(qualification.notes.iter().map(|note| format!("- {}", plain(note))));
    lines.join("\n") + "\n"
}

fn named(facts: &Facts) -> String {
    let packages: Vec<_> = facts.packages.iter().map(|p| p.version.as_str()).filter(|v| !v.is_empty()).collect();
    let version = packages.first().map(|version| format!(", package {version}")).unwrap_or_default();
    format!("{} ({}{version})", facts.name, facts.release)
}

fn counts(pair: &Pair) -> String {
    let mut parts = vec![format!("{} alike", pair.alike)];
    for change in Change::ALL {
        let n = pair.differences.iter().filter(|d| d.change == change).count();
        parts.extend((n > 0).then(|| format!("{n} {}", change.words(n))));
    }
    parts.join(", ")
}

/// How the kernels differ: counts, for their lists are long; the JSON has them whole.
fn facts(Pair { kernels: diff, changelog, .. }: &Pair) -> Vec<String> {
    let mut lines = Vec::new();
    if !diff.config.is_empty() {
        lines.push(format!("{} build options differ", diff.config.len()));
    }
    let (gone, new) = (&diff.modules_gone, &diff.modules_new);
    if !gone.is_empty() || !new.is_empty() {
        let list = |sign: &str, names: &[String]| names.iter().map(|n| format!("{sign}{n}")).collect::<Vec<_>>();
        lines.push(format!("modules: {}", [list("-", gone), list("+", new)].concat().join(" ")));
    }
    lines.extend(changelog.as_ref().map(between));
    lines
}

fn between(log: &Changelog) -> String {
    let shown = log.versions.iter().take(MOST_VERSIONS).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if log.versions.len() > MOST_VERSIONS { ", …" } else { "" };
    let lacks = if log.backwards { "; the candidate is the older one" } else { "" };
    let (n, items) = (log.versions.len(), log.items.len());
    let versions = if n == 1 { "version" } else { "versions" };
    format!("changelog from {} to {}: {n} {versions} ({shown}{more}), {items} changes{lacks}", log.from, log.to)
}

fn cell(difference: &Difference) -> String {
    let Difference { variant, test, .. } = difference;
    if variant == "default" { test.clone() } else { format!("{test} (variant {variant})") }
}

fn state(state: &Option<crate::State>) -> String {
    match state {
        None => "no such cell".to_owned(),
        Some(state) if state.why.is_empty() => state.label.clone(),
        Some(state) => format!("{}: {}", state.label, state.why),
    }
}

fn details(difference: &Difference) -> Vec<String> {
    let mut lines = vec![format!("was {}", state(&difference.was)), format!("is {}", state(&difference.now))];
    let (was, now) = &difference.repeats;
    for (whose, labels) in [("baseline", was), ("candidate", now)] {
        if !labels.is_empty() {
            lines.push(format!("repeated on the {whose}: {}", labels.join(", ")));
        }
    }
    lines.extend(difference.because.iter().map(|because| format!("because: {because}")));
    lines
}

/// Text that neither ends a cell of a table nor is taken for markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '|' | '<' | '>' | '*' | '_' | '[' | ']' | '`' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
