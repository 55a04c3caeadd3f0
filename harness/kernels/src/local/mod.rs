//! A kernel in the hand: a bzImage with what lies beside it, a built tree, a folder, or packages from the disk.

mod assemble;
mod debs;
mod find;

use std::path::{Path, PathBuf};

use crate::Kernel;
use crate::archive::ArchiveError;
use crate::cache::{Cache, CacheError};
use crate::image::ImageError;
use crate::modules::ModulesError;

use assemble::Parts;

pub use debs::open_debs;

/// Why a kernel in the hand cannot be used. Every message says which file or folder.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is nothing.
    #[error("{} does not exist", .0.display())]
    NotFound(PathBuf),
    /// The image is at fault.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The modules are at fault.
    #[error(transparent)]
    Modules(#[from] ModulesError),
    /// A folder without a kernel.
    #[error("{} holds no kernel: no bzImage, vmlinuz* or boot/vmlinuz*{hint}", dir.display())]
    NoKernel {
        /// The folder.
        dir: PathBuf,
        /// What could have been meant; begins with `; `, or empty.
        hint: String,
    },
    /// A folder with more than one.
    #[error("{} holds several kernels ({names}): name the image itself", dir.display())]
    Several {
        /// The folder.
        dir: PathBuf,
        /// Their file names.
        names: String,
    },
    /// A source tree without a kernel.
    #[error("{} is not built: arch/x86/boot/bzImage is not there; run `make bzImage modules` in it", .0.display())]
    NotBuilt(PathBuf),
    /// A release that is no kernel version.
    #[error("{}: its release {release:?} does not begin with a kernel version", path.display())]
    Release {
        /// The image.
        path: PathBuf,
        /// `uname -r`.
        release: String,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A package is at fault.
    #[error(transparent)]
    Package(#[from] ArchiveError),
    /// The cache is at fault.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl LocalError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// An image and the files that belong to it, each named by the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFiles {
    /// The bzImage.
    pub image: PathBuf,
    /// Its `.config`; looked for beside and inside the image if not given.
    pub config: Option<PathBuf>,
    /// Its `System.map`; looked for beside the image if not given.
    pub system_map: Option<PathBuf>,
    /// The folder of its modules, `…/lib/modules/VERSION`; looked for beside the image if not given.
    pub modules: Option<PathBuf>,
}

/// Opens whatever `-k PATH` names: a bzImage, a `.deb`, a built tree or a kernel's folder. Without a name the kernel
/// is called by its release, that of a folder by the folder. Compressed modules are unpacked into the cache.
///
/// # Errors
/// [`LocalError`].
pub fn open_path(name: Option<&str>, path: &Path, cache: &Cache) -> Result<Kernel, LocalError> {
    let path = place(path);
    if path.is_dir() {
        return if find::is_tree(&path) { open_tree(name, &path, cache) } else { open_root(name, &path, cache) };
    }
    if path.exists() && !path.is_file() {
        return Err(LocalError::io("read", &path)(std::io::Error::other("it is neither a file nor a folder")));
    }
    if !path.is_file() {
        return Err(LocalError::NotFound(path));
    }
    if is_deb(&path) {
        return open_debs(name, &[path], cache);
    }
    if let Some(tree) = find::tree_of(&path) {
        return open_tree(name, &tree, cache);
    }
    open_image(name, &ImageFiles { image: path, ..ImageFiles::default() }, cache)
}

/// Opens a bzImage with the files that the user named; the others are looked for beside it.
///
/// # Errors
/// [`LocalError`].
pub fn open_image(name: Option<&str>, files: &ImageFiles, cache: &Cache) -> Result<Kernel, LocalError> {
    let image = place(&files.image);
    if !image.is_file() {
        return Err(LocalError::NotFound(image));
    }
    let given = |path: &Option<PathBuf>| match path.as_deref().map(place) {
        Some(path) if !path.exists() => Err(LocalError::NotFound(path)),
        path => Ok(path),
    };
    let mut parts = Parts::of_image(name, &image)?;
    parts.give(given(&files.config)?, given(&files.system_map)?, given(&files.modules)?);
    parts.beside_image();
    parts.finish(cache)
}

/// Opens a built kernel tree, or the folder of an out-of-tree build.
///
/// # Errors
/// [`LocalError`].
pub fn open_tree(name: Option<&str>, tree: &Path, cache: &Cache) -> Result<Kernel, LocalError> {
    let tree = place(tree);
    if !tree.is_dir() {
        return Err(LocalError::NotFound(tree));
    }
    let image = tree.join("arch/x86/boot/bzImage");
    if !image.is_file() {
        return Err(LocalError::NotBuilt(tree));
    }
    let mut parts = Parts::of_image(name, &image)?;
    parts.in_tree(&tree);
    parts.finish(cache)
}

/// The kernels of a folder, one a subfolder, in the order of their names: each is called by its subfolder.
///
/// # Errors
/// [`LocalError`] when the folder cannot be listed or has no subfolder.
pub fn subfolders(dir: &Path) -> Result<Vec<(String, PathBuf)>, LocalError> {
    let dir = place(dir);
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(LocalError::io("list", &dir))? {
        let path = entry.map_err(LocalError::io("list", &dir))?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') {
            folders.push((name, path));
        }
    }
    folders.sort();
    if folders.is_empty() {
        let hint = "; a `folder` entry wants one subfolder a kernel".to_owned();
        return Err(LocalError::NoKernel { dir, hint });
    }
    Ok(folders)
}

/// A kernel's folder, or a root into which packages were unpacked.
fn open_root(name: Option<&str>, root: &Path, cache: &Cache) -> Result<Kernel, LocalError> {
    let image = find::image_below(root)?;
    let folder = root.file_name().map(|n| n.to_string_lossy().into_owned());
    let mut parts = Parts::of_image(name.or(folder.as_deref()), &image)?;
    parts.below(root);
    parts.finish(cache)
}

/// Whether a file is a Debian package, whatever its name.
#[must_use]
pub fn is_deb(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 8];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    (read.is_ok() && magic == *b"!<arch>\n") || path.extension().is_some_and(|e| e == "deb")
}

/// The name that a Debian package gives itself, whatever its file is called.
#[must_use]
pub fn package_name(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok().filter(|_| path.is_file())?;
    crate::deb::package_name(&file)
}

/// `~` and `~/…` as a shell has it; configuration files are read by no shell.
#[must_use]
pub fn expand(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home,
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Expanded and absolute: QEMU is started in another folder.
fn place(path: &Path) -> PathBuf {
    let path = expand(path);
    std::path::absolute(&path).unwrap_or(path)
}
