//! `kernrig qualify` of two runs that were made already: nothing is booted.

use std::fs;

use tempfile::TempDir;

use crate::{finish, folder, kernrig};

/// Writes a run of one kernel: tests with their verdicts.
fn run(folder: &TempDir, name: &str, kernel: &str, release: &str, cells: &[(&str, &str)], ended: bool) {
    let out = folder.path().join(name);
    fs::create_dir_all(&out).expect("a folder");
    let mut lines = vec![
        r#"{"event":"run-started","kernrig":"0.1.0","started_unix":1,"cells":3,"jobs":1,"accelerator":"tcg","qemu":"q"}"#
            .to_owned(),
        format!(r#"{{"event":"kernel-ready","name":"{kernel}","release":"{release}","packages":[],"notes":[]}}"#),
    ];
    for (test, verdict) in cells {
        lines.push(format!(
            r#"{{"event":"test-finished","cell":{{"kernel":"{kernel}","variant":"default","test":"{test}"}},{verdict},"seconds":1.0,"diagnostics":[],"reports":[],"console":"","vm":1}}"#
        ));
    }
    if ended {
        lines.push(r#"{"event":"run-finished","interrupted":null,"seconds":3.0}"#.to_owned());
    }
    fs::write(out.join("results.jsonl"), lines.join("\n") + "\n").expect("a file");
}

const PASS: &str = r#""verdict":"pass""#;
const FAIL: &str = r#""verdict":"fail","reason":"the name \u001b[2J leaked""#;
const SKIP: &str = r#""verdict":"skip","reason":"needs Linux 6.8, this is 6.1.0""#;
const UTS: &str = "ns::uts::hostname_is_private";
const IPC: &str = "ns::ipc::shm_key_is_private";
const YOUNG: &str = "ns::mount::listmount_lists_what_is_below";

fn qualify(folder: &TempDir, baseline: &str, candidate: &str, more: &[&str]) -> (i32, String, String) {
    finish(kernrig(folder).args(["qualify", "--baseline", baseline, "--run", candidate]).args(more))
}

#[test]
fn two_runs_are_compared_and_the_verdict_is_the_exit_code() {
    let folder = folder();
    run(&folder, "old", "a", "6.1.0-1", &[(UTS, PASS), (IPC, PASS), (YOUNG, SKIP)], true);
    run(&folder, "new", "b", "6.12.3", &[(UTS, PASS), (IPC, PASS), (YOUNG, PASS)], true);
    run(&folder, "bad", "b", "6.12.3", &[(UTS, FAIL), (IPC, SKIP), (YOUNG, PASS)], true);

    let (code, out, err) = qualify(&folder, "old", "new", &[]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.ends_with("\nqualified\n"), "{out}");
    assert!(out.contains("gained: ns::mount::listmount") && out.contains("because: since Linux 6.8: "), "{out}");

    let (code, out, _) = qualify(&folder, "old/results.jsonl", "bad", &[]);
    assert_eq!(code, 1, "{out}");
    assert!(out.ends_with("\nnot qualified: 1 new failure, 1 lost\n"), "{out}");
    assert!(out.contains("is fail: the name \\x1b[2J leaked") && !out.contains('\u{1b}'), "{out}");

    let (code, out, _) = qualify(&folder, "old", "bad", &["--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&out).expect("standard output is JSON and nothing else");
    assert_eq!((code, &document["exit_code"]), (1, &serde_json::json!(1)));
    assert_eq!(document["pairs"][0]["differences"][0]["change"], "new-failure");
    assert_eq!(fs::read_to_string(folder.path().join("kernrig-out/qualify.json")).expect("written"), out.trim_end());
    let (_, page, _) = qualify(&folder, "old", "bad", &["--format", "markdown"]);
    assert!(page.starts_with("## not qualified") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn what_makes_runs_incomparable_is_named() {
    let folder = folder();
    run(&folder, "old", "a", "6.1.0-1", &[(UTS, PASS)], true);
    run(&folder, "other", "b", "6.12.3", &[(IPC, PASS)], true);
    run(&folder, "part", "b", "6.12.3", &[(UTS, PASS)], false);
    let (code, out, err) = qualify(&folder, "old", "other", &[]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains(&format!("only in the baseline: 1 tests: {UTS}")), "{err}");

    let (code, out, _) = qualify(&folder, "old", "part", &[]);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("undecided: the run of b is not whole"), "{out}");
    let (code, out, _) = qualify(&folder, "part", "old", &[]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("note: the baseline is partial: "), "{out}");

    let tuned = format!(r#"{PASS},"params":{{"iterations":9}}"#);
    run(&folder, "both", "a", "6.1.0-1", &[(UTS, PASS), (IPC, PASS)], true);
    run(&folder, "tuned", "b", "6.12.3", &[(UTS, &tuned), (IPC, PASS)], true);
    let (code, out, _) = qualify(&folder, "both", "tuned", &[]);
    assert_eq!(code, 2, "a test that was not compared is not as good as before: {out}");
    assert!(out.contains("undecided: 1 tests had other parameters") && out.contains("1 alike"), "{out}");

    fs::write(folder.path().join("empty.jsonl"), "").expect("a file");
    for (wrong, words) in [("empty.jsonl", "no test has a verdict"), ("gone", "No such file")] {
        let (code, _, err) = qualify(&folder, wrong, "old", &[]);
        assert!(code == 2 && err.contains(wrong) && err.contains(words), "{err}");
    }
    let (code, _, err) = finish(kernrig(&folder).args(["qualify", "-k", "debian-6.1"]));
    assert!(code == 2 && err.contains("--baseline"), "{err}");
}
