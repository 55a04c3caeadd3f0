//! Runs made of events, hostile ones among them, into JUnit and terminal text.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use kernrig_events::{Attempt, CellId, Event, KernelInfo, Outcome, PackageInfo, Subtest, SubtestResult, Verdict};
use kernrig_klog::{Report, Severity};
use kernrig_report::{Model, junit, terminal};
use quick_xml::Reader;
use quick_xml::events::Event as Xml;

/// What a guest may say: control characters, escapes, XML's own, ends of CDATA, a fake suite, what is no character.
const EVIL: &str = "\u{0}\u{1}\u{1b}[2J\u{7f}\u{85}\u{fffe}\u{ffff}\u{202e} <&\"'> ]]> ]]]]>]]>\n\t\r<testsuite id=\"0\" hostname=\"x\"> &#0; </testsuites>";

fn report(severity: Severity) -> Report {
    Report {
        kind: "WARNING".into(),
        severity,
        title: format!("WARNING in f{EVIL}"),
        signature: "WARNING:f".into(),
        frames: vec!["f".into()],
        taint: None,
        task: None,
        corrupted: false,
        alternatives: Vec::new(),
        stack: Vec::new(),
        benign: None,
        text: format!("WARNING: {EVIL}"),
    }
}

fn outcome(kernel: &str, variant: &str, test: &str, verdict: Verdict) -> Event {
    Event::TestFinished(Outcome {
        cell: CellId { kernel: kernel.into(), variant: variant.into(), test: test.into() },
        verdict,
        seconds: 1.2345,
        diagnostics: vec![format!("said {EVIL}")],
        subtests: vec![],
        dirt: Vec::new(),
        params: BTreeMap::new(),
        reports: vec![],
        console: format!("console {EVIL}"),
        vm: 1,
        earlier: Vec::new(),
        flaky: false,
    })
}

fn started() -> Event {
    Event::RunStarted {
        kernrig: "0.1.0".into(),
        started_unix: 1_764_000_000,
        cells: 9,
        jobs: 2,
        accelerator: "tcg".into(),
        qemu: "QEMU emulator version 7.2".into(),
    }
}

fn finished() -> Event {
    Event::RunFinished { interrupted: None, seconds: 12.0 }
}

fn known(was: Verdict) -> Verdict {
    Verdict::Known { issue: "docker#1".into(), reason: format!("docker#1: it breaks {EVIL}"), was: Box::new(was) }
}

fn verdicts() -> Vec<(&'static str, Verdict, &'static str)> {
    let reason = || format!("because {EVIL}");
    vec![
        ("pass", Verdict::Pass, ""),
        ("fail", Verdict::Fail { reason: reason() }, "failure"),
        ("crash", Verdict::Crash { report: Box::new(report(Severity::Oops)) }, "failure"),
        ("warning", Verdict::Crash { report: Box::new(report(Severity::Warning)) }, "failure"),
        ("panic", Verdict::Crash { report: Box::new(report(Severity::Panic)) }, "failure"),
        ("hang", Verdict::Hang { reason: reason() }, "failure"),
        ("lost", Verdict::Lost { reason: reason() }, "failure"),
        ("boot-failure", Verdict::BootFailure { reason: reason() }, "failure"),
        ("skip", Verdict::Skip { reason: reason() }, "skipped"),
        ("not-reached", Verdict::NotReached { reason: reason() }, "error"),
        ("known", known(Verdict::Crash { report: Box::new(report(Severity::Oops)) }), "skipped"),
        ("unexpected-pass", Verdict::UnexpectedPass { issue: "lp#1".into(), reason: reason() }, ""),
        ("harness-error", Verdict::HarnessError { reason: reason() }, "error"),
    ]
}

fn hostile_run() -> Vec<Event> {
    let mut events = vec![
        started(),
        Event::KernelReady(KernelInfo {
            name: "debian-6.1".into(),
            release: format!("6.1.0{EVIL}"),
            packages: vec![PackageInfo { name: "linux".into(), version: "6.1".into(), sha256: "ab".into() }],
            notes: vec![format!("note {EVIL}")],
            config: BTreeMap::new(),
            modules: Vec::new(),
        }),
        Event::KernelUnavailable { kernel: "debian-7".into(), reason: format!("gone {EVIL}"), optional: false },
        Event::KernelUnavailable { kernel: "mine".into(), reason: "no such file".into(), optional: true },
        Event::Notice { text: format!("notice {EVIL}") },
    ];
    for (test, verdict, _) in verdicts() {
        events.push(outcome("debian-6.1", "default", &format!("ns::uts::{test}"), verdict.clone()));
        events.push(outcome("debian-6.1", "memcg", &format!("ns::uts::{test}"), verdict));
    }
    events.push(outcome(&format!("k{EVIL}"), &format!("v{EVIL}"), &format!("t{EVIL}"), Verdict::Pass));
    events.push(outcome("k", "default", "", Verdict::Fail { reason: String::new() }));
    events.push(finished());
    events
}

