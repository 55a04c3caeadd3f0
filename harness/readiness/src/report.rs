//! What was found out about a kernel, as data that can be printed or serialised.

use serde::Serialize;

/// What engines find in a kernel.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether build options were known; without them only the version was judged.
    pub config: bool,
    /// The engines it was judged for.
    pub engines: Vec<String>,
    /// Findings under their headings.
    pub groups: Vec<GroupReport>,
    /// What engines warn of.
    pub warnings: Vec<Warning>,
}

/// The findings of one group.
#[derive(Debug, Serialize)]
pub struct GroupReport {
    /// Its heading.
    pub name: String,
    /// Engines that need at least one thing of it and have none.
    pub none_for: Vec<String>,
    /// What it has.
    pub findings: Vec<Finding>,
}

/// One thing that engines need.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What it is called, where the option does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The option has to be off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unset: bool,
    /// The build options of which this version needs one, without `CONFIG_`.
    pub options: Vec<String>,
    /// Whether it is there.
    pub state: State,
    /// Engines that do not work without it.
    pub required: Vec<String>,
    /// Engines that do less without it.
    pub wanted: Vec<String>,
    /// It is off by default, and these words of the kernel command line turn it on; the one it was judged with may
    /// have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_on: Option<String>,
    /// A word of the kernel command line that turned it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turned_off_by: Option<String>,
    /// A line for a `.config` that provides it.
    pub fragment: String,
    /// Why it is needed.
    pub why: String,
}

/// Whether a kernel has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Built in and on.
    BuiltIn,
    /// A module.
    Module,
    /// Built in, and off under this command line.
    Off,
    /// Not built, or not as it has to be.
    Missing,
    /// Build options are not known.
    Unknown,
}

/// What an engine warns of.
#[derive(Debug, Serialize)]
pub struct Warning {
    /// Engines that warn.
    pub engines: Vec<String>,
    /// Of what.
    pub text: String,
}

impl State {
    /// Whether it can be used.
    #[must_use]
    pub fn is_there(self) -> bool {
        matches!(self, Self::BuiltIn | Self::Module)
    }
}

impl Finding {
    /// Whether an engine cannot do without it and it is not there.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !self.required.is_empty() && matches!(self.state, State::Missing | State::Off)
    }
}

impl Report {
    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.groups.iter().flat_map(|group| &group.findings)
    }

    /// Whether everything that is required is there, as far as is known.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.engines.iter().all(|engine| self.is_ready_for(engine))
    }

    /// Whether everything that this engine requires is there, as far as is known.
    #[must_use]
    pub fn is_ready_for(&self, engine: &str) -> bool {
        let names = |engines: &[String]| engines.iter().any(|name| name == engine);
        !self.findings().any(|f| f.is_fatal() && names(&f.required)) && !self.groups.iter().any(|g| names(&g.none_for))
    }

    /// Lines for a `.config` that provide what is required and not built.
    #[must_use]
    pub fn fragment(&self) -> Vec<&str> {
        let missing = self.findings().filter(|f| f.is_fatal() && f.state == State::Missing);
        missing.map(|f| f.fragment.as_str()).collect()
    }

    /// Words for the kernel command line that turn on what is off, each once.
    #[must_use]
    pub fn turn_on(&self) -> Vec<&str> {
        let mut words: Vec<&str> = Vec::new();
        for word in self.findings().filter(|f| f.state == State::Off).filter_map(|f| f.turn_on.as_deref()) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }
}
