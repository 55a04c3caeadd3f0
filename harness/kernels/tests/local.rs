//! Kernels in the hand, on real old ones: the folder that `KERNRIG_KERNELS` names.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::path::{Path, PathBuf};

use kernrig_kernels::cache::Cache;
use kernrig_kernels::local::{ImageFiles, LocalError, open_image, open_path, open_tree, subfolders};
use kernrig_kernels::{Config, Kernel};

struct Fixture {
    dir: tempfile::TempDir,
    cache: Cache,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("cache")).unwrap();
        Self { dir, cache }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn put(&self, path: &str, from: &Path) {
        let to = self.at(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let to = self.at(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, text).unwrap();
    }
}

/// The folder of real kernels; without it one line says what is skipped.
fn kernels(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("KERNRIG_KERNELS").map(PathBuf::from).filter(|dir| dir.is_dir());
    if dir.is_none() {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED {test}: KERNRIG_KERNELS names no folder of real kernels\n"),
        )
        .ok();
    }
    dir
}

fn module_names(kernel: &Kernel) -> Vec<&str> {
    kernel.modules.iter().map(|m| m.name.as_str()).collect()
}

/// A module comes after all that it needs, and its file is a plain ELF.
fn check_order(kernel: &Kernel) {
    for (at, module) in kernel.modules.iter().enumerate() {
        for need in &module.needs {
            let place = kernel.modules.iter().position(|m| m.name == *need);
            assert!(place.is_some_and(|p| p < at), "{}: {} needs {need}", kernel.name, module.name);
        }
        assert!(fs::read(&module.path).unwrap().starts_with(b"\x7fELF"), "{}", module.path.display());
    }
}

type Named = (String, Result<Kernel, LocalError>);

/// Opens each kernel of a folder.
fn open_folder(dir: &Path, cache: &Cache) -> Result<Vec<Named>, LocalError> {
    let open = |(name, path): (String, PathBuf)| {
        let kernel = open_path(Some(&name), &path, cache);
        (name, kernel)
    };
    Ok(subfolders(dir)?.into_iter().map(open).collect())
}

#[test]
fn a_folder_of_real_kernels_opens() {
    let Some(dir) = kernels("a_folder_of_real_kernels_opens") else { return };
    let fixture = Fixture::new();
    let all = open_folder(&dir, &fixture.cache).unwrap();
    assert!(!all.is_empty());
    for (name, kernel) in all {
        let kernel = kernel.unwrap();
        assert_eq!(kernel.name, name);
        assert!(kernel.image.is_file() && kernel.system_map.as_ref().is_some_and(|p| p.is_file()), "{name}");
        let config = kernel.config.as_ref().unwrap();
        assert!(config.enabled("PID_NS"), "{name}");
        assert_eq!(kernel.packages[0].sha256.len(), 64);
        assert_eq!(kernel.notes, [""; 0], "{name}");
        check_order(&kernel);
        let expected = if kernel.version.at_least(3, 5, 0) { "dummy" } else { "aufs" };
        assert!(module_names(&kernel).contains(&expected), "{name}: {:?}", module_names(&kernel));
    }
}

#[test]
fn the_configuration_inside_the_image_is_that_beside_it() {
    let Some(dir) = kernels("the_configuration_inside_the_image_is_that_beside_it") else { return };
    let fixture = Fixture::new();
    for (name, kernel) in open_folder(&dir, &fixture.cache).unwrap() {
        let kernel = kernel.unwrap();
        fixture.put(&format!("{name}/bzImage"), &kernel.image);
        let alone = open_path(None, &fixture.at(&format!("{name}/bzImage")), &fixture.cache).unwrap();
        assert_eq!(alone.name, kernel.release);
        assert_eq!(alone.config, kernel.config, "{name}");
        assert_eq!((alone.modules.len(), alone.system_map), (0, None));
    }
}

