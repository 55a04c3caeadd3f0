//! Packages to disk: by pin, by resolution, by URL; and where to look for what a mirror has withdrawn.

use std::fs::File;

use super::glob::Family;
use super::unpack::{Work, kernel};
use super::{ArchiveError, Archives, Obtained, PackageSpec, Pin, Pinned, UrlSpec};
use crate::Kernel;
use crate::cache::Origin;
use crate::fetch::{Expected, FetchError};

impl Archives {
    /// The kernel of an entry: what it is pinned to, else the newest complete version.
    ///
    /// A pinned package that its archive has withdrawn is looked for, by its hash, in the other archives and in
    /// snapshots; if it is nowhere, the newest version is taken and a note says so, or nothing if `locked`.
    ///
    /// # Errors
    /// [`ArchiveError`]; a hash that differs from the pin is one.
    pub fn obtain(&self, name: &str, spec: &PackageSpec, pin: Option<&Pin>) -> Result<Obtained, ArchiveError> {
        let Some(pin) = pin.filter(|pin| fits(pin, spec)) else {
            if self.options.locked {
                return Err(ArchiveError::NotLocked { kernel: name.to_owned() });
            }
            return self.obtain_newest(name, spec, None);
        };
        match self.obtain_pinned(name, pin, Some(spec)) {
            Ok(kernel) => Ok(Obtained { kernel, pin: pin.clone() }),
            Err(ArchiveError::Fetch(FetchError::Missing { url })) => {
                let gone = pin.packages.iter().find(|package| url.ends_with(&package.path)).or(pin.packages.first());
                let (package, version) = gone.map(|gone| (gone.name.clone(), gone.version.clone())).unwrap_or_default();
                if self.options.locked {
                    return Err(ArchiveError::Withdrawn { kernel: name.to_owned(), package, version });
                }
                let note = format!("PINNED BUT GONE: no archive has {package} {version} of kernels.lock any more");
                self.obtain_newest(name, spec, Some(note))
            }
            Err(error) => Err(error),
        }
    }

    /// The set of a pin, such as one that [`Archives::resolve`] lists: the `wide` group is made of these.
    ///
    /// # Errors
    /// [`ArchiveError`]; [`ArchiveError::Gone`] where a file of it is listed and not there.
    pub fn obtain_set(&self, name: &str, set: &super::PackageSet) -> Result<Kernel, ArchiveError> {
        let pin = Pin { seen: String::new(), packages: set.packages.clone() };
        self.obtain_pinned(name, &pin, None).map_err(|error| match error {
            ArchiveError::Fetch(FetchError::Missing { url }) => {
                let (package, version) = (set.name().to_owned(), set.version().to_owned());
                ArchiveError::Gone { kernel: name.to_owned(), package, version, url }
            }
            other => other,
        })
    }

