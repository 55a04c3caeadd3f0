//! Modules: from a folder of `.ko` files to those that are wanted, with all they need, in the order to load them.
//!
//! A package has no `modules.dep` (its postinst makes it), so dependencies are read from each module's `.modinfo`.
//! Only the modules that are reached are unpacked: a distribution's kernel brings more than a thousand.

mod closure;
mod index;
mod modinfo;
mod requests;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::Module;

pub use closure::{Closure, Member};
pub use index::ModuleIndex;
pub use modinfo::ModInfo;

/// Stock modules that `selftest::*` breaks on purpose or loads twice; part of the roots wherever a kernel has them.
pub const SELFTEST_MODULES: &[&str] = &["dummy", "pktgen", "8021q", "aufs"];

/// Why modules cannot be had. Every message says which file.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
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
    /// A file that is named like a module and is none.
    #[error("{} is no kernel module: {what}", path.display())]
    NotAModule {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// `.modinfo` names a module that the folder does not hold.
    #[error("module {module} needs {missing}, which {} does not hold (or which needs {module} itself)", dir.display())]
    Missing {
        /// The module that asks.
        module: String,
        /// What it asks for.
        missing: String,
        /// Where it was looked for.
        dir: PathBuf,
    },
}

impl ModulesError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// What this process's payloads ask for, besides.
static OF_PAYLOADS: OnceLock<Vec<String>> = OnceLock::new();

/// Adds modules that payloads ask for to [`roots`]: said once, before the first kernel is opened. Kernels of an archive
/// are unpacked anew for them, and kept beside those without.
pub fn carry_for_payloads(names: Vec<String>) {
    let names = names.into_iter().map(|name| normal(&name)).collect();
    // Said twice, the first word stands: kernels may have been opened by it.
    OF_PAYLOADS.set(names).ok();
}

/// The roots of the closure that goes into every initramfs: what the catalog's tests ask for, what the self-tests break,
/// and what payloads ask for.
#[must_use]
pub fn roots() -> Vec<&'static str> {
    let mut roots: Vec<_> = kernrig_catalog::modules().chain(SELFTEST_MODULES.iter().copied()).collect();
    roots.extend(OF_PAYLOADS.get().into_iter().flatten().map(String::as_str));
    let mut seen = std::collections::HashSet::new();
    roots.retain(|root| seen.insert(*root));
    roots
}

/// Finds `roots` and all they need below `dir`, in load order. A root that is not there is built in or not built, and
/// left out; so is, with all that hangs on it, a root whose own dependency is missing (see [`Closure::left_out`]).
///
/// # Errors
/// [`ModulesError`] for a folder or module that cannot be read.
pub fn closure(dir: &Path, roots: &[&str]) -> Result<Closure, ModulesError> {
    ModuleIndex::scan(dir)?.closure(roots)
}

/// A module's name as the kernel knows it, from a file or package name: `/a/nf-nat.ko.xz` is `nf_nat`.
#[must_use]
pub fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let stem = [".ko", ".ko.xz", ".ko.gz", ".ko.zst"].iter().find_map(|suffix| file.strip_suffix(suffix))?;
    Some(normal(stem))
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

impl Closure {
    /// Writes every module plain to `into/NAME.ko`; the folder is made.
    ///
    /// # Errors
    /// [`ModulesError::Io`].
    pub fn unpack(&self, into: &Path) -> Result<Vec<Module>, ModulesError> {
        std::fs::create_dir_all(into).map_err(ModulesError::io("make the folder", into))?;
        self.members.iter().map(|member| member.write(into)).collect()
    }

    /// Like [`Closure::unpack`], but a module that is plain already stays where it is.
    ///
    /// # Errors
    /// [`ModulesError::Io`].
    pub fn unpack_packed(&self, into: &Path) -> Result<Vec<Module>, ModulesError> {
        if self.has_packed() {
            std::fs::create_dir_all(into).map_err(ModulesError::io("make the folder", into))?;
        }
        let place = |m: &Member| if m.packed { m.write(into) } else { Ok(m.module(m.file.clone())) };
        self.members.iter().map(place).collect()
    }

    /// Whether any module is compressed.
    #[must_use]
    pub fn has_packed(&self) -> bool {
        self.members.iter().any(|member| member.packed)
    }
}

impl Member {
    fn write(&self, into: &Path) -> Result<Module, ModulesError> {
        let path = into.join(format!("{}.ko", self.name));
        std::fs::write(&path, &self.elf).map_err(ModulesError::io("write", &path))?;
        Ok(self.module(path))
    }

    fn module(&self, path: PathBuf) -> Module {
        Module { name: self.name.clone(), path, needs: self.needs.clone() }
    }
}

#[cfg(test)]
mod tests;
