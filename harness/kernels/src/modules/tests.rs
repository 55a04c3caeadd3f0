use std::fs;
use std::path::{Path, PathBuf};

use super::{Closure, ModInfo, ModuleIndex, closure, module_name, requests};

/// The smallest ELF relocatable that has a `.modinfo`: header, contents, names, three section headers.
fn module(modinfo: &[&str]) -> Vec<u8> {
    let mut info: Vec<u8> = Vec::new();
    for field in modinfo {
        info.extend(field.as_bytes());
        info.push(0);
    }
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([1, 0, 62, 0, 1, 0, 0, 0]);
    elf.resize(40, 0);
    let table = 64 + info.len() + names.len();
    elf.extend((table as u64).to_le_bytes());
    elf.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
    elf.extend(&info);
    elf.extend(names);
    elf.extend([0; 64]);
    for (name, kind, at, size) in [(1u32, 1u32, 64, info.len()), (10, 3, 64 + info.len(), names.len())] {
        elf.extend(name.to_le_bytes());
        elf.extend(kind.to_le_bytes());
        elf.extend([0; 16]);
        elf.extend((at as u64).to_le_bytes());
        elf.extend((size as u64).to_le_bytes());
        elf.extend([0; 24]);
    }
    elf
}

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn add(&self, path: &str, modinfo: &[&str]) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let elf = module(modinfo);
        let bytes = match path.extension().and_then(|e| e.to_str()) {
            Some("xz") => liblzma::encode_all(&elf[..], 1).unwrap(),
            Some("zst") => zstd::encode_all(&elf[..], 1).unwrap(),
            Some("gz") => {
                let mut out = Vec::new();
                std::io::Read::read_to_end(
                    &mut flate2::read::GzEncoder::new(&elf[..], flate2::Compression::fast()),
                    &mut out,
                )
                .unwrap();
                out
            }
            _ => elf,
        };
        fs::write(path, bytes).unwrap();
        self
    }

    fn closure(&self, roots: &[&str]) -> Closure {
        closure(self.0.path(), roots).unwrap()
    }
}

fn names(closure: &Closure) -> Vec<&str> {
    closure.members.iter().map(|m| m.name.as_str()).collect()
}

#[test]
fn the_closure_comes_in_load_order_from_every_packing() {
    let tree = Tree::new();
    tree.add("kernel/net/bridge/bridge.ko.xz", &["depends=stp,llc", "vermagic=6.1.0-56-amd64 SMP"])
        .add("kernel/net/802/stp.ko.zst", &["depends=llc"])
        .add("kernel/net/llc/llc.ko.gz", &["depends="])
        .add("kernel/net/nf-nat.ko", &["depends=nf-conntrack"])
        .add("kernel/net/nf_conntrack.ko", &[])
        .add("kernel/not-wanted.ko", &["depends=nowhere"]);
    let closure = tree.closure(&["bridge", "nf_nat", "built_in"]);
    assert_eq!(names(&closure), ["llc", "stp", "bridge", "nf_conntrack", "nf_nat"]);
    assert_eq!(closure.members[2].needs, ["llc", "stp"]);
    assert_eq!(closure.members[2].info.release.as_deref(), Some("6.1.0-56-amd64"));

    let into = tree.0.path().join("out");
    let modules = closure.unpack_packed(&into).unwrap();
    assert_eq!(modules[0].path, into.join("llc.ko"));
    assert_eq!(fs::read(&modules[0].path).unwrap(), module(&["depends="]));
    assert_eq!(modules[4].path, tree.0.path().join("kernel/net/nf-nat.ko"), "a plain module stays where it is");
    let modules = closure.unpack(&into).unwrap();
    assert!(modules.iter().all(|m| m.path.starts_with(&into) && m.path.is_file()));
}

#[test]
fn soft_dependencies_and_requests_are_followed() {
    let tree = Tree::new();
    tree.add("a.ko", &["depends=", "softdep=pre: crc32c gone post: z-late"])
        .add("crc32c_generic.ko", &["alias=crypto-crc32c", "alias=crc32c"])
        .add("z_late.ko", &["depends=a"])
        .add("libcrc32c.ko", &["depends="])
        .add("btrfs.ko", &["depends=libcrc32c"]);
    let closure = tree.closure(&["a", "btrfs"]);
    assert_eq!(names(&closure), ["crc32c_generic", "a", "z_late", "libcrc32c", "btrfs"]);
    assert_eq!(closure.members[3].needs, ["crc32c_generic"]);
    assert_eq!(closure.members[4].needs, ["crc32c_generic", "libcrc32c"]);
}

