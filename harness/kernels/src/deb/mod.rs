//! What a kernel needs out of a `.deb`: the image, its config, its symbols, its modules; and what changed in it. Nothing
//! else is written.
//!
//! A package is data from the net. Every name in it is looked at before anything is read, files are only ever written
//! under names made here, links are never made or followed, and sizes are bounded.

mod ar;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// Why a package cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// It is not a `.deb`, or not a whole one.
    #[error("{package}: not a whole .deb: {reason}")]
    Format {
        /// The package.
        package: String,
        /// What is wrong.
        reason: String,
    },
    /// A name in it leads out of it.
    #[error("{package}: holds {path:?}, which leads out of the package: nothing of it is used")]
    Escape {
        /// The package.
        package: String,
        /// The name.
        path: String,
    },
    /// It is larger than any kernel.
    #[error("{package}: {what} is larger than the {limit} bytes it may have: nothing of it is used")]
    TooLarge {
        /// The package.
        package: String,
        /// What of it.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// Two of what there is one of.
    #[error("{package}: holds a second {what}: give the packages of one kernel")]
    Second {
        /// The package.
        package: String,
        /// `vmlinuz` or `config`.
        what: &'static str,
    },
    /// This machine's own trouble.
    #[error("{path}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// A whole kernel package unpacks to 0.5 GB, one with debug information to 8 GB; that is none of ours.
const LARGEST_TAR: u64 = 4 << 30;
const LARGEST_FILE: u64 = 512 << 20;
/// Scripts and checksums of some thousand modules have less than one.
const LARGEST_CONTROL: u64 = 16 << 20;
/// Debian points at the `-dbg` package in one line; true maps have some MB.
const SMALLEST_MAP: u64 = 16 << 10;
/// Debian's kernels have 1.5 MB of it, packed.
const LARGEST_CHANGELOG: u64 = 16 << 20;
/// The name of a changelog among what was unpacked.
pub(crate) const CHANGELOG: &str = "changelog.gz";

/// What was found in the packages of one kernel, below one folder.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) vmlinuz: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) system_map: Option<PathBuf>,
    /// The folder of modules as packed, if there were any.
    pub(crate) modules: Option<PathBuf>,
}

/// Unpacks what is needed of a package into a folder, adding to what other packages brought.
pub(crate) fn unpack(deb: &File, package: &str, into: &Path, contents: &mut Contents) -> Result<(), DebError> {
    let data = ar::member(BufReader::with_capacity(128 << 10, deb), "data.tar")
        .map_err(|error| DebError::Format { package: package.to_owned(), reason: error.to_string() })?;
    let mut unpacker = Unpacker { package, into, contents, written: HashMap::new() };
    unpacker.run(Bounded { inner: data, left: LARGEST_TAR })
}

/// The name that a package gives itself, whatever its file is called; `None` where it cannot be read.
pub(crate) fn package_name(deb: &File) -> Option<String> {
    let tar = ar::member(BufReader::new(deb), "control.tar").ok()?;
    let mut archive = tar::Archive::new(tar.take(LARGEST_CONTROL));
    let entries = archive.entries().ok()?.filter_map(Result::ok);
    let mut control = entries.into_iter().find(|e| e.path().is_ok_and(|path| path.ends_with("control")))?;
    let mut text = String::new();
    control.by_ref().take(LARGEST_CONTROL).read_to_string(&mut text).ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("Package:"))?.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

/// The changelog of a package, packed; `None` where it has none of its own.
pub(crate) fn changelog(deb: &File) -> io::Result<Option<Vec<u8>>> {
    let data = ar::member(BufReader::with_capacity(128 << 10, deb), "data.tar").map_err(io::Error::other)?;
    let mut archive = tar::Archive::new(Bounded { inner: data, left: LARGEST_TAR });
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        if kind_of(path) == Some(Kind::Changelog) && entry.header().entry_type() == tar::EntryType::Regular {
            let mut bytes = Vec::new();
            entry.by_ref().take(LARGEST_CHANGELOG).read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

struct Unpacker<'a> {
    package: &'a str,
    into: &'a Path,
    contents: &'a mut Contents,
    /// Path in the package → file written for it: a hard link names an earlier file.
    written: HashMap<PathBuf, PathBuf>,
}

/// What a file of a package is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Vmlinuz,
    Config,
    SystemMap,
    Changelog,
    /// With its path below `lib/modules/VERSION`.
    Module(PathBuf),
}

