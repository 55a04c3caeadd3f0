//! Puts a kernel together from its parts, and notes what was found and not used.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{LocalError, find};
use crate::cache::{Cache, Entry, Lease};
use crate::fetch::hex;
use crate::image::{BzImage, config_inside};
use crate::modules::{Closure, ModuleIndex, ModulesError, roots};
use crate::{Config, Kernel, KernelVersion, Module, Package};

/// A true System.map has tens of thousands of lines; Debian's stub has one.
const SMALLEST_SYSTEM_MAP: u64 = 64 << 10;

/// The parts of a kernel as far as they are found.
pub(super) struct Parts {
    name: String,
    version: KernelVersion,
    path: PathBuf,
    image: BzImage,
    config: Option<Config>,
    system_map: Option<PathBuf>,
    modules: Option<ModuleIndex>,
    packages: Vec<Package>,
    notes: Vec<String>,
    failed: Option<ModulesError>,
}

impl Parts {
    pub(super) fn of_image(name: Option<&str>, path: &Path) -> Result<Self, LocalError> {
        let image = BzImage::open(path)?;
        let release = image.release();
        let version = KernelVersion::parse(release)
            .ok_or_else(|| LocalError::Release { path: path.to_owned(), release: release.to_owned() })?;
        let package = Package {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            version: String::new(),
            sha256: hex(&Sha256::digest(image.bytes())),
            origin: path.display().to_string(),
        };
        Ok(Self {
            name: name.unwrap_or(release).to_owned(),
            version,
            path: path.to_owned(),
            image,
            config: None,
            system_map: None,
            modules: None,
            packages: vec![package],
            notes: Vec::new(),
            failed: None,
        })
    }

    /// What the user named: used even where it looks wrong, but not in silence.
    pub(super) fn give(&mut self, config: Option<PathBuf>, system_map: Option<PathBuf>, modules: Option<PathBuf>) {
        if let Some(path) = config {
            self.take_config(&path, true);
        }
        if let Some(path) = system_map {
            self.take_system_map(&path);
        }
        if let Some(dir) = modules {
            self.take_modules(ModuleIndex::scan(&dir));
        }
    }

    /// Beside an image in some folder, `/boot` being one.
    pub(super) fn beside_image(&mut self) {
        let Some(dir) = self.path.parent().map(Path::to_owned) else { return };
        self.files_in(std::slice::from_ref(&dir), None);
        if self.modules.is_some() {
            return;
        }
        let release = self.image.release().to_owned();
        if dir.ends_with(Path::new("modules").join(&release)) {
            self.take_modules(ModuleIndex::scan(&dir));
        } else if let Some(found) = find::modules(&dir.ancestors().take(2).collect::<Vec<_>>(), &release) {
            self.take_modules(ModuleIndex::scan(&found));
        } else {
            self.note_other_modules(&dir);
        }
    }

    /// In a kernel's folder or a root of unpacked packages.
    pub(super) fn below(&mut self, root: &Path) {
        let release = self.image.release().to_owned();
        let inner = ["boot".to_owned(), format!("lib/modules/{release}"), format!("usr/lib/modules/{release}")];
        let dirs: Vec<_> = std::iter::once(root.to_owned()).chain(inner.iter().map(|dir| root.join(dir))).collect();
        self.files_in(&dirs, Some(root));
        match find::modules(&[root], &release) {
            Some(dir) => self.take_modules(ModuleIndex::scan(&dir)),
            None => self.note_other_modules(root),
        }
    }

    /// In a built tree.
    pub(super) fn in_tree(&mut self, tree: &Path) {
        self.files_in(&[tree.to_owned()], None);
        let stated = fs::read_to_string(tree.join("include/config/kernel.release")).unwrap_or_default();
        if !stated.trim().is_empty() && stated.trim() != self.image.release() {
            self.notes.push(format!(
                "the tree is configured for {}, its bzImage is {}: built before the last change?",
                stated.trim(),
                self.image.release()
            ));
        }
        if tree.join("modules.order").is_file() {
            self.take_modules(ModuleIndex::from_tree(tree));
        } else {
            self.notes.push("no modules.order in the tree: its modules are not built".to_owned());
        }
    }

