//! The matrix as the command sees it: which kernels and variants were asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use kernrig_kernels::archive::{Archives, Options};
use kernrig_kernels::local;
use kernrig_kernels::lock::{Lock, LockError};
use kernrig_kernels::manifest::{DEFAULT_GROUP, DEFAULT_VARIANT, KernelEntry, Manifest, Source, VariantEntry, nearest};
use kernrig_plan::BenignList;

use crate::args::{Global, KernelChoice};
use crate::candidate::{Candidate, Origin};
use crate::failure::{Failure, chain};
use crate::hand;
use crate::machine::cache_folder;
use crate::screen::Screen;

/// Name of the file in the current folder.
pub(crate) const FILE: &str = "kernels.toml";

/// Name of the list of complaints that are no failure.
const BENIGN: &str = "benign.toml";

/// Stands for the version in the name of an entry that stands for several kernels.
const VERSION: &str = "{version}";

/// Archives, kernels and variants.
pub(crate) struct Matrix {
    /// `kernels.toml` in use; `None`: the one compiled in.
    pub(crate) file: Option<PathBuf>,
    pub(crate) manifest: Manifest,
    pub(crate) archives: Arc<Archives>,
    pub(crate) lock: Lock,
    /// Nothing but what is pinned may be taken.
    locked: bool,
    pub(crate) screen: Screen,
}

impl Matrix {
    /// Reads `--config`, else `./kernels.toml`, else what is compiled in; and the lock beside it.
    pub(crate) fn load(global: &Global, locked: bool) -> Result<Self, Failure> {
        Self::with_lock(global, locked, |file| Lock::load(file).map_err(|e| Failure::new(e.to_string())))
    }

    /// As [`Matrix::load`], for writing the lock anew: one that is not understood (a merge left its markers in it) is
    /// taken for empty, and the reason is given.
    pub(crate) fn load_to_lock_anew(global: &Global) -> Result<(Self, Option<String>), Failure> {
        let mut unsound = None;
        let matrix = Self::with_lock(global, false, |file| match Lock::load(file) {
            Ok(lock) => Ok(lock),
            Err(LockError::Format { path, reason }) => {
                unsound = Some(format!("{}: {reason}", path.display()));
                Ok(Lock::default())
            }
            Err(e) => Err(Failure::new(e.to_string())),
        })?;
        Ok((matrix, unsound))
    }

    fn with_lock(
        global: &Global,
        locked: bool,
        lock: impl FnOnce(&Path) -> Result<Lock, Failure>,
    ) -> Result<Self, Failure> {
        let (file, manifest) = manifest(global)?;
        for (name, _) in &global.mirror {
            let known =
                manifest.archive(name).is_some() || manifest.archive(name.trim_end_matches("-security")).is_some();
            if !known {
                let known: Vec<&str> = manifest.archives.iter().map(|a| a.name.as_str()).collect();
                return Err(Failure::new(format!("--mirror {name}: there is no such archive"))
                    .next(format!("there are {}", known.join(", "))));
            }
        }
        let lock = lock(&lock_file(file.as_deref()))?;
        let screen = Screen::new(global);
        let options = Options {
            cache: cache_folder(global)?,
            offline: global.offline,
            locked,
            mirrors: global.mirror.iter().cloned().collect(),
            progress: Some(screen.downloads()),
            ..Options::default()
        };
        let archives = Archives::new(options, manifest.archives.clone())
            .map_err(|e| Failure::new(chain(&e)).next("choose another folder with --cache DIR"))?;
        Ok(Self { file, manifest, archives: Arc::new(archives), lock, locked, screen })
    }

    /// Where the pins are.
    pub(crate) fn lock_file(&self) -> PathBuf {
        lock_file(self.file.as_deref())
    }

    /// The variants that were asked for, as the manifest has them.
    pub(crate) fn variants(&self, names: &[String]) -> Result<Vec<VariantEntry>, Failure> {
        let default = [DEFAULT_VARIANT.to_owned()];
        let names = if names.is_empty() { &default[..] } else { names };
        let mut variants: Vec<VariantEntry> = Vec::new();
        for name in names {
            let known = || self.manifest.variants.iter().map(|v| v.name.as_str()).collect::<Vec<_>>().join(", ");
            let variant = self.manifest.variant(name).ok_or_else(|| {
                Failure::new(format!("--variant {name}: there is no such variant"))
                    .next(format!("there are {}", known()))
            })?;
            if !variants.contains(variant) {
                variants.push(variant.clone());
            }
        }
        Ok(variants)
    }

