//! Every test of the catalog sees through the broken kernels that it names: a verdict hangs on the effect.
//!
//! `KERNRIG_MUTANTS=ns::pid::*` looks at those tests only; add `--nocapture` to see how each mutant was caught.

use std::collections::BTreeSet;

use kernrig_catalog::{TESTS, Test};
use kernrig_plan::{Answer, Decision, Fate, Selection};

use crate::bench::{Bench, bench, kernels};
use crate::rig::skipped;

/// A mutant that makes its test wait for ever is caught too: late, and so this soon.
const MUTANT_SECONDS: u32 = 15;

/// The mutants of a test that got away, and how it went; `None` where this kernel cannot run the test.
fn survivors(bench: &mut Bench, test: &'static Test) -> Option<Vec<String>> {
    let kernel = bench.kernel.name.clone();
    if !bench.passes(test)? {
        return Some(vec![format!("{} does not pass on {kernel} as it is", test.name)]);
    }
    let mut alive = Vec::new();
    for (index, mutant) in test.mutants.iter().enumerate() {
        if test.own_boot {
            bench.renew();
        }
        let fate = bench.fate(test, &format!("mutant={index} deadline={MUTANT_SECONDS}"));
        let caught = match &fate {
            Fate::Answered { answer: Answer::NotOk(reason), .. } => format!("caught: {reason}"),
            Fate::Answered { answer: Answer::Timeout(reason), .. } => format!("caught late: {reason}"),
            Fate::Silent(reason) | Fate::VmEnded(reason) => format!("caught late: {reason}"),
            other => {
                alive.push(format!("{} on {kernel}: `{}` got away: {other:?}", test.name, mutant.name));
                continue;
            }
        };
        println!("{} on {kernel}: `{}` {caught}", test.name, mutant.name);
    }
    Some(alive)
}

fn selection() -> Selection {
    let patterns: Vec<String> = std::env::var("KERNRIG_MUTANTS").into_iter().collect();
    Selection::new(&patterns).expect("KERNRIG_MUTANTS is a pattern of test names")
}

/// On a kernel that knows no call younger than 2.6.32 each test comes to a verdict, and none hangs or breaks the guest.
#[test]
fn every_test_ends_where_nothing_young_is_known() {
    let Some(kernel) = kernels("the catalog where nothing young is known")
        .into_iter()
        .find(|kernel| kernel.name.starts_with("debian-"))
    else {
        return;
    };
    let (mut bench, suite) = bench(kernel, &selection());
    let mut lost = Vec::new();
    for cell in suite.cells.iter().filter(|cell| cell.decision == Decision::Run && !cell.test.selftest) {
        let fate = bench.fate(cell.test, "antique=1 probe=1");
        let ended = |answer: &Answer| matches!(answer, Answer::Ok | Answer::NotOk(_) | Answer::Skip(_));
        if !matches!(&fate, Fate::Answered { answer, .. } if ended(answer)) {
            lost.push(format!("{}: {fate:?}", cell.test.name));
        }
    }
    assert!(lost.is_empty(), "{} did not end:\n{}", lost.len(), lost.join("\n"));
}

/// Two halves, so that two cores have something to do.
#[test]
fn every_mutant_is_caught_in_one_half() {
    hunt(0);
}

#[test]
fn every_mutant_is_caught_in_the_other_half() {
    hunt(1);
}

fn hunt(half: usize) {
    let selection = selection();
    // Neighbours share modules and boots: few of them are parted.
    let ours = TESTS.chunks(16).skip(half).step_by(2).flatten();
    let mut left: BTreeSet<&str> = ours.filter(|t| selection.has(t) && !t.selftest).map(|t| t.name).collect();
    let mut alive: Vec<String> = Vec::new();
    for kernel in kernels("mutants") {
        let (mut bench, suite) = bench(kernel, &selection);
        for cell in suite.cells.iter().filter(|cell| cell.decision == Decision::Run) {
            if left.contains(cell.test.name)
                && let Some(here) = survivors(&mut bench, cell.test)
            {
                left.remove(cell.test.name);
                alive.extend(here);
            }
        }
    }
    for test in left {
        skipped(&format!("mutants of {test}: no kernel at hand can run it"));
    }
    assert!(alive.is_empty(), "{} got away:\n{}", alive.len(), alive.join("\n"));
}
