//! What a cell came to, as far as two runs can be compared by it.

use kernrig_events::{Class, Outcome, Verdict};
use serde::Serialize;

/// What a verdict is when it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It ran and was as it should be.
    Good,
    /// It ran and the kernel was at fault.
    Bad,
    /// It ran and showed an issue that is known.
    Known,
    /// It was left out, with a reason.
    Skip,
    /// It should have run and did not.
    Undone,
}

/// What a cell came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The verdict in a word.
    pub label: String,
    /// The line that explains it.
    pub why: String,
    /// What makes two failures the same: kind of verdict, and the report's signature or the reason without its numbers.
    pub signature: String,
    /// How it is compared.
    pub kind: Kind,
    /// Bad once and fine once within its own run.
    pub flaky: bool,
}

impl State {
    /// That of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let verdict = &outcome.verdict;
        let kind = match (verdict, verdict.class()) {
            (Verdict::Known { .. }, _) => Kind::Known,
            (_, Class::Good) => Kind::Good,
            (_, Class::Bad) => Kind::Bad,
            (_, Class::Neutral) => Kind::Skip,
            (_, Class::Undone | Class::Harness) => Kind::Undone,
        };
        Self {
            label: outcome.label().to_owned(),
            why: verdict.explanation().to_owned(),
            signature: signature(verdict),
            kind,
            flaky: outcome.flaky(),
        }
    }
}

fn signature(verdict: &Verdict) -> String {
    match verdict.bare() {
        Verdict::Crash { report } => format!("{}: {}", verdict.label(), report.signature),
        bare => {
            // `needs Linux 6.6, this is 6.1.0-56-cloud-amd64`: what the kernel is says nothing of the reason.
            let why = verdict.explanation();
            let why = why.split(", this is ").next().filter(|_| matches!(bare, Verdict::Skip { .. })).unwrap_or(why);
            format!("{}: {}", verdict.label(), without_numbers(why))
        }
    }
}

/// Versions, addresses and counts differ between runs without meaning anything: each number becomes one sign.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
        let mut in_number = false;
        for c in word.chars() {
            let digit = c.is_ascii_digit() || (in_number && (c == '.' || c.is_ascii_hexdigit() || c == 'x'));
            if !digit {
                out.push(c);
            } else if !in_number {
                out.push('#');
            }
            in_number = digit;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn numbers_do_not_tell_failures_apart() {
        assert_eq!(
            without_numbers("read 17 of 32 at 0x7ffe, on 6.1.192"),
            without_numbers("read 9 of 4 at 0x1, on 6.12.4")
        );
        assert_ne!(without_numbers("mount: EINVAL"), without_numbers("mount: EPERM"));
        assert_eq!(without_numbers("needs CONFIG_USER_NS"), "needs CONFIG_USER_NS");
    }
}
