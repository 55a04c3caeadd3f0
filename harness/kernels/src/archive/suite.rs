//! A suite of an archive: its Release, believed by its signature, and the kernel packages of its indexes.

use std::collections::HashMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use super::index::{self, Stanza};
use super::release::{self, Release};
use super::signature::{self, Signed, Trust};
use super::{ArchiveError, ArchiveSpec, Archives};
use crate::cache::{CacheError, write_whole};
use crate::fetch::{Expected, FetchError, sha256_of};

/// What is known of a suite.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: String,
    /// Its Release's date, as a pin notes it.
    pub(crate) seen: String,
    pub(crate) stanzas: Vec<Stanza>,
}

/// Suites that were loaded, or could not be: each is asked for once a run.
pub(super) type Loaded = HashMap<(String, String, Vec<String>, String), Result<Arc<Suite>, Arc<ArchiveError>>>;

/// Debian's has 200 KB.
const LARGEST_RELEASE: u64 = 16 << 20;
/// Clocks of mirrors and machines differ.
const SKEW: u64 = 86_400;

impl Archives {
    pub(super) fn suite(
        &self,
        archive: &ArchiveSpec,
        suite: &str,
        components: &[String],
        arch: &str,
    ) -> Result<Arc<Suite>, Arc<ArchiveError>> {
        let key = (archive.name.clone(), suite.to_owned(), components.to_vec(), arch.to_owned());
        // Held while it is fetched, so that it is fetched once.
        let mut loaded = self.suites.lock().unwrap_or_else(PoisonError::into_inner);
        let load = || self.load(archive, suite, components, arch).map(Arc::new).map_err(Arc::new);
        loaded.entry(key).or_insert_with(load).clone()
    }

    fn load(
        &self,
        archive: &ArchiveSpec,
        suite: &str,
        components: &[String],
        arch: &str,
    ) -> Result<Suite, ArchiveError> {
        let url = format!("{}/dists/{suite}", self.mirrors.base(archive, suite)?);
        let (file, text) = self.signed_release(archive, suite, &url)?;
        let release = Release::parse(&text);
        check(&release, archive, suite, &file, self.fetcher.offline())?;
        let mut stanzas = Vec::new();
        for component in components {
            stanzas.extend(self.index(&release, &url, &format!("{component}/binary-{arch}/Packages"))?);
        }
        let seen = release.date.map(|(_, seconds)| release::stamp(seconds)).unwrap_or_default();
        Ok(Suite { name: suite.to_owned(), seen, stanzas })
    }

