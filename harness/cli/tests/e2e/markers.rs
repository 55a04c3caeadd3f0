//! The console loses nothing: of 1,000 markers that a guest writes, 1,000 come out.

use std::path::Path;
use std::sync::Arc;

use kernrig_kernels::archive::Archives;
use kernrig_kernels::cache::{Cache, default_folder};
use kernrig_kernels::manifest::{Manifest, Source};
use kernrig_kernels::{Kernel, local};
use kernrig_run::Trial;
use kernrig_vm::{Accelerator, Boot, BootFile, Launcher, Machine, VmSpec, base_cmdline, find_qemu};

use crate::rig::{old_kernels, skipped};

const MARKERS: u32 = 1000;

fn spec(kernel: &Kernel) -> VmSpec {
    let image = kernrig_image::initramfs(kernel, kernrig_guest::GUEST, &[]).expect("an initramfs");
    VmSpec {
        qemu: find_qemu().expect("QEMU"),
        accelerator: Accelerator::Tcg,
        machine: Machine::pc(Accelerator::Tcg),
        kernel: BootFile::read(&kernel.image).expect("a kernel"),
        initramfs: BootFile::from_bytes(Path::new("initramfs"), &image.bytes).expect("an initramfs"),
        cmdline: base_cmdline(Accelerator::Tcg, Boot::Fast),
        memory_mib: 512,
        cpus: 1,
        hold: None,
    }
}

fn assert_all_seen(kernel: &Kernel) {
    let launcher = Launcher::new().expect("a launcher");
    let ports = tempfile::tempdir().expect("a folder");
    let (mut trial, _) =
        Trial::boot(&launcher, spec(kernel), Some(ports.path())).unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
    let seen = trial.markers(MARKERS).unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
    if seen != u64::from(MARKERS) {
        panic!("{}: {seen} of {MARKERS} came out; the console is kept in {}", kernel.name, ports.keep().display());
    }
}

#[test]
fn every_marker_of_every_old_kernel_comes_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path()).expect("a cache");
    for (name, path) in old_kernels("1,000 markers on old kernels") {
        assert_all_seen(&local::open_path(Some(&name), &path, &cache).expect("a kernel"));
    }
}

#[test]
fn every_marker_of_debians_kernels_comes_out() {
    let manifest = Manifest::shipped();
    let archives = Archives::new(Default::default(), manifest.archives.clone()).expect("a cache");
    let archives = Arc::new(archives);
    for entry in manifest.kernels.iter().filter(|e| e.groups.iter().any(|g| g == "default")) {
        let Source::Newest(package) = &entry.source else { continue };
        match archives.obtain(&entry.name, package, None) {
            Ok(obtained) => assert_all_seen(&obtained.kernel),
            Err(e) => skipped(&format!("1,000 markers on {}: {e} ({})", entry.name, default_folder().display())),
        }
    }
}