/// One case as it was read back.
#[derive(Debug, Default)]
struct Case {
    element: String,
    kind: String,
    message: String,
    out: Option<String>,
    err: Option<String>,
}

type Cases = BTreeMap<(String, String), Case>;

/// Reads a file as any XML reader would; every pair of names may come once.
fn read(file: &[u8], cases: &mut Cases) {
    let mut reader = Reader::from_reader(file);
    let config = reader.config_mut();
    config.check_end_names = true;
    let (mut now, mut within) = (None::<(String, String)>, String::new());
    loop {
        let event = reader.read_event().unwrap();
        let empty = matches!(event, Xml::Empty(_));
        match event {
            Xml::Eof => break,
            Xml::Start(tag) | Xml::Empty(tag) => {
                let mut seen = BTreeMap::new();
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    let raw = String::from_utf8(attribute.value.to_vec()).unwrap();
                    let value = quick_xml::escape::unescape(&raw).unwrap().into_owned();
                    assert!(seen.insert(key, value).is_none());
                }
                within = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
                match within.as_str() {
                    "testcase" => {
                        let pair = (seen["classname"].clone(), seen["name"].clone());
                        assert!(cases.insert(pair.clone(), Case::default()).is_none(), "{pair:?} twice");
                        now = (!empty).then_some(pair);
                    }
                    "failure" | "error" | "skipped" => {
                        let case = cases.get_mut(now.as_ref().unwrap()).unwrap();
                        case.element = within.clone();
                        case.kind = seen["type"].clone();
                        case.message = seen["message"].clone();
                    }
                    _ => {}
                }
            }
            Xml::CData(text) => {
                let text = String::from_utf8(text.into_inner().into_owned()).unwrap();
                assert!(
                    text.chars().all(|c| matches!(c, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}')),
                    "{text:?}"
                );
                let Some(case) = now.as_ref().and_then(|pair| cases.get_mut(pair)) else { continue };
                let place = if within == "system-out" { &mut case.out } else { &mut case.err };
                place.get_or_insert_default().push_str(&text);
            }
            Xml::End(tag) if tag.name().as_ref() == b"testcase" => now = None,
            _ => {}
        }
    }
}

fn cases(model: &Model) -> Cases {
    let mut cases = Cases::new();
    for (_, file) in junit(model) {
        read(&file, &mut cases);
        validate(&file);
    }
    cases
}

/// Asks xmllint, which knows schemas; says so where it is not there.
fn validate(file: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junit.xml");
    std::fs::write(&path, file).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit.xsd");
    let asked = Command::new("xmllint").arg("--noout").arg("--huge").arg("--schema").arg(schema).arg(&path).output();
    match asked {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
        Err(error) => drop(std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: JUnit is not checked against the schema: xmllint: {error}; install libxml2-utils\n"),
        )),
    }
}

#[test]
fn each_verdict_has_its_element() {
    let cases = cases(&Model::of(&hostile_run()));
    for class in ["debian-6.1.ns.uts", "debian-6.1+memcg.ns.uts"] {
        for (test, _, element) in verdicts() {
            let case = &cases[&(class.to_owned(), test.to_owned())];
            assert_eq!(case.element, element, "{test}");
            if !element.is_empty() {
                assert_eq!(case.kind, test);
                assert!(case.message.contains("\\x1b[2J"), "{case:?}");
            }
            let told = matches!(element, "failure" | "error") || matches!(test, "known" | "unexpected-pass");
            assert_eq!(
                case.out.as_ref().is_some_and(|out| out.contains("console ") && out.contains("]]>")),
                told,
                "{test}"
            );
            assert_eq!(case.err.is_some(), matches!(test, "crash" | "warning" | "panic" | "known"), "{test}");
        }
    }
    assert_eq!(cases[&("debian-7.kernel".into(), "obtain".into())].element, "error");
    assert_eq!(cases[&("mine.kernel".into(), "obtain".into())].element, "skipped");
}

