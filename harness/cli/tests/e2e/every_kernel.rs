//! Every kernel at hand boots, every test has a verdict on it, nothing fails without an explanation and nothing is left behind.

use kernrig_events::Class;

use crate::rig::{Finished, old_kernels, run};

fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= wanted
}

/// A symbol, a version, a module, a kind of file system or a word of the command line.
fn names_what_is_missing(reason: &str) -> bool {
    ["CONFIG_", "Linux ", "the module ", "command line", "cgroup_", "no file system"]
        .iter()
        .any(|word| reason.contains(word))
}

#[test]
fn every_test_has_a_verdict_on_debians_kernels() {
    for name in ["debian-5.10", "debian-6.1", "debian-6.12", "debian-7"] {
        let finished = run(&["-k", name]);
        assert_verdicts(name, &finished);
    }
}

#[test]
fn every_test_has_a_verdict_on_every_kernel_at_hand() {
    for (name, folder) in old_kernels("every test on every old kernel") {
        let finished = run(&["-k", folder.to_str().expect("a path of text")]);
        assert_verdicts(&name, &finished);
    }
}

fn assert_verdicts(name: &str, finished: &Finished) {
    eprintln!("{name}:\n{}", finished.printed);
    let labels = finished.labels();
    for test in kernrig_catalog::TESTS.iter().filter(|t| !t.selftest) {
        assert!(labels.contains_key(test.name), "{name}: {} has no verdict\n{}", test.name, finished.printed);
    }
    assert_eq!(labels.get("vm::boot"), Some(&"pass"), "{name}\n{}", finished.printed);
    for outcome in finished.outcomes() {
        let class = outcome.verdict.class();
        assert!(class != Class::Harness && class != Class::Undone, "{name}: {outcome:#?}");
        if outcome.verdict.label() == "skip" {
            assert!(!outcome.verdict.explanation().is_empty(), "{name}: {outcome:#?}");
        }
    }
    let release = &finished.release();
    let mut wrong = Vec::new();
    for outcome in finished.outcomes() {
        let (test, why) = (outcome.cell.test.as_str(), outcome.verdict.explanation());
        match outcome.verdict.class() {
            Class::Good => {}
            Class::Neutral if outcome.verdict.label() == "known" => {}
            Class::Neutral => assert!(names_what_is_missing(why), "{name}: {test}: {why}"),
            _ => wrong.push(format!("{} {test}: {why}", outcome.verdict.label())),
        }
        // Who was killed by the kernel cannot clean up.
        if !outcome.dirt.is_empty() && outcome.verdict.label() != "known" {
            wrong.push(format!("{test} left {:?} behind", outcome.dirt));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    for (test, label) in &labels {
        let refusal = *test == "setns::is_unknown_before_3_0";
        let needs_three = test.starts_with("setns::") && !refusal && !at_least(release, (3, 0));
        if needs_three {
            let outcome = finished.expect(test, "skip");
            assert!(outcome.verdict.explanation().contains("needs Linux "), "{name}: {outcome:#?}");
        }
        if test.starts_with("union::aufs::") && (release.starts_with("2.6.32") || release.starts_with("3.5")) {
            assert_eq!(*label, "pass", "{name}: {test}\n{}", finished.printed);
        }
        if test.starts_with("union::overlayfs::") && release.starts_with("3.5") {
            assert_eq!(*label, "pass", "{name}: {test}\n{}", finished.printed);
        }
    }
}
