//! Modules that make a stock kernel misbehave, made from the kernel's own: for the harness's tests of itself.

use kernrig_kernels::KernelVersion;

use crate::kmod::{renamed, with_init_code};

/// A module that misbehaves when it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it does, and the name of its file: `oops`, `hang`, `warn`, `warn-first`, `oops-stock`, `oops-stock-first`.
    pub kind: String,
    /// The module.
    pub bytes: Vec<u8>,
}

/// How to come by a fault.
struct Recipe {
    kind: &'static str,
    /// Stock module it is made from.
    module: &'static str,
    /// Kernels on which it does what its kind says: from, and before.
    range: Option<([u32; 3], [u32; 3])>,
    change: Change,
}

enum Change {
    /// The init function runs this instead.
    InitCode(&'static [u8]),
    /// The stock module, loaded first, and a copy under another name: what it registers is there already.
    SecondCopy,
}

/// `xor %eax, %eax; movb $0, (%rax)`: a write to address 0.
const WRITE_TO_NULL: &[u8] = &[0x31, 0xc0, 0xc6, 0x00, 0x00];

/// `cli; jmp` to itself.
const SPIN_WITHOUT_INTERRUPTS: &[u8] = &[0xfa, 0xeb, 0xfe];

const fn recipe(kind: &'static str, module: &'static str, change: Change) -> Recipe {
    Recipe { kind, module, range: None, change }
}

/// Of recipes for one kind the first that the kernel's modules allow is taken.
const RECIPES: &[Recipe] = &[
    recipe("oops", "dummy", Change::InitCode(WRITE_TO_NULL)),
    recipe("hang", "dummy", Change::InitCode(SPIN_WITHOUT_INTERRUPTS)),
    // WARNING in proc_register, "proc_dir_entry 'net/pktgen' already registered".
    recipe("warn", "pktgen", Change::SecondCopy),
    recipe("warn", "8021q", Change::SecondCopy),
    // It unlinks what it failed to link; seen on 3.5, mended in 3.11 by 2c8a01894a12.
    Recipe { range: Some(([3, 3, 0], [3, 11, 0])), ..recipe("oops-stock", "dummy", Change::SecondCopy) },
    // A kobject without a name in internal_create_group; seen on 2.6.32.
    Recipe { range: Some(([2, 6, 32], [2, 6, 33])), ..recipe("oops-stock", "aufs", Change::SecondCopy) },
];

/// A stock module: its name, and what it depends on.
pub(crate) struct Stock<'a> {
    pub(crate) name: &'a str,
    pub(crate) needs_others: bool,
    pub(crate) bytes: &'a [u8],
}

/// Makes every fault that a kernel's own modules allow. Modules that depend on others are left alone: the guest
/// loads a fault by itself. The lines say what could not be made.
#[must_use]
pub fn faults<'a>(
    version: &KernelVersion,
    modules: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> (Vec<Fault>, Vec<String>) {
    let stock = modules.into_iter().map(|(name, bytes)| Stock { name, needs_others: false, bytes });
    make(version, &stock.collect::<Vec<_>>())
}

pub(crate) fn make(version: &KernelVersion, stock: &[Stock<'_>]) -> (Vec<Fault>, Vec<String>) {
    let (mut made, mut notes) = (Vec::<Fault>::new(), Vec::new());
    for recipe in RECIPES.iter().filter(|recipe| recipe.fits(version)) {
        if made.iter().any(|fault| fault.kind == recipe.kind) {
            continue;
        }
        let Some(module) = stock.iter().find(|m| m.name == recipe.module && !m.needs_others) else { continue };
        match recipe.make(module) {
            Ok(faults) => made.extend(faults),
            Err(reason) => notes.push(format!("no fault {:?} from module {}: {reason}", recipe.kind, recipe.module)),
        }
    }
    (made, notes)
}

impl Recipe {
    fn fits(&self, version: &KernelVersion) -> bool {
        let at_least = |[major, minor, patch]: [u32; 3]| version.at_least(major, minor, patch);
        self.range.is_none_or(|(since, until)| at_least(since) && !at_least(until))
    }

    fn make(&self, module: &Stock<'_>) -> Result<Vec<Fault>, String> {
        let fault = |kind: String, bytes| Fault { kind, bytes };
        Ok(match self.change {
            Change::InitCode(code) => vec![fault(self.kind.to_owned(), with_init_code(module.bytes, code)?)],
            Change::SecondCopy => vec![
                // With its signature: the first one must not taint the kernel.
                fault(format!("{}-first", self.kind), module.bytes.to_vec()),
                fault(self.kind.to_owned(), renamed(module.bytes, module.name)?),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use kernrig_kernels::modules::SELFTEST_MODULES;

    use super::*;

    fn find(folder: &Path, name: &str) -> Option<PathBuf> {
        let entries: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.filter_map(|e| Some(e.ok()?.path())).collect();
        let file = entries.iter().find(|path| path.file_name().is_some_and(|n| n == name)).cloned();
        file.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, name)))
    }

    #[test]
    fn real_old_kernels_yield_the_faults_of_their_age() {
        let Some(folder) = std::env::var_os("KERNRIG_KERNELS") else {
            return drop(std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: KERNRIG_KERNELS names no folder of old kernels\n"),
            ));
        };
        for (kernel, release) in [("2.6.32.69", "2.6.32.69"), ("3.5.0-ubuntu27", "3.5.0-27-generic")] {
            let lib = Path::new(&folder).join(kernel).join("lib");
            let read = |&name: &&'static str| Some((name, std::fs::read(find(&lib, &format!("{name}.ko"))?).unwrap()));
            let modules: Vec<_> = SELFTEST_MODULES.iter().filter_map(read).collect();
            if modules.is_empty() {
                std::io::Write::write_fmt(
                    &mut std::io::stderr(),
                    format_args!("SKIPPED: {} has no modules\n", lib.display()),
                )
                .ok();
                continue;
            }
            let version = KernelVersion::parse(release).unwrap();
            let (made, notes) = faults(&version, modules.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
            let kinds: Vec<_> = made.iter().map(|fault| fault.kind.as_str()).collect();
            assert_eq!(kinds, ["oops", "hang", "warn-first", "warn", "oops-stock-first", "oops-stock"], "{notes:?}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_said_and_what_depends_on_others_is_left() {
        let version = KernelVersion::parse("6.1.0").unwrap();
        let (made, notes) = faults(&version, [("dummy", b"no module".as_slice())]);
        assert!(made.is_empty());
        assert!(notes.len() == 2 && notes[0].contains("\"oops\" from module dummy"), "{notes:?}");
        let stock = [Stock { name: "8021q", needs_others: true, bytes: b"no module" }];
        assert_eq!(make(&version, &stock), (vec![], vec![]));
    }

    #[test]
    fn every_recipe_uses_a_module_that_is_taken_from_the_packages() {
        assert!(RECIPES.iter().all(|recipe| SELFTEST_MODULES.contains(&recipe.module)));
    }
}
