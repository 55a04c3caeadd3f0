//! Terminal text: progress lines, the closing summary, and the cleaning that keeps guest output from ruling a terminal.

use std::collections::BTreeMap;

use kernrig_events::{Class, Event, Outcome, Subtest, SubtestResult, Verdict, place};

use crate::Model;
use crate::junit::params;
use crate::sightings::sightings;

/// Longest line of a guest's in a summary.
const WIDEST: usize = 400;

/// Text that a terminal obeys nowhere: control characters but newline and tab, and those that turn the writing
/// direction or hide, become visible escapes.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// The same on one line of at most `widest` characters.
#[must_use]
pub fn clean_line(text: &str, widest: usize) -> String {
    let line = clean(text.trim()).replace('\n', " ⏎ ").replace('\t', " ");
    match line.char_indices().nth(widest) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
        None => line,
    }
}

/// A plain progress line for an event, if it is worth one.
#[must_use]
pub fn line(event: &Event) -> Option<String> {
    let tidy = |text: &str| clean_line(text, WIDEST);
    match event {
        Event::RunStarted { kernrig, cells, jobs, accelerator, qemu, .. } => {
            // A command that decides after each result what to boot next cannot know.
            let cells = if *cells == 0 { String::new() } else { format!("{cells} cells, ") };
            Some(format!("kernrig {kernrig}: {cells}{jobs} VMs side by side, {accelerator}, {}", tidy(qemu)))
        }
        Event::KernelReady(kernel) => Some(format!("kernel {} is {}", tidy(&kernel.name), tidy(&kernel.release))),
        Event::KernelUnavailable { kernel, reason, optional } => {
            let optional = if *optional { " (optional)" } else { "" };
            Some(format!("no kernel {}{optional}: {}", tidy(kernel), tidy(reason)))
        }
        Event::TestFinished(outcome) => Some(verdict(outcome)),
        Event::Notice { text } => Some(format!("notice: {}", tidy(text))),
        Event::RunFinished { interrupted: Some(what), .. } => Some(format!("interrupted: {}", tidy(what))),
        Event::VmStarted { .. } | Event::VmEnded { .. } | Event::TestStarted { .. } | Event::RunFinished { .. } => None,
    }
}

fn verdict(outcome: &Outcome) -> String {
    let place = place(&outcome.cell.kernel, &outcome.cell.variant);
    let mut line =
        format!("{} {} {}", outcome.label(), clean_line(&place, WIDEST), clean_line(&outcome.cell.test, WIDEST));
    if !outcome.params.is_empty() {
        line.push_str(&format!(" [{}]", clean_line(&params(outcome), WIDEST)));
    }
    let why = clean_line(outcome.verdict.explanation(), WIDEST);
    if !why.is_empty() && outcome.earlier.is_empty() {
        line.push_str(": ");
        line.push_str(&why);
    }
    if !outcome.subtests.is_empty() && outcome.verdict == Verdict::Pass {
        line.push_str(&format!(": {}", parts(&outcome.subtests)));
    }
    if !outcome.earlier.is_empty() {
        line.push_str(&format!(" ({})", attempts(outcome)));
    }
    if !outcome.dirt.is_empty() {
        line.push_str(&format!(" (left behind: {})", clean_line(&outcome.dirt.join(", "), WIDEST)));
    }
    line
}

/// What came of each attempt, the last one included: `attempt 1: fail: the name leaked; attempt 2: pass`.
pub(crate) fn attempts(outcome: &Outcome) -> String {
    let told = |(at, verdict): (usize, &Verdict)| {
        let why = clean_line(verdict.explanation(), WIDEST / 2);
        let colon = if why.is_empty() { "" } else { ": " };
        format!("attempt {}: {}{colon}{why}", at + 1, verdict.label())
    };
    let all = outcome.earlier.iter().map(|a| &a.verdict).chain([&outcome.verdict]);
    all.enumerate().map(told).collect::<Vec<_>>().join("; ")
}

/// How the parts of a payload did that passed as a whole.
fn parts(subtests: &[Subtest]) -> String {
    let ok = subtests.iter().filter(|s| s.result == SubtestResult::Pass).count();
    match subtests.len() - ok {
        0 => format!("{ok} ok"),
        skipped => format!("{ok} ok, {skipped} skipped"),
    }
}

