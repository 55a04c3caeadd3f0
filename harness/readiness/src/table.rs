//! `readiness.toml`: groups, needs and warnings as data, read and checked.

use std::sync::LazyLock;

use kernrig_kernels::KernelVersion;
use serde::{Deserialize, Deserializer, de};

/// The engine that stands for kernrig: what it needs to boot a kernel.
pub const KERNRIG: &str = "kernrig";

static SHIPPED: LazyLock<Table> = LazyLock::new(|| {
    Table::parse(include_str!("../readiness.toml")).expect("readiness.toml is compiled in and read by a unit test")
});

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not what it should be, with line and key.
    #[error("the readiness table is not understood: {0}")]
    Syntax(#[from] toml::de::Error),
    /// It names something that it does not have.
    #[error("the readiness table: {who} refers to {what:?}, which it does not have")]
    Dangling {
        /// The entry at fault.
        who: String,
        /// What it names.
        what: String,
    },
}

/// What engines need, and what they warn of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Table {
    #[serde(default)]
    pub(crate) default_engines: Vec<String>,
    #[serde(rename = "group")]
    pub(crate) groups: Vec<Group>,
    #[serde(rename = "need")]
    pub(crate) needs: Vec<Need>,
    #[serde(rename = "warning", default)]
    pub(crate) warnings: Vec<Rule>,
}

/// A heading; `one-of`: the engines that need at least one thing of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Group {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) one_of: Vec<String>,
}

/// Something that engines need of a kernel: one of several build options, which of them the version says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Need {
    pub(crate) group: String,
    /// For warnings to refer to.
    pub(crate) name: Option<String>,
    pub(crate) options: Vec<Choice>,
    /// First version that it is about.
    #[serde(default, deserialize_with = "version")]
    pub(crate) since: Option<KernelVersion>,
    /// First version that it is no longer about.
    #[serde(default, deserialize_with = "version")]
    pub(crate) until: Option<KernelVersion>,
    /// Engines that do not work without it.
    #[serde(default)]
    pub(crate) required: Vec<String>,
    /// Engines that do less without it.
    #[serde(default)]
    pub(crate) wanted: Vec<String>,
    /// A module will not do.
    #[serde(default)]
    pub(crate) built_in: bool,
    /// The option is a number, and has to be at least this.
    pub(crate) least: Option<u32>,
    /// The option has to be off.
    #[serde(default)]
    pub(crate) unset: bool,
    pub(crate) switch: Option<Switch>,
    pub(crate) why: String,
}

/// What is built in and may be off all the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Switch {
    /// Options with which it is off until asked for.
    #[serde(default)]
    pub(crate) off_by: Vec<Choice>,
    /// Options without which it is off until asked for, where the version has any of them.
    #[serde(default)]
    pub(crate) on_by: Vec<Choice>,
    /// Words that turn it on.
    pub(crate) on: String,
    /// A word that turns it off.
    pub(crate) off: Option<String>,
}

/// A build option, for a range of versions; a value other than `y` or `m` may be asked for by `NAME=VALUE`.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) option: String,
    pub(crate) since: Option<KernelVersion>,
    pub(crate) until: Option<KernelVersion>,
}

/// What an engine says of a kernel as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Rule {
    pub(crate) engines: Vec<String>,
    /// First version that it is about.
    #[serde(default, deserialize_with = "version")]
    pub(crate) since: Option<KernelVersion>,
    /// First version that it is no longer about.
    #[serde(default, deserialize_with = "version")]
    pub(crate) until: Option<KernelVersion>,
    /// The name of a need: the warning is for kernels on which it is missing or off.
    pub(crate) without: Option<String>,
    /// The name of a need: the warning is for kernels that have it.
    pub(crate) with: Option<String>,
    pub(crate) text: String,
    #[serde(rename = "why")]
    pub(crate) _why: String,
}

impl Table {
    /// The table that is compiled in.
    ///
    /// # Panics
    /// Never in a build whose unit tests passed.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a table.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let table: Self = toml::from_str(text)?;
        for need in &table.needs {
            if !table.groups.iter().any(|group| group.name == need.group) {
                let who = format!("a need of CONFIG_{}", need.options.first().map_or("?", |o| &o.option));
                return Err(TableError::Dangling { who, what: need.group.clone() });
            }
        }
        for rule in &table.warnings {
            for name in rule.without.iter().chain(&rule.with) {
                if !table.needs.iter().any(|need| need.name.as_ref() == Some(name)) {
                    return Err(TableError::Dangling {
                        who: format!("the warning {:?}", rule.text),
                        what: name.clone(),
                    });
                }
            }
        }
        Ok(table)
    }

    /// The engines that count where none is asked for.
    #[must_use]
    pub fn default_engines(&self) -> Vec<&str> {
        self.default_engines.iter().map(String::as_str).collect()
    }

    /// The engines that the table knows, without [`KERNRIG`], in order of appearance.
    #[must_use]
    pub fn engines(&self) -> Vec<&str> {
        let mut engines: Vec<&str> = Vec::new();
        for engine in self.needs.iter().flat_map(|need| need.required.iter().chain(&need.wanted)) {
            if engine != KERNRIG && !engines.contains(&engine.as_str()) {
                engines.push(engine);
            }
        }
        engines
    }
}

impl Need {
    pub(crate) fn is_about(&self, version: &KernelVersion) -> bool {
        within(version, self.since.as_ref(), self.until.as_ref())
    }
}

impl Rule {
    pub(crate) fn is_about(&self, version: &KernelVersion) -> bool {
        within(version, self.since.as_ref(), self.until.as_ref())
    }
}

impl Choice {
    pub(crate) fn is_in(&self, version: &KernelVersion) -> bool {
        within(version, self.since.as_ref(), self.until.as_ref())
    }
}

fn within(version: &KernelVersion, since: Option<&KernelVersion>, until: Option<&KernelVersion>) -> bool {
    since.is_none_or(|since| version.reaches(since)) && !until.is_some_and(|until| version.reaches(until))
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, deny_unknown_fields)]
        enum Spelling {
            Plain(String),
            Ranged {
                name: String,
                #[serde(default, deserialize_with = "version")]
                since: Option<KernelVersion>,
                #[serde(default, deserialize_with = "version")]
                until: Option<KernelVersion>,
            },
        }
        Ok(match Spelling::deserialize(deserializer)? {
            Spelling::Plain(option) => Self { option, since: None, until: None },
            Spelling::Ranged { name, since, until } => Self { option: name, since, until },
        })
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KernelVersion>, D::Error> {
    let text = String::deserialize(deserializer)?;
    KernelVersion::parse(&text).map(Some).ok_or_else(|| de::Error::custom(format!("{text:?} is no kernel version")))
}
