//! What a file that is no bzImage looks like, in words that tell the user which mistake it was.

use object::elf::{self, Machine};

use super::Compression;

/// What these bytes are in all likelihood.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    if let Some(machine) = elf_machine(bytes) {
        return elf_words(machine);
    }
    if let Some(words) = other_kernel(bytes) {
        return words.to_owned();
    }
    if let Some(words) = no_kernel(bytes) {
        return words.to_owned();
    }
    if let Some(packer) = Compression::detect(bytes) {
        return packed_words(packer, bytes);
    }
    if bytes.iter().all(|&b| b == 0) {
        return "nothing but zero bytes".to_owned();
    }
    if bytes.len() < 0x250 {
        return format!("{} bytes, too few for the header of a kernel", bytes.len());
    }
    if bytes.get(0x202..0x206) == Some(b"HdrS") {
        return "a bzImage; unpack it first, or its boot sector signature is gone".to_owned();
    }
    let head: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("data of an unknown kind (it begins with {})", head.join(" "))
}

/// `e_machine` of an ELF file.
pub(super) fn elf_machine(bytes: &[u8]) -> Option<Machine> {
    if !bytes.starts_with(&elf::ELFMAG) {
        return None;
    }
    let machine: [u8; 2] = bytes.get(18..20)?.try_into().ok()?;
    let big_endian = bytes.get(5) == Some(&elf::ELFDATA2MSB.0);
    Some(Machine(if big_endian { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) }))
}

/// The name by which people know a machine.
pub(super) fn machine_name(machine: Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86-64",
        elf::EM_386 => "32-bit x86",
        elf::EM_AARCH64 => "arm64",
        elf::EM_ARM => "32-bit ARM",
        elf::EM_PPC64 => "64-bit PowerPC",
        elf::EM_PPC => "32-bit PowerPC",
        elf::EM_S390 => "s390",
        elf::EM_RISCV => "RISC-V",
        elf::EM_MIPS => "MIPS",
        elf::EM_SPARCV9 => "SPARC",
        elf::EM_LOONGARCH => "LoongArch",
        other => return format!("ELF machine {}", other.0),
    }
    .to_owned()
}

fn elf_words(machine: Machine) -> String {
    match machine {
        elf::EM_X86_64 => {
            "an x86-64 ELF file (a vmlinux?); kernrig boots the bzImage, in a built tree arch/x86/boot/bzImage"
                .to_owned()
        }
        other => format!("an ELF file for {}", machine_name(other)),
    }
}

fn other_kernel(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    Some(if at(56, b"ARM\x64") {
        "an arm64 kernel Image"
    } else if at(4, b"zimg") {
        "an EFI zboot kernel (arm64, RISC-V or LoongArch)"
    } else if at(0x38, b"RSC\x05") {
        "a RISC-V kernel Image"
    } else if at(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        "a 32-bit ARM zImage"
    } else if at(0, &[0x27, 0x05, 0x19, 0x56]) {
        "a U-Boot uImage"
    } else if at(0, &[0xd0, 0x0d, 0xfe, 0xed]) {
        "a device tree or FIT image"
    } else if at(0, b"MZ") {
        "an EFI program without the header of a bzImage; of a unified kernel image give the .linux section"
    } else {
        return None;
    })
}

fn no_kernel(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.trim_ascii_start();
    let text = |prefix: &[u8]| start.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    Some(if text(b"<!doctype") || text(b"<html") || text(b"<?xml") {
        "a web page: a download that went wrong"
    } else if text(b"version https://git-lfs") {
        "a Git LFS pointer, not the file it stands for"
    } else if text(b"!<arch>") {
        "a .deb or other ar archive"
    } else if text(&[0xed, 0xab, 0xee, 0xdb]) {
        "an RPM package; unpack it and give the vmlinuz inside"
    } else if text(b"070701") || text(b"070702") {
        "an initramfs (cpio archive)"
    } else if bytes.get(257..262) == Some(b"ustar") {
        "a tar archive"
    } else {
        return None;
    })
}

fn packed_words(packer: Compression, bytes: &[u8]) -> String {
    match packer.unpack_head(bytes, 1024) {
        Ok(head) if !head.is_empty() && Compression::detect(&head).is_none() => {
            format!("{packer} data that holds {}", looks_like(&head))
        }
        _ => format!("{packer} data"),
    }
}
