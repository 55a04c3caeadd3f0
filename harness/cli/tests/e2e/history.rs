//! What each kernel at hand has and lacks is what the history of Linux says, row by row of `guest-tests/history.toml`.
//!
//! From a row's first version on, its tests pass; before it, the same tests are run all the same and must not. So a
//! wrong version in the catalog shows on either side.

use kernrig_catalog::{Version, by_name};
use kernrig_kernels::Kernel;
use kernrig_known::{Facts, List};
use kernrig_plan::{Answer, Decision, Fate, Selection};
use serde::Deserialize;

use crate::bench::{bench, kernels};

const TABLE: &str = include_str!("../../../../guest-tests/history.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

/// A feature of Linux.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    feature: String,
    /// First version that has it.
    since: String,
    /// First version that no longer has it.
    until: Option<String>,
    #[serde(rename = "source")]
    _source: String,
    /// Tests that find out.
    tests: Vec<String>,
    /// Until then a kernel may fail them for a reason that is not among the known issues.
    fails_until: Option<String>,
    /// Why the tests cannot be tried where the feature is not.
    #[serde(default)]
    unsafe_before: Option<String>,
}

fn version(text: &str) -> Version {
    Version::of_release(text).unwrap_or_else(|| panic!("`{text}` is no version"))
}

fn table() -> Vec<Row> {
    toml::from_str::<Table>(TABLE).expect("guest-tests/history.toml can be read").row
}

/// Whether a kernel may fail a test for want of a repair that came later.
fn may_fail(test: &str, kernel: &Kernel) -> bool {
    let packages = kernel.packages.iter().map(|p| (p.name.as_str(), p.version.as_str()));
    let facts = Facts::new(&kernel.release, packages);
    List::shipped().expect("a sound list").issues().iter().any(|issue| issue.tests.fit(test) && issue.affects(&facts))
}

#[test]
fn each_row_names_tests_and_their_versions() {
    for row in table() {
        assert!(!row.tests.is_empty(), "{}: no test", row.feature);
        for name in &row.tests {
            let test = by_name(name).unwrap_or_else(|| panic!("{}: there is no test {name}", row.feature));
            assert_eq!(test.needs.since, version(&row.since), "{}: {name}", row.feature);
            assert_eq!(test.needs.until, row.until.as_deref().map(version), "{}: {name}", row.feature);
        }
    }
}

#[test]
fn kernels_have_what_history_says() {
    let rows = table();
    let mut differences = Vec::new();
    for kernel in kernels("history") {
        let (mut bench, suite) = bench(kernel, &Selection::new(&[]).expect("all tests"));
        let Some(here) = Version::of_release(&bench.kernel.release) else { continue };
        for row in &rows {
            let has = here >= version(&row.since) && row.until.as_deref().is_none_or(|until| here < version(until));
            for cell in suite.cells.iter().filter(|cell| row.tests.iter().any(|name| name == cell.test.name)) {
                let place = format!("{} on {}: {}", row.feature, bench.kernel.release, cell.test.name);
                match (&cell.decision, has) {
                    (Decision::Run, false) => differences.push(format!("{place} would run before its time")),
                    // Built without it, which says nothing about the version.
                    (Decision::Skip(_), true) => {}
                    (Decision::Run, true) => {
                        let repaired = !may_fail(cell.test.name, &bench.kernel)
                            && row.fails_until.as_deref().is_none_or(|until| here >= version(until));
                        if repaired && bench.passes(cell.test) == Some(false) {
                            differences.push(format!("{place} does not pass"));
                        }
                    }
                    (Decision::Skip(_), false) if row.unsafe_before.is_some() => {}
                    (Decision::Skip(_), false) => {
                        let fate = bench.fate(cell.test, "probe=1 deadline=10");
                        if matches!(fate, Fate::Answered { answer: Answer::Ok, .. }) {
                            differences.push(format!("{place} passes, and should not yet"));
                        }
                    }
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
