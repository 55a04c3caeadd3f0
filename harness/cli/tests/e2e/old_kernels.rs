//! Every kernel at hand boots, and every test has a verdict on it.

use kernrig_events::Class;

use crate::rig::{Finished, old_kernels, run};

fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(['.', '-']).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= wanted
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