#[test]
fn circles_of_soft_dependencies_end() {
    let tree = Tree::new();
    tree.add("a.ko", &["softdep=pre: b"])
        .add("b.ko", &["softdep=pre: a"])
        .add("c.ko", &["softdep=pre: d"])
        .add("d.ko", &["depends=c"]);
    assert_eq!(names(&tree.closure(&["a", "b"])), ["b", "a"]);
    assert_eq!(names(&tree.closure(&["c"])), ["c"], "d cannot come before c, which it needs");
}

#[test]
fn a_root_with_a_missing_dependency_is_left_out_with_its_reason() {
    let tree = Tree::new();
    tree.add("good.ko", &[]).add("half.ko", &["depends=base,gone"]).add("base.ko", &[]);
    let closure = tree.closure(&["half", "good"]);
    assert_eq!(names(&closure), ["good"]);
    assert!(closure.left_out[0].contains("half needs gone"), "{:?}", closure.left_out);
}

#[test]
fn what_is_no_module_is_an_error_that_names_the_file() {
    let tree = Tree::new();
    fs::write(tree.0.path().join("text.ko"), "hello").unwrap();
    fs::write(tree.0.path().join("cut.ko.xz"), &liblzma::encode_all(&module(&[])[..], 1).unwrap()[..40]).unwrap();
    let mut other = module(&[]);
    other[18] = 183;
    fs::write(tree.0.path().join("arm.ko"), other).unwrap();
    for (root, words) in [("text", "not a 64-bit ELF"), ("cut", "does not unpack"), ("arm", "machine 183")] {
        let message = closure(tree.0.path(), &[root]).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains(root), "{message}");
    }
}

#[test]
fn every_cut_of_a_module_is_survived() {
    let whole = module(&["depends=a"]);
    for keep in 0..whole.len() {
        assert_ne!(ModInfo::read(&whole[..keep]).ok(), ModInfo::read(&whole).ok(), "{keep}");
    }
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_are_not_followed() {
    let tree = Tree::new();
    let outside = Tree::new();
    outside.add("evil.ko", &[]);
    tree.add("kernel/good.ko", &[]);
    std::os::unix::fs::symlink(outside.0.path(), tree.0.path().join("build")).unwrap();
    std::os::unix::fs::symlink(outside.0.path().join("evil.ko"), tree.0.path().join("kernel/evil.ko")).unwrap();
    let index = ModuleIndex::scan(tree.0.path()).unwrap();
    assert_eq!(index.len(), 1);
    assert_eq!(index.file("evil"), None);
}

#[test]
fn a_trees_modules_come_from_its_order_file() {
    let tree = Tree::new();
    tree.add("fs/overlayfs/overlay.ko", &[]).add("net/old.ko", &[]).add("drivers/stale.ko", &[]);
    fs::write(tree.0.path().join("modules.order"), "fs/overlayfs/overlay.o\nkernel/net/old.ko\nnet/unbuilt.ko\n")
        .unwrap();
    let index = ModuleIndex::from_tree(tree.0.path()).unwrap();
    assert_eq!(index.len(), 2);
    assert_eq!(index.file("overlay"), Some(&*tree.0.path().join("fs/overlayfs/overlay.ko")));
}

#[test]
fn an_updated_module_comes_before_the_shipped_one() {
    let tree = Tree::new();
    tree.add("kernel/net/veth.ko", &[]).add("updates/dkms/veth.ko.xz", &[]);
    let index = ModuleIndex::scan(tree.0.path()).unwrap();
    assert!(index.file("veth").unwrap().ends_with("updates/dkms/veth.ko.xz"));
}

#[test]
fn names_are_the_kernels() {
    let name = |path: &str| module_name(&PathBuf::from(path));
    assert_eq!(name("/a/nf-nat.ko.zst").as_deref(), Some("nf_nat"));
    assert_eq!(name("8021q.ko").as_deref(), Some("8021q"));
    assert_eq!(name("a.ko.debug"), None);
    assert_eq!(module_name(Path::new("/")), None);
}

#[test]
fn the_table_of_requests_reads() {
    assert_eq!(requests::of("libcrc32c").collect::<Vec<_>>(), ["crc32c"]);
    assert_eq!(requests::of("veth").count(), 0);
    assert!(requests::behind("crc32c").iter().any(|m| m == "crc32c_generic"));
}
