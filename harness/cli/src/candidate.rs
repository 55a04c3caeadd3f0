//! A kernel that was asked for, and how it is had.

use std::path::PathBuf;
use std::sync::Arc;

use kernrig_kernels::Kernel;
use kernrig_kernels::archive::{ArchiveError, Archives, PackageSet, PackageSpec, UrlSpec};
use kernrig_kernels::cache::Cache;
use kernrig_kernels::local::{self, ImageFiles};
use kernrig_kernels::lock::Pin;

use crate::failure::chain;

const NO_ARCHIVES: &str = "this is a bug in kernrig: a kernel of an archive without archives";

/// A kernel that was asked for.
#[derive(Clone)]
pub(crate) struct Candidate {
    /// Its name in this run.
    pub(crate) name: String,
    /// It may be missing without that being an error.
    pub(crate) optional: bool,
    /// Words for its kernel command line, besides the variant's.
    pub(crate) cmdline: String,
    pub(crate) origin: Origin,
    /// `None` for a kernel that needs none.
    pub(crate) archives: Option<Arc<Archives>>,
    pub(crate) cache: Cache,
}

/// Where a kernel is to be had.
#[derive(Clone, PartialEq)]
pub(crate) enum Origin {
    /// The newest of a family, or what it is pinned to.
    Newest(PackageSpec, Option<Pin>),
    /// A set of packages of an archive.
    Set(PackageSet),
    /// Files by URL and hash.
    Urls(Vec<UrlSpec>),
    /// Files on this machine, each named.
    Image(ImageFiles),
    /// An image, a tree or a folder on this machine.
    Path(PathBuf),
    /// Packages on this machine that make one kernel.
    Packages(Vec<PathBuf>),
    /// Nowhere, and why.
    Failed(String),
}

impl Candidate {
    /// Whether both mean the same kernel, named twice.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.origin == other.origin && self.cmdline == other.cmdline && self.name == other.name
    }

    /// The kernel on this machine, fetched and verified if need be; or why it is not to be had.
    ///
    /// A version that the pool has lost is no more a candidate than one that lacks a part: it becomes optional.
    pub(crate) fn get(&mut self) -> Result<Kernel, String> {
        let Origin::Set(set) = &self.origin else { return self.get_named() };
        let archives = self.archives.as_ref().ok_or(NO_ARCHIVES)?;
        let result = archives.obtain_set(&self.name, set);
        self.optional |= matches!(result, Err(ArchiveError::Gone { .. }));
        result.map_err(|e| chain(&e))
    }

    fn get_named(&self) -> Result<Kernel, String> {
        let name = Some(self.name.as_str());
        let archives = || self.archives.as_ref().ok_or(NO_ARCHIVES);
        match &self.origin {
            Origin::Newest(spec, pin) => archives()?
                .obtain(&self.name, spec, pin.as_ref())
                .map(|obtained| obtained.kernel)
                .map_err(|e| chain(&e)),
            Origin::Set(set) => archives()?.obtain_set(&self.name, set).map_err(|e| chain(&e)),
            Origin::Urls(urls) => archives()?.obtain_urls(&self.name, urls).map_err(|e| chain(&e)),
            Origin::Image(files) => local::open_image(name, files, &self.cache).map_err(|e| chain(&e)),
            Origin::Path(path) => local::open_path(name, path, &self.cache).map_err(|e| chain(&e)),
            Origin::Packages(files) => local::open_debs(name, files, &self.cache).map_err(|e| chain(&e)),
            Origin::Failed(reason) => Err(reason.clone()),
        }
    }
}
