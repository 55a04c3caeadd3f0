//! The table laid over a kernel.

use kernrig_kernels::{Config, ConfigValue, KernelVersion};

use crate::report::{Finding, GroupReport, Report, State, Warning};
use crate::table::{Choice, Need, Rule, Switch, Table};

/// What is known of a kernel.
struct Known<'a> {
    version: &'a KernelVersion,
    config: Option<&'a Config>,
    cmdline: &'a str,
}

impl Table {
    /// Judges a kernel for some engines by its version, its build options, where they are known, and the command line
    /// it is booted with.
    #[must_use]
    pub fn check(
        &self,
        version: &KernelVersion,
        config: Option<&Config>,
        cmdline: &str,
        engines: &[impl AsRef<str>],
    ) -> Report {
        let kernel = Known { version, config, cmdline };
        let engines: Vec<String> = engines.iter().map(|engine| engine.as_ref().to_owned()).collect();
        let needs = || self.needs.iter().filter(|need| need.is_about(version));
        let mut groups = Vec::new();
        for group in &self.groups {
            let findings: Vec<Finding> =
                needs().filter(|n| n.group == group.name).filter_map(|n| kernel.find(n, &engines)).collect();
            let open = findings.iter().any(|f| f.state.is_there() || f.state == State::Unknown);
            let none_for = if open { Vec::new() } else { common(&group.one_of, &engines) };
            if !findings.is_empty() {
                groups.push(GroupReport { name: group.name.clone(), none_for, findings });
            }
        }
        let has = |name: &str| needs().filter(|n| n.name.as_deref() == Some(name)).map(|n| kernel.state(n)).next();
        let rules = self.warnings.iter().filter(|rule| rule.is_about(version) && applies(rule, &has));
        let warnings = rules
            .map(|rule| Warning { engines: common(&rule.engines, &engines), text: rule.text.clone() })
            .filter(|warning| !warning.engines.is_empty())
            .collect();
        Report { config: config.is_some(), engines, groups, warnings }
    }
}

/// A need that this version does not have is missing to a warning, and what is not known is no reason for one.
fn applies(rule: &Rule, has: &impl Fn(&str) -> Option<State>) -> bool {
    let missing = |name: &String| matches!(has(name), None | Some(State::Missing | State::Off));
    let there = |name: &String| has(name).is_some_and(State::is_there);
    rule.without.as_ref().is_none_or(missing) && rule.with.as_ref().is_none_or(there)
}

fn common(of: &[String], engines: &[String]) -> Vec<String> {
    of.iter().filter(|engine| engines.contains(engine)).cloned().collect()
}

impl Known<'_> {
    /// `None` for what none of the engines asks for.
    fn find(&self, need: &Need, engines: &[String]) -> Option<Finding> {
        let (required, wanted) = (common(&need.required, engines), common(&need.wanted, engines));
        let options: Vec<String> = self.applying(&need.options).map(|choice| choice.option.clone()).collect();
        let first = options.first().filter(|_| !(required.is_empty() && wanted.is_empty()))?;
        let fragment = match (need.unset, need.least) {
            (true, _) => format!("# CONFIG_{first} is not set"),
            (false, Some(least)) => format!("CONFIG_{first}={least}"),
            (false, None) => format!("CONFIG_{first}=y"),
        };
        let switch = need.switch.as_ref();
        let turn_on = switch.filter(|switch| self.is_off_by_default(switch)).map(|switch| switch.on.clone());
        let turned_off_by = switch.and_then(|switch| self.refusal(switch)).cloned();
        let (state, why) = (self.state(need), need.why.clone());
        let (name, unset) = (need.name.clone(), need.unset);
        Some(Finding { name, unset, options, state, required, wanted, turn_on, turned_off_by, fragment, why })
    }

    fn state(&self, need: &Need) -> State {
        let Some(config) = self.config else { return State::Unknown };
        let states = self.applying(&need.options).map(|choice| state_of(config, &choice.option, need));
        let best =
            states.min_by_key(|state| [State::BuiltIn, State::Module].iter().position(|s| s == state).unwrap_or(2));
        let state = best.unwrap_or(State::Missing);
        let off = need.switch.as_ref().is_some_and(|switch| self.is_off(switch));
        if off && state.is_there() { State::Off } else { state }
    }

    fn applying<'c>(&self, choices: &'c [Choice]) -> impl Iterator<Item = &'c Choice> {
        choices.iter().filter(|choice| choice.is_in(self.version))
    }

    fn is_off(&self, switch: &Switch) -> bool {
        let asked = switch.on.split_whitespace().all(|word| self.has_word(word));
        self.refusal(switch).is_some() || (self.is_off_by_default(switch) && !asked)
    }

    /// The word of the command line that turns it off.
    fn refusal<'s>(&self, switch: &'s Switch) -> Option<&'s String> {
        switch.off.as_ref().filter(|word| self.has_word(word))
    }

    fn has_word(&self, wanted: &str) -> bool {
        self.cmdline.split_whitespace().any(|word| word == wanted)
    }

    fn is_off_by_default(&self, switch: &Switch) -> bool {
        let Some(config) = self.config else { return false };
        let set = |choice: &Choice| is_set(config, &choice.option);
        let mut on_by = self.applying(&switch.on_by).peekable();
        let no_default = on_by.peek().is_some() && !on_by.any(set);
        no_default || self.applying(&switch.off_by).any(set)
    }
}

/// `NAME`, or `NAME=VALUE`.
fn is_set(config: &Config, option: &str) -> bool {
    match option.split_once('=') {
        Some((name, value)) => matches!(config.get(name), Some(ConfigValue::Value(found)) if found == value),
        None => config.enabled(option),
    }
}

fn state_of(config: &Config, option: &str, need: &Need) -> State {
    let there = |there: bool| if there { State::BuiltIn } else { State::Missing };
    match (config.get(option), need.least) {
        (value, None) if need.unset => there(value.is_none()),
        (Some(ConfigValue::Value(value)), Some(least)) => there(value.parse().is_ok_and(|value: u32| value >= least)),
        (Some(ConfigValue::Yes), None) => State::BuiltIn,
        (Some(ConfigValue::Module), None) if !need.built_in => State::Module,
        _ => State::Missing,
    }
}
