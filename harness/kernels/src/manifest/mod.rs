//! `kernels.toml`, the matrix: archives, kernels, variants and payloads, read so that a mistake is named with its line.

mod entry;
mod fields;
mod payload;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::KernelVersion;
use crate::archive::{ArchiveSpec, PackageSpec, UrlSpec};
use crate::local::ImageFiles;

use fields::{Document, Fields};

pub use fields::nearest;
pub use payload::{PAYLOAD_DEADLINE_S, PayloadEntry, PayloadNeeds, Reading};

/// The matrix that kernrig brings along: it works in an empty folder, and `kernrig init` writes it out.
pub const SHIPPED: &str = include_str!("../../kernels.toml");

/// The group of an entry that names none, and the one that runs when none is asked for.
pub const DEFAULT_GROUP: &str = "default";

/// The variant that is always there.
pub const DEFAULT_VARIANT: &str = "default";

/// How many virtual CPUs a VM may have.
pub const CPUS: RangeInclusive<u32> = 1..=256;

/// How much RAM a VM may have, in MiB.
pub const MEMORY_MIB: RangeInclusive<u32> = 64..=1_048_576;

/// Debian and Ubuntu kernels of the 2.6 to 5.x years have memory accounting built in and off; later ones take the
/// words without harm.
const DEFAULT_CMDLINE: &str = "cgroup_enable=memory swapaccount=1";

/// A mistake in `kernels.toml`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {what}", file.display(), if *line == 0 { String::new() } else { format!(":{line}") })]
pub struct ManifestError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, with the place, the key and what to write instead.
    pub what: String,
}

/// A matrix that is sound in itself: names are unique, archives known, each kernel has one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// `[archive.NAME]`, in the order of their names.
    pub archives: Vec<ArchiveSpec>,
    /// `[[kernel]]`, in order.
    pub kernels: Vec<KernelEntry>,
    /// `[[variant]]`, in order; `default` is always among them.
    pub variants: Vec<VariantEntry>,
    /// `[[payload]]`, in order.
    pub payloads: Vec<PayloadEntry>,
}

/// A `[[kernel]]` of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelEntry {
    /// Its name; of an entry that stands for several kernels, what tells it from other entries.
    pub name: String,
    /// Groups it belongs to.
    pub groups: Vec<String>,
    /// Where it is to be had.
    pub source: Source,
    /// It may be missing without that being an error of the run.
    pub optional: bool,
    /// Words for its kernel command line, besides the variant's.
    pub cmdline: String,
}

/// Where a kernel is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The newest complete version of a family of packages.
    Newest(PackageSpec),
    /// Every complete version, each a kernel of its own; the entry's name has `{version}` in it.
    Every(PackageSpec),
    /// Files on this machine.
    Image(ImageFiles),
    /// A built tree on this machine.
    Tree(PathBuf),
    /// A folder with a kernel in each subfolder, each called by its subfolder.
    Folder(PathBuf),
    /// One bzImage or the packages of one kernel, by their URLs.
    Url(Vec<UrlSpec>),
}

/// A `[[variant]]` of the matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantEntry {
    /// Its name.
    pub name: String,
    /// Words for the kernel command line; they stand for themselves, those of `default` are not added.
    pub cmdline: Vec<Words>,
    /// Virtual CPUs.
    pub smp: Option<u32>,
    /// RAM of the guest in MiB.
    pub memory_mib: Option<u32>,
    /// What a kernel must have for the variant to mean something.
    pub needs: VariantNeeds,
    /// Tests that mean nothing under it.
    pub leave_out: Option<LeaveOut>,
}

/// Words for the command line of some versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub text: String,
    /// First version that knows them.
    pub since: Option<KernelVersion>,
    /// First version that no longer does.
    pub until: Option<KernelVersion>,
}

/// What a kernel must have for a variant to mean something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantNeeds {
    /// First version that has it.
    pub since: Option<KernelVersion>,
    /// First version that no longer has it.
    pub until: Option<KernelVersion>,
    /// Build options without `CONFIG_`, all of them needed; of each its names, any of which will do.
    pub kconfig: Vec<Vec<String>>,
}

/// Tests that mean nothing under a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveOut {
    /// Globs over their names.
    pub tests: Vec<String>,
    /// Why.
    pub why: String,
}

