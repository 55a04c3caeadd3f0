//! Where the parts of a kernel lie in the layouts that people and packages use.

use std::path::{Path, PathBuf};

use super::LocalError;

/// A kernel tree or the folder of an out-of-tree build, built or not.
pub(super) fn is_tree(dir: &Path) -> bool {
    let built = dir.join("arch/x86/boot").is_dir() && dir.join(".config").is_file();
    built || (dir.join("Kconfig").is_file() && dir.join("arch/x86").is_dir())
}

/// The tree that an image was built in and still lies in: `TREE/arch/x86/boot/bzImage` (or x86_64, a link to it).
pub(super) fn tree_of(image: &Path) -> Option<PathBuf> {
    let fits = image.ends_with("arch/x86/boot/bzImage") || image.ends_with("arch/x86_64/boot/bzImage");
    let tree = image.ancestors().nth(4).filter(|_| fits)?;
    is_tree(tree).then(|| tree.to_owned())
}

/// The one kernel image in a kernel's folder or below a root of unpacked packages.
pub(super) fn image_below(root: &Path) -> Result<PathBuf, LocalError> {
    let mut found = images_in(root);
    if found.is_empty() {
        found = images_in(&root.join("boot"));
    }
    if found.is_empty() {
        // Debian since 6.19 and Fedora keep it with the modules.
        for modules in ["lib/modules", "usr/lib/modules"] {
            found.extend(entries(&root.join(modules)).into_iter().flat_map(|dir| images_in(&dir)));
        }
    }
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => {
            let inside = entries(root).into_iter().find(|dir| !images_in(dir).is_empty());
            let hint = inside.map_or(String::new(), |dir| {
                format!("; {} has one: is this a folder of kernels (`folder = …`)?", dir.display())
            });
            Err(LocalError::NoKernel { dir: root.to_owned(), hint })
        }
        _ => {
            let name = |p: &PathBuf| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let names: Vec<_> = found.iter().map(name).collect();
            Err(LocalError::Several { dir: root.to_owned(), names: names.join(", ") })
        }
    }
}

fn images_in(dir: &Path) -> Vec<PathBuf> {
    let image = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = name == "bzImage" || name == "vmlinuz" || name.starts_with("vmlinuz-");
        let spare = [".old", ".sig", ".sha256", ".hmac"].iter().any(|end| name.ends_with(end));
        named && !spare && path.is_file()
    };
    let mut found: Vec<_> = entries(dir).into_iter().filter(image).collect();
    // /boot/vmlinuz and the like are links to one of the others.
    let several = found.len() > 1;
    found.retain(|path| !(several && path.is_symlink()));
    found
}

/// The first of the names in the folders.
pub(super) fn file(dirs: &[PathBuf], names: &[String]) -> Option<PathBuf> {
    dirs.iter().flat_map(|dir| names.iter().map(|name| dir.join(name))).find(|path| path.is_file())
}

/// The only `STEM-…` in a kernel's own folder, where there is nothing else that it could belong to.
pub(super) fn only_file(dir: &Path, stem: &str) -> Option<PathBuf> {
    let begins = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')) && path.is_file()
    };
    let mut all: Vec<_> = entries(dir).into_iter().filter(begins).collect();
    if all.len() == 1 { all.pop() } else { None }
}

/// The folder of a release's modules below one of `roots`.
pub(super) fn modules(roots: &[&Path], release: &str) -> Option<PathBuf> {
    let of = |root: &&Path| ["lib/modules", "usr/lib/modules"].map(|dir| root.join(dir).join(release));
    roots.iter().flat_map(of).find(|dir| dir.is_dir())
}

/// The releases whose modules lie below `root`, for a note when none of them is the right one.
pub(super) fn module_releases(root: &Path) -> Vec<String> {
    let all = ["lib/modules", "usr/lib/modules"].iter().flat_map(|dir| entries(&root.join(dir)));
    all.filter_map(|dir| Some(dir.file_name()?.to_string_lossy().into_owned())).collect()
}

/// What a folder holds, sorted; nothing for one that is not there.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.sort();
    all
}
