//! A stock kernel that misbehaves in a known way: known, another signature, fixed, expired.

use std::fs;

use crate::rig::{Finished, kernrig, run_with, skipped};

const KERNEL: &str = "debian-6.1";

/// Runs tests on it in a folder with this list; `None`, and said so, where the kernel is not to be had.
fn run(list: &str, arguments: &[&str]) -> Option<Finished> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("known-issues.toml"), list).expect("a list");
    let arguments = [&["-k", KERNEL][..], arguments].concat();
    let finished = run_with(kernrig().current_dir(folder.path()), &arguments);
    eprintln!("{}", finished.printed);
    if finished.code == 2 && finished.outcomes().count() == 0 {
        skipped(&format!("known issues on {KERNEL}: the kernel cannot be had here:\n{}", finished.printed));
        return None;
    }
    Some(finished)
}

/// The entry that kernrig drafts for a cell.
fn draft(of: &Finished, test: &str) -> String {
    let from = format!("{KERNEL}/{test}");
    let drafted = kernrig().args(["known", "add", "--from", &from, "--out"]).arg(of.out.path()).output();
    let drafted = drafted.expect("kernrig starts");
    assert!(drafted.status.success(), "{}", String::from_utf8_lossy(&drafted.stderr));
    String::from_utf8(drafted.stdout).expect("text")
}

#[test]
fn a_bug_goes_from_new_to_known_and_no_further_than_its_entry() {
    let Some(new) = run("", &["-t", "selftest::oops", "-t", "selftest::warn"]) else { return };
    let oops = new.expect("selftest::oops", "crash");
    new.expect("selftest::warn", "warning");
    assert_eq!(new.code, 1);
    let frame = oops.reports[0].frames.first().expect("a blamed function").clone();
    let (oops, warning) = (draft(&new, "selftest::oops"), draft(&new, "selftest::warn"));

    // Known: green, and still told with all that was seen.
    let known =
        run(&format!("{oops}\n{warning}"), &["-t", "selftest::oops", "-t", "selftest::warn"]).expect("as before");
    assert_eq!(known.code, 0, "{}", known.printed);
    let outcome = known.expect("selftest::oops", "known");
    assert_eq!(outcome.verdict.bare().label(), "crash");
    known.expect("selftest::warn", "known");
    assert!(known.printed.contains("known new:selftest::oops: debian-6.1"), "{}", known.printed);
    let junit = known.junit();
    assert!(junit.contains("<skipped type=\"known\"") && junit.contains("<system-err>"), "{junit}");
    assert!(!junit.contains("<failure"), "{junit}");

    // Another signature, a kernel that has the fix, an entry of yesteryear: red. And a pass where none is expected.
    let another = oops.replace(&frame, "some_other_function");
    let fixed = warning.replace("fixed-in = []", "fixed-in = \"6.1.1\"");
    let always = "[[issue]]\nid = \"always\"\ntitle = \"names leak\"\naffected = [\"<6.2\"]\ntests = [\"ns::uts::hostname_is_private\"]\n\
        signature = { outcome = \"fail\" }\nfixed-in = \"6.2\"\n";
    let tests = ["-t", "selftest::oops", "-t", "selftest::warn", "-t", "ns::uts::hostname_is_private"];
    let red = run(&format!("{another}\n{fixed}\n{always}"), &tests).expect("as before");
    assert_eq!(red.code, 1);
    red.expect("selftest::oops", "crash");
    red.expect("selftest::warn", "warning");
    let surprise = red.expect("ns::uts::hostname_is_private", "unexpected-pass");
    assert!(surprise.verdict.explanation().contains("names leak"), "{surprise:#?}");
    assert!(red.printed.contains("unexpected-pass debian-6.1 ns::uts::hostname_is_private"), "{}", red.printed);

    let expired = format!("{oops}expires = 2020-02-02\n\n{always}");
    let late = run(&expired, &["-t", "selftest::oops"]).expect("as before");
    assert_eq!(late.code, 1);
    late.expect("selftest::oops", "crash");
    assert!(late.printed.contains("expired on 2020-02-02"), "{}", late.printed);
    let strict = run(&expired, &["-t", "ns::uts::hostname_is_private", "--strict"]).expect("as before");
    assert_eq!(strict.code, 1, "{}", strict.printed);
    assert!(strict.junit().contains("<failure type=\"unexpected-pass\""), "{}", strict.junit());
}

#[test]
fn what_always_shows_is_missed_on_the_kernel_that_has_the_fix() {
    // As if nobody had been told of the fixes.
    let line = |line: &str| match line.split_once(" = ") {
        Some(("affected", _)) => "affected = [\"*\"]\n".to_owned(),
        Some(("fixed-in", _)) => String::new(),
        _ => format!("{line}\n"),
    };
    let forgetful: String = kernrig_known::SHIPPED.lines().map(line).collect();
    let tests = [
        "bug::ipc_lag::unshare_loop",
        "ns::mount::unmounted_one_cannot_be_shared",
        "bug::docker_407::reaping_after_exec",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("known-issues.toml"), forgetful).expect("a list");
    let arguments: Vec<&str> = tests.iter().flat_map(|test| ["-t", test]).chain(["-k", "debian-6.12"]).collect();
    let finished = run_with(kernrig().current_dir(folder.path()), &arguments);
    eprintln!("{}", finished.printed);
    if finished.code == 2 && finished.outcomes().count() == 0 {
        skipped(&format!("fixed bugs on debian-6.12: the kernel cannot be had here:\n{}", finished.printed));
        return;
    }
    assert_eq!(finished.code, 0, "{}", finished.printed);
    for test in tests {
        finished.expect(test, "unexpected-pass");
    }
}
