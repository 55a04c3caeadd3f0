//! What changed in a kernel's package, by its own changelog.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::{ArchiveError, Archives, PackageSet};
use crate::lock::Pin;
use crate::{Kernel, deb};

/// Debian's kernels have 4 MB of it.
const LARGEST: u64 = 64 << 20;

impl Kernel {
    /// The changelog of its package, the newest entry first; `None` for a kernel that was not unpacked from one, or
    /// was by a kernrig that kept none.
    ///
    /// # Errors
    /// The system's word; a changelog that is torn.
    pub fn changelog(&self) -> io::Result<Option<String>> {
        // Beside a user's own image lies what is the user's.
        let path = Some(self.image.with_file_name(deb::CHANGELOG)).filter(|path| self.lease.is_held() && path.exists());
        path.map(|path| text(&std::fs::read(path)?)).transpose()
    }
}

impl Archives {
    /// The changelog of a set, fetched for it alone.
    ///
    /// # Errors
    /// [`ArchiveError`], if no package of the set is to be had.
    pub fn changelog(&self, set: &PackageSet) -> Result<Option<String>, ArchiveError> {
        let pin = Pin { seen: String::new(), packages: set.packages.clone() };
        for package in &set.packages {
            let (file, origin) = self.package(package, &pin, None)?;
            let io = |source| ArchiveError::File { path: origin.clone().into(), source };
            if let Some(packed) = deb::changelog(&file).map_err(io)? {
                return text(&packed).map(Some).map_err(io);
            }
        }
        Ok(None)
    }
}

fn text(packed: &[u8]) -> io::Result<String> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed).take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