#[test]
fn what_lies_beside_an_image_is_found_or_named() {
    let Some(dir) = kernels("what_lies_beside_an_image_is_found_or_named") else { return };
    let fixture = Fixture::new();
    let (_, kernel) = open_folder(&dir, &fixture.cache).unwrap().swap_remove(0);
    let kernel = kernel.unwrap();
    let release = &kernel.release;
    let source = kernel.image.parent().unwrap();
    let dummy = source.join(format!("lib/modules/{release}/kernel/drivers/net/dummy.ko"));

    // As /boot and /lib/modules have it, with another kernel's files beside.
    fixture.put(&format!("boot/vmlinuz-{release}"), &kernel.image);
    fixture.write(&format!("boot/config-{release}"), "CONFIG_PID_NS=y\n");
    fixture.write("boot/config-9.9.9", "CONFIG_USER_NS=y\n");
    fixture.put(&format!("boot/System.map-{release}"), &source.join("System.map"));
    fixture.put(&format!("lib/modules/{release}/kernel/dummy.ko"), &dummy);
    let image = fixture.at(&format!("boot/vmlinuz-{release}"));
    let boot = open_path(Some("mine"), &image, &fixture.cache).unwrap();
    assert_eq!((boot.name.as_str(), module_names(&boot)), ("mine", vec!["dummy"]));
    assert_eq!(boot.config, Some(Config::parse("CONFIG_PID_NS=y")));
    assert!(boot.system_map.is_some());

    // A stub of a map, a config of another kernel and modules of another release are noted and not used.
    fixture.put("odd/bzImage", &kernel.image);
    fixture.write("odd/System.map", "ffffffffffffffff B The real System.map is in the -dbg package\n");
    fixture.write("odd/.config", "#\n# Linux/x86 9.9.1 Kernel Configuration\n#\nCONFIG_PID_NS=y\n");
    fixture.put("odd/lib/modules/9.9.9/dummy.ko", &dummy);
    let odd = open_path(None, &fixture.at("odd"), &fixture.cache).unwrap();
    assert_eq!((odd.name.as_str(), odd.system_map, odd.modules.len()), ("odd", None, 0));
    assert_eq!(odd.config, kernel.config, "the image's own");
    let notes = odd.notes.join("\n");
    assert!(notes.contains("stub of 62 bytes") && notes.contains("is of 9.9.1"), "{notes}");
    assert!(notes.contains("modules are there for 9.9.9"), "{notes}");

    // What is named is used.
    let named = ImageFiles {
        image: fixture.at("odd/bzImage"),
        config: Some(fixture.at("odd/.config")),
        modules: Some(fixture.at("odd/lib/modules/9.9.9")),
        system_map: None,
    };
    let named = open_image(None, &named, &fixture.cache).unwrap();
    assert_eq!(named.config, Some(Config::parse("CONFIG_PID_NS=y")));
    assert_eq!(module_names(&named), ["dummy"]);
}

#[test]
fn compressed_modules_are_unpacked_into_the_cache() {
    let Some(dir) = kernels("compressed_modules_are_unpacked_into_the_cache") else { return };
    let fixture = Fixture::new();
    for (name, kernel) in open_folder(&dir, &fixture.cache).unwrap() {
        let kernel = kernel.unwrap();
        fixture.put(&format!("{name}/bzImage"), &kernel.image);
        for module in &kernel.modules {
            let packed = liblzma::encode_all(&fs::read(&module.path).unwrap()[..], 0).unwrap();
            fixture.write(&format!("{name}/lib/modules/{}/kernel/{}.ko.xz", kernel.release, module.name), packed);
        }
        let packed = open_path(None, &fixture.at(&name), &fixture.cache).unwrap();
        check_order(&packed);
        assert_eq!(packed.modules.len(), kernel.modules.len());
        for (a, b) in packed.modules.iter().zip(&kernel.modules) {
            assert_eq!((&a.name, &a.needs), (&b.name, &b.needs));
            assert!(a.path.starts_with(fixture.cache.folder()));
            assert_eq!(fs::read(&a.path).unwrap(), fs::read(&b.path).unwrap());
        }
        assert!(packed.lease.is_held());
    }
}

/// 2.6.32's `libcrc32c` refuses to load without the `crc32c` algorithm, which no symbol and no softdep tells of.
#[test]
fn what_btrfs_asks_for_by_name_is_in_its_closure() {
    let Some(dir) = kernels("what_btrfs_asks_for_by_name_is_in_its_closure") else { return };
    let fixture = Fixture::new();
    for (name, kernel) in open_folder(&dir, &fixture.cache).unwrap() {
        let kernel = kernel.unwrap();
        let folder = dir.join(&name).join("lib/modules").join(&kernel.release);
        let closure = kernrig_kernels::modules::closure(&folder, &["btrfs"]).unwrap();
        let Some(btrfs) = closure.members.iter().find(|m| m.name == "btrfs") else { continue };
        let built_in = kernel.config.unwrap().get("CRYPTO_CRC32C") == Some(&kernrig_kernels::ConfigValue::Yes);
        assert!(btrfs.needs.contains(&"libcrc32c".to_owned()), "{name}: {:?}", btrfs.needs);
        assert_ne!(btrfs.needs.contains(&"crc32c".to_owned()), built_in, "{name}: {:?}", btrfs.needs);
    }
}

