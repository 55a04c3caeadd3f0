//! The guest has a function for each test of the catalog, in the same order, and none besides.

use kernrig_catalog::TESTS;

/// Names at the start of `("name", function)` lines.
fn names(source: &str) -> Vec<&str> {
    source.lines().filter_map(|line| Some(line.trim().strip_prefix("(\"")?.split_once("\",")?.0)).collect()
}

#[test]
fn guest_and_catalog_have_the_same_tests() {
    let here = names(include_str!("../guest/tests/mod.rs"));
    let there: Vec<_> = TESTS.iter().filter(|test| !test.selftest).map(|test| test.name).collect();
    assert!(here.len() > 40, "the table was not found in the guest's sources: {here:?}");
    assert_eq!(here, there);
}
