//! What a cell's evidence is worth: the one place where verdicts are made.

use kernrig_events::Verdict;
use kernrig_klog::{Report, Severity};

use crate::Taint;

/// What the test itself said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `ok`.
    Ok,
    /// `not ok`, with the one line that explains it.
    NotOk(String),
    /// `ok … # SKIP`.
    Skip(String),
    /// `not ok … # TIMEOUT`: the guest killed it.
    Timeout(String),
    /// `not ok … # ERROR`: the guest could not run it.
    Error(String),
}

/// How the wait for the answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The answer came, the end marker came out of the console, the kernel settled.
    Answered {
        /// The answer.
        answer: Answer,
        /// The taint word after settling.
        taint: Taint,
    },
    /// The answer came, its end marker did not: what the console showed cannot be laid at the test.
    NoMarker,
    /// Nothing came before the outer deadline; the words say how long was waited.
    Silent(String),
    /// The VM ended; the words say how.
    VmEnded(String),
    /// The channel or the harness itself failed.
    Broken(String),
}

/// All that was seen of a cell.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// How the wait ended.
    pub fate: Fate,
    /// The taint word before the test.
    pub taint_before: Taint,
    /// Complaints of the kernel laid at the test, in order.
    pub reports: &'a [Report],
    /// What the harness made a silent kernel print (by an NMI): it explains a hang and is no complaint of its own.
    pub provoked: &'a [Report],
}

/// The verdict that the evidence is worth. A complaint outweighs whatever the test said; a pass needs everything.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let worst = worst(evidence.reports);
    match (&evidence.fate, worst) {
        (Fate::Silent(reason), Some(report)) if unresponsive_by_itself(report) => {
            Verdict::Hang { reason: format!("{reason}; the kernel said: {}", report.title) }
        }
        (_, Some(report)) => Verdict::Crash { report: Box::new(report.clone()) },
        (Fate::Silent(reason), None) => match evidence.provoked.first() {
            Some(report) => {
                Verdict::Hang { reason: format!("{reason}; asked by NMI the kernel said: {}", report.title) }
            }
            None => Verdict::Hang { reason: reason.clone() },
        },
        (Fate::VmEnded(how), None) => Verdict::Lost { reason: how.clone() },
        (Fate::Broken(reason), None) => Verdict::HarnessError { reason: reason.clone() },
        (Fate::NoMarker, None) => {
            Verdict::HarnessError { reason: "the test's end marker never came out of the console".to_owned() }
        }
        (Fate::Answered { answer, taint }, None) => {
            let explained = |letter: &char| {
                evidence.reports.iter().filter_map(|r| r.benign.as_ref()).any(|known| known.taint.contains(*letter))
            };
            let complaints = taint.complaints_since(evidence.taint_before);
            answered(answer, &complaints.chars().filter(|letter| !explained(letter)).collect::<String>())
        }
    }
}

fn answered(answer: &Answer, complaints: &str) -> Verdict {
    match answer {
        Answer::Timeout(reason) => Verdict::Hang { reason: reason.clone() },
        Answer::Error(reason) => Verdict::HarnessError { reason: reason.clone() },
        Answer::NotOk(reason) => Verdict::Fail { reason: reason.clone() },
        Answer::Ok | Answer::Skip(_) if !complaints.is_empty() => Verdict::Fail {
            reason: format!("the kernel's taint word gained {complaints}, yet the console shows no report"),
        },
        Answer::Ok => Verdict::Pass,
        Answer::Skip(reason) if !reason.contains(char::is_alphanumeric) => {
            Verdict::HarnessError { reason: "the guest skipped the test without a reason".to_owned() }
        }
        Answer::Skip(reason) => Verdict::Skip { reason: reason.clone() },
    }
}

/// The first of the most severe reports; those that are known to be no failure do not count.
fn worst(reports: &[Report]) -> Option<&Report> {
    let counting = || reports.iter().filter(|r| r.benign.is_none());
    let severity = counting().map(|r| r.severity).max()?;
    counting().find(|r| r.severity == severity)
}

