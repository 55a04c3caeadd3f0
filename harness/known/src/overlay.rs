//! Known issues laid over a verdict.

use kernrig_events::Verdict;
use kernrig_klog::Report;

use crate::issue::explain;
use crate::{Date, Facts, Issue, List};

/// The list as it holds on a day.
#[derive(Clone, Debug)]
pub struct Overlay {
    list: List,
    today: Date,
}

/// A verdict in the light of what is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Laid {
    /// The verdict.
    pub verdict: Verdict,
    /// What the user should know besides: the entry that would have explained it has expired.
    pub said: Option<String>,
}

impl Overlay {
    /// The list on a day.
    #[must_use]
    pub fn new(list: List, today: Date) -> Self {
        Self { list, today }
    }

    /// Nothing is known.
    #[must_use]
    pub fn none() -> Self {
        Self { list: List::default(), today: Date::new(1970, 1, 1) }
    }

    /// Lays what is known of a kernel, variant and test over a verdict. It becomes `known` only if issues claim every
    /// complaint of the kernel, so that a new one beside a known one stays what it was.
    #[must_use]
    pub fn lay(&self, kernel: &Facts, variant: &str, test: &str, verdict: Verdict, reports: &[Report]) -> Laid {
        let here = |issue: &&Issue| issue.tests.fit(test) && issue.variants.fit(variant) && issue.affects(kernel);
        let all: Vec<&Issue> = self.list.issues().iter().filter(here).collect();
        let (live, expired): (Vec<&Issue>, Vec<&Issue>) = all.iter().partition(|issue| !issue.has_expired(self.today));
        if verdict == Verdict::Pass {
            let expected = live.iter().find(|issue| issue.always_shows_in(test));
            let verdict = expected.map_or(verdict, |issue| unexpected(issue, kernel));
            return Laid { verdict, said: None };
        }
        if let Some(issue) = explain(&live, &verdict, reports) {
            return Laid { verdict: known(issue, verdict), said: None };
        }
        let said = explain(&all, &verdict, reports).and_then(|_| {
            let issue = expired
                .iter()
                .find(|issue| explain(&[live.as_slice(), &[*issue]].concat(), &verdict, reports).is_some());
            let issue = issue.or(expired.first())?;
            let day = issue.expires.map_or_else(String::new, |day| format!(" on {day}"));
            Some(format!("this is {} ({}), whose entry among the known issues expired{day}", issue.id, issue.title))
        });
        Laid { verdict, said }
    }
}

impl Issue {
    pub(crate) fn has_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }
}

fn known(issue: &Issue, was: Verdict) -> Verdict {
    let reason = format!("{}: {}; seen: {}: {}", issue.id, issue.title, was.label(), was.explanation());
    Verdict::Known { issue: issue.id.clone(), reason, was: Box::new(was) }
}

fn unexpected(issue: &Issue, kernel: &Facts) -> Verdict {
    let reason = format!(
        "{} ({}) shows in each run on the kernels it is said to affect, and {} passed: if it is fixed there, its entry \
         among the known issues says too much",
        issue.id,
        issue.title,
        kernel.name()
    );
    Verdict::UnexpectedPass { issue: issue.id.clone(), reason }
}

#[cfg(test)]
mod tests {
    use kernrig_klog::{Benign, Severity};

    use super::*;

    const LIST: &str = r#"
        [[issue]]
        id = "a#1"
        title = "f is wrong"
        affected = [">=5.0, <6.0"]
        tests = ["g::*"]
        signature = { kinds = ["GPF", "NULL-deref"], any = ["f", "g"] }
        fix = "0123456789ab"
        reason = "x"
        [[issue]]
        id = "a#2"
        title = "h warns"
        affected = ["*"]
        tests = ["g::*"]
        variants = ["smp*"]
        shows = "sometimes"
        signature = { kinds = ["WARNING"], all = ["h", "i"] }
        [[issue]]
        id = "a#3"
        title = "it is late"
        affected = ["<6.0"]
        tests = ["slow::*"]
        shows = "sometimes"
        signature = [{ outcome = "fail", reason = "*too late*" }, { outcome = "hang" }]
        expires = 2026-06-01
        [[issue]]
        id = "a#4"
        title = "k scribbles"
        affected = ["*"]
        tests = ["wild::*"]
        sometimes-in = ["*::rare"]
        signature = { any = ["k"] }
        corrupts-memory = true
    "#;

