//! The first root of a guest.

use std::fs;
use std::io;
use std::path::PathBuf;

use kernrig_catalog::protocol::{FAULTS_DIR, MODULES_DIR, MODULES_LIST, PAYLOAD_DIR};
use kernrig_kernels::{Kernel, Module};

use crate::Payload;
use crate::cpio::Archive;
use crate::faults::{Stock, make};

/// Why there is no initramfs.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A module that the kernel's entry promises cannot be read.
    #[error("kernel {kernel}: cannot read module {module} from {}: {source}; has the cache been cleared?", path.display())]
    Module {
        /// Name of the kernel's entry.
        kernel: String,
        /// Name of the module.
        module: String,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no guest binary to run.
    #[error("kernel {kernel}: the guest binary is empty; kernrig was built without it")]
    NoGuest {
        /// Name of the kernel's entry.
        kernel: String,
    },
}

/// An initramfs, the same whatever tests of the catalog are chosen.
#[derive(Clone, Debug)]
pub struct Initramfs {
    /// The archive, a cpio that every kernel can read.
    pub bytes: Vec<u8>,
    /// Kinds of the faults in it, see [`crate::Fault`].
    pub faults: Vec<String>,
    /// What the user should know of it.
    pub notes: Vec<String>,
}

const FOLDERS: &[&str] = &["/dev", "/proc", "/sys", "/run", "/tmp", "/mnt", "/root"];

/// Device nodes for the time until devtmpfs is mounted, and for kernels before 2.6.32 and without it.
const DEVICES: &[(&str, u32, (u32, u32))] = &[
    ("/dev/console", 0o600, (5, 1)),
    ("/dev/null", 0o666, (1, 3)),
    ("/dev/kmsg", 0o600, (1, 11)),
    ("/dev/ttyS1", 0o600, (4, 65)),
];

/// Makes the initramfs of a kernel: the guest as `/init`, all the kernel's modules, and the modules that are broken
/// on purpose, and the payloads.
///
/// # Errors
/// When a module cannot be read.
pub fn initramfs(kernel: &Kernel, guest: &[u8], payloads: &[&Payload]) -> Result<Initramfs, ImageError> {
    if guest.is_empty() {
        return Err(ImageError::NoGuest { kernel: kernel.name.clone() });
    }
    let mut archive = Archive::default();
    FOLDERS.iter().for_each(|folder| archive.directory(folder));
    for (path, permissions, number) in DEVICES {
        archive.device(path, *permissions, *number);
    }
    archive.file("/init", 0o755, guest);

    let modules = read_modules(kernel)?;
    let mut list = String::new();
    archive.directory(MODULES_DIR);
    for (module, bytes) in kernel.modules.iter().zip(&modules) {
        archive.file(&format!("{MODULES_DIR}/{}.ko", module.name), 0o644, bytes);
        let line: Vec<&str> = [&module.name].into_iter().chain(&module.needs).map(String::as_str).collect();
        list.push_str(&line.join(" "));
        list.push('\n');
    }
    archive.file(MODULES_LIST, 0o644, list.as_bytes());

    let stock: Vec<Stock<'_>> = kernel.modules.iter().zip(&modules).map(as_stock).collect();
    let (faults, notes) = make(&kernel.version, &stock);
    archive.directory(FAULTS_DIR);
    for fault in &faults {
        archive.file(&format!("{FAULTS_DIR}/{}.ko", fault.kind), 0o644, &fault.bytes);
    }
    if !payloads.is_empty() {
        archive.directory(PAYLOAD_DIR);
    }
    payloads.iter().for_each(|payload| payload.write(&mut archive));
    Ok(Initramfs { bytes: archive.finish(), faults: faults.into_iter().map(|f| f.kind).collect(), notes })
}

fn as_stock<'a>((module, bytes): (&'a Module, &'a Vec<u8>)) -> Stock<'a> {
    Stock { name: &module.name, needs_others: !module.needs.is_empty(), bytes }
}

fn read_modules(kernel: &Kernel) -> Result<Vec<Vec<u8>>, ImageError> {
    let read = |module: &Module| {
        fs::read(&module.path).map_err(|source| ImageError::Module {
            kernel: kernel.name.clone(),
            module: module.name.clone(),
            path: module.path.clone(),
            source,
        })
    };
    kernel.modules.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use kernrig_kernels::KernelVersion;
    use kernrig_kernels::cache::Lease;

    use super::*;

    fn kernel(modules: Vec<Module>) -> Kernel {
        Kernel {
            name: "trial".into(),
            release: "6.1.0".into(),
            version: KernelVersion::parse("6.1.0").unwrap(),
            image: "bzImage".into(),
            config: None,
            system_map: None,
            modules,
            packages: Vec::new(),
            notes: Vec::new(),
            lease: Lease::none(),
        }
    }

    #[test]
    fn the_guest_and_the_modules_with_their_order_are_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let module = |name: &str, needs: &[&str]| {
            let path = folder.path().join(format!("{name}.ko"));
            fs::write(&path, format!("code of {name}")).unwrap();
            Module { name: name.into(), path, needs: needs.iter().map(|&n| n.to_owned()).collect() }
        };
        let kernel = kernel(vec![module("llc", &[]), module("stp", &["llc"]), module("bridge", &["llc", "stp"])]);
        let image = initramfs(&kernel, b"the guest", &[]).unwrap();
        assert_eq!(image.bytes, initramfs(&kernel, b"the guest", &[]).unwrap().bytes);
        let text = String::from_utf8_lossy(&image.bytes);
        assert!(text.contains("modules/list\0") && text.contains("llc\nstp llc\nbridge llc stp\n"));
        assert!(text.contains("modules/bridge.ko\0") && text.contains("code of bridge") && text.contains("the guest"));
        assert!(image.faults.is_empty() && image.notes.is_empty(), "{:?}", image.notes);
    }

    #[test]
    fn a_module_that_is_gone_is_named() {
        let module = Module { name: "veth".into(), path: "/nowhere/veth.ko".into(), needs: Vec::new() };
        let error = initramfs(&kernel(vec![module]), b"the guest", &[]).unwrap_err().to_string();
        assert!(error.contains("kernel trial") && error.contains("/nowhere/veth.ko"), "{error}");
        let error = initramfs(&kernel(Vec::new()), b"", &[]).unwrap_err().to_string();
        assert!(error.contains("guest binary"), "{error}");
    }
}
