//! What this machine gives: the cache folder, the accelerator, the size of a VM.

use std::path::{Path, PathBuf};

use kernrig_kernels::cache::{HOMELESS, default_folder};
use kernrig_vm::{Accelerator, Probe};

use crate::args::{Accel, Global};
use crate::failure::{Failure, chain};

/// Virtual CPUs of a VM unless a variant or `--smp` says otherwise.
pub(crate) const VM_CPUS: u32 = 1;

/// RAM of a VM in MiB unless a variant or `--memory` says otherwise: room for a kernel, the initramfs with all its
/// modules, and the memory limits that tests set.
pub(crate) const VM_MEMORY_MIB: u32 = 512;

/// Where kernels are kept.
pub(crate) fn cache_folder(global: &Global) -> Result<PathBuf, Failure> {
    let folder = global.cache.clone().unwrap_or_else(default_folder);
    if folder.as_os_str().is_empty() { Err(Failure::new(HOMELESS)) } else { Ok(folder) }
}

/// The QEMU of this machine.
pub(crate) fn qemu() -> Result<PathBuf, Failure> {
    kernrig_vm::find_qemu().map_err(|e| Failure::new(chain(&e)).next("`kernrig doctor` tells what else is missing"))
}

/// What a QEMU can run guests with here.
pub(crate) fn probe(global: &Global, qemu: &Path, wanted: Accel) -> Result<Probe, Failure> {
    let wanted = match wanted {
        Accel::Auto => None,
        Accel::Tcg => Some(Accelerator::Tcg),
        Accel::Kvm => Some(Accelerator::Kvm),
    };
    kernrig_vm::probe(qemu, &cache_folder(global)?, wanted).map_err(|e| Failure::new(chain(&e)))
}
