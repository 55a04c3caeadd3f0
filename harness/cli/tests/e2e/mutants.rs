//! Every test of the catalog sees through the broken kernels that it names: a verdict hangs on the effect.
//!
//! `KERNRIG_MUTANTS=ns::pid::*` looks at those tests only; add `--nocapture` to see how each mutant was caught.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use kernrig_catalog::{TESTS, Test};
use kernrig_kernels::archive::Archives;
use kernrig_kernels::cache::Cache;
use kernrig_kernels::manifest::{Manifest, Source};
use kernrig_kernels::{Kernel, local};
use kernrig_plan::{Answer, Decision, Fate, Selection, Suite, Variant};
use kernrig_run::Trial;
use kernrig_vm::{Accelerator, Boot, BootFile, Launcher, Machine, VmSpec, base_cmdline, find_qemu};

use crate::rig::{old_kernels, skipped};

/// Kernels to try in this order; each test is looked at on the first that can run it.
const FIRST: &[&str] = &["debian-6.12", "debian-6.1", "debian-5.10", "debian-7"];

/// One kernel with its VM.
struct Bench {
    launcher: Launcher,
    kernel: Arc<Kernel>,
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
        }
    }

    /// How a test ends; a VM that did not stay well is replaced before the next one.
    fn fate(&mut self, test: &'static Test, words: &str) -> Fate {
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

    fn passes(&mut self, test: &'static Test) -> Option<bool> {
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

/// A mutant that makes its test wait for ever is caught too: late, and so this soon.
const MUTANT_SECONDS: u32 = 15;

/// Switches on what Debian and Ubuntu leave off, so that its tests are looked at too.
const CMDLINE: &str = "cgroup_enable=memory swapaccount=1 psi=1";

fn kernels() -> Vec<Kernel> {
    let manifest = Manifest::shipped();
    let archives = Archives::new(Default::default(), manifest.archives.clone()).expect("a cache");
    let mut all = Vec::new();
    for name in FIRST {
        let entry = manifest.kernels.iter().find(|entry| entry.name == *name).expect("a kernel of kernels.toml");
        let Source::Newest(package) = &entry.source else { panic!("{name} is not a package") };
        match archives.obtain(&entry.name, package, None) {
            Ok(obtained) => all.push(obtained.kernel),
            Err(e) => skipped(&format!("mutants on {name}: {e}")),
        }
    }
    let folder = tempfile::tempdir().expect("a folder").keep();
    let cache = Cache::open(&folder).expect("a cache");
    for (name, path) in old_kernels("mutants of what only old kernels have") {
        all.push(local::open_path(Some(&name), &path, &cache).expect("a kernel"));
    }
    all
}

/// The mutants of a test that got away, and how it went; `None` where this kernel cannot run the test.
fn survivors(bench: &mut Bench, test: &'static Test) -> Option<Vec<String>> {
    let kernel = bench.kernel.name.clone();
    if !bench.passes(test)? {
        return Some(vec![format!("{} does not pass on {kernel} as it is", test.name)]);
    }
    let mut alive = Vec::new();
    for (index, mutant) in test.mutants.iter().enumerate() {
        if test.own_boot {
            bench.trial = None;
        }
        let fate = bench.fate(test, &format!("mutant={index} deadline={MUTANT_SECONDS}"));
        let caught = match &fate {
            Fate::Answered { answer: Answer::NotOk(reason), .. } => format!("caught: {reason}"),
            Fate::Answered { answer: Answer::Timeout(reason), .. } => format!("caught late: {reason}"),
            Fate::Silent(reason) | Fate::VmEnded(reason) => format!("caught late: {reason}"),
            other => {
                alive.push(format!("{} on {kernel}: `{}` got away: {other:?}", test.name, mutant.name));
                continue;
            }
        };
        println!("{} on {kernel}: `{}` {caught}", test.name, mutant.name);
    }
    Some(alive)
}

fn selection() -> Selection {
    let patterns: Vec<String> = std::env::var("KERNRIG_MUTANTS").into_iter().collect();
    Selection::new(&patterns).expect("KERNRIG_MUTANTS is a pattern of test names")
}

fn bench(kernel: Arc<Kernel>) -> (Bench, Suite) {
    let variant = Variant {
        name: "mutants".to_owned(),
        cmdline: CMDLINE.to_owned(),
        cpus: 1,
        memory_mib: 512,
        ..Variant::default()
    };
    let suite = Suite::plan(Arc::clone(&kernel), variant, &selection());
    (Bench { launcher: Launcher::new().expect("a launcher"), kernel, trial: None }, suite)
}

/// On a kernel that knows no call younger than 2.6.32 each test comes to a verdict, and none hangs or breaks the guest.
#[test]
fn every_test_ends_where_nothing_young_is_known() {
    let Some(kernel) = kernels().into_iter().find(|kernel| kernel.name.starts_with("debian-")) else { return };
    let (mut bench, suite) = bench(Arc::new(kernel));
    let mut lost = Vec::new();
    for cell in suite.cells.iter().filter(|cell| cell.decision == Decision::Run && !cell.test.selftest) {
        let fate = bench.fate(cell.test, "antique=1 probe=1");
        let ended = |answer: &Answer| matches!(answer, Answer::Ok | Answer::NotOk(_) | Answer::Skip(_));
        if !matches!(&fate, Fate::Answered { answer, .. } if ended(answer)) {
            lost.push(format!("{}: {fate:?}", cell.test.name));
        }
    }
    assert!(lost.is_empty(), "{} did not end:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn every_mutant_is_caught() {
    let selection = selection();
    let mut left: BTreeSet<&str> = TESTS.iter().filter(|t| selection.has(t) && !t.selftest).map(|t| t.name).collect();
    let mut alive: Vec<String> = Vec::new();
    for kernel in kernels() {
        let (mut bench, suite) = bench(Arc::new(kernel));
        for cell in suite.cells.iter().filter(|cell| cell.decision == Decision::Run) {
            if left.contains(cell.test.name)
                && let Some(here) = survivors(&mut bench, cell.test)
            {
                left.remove(cell.test.name);
                alive.extend(here);
            }
        }
    }
    for test in left {
        skipped(&format!("mutants of {test}: no kernel at hand can run it"));
    }
    assert!(alive.is_empty(), "{} got away:\n{}", alive.len(), alive.join("\n"));
}
