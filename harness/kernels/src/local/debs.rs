//! Packages from the disk: the parts of one kernel, unpacked into the cache under the hash of them all.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{LocalError, expand};
use crate::cache::{Cache, Entry, Origin};
use crate::deb::{self, Contents};
use crate::fetch::{hex, sha256_of};
use crate::image::BzImage;
use crate::modules::{ModulesError, closure, roots};
use crate::{Config, Kernel, KernelVersion};

/// Opens the `.deb` files of one kernel, in any order. Nothing is installed and no script of theirs runs.
///
/// # Errors
/// [`LocalError`].
pub fn open_debs(name: Option<&str>, debs: &[PathBuf], cache: &Cache) -> Result<Kernel, LocalError> {
    let mut origins = debs.iter().map(|deb| origin(&expand(deb))).collect::<Result<Vec<_>, _>>()?;
    origins.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Sha256::new();
    origins.iter().for_each(|origin| hash.update(&origin.sha256));
    let key = format!("debs-{}", &hex(&hash.finalize())[..32]);
    let (entry, lease) = cache.get_or_build(&key, |folder| build(folder, &origins))?;

    let image = entry.folder.join(&entry.image);
    let version = KernelVersion::parse(&entry.release)
        .ok_or_else(|| LocalError::Release { path: image.clone(), release: entry.release.clone() })?;
    let config = match &entry.config {
        Some(file) => {
            let path = entry.folder.join(file);
            let text = std::fs::read(&path).map_err(LocalError::io("read", &path))?;
            Some(Config::parse(&String::from_utf8_lossy(&text)))
        }
        None => BzImage::open(&image)?.config().ok().flatten(),
    };
    Ok(Kernel {
        name: name.unwrap_or(&entry.release).to_owned(),
        version,
        image,
        config: config.filter(|config| !config.is_empty()),
        system_map: entry.system_map.as_ref().map(|file| entry.folder.join(file)),
        modules: entry.modules(),
        packages: entry.packages(),
        notes: entry.notes.clone(),
        release: entry.release,
        lease,
    })
}

fn origin(deb: &Path) -> Result<Origin, LocalError> {
    let path = std::path::absolute(deb).map_err(LocalError::io("find", deb))?;
    if !path.is_file() {
        return Err(LocalError::NotFound(path));
    }
    let sha256 = File::open(&path).and_then(sha256_of).map_err(LocalError::io("read", &path))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // NAME_VERSION_ARCH.deb; a file of another name is called by that.
    let mut words = stem.split('_').map(str::to_owned);
    let name = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    Ok(Origin { name, version, sha256, origin: path.display().to_string() })
}

fn build(folder: &Path, origins: &[Origin]) -> Result<Entry, LocalError> {
    let mut contents = Contents::default();
    for origin in origins {
        let path = Path::new(&origin.origin);
        let file = File::open(path).map_err(LocalError::io("open", path))?;
        deb::unpack(&file, &origin.origin, folder, &mut contents)?;
    }
    let image = contents.vmlinuz.ok_or_else(|| {
        let all: Vec<_> = origins.iter().map(|origin| origin.origin.as_str()).collect();
        LocalError::NoKernelInPackages(all.join(", "))
    })?;
    let mut entry = Entry {
        release: BzImage::open(&image)?.release().to_owned(),
        image: below(&image, folder),
        config: contents.config.map(|file| below(&file, folder)),
        system_map: contents.system_map.map(|file| below(&file, folder)),
        packages: origins.to_vec(),
        ..Entry::default()
    };
    match contents.modules {
        Some(packed) => {
            let closure = closure(&packed, &roots())?;
            entry.keep_modules(folder, closure.unpack(&folder.join("modules"))?);
            entry.notes.extend(closure.left_out);
            // A kernel has more than a thousand modules, 100 MB of them; the tests want some dozens.
            let remove = |source| ModulesError::Io { action: "remove", path: packed.clone(), source };
            std::fs::remove_dir_all(&packed).map_err(remove)?;
        }
        None => entry.notes.push("the packages hold no modules".to_owned()),
    }
    Ok(entry)
}

fn below(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}
