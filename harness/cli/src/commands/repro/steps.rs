//! The steps that a known issue brings along: which tests, turned up how. Pure.

use std::collections::BTreeMap;

use kernrig_kernels::manifest::DEFAULT_VARIANT;
use kernrig_plan::Selection;
use serde::Deserialize;

use super::knobs::Knobs;

/// A step of an issue's `repro`: `{ tests = ["bug::x"], params = { workers = 8 }, variant = "slub-debug", smp = 4 }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Patterns of the tests that it runs.
    tests: Vec<String>,
    /// Their numbers; what a test does not have it does not get.
    #[serde(default)]
    params: BTreeMap<String, u64>,
    /// The variant that is booted.
    variant: Option<String>,
    /// Virtual CPUs.
    smp: Option<u32>,
    /// RAM in MiB.
    memory: Option<u32>,
}

/// The ladder that an issue describes, or what is wrong with it.
pub(crate) fn of_issue(steps: &[toml::Table]) -> Result<Vec<Knobs>, String> {
    let mut ladder = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let wrong = |why: String| format!("step {} of its repro: {}", number + 1, why.trim());
        let step: Step = step.clone().try_into().map_err(|e: toml::de::Error| wrong(e.message().to_owned()))?;
        if step.tests.is_empty() {
            return Err(wrong("it names no test".to_owned()));
        }
        let selection = Selection::new(&step.tests).map_err(|e| wrong(e.to_string().replace("--test ", "")))?;
        for test in selection.tests() {
            let has = |name: &str| test.params.iter().any(|param| param.name == name);
            ladder.push(Knobs {
                test: test.name.to_owned(),
                variant: step.variant.clone().unwrap_or_else(|| DEFAULT_VARIANT.to_owned()),
                smp: step.smp,
                memory: step.memory,
                params: step.params.iter().filter(|(name, _)| has(name)).map(|(n, v)| (n.clone(), *v)).collect(),
            });
        }
        let used = |name: &String| ladder.iter().any(|knobs: &Knobs| knobs.params.contains_key(name));
        if let Some(name) = step.params.keys().find(|name| !used(name)) {
            return Err(wrong(format!("none of its tests has a parameter {name}")));
        }
    }
    Ok(ladder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder(text: &str) -> Result<Vec<Knobs>, String> {
        let table: toml::Table = toml::from_str(&format!("repro = [{text}]")).unwrap();
        let steps = table["repro"].as_array().unwrap().iter().map(|step| step.as_table().unwrap().clone());
        of_issue(&steps.collect::<Vec<_>>())
    }

    #[test]
    fn steps_become_knobs() {
        let words: Vec<String> = ladder(
            r#"{ tests = ["ns::uts::hostname_is_private"] },
               { tests = ["churn::namespaces::uts"], params = { workers = 4 }, variant = "slub-debug", smp = 4 }"#,
        )
        .unwrap()
        .iter()
        .map(Knobs::words)
        .collect();
        assert_eq!(
            words,
            ["ns::uts::hostname_is_private as it is", "churn::namespaces::uts workers=4, variant slub-debug, 4 CPUs",]
        );
    }

    #[test]
    fn what_is_wrong_with_a_step_is_named() {
        for (text, words) in [
            (r#"{ tests = ["ns::utz::*"] }"#, "step 1 of its repro: ns::utz::*: no test"),
            (r#"{ tests = [] }"#, "it names no test"),
            (r#"{ test = ["ns::uts::*"] }"#, "unknown field `test`"),
            (r#"{ tests = ["ns::uts::*"], params = { workers = 3 } }"#, "has a parameter workers"),
        ] {
            let error = ladder(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
