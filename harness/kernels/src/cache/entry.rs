//! A cache entry: the files of one kernel, and a description of them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::CacheError;
use crate::{Module, Package};

/// What an entry holds; paths are below its folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) release: String,
    pub(crate) image: String,
    pub(crate) config: Option<String>,
    pub(crate) system_map: Option<String>,
    pub(crate) modules: Vec<Kept>,
    pub(crate) packages: Vec<Origin>,
    pub(crate) notes: Vec<String>,
    /// Set when it is read: where the paths begin.
    #[serde(skip)]
    pub(crate) folder: std::path::PathBuf,
}

/// A module that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    name: String,
    path: String,
    needs: Vec<String>,
}

/// A package it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) origin: String,
}

const DESCRIPTION: &str = "entry.toml";

impl Entry {
    /// Reads an entry's description; `None` if there is none that is whole.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, CacheError> {
        let path = folder.join(DESCRIPTION);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let entry = toml::from_str(&text).ok();
                Ok(entry.map(|entry| Self { folder: folder.to_owned(), ..entry }))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(CacheError { path, source }),
        }
    }

    /// Writes the description and flushes all that the folder holds.
    pub(super) fn write(&self, folder: &Path) -> Result<(), CacheError> {
        let path = folder.join(DESCRIPTION);
        let text = toml::to_string(self).map_err(|error| CacheError::at(&path)(io::Error::other(error)))?;
        fs::write(&path, text).map_err(CacheError::at(&path))?;
        flush(folder)
    }

    /// Adds modules that lie in the folder.
    pub(crate) fn keep_modules(&mut self, folder: &Path, modules: Vec<Module>) {
        self.modules = modules
            .into_iter()
            .map(|module| Kept {
                path: module.path.strip_prefix(folder).unwrap_or(&module.path).display().to_string(),
                name: module.name,
                needs: module.needs,
            })
            .collect();
    }

    /// The modules as they lie on disk.
    pub(crate) fn modules(&self) -> Vec<Module> {
        let module = |kept: &Kept| Module {
            name: kept.name.clone(),
            path: self.folder.join(&kept.path),
            needs: kept.needs.clone(),
        };
        self.modules.iter().map(module).collect()
    }

    /// The packages, as a kernel lists them.
    pub(crate) fn packages(&self) -> Vec<Package> {
        let package = |from: &Origin| Package {
            name: from.name.clone(),
            version: from.version.clone(),
            sha256: from.sha256.clone(),
            origin: from.origin.clone(),
        };
        self.packages.iter().map(package).collect()
    }

    pub(super) fn describe(&self) -> Vec<String> {
        self.packages.iter().map(|from| format!("{} {}", from.name, from.version).trim_end().to_owned()).collect()
    }
}

fn flush(folder: &Path) -> Result<(), CacheError> {
    let entries = fs::read_dir(folder).map_err(CacheError::at(folder))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            flush(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(CacheError::at(&path))?;
        }
    }
    super::sync(folder)
}
