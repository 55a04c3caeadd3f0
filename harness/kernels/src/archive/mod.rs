//! Debian-style archives: from an entry of the matrix to a kernel on disk.
//!
//! Trust goes from the signature of `InRelease` (or `Release.gpg`) to the SHA-256 of `Packages` to the SHA-256 of each
//! package. A pin in `kernels.lock` is trusted by its own hash.

mod changelog;
mod clearsign;
mod deb822;
mod error;
mod glob;
mod index;
mod mirror;
mod obtain;
mod release;
mod resolve;
mod signature;
mod suite;
pub(crate) mod unpack;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::Kernel;
use crate::cache::{Cache, CacheError};
use crate::fetch::Fetcher;
use crate::lock::{Lock, Moved, Pin, Pinned};

pub use crate::deb::DebError;
pub use crate::fetch::{FetchError, Progress};
pub use error::ArchiveError;
pub use signature::SignatureError;
pub use version::compare as compare_versions;

/// An archive as `[archive.NAME]` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSpec {
    /// `NAME`.
    pub name: String,
    /// Base URL; `None`: the mirror that this host's apt uses, or the user's word for it.
    pub url: Option<String>,
    /// The keys that may sign it; `None`: Debian's or Ubuntu's keyring, by the archive's name.
    pub keyring: Option<PathBuf>,
    /// The archive is of its time: signatures by keys that have expired since count, and those over SHA-1.
    pub expired_keys: bool,
    /// Whether a `Valid-Until` in the past is refused.
    pub check_valid_until: bool,
}

impl Default for ArchiveSpec {
    fn default() -> Self {
        Self { name: String::new(), url: None, keyring: None, expired_keys: false, check_valid_until: true }
    }
}

/// A family of packages in an archive: `package = { … }` of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageSpec {
    /// Name of the archive.
    pub archive: String,
    /// Suites to look in; the highest complete version over all of them is taken.
    pub suites: Vec<String>,
    /// Glob of the image package; its `*` stands for a version, so that it means one flavour.
    pub name: String,
    /// Globs of more packages of the same version.
    pub extra: Vec<String>,
    /// Components; empty: `main`.
    pub components: Vec<String>,
    /// Architecture; empty: `amd64`.
    pub arch: String,
}

impl PackageSpec {
    fn arch(&self) -> &str {
        if self.arch.is_empty() { "amd64" } else { &self.arch }
    }

    fn components(&self) -> Vec<String> {
        if self.components.is_empty() { vec!["main".to_owned()] } else { self.components.clone() }
    }
}

/// A file by its URL: `url` + `sha256` of an entry. A `.deb` or a bzImage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlSpec {
    /// Where it is.
    pub url: String,
    /// What it must be, in hex.
    pub sha256: String,
}

/// The packages that make one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSet {
    /// Image first.
    pub packages: Vec<Pinned>,
}

impl PackageSet {
    /// Name of the image package.
    #[must_use]
    pub fn name(&self) -> &str {
        self.packages.first().map_or("", |image| &image.name)
    }

    /// Version of the image package.
    #[must_use]
    pub fn version(&self) -> &str {
        self.packages.first().map_or("", |image| &image.version)
    }

    /// Bytes to download.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.packages.iter().map(|package| package.size).sum()
    }
}

/// A version that the archive has lost a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Name of the image package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it was found.
    pub suite: String,
    /// Packages that it needs and that no suite of the entry has.
    pub missing: Vec<String>,
}

/// All versions of a family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The newest first: it is the one to take.
    pub complete: Vec<PackageSet>,
    /// The newest first.
    pub incomplete: Vec<Incomplete>,
    /// What the user should know: suites that could not be used and why.
    pub notes: Vec<String>,
    /// When each suite was made, as a pin notes it.
    seen: BTreeMap<String, String>,
}

impl Resolution {
    /// The set to take.
    #[must_use]
    pub fn chosen(&self) -> Option<&PackageSet> {
        self.complete.first()
    }

    fn pin(&self, set: &PackageSet) -> Pin {
        let suite = set.packages.first().map_or("", |image| &image.suite);
        Pin { seen: self.seen.get(suite).cloned().unwrap_or_default(), packages: set.packages.clone() }
    }
}