#[test]
fn an_unexpected_pass_is_a_warning_and_with_strict_a_failure() {
    let verdict = || Verdict::UnexpectedPass { issue: "lp#1".into(), reason: "lp#1 did not show".into() };
    let mut model = Model::of(&[started(), outcome("k", "default", "a::b", verdict()), finished()]);
    let key = ("k.a".to_owned(), "b".to_owned());
    let case = &cases(&model)[&key];
    assert_eq!((case.element.as_str(), model.exit_code()), ("", 0));
    assert!(
        case.out.as_ref().is_some_and(|out| out.contains("warning: unexpected-pass: lp#1 did not show")),
        "{case:?}"
    );
    assert!(terminal::summary(&model).contains("unexpected-pass k a::b: lp#1 did not show"));
    model.strict = true;
    let case = &cases(&model)[&key];
    assert_eq!((case.element.as_str(), case.kind.as_str(), model.exit_code()), ("failure", "unexpected-pass", 1));
}

#[test]
fn what_is_known_fails_no_run_and_another_failure_beside_it_does() {
    let fail = || Verdict::Fail { reason: "no".into() };
    let code = |verdicts: Vec<(&str, Verdict)>| {
        let cells = verdicts.into_iter().map(|(test, verdict)| outcome("k", "default", test, verdict));
        Model::of(&[vec![started()], cells.collect(), vec![finished()]].concat()).exit_code()
    };
    assert_eq!(code(vec![("a::b", known(fail()))]), 0);
    assert_eq!(code(vec![("a::b", known(fail())), ("a::c", fail())]), 1);
    assert_eq!(code(vec![("a::b", known(fail())), ("a::b", fail())]), 1);
    let undone = || ("a::c", Verdict::NotReached { reason: "no boot".into() });
    assert_eq!(code(vec![("vm::boot", known(fail())), undone()]), 0, "it is known why");
    assert_eq!(code(vec![("a::b", known(fail())), undone()]), 2);
    let model = Model::of(&[started(), outcome("k", "default", "a::b", known(fail())), finished()]);
    assert!(terminal::summary(&model).contains("known docker#1: k\n"), "{}", terminal::summary(&model));
}

