//! What a try showed: its outcomes held against what is looked for. Pure.

use kernrig_events::{Class, Outcome, Verdict};
use kernrig_klog::Report;
use kernrig_plan::{BOOT, END};

use super::hunt::Seen;

/// What is looked for.
pub(crate) trait Quarry: std::fmt::Debug + Send + Sync {
    /// Whether this outcome shows it. Its verdict is the one without any known issue.
    fn shows(&self, outcome: &Outcome) -> bool;
}

/// Any fault at all: for a test, of which nobody has said how it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyFault {
    /// A plain failure proves nothing here: the kernel is older than what the test needs.
    pub(crate) complaints_only: bool,
}

impl Quarry for AnyFault {
    fn shows(&self, outcome: &Outcome) -> bool {
        outcome.verdict.class() == Class::Bad
            && !(self.complaints_only && matches!(outcome.verdict, Verdict::Fail { .. }))
    }
}

/// The outcome as it was before known issues were laid over it.
pub(crate) fn bare(mut outcome: Outcome) -> Outcome {
    outcome.verdict = match outcome.verdict {
        Verdict::Known { was, .. } => *was,
        Verdict::UnexpectedPass { .. } => Verdict::Pass,
        other => other,
    };
    outcome
}

/// What a try showed whose outcomes, all of one VM, are these; with the outcome that says so.
pub(crate) fn look<'a>(outcomes: &'a [Outcome], test: &str, quarry: &dyn Quarry) -> (Seen, Option<&'a Outcome>) {
    let of = |name: &str| outcomes.iter().find(|outcome| outcome.cell.test == name);
    let own = [of(test), of(END)];
    if let Some(outcome) = own.into_iter().flatten().find(|outcome| quarry.shows(outcome)) {
        return (Seen::It, Some(outcome));
    }
    let Some(outcome) = of(test) else {
        let boot = of(BOOT).map(|boot| boot.verdict.explanation()).unwrap_or_default();
        return (Seen::Void(format!("the test did not run: {boot}")), of(BOOT));
    };
    let told = outcome.verdict.explanation();
    match outcome.verdict.class() {
        Class::Harness | Class::Undone | Class::Neutral => (Seen::Void(told.to_owned()), Some(outcome)),
        Class::Bad => (Seen::Other(format!("{}: {told}", outcome.verdict.label())), Some(outcome)),
        Class::Good => {
            let late = of(END).filter(|end| end.verdict.class() == Class::Bad);
            match late {
                Some(end) => (Seen::Other(format!("{}: {}", END, end.verdict.explanation())), Some(end)),
                None => (Seen::Nothing, None),
            }
        }
    }
}

/// What an outcome shows, in a line.
pub(crate) fn title(outcome: &Outcome) -> String {
    let own = || format!("{}: {}", outcome.verdict.label(), outcome.verdict.explanation());
    complaint(outcome).map_or_else(own, |report| report.title.clone())
}

/// The complaint of an outcome that is to be shown: that of its verdict, else the first that is no benign one.
pub(crate) fn complaint(outcome: &Outcome) -> Option<&Report> {
    match &outcome.verdict {
        Verdict::Crash { report } => Some(report),
        _ => outcome.reports.iter().find(|report| report.benign.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernrig_events::CellId;

    use super::*;

    #[derive(Debug)]
    struct Titled(&'static str);

    impl Quarry for Titled {
        fn shows(&self, outcome: &Outcome) -> bool {
            outcome.verdict.explanation().contains(self.0)
        }
    }

    fn outcome(test: &str, verdict: Verdict) -> Outcome {
        let text = serde_json::json!({
            "cell": CellId { kernel: "k".into(), variant: "default".into(), test: test.into() },
            "verdict": "pass", "seconds": 0.0, "diagnostics": [], "reports": [], "console": "", "vm": 1,
        });
        let mut outcome: Outcome = serde_json::from_value(text).unwrap();
        outcome.verdict = verdict;
        outcome.params = BTreeMap::new();
        outcome
    }

    fn fail(reason: &str) -> Verdict {
        Verdict::Fail { reason: reason.into() }
    }

    const ANY: AnyFault = AnyFault { complaints_only: false };

    #[test]
    fn another_fault_than_the_one_looked_for_is_told_apart() {
        let outcomes = [outcome(BOOT, Verdict::Pass), outcome("a::b", fail("x leaked"))];
        assert_eq!(look(&outcomes, "a::b", &Titled("leaked")).0, Seen::It);
        assert_eq!(look(&outcomes, "a::b", &Titled("oops")).0, Seen::Other("fail: x leaked".into()));
        assert_eq!(look(&outcomes, "a::b", &ANY).0, Seen::It);
    }

    #[test]
    fn what_showed_after_the_test_counts() {
        let outcomes = [outcome("a::b", Verdict::Pass), outcome(END, fail("late"))];
        assert_eq!(look(&outcomes, "a::b", &ANY).0, Seen::It);
        assert!(matches!(look(&outcomes, "a::b", &Titled("other")).0, Seen::Other(told) if told.contains("late")));
    }

    #[test]
    fn a_failure_on_a_kernel_that_is_too_old_proves_nothing() {
        let old = AnyFault { complaints_only: true };
        assert!(matches!(look(&[outcome("a::b", fail("ENOSYS"))], "a::b", &old).0, Seen::Other(_)));
        let hang = Verdict::Hang { reason: "silent".into() };
        assert_eq!(look(&[outcome("a::b", hang)], "a::b", &old).0, Seen::It);
    }

    #[test]
    fn no_run_is_no_try() {
        let none = Verdict::BootFailure { reason: "no root".into() };
        for outcomes in [vec![outcome(BOOT, none)], vec![outcome("a::b", Verdict::Skip { reason: "no root".into() })]] {
            assert!(matches!(look(&outcomes, "a::b", &ANY).0, Seen::Void(why) if why.contains("no root")));
        }
        assert_eq!(look(&[outcome("a::b", Verdict::Pass)], "a::b", &ANY), (Seen::Nothing, None));
    }

    #[test]
    fn an_issue_that_is_known_is_what_it_was() {
        let was = Box::new(fail("x"));
        let known = Verdict::Known { issue: "i".into(), reason: "i: x".into(), was };
        assert_eq!(bare(outcome("a::b", known)).verdict, fail("x"));
        let pass = Verdict::UnexpectedPass { issue: "i".into(), reason: String::new() };
        assert_eq!(bare(outcome("a::b", pass)).verdict, Verdict::Pass);
    }
}
