//! A kernel made to misbehave: each misdeed is laid at the test that did it, and no other test suffers.

use crate::rig::{Finished, old_kernel, run, skipped};

const WITH_NEIGHBOURS: &[&str] = &["-t", "selftest::*", "-t", "ns::uts::*", "-t", "ns::ipc::*"];

/// What holds on every kernel, whatever of the misdeeds it can be made to do.
fn assert_neighbours_unharmed(finished: &Finished) {
    eprintln!("{}", finished.printed);
    assert_eq!(finished.code, 1, "{}", finished.printed);
    for test in kernrig_catalog::TESTS.iter().filter(|t| t.name.starts_with("ns::uts") || t.name.starts_with("ns::ipc"))
    {
        let label = finished.outcome(test.name).verdict.label();
        assert!(["pass", "skip"].contains(&label), "{}: {label}\n{}", test.name, finished.printed);
    }
    let garbage = finished.expect("selftest::garbage", "pass");
    assert!(garbage.reports.is_empty(), "{garbage:#?}");
    finished.expect("selftest::panic", "panic");
    finished.expect("selftest::lost", "lost");
    finished.expect("selftest::hang", "hang");
    let junit = finished.junit();
    assert!(!junit.contains('\u{1b}') && !junit.contains('\u{0}'), "control characters in the JUnit file");
}

/// On an old kernel whose folder's name starts like that.
fn assert_on_old(start: &str) {
    let Some(folder) = old_kernel(start, &format!("selftests on {start}")) else { return };
    let mut arguments = vec!["-k", folder.to_str().expect("a path of text")];
    arguments.extend(WITH_NEIGHBOURS);
    let finished = run(&arguments);
    assert_neighbours_unharmed(&finished);
    finished.expect("selftest::warn", "warning");
    finished.expect("selftest::oops", "crash");
}

#[test]
fn each_misdeed_on_2_6_32_is_laid_at_its_test() {
    assert_on_old("2.6.32");
}

#[test]
fn each_misdeed_on_3_5_is_laid_at_its_test() {
    assert_on_old("3.5");
}

#[test]
fn each_misdeed_on_debian_6_1_is_laid_at_its_test() {
    let mut arguments = vec!["-k", "debian-6.1"];
    arguments.extend(WITH_NEIGHBOURS);
    let finished = run(&arguments);
    if finished.code == 2 && finished.printed.contains("debian-6.1") && finished.outcomes().count() == 0 {
        skipped(&format!("selftests on debian-6.1: the kernel cannot be had here:\n{}", finished.printed));
        return;
    }
    assert_neighbours_unharmed(&finished);
    finished.expect("selftest::warn", "warning");
    finished.expect("selftest::oops", "crash");
    let reset = finished.outcomes().filter(|o| o.cell.test.starts_with("selftest::")).map(|o| o.vm);
    let vms: std::collections::BTreeSet<_> = reset.collect();
    assert!(vms.len() >= 4, "crash, panic, hang and loss each need a fresh VM after them: {vms:?}");
}
