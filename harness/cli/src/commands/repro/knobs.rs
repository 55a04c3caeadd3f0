//! The knobs of a try, the ladder that turns them up, and the steps back down. Pure: no clock, no VM.

use std::collections::BTreeMap;

use kernrig_catalog::{Param, Test};
use kernrig_kernels::manifest::DEFAULT_VARIANT;
use serde::Serialize;

/// How a try is made: what runs, and how hard it pushes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Knobs {
    /// The test, by its full name.
    pub(crate) test: String,
    /// The variant of the matrix that is booted.
    pub(crate) variant: String,
    /// Virtual CPUs, where they are not the variant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) smp: Option<u32>,
    /// RAM in MiB, where it is not the variant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u32>,
    /// Numbers of the test that are not its defaults.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) params: BTreeMap<String, u64>,
}

impl Knobs {
    /// A test as it is, under a variant.
    pub(crate) fn plain(test: &str, variant: &str) -> Self {
        let (test, variant) = (test.to_owned(), variant.to_owned());
        Self { test, variant, smp: None, memory: None, params: BTreeMap::new() }
    }

    fn under(&self, variant: &str) -> Self {
        Self { variant: variant.to_owned(), ..self.clone() }
    }

    fn on(&self, cpus: u32) -> Self {
        Self { smp: Some(cpus), ..self.clone() }
    }

    /// What it takes on the command line to have these.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut words = vec!["--variant".to_owned(), self.variant.clone()];
        for (name, value) in &self.params {
            words.extend(["--param".to_owned(), format!("{name}={value}")]);
        }
        for (name, value) in [("--smp", self.smp), ("--memory", self.memory)] {
            words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_string()]));
        }
        words
    }

    /// For reading: `ns::x workers=8, variant slub-debug, 4 CPUs`.
    pub(crate) fn words(&self) -> String {
        let params = self.params.iter().map(|(name, value)| format!("{name}={value}"));
        let mut words: Vec<String> = params.collect();
        if self.variant != DEFAULT_VARIANT {
            words.push(format!("variant {}", self.variant));
        }
        words.extend(self.smp.map(|cpus| format!("{cpus} CPUs")));
        words.extend(self.memory.map(|mib| format!("{mib} MiB")));
        let how = if words.is_empty() { "as it is".to_owned() } else { words.join(", ") };
        format!("{} {how}", self.test)
    }

    /// One knob further down than these each, the one that matters most first; the smallest have none.
    pub(crate) fn smaller(&self, params: &[Param]) -> Vec<Self> {
        let mut found = Vec::new();
        if self.variant != DEFAULT_VARIANT {
            found.push(self.under(DEFAULT_VARIANT));
        }
        if self.smp.is_some_and(|cpus| cpus > 1) {
            found.push(Self { smp: None, ..self.clone() });
        }
        if self.memory.is_some() {
            found.push(Self { memory: None, ..self.clone() });
        }
        for param in params {
            let value = self.params.get(param.name).copied().unwrap_or(param.default);
            // A seed is no amount: another one is not less.
            if value > param.default && param.name != SEED {
                let mut without = self.clone();
                without.params.remove(param.name);
                found.push(without);
                if value / 2 > param.default {
                    found.push(self.with(param.name, value / 2));
                }
            } else if ["workers", "iterations"].contains(&param.name) && value > param.min {
                found.push(self.with(param.name, param.min));
                if value / 2 > param.min {
                    found.push(self.with(param.name, value / 2));
                }
            }
        }
        found
    }

    /// The same with another number.
    pub(crate) fn with(&self, name: &str, value: u64) -> Self {
        let mut knobs = self.clone();
        knobs.params.insert(name.to_owned(), value);
        knobs
    }
}

/// Where a test begins that has one: not an amount, so that it is not turned up, but over.
pub(crate) const SEED: &str = "seed";

/// How often the default is exceeded, step by step.
const MORE: [u64; 2] = [4, 16];

/// CPUs that race each other where one alone only takes turns.
const CPUS: u32 = 4;

/// Variants worth a try, each with what it turns up: freed memory that is poisoned, memory that runs out, a kernel
/// that is preempted everywhere.
const VARIANTS: [&str; 3] = ["slub-debug", "lowmem", "preempt-full"];

