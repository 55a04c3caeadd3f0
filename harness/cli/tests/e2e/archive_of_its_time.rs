//! Old kernels wrapped as archives of their time, served on loopback: from a signed index to verdicts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig::{Finished, kernrig, old_kernel, run_with};
use kernrig_toy_archive::{Deb, Layout, Signer, Toy};

/// The packages of a real kernel: what `apart` says of a module's path goes into `linux-image-extra`.
struct Wrapped {
    image: Deb,
    extra: Deb,
}

fn wrap(folder: &Path, version: &str, packing: &'static str, apart: fn(&str) -> bool) -> Wrapped {
    let root = folder.join("lib/modules");
    let release = fs::read_dir(&root)
        .expect("a kernel's modules")
        .find_map(|e| e.ok()?.file_name().into_string().ok())
        .expect("a release");
    let read = |path: &Path| fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut image = Deb::new(&format!("linux-image-{release}"), version)
        .packed(packing)
        // Two versions of one kernel are two packages with two hashes.
        .file(&format!("./usr/share/doc/linux-image-{release}/changelog"), version.as_bytes().to_vec())
        .file(&format!("./boot/vmlinuz-{release}"), read(&folder.join("bzImage")))
        .file(&format!("./boot/config-{release}"), read(&folder.join("config")))
        .file(&format!("./boot/System.map-{release}"), read(&folder.join("System.map")));
    image.installed = 100_000;
    let mut extra = Deb::new(&format!("linux-image-extra-{release}"), version).packed(packing);
    extra.depends = format!("linux-image-{release}");
    extra.installed = 10_000;
    for module in modules(&root.join(&release)) {
        let inside = module.strip_prefix(&root).expect("a path below the root").to_string_lossy().into_owned();
        let path = format!("./lib/modules/{inside}");
        if apart(&inside) {
            extra = extra.file(&path, read(&module));
        } else {
            image = image.file(&path, read(&module));
        }
    }
    Wrapped { image, extra }
}

