//! A kernel that is on this machine and ready to boot.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::KernelVersion;
use crate::cache::Lease;

/// A kernel that is on this machine and ready to boot. Paths stay valid as long as the value (and its cache lock) lives.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Name of the entry, `debian-6.1`.
    pub name: String,
    /// `uname -r` as the image itself states it (boot protocol `kernel_version`).
    pub release: String,
    /// The release, ordered as kernel versions are.
    pub version: KernelVersion,
    /// The bzImage.
    pub image: PathBuf,
    /// Build options; `None` where they cannot be had, and then the guest probes.
    pub config: Option<Config>,
    /// A true `System.map` (a distribution's may be a stub of one line: never used).
    pub system_map: Option<PathBuf>,
    /// The closure of the modules the catalog asks for, in load order: a module comes after all it depends on.
    pub modules: Vec<Module>,
    /// What it was made from.
    pub packages: Vec<Package>,
    /// What the user should know of it.
    pub notes: Vec<String>,
    /// Keeps the cache entry that the paths lie in from being pruned; [`Lease::none`] for files of the user's own.
    pub lease: Lease,
}

/// A module, decompressed, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Name with `_`, as `/proc/modules` prints it.
    pub name: String,
    /// Plain ELF `.ko`.
    pub path: PathBuf,
    /// Names of the modules to load before it, all of the closure, in order (soft and run-time requests included).
    pub needs: Vec<String>,
}

/// A package (or file) that a kernel came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Package name, or file name.
    pub name: String,
    /// Package version; empty for a file.
    pub version: String,
    /// SHA-256 in lower-case hex; empty where it was not taken (a folder).
    pub sha256: String,
    /// Where it was had from.
    pub origin: String,
}

/// A kernel's build options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(pub(crate) BTreeMap<String, ConfigValue>);

/// The value of a build option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// Built in.
    Yes,
    /// A module.
    Module,
    /// A string or number, as written.
    Value(String),
}

impl std::fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yes => "y",
            Self::Module => "m",
            Self::Value(text) => text,
        })
    }
}

impl Config {
    /// Reads a `.config`; lines it does not know are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let option = |line: &str| {
            let (name, value) = line.trim().strip_prefix("CONFIG_")?.split_once('=')?;
            let value = match value {
                "y" => ConfigValue::Yes,
                "m" => ConfigValue::Module,
                other => ConfigValue::Value(other.trim_matches('"').to_owned()),
            };
            Some((name.to_owned(), value))
        };
        Self(text.lines().filter_map(option).collect())
    }

    /// The value of an option, without `CONFIG_`; `None` when it is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ConfigValue> {
        self.0.get(name)
    }

    /// Every option that is set, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ConfigValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether an option is `y` or `m`.
    #[must_use]
    pub fn enabled(&self, name: &str) -> bool {
        matches!(self.get(name), Some(ConfigValue::Yes | ConfigValue::Module))
    }

    /// Whether nothing was read: such a config says nothing and is not to be believed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