/// Whether a report only tells of a machine that makes no progress: what a hang looks like from inside. Such a report
/// explains a hang and does not replace it.
#[must_use]
pub fn unresponsive_by_itself(report: &Report) -> bool {
    const STUCK: &[&str] = &["soft lockup", "hard LOCKUP", "stall", "task hung"];
    report.severity >= Severity::Warning && STUCK.iter().any(|word| report.title.contains(word))
}

#[cfg(test)]
mod tests {
    use kernrig_klog::Benign;

    use super::*;

    fn report(severity: Severity, title: &str) -> Report {
        Report {
            kind: "x".to_owned(),
            severity,
            title: title.to_owned(),
            signature: "x".to_owned(),
            frames: Vec::new(),
            taint: None,
            task: None,
            corrupted: false,
            alternatives: Vec::new(),
            stack: Vec::new(),
            benign: None,
            text: String::new(),
        }
    }

    fn verdict(fate: Fate, reports: &[Report]) -> &'static str {
        judge(&Evidence { fate, taint_before: Taint(0), reports, provoked: &[] }).label()
    }

    fn answered(answer: Answer, taint: u64) -> Fate {
        Fate::Answered { answer, taint: Taint(taint) }
    }

    #[test]
    fn a_pass_needs_everything() {
        let warning = [report(Severity::Warning, "WARNING in f")];
        assert_eq!(verdict(answered(Answer::Ok, 0), &[]), "pass");
        assert_eq!(verdict(answered(Answer::Ok, 1 << 9), &[]), "fail");
        assert_eq!(verdict(answered(Answer::Ok, 1 << 12), &[]), "pass");
        assert_eq!(verdict(answered(Answer::Ok, 0), &warning), "warning");
        assert_eq!(verdict(Fate::NoMarker, &[]), "harness-error");
        assert_eq!(verdict(Fate::Broken("x".to_owned()), &[]), "harness-error");
    }

    #[test]
    fn a_known_complaint_is_shown_and_does_not_fail_nor_does_the_taint_it_explains() {
        let mut known = report(Severity::Warning, "WARNING in f");
        known.benign = Some(Benign { reason: "always at boot".to_owned(), taint: "W".to_owned() });
        let warned = 1 << 9;
        assert_eq!(verdict(answered(Answer::Ok, warned), std::slice::from_ref(&known)), "pass");
        assert_eq!(verdict(answered(Answer::Ok, warned | 1 << 7), std::slice::from_ref(&known)), "fail");
        let another = report(Severity::Warning, "WARNING in g");
        assert_eq!(verdict(answered(Answer::Ok, warned), &[known, another]), "warning");
    }

    #[test]
    fn a_skip_needs_a_reason_and_a_clean_kernel() {
        assert_eq!(verdict(answered(Answer::Skip("?? ".to_owned()), 0), &[]), "harness-error");
        assert_eq!(verdict(answered(Answer::Skip("no veth".to_owned()), 0), &[]), "skip");
        assert_eq!(verdict(answered(Answer::Skip("no veth".to_owned()), 1 << 7), &[]), "fail");
    }

    #[test]
    fn the_worst_complaint_names_the_crash() {
        let reports = [report(Severity::Warning, "WARNING in f"), report(Severity::Panic, "kernel panic: x")];
        assert_eq!(verdict(Fate::VmEnded("reset".to_owned()), &reports), "panic");
        assert_eq!(verdict(Fate::VmEnded("reset".to_owned()), &[]), "lost");
    }

    #[test]
    fn a_hang_stays_a_hang_when_the_kernel_only_says_that_it_is_stuck() {
        let silent = || Fate::Silent("no answer for 60 s".to_owned());
        assert_eq!(verdict(silent(), &[]), "hang");
        let nmi = [report(Severity::Panic, "kernel panic: Non maskable interrupt")];
        let evidence = Evidence { fate: silent(), taint_before: Taint(0), reports: &[], provoked: &nmi };
        assert_eq!(judge(&evidence).label(), "hang");
        assert_eq!(verdict(silent(), &[report(Severity::Oops, "BUG: soft lockup in f")]), "hang");
        assert_eq!(verdict(silent(), &[report(Severity::Oops, "general protection fault in f")]), "crash");
    }
}