    /// A kernel of one or several files by URL, each with its hash: packages or a bzImage.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn obtain_urls(&self, name: &str, urls: &[UrlSpec]) -> Result<Kernel, ArchiveError> {
        let key = self.key(urls.iter().map(|url| url.sha256.as_str()));
        let (entry, lease) = self.cache.get_or_build(&key, |folder| {
            let mut work = Work::new(folder);
            for one in urls {
                let expected = Expected { sha256: &one.sha256, size: None, by: "kernels.toml" };
                let file = self.fetcher.verified(&one.url, &self.cache.tmp(), &expected)?;
                let name = one.url.rsplit('/').next().unwrap_or(&one.url).to_owned();
                let (version, sha256) = (String::new(), one.sha256.to_ascii_lowercase());
                work.add(file, Origin { name, version, sha256, origin: one.url.clone() })?;
            }
            work.finish(&self.options.modules)
        })?;
        kernel(name, &entry, lease)
    }

    pub(super) fn newest(&self, name: &str, spec: &PackageSpec) -> Result<(Pin, Vec<String>), ArchiveError> {
        let resolution = self.resolve(spec)?;
        if let Some(set) = resolution.chosen() {
            return Ok((resolution.pin(set), resolution.notes));
        }
        let incomplete = resolution.incomplete.first().map(|newest| {
            let (count, missing) = (resolution.incomplete.len(), newest.missing.join(", "));
            format!(" ({count} incomplete; the newest, {} {}, lacks {missing})", newest.name, newest.version)
        });
        Err(ArchiveError::NoCandidate {
            kernel: name.to_owned(),
            pattern: [std::slice::from_ref(&spec.name), &spec.extra].concat().join(" with "),
            suites: spec.suites.join(", "),
            archive: spec.archive.clone(),
            incomplete: incomplete.unwrap_or_default(),
        })
    }

    /// The newest complete version that is really there: an index may list what the pool no longer has.
    fn obtain_newest(&self, name: &str, spec: &PackageSpec, note: Option<String>) -> Result<Obtained, ArchiveError> {
        let (newest, mut notes) = self.newest(name, spec)?;
        let resolution = self.resolve(spec)?;
        let mut gone = None;
        for pin in resolution.complete.iter().map(|set| resolution.pin(set)) {
            match self.obtain_pinned(name, &pin, None) {
                Ok(mut kernel) => {
                    if let Some(note) = note {
                        kernel.notes.insert(0, format!("{note}; used instead: {}", pin.describe()));
                    }
                    kernel.notes.append(&mut notes);
                    return Ok(Obtained { kernel, pin });
                }
                Err(ArchiveError::Fetch(FetchError::Missing { url })) => {
                    notes.push(format!("LISTED BUT GONE: {}: {url} is not there (404)", pin.describe()));
                    gone.get_or_insert(url);
                }
                Err(error) => return Err(error),
            }
        }
        let url = gone.unwrap_or_else(|| newest.describe());
        Err(ArchiveError::Fetch(FetchError::Missing { url }))
    }

    /// With a spec, what is gone from its place is looked for elsewhere.
    fn obtain_pinned(&self, name: &str, pin: &Pin, spec: Option<&PackageSpec>) -> Result<Kernel, ArchiveError> {
        let key = self.key(pin.packages.iter().map(|package| package.sha256.as_str()));
        let (entry, lease) = self.cache.get_or_build(&key, |folder| {
            let mut work = Work::new(folder);
            for package in &pin.packages {
                let (file, origin) = self.package(package, pin, spec)?;
                let (name, version) = (package.name.clone(), package.version.clone());
                work.add(file, Origin { name, version, sha256: package.sha256.clone(), origin })?;
            }
            work.finish(&self.options.modules)
        })?;
        kernel(name, &entry, lease)
    }

    /// A package's verified file, and where it was had from.
    pub(super) fn package(
        &self,
        package: &Pinned,
        pin: &Pin,
        spec: Option<&PackageSpec>,
    ) -> Result<(File, String), ArchiveError> {
        let by = if spec.is_some() { "kernels.lock" } else { "the signed Packages" };
        let expected = Expected { sha256: &package.sha256, size: Some(package.size), by };
        let fetch = |base: &str, path: &str| {
            let url = format!("{base}/{path}");
            let file = self.fetcher.verified(&url, &self.cache.tmp(), &expected)?;
            Ok::<_, FetchError>((file, url))
        };
        let own = self.archive(&package.archive).and_then(|archive| self.mirrors.base(archive, &package.suite));
        let first = match (own, spec) {
            (Ok(base), _) => match fetch(&base, &package.path) {
                Ok(found) => return Ok(found),
                // A wrong hash is told and not looked past; a mirror that is down is.
                Err(error @ (FetchError::Missing { .. } | FetchError::Transport { .. })) => error.into(),
                Err(error) => return Err(error.into()),
            },
            (Err(error), None) => return Err(error),
            (Err(error), Some(_)) => error,
        };
        let Some(spec) = spec else { return Err(first) };
        for (base, path) in self.elsewhere(package, pin, spec) {
            if let Ok(found) = fetch(&base, &path) {
                return Ok(found);
            }
        }
        Err(first)
    }

    /// Where else a pinned package may be: elsewhere in its own suites (Debian moves kernels between source packages),
    /// at the same place in the other archives, in snapshots of the time when it was pinned.
    fn elsewhere(&self, package: &Pinned, pin: &Pin, spec: &PackageSpec) -> Vec<(String, String)> {
        let mut places = Vec::new();
        if let Ok(archive) = self.archive(&spec.archive) {
            for suite in &spec.suites {
                let (Ok(base), Ok(loaded)) =
                    (self.mirrors.base(archive, suite), self.suite(archive, suite, &spec.components(), spec.arch()))
                else {
                    continue;
                };
                let same = loaded.stanzas.iter().filter(|stanza| stanza.sha256 == package.sha256);
                places.extend(same.map(|stanza| (base.clone(), stanza.path.clone())));
            }
        }
        let bases = self.specs.iter().filter_map(|archive| self.mirrors.base(archive, &package.suite).ok());
        places.extend(bases.map(|base| (base, package.path.clone())));
        if package.archive.starts_with("debian") && !pin.seen.is_empty() {
            let snapshot = |template: &String| (template.replace("{seen}", &pin.seen), package.path.clone());
            places.extend(self.options.snapshots.iter().map(snapshot));
        }
        let mut seen = Vec::new();
        places.retain(|place| {
            !seen.contains(place) && {
                seen.push(place.clone());
                true
            }
        });
        places
    }
}

/// Whether a pin is of this entry: it may have been changed since.
fn fits(pin: &Pin, spec: &PackageSpec) -> bool {
    let Some(image) = pin.packages.first() else { return false };
    let Some(captures) = Family::new(&spec.name).capture(&image.name) else { return false };
    let has = |name: String| pin.packages.iter().any(|package| package.name == name);
    image.archive == spec.archive && spec.extra.iter().all(|extra| has(Family::new(extra).fill(&captures)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_of_another_family_is_not_taken() {
        let named = |name: &str| Pinned { name: name.into(), archive: "a".into(), ..Pinned::default() };
        let pin =
            |names: &[&str]| Pin { seen: String::new(), packages: names.iter().map(|name| named(name)).collect() };
        let spec = |name: &str, extra: &[&str]| PackageSpec {
            archive: "a".into(),
            name: name.into(),
            extra: extra.iter().map(|name| (*name).into()).collect(),
            ..PackageSpec::default()
        };
        let one = pin(&["linux-image-3.5.0-17-generic"]);
        assert!(fits(&one, &spec("linux-image-3.5.*-generic", &[])));
        assert!(!fits(&one, &spec("linux-image-3.8.*-generic", &[])));
        assert!(!fits(&one, &spec("linux-image-3.5.*-generic", &["linux-image-extra-3.5.*-generic"])));
        let two = pin(&["linux-image-3.5.0-17-generic", "linux-image-extra-3.5.0-17-generic"]);
        assert!(fits(&two, &spec("linux-image-3.5.*-generic", &["linux-image-extra-3.5.*-generic"])));
        assert!(!fits(&two, &PackageSpec { archive: "b".into(), ..spec("linux-image-3.5.*-generic", &[]) }));
    }
}