/// What a run came to: counts for each kernel, each verdict that is not as it should be with the line that explains
/// it, what was interrupted, and the whole in a word.
#[must_use]
pub fn summary(model: &Model) -> String {
    let mut lines = Vec::new();
    for suite in &model.suites {
        let release = model.kernel(&suite.kernel).map_or(String::new(), |k| format!(" ({})", k.release));
        lines.push(format!("{}{release}: {}", place(&suite.kernel, &suite.variant), counts(&suite.outcomes)));
    }
    for missing in &model.unavailable {
        let weight = if missing.optional { "optional, not there" } else { "not to be had" };
        lines.push(format!("{}: {weight}: {}", missing.kernel, missing.reason));
    }
    let bad = |o: &Outcome| matches!(model.class(&o.verdict), Class::Bad | Class::Harness);
    let unexpected = |o: &Outcome| matches!(o.verdict, Verdict::UnexpectedPass { .. });
    let notable = |o: &&Outcome| bad(o) || unexpected(o) || !o.dirt.is_empty() || o.flaky();
    let bad: Vec<_> = model.outcomes().filter(notable).map(verdict).chain(undone(model)).collect();
    if !bad.is_empty() {
        lines.push(String::new());
        lines.extend(bad);
    }
    let known = known(model);
    if !known.is_empty() {
        lines.push(String::new());
        lines.extend(known);
    }
    let sightings = sightings(model);
    if !sightings.is_empty() {
        lines.push(String::new());
        lines.extend(sightings.values().map(|one| format!("{}: {}", one.title, one.places())));
    }
    if !model.notices.is_empty() {
        lines.push(String::new());
        lines.extend(model.notices.iter().map(|text| format!("notice: {text}")));
    }
    lines.push(String::new());
    if let Some(what) = model.interruption() {
        lines.push(format!("interrupted: {what}; {} of {} cells have a verdict", judged(model), model.cells));
    }
    let whole = match model.exit_code() {
        0 => "ok",
        1 => "failed",
        _ => "incomplete",
    };
    let machine = if model.accelerator.is_empty() {
        String::new()
    } else {
        format!(" under {}, {}", model.accelerator, model.qemu)
    };
    lines.push(format!("{whole}: {} in {:.0} s{machine}", counts_of(model.outcomes()), model.seconds.max(0.0)));
    let tidy: Vec<_> = lines.iter().map(|text| clean_line(text, 2 * WIDEST)).collect();
    tidy.join("\n") + "\n"
}

/// Issues that showed as expected, a line for each with where.
fn known(model: &Model) -> Vec<String> {
    let mut places: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for outcome in model.outcomes() {
        if let Verdict::Known { issue, .. } = &outcome.verdict {
            let place = place(&outcome.cell.kernel, &outcome.cell.variant);
            *places.entry(issue).or_default().entry(place).or_default() += 1;
        }
    }
    let one = |(place, n): (&String, &usize)| if *n == 1 { place.clone() } else { format!("{place} ({n} tests)") };
    let line = |(issue, places): (&str, BTreeMap<String, usize>)| {
        format!("known {issue}: {}", places.iter().map(one).collect::<Vec<_>>().join(", "))
    };
    places.into_iter().map(line).collect()
}

/// Tests that were not reached, a line for each kernel and reason: forty lines of one reason explain no more than one.
fn undone(model: &Model) -> Vec<String> {
    let mut tests: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for outcome in model.outcomes().filter(|o| o.verdict.class() == Class::Undone) {
        let place = place(&outcome.cell.kernel, &outcome.cell.variant);
        *tests.entry((place, outcome.verdict.explanation())).or_default() += 1;
    }
    let line = |((place, why), n): ((String, &str), usize)| {
        format!("not-reached {place}: {n} test{}: {why}", if n == 1 { "" } else { "s" })
    };
    tests.into_iter().map(line).collect()
}

fn judged(model: &Model) -> usize {
    let judged = |o: &&Outcome| !o.cell.test.starts_with("vm::") && o.verdict.class() != Class::Undone;
    model.outcomes().filter(judged).count()
}

fn counts(outcomes: &[Outcome]) -> String {
    counts_of(outcomes.iter())
}

fn counts_of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> String {
    let mut counts: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for outcome in outcomes {
        let class = if outcome.flaky() { Class::Bad } else { outcome.verdict.class() };
        let rank = if outcome.label() == "pass" { 0 } else { 1 + class as u8 };
        *counts.entry((rank, outcome.label())).or_default() += 1;
    }
    if counts.is_empty() {
        return "no verdicts".into();
    }
    counts.iter().map(|((_, label), n)| format!("{n} {label}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_guest_text_rules_a_terminal() {
        let all: String = (0..0x11_0000).filter_map(char::from_u32).collect();
        let cleaned = clean(&all);
        assert!(!cleaned.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
        assert!(!cleaned.contains(['\u{202e}', '\u{2066}', '\u{feff}']));
        assert_eq!(clean("\u{1b}]0;title\u{7}\u{9b}2J\r"), "\\x1b]0;title\\x07\\x9b2J\\x0d");
        assert_eq!(clean_line(" a\nb\tc ", 99), "a ⏎ b c");
        assert_eq!(clean_line("abcdef", 3), "abc…");
    }
}