#[test]
fn a_known_verdict_is_read_back_with_what_it_was() {
    let event = outcome("k", "default", "a::b", known(Verdict::Crash { report: Box::new(report(Severity::Oops)) }));
    let line = serde_json::to_string(&event).unwrap();
    assert!(line.contains(r#""verdict":"known","issue":"docker#1""#), "{line}");
    assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
}

#[test]
fn what_a_passing_test_left_behind_is_told() {
    let Event::TestFinished(mut left) = outcome("debian-6.1", "default", "ns::uts::x", Verdict::Pass) else { panic!() };
    left.dirt = vec!["mounts".into(), format!("files{EVIL}")];
    let model = Model::of(&[started(), Event::TestFinished(left), finished()]);
    let case = &cases(&model)[&("debian-6.1.ns.uts".to_owned(), "x".to_owned())];
    assert_eq!(case.element, "", "a pass stays one");
    assert!(
        case.out.as_ref().is_some_and(|out| out.contains("left behind") && out.contains("mounts, files")),
        "{case:?}"
    );
    assert!(terminal::summary(&model).contains("left behind: mounts, files"));
}

#[test]
fn a_part_that_failed_without_a_word_says_so() {
    let verdict = Verdict::Fail { reason: "1 of 2 results are not ok: one".into() };
    let Event::TestFinished(mut parts) = outcome("k", "default", "payload::p", verdict) else { panic!() };
    let part = |name: &str, result| Subtest { name: name.into(), result, reason: String::new() };
    parts.subtests = vec![part("one", SubtestResult::Fail), part("two", SubtestResult::Skip)];
    let cases = cases(&Model::of(&[started(), Event::TestFinished(parts), finished()]));
    assert_eq!(cases[&("k.payload.p".to_owned(), "one".to_owned())].message, "not ok");
    assert_eq!(cases[&("k.payload.p".to_owned(), "two".to_owned())].message, "");
}

#[test]
fn a_cell_that_ran_twice_is_one_case_and_hides_nothing() {
    let fail = Verdict::Fail { reason: "no".into() };
    for order in [[Verdict::Pass, fail.clone()], [fail, Verdict::Pass]] {
        let mut events = vec![started()];
        events.extend(order.map(|verdict| outcome("k", "default", "a::b", verdict)));
        events.push(finished());
        let cases = cases(&Model::of(&events));
        let case = &cases[&("k.a".into(), "b".into())];
        assert_eq!((case.element.as_str(), case.message.as_str()), ("failure", "no (ran 2 times, also: pass)"));
    }
}

#[test]
fn names_that_would_meet_are_kept_apart() {
    let events = [
        started(),
        outcome("k.a", "default", "b::c", Verdict::Pass),
        outcome("k", "default", "a::b::c", Verdict::Pass),
        outcome("k", "default", "a::\u{1}", Verdict::Pass),
        outcome("k", "default", "a::\\x01", Verdict::Pass),
        finished(),
    ];
    let names: BTreeSet<_> =
        cases(&Model::of(&events)).into_keys().map(|(class, name)| format!("{class}/{name}")).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["k.a.b/c", "k.a.b/c (2)", "k.a/\\x01", "k.a/\\x01 (2)"]);
}

#[test]
fn times_that_are_none_do_not_break_the_file() {
    for seconds in [f64::NAN, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e-9] {
        let Event::TestFinished(mut one) = outcome("k", "default", "a::b", Verdict::Pass) else { unreachable!() };
        one.seconds = seconds;
        let begun = Event::RunStarted {
            kernrig: "0.1.0".into(),
            started_unix: u64::MAX,
            cells: 1,
            jobs: 1,
            accelerator: "tcg".into(),
            qemu: String::new(),
        };
        let events = [begun, Event::TestFinished(one), Event::RunFinished { interrupted: None, seconds }];
        assert_eq!(cases(&Model::of(&events)).len(), 1);
        assert!(terminal::summary(&Model::of(&events)).contains("1 pass"));
    }
}

#[test]
fn much_is_split_into_files_below_the_limit_and_nothing_is_lost() {
    let mut events = vec![started()];
    for n in 0..90 {
        let Event::TestFinished(mut one) =
            outcome("k", "default", &format!("a::t{n}"), Verdict::Fail { reason: "no".into() })
        else {
            unreachable!()
        };
        one.console = "x\u{1}\n".repeat(100_000);
        one.reports = vec![Report { text: "\u{2}".repeat(500_000), ..report(Severity::Oops) }];
        events.push(Event::TestFinished(one));
    }
    events.push(finished());
    let model = Model::of(&events);
    let files = junit(&model);
    assert!(files.len() > 2 && files[0].0.is_empty() && files[1].0 == "-2", "{}", files.len());
    assert!(files.iter().all(|(_, file)| file.len() < 25_000_000));
    assert_eq!(cases(&model).len(), 90);
    assert_eq!(files, junit(&model), "the same run gives the same files");
}

#[test]
fn a_run_without_anything_is_a_valid_file() {
    assert_eq!(junit(&Model::default()).len(), 1);
    assert!(cases(&Model::default()).is_empty());
}

#[test]
fn the_summary_says_what_went_wrong_and_obeys_no_guest() {
    let model = Model::of(&hostile_run());
    let text = terminal::summary(&model);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    for wanted in [
        "debian-7: not to be had: gone",
        "fail debian-6.1 ns::uts::fail: because",
        "notice: notice",
        "under tcg, QEMU",
        "incomplete: ",
    ] {
        assert!(text.contains(wanted), "{wanted}:\n{text}");
    }
    assert!(hostile_run().iter().filter_map(terminal::line).all(|line| !line.contains(char::is_control)));
}

#[test]
fn exit_codes_keep_kernels_and_harness_apart() {
    let fail = || Verdict::Fail { reason: "no".into() };
    let gone = |optional| Event::KernelUnavailable { kernel: "k".into(), reason: "gone".into(), optional };
    let code = |events: Vec<Event>| Model::of(&events).exit_code();
    let cell = |verdict| outcome("k", "default", "a::b", verdict);
    assert_eq!(code(vec![started(), cell(Verdict::Pass), cell(Verdict::Skip { reason: "old".into() }), finished()]), 0);
    assert_eq!(code(vec![started(), gone(true), finished()]), 0);
    assert_eq!(code(vec![started(), cell(fail()), finished()]), 1);
    assert_eq!(code(vec![started(), cell(fail()), cell(Verdict::HarnessError { reason: "x".into() }), finished()]), 2);
    assert_eq!(code(vec![started(), gone(false), finished()]), 2);
    assert_eq!(code(vec![started(), cell(Verdict::Pass)]), 2, "killed before its end");
    let interrupted = Event::RunFinished { interrupted: Some("SIGINT".into()), seconds: 1.0 };
    let model = Model::of(&[started(), cell(Verdict::Pass), interrupted]);
    assert_eq!(model.exit_code(), 2);
    assert!(terminal::summary(&model).contains("interrupted: SIGINT; 1 of 9 cells have a verdict"));
}

/// A cell that failed twice, the second time with an oops, and then ended as given.
fn third_time(verdict: Verdict) -> [Event; 3] {
    let oops = Verdict::Crash { report: Box::new(report(Severity::Oops)) };
    let at = |verdict| match outcome("k", "default", "a::b", verdict) {
        Event::TestFinished(outcome) => outcome,
        other => panic!("{other:?}"),
    };
    let first = at(Verdict::Fail { reason: format!("no {EVIL}") });
    let mut second = at(oops).after(first.clone().into_attempts());
    second.reports = vec![report(Severity::Oops)];
    let third = at(verdict).after(second.clone().into_attempts());
    [first, second, third].map(Event::TestFinished)
}

#[test]
fn every_attempt_is_kept_and_the_last_stands_for_the_cell() {
    let run = |verdict| {
        let mut events = vec![started()];
        events.extend(third_time(verdict));
        events.push(finished());
        Model::of(&events)
    };
    let mut model = run(Verdict::Pass);
    let outcomes: Vec<_> = model.outcomes().collect();
    assert_eq!(outcomes.len(), 1);
    let labels: Vec<_> = outcomes[0].earlier.iter().map(|a: &Attempt| a.verdict.label()).collect();
    assert_eq!((labels, outcomes[0].label()), (vec!["fail", "crash"], "flaky"));
    assert_eq!(model.exit_code(), 0, "a flake passes");
    let text = terminal::summary(&model);
    assert!(text.contains("flaky k a::b (attempt 1: fail: no") && text.contains("ok: 1 flaky"), "{text}");
    let json = serde_json::to_string(&third_time(Verdict::Pass)[2]).unwrap();
    assert!(json.contains("\"flaky\":true") && json.contains("\"earlier\":["), "{json}");
    let read_back: Event = serde_json::from_str(&json).unwrap();
    assert_eq!(read_back, third_time(Verdict::Pass)[2]);

    let case = |model: &Model| {
        let mut cases = Cases::new();
        junit(model).iter().for_each(|(_, file)| read(file, &mut cases));
        cases.remove(&("k.a".to_owned(), "b".to_owned())).unwrap()
    };
    let passed = case(&model);
    assert_eq!(passed.element, "");
    let out = passed.out.unwrap();
    assert!(out.starts_with("flaky: attempt 1: fail: no") && out.contains("--- console of attempt 2 ---"), "{out}");
    assert!(passed.err.unwrap().contains("signature: WARNING:f"), "an oops of an earlier attempt is told");
    model.flaky_fails = true;
    assert_eq!(model.exit_code(), 1);
    let failed = case(&model);
    assert_eq!((failed.element.as_str(), failed.kind.as_str()), ("failure", "flaky"));
    assert!(failed.message.starts_with("flaky: attempt 1: "), "{}", failed.message);

    let bad = run(Verdict::Fail { reason: "no".into() });
    assert_eq!((bad.exit_code(), bad.outcomes().filter(|o| o.flaky()).count()), (1, 0), "bad each time is no flake");
    let unsure = run(Verdict::HarnessError { reason: "no disk".into() });
    assert_eq!((unsure.exit_code(), case(&unsure).element), (2, "error".to_owned()));
}

#[test]
fn a_complaint_lists_the_kernels_it_was_seen_on_and_was_not() {
    let mut events = vec![started()];
    let crash = || Verdict::Crash { report: Box::new(report(Severity::Oops)) };
    let skip = || Verdict::Skip { reason: "no such file".into() };
    for (kernel, first, second) in [
        ("linux-3.2", crash(), Verdict::Pass),
        ("linux-3.6", crash(), Verdict::Pass),
        ("linux-3.8", Verdict::Pass, Verdict::Pass),
        ("linux-3.9", skip(), Verdict::Pass),
    ] {
        events.push(outcome(kernel, "default", "pid::reaping", first));
        events.push(outcome(kernel, "default", "pid::other", second));
    }
    events.push(finished());
    let model = Model::of(&events);
    let places = "seen on linux-3.2, linux-3.6; not on linux-3.8";
    let summary = terminal::summary(&model);
    assert_eq!(summary.matches(places).count(), 1, "{summary}");
    assert!(!summary.contains("not on linux-3.8, linux-3.9"), "{summary}");
    let xml: String = junit(&model).iter().map(|(_, xml)| String::from_utf8_lossy(xml).into_owned()).collect();
    assert_eq!(xml.matches(places).count(), 2, "{xml}");
    let alone: Vec<Event> = events.into_iter().take(3).collect();
    assert!(!terminal::summary(&Model::of(&alone)).contains("seen on"));
}