    /// The URL of the signed file, and the text that was signed.
    fn signed_release(&self, archive: &ArchiveSpec, suite: &str, url: &str) -> Result<(String, String), ArchiveError> {
        let trust = Trust { keyrings: keyrings(archive), expired_keys: archive.expired_keys };
        let verify = |url: &str, signed: &Signed<'_>| {
            let error = |source| ArchiveError::Signature { url: url.to_owned(), source };
            signature::verify(signed, &trust).map_err(error)
        };
        let inline = format!("{url}/InRelease");
        if let Some(bytes) = self.small(&inline)? {
            let text = verify(&inline, &Signed::Inline(&bytes))?;
            self.remember(&inline, &bytes)?;
            return Ok((inline, text));
        }
        let (plain, detached) = (format!("{url}/Release"), format!("{url}/Release.gpg"));
        let Some(text) = self.small(&plain)? else {
            let (archive, suite) = (archive.name.clone(), suite.to_owned());
            return Err(ArchiveError::NoSuite { url: url.to_owned(), archive, suite });
        };
        let Some(signature) = self.small(&detached)? else {
            return Err(ArchiveError::NotSigned { url: url.to_owned() });
        };
        let believed = verify(&plain, &Signed::Detached { text: &text, signature: &signature })?;
        self.remember(&plain, &text)?;
        self.remember(&detached, &signature)?;
        Ok((plain, believed))
    }

    /// A small file of a suite; `None` if it is not there. Offline, as it was last time.
    fn small(&self, url: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        if self.fetcher.offline() && !url.starts_with("file:") {
            return match fs::read(self.remembered(url)) {
                Ok(bytes) => Ok(Some(bytes)),
                // A suite without InRelease has a Release that may be there.
                Err(_) if url.ends_with("/InRelease") => Ok(None),
                Err(_) => Err(FetchError::Offline { url: url.to_owned() }.into()),
            };
        }
        match self.fetcher.bytes(url, LARGEST_RELEASE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn remember(&self, url: &str, bytes: &[u8]) -> Result<(), CacheError> {
        let path = self.remembered(url);
        if fs::read(&path).is_ok_and(|known| known == bytes) {
            return Ok(());
        }
        write_whole(&self.cache, &path, bytes)
    }

    fn remembered(&self, url: &str) -> PathBuf {
        // Reading from memory cannot fail.
        let name = sha256_of(url.as_bytes()).unwrap_or_default();
        self.cache.folder().join("release").join(name)
    }

    /// The kernel packages of an index, in the first form that Release lists and the mirror has.
    fn index(&self, release: &Release, url: &str, path: &str) -> Result<Vec<Stanza>, ArchiveError> {
        let mut last = ArchiveError::NoIndex { url: url.to_owned(), path: path.to_owned() };
        for form in [".xz", ".gz", ".bz2", ""] {
            let path = format!("{path}{form}");
            let Some((sum, size)) = release.files.get(&path) else { continue };
            let known = self.cache.folder().join("index").join(format!("{sum}-1"));
            if let Ok(reduced) = fs::read_to_string(&known) {
                return Ok(index::parse(&reduced));
            }
            let mut result = self.reduced(&format!("{url}/{path}"), form, sum, *size);
            if release.by_hash && matches!(result, Err(ArchiveError::Fetch(_))) {
                // A mirror that is being updated has a new Release beside an old index, or the reverse.
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                result = self.reduced(&format!("{url}/{folder}/by-hash/SHA256/{sum}"), form, sum, *size).or(result);
            }
            match result {
                Ok(reduced) => {
                    write_whole(&self.cache, &known, reduced.as_bytes())?;
                    return Ok(index::parse(&reduced));
                }
                // Release lists the plain form, which mirrors do not keep.
                Err(ArchiveError::Fetch(error)) if error.is_missing() => last = error.into(),
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn reduced(&self, url: &str, form: &str, sum: &str, size: u64) -> Result<String, ArchiveError> {
        let expected = Expected { sha256: sum, size: Some(size), by: "the signed Release" };
        let file = self.fetcher.verified(url, &self.cache.tmp(), &expected)?;
        let failed = |error: std::io::Error| ArchiveError::Index { url: url.to_owned(), reason: error.to_string() };
        index::reduce(index::unpack(form, BufReader::with_capacity(128 << 10, file))).map_err(failed)
    }
}

fn check(release: &Release, archive: &ArchiveSpec, suite: &str, url: &str, offline: bool) -> Result<(), ArchiveError> {
    let url = url.to_owned();
    if !release.is_of(suite) {
        let found = format!("{} ({})", release.suite, release.codename);
        return Err(ArchiveError::OtherSuite { url, suite: suite.to_owned(), found });
    }
    // Offline there is nothing newer to be had, and what is in the cache was valid when it came.
    if !archive.check_valid_until || offline {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if let Some((until, _)) = release.valid_until.as_ref().filter(|(_, seconds)| *seconds < now) {
        return Err(ArchiveError::Expired { url, until: until.clone() });
    }
    if let Some((date, _)) = release.date.as_ref().filter(|(_, seconds)| *seconds > now + SKEW) {
        return Err(ArchiveError::NotYet { url, date: date.clone() });
    }
    Ok(())
}

/// The archive's own keyring; else that of the distribution by whose name it goes.
fn keyrings(archive: &ArchiveSpec) -> Vec<PathBuf> {
    if let Some(keyring) = &archive.keyring {
        return vec![keyring.clone()];
    }
    let shared = Path::new("/usr/share/keyrings");
    if archive.name.starts_with("ubuntu") {
        return vec![shared.join("ubuntu-archive-keyring.gpg")];
    }
    let mut keyrings = vec![shared.join("debian-archive-keyring.gpg")];
    if archive.expired_keys {
        // Keys of squeeze and later leave the keyring when they have expired.
        keyrings.push(shared.join("debian-archive-removed-keys.gpg"));
    }
    keyrings
}
