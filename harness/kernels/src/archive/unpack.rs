//! From packages to a cache entry, and from a cache entry to a kernel.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;

use super::{ArchiveError, Archives};
use crate::cache::{Entry, Lease, Origin};
use crate::deb::{self, Contents};
use crate::fetch::sha256_of;
use crate::image::BzImage;
use crate::modules;
use crate::{Config, Kernel, KernelVersion};

/// Part of every key: to be raised when entries hold something else than before.
const FORMAT: &str = "kernrig-kernel-2";

/// The files of one kernel as they come in, in the folder of an entry that is being made.
pub(crate) struct Work<'a> {
    folder: &'a Path,
    contents: Contents,
    origins: Vec<Origin>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, contents: Contents::default(), origins: Vec::new() }
    }

    /// Takes in a package, or a bare kernel image.
    pub(crate) fn add(&mut self, mut file: File, origin: Origin) -> Result<(), ArchiveError> {
        let io = |source| ArchiveError::File { path: origin.origin.clone().into(), source };
        let mut magic = [0; 8];
        let is_deb = file.read_exact(&mut magic).is_ok() && &magic == b"!<arch>\n";
        file.rewind().map_err(io)?;
        if is_deb || origin.origin.ends_with(".deb") {
            deb::unpack(&file, &format!("{} ({})", origin.name, origin.origin), self.folder, &mut self.contents)?;
        } else {
            let path = self.folder.join("vmlinuz");
            let mut target = File::create_new(&path).map_err(io)?;
            io::copy(&mut file, &mut target).map_err(io)?;
            self.contents.vmlinuz = Some(path);
        }
        self.origins.push(origin);
        Ok(())
    }

    /// Reads the image, and keeps those of the modules that are wanted.
    pub(crate) fn finish(self, roots: &[String]) -> Result<Entry, ArchiveError> {
        let names = || self.origins.iter().map(|origin| origin.origin.as_str()).collect::<Vec<_>>().join(", ");
        let image = self.contents.vmlinuz.as_ref().ok_or_else(|| ArchiveError::NoKernel { packages: names() })?;
        let image = BzImage::open(image)?;
        let mut entry = Entry {
            release: image.release().to_owned(),
            image: "vmlinuz".to_owned(),
            config: self.contents.config.is_some().then(|| "config".to_owned()),
            system_map: self.contents.system_map.is_some().then(|| "System.map".to_owned()),
            ..Entry::default()
        };
        match &self.contents.modules {
            Some(packed) => {
                let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
                let closure = modules::closure(packed, &roots)?;
                entry.keep_modules(self.folder, closure.unpack(&self.folder.join("modules"))?);
                entry.notes.extend(closure.left_out);
                fs::remove_dir_all(packed).map_err(|source| ArchiveError::File { path: packed.clone(), source })?;
            }
            None => entry.notes.push("its packages hold no modules".to_owned()),
        }
        entry.packages = self.origins;
        Ok(entry)
    }
}

/// The kernel that an entry holds.
pub(crate) fn kernel(name: &str, entry: &Entry, lease: Lease) -> Result<Kernel, ArchiveError> {
    let image = entry.folder.join(&entry.image);
    let config = match &entry.config {
        Some(file) => {
            let path = entry.folder.join(file);
            let text = fs::read(&path).map_err(|source| ArchiveError::File { path, source })?;
            Some(Config::parse(&String::from_utf8_lossy(&text)))
        }
        None => BzImage::open(&image)?.config().ok().flatten(),
    };
    let config = config.filter(|config| !config.is_empty());
    let mut notes = entry.notes.clone();
    if config.is_none() {
        notes.push("no config, in the packages or in the image: the guest probes for what it can do".to_owned());
    }
    let unreadable = || {
        let reason = format!("release {:?} is no kernel version", entry.release);
        ArchiveError::File { path: image.clone(), source: io::Error::new(io::ErrorKind::InvalidData, reason) }
    };
    Ok(Kernel {
        name: name.to_owned(),
        release: entry.release.clone(),
        version: KernelVersion::parse(&entry.release).ok_or_else(unreadable)?,
        config,
        system_map: entry.system_map.as_ref().map(|file| entry.folder.join(file)),
        modules: entry.modules(),
        packages: entry.packages(),
        notes,
        image,
        lease,
    })
}

/// The key of the entry that these files, and the modules that are wanted of them, make.
pub(crate) fn key<'a>(sums: impl Iterator<Item = &'a str>, modules: &[String]) -> String {
    let mut sums: Vec<&str> = sums.collect();
    sums.sort_unstable();
    let text = format!("{FORMAT}\n{}\n{}", sums.join("\n"), modules.join("\n"));
    // Reading from memory cannot fail.
    let mut key = sha256_of(text.as_bytes()).unwrap_or_default();
    key.truncate(40);
    key
}

impl Archives {
    /// The key of the entry that these files, and the modules that are wanted of them, make.
    pub(super) fn key<'a>(&self, sums: impl Iterator<Item = &'a str>) -> String {
        key(sums, &self.options.modules)
    }
}