/// How archives are to be used.
#[derive(Clone)]
pub struct Options {
    /// Where kernels are kept.
    pub cache: PathBuf,
    /// No network at all.
    pub offline: bool,
    /// Take what `kernels.lock` says or nothing.
    pub locked: bool,
    /// `--mirror NAME=URL`.
    pub mirrors: BTreeMap<String, String>,
    /// The host's apt configuration.
    pub apt: PathBuf,
    /// Where withdrawn packages of `debian*` archives may still be; `{seen}` is the time of the pin.
    pub snapshots: Vec<String>,
    /// Modules to keep, with all they need.
    pub modules: Vec<String>,
    /// Told of downloads.
    pub progress: Option<Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: crate::cache::default_folder(),
            offline: false,
            locked: false,
            mirrors: BTreeMap::new(),
            apt: "/etc/apt".into(),
            snapshots: ["debian", "debian-security"]
                .map(|name| format!("https://snapshot.debian.org/archive/{name}/{{seen}}"))
                .into(),
            modules: crate::modules::roots().into_iter().map(str::to_owned).collect(),
            progress: None,
        }
    }
}

/// A kernel, and what its entry is now pinned to.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// Ready to boot.
    pub kernel: Kernel,
    /// For `kernels.lock`.
    pub pin: Pin,
}

/// The archives of a matrix.
pub struct Archives {
    options: Options,
    specs: Vec<ArchiveSpec>,
    mirrors: mirror::Mirrors,
    fetcher: Fetcher,
    cache: Cache,
    suites: Mutex<suite::Loaded>,
}

impl Archives {
    /// Opens the cache; nothing is fetched yet.
    ///
    /// # Errors
    /// If the cache folder cannot be made.
    pub fn new(options: Options, specs: Vec<ArchiveSpec>) -> Result<Self, CacheError> {
        let cache = Cache::open(&options.cache)?;
        let mirrors = mirror::Mirrors::new(options.mirrors.clone(), &options.apt);
        let fetcher = Fetcher::new(options.offline, options.progress.clone());
        Ok(Self { options, specs, mirrors, fetcher, cache, suites: Mutex::default() })
    }

    /// The cache, for `kernels du` and `prune`.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// All versions of a family, complete and not, over all suites of the entry.
    ///
    /// # Errors
    /// If none of the suites can be used. One that is not there or cannot be reached is a note as long as another has
    /// a complete version; one that was tampered with, has expired or is not signed is an error whatever others have:
    /// the version that is hidden by it may be the one that was asked for.
    pub fn resolve(&self, spec: &PackageSpec) -> Result<Resolution, ArchiveError> {
        let archive = self.archive(&spec.archive)?;
        let mut suites = Vec::new();
        let mut failed = Vec::new();
        for name in &spec.suites {
            match self.suite(archive, name, &spec.components(), spec.arch()) {
                Ok(suite) => suites.push(suite),
                Err(error) => failed.push(error),
            }
        }
        if let Some(error) = failed.iter().find(|error| !error.is_absence()) {
            return Err(ArchiveError::Suite(error.clone()));
        }
        let of_suite = |suite: &'_ Arc<suite::Suite>| (suite.name.clone(), suite.seen.clone());
        let seen = suites.iter().map(of_suite).collect();
        let found = suites
            .iter()
            .flat_map(|suite| suite.stanzas.iter().map(|stanza| resolve::Found { suite: &suite.name, stanza }));
        let found: Vec<_> = found.collect();
        let resolution = resolve::resolve(spec, &found);
        if let Some(error) = failed.first().filter(|_| resolution.complete.is_empty()) {
            return Err(ArchiveError::Suite(error.clone()));
        }
        let notes = failed.iter().map(|error| format!("passed over: {error}")).collect();
        Ok(Resolution { notes, seen, ..resolution })
    }

    /// Resolves entries anew, pins them, and says what moved. An entry that cannot be resolved keeps its pin.
    pub fn update(&self, entries: &[(String, PackageSpec)], lock: &mut Lock) -> (Vec<Moved>, Vec<ArchiveError>) {
        let mut moved = Vec::new();
        let mut errors = Vec::new();
        for (kernel, spec) in entries {
            match self.newest(kernel, spec) {
                Ok((pin, _)) => moved.extend(lock.set(kernel, pin)),
                Err(error) => errors.push(error),
            }
        }
        (moved, errors)
    }

    /// Whether the files of a pin are in the cache, so that no network is needed.
    #[must_use]
    pub fn is_cached(&self, pin: &Pin) -> bool {
        self.cache.has(&self.key(pin.packages.iter().map(|package| package.sha256.as_str())))
    }

    fn archive(&self, name: &str) -> Result<&ArchiveSpec, ArchiveError> {
        self.specs.iter().find(|spec| spec.name == name).ok_or_else(|| ArchiveError::UnknownArchive {
            name: name.to_owned(),
            known: self.specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}
