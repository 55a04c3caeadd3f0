//! Unpacked kernels on disk, shared by runs side by side.
//!
//! An entry is built in a folder of its own, flushed, and renamed into place: it is there whole or not at all. A lock
//! file beside it is held exclusively while it is built or pruned, and shared while it is in use; locks are the
//! kernel's (flock(2)), so that none outlives the process that held it.

mod entry;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

pub(crate) use entry::{Entry, Origin};

use crate::whole;

/// A shared lock on a cache entry: as long as one lives, the entry is not pruned.
#[derive(Clone, Debug, Default)]
pub struct Lease {
    held: Option<Arc<File>>,
}

impl Lease {
    /// For files that lie outside of the cache.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether anything is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

/// The cache's own trouble.
#[derive(Debug, thiserror::Error)]
#[error("cache: {path}: {source}")]
pub struct CacheError {
    /// File or folder.
    pub path: PathBuf,
    /// The system's word.
    pub source: io::Error,
}

impl CacheError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

/// A cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// What is in the cache.
#[derive(Clone, Debug)]
pub struct Used {
    /// Key of the entry.
    pub key: String,
    /// What it was made from, `linux-image-6.1.0-56-cloud-amd64 6.1.192-2`.
    pub what: Vec<String>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When a run last took it.
    pub last_used: SystemTime,
}

/// What a prune did.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// Removed.
    pub removed: Vec<Used>,
    /// Left alone, as a run has it.
    pub in_use: Vec<Used>,
    /// Bytes given back, left-overs of broken-off runs included.
    pub bytes: u64,
}

/// `$KERNRIG_CACHE`, else `$XDG_CACHE_HOME/kernrig`, else `~/.cache/kernrig`; empty where there is no home, which
/// [`Cache::open`] refuses: a known name in a folder that everybody writes to is anybody's.
#[must_use]
pub fn default_folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("KERNRIG_CACHE") {
        return folder;
    }
    // The specification has relative paths ignored.
    if let Some(folder) = set("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()) {
        return folder.join("kernrig");
    }
    set("HOME").map(|home| home.join(".cache/kernrig")).unwrap_or_default()
}

