//! A payload's results in KTAP (Documentation/dev-tools/ktap.rst) and what they are worth together with its exit.

use kernrig_events::{Subtest, SubtestResult};
use kernrig_kernels::manifest::Reading;

use crate::Answer;

/// Longest name of a part, those of the tests it is part of included: nesting must not make one grow without end.
const MAX_NAME: usize = 300;

/// Most failed parts that a reason names.
const NAMED: usize = 3;

/// Results as they come, line by line.
#[derive(Clone, Debug, Default)]
pub struct KtapResults {
    /// A version line came: this is KTAP without doubt.
    versioned: bool,
    levels: Vec<Level>,
    entries: Vec<Entry>,
    problems: Vec<String>,
    /// Why nothing was run, if the plan says so.
    skipped: Option<String>,
    top_plan: bool,
}

/// Lines of the same indentation, until one of less.
#[derive(Clone, Debug)]
struct Level {
    indent: usize,
    plan: Option<usize>,
    seen: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    indent: usize,
    subtest: Subtest,
}

impl KtapResults {
    /// Takes a line of the payload's standard output.
    pub fn push(&mut self, line: &str) {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        let text = text.trim_end();
        if text.starts_with("KTAP version ") || text.starts_with("TAP version ") {
            self.versioned = true;
            self.level(indent);
        } else if let Some(plan) = text.strip_prefix("1..") {
            self.plan(indent, plan);
        } else if let Some(why) = text.strip_prefix("Bail out!") {
            self.problems.push(format!("it bailed out: {}", why.trim()));
        } else if let Some((ok, rest)) = result(text) {
            self.result(indent, ok, rest);
        }
    }

    /// Says that lines were left out: what is here is not all.
    pub fn cut(&mut self) {
        const CUT: &str = "it printed more than kernrig takes in";
        if self.problems.iter().all(|problem| problem != CUT) {
            self.problems.push(CUT.to_owned());
        }
    }

    /// Whether the results count where a payload is read like that.
    #[must_use]
    pub fn count(&self, reading: Reading) -> bool {
        match reading {
            Reading::Exit => false,
            Reading::Auto => self.versioned,
            Reading::Ktap => self.versioned || self.top_plan || !self.entries.is_empty(),
        }
    }

    /// Every result of a part, and what is wrong with the whole.
    #[must_use]
    pub fn finished(&self) -> (Vec<Subtest>, Vec<String>) {
        let mut all = self.clone();
        all.close(0);
        let top = all.levels.pop();
        all.levels.clear();
        match top.filter(|level| level.indent == 0) {
            Some(level) => all.check(&level),
            None if all.problems.is_empty() => {
                all.problems.push("no result and no plan came at the outermost".to_owned())
            }
            None => {}
        }
        if !all.top_plan {
            all.problems.push("no plan (1..N) came, so nobody knows whether that was all".to_owned());
        }
        (all.entries.into_iter().map(|entry| entry.subtest).collect(), all.problems)
    }

    /// What the payload's exit, as the guest tells of it, and its results are worth together.
    #[must_use]
    pub fn judge(&self, reading: Reading, exit: Answer) -> Answer {
        if matches!(exit, Answer::Timeout(_) | Answer::Error(_)) {
            return exit;
        }
        if !self.count(reading) {
            return match exit {
                Answer::Ok | Answer::Skip(_) if reading == Reading::Ktap => {
                    Answer::NotOk("it printed no KTAP, which its result was to be read from".to_owned())
                }
                exit => exit,
            };
        }
        let (subtests, problems) = self.finished();
        let of = |result| subtests.iter().filter(move |s: &&Subtest| s.result == result);
        let (passed, skipped) = (of(SubtestResult::Pass).count(), of(SubtestResult::Skip).next());
        if of(SubtestResult::Fail).next().is_some() {
            return Answer::NotOk(failed(&subtests));
        }
        // An exit that tells of more than results comes first: killed by a signal, it cannot have printed them all.
        match exit {
            Answer::NotOk(why) if !problems.is_empty() => Answer::NotOk(format!("{why}; {}", problems.join("; "))),
            Answer::NotOk(why) => Answer::NotOk(format!("no result is `not ok`, yet: {why}")),
            _ if !problems.is_empty() => Answer::NotOk(problems.join("; ")),
            Answer::Skip(why) if passed > 0 => Answer::NotOk(format!("{passed} results are ok, yet: {why}")),
            Answer::Ok | Answer::Skip(_) if passed == 0 => {
                let why = self.skipped.clone().or_else(|| skipped.map(|s| format!("{}: {}", s.name, s.reason)));
                match why {
                    Some(why) => Answer::Skip(why),
                    None => Answer::NotOk("its KTAP holds no result".to_owned()),
                }
            }
            exit => exit,
        }
    }