    /// The kernels that were asked for: by pattern, in the hand, or of a group. Each has a name of its own.
    pub(crate) fn choose(&self, choice: &KernelChoice) -> Result<Vec<Candidate>, Failure> {
        let (paths, patterns): (Vec<_>, Vec<_>) = choice.kernels.iter().partition(|text| hand::is_path(text));
        let mut chosen = hand::candidates(&paths, self.archives.cache());
        for pattern in patterns {
            let found = self.by_pattern(pattern)?;
            if found.is_empty() {
                let known: Vec<&str> = self.manifest.kernels.iter().map(|entry| entry.name.as_str()).collect();
                let meant = nearest(pattern, &known).map(|name| format!("did you mean {name}? ")).unwrap_or_default();
                return Err(Failure::new(format!("--kernel {pattern}: no kernel has such a name, and no file"))
                    .next(format!("{meant}`kernrig kernels list` prints the names of all")));
            }
            chosen.extend(found);
        }
        if let Some(group) = self.group(choice)? {
            let entries = self.manifest.kernels.iter().filter(|e| e.groups.iter().any(|g| g == group));
            chosen.extend(entries.flat_map(|entry| self.candidates(entry)));
        }
        let mut seen: Vec<Candidate> = Vec::new();
        for mut candidate in chosen {
            if seen.iter().any(|other| other.same(&candidate)) {
                continue;
            }
            let name = candidate.name.clone();
            let mut number = 1;
            while seen.iter().any(|other| other.name == candidate.name) {
                number += 1;
                candidate.name = format!("{name}~{number}");
            }
            seen.push(candidate);
        }
        if seen.is_empty() {
            return Err(Failure::new("no kernel was asked for: a run of nothing proves nothing")
                .next(format!("give --kernel, or --group with one of: {}", self.manifest.groups().join(", "))));
        }
        Ok(seen)
    }

