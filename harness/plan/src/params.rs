//! Numbers of tests that the user turns: which tests they reach, whether they are in range, what time they then take.

use kernrig_catalog::{Param, Test};
use thiserror::Error;

use crate::near;

/// Longest deadline of a test, in seconds of a host with hardware acceleration: a day, so that a night's hunt fits.
const MAX_DEADLINE_S: u64 = 24 * 3600;

/// Why parameters cannot be taken.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ParamError {
    /// No selected test has a parameter of that name: a typing error, or the wrong tests.
    #[error("--param {name}: {}", nobody(known, near))]
    Unknown {
        /// The name that was given.
        name: String,
        /// Names that the selected tests do have.
        known: Vec<&'static str>,
        /// Those that look like it.
        near: Vec<String>,
    },
    /// The value is none that a selected test can take.
    #[error("--param {name}={value}: {test} takes {min} to {max}")]
    Range {
        /// The name.
        name: String,
        /// The value that was given.
        value: u64,
        /// The first selected test that cannot take it.
        test: &'static str,
        /// The least it takes.
        min: u64,
        /// The most it takes.
        max: u64,
    },
    /// One name with two values.
    #[error("--param {name}: given twice, as {first} and as {second}")]
    Twice {
        /// The name.
        name: String,
        /// The value given first.
        first: u64,
        /// The other one.
        second: u64,
    },
}

fn nobody(known: &[&str], near: &[String]) -> String {
    if known.is_empty() {
        return "none of the selected tests has parameters; `kernrig list --long` shows which have".to_owned();
    }
    let meant = if near.is_empty() { String::new() } else { format!("did you mean {}? ", near.join(", ")) };
    format!("no selected test has such a parameter; {meant}they have {}", known.join(", "))
}

/// Parameters of a run, each in the range of every selected test that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, u64)>);

impl Params {
    /// Holds what was given against the selected tests.
    pub(crate) fn check(
        given: &[(String, u64)],
        tests: impl Iterator<Item = &'static Test> + Clone,
    ) -> Result<Self, ParamError> {
        let mut params: Vec<(String, u64)> = Vec::new();
        for (name, value) in given {
            match params.iter().find(|(known, _)| known == name) {
                Some((_, first)) if first == value => continue,
                Some((_, first)) => {
                    return Err(ParamError::Twice { name: name.clone(), first: *first, second: *value });
                }
                None => {}
            }
            let mut reached = false;
            for (test, param) in tests.clone().filter_map(|test| Some((test, declared(test, name)?))) {
                if !(param.min..=param.max).contains(value) {
                    let (min, max) = (param.min, param.max);
                    return Err(ParamError::Range { name: name.clone(), value: *value, test: test.name, min, max });
                }
                reached = true;
            }
            if !reached {
                let mut known: Vec<&str> = tests.clone().flat_map(|test| test.params).map(|p| p.name).collect();
                known.sort_unstable();
                known.dedup();
                let near = near::names(name, known.iter().copied());
                return Err(ParamError::Unknown { name: name.clone(), known, near });
            }
            params.push((name.clone(), *value));
        }
        Ok(Self(params))
    }

    /// Those of the run that this test has.
    #[must_use]
    pub fn of(&self, test: &Test) -> Vec<(&'static str, u64)> {
        let value = |param: &Param| self.0.iter().find(|(name, _)| name == param.name).map(|(_, value)| *value);
        test.params.iter().filter_map(|param| Some((param.name, value(param)?))).collect()
    }

    /// The deadline of a test that has more to do than by default: it grows as `iterations` and `workers` do and by
    /// the `seconds` that were asked for, and never shrinks.
    #[must_use]
    pub fn deadline_s(&self, test: &Test) -> u32 {
        let mut deadline = u64::from(test.deadline_s);
        for (name, value) in self.of(test) {
            let Some(param) = declared(test, name) else { continue };
            deadline = match name {
                "seconds" => deadline.saturating_add(value.saturating_sub(param.default)),
                "iterations" | "workers" if value > param.default => {
                    deadline.saturating_mul(value).div_ceil(param.default.max(1))
                }
                _ => deadline,
            };
        }
        let longest = MAX_DEADLINE_S.max(u64::from(test.deadline_s));
        u32::try_from(deadline.min(longest)).unwrap_or(u32::MAX)
    }
}

fn declared(test: &Test, name: &str) -> Option<&'static Param> {
    test.params.iter().find(|param| param.name == name)
}

#[cfg(test)]
mod tests {
    use kernrig_catalog::TESTS;

    use super::*;
    use crate::Selection;

    const fn param(name: &'static str, default: u64, min: u64, max: u64) -> Param {
        Param { name, default, min, max }
    }

    fn test(name: &'static str, params: &'static [Param]) -> &'static Test {
        Box::leak(Box::new(Test { name, params, deadline_s: 10, ..TESTS[0] }))
    }

    fn tests() -> Vec<&'static Test> {
        vec![
            test("a::plain", &[]),
            test("a::loops", &const { [param("iterations", 100, 1, 10_000), param("workers", 2, 1, 8)] }),
            test("a::lasts", &const { [param("seconds", 1, 1, 600), param("seed", 7, 0, u64::MAX)] }),
        ]
    }

    fn check(given: &[(&str, u64)]) -> Result<Params, ParamError> {
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Params::check(&given, tests().into_iter())
    }

    #[test]
    fn a_test_gets_what_it_declares_and_time_for_it() {
        let params = check(&[("iterations", 5_000), ("workers", 4), ("seconds", 61), ("seed", 0)]).unwrap();
        let [plain, loops, lasts] = tests()[..] else { panic!() };
        assert!(params.of(plain).is_empty());
        assert_eq!(params.of(loops), [("iterations", 5_000), ("workers", 4)]);
        assert_eq!(params.of(lasts), [("seconds", 61), ("seed", 0)]);
        let deadlines = [plain, loops, lasts].map(|test| params.deadline_s(test));
        assert_eq!(deadlines, [10, 10 * 50 * 2, 70]);
        assert_eq!(check(&[("iterations", 1), ("workers", 1)]).unwrap().deadline_s(loops), 10, "no less than usual");
    }

    #[test]
    fn a_deadline_has_an_end() {
        let endless: &'static Test =
            Box::leak(Box::new(Test { params: &const { [param("iterations", 1, 1, u64::MAX)] }, ..TESTS[0] }));
        let params = Params::check(&[("iterations".to_owned(), u64::MAX)], [endless].into_iter()).unwrap();
        assert_eq!(u64::from(params.deadline_s(endless)), MAX_DEADLINE_S);
    }

    #[test]
    fn what_no_test_takes_is_refused_with_the_reason() {
        for (given, words) in [
            (&[("iteration", 5)][..], &["--param iteration", "did you mean iterations?", "workers"][..]),
            (&[("iterations", 10_001)], &["--param iterations=10001", "a::loops takes 1 to 10000"]),
            (&[("workers", 0)], &["a::loops takes 1 to 8"]),
            (&[("workers", 2), ("workers", 3)], &["given twice"]),
        ] {
            let error = check(given).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        assert!(check(&[("workers", 2), ("workers", 2)]).is_ok());
        let none = Selection::new(&["ns::uts::*".to_owned()]).unwrap().tuned(&[("seed".to_owned(), 1)]);
        assert!(none.unwrap_err().to_string().contains("none of the selected tests has parameters"));
    }
}