impl Cache {
    /// Opens a cache; the folder is made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(root: &Path) -> Result<Self, CacheError> {
        if root.as_os_str().is_empty() {
            return Err(CacheError::at(Path::new("(no folder)"))(io::Error::other(HOMELESS)));
        }
        // Kernels hold paths of the cache for long, and hand them to programs that run elsewhere.
        let root = std::path::absolute(root).map_err(CacheError::at(root))?;
        for name in ["entries", "locks", "tmp", "index", "release"] {
            let folder = root.join(name);
            fs::create_dir_all(&folder).map_err(CacheError::at(&folder))?;
        }
        Ok(Self { root })
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.root
    }

    /// For files that are not whole yet; on the same file system as the rest.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Whether an entry is there, without waiting for who may be making it.
    pub(crate) fn has(&self, key: &str) -> bool {
        Entry::read(&self.entry(key)).is_ok_and(|entry| entry.is_some())
    }

    /// An entry that is there.
    pub(crate) fn get(&self, key: &str) -> Result<Option<(Entry, Lease)>, CacheError> {
        let lock = self.lock(key)?;
        flock(&lock, FlockOperation::LockShared).map_err(|error| self.failed(key, error))?;
        let folder = self.entry(key);
        let Some(entry) = Entry::read(&folder)? else { return Ok(None) };
        // Its time of change is when it was last used.
        let _ = lock.set_modified(SystemTime::now());
        Ok(Some((entry, Lease { held: Some(Arc::new(lock)) })))
    }

    /// An entry that is there, or is made by `build` in the folder that it is given. Of two runs that want the same
    /// entry one builds it and the other waits.
    pub(crate) fn get_or_build<E: From<CacheError>>(
        &self,
        key: &str,
        build: impl FnOnce(&Path) -> Result<Entry, E>,
    ) -> Result<(Entry, Lease), E> {
        if let Some(found) = self.get(key)? {
            return Ok(found);
        }
        let lock = self.lock(key)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| self.failed(key, error))?;
        let folder = self.entry(key);
        if Entry::read(&folder)?.is_none() {
            self.sweep(key)?;
            let work = tempfile::Builder::new()
                .prefix(&format!("{key}."))
                .tempdir_in(self.tmp())
                .map_err(CacheError::at(&self.tmp()))?;
            let entry = build(work.path())?;
            entry.write(work.path())?;
            // An entry without its description is from an older format or a broken disk.
            let _ = fs::remove_dir_all(&folder);
            fs::rename(work.path(), &folder).map_err(CacheError::at(&folder))?;
            sync(&self.root.join("entries"))?;
        }
        drop(lock);
        // Between the two locks a prune may have taken it: it says so rather than build again and again.
        let gone = || io::Error::new(io::ErrorKind::NotFound, "pruned while it was being made: run again");
        Ok(self.get(key)?.ok_or_else(|| CacheError { path: folder, source: gone() })?)
    }

    /// What is there, the longest unused first.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn used(&self) -> Result<Vec<Used>, CacheError> {
        let mut used = Vec::new();
        for (key, folder) in children(&self.root.join("entries"))? {
            let what = Entry::read(&folder)?.map(|entry| entry.describe()).unwrap_or_default();
            let last_used = fs::metadata(self.root.join("locks").join(&key))
                .and_then(|metadata| metadata.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH);
            used.push(Used { bytes: bytes_of(&folder), key, what, last_used });
        }
        used.sort_by_key(|used| used.last_used);
        Ok(used)
    }

    /// Bytes that the whole cache takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes_of(&self.root)
    }

    /// Removes the entries that nobody uses and that `keep` does not want, and what broken-off runs left.
    ///
    /// # Errors
    /// If something cannot be removed.
    pub fn prune(&self, keep: impl Fn(&Used) -> bool) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned::default();
        for used in self.used()?.into_iter().filter(|used| !keep(used)) {
            let lock = self.lock(&used.key)?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                pruned.in_use.push(used);
                continue;
            }
            // Renamed first: what cannot be removed to the end must not look whole.
            let (folder, grave) = (self.entry(&used.key), self.tmp().join(format!("{}.pruned", used.key)));
            fs::rename(&folder, &grave).map_err(CacheError::at(&folder))?;
            fs::remove_dir_all(&grave).map_err(CacheError::at(&grave))?;
            pruned.bytes += used.bytes;
            pruned.removed.push(used);
        }
        for (name, folder) in children(&self.tmp())? {
            let key = name.split('.').next().unwrap_or_default().to_owned();
            let lock = self.lock(&key)?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                pruned.bytes += bytes_of(&folder);
                self.sweep(&key)?;
            }
        }
        pruned.bytes += remove_stale(&self.tmp(), DAY) + remove_stale(&self.root.join("index"), 7 * DAY);
        Ok(pruned)
    }

    fn entry(&self, key: &str) -> PathBuf {
        self.root.join("entries").join(key)
    }

    fn lock(&self, key: &str) -> Result<File, CacheError> {
        let path = self.root.join("locks").join(key);
        File::options().create(true).truncate(false).write(true).open(&path).map_err(CacheError::at(&path))
    }

    fn failed(&self, key: &str, error: rustix::io::Errno) -> CacheError {
        CacheError { path: self.root.join("locks").join(key), source: error.into() }
    }

    /// Removes what a broken-off build of this entry left. The caller has the exclusive lock.
    fn sweep(&self, key: &str) -> Result<(), CacheError> {
        for (name, folder) in children(&self.tmp())? {
            if name.split('.').next() == Some(key) {
                fs::remove_dir_all(&folder).map_err(CacheError::at(&folder))?;
            }
        }
        Ok(())
    }
}

/// What is said where no folder is known.
pub const HOMELESS: &str = "HOME is not set: name the folder for kernels with --cache DIR or KERNRIG_CACHE";

const DAY: u64 = 86_400;

/// Removes files that nobody has written for so many seconds; says how many bytes that gave.
fn remove_stale(folder: &Path, seconds: u64) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let stale = |entry: &fs::DirEntry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let age = metadata.modified().ok()?.elapsed().ok()?;
        (age.as_secs() > seconds).then_some(metadata.len())
    };
    let removed = |entry: fs::DirEntry| stale(&entry).filter(|_| fs::remove_file(entry.path()).is_ok());
    entries.flatten().filter_map(removed).sum()
}

/// The folders in a folder.
fn children(folder: &Path) -> Result<Vec<(String, PathBuf)>, CacheError> {
    let entries = fs::read_dir(folder).map_err(CacheError::at(folder))?;
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
}

/// What is there, without following links; what goes away meanwhile does not count.
fn bytes_of(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Flushes a folder's names.
fn sync(folder: &Path) -> Result<(), CacheError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(CacheError::at(folder))
}

/// Writes a small file whole or not at all.
pub(crate) fn write_whole(cache: &Cache, path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    whole::write_by_way_of(&cache.tmp(), path, bytes).map_err(CacheError::at(path))
}

#[cfg(test)]
mod tests;
