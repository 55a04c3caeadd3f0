//! `kernels.lock`: what each entry of the matrix resolved to, like Cargo.lock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};

use crate::whole;

/// A package, down to its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// Archive and suite it was found in.
    pub archive: String,
    /// See `archive`.
    pub suite: String,
    /// Path below the archive's base URL.
    pub path: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// What an entry resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// When the suite had it (`20261124T151600Z`): by this a public snapshot of the archive still finds it later.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
    /// The set, image first.
    #[serde(rename = "package")]
    pub packages: Vec<Pinned>,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    #[serde(default, rename = "kernel")]
    kernels: BTreeMap<String, Pin>,
}

/// What an update of the lock changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The entry.
    pub kernel: String,
    /// What it was, `linux-image-… 6.1.176-1`; `None` for a new entry.
    pub from: Option<String>,
    /// What it is.
    pub to: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{}: {from} -> {}", self.kernel, self.to),
            None => write!(f, "{}: {} (new)", self.kernel, self.to),
        }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}; make it readable, or remove it and run `kernrig kernels lock`")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}; make its folder writable")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It is not what kernrig writes.
    #[error("{path}: {reason}; `kernrig kernels lock --update` writes it anew")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        reason: String,
    },
}

const VERSION: u32 = 1;

impl Lock {
    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// If it cannot be read or is not a lock.
    pub fn load(path: &Path) -> Result<Self, LockError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|reason| LockError::Format { path: path.to_owned(), reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { version: VERSION, ..Self::default() }),
            Err(source) => Err(LockError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads a lock's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lock: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if lock.version != VERSION {
            return Err(format!("version {} of the format is not known", lock.version));
        }
        for (name, pin) in &lock.kernels {
            for package in &pin.packages {
                let hex = package.sha256.len() == 64 && package.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
                let inside = !package.path.starts_with('/') && !package.path.split('/').any(|part| part == "..");
                if !hex || !inside {
                    return Err(format!("kernel {name}: package {} has no sound path and sha256", package.name));
                }
            }
            if pin.packages.is_empty() {
                return Err(format!("kernel {name} has no package"));
            }
        }
        Ok(lock)
    }

    /// Writes the file: whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), LockError> {
        let failed = |source| LockError::Write { path: path.to_owned(), source };
        whole::write(path, self.text().as_bytes()).map_err(failed)
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# Written by kernrig: what each kernel of kernels.toml resolved to. Keep it under version control.\n{body}"
        )
    }

    /// What an entry is pinned to.
    #[must_use]
    pub fn get(&self, kernel: &str) -> Option<&Pin> {
        self.kernels.get(kernel)
    }

    /// Pins an entry; says what moved, if anything did.
    pub fn set(&mut self, kernel: &str, pin: Pin) -> Option<Moved> {
        self.version = VERSION;
        let to = pin.describe();
        let before = self.kernels.insert(kernel.to_owned(), pin);
        let from = before.as_ref().map(Pin::describe);
        let same = before.is_some_and(|before| before.packages == self.kernels[kernel].packages);
        (!same).then(|| Moved { kernel: kernel.to_owned(), from, to })
    }

    /// Drops the entries that a function does not want kept.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.kernels.retain(|name, _| keep(name));
    }
}

impl Pin {
    /// `linux-image-6.1.0-56-cloud-amd64 6.1.192-2`.
    #[must_use]
    pub fn describe(&self) -> String {
        self.packages.first().map(|image| format!("{} {}", image.name, image.version)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(version: &str) -> Pin {
        let package = Pinned {
            name: "linux-image-6.1.0-1-amd64".into(),
            version: version.into(),
            archive: "debian".into(),
            suite: "bookworm".into(),
            path: "pool/a.deb".into(),
            sha256: "a".repeat(64),
            size: 3,
        };
        Pin { seen: "20261124T151600Z".into(), packages: vec![package] }
    }

    #[test]
    fn a_lock_is_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernels.lock");
        let mut lock = Lock::load(&path).unwrap();
        assert_eq!(lock.set("debian-6.1", pin("1")).unwrap().from, None);
        assert_eq!(lock.set("debian-6.1", pin("1")), None);
        let moved = lock.set("debian-6.1", pin("2")).unwrap();
        assert_eq!(moved.to_string(), "debian-6.1: linux-image-6.1.0-1-amd64 1 -> linux-image-6.1.0-1-amd64 2");
        lock.save(&path).unwrap();
        assert_eq!(Lock::load(&path).unwrap(), lock);
        assert_eq!(lock.get("debian-6.1").unwrap().packages[0].version, "2");
    }

    #[test]
    fn a_lock_that_is_not_sound_is_refused() {
        let mut lock = Lock::default();
        lock.set("x", pin("1"));
        let text = lock.text();
        assert!(Lock::parse(&text.replace("pool/", "../")).unwrap_err().contains("kernel x"));
        assert!(Lock::parse(&text.replace("version = 1\n", "version = 9\n")).unwrap_err().contains("9"));
        let folder = tempfile::tempdir().unwrap();
        let refused = Lock::load(folder.path()).unwrap_err().to_string();
        assert!(refused.starts_with("cannot read ") && refused.contains("`kernrig kernels lock`"), "{refused}");
        assert!(Lock::parse("<<<<<<< HEAD").unwrap_err().contains("line 1"));
    }
}
