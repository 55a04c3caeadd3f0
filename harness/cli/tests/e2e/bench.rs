//! A kernel with a VM at hand, for tests that look at single tests of the guest and not at runs.

use std::path::Path;
use std::sync::Arc;

use kernrig_catalog::Test;
use kernrig_kernels::archive::Archives;
use kernrig_kernels::cache::Cache;
use kernrig_kernels::manifest::{Manifest, Source};
use kernrig_kernels::{Kernel, local};
use kernrig_plan::{Answer, Fate, Selection, Suite, Variant};
use kernrig_run::Trial;
use kernrig_vm::{Accelerator, Boot, BootFile, Launcher, Machine, VmSpec, base_cmdline, find_qemu};

use crate::rig::{old_kernels, skipped};

/// Kernels to try in this order; each test is looked at on the first that can run it.
const FIRST: &[&str] = &["debian-6.12", "debian-6.1", "debian-5.10", "debian-7"];

/// Switches on what Debian and Ubuntu leave off, so that its tests are looked at too.
const CMDLINE: &str = "cgroup_enable=memory swapaccount=1 psi=1";

/// One kernel with its VM.
pub(crate) struct Bench {
    launcher: Launcher,
    pub(crate) kernel: Arc<Kernel>,
    trial: Option<Trial>,
}

impl Bench {
    fn spec(&self) -> VmSpec {
        let image = kernrig_image::initramfs(&self.kernel, kernrig_guest::GUEST, &[]).expect("an initramfs");
        VmSpec {
            qemu: find_qemu().expect("QEMU"),
            accelerator: Accelerator::Tcg,
            machine: Machine::pc(Accelerator::Tcg),
            kernel: BootFile::read(&self.kernel.image).expect("a kernel"),
            initramfs: BootFile::from_bytes(Path::new("initramfs"), &image.bytes).expect("an initramfs"),
            cmdline: format!("{} {CMDLINE}", base_cmdline(Accelerator::Tcg, Boot::Fast)),
            memory_mib: 512,
            cpus: 1,
            hold: None,
        }
    }

    /// Has the next test start in a VM of its own.
    pub(crate) fn renew(&mut self) {
        self.trial = None;
    }

    /// How a test ends; a VM that did not stay well is replaced before the next one.
    pub(crate) fn fate(&mut self, test: &'static Test, words: &str) -> Fate {
        let mut trial = self.trial.take().unwrap_or_else(|| {
            let booted = Trial::boot(&self.launcher, self.spec(), None);
            booted.unwrap_or_else(|e| panic!("{}: {e}", self.kernel.name)).0
        });
        let fate = trial.fate(test, words);
        if matches!(fate, Fate::Answered { .. }) && trial.is_clean() {
            self.trial = Some(trial);
        }
        fate
    }

    /// Whether a test passes as it is; `None` if it skips itself.
    pub(crate) fn passes(&mut self, test: &'static Test) -> Option<bool> {
        if test.own_boot {
            self.trial = None;
        }
        match self.fate(test, "") {
            Fate::Answered { answer: Answer::Skip(_), .. } => None,
            Fate::Answered { answer: Answer::Ok, .. } => Some(true),
            // What a mutant left behind may be in the way: once more in a fresh VM.
            _ => {
                self.trial = None;
                Some(matches!(self.fate(test, ""), Fate::Answered { answer: Answer::Ok, .. }))
            }
        }
    }
}

/// Debian's kernels of the default group, the richest first, and the old ones at hand.
pub(crate) fn kernels(what_is_skipped: &str) -> Vec<Kernel> {
    let manifest = Manifest::shipped();
    let archives = Archives::new(Default::default(), manifest.archives.clone()).expect("a cache");
    let mut all = Vec::new();
    for name in FIRST {
        let entry = manifest.kernels.iter().find(|entry| entry.name == *name).expect("a kernel of kernels.toml");
        let Source::Newest(package) = &entry.source else { panic!("{name} is not a package") };
        match archives.obtain(&entry.name, package, None) {
            Ok(obtained) => all.push(obtained.kernel),
            Err(e) => skipped(&format!("{what_is_skipped} on {name}: {e}")),
        }
    }
    let folder = tempfile::tempdir().expect("a folder").keep();
    let cache = Cache::open(&folder).expect("a cache");
    for (name, path) in old_kernels(what_is_skipped) {
        all.push(local::open_path(Some(&name), &path, &cache).expect("a kernel"));
    }
    all
}

/// A kernel with what is selected of the catalog laid over it.
pub(crate) fn bench(kernel: Kernel, selection: &Selection) -> (Bench, Suite) {
    let kernel = Arc::new(kernel);
    let variant = Variant {
        name: "bench".to_owned(),
        cmdline: CMDLINE.to_owned(),
        cpus: 1,
        memory_mib: 512,
        ..Variant::default()
    };
    let suite = Suite::plan(Arc::clone(&kernel), variant, selection);
    (Bench { launcher: Launcher::new().expect("a launcher"), kernel, trial: None }, suite)
}
