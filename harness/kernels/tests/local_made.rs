//! Kernels in the hand that are made here, so that these paths are walked on every machine: an image with a
//! configuration inside, modules with a `.modinfo` and nothing else, packages around them.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use kernrig_kernels::cache::Cache;
use kernrig_kernels::local::{open_debs, open_path};
use kernrig_kernels::{Config, Kernel};

const RELEASE: &str = "6.1.0-1-toy";

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

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let to = self.dir.path().join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(&to, bytes).unwrap();
        to
    }

    fn open(&self, path: &str) -> Kernel {
        open_path(None, &self.dir.path().join(path), &self.cache).unwrap()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// An x86-64 ELF header with the section table at `table`.
fn elf(kind: u8, table: usize, sections: u8) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([kind, 0, 62, 0, 1, 0, 0, 0]);
    elf.resize(40, 0);
    elf.extend((table as u64).to_le_bytes());
    elf.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, sections, 0, sections.saturating_sub(1), 0]);
    elf
}

fn image(config: Option<&str>) -> Vec<u8> {
    let mut vmlinux = elf(2, 0, 0);
    if let Some(config) = config {
        vmlinux.extend(b"IKCFG_ST");
        vmlinux.extend(gzip(config.as_bytes()));
        vmlinux.extend(b"IKCFG_ED");
    }
    let payload = gzip(&vmlinux);
    let mut image = vec![0; 1024];
    image[0x1f1] = 1;
    image[0x1fe..0x206].copy_from_slice(b"\x55\xaa\x00\x00HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x0100_u16.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    let version = format!("{RELEASE} (toy@test) #1 SMP");
    image[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
    image.extend(payload);
    image.resize(image.len().next_multiple_of(16), 0);
    let paragraphs = u32::try_from((image.len() - 1024) / 16).unwrap();
    image[0x1f4..0x1f8].copy_from_slice(&paragraphs.to_le_bytes());
    image
}

fn module(depends: &str) -> Vec<u8> {
    let info = format!("depends={depends}\0vermagic={RELEASE} SMP mod_unload\0");
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut module = elf(1, 64 + info.len() + names.len(), 3);
    module.extend(info.as_bytes());
    module.extend(names);
    module.extend([0; 64]);
    for (name, kind, at, size) in [(1u32, 1u32, 64, info.len()), (10, 3, 64 + info.len(), names.len())] {
        module.extend(name.to_le_bytes());
        module.extend(kind.to_le_bytes());
        module.extend([0; 16]);
        module.extend((at as u64).to_le_bytes());
        module.extend((size as u64).to_le_bytes());
        module.extend([0; 24]);
    }
    module
}

fn deb(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("./{path}"), &bytes[..]).unwrap();
    }
    let data = liblzma::encode_all(&tar.into_inner().unwrap()[..], 0).unwrap();
    let mut ar = b"!<arch>\n".to_vec();
    for (name, bytes) in
        [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &gzip(&[0; 1024])), ("data.tar.xz", &data)]
    {
        ar.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", bytes.len()).as_bytes());
        ar.extend(bytes);
        if bytes.len() % 2 == 1 {
            ar.push(b'\n');
        }
    }
    ar
}

fn names(kernel: &Kernel) -> Vec<&str> {
    kernel.modules.iter().map(|m| m.name.as_str()).collect()
}

#[test]
fn a_folder_with_everything_in_it_opens() {
    let fixture = Fixture::new();
    fixture.write(&format!("toy/vmlinuz-{RELEASE}"), image(None));
    fixture.write("toy/config-of-mine", "# Linux/x86 6.1.9 Kernel Configuration\nCONFIG_NET_NS=y\n");
    fixture.write("toy/System.map-of-mine", "ffffffff81000000 T startup_64\n".repeat(3000));
    fixture.write(&format!("toy/lib/modules/{RELEASE}/kernel/8021q.ko.xz"), {
        liblzma::encode_all(&module("garp")[..], 0).unwrap()
    });
    fixture.write(&format!("toy/lib/modules/{RELEASE}/kernel/garp.ko"), module(""));
    let kernel = fixture.open("toy");
    assert_eq!((kernel.name.as_str(), kernel.release.as_str()), ("toy", RELEASE));
    assert_eq!(kernel.config, Some(Config::parse("CONFIG_NET_NS=y")));
    assert!(kernel.system_map.is_some());
    assert_eq!(names(&kernel), ["garp", "8021q"]);
    assert_eq!(fs::read(&kernel.modules[1].path).unwrap(), module("garp"));
    assert_eq!(kernel.notes, [""; 0]);
    assert!(kernel.lease.is_held());
}

#[test]
fn the_files_of_other_kernels_beside_an_image_are_not_taken() {
    let fixture = Fixture::new();
    fixture.write(&format!("boot/vmlinuz-{RELEASE}"), image(Some("CONFIG_UTS_NS=y\n")));
    fixture.write("boot/config-6.1.0-2-other", "CONFIG_NET_NS=y\n");
    let kernel = fixture.open(&format!("boot/vmlinuz-{RELEASE}"));
    assert_eq!(kernel.config, Some(Config::parse("CONFIG_UTS_NS=y")), "the image's own");
    assert_eq!(kernel.name, RELEASE);
}

#[test]
fn without_any_config_the_kernel_says_so() {
    let fixture = Fixture::new();
    fixture.write("toy/bzImage", image(None));
    let kernel = fixture.open("toy");
    assert_eq!(kernel.config, None);
    assert!(kernel.notes.iter().any(|note| note.contains("the guest probes")), "{:?}", kernel.notes);
}

#[test]
fn a_kernel_in_one_package_and_one_in_parts_are_the_same() {
    let fixture = Fixture::new();
    let (config, modules) = (b"CONFIG_NET_NS=y\n".to_vec(), format!("lib/modules/{RELEASE}"));
    let whole = fixture.write(
        &format!("linux-image-{RELEASE}_6.1.9-1_amd64.deb"),
        deb(&[
            (&format!("boot/vmlinuz-{RELEASE}"), image(None)),
            (&format!("boot/config-{RELEASE}"), config.clone()),
            (&format!("{modules}/kernel/dummy.ko"), module("")),
            (&format!("{modules}/kernel/unwanted.ko"), module("")),
        ]),
    );
    let usr = format!("usr/{modules}");
    let parts = [
        fixture.write("linux-modules_1_amd64.deb", deb(&[(&format!("{usr}/kernel/dummy.ko"), module(""))])),
        fixture.write("linux-base_1_amd64.deb", deb(&[(&format!("{usr}/config"), config)])),
        fixture.write("linux-binary_1_amd64.deb", deb(&[(&format!("{usr}/vmlinuz"), image(None))])),
    ];
    let whole = open_path(None, &whole, &fixture.cache).unwrap();
    let parted = open_debs(Some("mine"), &parts, &fixture.cache).unwrap();
    assert_eq!((whole.name.as_str(), parted.name.as_str()), (RELEASE, "mine"));
    for kernel in [&whole, &parted] {
        assert_eq!(names(kernel), ["dummy"]);
        assert_eq!(kernel.config, Some(Config::parse("CONFIG_NET_NS=y")));
        assert!(kernel.image.is_file() && kernel.lease.is_held());
    }
    assert_eq!(whole.packages[0].name, format!("linux-image-{RELEASE}"));
    assert_eq!((whole.packages[0].version.as_str(), parted.packages.len()), ("6.1.9-1", 3));

    let error = open_debs(None, &parts[..2], &fixture.cache).unwrap_err().to_string();
    assert!(error.contains("linux-base_1_amd64.deb"), "{error}");
}