impl Unpacker<'_> {
    fn run(&mut self, data: impl Read) -> Result<(), DebError> {
        let mut archive = tar::Archive::new(data);
        self.files(&mut archive)?;
        // The checksum of a compressed stream stands at its end, behind the end of the tar.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop).map_err(|error| self.format(&error))
    }

    fn files(&mut self, archive: &mut tar::Archive<impl Read>) -> Result<(), DebError> {
        let entries = archive.entries().map_err(|error| self.format(&error))?;
        for entry in entries {
            let mut entry = entry.map_err(|error| self.format(&error))?;
            let name = entry.path().map_err(|error| self.format(&error))?.into_owned();
            let path = self.inside(&name)?;
            let Some(kind) = kind_of(&path) else { continue };
            match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    let size = entry.size();
                    if size > LARGEST_FILE {
                        let (package, what) = (self.package.to_owned(), path.display().to_string());
                        return Err(DebError::TooLarge { package, what, limit: LARGEST_FILE });
                    }
                    self.write(&path, &kind, size, &mut entry)?;
                }
                tar::EntryType::Link => {
                    let target = entry.link_name().map_err(|error| self.format(&error))?.unwrap_or_default();
                    let target = self.inside(&target)?;
                    self.link(&path, &kind, &target)?;
                }
                // A symbolic link is neither made nor followed; in kernel packages `build` and `source` are some.
                _ => {}
            }
        }
        Ok(())
    }

    /// The path without `./`, if it stays inside.
    fn inside(&self, path: &Path) -> Result<PathBuf, DebError> {
        let mut clean = PathBuf::new();
        for part in path.components() {
            match part {
                Component::Normal(part) => clean.push(part),
                Component::CurDir => {}
                _ => {
                    let path = path.display().to_string();
                    return Err(DebError::Escape { package: self.package.to_owned(), path });
                }
            }
        }
        Ok(clean)
    }

    fn write(&mut self, path: &Path, kind: &Kind, size: u64, from: &mut impl Read) -> Result<(), DebError> {
        let Some(target) = self.target(kind, size)? else { return Ok(()) };
        let io = |source| DebError::Io { path: target.clone(), source };
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(io)?;
        }
        let mut file = match File::create_new(&target) {
            Ok(file) => file,
            // Two packages of a set may hold the same module: the first stands.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(io(error)),
        };
        let copied = io::copy(from, &mut file).map_err(|error| self.format(&error))?;
        if copied != size {
            return Err(self.format(&format!("{} is cut off after {copied} of {size} bytes", path.display())));
        }
        self.written.insert(path.to_owned(), target.clone());
        self.note(kind, target);
        Ok(())
    }

    fn link(&mut self, path: &Path, kind: &Kind, to: &Path) -> Result<(), DebError> {
        let Some(source) = self.written.get(to).cloned() else { return Ok(()) };
        let io = |error| DebError::Io { path: source.clone(), source: error };
        let mut file = File::open(&source).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        self.write(path, kind, size, &mut file)
    }

    /// Where a file goes; `None` if it is not wanted.
    fn target(&self, kind: &Kind, size: u64) -> Result<Option<PathBuf>, DebError> {
        let second = |what| DebError::Second { package: self.package.to_owned(), what };
        Ok(Some(match kind {
            Kind::Vmlinuz if self.contents.vmlinuz.is_some() => return Err(second("vmlinuz")),
            Kind::Config if self.contents.config.is_some() => return Err(second("config")),
            Kind::SystemMap if size < SMALLEST_MAP || self.contents.system_map.is_some() => return Ok(None),
            Kind::Changelog if size > LARGEST_CHANGELOG => return Ok(None),
            Kind::Changelog => self.into.join(CHANGELOG),
            Kind::Vmlinuz => self.into.join("vmlinuz"),
            Kind::Config => self.into.join("config"),
            Kind::SystemMap => self.into.join("System.map"),
            Kind::Module(below) => self.into.join("packed").join(below),
        }))
    }

    fn note(&mut self, kind: &Kind, target: PathBuf) {
        match kind {
            Kind::Vmlinuz => self.contents.vmlinuz = Some(target),
            Kind::Config => self.contents.config = Some(target),
            Kind::SystemMap => self.contents.system_map = Some(target),
            Kind::Module(_) => self.contents.modules = Some(self.into.join("packed")),
            Kind::Changelog => {}
        }
    }

    fn format(&self, reason: &impl ToString) -> DebError {
        DebError::Format { package: self.package.to_owned(), reason: reason.to_string() }
    }
}

