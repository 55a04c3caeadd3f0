use std::io::Write;
use std::path::Path;

use super::{BzImage, Compression, ImageError};

const CONFIG: &str = "CONFIG_PID_NS=y\nCONFIG_OVERLAY_FS=m\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// An ELF head of the machine, then noise, then a configuration between its marks.
fn vmlinux(machine: u16) -> Vec<u8> {
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(18, 0);
    elf.extend(machine.to_le_bytes());
    elf.extend((0..40_000u32).flat_map(|n| (n * n).to_le_bytes()));
    elf.extend(b"the mark is IKCFG_ST, followed by gzip; IKCFG_ST");
    elf.extend(gzip(CONFIG.as_bytes()));
    elf.extend(b"IKCFG_ED and the rest");
    elf
}

fn pack(packer: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut packed = match packer {
        Compression::Gzip => return gzip(bytes),
        Compression::Xz => liblzma::encode_all(bytes, 1).unwrap(),
        Compression::Lzma => {
            let options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
            let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Lz4 => {
            let mut out = vec![2, 0x21, 0x4c, 0x18];
            for block in bytes.chunks(100_000) {
                let block = lz4_flex::block::compress(block);
                out.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
                out.extend(block);
            }
            out
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Lzo => b"\x89LZO\0\r\n\x1a\n...".to_vec(),
    };
    packed.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    packed
}

/// Header fields as the boot protocol lays them down, one setup sector, the payload in the middle of the system part.
fn bzimage(payload: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 1024];
    image[0x1f1] = 1;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020a_u16.to_le_bytes());
    image[0x20e..0x210].copy_from_slice(&0x0100_u16.to_le_bytes());
    let version = b"3.5.0-27-generic (root@vm) #1 SMP\0";
    image[0x300..0x300 + version.len()].copy_from_slice(version);
    image[0x248..0x24c].copy_from_slice(&64_u32.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    image.extend([0x90; 64]);
    image.extend(payload);
    image.resize(image.len().next_multiple_of(16), 0);
    let paragraphs = u32::try_from((image.len() - 1024) / 16).unwrap();
    image[0x1f4..0x1f8].copy_from_slice(&paragraphs.to_le_bytes());
    image
}

fn open(bytes: Vec<u8>) -> Result<BzImage, ImageError> {
    BzImage::from_bytes(Path::new("/k/bzImage"), bytes)
}

#[test]
fn every_packer_gives_the_vmlinux_and_its_configuration() {
    let elf = vmlinux(62);
    for packer in
        [Compression::Gzip, Compression::Xz, Compression::Lzma, Compression::Bzip2, Compression::Lz4, Compression::Zstd]
    {
        let image = open(bzimage(&pack(packer, &elf))).unwrap();
        assert_eq!(image.release(), "3.5.0-27-generic");
        assert_eq!(image.compression(), Some(packer));
        assert!(image.vmlinux().unwrap() == elf, "{packer}");
        let config = image.config().unwrap().unwrap();
        assert!(config.enabled("OVERLAY_FS") && !config.enabled("USER_NS"), "{packer}");
    }
}

#[test]
fn lzo_is_refused_only_when_it_must_be_unpacked() {
    let image = open(bzimage(&pack(Compression::Lzo, b""))).unwrap();
    let message = image.vmlinux().unwrap_err().to_string();
    assert!(message.contains("/k/bzImage") && message.contains("LZO") && message.contains("config file"), "{message}");
}

#[test]
fn a_kernel_without_ikconfig_has_none() {
    let image = open(bzimage(&gzip(&vmlinux(62)[..50_000]))).unwrap();
    assert_eq!(image.config().unwrap(), None);
}

#[test]
fn another_architecture_is_named() {
    let message = open(bzimage(&gzip(&vmlinux(3)))).unwrap_err().to_string();
    assert!(message.contains("32-bit x86"), "{message}");
}

#[test]
fn a_cut_off_image_is_named_at_any_length() {
    let whole = bzimage(&gzip(&vmlinux(62)));
    for keep in [0x250, 1024, 4096, whole.len() / 2, whole.len() - 16] {
        let error = open(whole[..keep].to_vec()).unwrap_err();
        assert!(matches!(error, ImageError::Truncated { .. }), "{keep}: {error}");
    }
    for keep in [0, 1, 0x1ff, 0x205, 0x24f] {
        let error = open(whole[..keep].to_vec()).unwrap_err();
        assert!(matches!(error, ImageError::NotAnImage { .. }), "{keep}: {error}");
    }
}

#[test]
fn a_damaged_payload_is_an_error_and_not_a_panic() {
    let mut image = bzimage(&gzip(&vmlinux(62)));
    let middle = image.len() / 2;
    image[middle..middle + 64].fill(0xff);
    let message = open(image).and_then(|i| i.vmlinux()).unwrap_err().to_string();
    assert!(message.contains("gzip payload does not unpack"), "{message}");
    let mut far = bzimage(&gzip(b"x"));
    far[0x248..0x24c].fill(0xff);
    assert!(matches!(open(far), Err(ImageError::Truncated { .. })));
    let mut nameless = bzimage(&gzip(b"x"));
    nameless[0x300..0x310].fill(0);
    assert!(open(nameless).unwrap_err().to_string().contains("no kernel version"));
}

#[test]
fn what_is_no_kernel_is_called_by_its_name() {
    let mut arm64 = vec![0; 0x300];
    arm64[56..60].copy_from_slice(b"ARM\x64");
    let mut aarch64_elf = vmlinux(183);
    aarch64_elf.truncate(4096);
    for (bytes, words) in [
        (Vec::new(), "an empty file"),
        (vec![0; 4096], "zero bytes"),
        (arm64.clone(), "an arm64 kernel Image"),
        (gzip(&arm64), "gzip data that holds an arm64 kernel Image"),
        (aarch64_elf, "an ELF file for arm64"),
        (vmlinux(62), "arch/x86/boot/bzImage"),
        (b"<!DOCTYPE html><title>404".to_vec(), "a web page"),
        (b"!<arch>\ndebian-binary".to_vec(), ".deb"),
        (b"MZ\0\0zimg".to_vec(), "zboot"),
        (b"hello".to_vec(), "5 bytes"),
        ((0..=255).cycle().take(4096).collect(), "00 01 02 03"),
    ] {
        let message = open(bytes).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("/k/bzImage"), "{message}");
    }
}
