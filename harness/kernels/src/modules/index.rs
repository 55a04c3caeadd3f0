//! Which modules a folder holds, by name; nothing is opened yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Closure, ModulesError, closure, module_name, normal};
use crate::image::Compression;

/// The largest module of a distribution has some 5 MB, with debug information 500 MB; those are none of ours.
const MAX_MODULE: usize = 256 << 20;

/// The modules below a folder, by name.
#[derive(Clone, Debug)]
pub struct ModuleIndex {
    dir: PathBuf,
    files: BTreeMap<String, PathBuf>,
}

impl ModuleIndex {
    /// Looks through a folder such as `lib/modules/VERSION`. Links are not followed: `build` and `source` lead out.
    ///
    /// # Errors
    /// [`ModulesError::Io`] if the folder cannot be listed.
    pub fn scan(dir: &Path) -> Result<Self, ModulesError> {
        let mut files = BTreeMap::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).map_err(ModulesError::io("list", &folder))?;
            for entry in entries {
                let entry = entry.map_err(ModulesError::io("list", &folder))?;
                let kind = entry.file_type().map_err(ModulesError::io("look at", &entry.path()))?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if let Some(name) = module_name(&entry.path()).filter(|_| kind.is_file()) {
                    add(&mut files, name, entry.path());
                }
            }
        }
        Ok(Self { dir: dir.to_owned(), files })
    }

    /// The modules of a built tree, as its `modules.order` lists them: lines are `kernel/fs/x.ko` (to 5.2),
    /// `fs/x.ko` (to 6.1) or `fs/x.o`. Walking a tree of 100,000 files would take longer than booting the kernel.
    ///
    /// # Errors
    /// [`ModulesError::Io`] if the tree has no such file: its modules are not built.
    pub fn from_tree(tree: &Path) -> Result<Self, ModulesError> {
        let order = tree.join("modules.order");
        let text = std::fs::read_to_string(&order).map_err(ModulesError::io("read", &order))?;
        let mut files = BTreeMap::new();
        for line in text.lines() {
            let path = tree.join(line.strip_prefix("kernel/").unwrap_or(line)).with_extension("ko");
            if let Some(name) = module_name(&path).filter(|_| path.is_file()) {
                add(&mut files, name, path);
            }
        }
        Ok(Self { dir: tree.to_owned(), files })
    }

    /// Where the modules are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The file of a module, `-` and `_` being the same.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Path> {
        self.files.get(&normal(name)).map(PathBuf::as_path)
    }

    /// The module's plain ELF bytes.
    ///
    /// # Errors
    /// [`ModulesError`] if it cannot be read or unpacked.
    pub fn read(&self, file: &Path) -> Result<Vec<u8>, ModulesError> {
        let bytes = std::fs::read(file).map_err(ModulesError::io("read", file))?;
        match Compression::detect(&bytes) {
            None => Ok(bytes),
            Some(packer) => packer.unpack(&bytes, MAX_MODULE).map_err(|e| ModulesError::NotAModule {
                path: file.to_owned(),
                what: format!("its {packer} data does not unpack: {e}"),
            }),
        }
    }

    /// The roots that are here, with all they need, in load order.
    ///
    /// # Errors
    /// [`ModulesError`] for a module that cannot be read.
    pub fn closure(&self, roots: &[&str]) -> Result<Closure, ModulesError> {
        closure::of(self, roots)
    }
}

/// `updates/` and `extra/` come before what the kernel was shipped with, as depmod has it; else the first in order of
/// paths, so that the same folder always gives the same answer.
fn add(files: &mut BTreeMap<String, PathBuf>, name: String, path: PathBuf) {
    let shipped = |p: &Path| p.components().any(|c| c.as_os_str() == "kernel");
    let rank = |p: &Path| (shipped(p), p.to_owned());
    let place = files.entry(name).or_insert_with(|| path.clone());
    if rank(&path) < rank(place) {
        *place = path;
    }
}
