//! Kernels in the hand: what `-k PATH` names, without an entry in `kernels.toml`.

use std::path::Path;

use kernrig_kernels::cache::Cache;
use kernrig_kernels::image::BzImage;
use kernrig_kernels::local;

use crate::candidate::{Candidate, Origin};

/// Whether a value of `-k` is a path and no pattern.
pub(crate) fn is_path(text: &str) -> bool {
    text.contains('/') || Path::new(text).exists()
}

/// Kernels by their paths. Packages that belong together make one kernel, wherever they stand on the command line.
pub(crate) fn candidates(paths: &[&String], cache: &Cache) -> Vec<Candidate> {
    let one = |name, origin| Candidate {
        name,
        optional: false,
        cmdline: String::new(),
        origin,
        archives: None,
        cache: cache.clone(),
    };
    let mut kernels: Vec<Candidate> = Vec::new();
    for path in paths.iter().map(Path::new) {
        if !(path.is_file() && local::is_deb(path)) {
            kernels.push(one(name_of(path), Origin::Path(path.to_owned())));
            continue;
        }
        let release = release_of_package(path);
        let mate = kernels.iter_mut().find(|k| k.name == release && matches!(k.origin, Origin::Packages(_)));
        match mate.map(|kernel| &mut kernel.origin) {
            Some(Origin::Packages(files)) => files.push(path.to_owned()),
            _ => kernels.push(one(release, Origin::Packages(vec![path.to_owned()]))),
        }
    }
    kernels
}

/// A folder's name, or the release that an image or a tree states: `bzImage` says nothing in a report.
fn name_of(path: &Path) -> String {
    let image = if path.is_dir() { path.join("arch/x86/boot/bzImage") } else { path.to_owned() };
    match BzImage::open(&image) {
        Ok(image) => image.release().to_owned(),
        Err(_) => file_name(path),
    }
}

fn file_name(path: &Path) -> String {
    // `.` and `..` have a name only when they are followed.
    let whole = std::fs::canonicalize(path);
    let named = if path.file_name().is_some() { path } else { whole.as_deref().unwrap_or(path) };
    named.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `6.12.90+deb13-amd64` of the package `linux-modules-6.12.90+deb13-amd64`: what the packages of one kernel have in
/// common. Of a package with another name, its name. Files are called as their users like; a package knows its own.
fn release_of_package(path: &Path) -> String {
    let name = local::package_name(path).unwrap_or_else(|| file_name(path));
    let name = name.strip_suffix(".deb").unwrap_or(&name);
    let package = name.split('_').next().unwrap_or(name);
    let digit = package.find(|c: char| c.is_ascii_digit()).filter(|_| package.starts_with("linux-"));
    digit.map_or(package, |at| &package[at..]).to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::release_of_package;

    #[test]
    fn packages_of_one_kernel_have_one_release() {
        let release = |name: &str| release_of_package(Path::new(name));
        for kind in ["image", "image-unsigned", "image-extra", "binary", "base", "modules", "modules-extra"] {
            let file = format!("x/linux-{kind}-7.3.4+deb13-cloud-amd64_7.3.4-1_amd64.deb");
            assert_eq!(release(&file), "7.3.4+deb13-cloud-amd64", "{file}");
        }
        assert_eq!(release("linux-image-3.2.0-4-amd64.deb"), "3.2.0-4-amd64");
        assert_eq!(release("mine_1.deb"), "mine");
    }
}
