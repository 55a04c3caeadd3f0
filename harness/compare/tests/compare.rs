//! Two runs made of outcomes: what is called a regression, what is not, and why.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use kernrig_compare::{
    Change, Changelog, Difference, Explainer, Facts, FactsDiff, Kind, Pair, Qualification, Record, State, comparable,
    confirm, differences, human, markdown,
};
use kernrig_events::{Attempt, Event, Outcome};

const TEST: &str = "ns::uts::hostname_is_private";

/// An outcome as a record has it.
fn outcome(test: &str, verdict: &str) -> Outcome {
    let line = format!(
        r#"{{"event":"test-finished","cell":{{"kernel":"k","variant":"default","test":"{test}"}},{verdict},
        "seconds":1.0,"diagnostics":[],"reports":[],"console":"","vm":1}}"#
    );
    match serde_json::from_str(&line.replace('\n', "")).unwrap() {
        Event::TestFinished(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn word(word: &str) -> Outcome {
    outcome(TEST, &said(word))
}

fn said(word: &str) -> String {
    match word.split_once(' ') {
        None => format!(r#""verdict":"{word}""#),
        Some((verdict, reason)) => format!(r#""verdict":"{verdict}","reason":"{reason}""#),
    }
}

fn change(was: Option<&Outcome>, now: Option<&Outcome>) -> Option<Change> {
    let (was, now): (Vec<_>, Vec<_>) = (was.into_iter().collect(), now.into_iter().collect());
    let found = differences((&was, "6.1.0"), (&now, "6.12.1"), &[]);
    assert!(found.len() <= 1);
    found.first().map(|d| d.change)
}

#[test]
fn each_change_has_its_name() {
    let cases = [
        ("pass", "pass", None),
        ("pass", "fail no", Some(Change::NewFailure)),
        ("skip none", "fail no", Some(Change::NewFailure)),
        ("not-reached off", "hang 5 s", Some(Change::NewFailure)),
        ("fail no", "fail no", Some(Change::StillFailing)),
        ("fail read 3 of 9", "fail read 4 of 9", Some(Change::StillFailing)),
        ("fail read 3 of 9", "fail wrote 4 of 9", Some(Change::NewSignature)),
        ("fail no", "hang no", Some(Change::NewSignature)),
        ("fail no", "pass", Some(Change::Fixed)),
        ("fail no", "skip none", Some(Change::LostCoverage)),
        ("pass", "skip none", Some(Change::LostCoverage)),
        ("pass", "not-reached off", Some(Change::LostCoverage)),
        ("pass", "harness-error disk", Some(Change::LostCoverage)),
        ("skip none", "pass", Some(Change::GainedCoverage)),
        ("skip needs CONFIG_A", "skip needs CONFIG_B", Some(Change::SkipChanged)),
        ("skip needs Linux 6.15, this is 6.1.0-a", "skip needs Linux 6.15, this is 6.12.8+deb", None),
    ];
    for (was, now, expected) in cases {
        assert_eq!(change(Some(&word(was)), Some(&word(now))), expected, "{was} → {now}");
    }
    assert_eq!(change(Some(&word("pass")), None), Some(Change::LostCoverage));
    assert_eq!(change(Some(&word("skip none")), None), None);
    assert_eq!(change(None, Some(&word("pass"))), Some(Change::GainedCoverage));
    assert_eq!(change(None, Some(&word("fail no"))), Some(Change::NewFailure));
    let attempts: Vec<Attempt> = word("fail no").into_attempts();
    assert_eq!(change(Some(&word("pass")), Some(&word("pass").after(attempts))), Some(Change::Flaky));
    let end = outcome("vm::end", &said("fail oops"));
    assert_eq!(change(None, Some(&end)), Some(Change::NewFailure));
    assert_eq!(change(Some(&end), None), Some(Change::Fixed));
}

#[test]
fn what_the_catalog_ends_is_not_lost() {
    let test = "ns::pid::depth_is_open_before_3_7";
    let (was, now) = (outcome(test, &said("pass")), outcome(test, &said("skip gone since Linux 3.7")));
    let of = |from, to| differences((&[&was], from), (&[&now], to), &[])[0].change;
    assert_eq!(of("3.5.0-27-generic", "3.8.13"), Change::Retired);
    assert_eq!(of("3.8.0", "3.8.13"), Change::LostCoverage, "nothing ends between these");
}

fn difference(was: &str, now: &str) -> Difference {
    differences((&[&word(was)], "6.1.0"), (&[&word(now)], "6.1.0"), &[]).remove(0)
}

fn states(words: &[&str]) -> Vec<State> {
    words.iter().map(|text| State::of(&word(text))).collect()
}

#[test]
fn only_what_shows_each_time_is_a_regression() {
    let after = |was: &str, now: &str, baseline: &[&str], candidate: &[&str]| {
        let mut difference = difference(was, now);
        confirm(&mut difference, &states(baseline), &states(candidate));
        difference.change
    };
    let good = ["pass"; 3];
    assert_eq!(after("pass", "fail no", &good, &["fail no"; 3]), Change::NewFailure);
    assert_eq!(after("pass", "fail no", &[], &[]), Change::NewFailure, "nothing was repeated");
    assert_eq!(after("pass", "fail no", &good, &["fail no", "pass", "fail no"]), Change::Flaky);
    assert_eq!(after("pass", "fail no", &["pass", "fail no"], &["fail no"; 2]), Change::Flaky);
    assert_eq!(after("pass", "fail no", &good, &["harness-error disk"; 3]), Change::NewFailure);
    assert_eq!(after("fail a", "fail b", &["fail a"; 2], &["fail b"; 2]), Change::NewSignature);
    assert_eq!(after("fail a", "fail b", &["fail b"; 2], &["fail b"; 2]), Change::Flaky);
    assert_eq!(after("fail a", "pass", &["fail a"; 2], &good), Change::Fixed);
    assert_eq!(after("fail a", "pass", &["fail a"; 2], &["pass", "fail a"]), Change::Flaky);
    let known = |baseline: &[State], candidate: &[State]| {
        let mut difference = difference("fail a", "pass");
        difference.was = Some(known_state());
        confirm(&mut difference, baseline, candidate);
        difference.change
    };
    let seen = [known_state(), known_state()];
    assert_eq!(known(&seen, &states(&good)), Change::Fixed, "a known issue shows on the baseline each time");
    assert_eq!(known(&[known_state(), states(&["pass"]).remove(0)], &states(&good)), Change::Flaky);
    assert_eq!(known(&seen, &seen), Change::Flaky);
}

fn known_state() -> State {
    State { kind: Kind::Known, ..states(&["fail a"]).remove(0) }
}

fn facts(release: &str, config: &[(&str, &str)], modules: &[&str], cmdline: &str) -> Facts {
    Facts {
        release: release.to_owned(),
        config: config.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        modules: modules.iter().map(|m| (*m).to_owned()).collect(),
        cmdlines: [("default".to_owned(), cmdline.to_owned())].into(),
        ..Facts::default()
    }
}

fn explained(test: &str, was: &Facts, now: &Facts) -> Vec<String> {
    let mut difference = difference("pass", "fail no");
    difference.test = test.to_owned();
    Explainer::new(was, now).explain(&mut difference);
    difference.because
}

#[test]
fn versions_options_modules_and_words_explain() {
    let old = facts("6.1.0-56", &[("UTS_NS", "y"), ("OVERLAY_FS", "m"), ("FOO", "y")], &["overlay", "b"], "quiet a=1");
    let new = facts("6.12.1", &[("UTS_NS", "y"), ("BAR", "y")], &["b"], "quiet a=2");
    let because = explained("ns::mount::listmount_lists_what_is_below", &old, &new);
    assert!(because[0].starts_with("since Linux 6.8: "), "{because:?}");
    assert_eq!(because.iter().filter(|b| b.starts_with("since")).count(), 1, "said once: {because:?}");
    assert_eq!(because.last().unwrap(), "command line: -a=1 +a=2");
    let overlay = kernrig_catalog::TESTS.iter().find(|t| t.needs.modules.contains(&"overlay")).unwrap();
    let because = explained(overlay.name, &old, &new);
    assert!(because.iter().any(|b| b == "CONFIG_OVERLAY_FS: m → n"), "{because:?}");
    assert!(because.iter().any(|b| b == "the module overlay is not there any more"), "{because:?}");
    let diff = FactsDiff::of(&old, &new);
    let options: Vec<_> = diff.config.iter().map(|c| (c.option.as_str(), c.now.as_str())).collect();
    assert_eq!(options, [("BAR", "y"), ("FOO", "n"), ("OVERLAY_FS", "n")]);
    assert_eq!(explained(TEST, &old, &old), Vec::<String>::new(), "a kernel beside itself explains nothing");
    let unknown = Facts { config: Default::default(), ..old.clone() };
    assert!(FactsDiff::of(&unknown, &new).config.is_empty(), "what is not known does not differ");
}

fn record(outcomes: &[Outcome], kernrig: &str) -> Record {
    let mut record = Record { kernrig: kernrig.to_owned(), ..Record::default() };
    outcomes.iter().for_each(|outcome| record.take(outcome));
    record
}

#[test]
fn what_cannot_be_compared_is_said() {
    let mut tuned = word("pass");
    tuned.params.insert("iterations".to_owned(), 9);
    let other = outcome("ns::ipc::shm_key_is_private", &said("pass"));
    let base = record(&[word("pass"), other.clone()], "0.1.0");
    assert_eq!(comparable(&base, &base).unwrap(), (vec![], vec![]));
    let (notes, leave_out) = comparable(&base, &record(&[tuned, other.clone()], "0.2.0")).unwrap();
    assert_eq!(leave_out, [TEST]);
    assert!(notes[0].contains("kernrig 0.1.0") && notes[1].contains("other parameters"), "{notes:?}");
    let mut partial = base.clone();
    partial.interrupted = Some("SIGINT".to_owned());
    assert_eq!(comparable(&partial, &base).unwrap().0, ["the baseline is partial: SIGINT"]);
    let mut elsewhere = other.clone();
    elsewhere.cell.variant = "memcg".to_owned();
    let reasons = comparable(&base, &record(&[elsewhere], "0.1.0")).unwrap_err();
    assert!(reasons.iter().any(|r| r == "only in the candidate: 1 variants: memcg"), "{reasons:?}");
}

#[test]
fn a_cell_stands_as_it_came_first_or_as_it_was_retried_last() {
    let mut events = Record::default();
    events.take(&word("fail no"));
    events.take(&word("pass"));
    assert_eq!(events.outcomes[0].label(), "fail", "a repeat is no verdict");
    events.take(&word("pass").after(word("fail no").into_attempts()));
    assert_eq!((events.outcomes.len(), events.outcomes[0].label()), (1, "flaky"));
    assert!(Record::of([]).interrupted.is_some(), "a record without its end is partial");
}

#[test]
fn the_verdict_line_counts_what_counts() {
    let judged = |words: &[(&str, &str)], undecided: Option<&str>| {
        let differences = words.iter().map(|(was, now)| difference(was, now)).collect();
        let (baseline, candidate) = (facts("6.1.0", &[], &[], ""), facts("6.12.1", &[], &[], ""));
        let pair = Pair { baseline, candidate, kernels: FactsDiff::default(), changelog: None, alike: 3, differences };
        Qualification::new(vec![pair], vec!["a | note".to_owned()], undecided.map(str::to_owned))
    };
    let fine = judged(&[("fail no", "pass"), ("fail no", "fail no")], None);
    assert_eq!((fine.verdict.as_str(), fine.exit_code), ("qualified", 0));
    let bad = judged(&[("pass", "fail a <b>"), ("pass", "hang b"), ("pass", "skip c")], None);
    assert_eq!((bad.verdict.as_str(), bad.exit_code), ("not qualified: 2 new failures, 1 lost", 1));
    assert!(human(&bad).ends_with("note: a | note\nnot qualified: 2 new failures, 1 lost\n"));
    let page = markdown(&bad);
    assert!(page.starts_with("## not qualified: 2 new failures, 1 lost\n"), "{page}");
    assert!(page.contains("fail: fail: a \\<b\\>") || page.contains("fail: a \\<b\\>"), "{page}");
    let open = judged(&[("pass", "fail no")], Some("SIGINT"));
    assert_eq!((open.verdict.as_str(), open.exit_code), ("undecided: SIGINT; so far 1 new failure", 2));
}

#[test]
fn a_changelog_explains_by_rare_words_and_stays_short() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let mut noise =
        String::from("linux (6.1.9-1) stable; urgency=high\n\n  * New upstream stable update:\n    https://x/\n");
    (0..60).for_each(|n| noise.push_str(&format!("    - wifi: private hostname of driver {n}\n")));
    let mine = "linux (6.1.10-1) stable; urgency=high\n\n  [ A. B ]\n    - utsname: let the hostname of a namespace be seen\n      by its children (CVE-2026-00017)\n\n    - [x86] unrelated\n\n -- A <a@b>  Sat\n";
    let entries = [("6.1.10-1", lines(mine)), ("6.1.9-1", lines(&noise))];
    let log = Changelog::new("6.1.8-1", "6.1.10-1", entries.iter().map(|(v, l)| (*v, l.as_slice())));
    assert_eq!(log.versions, ["6.1.10-1", "6.1.9-1"]);
    assert_eq!(log.items.len(), 63);
    let mut bad = difference("pass", "fail no");
    assert!(log.of(&bad).is_empty(), "words that sixty items have say nothing: {:?}", log.of(&bad));
    bad.because.push("since Linux 6.1.10: hidden (CVE-2026-00017)".to_owned());
    let said = "changelog 6.1.10-1: utsname: let the hostname of a namespace be seen by its children (CVE-2026-00017)";
    assert_eq!(log.of(&bad), [said]);
    let seen = difference("pass", "fail utsname_show() gave nothing");
    assert!(log.of(&seen).is_empty(), "a function that no item names");
    assert_eq!(Changelog { backwards: true, ..log.clone() }.of(&bad), [format!("not yet in it, {said}")]);
    let lost = difference("skip none", "pass");
    assert_eq!((lost.change, log.of(&lost)), (Change::GainedCoverage, Vec::new()));
}