/// The steps for a test of which nothing special is known: one knob more each, then several at once.
///
/// `known` says whether the matrix has a variant: it may be the user's own.
pub(crate) fn general(test: &Test, known: impl Fn(&str) -> bool) -> Vec<Knobs> {
    let plain = Knobs::plain(test.name, DEFAULT_VARIANT);
    let up = |names: &[&str], factor| turned_up(&plain, test.params, names, factor);
    let some = up(&["workers", "iterations", "seconds"], MORE[0]);
    let many = up(&["workers", "iterations", "seconds"], MORE[1]);
    let mut steps = vec![plain.clone(), up(&["workers"], MORE[0]), some.clone(), some.on(CPUS)];
    for variant in VARIANTS.into_iter().filter(|variant| known(variant)) {
        steps.push(some.under(variant));
    }
    if known(VARIANTS[0]) {
        steps.push(many.under(VARIANTS[0]).on(CPUS));
    }
    steps.push(many.on(CPUS));
    let mut ladder: Vec<Knobs> = Vec::new();
    for step in steps {
        if !ladder.contains(&step) {
            ladder.push(step);
        }
    }
    ladder
}

fn turned_up(from: &Knobs, params: &[Param], names: &[&str], factor: u64) -> Knobs {
    let mut knobs = from.clone();
    // One that is 0 by default is off, and is not what more of the same means.
    for param in params.iter().filter(|param| names.contains(&param.name) && param.default > 0) {
        let value = param.default.saturating_mul(factor).clamp(param.min, param.max);
        if value > param.default {
            knobs.params.insert(param.name.to_owned(), value);
        }
    }
    knobs
}

#[cfg(test)]
pub(crate) mod tests {
    use kernrig_catalog::TESTS;

    use super::*;

    pub(crate) const PARAMS: &[Param] = &[
        Param { name: "iterations", default: 10, min: 10, max: 100 },
        Param { name: "seed", default: 1, min: 0, max: u64::MAX },
        Param { name: "workers", default: 1, min: 1, max: 16 },
    ];

    fn test(params: &'static [Param]) -> Test {
        Test { name: "a::b", params, ..TESTS[0] }
    }

    #[test]
    fn the_ladder_begins_with_the_test_as_it_is_and_only_goes_up() {
        let ladder = general(&test(PARAMS), |_| true);
        let words: Vec<String> = ladder.iter().map(Knobs::words).collect();
        assert_eq!(
            words,
            [
                "a::b as it is",
                "a::b workers=4",
                "a::b iterations=40, workers=4",
                "a::b iterations=40, workers=4, 4 CPUs",
                "a::b iterations=40, workers=4, variant slub-debug",
                "a::b iterations=40, workers=4, variant lowmem",
                "a::b iterations=40, workers=4, variant preempt-full",
                "a::b iterations=100, workers=16, variant slub-debug, 4 CPUs",
                "a::b iterations=100, workers=16, 4 CPUs",
            ]
        );
    }

    #[test]
    fn a_test_without_numbers_has_its_variants_and_cpus_and_no_step_twice() {
        let words: Vec<String> = general(&test(&[]), |v| v == "slub-debug").iter().map(Knobs::words).collect();
        assert_eq!(
            words,
            ["a::b as it is", "a::b 4 CPUs", "a::b variant slub-debug", "a::b variant slub-debug, 4 CPUs"]
        );
        assert_eq!(general(&test(&[]), |_| false).len(), 2);
    }

    #[test]
    fn each_way_down_turns_one_knob() {
        let top = Knobs::plain("a::b", "slub-debug").on(4).with("workers", 8).with("seed", 9);
        let down: Vec<String> = top.smaller(PARAMS).iter().map(Knobs::words).collect();
        assert_eq!(
            down,
            [
                "a::b seed=9, workers=8, 4 CPUs",
                "a::b seed=9, workers=8, variant slub-debug",
                "a::b seed=9, variant slub-debug, 4 CPUs",
                "a::b seed=9, workers=4, variant slub-debug, 4 CPUs",
            ]
        );
        assert!(Knobs::plain("a::b", DEFAULT_VARIANT).with("seed", 9).smaller(PARAMS).is_empty());
        let below = &[Param { name: "workers", default: 8, min: 1, max: 16 }];
        let words = |knobs: &Knobs| knobs.smaller(below).iter().map(Knobs::words).collect::<Vec<_>>();
        assert_eq!(words(&Knobs::plain("a::b", DEFAULT_VARIANT)), ["a::b workers=1", "a::b workers=4"]);
        assert_eq!(words(&Knobs::plain("a::b", DEFAULT_VARIANT).with("workers", 2)), ["a::b workers=1"]);
        assert!(words(&Knobs::plain("a::b", DEFAULT_VARIANT).with("workers", 1)).is_empty());
    }

    #[test]
    fn the_arguments_say_all_of_it() {
        let knobs = Knobs { memory: Some(64), ..Knobs::plain("a::b", "lowmem").on(2).with("workers", 3) };
        assert_eq!(knobs.arguments().join(" "), "--variant lowmem --param workers=3 --smp 2 --memory 64");
    }
}
