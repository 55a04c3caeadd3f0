//! The table of tests keeps the promises that selection, reports and JUnit stand on.

use std::collections::BTreeSet;

use kernrig_catalog::{TESTS, by_name, protocol};

fn group(name: &str) -> &str {
    name.rsplit_once("::").map_or("", |(group, _)| group)
}

#[test]
fn names_are_unique_and_found() {
    let mut seen = BTreeSet::new();
    for test in TESTS {
        assert!(seen.insert(test.name), "two tests are named {}", test.name);
        assert_eq!(by_name(test.name).map(|found| found.purpose), Some(test.purpose), "{}", test.name);
    }
    assert!(by_name("ns::uts").is_none(), "a group is not a test");
}

#[test]
fn names_are_a_group_and_what_is_proven() {
    for test in TESTS {
        let parts: Vec<_> = test.name.split("::").collect();
        assert!((2..=3).contains(&parts.len()), "{}: group::[subgroup::]what_it_proves", test.name);
        for part in parts {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(part.starts_with(|c: char| c.is_ascii_lowercase()), "{}: {part:?}", test.name);
            assert!(part.chars().all(word), "{}: {part:?}", test.name);
        }
    }
}

#[test]
fn a_group_stands_together() {
    let mut done = BTreeSet::new();
    let mut current = "";
    for test in TESTS {
        if group(test.name) != current {
            current = group(test.name);
            assert!(done.insert(current), "{}: group {current} has been left and is entered again", test.name);
        }
    }
}

#[test]
fn v2_cgroups_run_before_v1() {
    let first = |group| TESTS.iter().position(|test| test.name.starts_with(group));
    assert!(first("cgroup2::") < first("cgroup1::"), "a v1 hierarchy takes its controllers away from v2");
}

#[test]
fn only_selftests_are_selftests() {
    for test in TESTS {
        assert_eq!(test.selftest, group(test.name) == "selftest", "{}", test.name);
    }
}

#[test]
fn purposes_are_one_line_of_text() {
    for test in TESTS {
        let purpose = test.purpose;
        assert!((20..=120).contains(&purpose.len()), "{}: {} characters", test.name, purpose.len());
        assert!(!purpose.contains('\n') && purpose.trim() == purpose && !purpose.ends_with('.'), "{}", test.name);
    }
}

#[test]
fn needs_can_be_met() {
    for test in TESTS {
        let needs = test.needs;
        assert!(needs.until.is_none_or(|until| needs.since < until), "{}: an empty range of versions", test.name);
        for option in needs.kconfig {
            assert!(!option.any.is_empty(), "{}: an option without a name", test.name);
            assert!(option.until.is_none_or(|until| option.since < until), "{}: {:?}", test.name, option.any);
            for name in option.any {
                let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                assert!(!name.starts_with("CONFIG_") && name.chars().all(upper), "{}: {name:?}", test.name);
            }
        }
        for module in needs.modules {
            assert!(!module.contains('-'), "{}: {module}: /proc/modules writes _", test.name);
        }
    }
}

#[test]
fn deadlines_are_seconds_not_minutes() {
    for test in TESTS {
        assert!((1..=120).contains(&test.deadline_s), "{}: {} s", test.name, test.deadline_s);
    }
}

#[test]
fn a_run_command_fits_a_line() {
    for test in TESTS {
        let line = format!("run 4294967295 {} deadline=4294967295 probe=1 iterations=4294967295\n", test.name);
        assert!(line.len() <= protocol::MAX_LINE / 2, "{}: {} bytes", test.name, line.len());
    }
}

#[test]
fn each_test_has_a_broken_kernel_to_see_through() {
    for test in TESTS.iter().filter(|test| !test.selftest) {
        assert!(!test.mutants.is_empty(), "{}: nothing shows that it can fail", test.name);
        let mut seen = BTreeSet::new();
        for mutant in test.mutants {
            assert!(!mutant.name.is_empty(), "{}: a mutant without a name", test.name);
            assert!(seen.insert(format!("{:?}", mutant.lie)), "{}: `{}` is there twice", test.name, mutant.name);
        }
    }
}

/// An error in place of the effect shows only that errors are seen; one mutant at least breaks the effect.
#[test]
fn no_test_is_proven_by_a_refusal_alone() {
    use kernrig_catalog::Lie;
    let only_refused = |test: &&kernrig_catalog::Test| {
        !test.mutants.is_empty() && test.mutants.iter().all(|mutant| matches!(mutant.lie, Lie::Refuse { .. }))
    };
    let names: Vec<_> = TESTS.iter().filter(only_refused).map(|test| test.name).collect();
    assert!(names.is_empty(), "{names:?}");
}
