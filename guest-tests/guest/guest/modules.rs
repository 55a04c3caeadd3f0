//! Loads the modules that a test needs, from the initramfs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernrig_catalog::protocol::{MODULES_DIR, MODULES_LIST};

use crate::files;
use crate::sys::{self, Errno};

/// Loads the modules and what they depend on. One without a file is built in, or the test will find out.
/// The error is the one line that explains why a module that the kernel was shipped with cannot be used.
pub(crate) fn load(names: &[&str]) -> Result<(), String> {
    if names.is_empty() {
        return Ok(());
    }
    let list = files::read_text(MODULES_LIST).unwrap_or_default();
    // To ask for one that is there is answered after its signature was checked: a second and more for btrfs in an
    // emulated guest, before each test.
    let loaded = files::read_text("/proc/modules").unwrap_or_default();
    let is_loaded = |name: &str| loaded.lines().any(|line| line.split(' ').next() == Some(name));
    let mut below = String::new();
    for name in closure(&list, names).into_iter().filter(|name| !is_loaded(name)) {
        match load_file(&format!("{MODULES_DIR}/{name}.ko")) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) if names.contains(&name) => {
                return Err(format!("module {name} cannot be loaded: {errno}{below}"));
            }
            // A soft dependency may rightly refuse (crc32c_intel without the instruction: ENODEV); a hard one that
            // is missing makes the module itself fail.
            Err(errno) => below = format!("{below}, {name}: {errno}"),
        }
    }
    Ok(())
}

/// Loads one file; a module that is there already is fine.
fn load_file(path: &str) -> Result<(), Errno> {
    let image = files::read(path)?;
    match sys::init_module(&image, "") {
        // The file is there, so this is about a symbol.
        Err(Errno::ENOENT) => Err(Errno::ENOEXEC),
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

/// The modules and all that they depend on, in the order of the list, which is the order to load them in.
fn closure<'a>(list: &'a str, names: &[&'a str]) -> Vec<&'a str> {
    let entries: Vec<Vec<&str>> = list.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
    let mut wanted: Vec<&str> = names.to_vec();
    let mut at = 0;
    while at < wanted.len() {
        let entry = entries.iter().find(|entry| entry.first() == Some(&wanted[at]));
        for dependency in entry.into_iter().flat_map(|entry| &entry[1..]) {
            if !wanted.contains(dependency) {
                wanted.push(dependency);
            }
        }
        at += 1;
    }
    entries.iter().filter_map(|entry| entry.first().copied()).filter(|name| wanted.contains(name)).collect()
}
