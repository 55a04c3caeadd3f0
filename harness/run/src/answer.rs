//! A test's answer: KTAP version 1 lines, the token already taken off.

use kernrig_catalog::protocol::{MAX_DIAGNOSTICS, MAX_RESULTS};
use kernrig_events::Subtest;
use kernrig_plan::{Answer, KtapResults, Reading};

/// Most bytes kept of a payload's output, whatever a guest sends.
const MAX_OUTPUT: usize = MAX_RESULTS + 2 * MAX_DIAGNOSTICS;

/// Lines a test has answered with so far.
#[derive(Debug)]
pub(crate) struct Ktap {
    /// Diagnostics without `# `.
    pub(crate) diagnostics: Vec<String>,
    /// The result line's meaning; the first one counts.
    pub(crate) answer: Option<Answer>,
    /// What a payload said on its standard output, and how that is read.
    payload: Option<(KtapResults, Reading)>,
    /// Bytes of a payload's output that are still kept.
    room: usize,
}

impl Ktap {
    pub(crate) fn new(reading: Option<Reading>) -> Self {
        let payload = reading.map(|reading| (KtapResults::default(), reading));
        Self { diagnostics: Vec::new(), answer: None, payload, room: MAX_OUTPUT }
    }

    /// Takes a line; one that is neither a diagnostic nor the result of `test` says nothing.
    pub(crate) fn push(&mut self, line: &str, test: &str) {
        if let Some(output) = line.strip_prefix('|')
            && self.payload.is_some()
        {
            self.output(output);
        } else if let Some(diagnostic) = line.strip_prefix("# ") {
            self.diagnostics.push(diagnostic.to_owned());
        } else if self.answer.is_none() {
            self.answer = self.result(line, test);
        }
    }

    fn output(&mut self, line: &str) {
        let Some((results, _)) = &mut self.payload else { return };
        match line.split_at_checked(2) {
            Some(("! ", _)) => results.cut(),
            Some((stream @ ("1 " | "2 "), text)) => match self.room.checked_sub(text.len() + 1) {
                Some(room) => {
                    self.room = room;
                    if stream == "1 " {
                        results.push(text);
                    }
                    self.diagnostics.push(text.to_owned());
                }
                None => results.cut(),
            },
            _ => {}
        }
    }

    /// What the test said: of a payload, its exit and its results together.
    pub(crate) fn judged(&self) -> Option<Answer> {
        let answer = self.answer.clone()?;
        Some(match &self.payload {
            Some((results, reading)) => results.judge(*reading, answer),
            None => answer,
        })
    }

    /// The results that a payload gave one by one.
    pub(crate) fn subtests(&self) -> Vec<Subtest> {
        match &self.payload {
            Some((results, reading)) if results.count(*reading) => results.finished().0,
            _ => Vec::new(),
        }
    }

    fn result(&self, line: &str, test: &str) -> Option<Answer> {
        let (ok, rest) = match line.strip_prefix("not ok ") {
            Some(rest) => (false, rest),
            None => (true, line.strip_prefix("ok ")?),
        };
        let (_number, rest) = rest.split_once(' ')?;
        let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
        if name.trim_start_matches("- ").trim() != test {
            return None;
        }
        let (word, text) = directive.split_once(' ').unwrap_or((directive, ""));
        Some(match (ok, word) {
            (true, "SKIP") => Answer::Skip(text.to_owned()),
            (true, _) => Answer::Ok,
            (false, "TIMEOUT") => Answer::Timeout(text.to_owned()),
            (false, "ERROR") => Answer::Error(text.to_owned()),
            (false, _) => Answer::NotOk(self.reason(directive)),
        })
    }

    /// The line that explains a failure: the last `reason:` diagnostic, else the last one, else the directive.
    fn reason(&self, directive: &str) -> String {
        let named = self.diagnostics.iter().rev().find_map(|d| d.strip_prefix("reason: ").map(str::to_owned));
        named.or_else(|| self.diagnostics.last().cloned()).unwrap_or_else(|| match directive {
            "" => "the test says it failed, without a reason".to_owned(),
            text => text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Ktap;
    use kernrig_plan::Answer;

    fn answer(lines: &[&str]) -> Option<Answer> {
        let mut ktap = Ktap::new(None);
        for line in lines {
            ktap.push(line, "a::b");
        }
        ktap.answer
    }

    #[test]
    fn results_are_read_as_ktap_has_them() {
        assert_eq!(answer(&["ok 1 a::b"]), Some(Answer::Ok));
        assert_eq!(answer(&["ok 1 - a::b"]), Some(Answer::Ok));
        assert_eq!(answer(&["ok 1 a::b # SKIP no veth"]), Some(Answer::Skip("no veth".to_owned())));
        assert_eq!(answer(&["not ok 1 a::b # TIMEOUT 5 s"]), Some(Answer::Timeout("5 s".to_owned())));
        assert_eq!(answer(&["# x", "# reason: y", "# z", "not ok 1 a::b"]), Some(Answer::NotOk("y".to_owned())));
        assert_eq!(answer(&["not ok 1 a::b"]).map(|a| matches!(a, Answer::NotOk(r) if !r.is_empty())), Some(true));
    }

    #[test]
    fn another_tests_result_and_a_second_one_say_nothing() {
        assert_eq!(answer(&["ok 1 a::c"]), None);
        assert_eq!(answer(&["# reason: r", "not ok 1 a::b", "ok 1 a::b"]), Some(Answer::NotOk("r".to_owned())));
    }
}