#[test]
fn a_built_tree_opens_and_one_that_is_not_says_what_to_do() {
    let fixture = Fixture::new();
    fixture.write("linux/Kconfig", "");
    fixture.write("linux/arch/x86/Makefile", "");
    let error = open_path(None, &fixture.at("linux"), &fixture.cache).unwrap_err();
    assert!(matches!(error, LocalError::NotBuilt(_)) && error.to_string().contains("make bzImage"), "{error}");

    let Some(dir) = kernels("a_built_tree_opens_and_one_that_is_not_says_what_to_do") else { return };
    let (_, kernel) = open_folder(&dir, &fixture.cache).unwrap().swap_remove(0);
    let kernel = kernel.unwrap();
    fixture.put("linux/arch/x86/boot/bzImage", &kernel.image);
    fixture.put("linux/.config", &kernel.image.with_file_name("config"));
    fixture.write("linux/include/config/kernel.release", "9.9.9-dirty\n");
    let dummy = kernel.modules.iter().find(|m| m.name == "dummy").unwrap();
    fixture.put("linux/drivers/net/dummy.ko", &dummy.path);
    fixture.write("linux/modules.order", "kernel/drivers/net/dummy.ko\n");
    for tree in [
        open_tree(None, &fixture.at("linux"), &fixture.cache),
        open_path(None, &fixture.at("linux"), &fixture.cache),
        open_path(None, &fixture.at("linux/arch/x86/boot/bzImage"), &fixture.cache),
    ] {
        let tree = tree.unwrap();
        assert_eq!(tree.config, kernel.config);
        assert_eq!(module_names(&tree), ["dummy"]);
        assert!(tree.notes[0].contains("configured for 9.9.9-dirty"), "{:?}", tree.notes);
    }
}

#[test]
fn modules_of_another_build_are_not_used() {
    let Some(dir) = kernels("modules_of_another_build_are_not_used") else { return };
    let fixture = Fixture::new();
    let mut all = open_folder(&dir, &fixture.cache).unwrap();
    if all.len() < 2 {
        return drop(std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: it takes two kernels\n"),
        ));
    }
    let (one, other) = (all.swap_remove(0).1.unwrap(), all.swap_remove(0).1.unwrap());
    fixture.put("k/bzImage", &one.image);
    fixture.put(&format!("k/lib/modules/{}/dummy.ko", one.release), &other.modules[0].path);
    fs::rename(
        fixture.at(&format!("k/lib/modules/{}/dummy.ko", one.release)),
        fixture.at(&format!("k/lib/modules/{}/{}.ko", one.release, other.modules[0].name)),
    )
    .unwrap();
    let kernel = open_path(None, &fixture.at("k"), &fixture.cache).unwrap();
    assert_eq!(kernel.modules.len(), 0);
    assert!(kernel.notes.iter().any(|n| n.contains("was built for")), "{:?}", kernel.notes);
}

#[test]
fn what_is_not_there_or_no_kernel_is_named() {
    let fixture = Fixture::new();
    let open = |path: &str| open_path(None, &fixture.at(path), &fixture.cache).unwrap_err().to_string();
    assert!(open("gone").ends_with("gone does not exist"));

    fixture.write("empty/bzImage", "");
    assert!(open("empty").contains("empty/bzImage is no x86 bzImage: it looks like an empty file"));
    assert!(open("empty/bzImage").contains("an empty file"));

    fixture.write("none/readme", "hello");
    assert!(open("none").contains("holds no kernel"));

    fixture.write("many/vmlinuz-1", "x");
    fixture.write("many/vmlinuz-2", "x");
    assert!(open("many").contains("vmlinuz-1, vmlinuz-2"));

    fixture.write("outer/inner/bzImage", "x");
    assert!(open("outer").contains("inner has one"), "{}", open("outer"));
    let all = open_folder(&fixture.at("outer"), &fixture.cache).unwrap();
    assert!(all[0].0 == "inner" && all[0].1.is_err());

    fixture.write("broken.deb", "!<arch>\ngarbage");
    assert!(open("broken.deb").contains("broken.deb): not a whole .deb"), "{}", open("broken.deb"));
}
