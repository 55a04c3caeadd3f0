//! `kernrig known`: the list, what is wrong with one, and a draft from a run.

use std::fs;

use crate::{finish, folder, kernrig};

const ENTRY: &str = "[[issue]]\nid = \"a#1\"\ntitle = \"t\"\naffected = [\"<4.0\"]\ntests = [\"ns::uts::*\"]\nsignature = { kinds = [\"GPF\"] }\n\
    fix = \"0123456789ab\"\nreason = \"r\"\n";

#[test]
fn the_list_that_is_compiled_in_is_sound_and_shown() {
    let folder = folder();
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["known", "check"]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, _) = finish(kernrig(&folder).args(["known", "list"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("docker#407") && stdout.contains("0a01f2cc390e"), "{stdout}");
    let (code, stdout, _) = finish(kernrig(&folder).args(["known", "list", "--format", "json"]));
    let issues: Vec<serde_json::Value> = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, 0);
    assert!(
        issues.iter().any(|issue| issue["id"] == "CVE-2015-2925" && issue["fixed-in"][0] == "2.6.32.69"),
        "{stdout}"
    );
}

#[test]
fn a_list_in_the_folder_replaces_it_and_its_mistakes_are_named() {
    let folder = folder();
    let file = folder.path().join("known-issues.toml");
    fs::write(&file, ENTRY).expect("a file");
    let (code, stdout, _) = finish(kernrig(&folder).args(["known", "check"]));
    assert_eq!((code, stdout.as_str()), (0, "known-issues.toml: 1 issues, nothing found\n"));
    fs::write(&file, ENTRY.replace("ns::uts::*", "ns::utz::*").replace("GPF", "NULL-dref") + "expires = 2020-01-01\n")
        .expect("a file");
    let (code, stdout, _) = finish(kernrig(&folder).args(["known", "check"]));
    assert_eq!(code, 1);
    for words in [
        "`ns::utz::*` matches none; did you mean ns::uts::*?",
        "did you mean NULL-deref?",
        "expired on 2020-01-01",
        "3 findings",
    ] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    for (step, words) in [
        ("{ workers = 4 }", "step 1 of its repro: unknown field `workers`"),
        ("{ tests = [\"ns::nope\"] }", "step 1 of its repro: ns::nope: no test"),
        ("{ tests = [\"ns::uts::*\"], variant = \"smp44\" }", "there is no variant smp44"),
    ] {
        fs::write(&file, format!("{ENTRY}repro = [{step}]\n")).expect("a file");
        let (code, stdout, _) = finish(kernrig(&folder).args(["known", "check"]));
        assert_eq!(code, 1, "{stdout}");
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
}

#[test]
fn a_list_that_cannot_be_read_ends_a_run_and_leaves_the_last_results() {
    let folder = folder();
    fs::write(folder.path().join("known-issues.toml"), ENTRY.replace("reason", "raison")).expect("a file");
    let results = folder.path().join("kernrig-out/results.jsonl");
    fs::create_dir(folder.path().join("kernrig-out")).expect("a folder");
    fs::write(&results, "").expect("a file");
    for arguments in [&["run", "-k", "nothing"][..], &["run", "--dry-run"], &["known", "list"], &["known", "check"]] {
        let (code, _, stderr) = finish(kernrig(&folder).args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        for words in ["known-issues.toml", "line 8", "unknown field `raison`"] {
            assert!(stderr.contains(words), "{words}: {stderr}");
        }
    }
    assert!(results.exists());
    let (_, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--no-known", "-k", "nothing"]));
    assert!(!stderr.contains("known-issues.toml"), "{stderr}");
}

#[test]
fn a_draft_is_made_of_a_cell_that_failed() {
    let folder = folder();
    let out = folder.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let cell = |test: &str, verdict: &str| {
        format!(
            "{{\"event\":\"test-finished\",\"cell\":{{\"kernel\":\"k\",\"variant\":\"smp4\",\"test\":\"{test}\"}},{verdict},\
             \"seconds\":0.0,\"diagnostics\":[],\"reports\":[],\"console\":\"\",\"vm\":1}}\n"
        )
    };
    let ready = "{\"event\":\"kernel-ready\",\"name\":\"k\",\"release\":\"5.10.0-45-amd64\",\"packages\":[{\"name\":\
        \"linux-image-5.10.0-45-amd64\",\"version\":\"5.10.262-1\",\"sha256\":\"\"}],\"notes\":[]}\n";
    let failed = cell("ns::uts::hostname_is_private", "\"verdict\":\"fail\",\"reason\":\"errno 22\"");
    let passed = cell("ns::uts::names_are_inherited", "\"verdict\":\"pass\"");
    fs::write(out.join("results.jsonl"), format!("{ready}{failed}{passed}")).expect("a file");
    let add = |cell: &str| finish(kernrig(&folder).args(["known", "add", "--out", "out", "--from", cell]));

    let (code, stdout, stderr) = add("k+smp4/ns::uts::hostname_is_private");
    assert_eq!(code, 0, "{stderr}");
    for words in [
        "affected = [\"=5.10.262\"]",
        "variants = [\"smp4\"]",
        "outcome = \"fail\", reason = \"errno *\"",
        "5.10.262-1",
    ] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    fs::write(folder.path().join("known-issues.toml"), &stdout).expect("a file");
    let (code, stdout, _) = finish(kernrig(&folder).args(["known", "check"]));
    assert_eq!(code, 1);
    assert!(stdout.contains("fix is missing") && stdout.contains("2 findings"), "{stdout}");

    let (code, _, stderr) = add("k/ns::uts::hostname_is_private");
    assert_eq!(code, 2);
    assert!(stderr.contains("no such cell") && stderr.contains("k+smp4/ns::uts::hostname_is_private"), "{stderr}");
    let (code, _, stderr) = add("k+smp4/ns::uts::names_are_inherited");
    assert_eq!(code, 2);
    assert!(stderr.contains("did not fail"), "{stderr}");
}
