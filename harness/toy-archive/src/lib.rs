//! A small archive of today or of old times, made in the test, signed with a throw-away key, served on loopback.

#![expect(
    missing_docs,
    clippy::unwrap_used,
    clippy::new_without_default,
    reason = "tests use it and nothing else: its names say enough, a panic is a failed test"
)]

mod deb;
mod keys;
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernrig_kernels::archive::{ArchiveSpec, Archives, Options, PackageSpec};
use sha2::{Digest, Sha256};

pub use deb::{Deb, bzimage};
pub use keys::{Keys, Signer};
pub use server::Server;

/// How a suite is laid out.
#[derive(Clone)]
pub struct Layout {
    /// `InRelease`, else `Release` and `Release.gpg`.
    pub inline: bool,
    /// Forms of `Packages`: `.xz`, `.gz`, `.bz2`, ``.
    pub forms: Vec<&'static str>,
    pub signer: Signer,
    /// More lines of Release, `Valid-Until: …`.
    pub more: String,
}

impl Layout {
    /// As Debian has it today.
    pub fn new() -> Self {
        Self { inline: true, forms: vec![".xz"], signer: Signer::Good, more: String::new() }
    }

    /// As squeeze had it.
    pub fn old() -> Self {
        Self { inline: false, forms: vec![".gz"], signer: Signer::Good, more: String::new() }
    }
}

/// The archive, its keys, its server, and a cache for who uses it.
pub struct Toy {
    folder: tempfile::TempDir,
    pub keys: Keys,
    pub server: Server,
    debs: Vec<(String, Deb)>,
}

pub const SUITE: &str = "toy";

impl Toy {
    /// `None`, and a word on standard error, where there is no GnuPG.
    pub fn new(test: &str) -> Option<Self> {
        let there = |tool| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !there("gpg") || !(there("gpgv") || there("sqv")) {
            // Not by a print macro: the harness of tests hides those.
            let _ = writeln!(io::stderr(), "SKIPPED {test}: no gpg and gpgv here to sign a toy archive and check it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        let server = Server::start(folder.path().join("www"));
        Some(Self { keys: Keys::new(), folder, server, debs: Vec::new() })
    }

    pub fn www(&self, path: &str) -> PathBuf {
        self.folder.path().join("www").join(path)
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub fn release(&self) -> PathBuf {
        let inline = self.www("dists/toy/InRelease");
        if inline.exists() { inline } else { self.www("dists/toy/Release") }
    }

    pub fn add(&mut self, deb: Deb) -> &mut Self {
        self.add_to(SUITE, deb)
    }

    pub fn add_to(&mut self, suite: &str, deb: Deb) -> &mut Self {
        self.debs.push((suite.to_owned(), deb));
        self
    }

    /// What the mirror no longer has.
    pub fn withdraw(&mut self, version: &str) {
        for (_, deb) in self.debs.iter().filter(|(_, deb)| deb.version == version) {
            fs::remove_file(self.www(&deb.path())).unwrap();
        }
        self.debs.retain(|(_, deb)| deb.version != version);
    }

    /// Writes pool and suites.
    pub fn publish(&self, layout: &Layout) {
        let mut suites: BTreeMap<&str, String> = BTreeMap::from([(SUITE, String::new())]);
        for (suite, deb) in &self.debs {
            let bytes = deb.build();
            write(&self.www(&deb.path()), &bytes);
            suites.entry(suite).or_default().push_str(&deb.stanza(&bytes));
        }
        for (suite, packages) in suites {
            self.publish_suite(layout, suite, &packages);
        }
    }

    fn publish_suite(&self, layout: &Layout, suite: &str, packages: &str) {
        let root = self.www(&format!("dists/{suite}"));
        let mut sums = String::new();
        for form in &layout.forms {
            let bytes = deb::pack(form, packages.as_bytes());
            let path = format!("main/binary-amd64/Packages{form}");
            sums.push_str(&format!(" {} {} {path}\n", sha256(&bytes), bytes.len()));
            write(&root.join(path), &bytes);
        }
        let release = format!(
            "Origin: Toy\nSuite: stable\nCodename: {suite}\nDate: Sat, 05 Feb 2011 11:12:13 UTC\n{}Architectures: amd64\n\
             Components: main\nSHA256:\n{sums}",
            layout.more
        );
        self.sign(layout, suite, &release);
    }

    /// Signs a Release's text, whatever it says.
    pub fn sign(&self, layout: &Layout, suite: &str, release: &str) {
        let root = self.www(&format!("dists/{suite}"));
        if layout.inline {
            write(&root.join("InRelease"), &self.keys.clearsign(layout.signer, release));
        } else {
            write(&root.join("Release"), release.as_bytes());
            write(&root.join("Release.gpg"), &self.keys.detach(layout.signer, release));
        }
    }

    pub fn spec(&self) -> ArchiveSpec {
        ArchiveSpec {
            name: "toys".into(),
            url: Some(self.server.url.clone()),
            keyring: Some(self.keys.keyring()),
            ..ArchiveSpec::default()
        }
    }

    pub fn options(&self) -> Options {
        Options {
            cache: self.cache(),
            apt: self.folder.path().join("no-apt"),
            snapshots: Vec::new(),
            modules: vec!["bridge".into(), "overlay".into()],
            ..Options::default()
        }
    }

    pub fn archives(&self) -> Archives {
        self.archives_with(self.options(), self.spec())
    }

    pub fn archives_with(&self, options: Options, spec: ArchiveSpec) -> Archives {
        Archives::new(options, vec![spec]).unwrap()
    }
}

/// The family of plain 6.1 kernels.
pub fn family(name: &str) -> PackageSpec {
    PackageSpec { archive: "toys".into(), suites: vec![SUITE.into()], name: name.into(), ..PackageSpec::default() }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Changes a file as text.
pub fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let changed = change(text.clone());
    assert_ne!(text, changed, "{}: nothing was changed", path.display());
    fs::write(path, changed).unwrap();
}
