//! Packages from the disk: the parts of one kernel, unpacked into the cache like those of an archive.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{LocalError, place};
use crate::Kernel;
use crate::archive::unpack::{self, Work};
use crate::cache::{Cache, Origin};
use crate::fetch::sha256_of;
use crate::modules::roots;

/// Opens the `.deb` files of one kernel, in any order. Nothing is installed and no script of theirs runs.
///
/// # Errors
/// [`LocalError`].
pub fn open_debs(name: Option<&str>, debs: &[PathBuf], cache: &Cache) -> Result<Kernel, LocalError> {
    let origins = debs.iter().map(|deb| origin(&place(deb))).collect::<Result<Vec<_>, _>>()?;
    let modules: Vec<String> = roots().into_iter().map(str::to_owned).collect();
    let key = unpack::key(origins.iter().map(|origin| origin.sha256.as_str()), &modules);
    let (entry, lease) = cache.get_or_build(&key, |folder| {
        let mut work = Work::new(folder);
        for origin in origins {
            let path = Path::new(&origin.origin);
            let file = File::open(path).map_err(LocalError::io("open", path))?;
            work.add(file, origin)?;
        }
        Ok::<_, LocalError>(work.finish(&modules)?)
    })?;
    Ok(unpack::kernel(name.unwrap_or(&entry.release), &entry, lease)?)
}

fn origin(path: &Path) -> Result<Origin, LocalError> {
    if !path.is_file() {
        return Err(LocalError::NotFound(path.to_owned()));
    }
    let sha256 = File::open(path).and_then(sha256_of).map_err(LocalError::io("read", path))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // NAME_VERSION_ARCH.deb; a file of another name is called by that.
    let mut words = stem.split('_').map(str::to_owned);
    let name = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    Ok(Origin { name, version, sha256, origin: path.display().to_string() })
}