    fn report(kind: &str, frames: &[&str]) -> Report {
        Report {
            kind: kind.to_owned(),
            severity: Severity::Oops,
            title: format!("{kind} in {}", frames.first().unwrap_or(&"")),
            signature: format!("{kind}:{}", frames.join(":")),
            frames: frames.iter().map(|f| (*f).to_owned()).collect(),
            taint: None,
            task: None,
            corrupted: false,
            alternatives: Vec::new(),
            stack: Vec::new(),
            benign: None,
            text: String::new(),
        }
    }

    fn crash(report: &Report) -> Verdict {
        Verdict::Crash { report: Box::new(report.clone()) }
    }

    fn lay(release: &str, cell: (&str, &str), verdict: Verdict, reports: &[Report], today: Date) -> Laid {
        let overlay = Overlay::new(List::parse(LIST).unwrap(), today);
        overlay.lay(&Facts::new(release, []), cell.0, cell.1, verdict, reports)
    }

    fn label(release: &str, cell: (&str, &str), verdict: Verdict, reports: &[Report]) -> &'static str {
        lay(release, cell, verdict, reports, Date::new(2026, 6, 1)).verdict.label()
    }

    #[test]
    fn range_variant_test_and_signature_all_have_to_fit() {
        let oops = report("GPF", &["f", "z"]);
        let seen = |release, cell, report: &Report| label(release, cell, crash(report), std::slice::from_ref(report));
        assert_eq!(seen("5.10", ("default", "g::x"), &oops), "known");
        assert_eq!(seen("6.0", ("default", "g::x"), &oops), "crash");
        assert_eq!(seen("5.10", ("default", "k::x"), &oops), "crash");
        assert_eq!(seen("5.10", ("default", "g::x"), &report("BUG", &["f"])), "crash");
        assert_eq!(seen("5.10", ("default", "g::x"), &report("GPF", &["ff"])), "crash");
        let warning = report("WARNING", &["h", "i"]);
        assert_eq!(seen("6.1", ("smp4", "g::x"), &warning), "known");
        assert_eq!(seen("6.1", ("default", "g::x"), &warning), "crash");
        assert_eq!(seen("6.1", ("smp4", "g::x"), &report("WARNING", &["h"])), "crash", "all of them");
    }

    #[test]
    fn a_new_complaint_beside_a_known_one_still_fails() {
        let (oops, new) = (report("GPF", &["f"]), report("GPF", &["new"]));
        let cell = ("smp4", "g::x");
        assert_eq!(label("5.10", cell, crash(&oops), &[oops.clone(), new.clone()]), "crash");
        assert_eq!(label("5.10", cell, crash(&new), &[oops.clone(), new]), "crash");
        assert_eq!(label("5.10", cell, crash(&oops), &[oops.clone(), report("WARNING", &["h", "i"])]), "known");
        let mut benign = report("WARNING", &["w"]);
        benign.benign = Some(Benign { reason: "x".to_owned(), taint: String::new() });
        assert_eq!(label("5.10", cell, crash(&oops), &[benign, oops.clone()]), "known");
        assert_eq!(label("5.10", cell, Verdict::Fail { reason: "x".to_owned() }, &[]), "fail", "no oops, another bug");
    }

    #[test]
    fn what_follows_on_scribbled_memory_is_laid_to_the_scribbler() {
        let (known, fault, warning) = (report("GPF", &["k"]), report("BUG", &["z"]), report("WARNING", &["z"]));
        let cell = ("default", "wild::x");
        let seen = |worst: &Report, all: &[&Report]| {
            let all: Vec<Report> = all.iter().map(|report| (*report).clone()).collect();
            label("5.10", cell, crash(worst), &all)
        };
        assert_eq!(seen(&fault, &[&fault]), "known", "a fault of memory");
        assert_eq!(seen(&known, &[&known, &warning]), "known", "it came later");
        assert_eq!(seen(&known, &[&warning, &known]), "crash", "it came before");
        assert_eq!(seen(&warning, &[&warning]), "crash", "nothing was seen of k");
        assert_eq!(label("5.10", cell, Verdict::Pass, &[]), "unexpected-pass");
        assert_eq!(label("5.10", ("default", "wild::rare"), Verdict::Pass, &[]), "pass");
    }

    #[test]
    fn an_issue_is_seen_in_what_fits_it_and_in_no_other_fault() {
        let list = List::parse(
            &LIST
                .replace("any = [\"k\"] }", "any = [\"k\"] }, { outcome = \"hang\" }]")
                .replace("signature = { any = [\"k\"]", "signature = [{ any = [\"k\"]"),
        );
        let list = list.unwrap();
        let (scribbler, late) = (list.get("a#4").unwrap(), list.get("a#3").unwrap());
        let (known, fault) = (report("GPF", &["k"]), report("BUG", &["z"]));
        let hang = Verdict::Hang { reason: "60 s".to_owned() };
        assert!(scribbler.shows_in(&crash(&fault), &[known.clone(), fault.clone()], false), "whatever else shows");
        assert!(!scribbler.shows_in(&crash(&fault), std::slice::from_ref(&fault), true), "its doing, perhaps");
        assert!(scribbler.shows_in(&hang, &[report("soft-lockup", &["q"])], true));
        assert!(!scribbler.shows_in(&hang, &[], false), "a slow machine hangs too");
        assert!(!scribbler.shows_in(&hang, &[fault], true), "the kernel complained of something else");
        assert!(late.shows_in(&hang, &[], false), "nothing else tells it");
    }

    #[test]
    fn a_pass_is_unexpected_only_where_the_bug_always_shows() {
        assert_eq!(label("5.10", ("default", "g::x"), Verdict::Pass, &[]), "unexpected-pass");
        assert_eq!(label("6.0", ("default", "g::x"), Verdict::Pass, &[]), "pass");
        assert_eq!(label("6.0", ("smp4", "g::x"), Verdict::Pass, &[]), "pass", "sometimes");
        let skip = Verdict::Skip { reason: "no f".to_owned() };
        assert_eq!(label("5.10", ("default", "g::x"), skip, &[]), "skip");
    }

    #[test]
    fn an_outcome_fits_by_its_line_and_a_hang_with_its_lockups() {
        let cell = ("default", "slow::x");
        let fail = |reason: &str| Verdict::Fail { reason: reason.to_owned() };
        let hang = || Verdict::Hang { reason: "60 s".to_owned() };
        assert_eq!(label("5.10", cell, fail("was too late by 3 s"), &[]), "known");
        assert_eq!(label("5.10", cell, fail("was too early"), &[]), "fail");
        assert_eq!(label("5.10", cell, hang(), &[report("soft-lockup", &["q"])]), "known");
        assert_eq!(label("5.10", cell, hang(), &[report("GPF", &["q"])]), "hang");
    }

    #[test]
    fn an_expired_entry_leaves_the_verdict_as_it_was_and_says_so() {
        let fail = || Verdict::Fail { reason: "too late".to_owned() };
        let on = |day| lay("5.10", ("default", "slow::x"), fail(), &[], day);
        assert_eq!(on(Date::new(2026, 6, 1)).verdict.label(), "known", "the last day counts");
        let late = on(Date::new(2026, 6, 2));
        assert_eq!(late.verdict, fail());
        assert!(
            late.said.unwrap().contains("a#3 (it is late), whose entry among the known issues expired on 2026-06-01")
        );
    }
}
