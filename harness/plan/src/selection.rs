//! Which tests a run asks for: shell globs over full test names.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use kernrig_catalog::{TESTS, Test};
use thiserror::Error;

use crate::near;
use crate::params::{ParamError, Params};

/// Why a selection cannot be made.
#[derive(Debug, Error)]
pub enum SelectionError {
    /// A pattern is no glob.
    #[error("--test {pattern}: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// A pattern names no test: most likely a typing error, and a run without tests would look like a good one.
    #[error("--test {pattern}: no test has such a name; {}`kernrig list` prints them all", meant(near))]
    Nothing {
        /// The pattern.
        pattern: String,
        /// Names, or groups, that look like it.
        near: Vec<String>,
    },
}

fn meant(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) }
}

/// The tests a run asks for.
#[derive(Clone, Debug)]
pub struct Selection {
    patterns: GlobSet,
    /// Whether a pattern names the group `selftest` itself: `*` does not reach tests that break kernels on purpose.
    selftests: bool,
    payloads: Vec<&'static Test>,
    params: Params,
}

impl Selection {
    /// Reads patterns; none means every test that does not break the kernel on purpose.
    ///
    /// # Errors
    ///
    /// A pattern that is no glob, or one that matches no test.
    pub fn new(patterns: &[String]) -> Result<Self, SelectionError> {
        Self::with_payloads(patterns, Vec::new())
    }

    /// The same where there are payloads besides the tests of the catalog.
    ///
    /// # Errors
    ///
    /// As [`Selection::new`].
    pub fn with_payloads(patterns: &[String], payloads: Vec<&'static Test>) -> Result<Self, SelectionError> {
        let mut set = GlobSetBuilder::new();
        if patterns.is_empty() {
            set.add(glob("*")?);
        }
        for pattern in patterns {
            let one = glob(pattern)?;
            let matcher = one.compile_matcher();
            let named = names_selftests(pattern);
            if !TESTS.iter().chain(payloads.iter().copied()).any(|t| matcher.is_match(t.name) && (named || !t.selftest))
            {
                let tests = TESTS.iter().chain(payloads.iter().copied()).map(|test| test.name);
                return Err(SelectionError::Nothing { pattern: pattern.clone(), near: near::patterns(pattern, tests) });
            }
            set.add(one);
        }
        let patterns_set = set
            .build()
            .map_err(|e| SelectionError::Pattern { pattern: patterns.join(" "), why: e.kind().to_string() })?;
        Ok(Self {
            patterns: patterns_set,
            selftests: patterns.iter().any(|p| names_selftests(p)),
            payloads,
            params: Params::default(),
        })
    }

    /// The same with parameters for those of its tests that have them.
    ///
    /// # Errors
    ///
    /// A parameter that no selected test has, or a value that one of them cannot take.
    pub fn tuned(mut self, params: &[(String, u64)]) -> Result<Self, ParamError> {
        self.params = Params::check(params, self.tests())?;
        Ok(self)
    }

    /// What the run's parameters are.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The tests that the run asks for, in the order in which they run.
    pub fn tests(&self) -> impl Iterator<Item = &'static Test> + Clone {
        TESTS.iter().chain(self.payloads.iter().copied()).filter(|test| self.has(test))
    }

    /// Whether the run asks for this test.
    #[must_use]
    pub fn has(&self, test: &Test) -> bool {
        self.patterns.is_match(test.name) && (self.selftests || !test.selftest)
    }
}

fn names_selftests(pattern: &str) -> bool {
    pattern.starts_with("selftest")
}

fn glob(pattern: &str) -> Result<globset::Glob, SelectionError> {
    GlobBuilder::new(pattern)
        .literal_separator(false)
        .build()
        .map_err(|e| SelectionError::Pattern { pattern: pattern.to_owned(), why: e.kind().to_string() })
}

#[cfg(test)]
mod tests {
    use super::Selection;

    fn selection(patterns: &[&str]) -> Selection {
        Selection::new(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_star_never_reaches_tests_that_break_the_kernel() {
        for patterns in [&[][..], &["*"], &["*::*"]] {
            let chosen = selection(patterns);
            assert!(kernrig_catalog::TESTS.iter().filter(|t| t.selftest).all(|t| !chosen.has(t)), "{patterns:?}");
            assert!(kernrig_catalog::TESTS.iter().filter(|t| !t.selftest).all(|t| chosen.has(t)), "{patterns:?}");
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let error = Selection::new(&["ns::utz::*".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("ns::utz::*") && error.contains("did you mean ns::uts::*") && error.contains("kernrig list"),
            "{error}"
        );
        assert!(Selection::new(&["[".to_owned()]).is_err());
    }
}
