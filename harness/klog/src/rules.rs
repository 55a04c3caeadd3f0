//! The table compiled: which rules fit a line, quickly.

use std::sync::LazyLock;

use regex::bytes;
use regex::{Regex, RegexSet};

use crate::machinery::Lists;
use crate::rule::{Look, Rule};
use crate::table::{INTERRUPTIONS, NOISE, RULES};

/// A rule with its patterns compiled.
pub(crate) struct Compiled {
    pub(crate) rule: &'static Rule,
    pub(crate) header: Regex,
    pub(crate) detail: Option<Regex>,
    pub(crate) look: Vec<Vec<Step>>,
    pub(crate) skip: Lists,
}

/// [`Look`], compiled.
pub(crate) enum Step {
    Named(usize),
    Pointer,
    PointerFirst,
    Trace,
    Follow,
    Doubtful,
    After(&'static str),
    Locks,
    Line(Regex),
}

fn spell(pattern: &str) -> String {
    let pattern = pattern.replace("FN", r"([A-Za-z_][A-Za-z0-9_]*|<[A-Za-z_][^+]{0,200})(?:[+. /]|$)[^ ]*");
    pattern.replace("SRC", r"([A-Za-z0-9_/.-]+\.[a-z]+:[0-9]+)")
}

fn compile(pattern: &str) -> Regex {
    Regex::new(&spell(pattern)).expect("constant patterns, each compiled in the tests")
}

impl Compiled {
    fn new(rule: &'static Rule) -> Self {
        let step = |look: &Look| match look {
            Look::Named(group) => Step::Named(*group),
            Look::Pointer => Step::Pointer,
            Look::PointerFirst => Step::PointerFirst,
            Look::Trace => Step::Trace,
            Look::Follow => Step::Follow,
            Look::Doubtful => Step::Doubtful,
            Look::After(text) => Step::After(text),
            Look::Locks => Step::Locks,
            Look::Line(pattern) => Step::Line(compile(pattern)),
        };
        Self {
            rule,
            header: compile(rule.header),
            detail: (!rule.detail.is_empty()).then(|| compile(rule.detail)),
            look: rule.look.iter().map(|way| way.iter().map(step).collect()).collect(),
            skip: Lists::new(&[rule.skip]),
        }
    }
}

/// The whole table.
static COMPILED: LazyLock<Vec<Compiled>> = LazyLock::new(|| RULES.iter().map(Compiled::new).collect());

static NO_HEADERS: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(NOISE).expect("constant patterns, compiled in the tests"));

/// What begins or ends something: a line without any of it can only go on with what is open.
const MARKS: &[&str] = &[CUT, END, ALL_CPUS];
/// Stands above a splat.
pub(crate) const CUT: &str = "[ cut here ]";
/// Stands below one.
pub(crate) const END: &str = "---[ end ";
/// All CPUs are asked for their stacks.
pub(crate) const ALL_CPUS: &str = "Sending NMI from CPU";

/// The words of all rules, of what interrupts a report, and the marks: a line without any says nothing to a stream in
/// which no report is open. Of words of which one holds the other only the shorter is looked for.
static WORDS: LazyLock<bytes::Regex> = LazyLock::new(|| {
    let all = || RULES.iter().map(|rule| rule.word).chain(INTERRUPTIONS.iter().chain(MARKS).copied());
    let mut words: Vec<&str> =
        all().filter(|word| !all().any(|other| other != *word && word.contains(other))).collect();
    words.sort_unstable();
    words.dedup();
    let words: Vec<String> = words.into_iter().map(regex::escape).collect();
    bytes::Regex::new(&words.join("|")).expect("escaped words")
});

/// Where the first word of a rule stands in the bytes, if one does.
pub(crate) fn first_word(bytes: &[u8]) -> Option<usize> {
    WORDS.find(bytes).map(|found| found.start())
}

/// The rules whose headers fit, in the table's order.
pub(crate) fn fitting(body: &str) -> impl Iterator<Item = &'static Compiled> + use<'_> {
    let rules = if NO_HEADERS.is_match(body) { &[] } else { COMPILED.as_slice() };
    rules.iter().filter(move |compiled| body.contains(compiled.rule.word) && compiled.header.is_match(body))
}

/// The same from this rule on, which is the first that fits.
pub(crate) fn fitting_from<'a>(
    first: &'static Rule,
    body: &'a str,
) -> impl Iterator<Item = &'static Compiled> + use<'a> {
    let rest = COMPILED.iter().skip_while(move |compiled| !std::ptr::eq(compiled.rule, first));
    rest.filter(move |compiled| body.contains(compiled.rule.word) && compiled.header.is_match(body))
}

/// Whether the line is a message with a stack of its own.
pub(crate) fn interrupts(body: &str) -> bool {
    INTERRUPTIONS.iter().any(|text| body.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(COMPILED.len(), RULES.len());
        assert_eq!(NO_HEADERS.len(), NOISE.len());
        assert!(first_word(b"nothing at all").is_none());
    }

    #[test]
    fn every_word_is_long_enough_to_be_looked_for_quickly() {
        assert!(
            RULES.iter().all(|rule| rule.word.len() >= 4),
            "{:?}",
            RULES.iter().map(|r| r.word).min_by_key(|w| w.len())
        );
    }

    #[test]
    fn formats_use_only_groups_that_are_there() {
        for compiled in COMPILED.iter() {
            let groups = compiled.header.captures_len();
            for number in 1..10 {
                let used = compiled.rule.title.contains(&format!("{{{number}}}"));
                assert!(!used || number < groups, "{}", compiled.rule.title);
            }
        }
    }
}
