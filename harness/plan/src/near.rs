//! Names that look like one that there is not.

/// How many are told.
const MOST: usize = 3;
/// How alike two names have to be, from 0 to 1.
const ALIKE: f64 = 0.75;

/// The known names that look like the given one, the likest first.
#[must_use]
pub fn names<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<(f64, &str)> =
        known.map(|name| (strsim::jaro_winkler(given, name), name)).filter(|(alike, _)| *alike >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

/// The tests, or whole groups of them, that look like a pattern that matched none.
pub(crate) fn patterns<'a>(pattern: &str, tests: impl Iterator<Item = &'a str>) -> Vec<String> {
    if !pattern.contains(['*', '?', '[', '{']) {
        let tests: Vec<&str> = tests.collect();
        let near = names(pattern, tests.iter().copied());
        return if near.is_empty() { around(pattern, &tests) } else { near };
    }
    let mut groups: Vec<String> = tests
        .flat_map(|test| test.match_indices("::").map(|(at, _)| format!("{}::*", &test[..at])).collect::<Vec<_>>())
        .collect();
    groups.sort();
    groups.dedup();
    names(pattern, groups.iter().map(String::as_str))
}

/// Names that have the word in them: of a test whose groups were left out.
fn around(word: &str, tests: &[&str]) -> Vec<String> {
    let word = word.to_lowercase();
    let having = tests.iter().filter(|test| !word.is_empty() && test.contains(word.trim_matches(':')));
    having.take(MOST).map(|test| (*test).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: [&str; 4] = ["ns::uts::hostname_is_private", "ns::pid::init", "churn::veth", "container::runs_once"];

    #[test]
    fn the_likest_come_first() {
        let near = |pattern| patterns(pattern, TESTS.into_iter());
        assert_eq!(near("ns::uts::hostname_is_privat")[0], "ns::uts::hostname_is_private");
        assert_eq!(near("ns::utz::*")[0], "ns::uts::*");
        assert_eq!(near("contaner::*")[0], "container::*");
        assert!(near("zzzz").is_empty() && near("").is_empty());
        assert_eq!(near("hostname"), ["ns::uts::hostname_is_private"], "a word out of a name");
        assert_eq!(near("veth::"), ["churn::veth"]);
    }
}
