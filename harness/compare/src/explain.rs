//! What could explain a difference: versions in the catalog and in the history, build options, modules, command lines.

use std::collections::{BTreeMap, BTreeSet};

use kernrig_catalog::{Test, Version, by_name};
use kernrig_events::PackageInfo;
use serde::{Deserialize, Serialize};

use crate::Difference;

/// What is known of a kernel.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// `uname -r`.
    pub release: String,
    /// Packages it came from.
    pub packages: Vec<PackageInfo>,
    /// Build options, without `CONFIG_`: all, or those that tests ask for where it is known from a record.
    #[serde(skip)]
    pub config: BTreeMap<String, String>,
    /// Modules that tests ask for, with all they need.
    #[serde(skip)]
    pub modules: BTreeSet<String>,
    /// Kernel command line by variant.
    pub cmdlines: BTreeMap<String, String>,
}

/// A build option that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigChange {
    /// Without `CONFIG_`.
    pub option: String,
    /// `n` where it is not set.
    pub was: String,
    /// The same of the candidate.
    pub now: String,
}

/// How two kernels differ as such.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FactsDiff {
    /// Build options.
    pub config: Vec<ConfigChange>,
    /// Modules that the baseline alone has.
    pub modules_gone: Vec<String>,
    /// Modules that the candidate alone has.
    pub modules_new: Vec<String>,
    /// Variants whose command line differs: words of the baseline, words of the candidate.
    pub cmdline: BTreeMap<String, (String, String)>,
}

impl FactsDiff {
    /// Of two kernels. Where the record of one has no build options, or no modules, there is nothing to compare.
    #[must_use]
    pub fn of(was: &Facts, now: &Facts) -> Self {
        let mut diff = Self::default();
        if !was.config.is_empty() && !now.config.is_empty() {
            let names: BTreeSet<_> = was.config.keys().chain(now.config.keys()).collect();
            let value = |facts: &Facts, name: &str| facts.config.get(name).cloned().unwrap_or_else(|| "n".to_owned());
            let change = |name: &String| {
                let (before, after) = (value(was, name), value(now, name));
                (before != after).then(|| ConfigChange { option: name.clone(), was: before, now: after })
            };
            diff.config = names.into_iter().filter_map(change).collect();
        }
        if !was.modules.is_empty() && !now.modules.is_empty() {
            diff.modules_gone = was.modules.difference(&now.modules).cloned().collect();
            diff.modules_new = now.modules.difference(&was.modules).cloned().collect();
        }
        for (variant, before) in &was.cmdlines {
            let after = now.cmdlines.get(variant).filter(|after| *after != before);
            diff.cmdline.extend(after.map(|after| (variant.clone(), (before.clone(), after.clone()))));
        }
        diff
    }
}

/// The history of Linux, as far as tests can tell.
const HISTORY: &str = include_str!("../history.toml");

#[derive(Deserialize)]
struct History {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    feature: String,
    since: String,
    until: Option<String>,
    source: String,
    tests: Vec<String>,
    fails_until: Option<String>,
}

/// Explains differences between two kernels.
pub struct Explainer {
    rows: Vec<Row>,
    diff: FactsDiff,
    /// The older version, and the younger one; `None` where a release is not known.
    span: Option<(Version, Version)>,
}

impl Explainer {
    /// Of two kernels.
    #[must_use]
    pub fn new(was: &Facts, now: &Facts) -> Self {
        let versions = Version::of_release(&was.release).zip(Version::of_release(&now.release));
        // A table that a unit test reads; were it not to be read, differences would have fewer explanations.
        let rows = toml::from_str::<History>(HISTORY).map(|history| history.row).unwrap_or_default();
        Self { rows, diff: FactsDiff::of(was, now), span: versions.map(|(a, b)| (a.min(b), a.max(b))) }
    }

    /// Adds what could explain a difference: what the catalog and the history say first.
    pub fn explain(&self, difference: &mut Difference) {
        let mut because = Vec::new();
        for row in self.rows.iter().filter(|row| row.tests.contains(&difference.test)) {
            self.row(row, &mut because);
        }
        if let Some(test) = by_name(&difference.test) {
            self.catalog(test, &mut because);
            self.needs(test, &mut because);
        }
        if let Some((was, now)) = self.diff.cmdline.get(&difference.variant) {
            because.push(format!("command line: {}", words_apart(was, now)));
        }
        difference.because.extend(because);
    }

    fn between(&self, version: Version) -> bool {
        self.span.is_some_and(|(older, younger)| older < version && version <= younger)
    }

    fn row(&self, row: &Row, because: &mut Vec<String>) {
        let (feature, source) = (&row.feature, &row.source);
        let mut say = |text: &str, how: &str| {
            if Version::of_release(text).is_some_and(|version| self.between(version)) {
                because.push(format!("{how} Linux {text}: {feature} ({source})"));
            }
        };
        say(&row.since, "since");
        row.until.iter().for_each(|until| say(until, "until"));
        row.fails_until.iter().for_each(|until| say(until, "repaired in"));
    }

    fn catalog(&self, test: &Test, because: &mut Vec<String>) {
        let bounds = [("since", Some(test.needs.since)), ("until", test.needs.until)];
        for (how, version) in bounds.into_iter().filter_map(|(how, v)| Some((how, v?))) {
            let said = format!("{how} Linux {}", version);
            if self.between(version) && !because.iter().any(|b| b.starts_with(&format!("{said}:"))) {
                because.push(format!("{said}: {}", test.purpose));
            }
        }
        for oddity in test.oddities {
            let bounds = [("since", Some(oddity.since)), ("until", oddity.until)];
            for (how, version) in bounds.into_iter().filter_map(|(how, v)| Some((how, v?))) {
                if self.between(version) {
                    because.push(format!("{how} Linux {}: {} ({})", version, oddity.name, oddity.source));
                }
            }
        }
    }

    fn needs(&self, test: &Test, because: &mut Vec<String>) {
        for need in test.needs.kconfig {
            for change in self.diff.config.iter().filter(|c| need.any.contains(&c.option.as_str())) {
                because.push(format!("CONFIG_{}: {} → {}", change.option, change.was, change.now));
            }
            let bounds = [("a build option since", Some(need.since)), ("no build option since", need.until)];
            for (how, version) in bounds.into_iter().filter_map(|(how, v)| Some((how, v?))) {
                if self.between(version) {
                    because.push(format!("CONFIG_{} is {how} Linux {}", need.any.join("|"), version));
                }
            }
        }
        for module in test.needs.modules {
            if self.diff.modules_gone.iter().any(|m| m == module) {
                because.push(format!("the module {module} is not there any more"));
            }
            if self.diff.modules_new.iter().any(|m| m == module) {
                because.push(format!("the module {module} is there now"));
            }
        }
    }
}

/// Words that one command line has and the other has not: `-memcg=on +quiet`.
fn words_apart(was: &str, now: &str) -> String {
    let (before, after): (Vec<_>, Vec<_>) = (was.split_whitespace().collect(), now.split_whitespace().collect());
    let gone = before.iter().filter(|w| !after.contains(w)).map(|w| format!("-{w}"));
    let new = after.iter().filter(|w| !before.contains(w)).map(|w| format!("+{w}"));
    gone.chain(new).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Explainer, Facts};

    #[test]
    fn the_history_can_be_read() {
        assert!(Explainer::new(&Facts::default(), &Facts::default()).rows.len() > 50);
    }
}
