//! Toy packages in every packing that archives have used.

use std::io::Write as _;

use super::sha256;

#[derive(Clone)]
pub struct Deb {
    pub name: String,
    pub version: String,
    pub depends: String,
    /// KiB; a kernel has some MiB.
    pub installed: u64,
    /// Of `data.tar`: `.xz`, `.gz`, `.bz2`, `.zst`, ``.
    pub packing: &'static str,
    pub files: Vec<(String, Vec<u8>)>,
    /// Path, kind (`1` hard, `2` symbolic), target.
    pub links: Vec<(String, u8, String)>,
}

impl Deb {
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self {
            name,
            version,
            depends: "kmod".into(),
            installed: 12,
            packing: ".xz",
            files: Vec::new(),
            links: Vec::new(),
        }
    }

    /// A whole kernel, as Debian to 6.18 has them.
    pub fn whole(release: &str, version: &str) -> Self {
        let mut deb = Self::new(&format!("linux-image-{release}"), version);
        deb.installed = 100_000;
        deb.file(&format!("./boot/vmlinuz-{release}"), bzimage(release))
            .file(&format!("./boot/config-{release}"), CONFIG.into())
            .file(&format!("./boot/System.map-{release}"), b"ffffffffffffffff B see the -dbg package\n".into())
            .modules(&format!("./lib/modules/{release}"), release)
    }

    /// A package that only points at others.
    pub fn meta(name: &str, version: &str, depends: &str) -> Self {
        Self { depends: depends.into(), ..Self::new(name, version) }
    }

    pub fn packed(self, packing: &'static str) -> Self {
        Self { packing, ..self }
    }

    pub fn file(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.files.push((path.to_owned(), bytes));
        self
    }

    pub fn link(mut self, path: &str, kind: u8, target: &str) -> Self {
        self.links.push((path.to_owned(), kind, target.to_owned()));
        self
    }

    /// `bridge`, which needs `stp`, and one that nobody wants; packed as they have been over the years.
    pub fn modules(self, root: &str, release: &str) -> Self {
        let vermagic = format!("vermagic={release} SMP");
        let elf = |depends: &str| module(&[depends, &vermagic]);
        self.file(&format!("{root}/kernel/net/bridge.ko.xz"), pack(".xz", &elf("depends=stp")))
            .file(&format!("{root}/kernel/net/stp.ko.zst"), pack(".zst", &elf("depends=")))
            .file(&format!("{root}/kernel/net/unwanted.ko"), elf("depends="))
    }

    pub fn path(&self) -> String {
        format!("pool/main/l/linux/{}_{}_amd64.deb", self.name, self.version)
    }

    pub fn stanza(&self, deb: &[u8]) -> String {
        format!(
            "Package: {}\nVersion: {}\nArchitecture: amd64\nInstalled-Size: {}\nDepends: {}\nDescription: toy\n of a \
             package\nFilename: {}\nSize: {}\nSHA256: {}\n\n",
            self.name,
            self.version,
            self.installed,
            self.depends,
            self.path(),
            deb.len(),
            sha256(deb)
        )
    }

    pub fn build(&self) -> Vec<u8> {
        let control =
            pack(".gz", &tar(&[("./control".to_owned(), format!("Package: {}\n", self.name).into_bytes())], &[]));
        let data = pack(self.packing, &tar(&self.files, &self.links));
        let data_name = format!("data.tar{}", self.packing);
        let mut deb = b"!<arch>\n".to_vec();
        for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &control), (&data_name, &data)] {
            deb.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes());
            deb.extend(bytes);
            deb.extend(std::iter::repeat_n(b'\n', bytes.len() % 2));
        }
        deb
    }
}

const CONFIG: &str = "CONFIG_PID_NS=y\nCONFIG_BRIDGE=m\n";

/// By hand, as the `tar` crate refuses to write names that lead out.
fn tar(files: &[(String, Vec<u8>)], links: &[(String, u8, String)]) -> Vec<u8> {
    let mut tar = Vec::new();
    let links = links.iter().map(|(path, kind, target)| (path, *kind, target.as_str(), &[][..]));
    for (path, kind, target, bytes) in files.iter().map(|(path, bytes)| (path, b'0', "", &bytes[..])).chain(links) {
        let mut header = [0_u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        header[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(crate) fn pack(form: &str, bytes: &[u8]) -> Vec<u8> {
    match form {
        ".xz" => liblzma::encode_all(bytes, 1).unwrap(),
        ".zst" => zstd::encode_all(bytes, 1).unwrap(),
        ".gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        ".bz2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        _ => bytes.to_vec(),
    }
}

/// The setup header of a kernel of boot protocol 2.06, which does not tell where the payload is, and some noise.
pub fn bzimage(release: &str) -> Vec<u8> {
    let mut image = vec![0; 1024];
    image[0x1f1] = 1;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x0206_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x0100_u16.to_le_bytes());
    let version = format!("{release} (toy@test) #1 SMP\0");
    image[0x300..0x300 + version.len()].copy_from_slice(version.as_bytes());
    image.extend((0..4096_u32).flat_map(|n| (n * n).to_le_bytes()));
    image[0x1f4..0x1f8].copy_from_slice(&1024_u32.to_le_bytes());
    image
}

/// The smallest ELF relocatable that has a `.modinfo`: header, contents, names, three section headers.
fn module(modinfo: &[&str]) -> Vec<u8> {
    let info: Vec<u8> = modinfo.iter().flat_map(|field| [field.as_bytes(), &[0]].concat()).collect();
    let names = b"\0.modinfo\0.shstrtab\0";
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([1, 0, 62, 0, 1, 0, 0, 0]);
    elf.resize(40, 0);
    elf.extend((64 + info.len() as u64 + names.len() as u64).to_le_bytes());
    elf.extend([0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, 0, 3, 0, 2, 0]);
    elf.extend(&info);
    elf.extend(names);
    elf.extend([0; 64]);
    for (name, kind, at, size) in [(1_u32, 1_u32, 64, info.len()), (10, 3, 64 + info.len(), names.len())] {
        elf.extend(name.to_le_bytes());
        elf.extend(kind.to_le_bytes());
        elf.extend([0; 16]);
        elf.extend((at as u64).to_le_bytes());
        elf.extend((size as u64).to_le_bytes());
        elf.extend([0; 24]);
    }
    elf
}