    /// The innermost level for lines so far in; those further in are over.
    fn level(&mut self, indent: usize) -> &mut Level {
        self.close(indent);
        if self.levels.last().is_none_or(|level| level.indent < indent) {
            self.levels.push(Level { indent, plan: None, seen: 0 });
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn close(&mut self, indent: usize) {
        while let Some(level) = self.levels.pop_if(|level| level.indent > indent) {
            self.check(&level);
        }
    }

    fn check(&mut self, level: &Level) {
        if let Some(plan) = level.plan.filter(|plan| *plan != level.seen) {
            let nested = if level.indent > 0 { "a nested plan" } else { "the plan" };
            self.problems.push(format!("{nested} is 1..{plan}, and {} results came", level.seen));
        }
    }

    fn plan(&mut self, indent: usize, text: &str) {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let Ok(plan) = text[..digits].parse() else { return };
        self.level(indent).plan = Some(plan);
        if indent == 0 {
            self.top_plan = true;
            if let (0, (_, Some(("SKIP", why)))) = (plan, directive(&text[digits..])) {
                self.skipped = Some(if why.is_empty() { "it says 1..0 # SKIP".to_owned() } else { why.to_owned() });
            }
        }
    }

    fn result(&mut self, indent: usize, ok: bool, rest: &str) {
        let level = self.level(indent);
        level.seen += 1;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = if digits > 0 { rest[..digits].to_owned() } else { level.seen.to_string() };
        let (name, directive) = directive(&rest[digits..]);
        let name = name.strip_prefix("- ").unwrap_or(name).trim();
        let (result, reason) = match (ok, directive) {
            (_, Some(("SKIP" | "TODO", why))) => (SubtestResult::Skip, why),
            (true, _) => (SubtestResult::Pass, ""),
            (false, directive) => (SubtestResult::Fail, directive.map_or("", |(_, why)| why)),
        };
        let name = if name.is_empty() { number } else { name.to_owned() };
        let first = self.entries.iter().rposition(|entry| entry.indent <= indent).map_or(0, |at| at + 1);
        let children = &mut self.entries[first..];
        for child in &mut *children {
            child.indent = indent;
            child.subtest.name = format!("{name}::{}", child.subtest.name).chars().take(MAX_NAME).collect();
        }
        let told = children.iter().any(|child| child.subtest.result == SubtestResult::Fail);
        if children.is_empty() || result == SubtestResult::Fail && !told {
            self.entries.push(Entry { indent, subtest: Subtest { name, result, reason: reason.to_owned() } });
        }
    }
}

/// What follows `ok` or `not ok`; `None` for a line that only begins like that.
fn result(text: &str) -> Option<(bool, &str)> {
    if let Some(rest) = text.strip_prefix("not ok") {
        return (rest.is_empty() || rest.starts_with(' ')).then(|| (false, rest.trim_start()));
    }
    let rest = text.strip_prefix("ok")?;
    let means_it = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '#');
    match rest.strip_prefix(' ') {
        Some(rest) if means_it(rest.trim_start()) => Some((true, rest.trim_start())),
        None if rest.is_empty() => Some((true, "")),
        _ => None,
    }
}

/// A description and its directive with what it says: `name # SKIP no such device`.
fn directive(text: &str) -> (&str, Option<(&str, &str)>) {
    const KNOWN: &[&str] = &["SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR"];
    for (at, _) in text.match_indices('#') {
        let words = text[at + 1..].trim();
        let end = words.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(words.len());
        if let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(&words[..end])) {
            return (text[..at].trim(), Some((known, words[end..].trim_start_matches([':', ' ']))));
        }
    }
    (text.trim(), None)
}

