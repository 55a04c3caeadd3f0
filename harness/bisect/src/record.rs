//! What is kept of a search, so that another call goes on with it: the question and what each kernel has shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Tally;

const FORMAT: u32 = 1;

/// What is kept of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// All that decides what a kernel shows: tests, numbers, variant, kernrig itself.
    question: BTreeMap<String, String>,
    kernels: BTreeMap<String, Judged>,
}

/// A kernel that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    /// Version and hashes of what it was made from.
    made_of: Vec<String>,
    /// What it has shown.
    #[serde(flatten)]
    tally: Tally,
}

impl Record {
    /// Nothing tried yet.
    #[must_use]
    pub fn new(question: BTreeMap<String, String>) -> Self {
        Self { format: FORMAT, question, kernels: BTreeMap::new() }
    }

    /// What another question has different, a line each; empty if this record is of that question.
    #[must_use]
    pub fn differs(&self, question: &BTreeMap<String, String>) -> Vec<String> {
        let none = String::new();
        let names = self.question.keys().chain(question.keys().filter(|name| !self.question.contains_key(*name)));
        let mut lines: Vec<String> = names
            .map(|name| (name, self.question.get(name).unwrap_or(&none), question.get(name).unwrap_or(&none)))
            .filter(|(_, then, now)| then != now)
            .map(|(name, then, now)| format!("{name} was `{then}` and is `{now}`"))
            .collect();
        if self.format != FORMAT {
            lines.push(format!("it is of format {}, this kernrig writes {FORMAT}", self.format));
        }
        lines
    }

    /// What a kernel has shown so far; nothing if it was made of something else then, or may be judged now though it
    /// could not be then.
    #[must_use]
    pub fn tally(&self, kernel: &str, made_of: &[String]) -> Tally {
        let judged = self.kernels.get(kernel).filter(|judged| judged.made_of == made_of);
        judged.map(|judged| judged.tally.clone()).filter(|tally| !tally.is_passing_trouble()).unwrap_or_default()
    }

    /// Keeps what a kernel has shown so far.
    pub fn keep(&mut self, kernel: &str, made_of: &[String], tally: &Tally) {
        self.kernels.insert(kernel.to_owned(), Judged { made_of: made_of.to_vec(), tally: tally.clone() });
    }

    /// How many kernels were tried.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kernels.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kernels.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;

    fn question(tests: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("tests".to_owned(), tests.to_owned()), ("variant".to_owned(), "default".to_owned())])
    }

    #[test]
    fn only_the_same_question_is_gone_on_with() {
        let record = Record::new(question("ns::*"));
        assert!(record.differs(&question("ns::*")).is_empty());
        assert_eq!(record.differs(&question("ns::uts::*")), ["tests was `ns::*` and is `ns::uts::*`"]);
        let mut more = question("ns::*");
        more.insert("signature".to_owned(), "GPF".to_owned());
        assert_eq!(record.differs(&more), ["signature was `` and is `GPF`"]);
    }

    #[test]
    fn a_kernel_that_was_rebuilt_or_could_not_be_had_is_tried_anew() {
        let mut record = Record::new(question("ns::*"));
        let of = |hash: &str| vec!["6.1.192-1".to_owned(), hash.to_owned()];
        let seen = Tally { tries: vec![Seen::Good, Seen::Bad("fail".to_owned())] };
        record.keep("a", &of("1"), &seen);
        record.keep("b", &of("2"), &Tally { tries: vec![Seen::Harness("no network".to_owned())] });
        assert_eq!(record.tally("a", &of("1")), seen);
        assert_eq!(record.tally("a", &of("9")), Tally::default());
        assert_eq!(record.tally("b", &of("2")), Tally::default());
        assert_eq!(record.tally("c", &of("3")), Tally::default());
        assert!(record.len() == 2 && !record.is_empty());
    }
}