impl Manifest {
    /// The matrix that kernrig brings along.
    ///
    /// # Panics
    /// Never in a build whose unit tests passed: the file is compiled in.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED, Path::new("kernels.toml")).expect("the shipped matrix is read by a unit test")
    }

    /// Reads a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn load(file: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(file).map_err(|error| ManifestError {
            file: file.to_owned(),
            line: 0,
            what: format!("cannot be read: {error}; `kernrig init` writes one to begin with"),
        })?;
        Self::parse(&text, file)
    }

    /// Reads a text; `file` is for messages and relative paths.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ManifestError> {
        let document = Document { text, file };
        let table = document.parse()?;
        let top = Fields::new(&document, String::new(), &table, &["archive", "kernel", "variant", "payload"])?;
        let mut archives = Vec::new();
        for (name, fields) in top.tables("archive", entry::ARCHIVE_KEYS)? {
            archives.push(entry::archive(name, &fields)?);
        }
        archives.sort_by(|a, b| a.name.cmp(&b.name));
        let mut manifest = Self { archives, kernels: Vec::new(), variants: Vec::new(), payloads: Vec::new() };
        for fields in top.list("kernel", entry::KERNEL_KEYS)? {
            let kernel = entry::kernel(&fields, &manifest.archives)?;
            let same = manifest.kernels.iter().any(|other| other.name == kernel.name);
            fields.refuse(same, "name", || format!("there is another kernel of the name {:?}", kernel.name))?;
            manifest.kernels.push(kernel);
        }
        for fields in top.list("variant", entry::VARIANT_KEYS)? {
            let variant = entry::variant(&fields)?;
            let same = manifest.variants.iter().any(|other| other.name == variant.name);
            fields.refuse(same, "name", || format!("there is another variant of the name {:?}", variant.name))?;
            manifest.variants.push(variant);
        }
        for fields in top.list("payload", payload::KEYS)? {
            let payload = payload::payload(&fields)?;
            let same = manifest.payloads.iter().any(|other| other.name == payload.name);
            fields.refuse(same, "name", || format!("there is another payload of the name {:?}", payload.name))?;
            manifest.payloads.push(payload);
        }
        manifest.add_default_variant();
        Ok(manifest)
    }

    /// An archive by its name.
    #[must_use]
    pub fn archive(&self, name: &str) -> Option<&ArchiveSpec> {
        self.archives.iter().find(|archive| archive.name == name)
    }

    /// A variant by its name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&VariantEntry> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// The groups there are, in order of appearance.
    #[must_use]
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for group in self.kernels.iter().flat_map(|kernel| &kernel.groups) {
            if !groups.contains(&group.as_str()) {
                groups.push(group);
            }
        }
        groups
    }

    fn add_default_variant(&mut self) {
        if self.variant(DEFAULT_VARIANT).is_none() {
            let cmdline = vec![Words { text: DEFAULT_CMDLINE.to_owned(), ..Words::default() }];
            self.variants
                .insert(0, VariantEntry { name: DEFAULT_VARIANT.to_owned(), cmdline, ..VariantEntry::default() });
        }
    }
}

impl VariantEntry {
    /// The words for the command line of a kernel.
    #[must_use]
    pub fn cmdline_for(&self, version: &KernelVersion) -> String {
        let fits = |words: &&Words| {
            words.since.as_ref().is_none_or(|since| version.reaches(since))
                && !words.until.as_ref().is_some_and(|until| version.reaches(until))
        };
        self.cmdline.iter().filter(fits).map(|words| words.text.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
    }
}

impl KernelEntry {
    /// The name of one kernel of an [`Source::Every`] entry, by its image package: `cloud-{version}` and
    /// `linux-image-6.12.90+deb13-cloud-amd64` give `cloud-6.12.90+deb13`.
    #[must_use]
    pub fn name_of(&self, image_package: &str) -> String {
        let (Source::Every(spec) | Source::Newest(spec)) = &self.source else { return self.name.clone() };
        let (head, tail) = spec.name.split_once('*').unwrap_or((&spec.name, ""));
        let head = head.find(|c: char| c.is_ascii_digit()).map_or(head, |digit| &head[..digit]);
        let version = image_package.strip_prefix(head).unwrap_or(image_package);
        let version = version.strip_suffix(tail.rsplit('*').next().unwrap_or_default()).unwrap_or(version);
        self.name.replace(entry::VERSION, version)
    }
}

#[cfg(test)]
mod tests;