    /// The whole kernel; compressed modules are unpacked below `cache`.
    pub(super) fn finish(mut self, cache: &Cache) -> Result<Kernel, LocalError> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let closure = match &self.modules {
            Some(index) => index.closure(&roots())?,
            None => Closure::default(),
        };
        if self.config.is_none() {
            self.config_from_inside();
        }
        let (modules, lease) = self.loadable(closure, cache)?;
        Ok(Kernel {
            name: self.name,
            release: self.image.release().to_owned(),
            version: self.version,
            image: self.path,
            config: self.config,
            system_map: self.system_map,
            modules,
            packages: self.packages,
            notes: self.notes,
            lease,
        })
    }

    fn files_in(&mut self, dirs: &[PathBuf], own: Option<&Path>) {
        let release = self.image.release();
        let names = |stem: &str| vec![format!("{stem}-{release}"), stem.to_owned()];
        let only = |stem| own.and_then(|dir| find::only_file(dir, stem));
        let config = find::file(dirs, &[names("config"), vec![".config".to_owned()]].concat());
        let config = config.or_else(|| only("config"));
        let system_map = find::file(dirs, &names("System.map")).or_else(|| only("System.map"));
        if let Some(path) = config.filter(|_| self.config.is_none()) {
            self.take_config(&path, false);
        }
        if let Some(path) = system_map.filter(|_| self.system_map.is_none()) {
            self.take_system_map(&path);
        }
    }

    fn take_config(&mut self, path: &Path, named_by_user: bool) {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => return self.notes.push(format!("{} is not used: {error}", path.display())),
        };
        let other = config_version(&text).filter(|version| !same_series(version, self.image.release()));
        let config = Config::parse(&text);
        if config.is_empty() {
            return self.notes.push(format!("{} is not used: it sets no option", path.display()));
        }
        if let Some(version) = other {
            let what = format!("{} is of {version}, the image is {}", path.display(), self.image.release());
            if !named_by_user {
                return self.notes.push(format!("{what}: not used"));
            }
            self.notes.push(format!("{what}: used all the same, as it was named"));
        }
        self.config = Some(config);
    }

    fn take_system_map(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(file) if file.len() >= SMALLEST_SYSTEM_MAP => {
                self.system_map = Some(path.to_owned());
            }
            Ok(file) => self.notes.push(format!(
                "{} is a stub of {} bytes and not used: symbols come from the kernel itself",
                path.display(),
                file.len()
            )),
            Err(error) => self.notes.push(format!("{} is not used: {error}", path.display())),
        }
    }

    fn take_modules(&mut self, index: Result<ModuleIndex, ModulesError>) {
        match index {
            Ok(index) => self.modules = Some(index),
            Err(error) => self.failed = Some(error),
        }
    }

    fn note_other_modules(&mut self, root: &Path) {
        let others = find::module_releases(root);
        if !others.is_empty() {
            let (others, release) = (others.join(", "), self.image.release());
            self.notes.push(format!("modules are there for {others}, the image is {release}: not used"));
        }
    }

    fn config_from_inside(&mut self) {
        self.config = match self.image.config() {
            Ok(config) => config,
            Err(error) => return self.notes.push(format!("no config beside the image, and none inside: {error}")),
        };
        if self.config.is_none()
            && let Some(index) = &self.modules
            && let Some(file) = index.file("configs")
        {
            self.config = index.read(file).ok().and_then(|elf| config_inside(&elf));
        }
        if self.config.is_none() {
            self.notes.push("no config, beside the image or inside: the guest probes for what it can do".to_owned());
        }
    }

    /// Modules of another build do not load: better none, and a word, than a failure per test.
    fn loadable(&mut self, closure: Closure, cache: &Cache) -> Result<(Vec<Module>, Lease), LocalError> {
        let release = self.image.release();
        let foreign = closure.members.iter().find(|m| m.info.release.as_deref().is_some_and(|r| r != release));
        if let Some(member) = foreign {
            let built_for = member.info.release.as_deref().unwrap_or_default();
            self.notes.push(format!(
                "{} was built for {built_for}, the image is {release}: no modules are used",
                member.file.display()
            ));
            return Ok((Vec::new(), Lease::none()));
        }
        self.notes.extend(closure.left_out.iter().cloned());
        unpack(&closure, cache)
    }
}

/// Compressed modules go into a cache entry that is named by their contents; plain ones are used where they are.
fn unpack(closure: &Closure, cache: &Cache) -> Result<(Vec<Module>, Lease), LocalError> {
    if !closure.has_packed() {
        return Ok((closure.unpack_packed(cache.folder())?, Lease::none()));
    }
    let mut hash = Sha256::new();
    for member in &closure.members {
        hash.update(member.name.as_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(&member.elf));
        member.needs.iter().for_each(|need| hash.update(need.as_bytes()));
    }
    let key = format!("modules-{}", &hex(&hash.finalize())[..32]);
    let (entry, lease) = cache.get_or_build(&key, |folder| {
        let mut entry = Entry::default();
        entry.keep_modules(folder, closure.unpack(&folder.join("modules"))?);
        Ok::<_, LocalError>(entry)
    })?;
    Ok((entry.modules(), lease))
}

/// The version in the head of a `.config`: `# Linux/x86 6.1.192 Kernel Configuration`, before 2.6.38
/// `# Linux kernel version: 2.6.32.69`.
fn config_version(text: &str) -> Option<String> {
    let mut head = text.lines().take(8).filter_map(|line| line.strip_prefix("# Linux"));
    let line = head.find(|line| line.starts_with('/') || line.starts_with(" kernel version:"))?;
    let word = line.split_ascii_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(word.to_owned())
}

/// Distributions' releases (`6.1.0-56-amd64`) and their configs (`6.1.192`) agree in two numbers only.
fn same_series(a: &str, b: &str) -> bool {
    let series =
        |text: &str| -> Vec<String> { text.split(|c: char| !c.is_ascii_digit()).take(2).map(str::to_owned).collect() };
    series(a) == series(b)
}