    /// The group that was asked for; the default one only where nothing else was.
    fn group<'a>(&self, choice: &'a KernelChoice) -> Result<Option<&'a str>, Failure> {
        let group = choice.group.as_deref();
        self.known_group(group)?;
        Ok(group.or_else(|| choice.kernels.is_empty().then_some(DEFAULT_GROUP)))
    }

    /// Refuses a group that there is not.
    pub(crate) fn known_group(&self, group: Option<&str>) -> Result<(), Failure> {
        let known = self.manifest.groups();
        match group.filter(|group| !known.contains(group)) {
            None => Ok(()),
            Some(group) => Err(Failure::new(format!("--group {group}: there is no such group"))
                .next(format!("there are {}", known.join(", ")))),
        }
    }

    /// By the whole name, or by what follows its first `-`: `2.6.*` is `debian-2.6.32` too.
    fn by_pattern(&self, pattern: &str) -> Result<Vec<Candidate>, Failure> {
        let glob = GlobBuilder::new(pattern).build().map_err(|e| {
            Failure::new(format!("--kernel {pattern}: {}", e.kind()))
                .next("a pattern is a shell glob, such as 'debian-6.*'")
        })?;
        let glob = glob.compile_matcher();
        let named =
            |name: &str| glob.is_match(name) || name.split_once('-').is_some_and(|(_, rest)| glob.is_match(rest));
        let mut found = Vec::new();
        for entry in &self.manifest.kernels {
            match &entry.source {
                Source::Every(_) if may_match(pattern, &entry.name) => {
                    found.extend(self.candidates(entry).into_iter().filter(|c| matches_whole(&glob, c)));
                }
                Source::Every(_) => {}
                Source::Folder(_) => found.extend(self.candidates(entry).into_iter().filter(|c| named(&c.name))),
                _ if named(&entry.name) => found.extend(self.candidates(entry)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The kernels of an entry: one, or as many as its folder or archive holds.
    pub(crate) fn candidates(&self, entry: &KernelEntry) -> Vec<Candidate> {
        let one = |name: &str, origin| Candidate {
            name: name.to_owned(),
            optional: entry.optional,
            cmdline: entry.cmdline.clone(),
            origin,
            archives: Some(Arc::clone(&self.archives)),
            cache: self.archives.cache().clone(),
        };
        let lone = |origin| vec![one(&entry.name, origin)];
        match &entry.source {
            Source::Newest(spec) => lone(Origin::Newest(spec.clone(), self.lock.get(&entry.name).cloned())),
            Source::Image(files) => lone(Origin::Image(files.clone())),
            Source::Tree(path) => lone(Origin::Path(path.clone())),
            Source::Url(urls) => lone(Origin::Urls(urls.clone())),
            Source::Folder(folder) => match local::subfolders(folder) {
                Ok(kernels) => kernels.into_iter().map(|(name, path)| one(&name, Origin::Path(path))).collect(),
                Err(e) => lone(Origin::Failed(chain(&e))),
            },
            Source::Every(_) if self.locked => lone(Origin::Failed(format!(
                "--locked: {} stands for whatever versions there are, and kernels.lock pins none of them; \
                 run it without --locked",
                entry.name
            ))),
            Source::Every(spec) => match self.archives.resolve(spec) {
                Ok(resolution) => {
                    let sets = resolution.complete.into_iter();
                    sets.map(|set| one(&entry.name_of(set.name()), Origin::Set(set))).collect()
                }
                Err(e) => lone(Origin::Failed(chain(&e))),
            },
        }
    }
}

/// `--config`, else `./kernels.toml`, else what is compiled in.
pub(crate) fn manifest(global: &Global) -> Result<(Option<PathBuf>, Manifest), Failure> {
    let here = Path::new(FILE);
    let file = global.config.clone().or_else(|| here.exists().then(|| here.to_owned()));
    let manifest = match &file {
        Some(file) => Manifest::load(file).map_err(|e| Failure::new(e.to_string()))?,
        None => Manifest::shipped(),
    };
    Ok((file, manifest))
}

/// Complaints that are no failure: `benign.toml` beside the matrix in use, else in the current folder, else what is
/// compiled in.
pub(crate) fn benign(global: &Global) -> Result<BenignList, Failure> {
    let beside = global.config.as_deref().and_then(Path::parent).map(|folder| folder.join(BENIGN));
    // A dangling link is a list that cannot be read, and not one that is not there.
    let file = beside.filter(|file| file.symlink_metadata().is_ok()).unwrap_or_else(|| PathBuf::from(BENIGN));
    if file.symlink_metadata().is_err() {
        return Ok(BenignList::shipped());
    }
    let wrong = |what: String| {
        Failure::new(format!("{}: {what}", file.display()))
            .next("mend it, or move it away: then the list that is compiled in holds")
    };
    let text = std::fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
    BenignList::parse(&text).map_err(|e| wrong(e.to_string()))
}

fn lock_file(manifest: Option<&Path>) -> PathBuf {
    manifest.unwrap_or(Path::new(FILE)).with_extension("lock")
}

/// Whether a pattern may mean kernels of an entry such as `cloud-{version}`: finding out for sure asks the archive.
fn may_match(pattern: &str, name: &str) -> bool {
    let literal = pattern.split(['*', '?', '[', '{']).next().unwrap_or_default();
    let head = name.split(VERSION).next().unwrap_or_default();
    literal.starts_with(head) || head.starts_with(literal)
}

/// An entry that could not be resolved stays, so that its reason is told.
fn matches_whole(glob: &GlobMatcher, candidate: &Candidate) -> bool {
    glob.is_match(&candidate.name) || matches!(candidate.origin, Origin::Failed(_))
}

#[cfg(test)]
mod tests {
    use super::may_match;

    #[test]
    fn an_archive_is_only_asked_for_kernels_that_a_pattern_may_mean() {
        for pattern in ["*", "cloud-*", "cloud-6.1*", "cl?ud-6.1", "cloud-6.1.0-9"] {
            assert!(may_match(pattern, "cloud-{version}"), "{pattern}");
        }
        for pattern in ["debian-*", "6.1*", "cloudy", "2.6.*"] {
            assert!(!may_match(pattern, "cloud-{version}"), "{pattern}");
        }
    }
}