fn failed(subtests: &[Subtest]) -> String {
    let failed: Vec<&Subtest> = subtests.iter().filter(|s| s.result == SubtestResult::Fail).collect();
    let name = |s: &&&Subtest| if s.reason.is_empty() { s.name.clone() } else { format!("{} ({})", s.name, s.reason) };
    let names: Vec<String> = failed.iter().take(NAMED).map(|s| name(&s)).collect();
    let more = if failed.len() > NAMED { ", …" } else { "" };
    format!("{} of {} results are not ok: {}{more}", failed.len(), subtests.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[&str]) -> KtapResults {
        let mut results = KtapResults::default();
        lines.iter().for_each(|line| results.push(line));
        results
    }

    fn judge(lines: &[&str], exit: Answer) -> Answer {
        results(lines).judge(Reading::Ktap, exit)
    }

    fn reason(lines: &[&str], exit: Answer) -> String {
        match judge(lines, exit) {
            Answer::NotOk(reason) => reason,
            other => panic!("{lines:?}: {other:?}"),
        }
    }

    #[test]
    fn all_ok_passes_only_with_its_plan_and_a_good_exit() {
        let good = &["KTAP version 1", "1..2", "ok 1 a", "# said", "ok 2 - b # XFAIL known"];
        assert_eq!(judge(good, Answer::Ok), Answer::Ok);
        assert!(reason(good, Answer::NotOk("exit code 1".into())).contains("yet: exit code 1"));
        assert!(reason(good, Answer::Skip("exit code 4".into())).contains("2 results are ok, yet"));
        assert!(reason(&good[..3], Answer::Ok).contains("the plan is 1..2, and 1 results came"));
        assert!(reason(&["ok 1 a"], Answer::Ok).contains("no plan"));
        assert!(reason(&["hello"], Answer::Ok).contains("printed no KTAP"));
        assert!(reason(&["1..1", "ok 1 a", "Bail out! no disk"], Answer::Ok).contains("bailed out: no disk"));
        assert_eq!(judge(good, Answer::Timeout("5 s".into())), Answer::Timeout("5 s".into()));
        let mut cut = results(good);
        cut.cut();
        assert!(matches!(cut.judge(Reading::Auto, Answer::Ok), Answer::NotOk(_)));
    }

    #[test]
    fn the_first_failures_are_named() {
        let lines = ["1..5", "ok 1 a", "not ok 2 b # TIMEOUT 3 s", "not ok 3 c", "not ok 4 d", "not ok 5 e"];
        let reason = reason(&lines, Answer::Ok);
        assert_eq!(reason, "4 of 5 results are not ok: b (3 s), c, d, …");
    }

    #[test]
    fn skips_are_understood() {
        let mixed = ["TAP version 13", "1..2", "ok 1 a", "ok 2 # SKIP needs veth"];
        assert_eq!(judge(&mixed, Answer::Ok), Answer::Ok);
        assert_eq!(results(&mixed).finished().0[1].name, "2");
        let all = ["TAP version 13", "1..1", "ok 1 a # SKIP needs veth"];
        assert_eq!(judge(&all, Answer::Skip("exit code 4".into())), Answer::Skip("a: needs veth".into()));
        assert_eq!(judge(&["1..0 # SKIP not root"], Answer::Ok), Answer::Skip("not root".into()));
        assert!(reason(&["1..0"], Answer::Ok).contains("holds no result"));
    }

    #[test]
    fn nested_results_carry_the_names_of_what_they_are_part_of() {
        let lines = [
            "KTAP version 1",
            "1..2",
            "  KTAP version 1",
            "  1..2",
            "    KTAP version 1",
            "    1..1",
            "    not ok 1 deep",
            "  not ok 1 mid",
            "  ok 2 other",
            "not ok 1 top",
            "ok 2 last",
        ];
        let (subtests, problems) = results(&lines).finished();
        let names: Vec<_> = subtests.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["top::mid::deep", "top::other", "last"]);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(reason(&lines, Answer::Ok).contains("1 of 3 results are not ok: top::mid::deep"));
        let short = ["1..1", "  1..2", "  ok 1 a", "ok 1 top"];
        assert!(reason(&short, Answer::Ok).contains("a nested plan is 1..2, and 1 results came"));
        let own = ["1..1", "  1..1", "  ok 1 a", "not ok 1 top"];
        assert!(reason(&own, Answer::Ok).contains("1 of 2 results are not ok: top"));
    }

    #[test]
    fn auto_takes_ktap_only_by_its_version_line() {
        let lines = ["ok 1 a", "not ok 2 b"];
        assert_eq!(results(&lines).judge(Reading::Auto, Answer::Ok), Answer::Ok);
        assert_eq!(results(&lines).judge(Reading::Exit, Answer::Ok), Answer::Ok);
        assert!(matches!(judge(&lines, Answer::Ok), Answer::NotOk(_)));
        let prose = results(&["1..1", "ok then", "okay", "not okay", "ok 1 a"]);
        assert_eq!(prose.finished().0.len(), 1);
    }

    #[test]
    fn names_stay_bounded_whatever_is_nested() {
        let mut results = KtapResults::default();
        for indent in (0..400).rev() {
            results.push(&format!("{}ok 1 {}", " ".repeat(indent), "x".repeat(400)));
        }
        assert!(results.finished().0.iter().all(|s| s.name.len() <= MAX_NAME + 400));
    }
}