/// A packed file of some KB can unpack to terabytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(format!("it unpacks to more than {LARGEST_TAR} bytes"))),
        }
        Ok(read)
    }
}

/// Debian to 6.18 and Ubuntu: `boot/vmlinuz-V`, `boot/config-V`, `boot/System.map-V`, `lib/modules/V/…`. Debian since
/// 6.19: `usr/lib/modules/V/{vmlinuz,config,System.map}`.
fn kind_of(path: &Path) -> Option<Kind> {
    let path = path.strip_prefix("usr").unwrap_or(path);
    if let Ok(doc) = path.strip_prefix("share/doc") {
        // Where a package is of Debian's own making its changelog is the only one.
        let (package, name) = doc.to_str()?.split_once('/')?;
        let ours = package.starts_with("linux-") && ["changelog.Debian.gz", "changelog.gz"].contains(&name);
        return ours.then_some(Kind::Changelog);
    }
    if let Ok(name) = path.strip_prefix("boot") {
        let name = name.to_str().filter(|name| !name.contains('/'))?;
        let kinds = [("vmlinuz-", Kind::Vmlinuz), ("config-", Kind::Config), ("System.map-", Kind::SystemMap)];
        return kinds.into_iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, kind)| kind);
    }
    let mut parts = path.strip_prefix("lib/modules").ok()?.components();
    parts.next()?;
    let below = parts.as_path();
    match below.to_str()? {
        "vmlinuz" => Some(Kind::Vmlinuz),
        "config" => Some(Kind::Config),
        "System.map" => Some(Kind::SystemMap),
        name => {
            let module = [".ko", ".ko.xz", ".ko.gz", ".ko.zst"].iter().any(|end| name.ends_with(end));
            module.then(|| Kind::Module(below.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_place() {
        let kind = |path: &str| kind_of(Path::new(path));
        assert_eq!(kind("boot/vmlinuz-6.1.0-56-amd64"), Some(Kind::Vmlinuz));
        assert_eq!(kind("usr/lib/modules/7.3.4/vmlinuz"), Some(Kind::Vmlinuz));
        assert_eq!(kind("boot/config-2.6.32-5-amd64"), Some(Kind::Config));
        assert_eq!(kind("usr/lib/modules/7.3.4/System.map"), Some(Kind::SystemMap));
        let module = Kind::Module("kernel/fs/x.ko.xz".into());
        assert_eq!(kind("lib/modules/6.1/kernel/fs/x.ko.xz"), Some(module.clone()));
        assert_eq!(kind("usr/lib/modules/6.1/kernel/fs/x.ko.xz"), Some(module));
        assert_eq!(kind("lib/modules/6.1/kernel/vmlinuz"), None);
        assert_eq!(kind("lib/modules/6.1/modules.dep"), None);
        assert_eq!(kind("usr/share/doc/linux-image-6.1/changelog.gz"), Some(Kind::Changelog));
        assert_eq!(kind("usr/share/doc/linux-base-7.3/changelog.Debian.gz"), Some(Kind::Changelog));
        assert_eq!(kind("usr/share/doc/linux-image-6.1/x/changelog.gz"), None);
        assert_eq!(kind("usr/share/doc/kmod/changelog.gz"), None);
        assert_eq!(kind("etc/kernel/postinst.d/x"), None);
    }
}