fn modules(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        match entry.path() {
            path if path.is_dir() => found.extend(modules(&path)),
            path if path.extension().is_some_and(|e| e == "ko") => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

/// A matrix of one kernel from the toy archive; its folder also holds the lock and the cache.
struct Matrix {
    folder: tempfile::TempDir,
}

impl Matrix {
    fn new(toy: &Toy, trust: &str, package: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "[archive.toys]\nurl = \"{}\"\nkeyring = \"{}\"\n{trust}\n\n[[kernel]]\nname = \"old\"\ngroup = \"default\"\n\
             package = {{ archive = \"toys\", suite = \"toy\", {package} }}\n",
            toy.server.url,
            toy.keys.keyring().display(),
        );
        fs::write(folder.path().join("kernels.toml"), text).expect("a matrix");
        Self { folder }
    }

    fn command(&self, cache: &str) -> std::process::Command {
        let mut command = kernrig();
        command.current_dir(self.folder.path()).arg("--config").arg(self.folder.path().join("kernels.toml"));
        command.arg("--cache").arg(self.folder.path().join(cache));
        command
    }

    fn run(&self, cache: &str, arguments: &[&str]) -> Finished {
        run_with(&mut self.command(cache), arguments)
    }
}

#[test]
fn squeeze_from_a_signed_index_to_verdicts() {
    let Some(folder) = old_kernel("2.6.32", "2.6.32 as an archive of 2011") else { return };
    let Some(mut toy) = Toy::new("2.6.32 as an archive of 2011") else { return };
    toy.add(wrap(&folder, "2.6.32-46", ".gz", |_| false).image);
    toy.publish(&Layout { signer: Signer::Expired, ..Layout::old() });
    // Keys of 2011 have expired since: without a word in the entry their signature is worth nothing.
    let name = "name = \"linux-image-2.6.32.*\"";
    let refused = Matrix::new(&toy, "", name).run("cache", &["-t", "union::aufs::*"]);
    assert_eq!(refused.code, 2, "{}", refused.printed);
    assert!(refused.printed.contains("expired"), "{}", refused.printed);
    let finished = Matrix::new(&toy, "expired-keys = true\ncheck-valid-until = false", name)
        .run("cache", &["-t", "union::aufs::*", "-t", "ns::uts::*", "-t", "setns::*"]);
    assert_eq!(finished.code, 0, "{}", finished.printed);
    finished.expect("union::aufs::copy_up_leaves_lower_alone", "pass");
    finished.expect("setns::uts_shows_its_hostname", "skip");
    assert!(finished.junit().contains("2.6.32-46"), "the report names the package");
}

#[test]
fn quantal_in_two_packages_to_verdicts() {
    let Some(folder) = old_kernel("3.5", "3.5 as an archive of 2012") else { return };
    let Some(mut toy) = Toy::new("3.5 as an archive of 2012") else { return };
    let wrapped = wrap(&folder, "3.5.0-27.46", ".bz2", |path| path.contains("aufs") || path.contains("overlayfs"));
    toy.add(wrapped.image).add(wrapped.extra);
    toy.publish(&Layout { forms: vec![".bz2"], ..Layout::old() });
    let with_extra = "name = \"linux-image-3.5.*-generic-cfs\", extra = [\"linux-image-extra-3.5.*-generic-cfs\"]";
    let finished =
        Matrix::new(&toy, "", with_extra).run("cache", &["-t", "union::aufs::*", "-t", "union::overlayfs::*"]);
    assert_eq!(finished.code, 0, "{}", finished.printed);
    finished.expect("union::aufs::copy_up_leaves_lower_alone", "pass");
    finished.expect("union::overlayfs::copy_up_leaves_lower_alone", "pass");
    // Without the extra package the same tests are skipped, saying what is missing: not passed, and not failed.
    let bare =
        Matrix::new(&toy, "", "name = \"linux-image-3.5.*-generic-cfs\"").run("cache", &["-t", "union::aufs::*"]);
    assert_eq!(bare.code, 0, "{}", bare.printed);
    let skipped = bare.expect("union::aufs::copy_up_leaves_lower_alone", "skip");
    assert!(skipped.verdict.explanation().contains("module aufs"), "{skipped:#?}");
}

#[test]
fn a_withdrawn_pin_is_replaced_and_said_so() {
    let Some(folder) = old_kernel("3.5", "a lock whose version is withdrawn") else { return };
    let Some(mut toy) = Toy::new("a lock whose version is withdrawn") else { return };
    for version in ["3.5.0-27.46", "3.5.0-27.47"] {
        toy.add(wrap(&folder, version, ".gz", |_| false).image);
    }
    toy.publish(&Layout::new());
    let matrix = Matrix::new(&toy, "", "name = \"linux-image-3.5.*-generic-cfs\"");
    let locked = matrix.command("first").args(["kernels", "lock"]).output().expect("kernrig starts");
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    let lock = fs::read_to_string(matrix.folder.path().join("kernels.lock")).expect("a lock");
    assert!(lock.contains("3.5.0-27.47") && !lock.contains("3.5.0-27.46"), "{lock}");

    toy.withdraw("3.5.0-27.47");
    toy.publish(&Layout::new());
    let strict = matrix.run("second", &["-t", "ns::uts::*", "--locked"]);
    assert_eq!(strict.code, 2, "{}", strict.printed);
    assert!(strict.outcomes().count() == 0, "{}", strict.printed);

    let finished = matrix.run("third", &["-t", "ns::uts::*"]);
    assert_eq!(finished.code, 0, "{}", finished.printed);
    finished.expect("ns::uts::hostname_is_private", "pass");
    assert!(
        finished.printed.contains("3.5.0-27.46") && finished.printed.contains("3.5.0-27.47"),
        "{}",
        finished.printed
    );
    assert!(finished.junit().contains("3.5.0-27.46"), "the report names what was used instead");
}
