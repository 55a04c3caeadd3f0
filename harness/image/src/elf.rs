//! What a program's first bytes say about where it can run: a guest has no shared libraries and no interpreters.

use object::LittleEndian;
use object::elf::{EM_X86_64, ET_DYN, ET_EXEC, ET_REL, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// What a file is, as far as starting it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program for x86_64 that needs nothing but the kernel.
    Static,
    /// A program that is started by another one: `/lib64/ld-linux-x86-64.so.2`.
    Dynamic(String),
    /// An ELF file that cannot be started, and why.
    Unfit(String),
    /// `#!` and the program that reads it.
    Script(String),
    /// Nothing that a kernel starts.
    Other,
}

/// Looks at a file's contents.
pub(crate) fn kind(bytes: &[u8]) -> Kind {
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        let line = String::from_utf8_lossy(rest.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
        return Kind::Script(line.split_whitespace().next().unwrap_or_default().to_owned());
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Kind::Other;
    }
    elf(bytes).unwrap_or_else(|error| Kind::Unfit(format!("a damaged ELF file: {error}")))
}

fn elf(bytes: &[u8]) -> object::Result<Kind> {
    const LE: LittleEndian = LittleEndian;
    // Class, byte order and machine stand at the same place in every ELF file.
    let little = bytes.get(5) == Some(&1);
    let machine = bytes.get(18..20).map_or(0, |m| {
        let m = [m[0], m[1]];
        if little { u16::from_le_bytes(m) } else { u16::from_be_bytes(m) }
    });
    if machine != EM_X86_64.0 {
        return Ok(Kind::Unfit(format!("for {}, and the guests are x86_64", machine_name(machine))));
    }
    if bytes.get(4) != Some(&2) {
        return Ok(Kind::Unfit("for the x32 ABI, which few kernels have".to_owned()));
    }
    let header = FileHeader64::<LittleEndian>::parse(bytes)?;
    match header.e_type(LE) {
        ET_EXEC | ET_DYN => {}
        ET_REL => return Ok(Kind::Unfit("an object file that is not linked yet".to_owned())),
        other => return Ok(Kind::Unfit(format!("an ELF file of type {other}, no program"))),
    }
    for segment in header.program_headers(LE, bytes)? {
        if segment.p_type(LE) == PT_INTERP {
            let path = segment.data(LE, bytes).unwrap_or_default();
            return Ok(Kind::Dynamic(String::from_utf8_lossy(path).trim_end_matches('\0').to_owned()));
        }
    }
    if header.e_entry(LE) == 0 {
        return Ok(Kind::Unfit("a shared library, no program".to_owned()));
    }
    Ok(Kind::Static)
}

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "i386 (32 bit)",
        8 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC 64",
        22 => "s390",
        40 => "ARM (32 bit)",
        43 => "SPARC",
        183 => "AArch64",
        243 => "RISC-V",
        258 => "LoongArch",
        other => return format!("machine {other}"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    fn header(class: u8, kind: u16, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1, 0]);
        bytes[16..18].copy_from_slice(&kind.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        bytes[24] = 0x78;
        bytes
    }

    /// With a PT_INTERP segment.
    fn dynamic(interpreter: &str) -> Vec<u8> {
        let mut bytes = header(2, 3, 62);
        bytes[32] = 64;
        bytes[52] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        let mut segment = [0u8; 56];
        segment[0] = 3;
        segment[8] = 120;
        segment[32] = u8::try_from(interpreter.len() + 1).unwrap();
        bytes.extend(segment);
        bytes.extend(interpreter.as_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn what_cannot_start_in_a_guest_is_told_apart() {
        assert_eq!(kind(&header(2, 2, 62)), Kind::Static);
        assert_eq!(kind(&dynamic("/lib/ld.so")), Kind::Dynamic("/lib/ld.so".to_owned()));
        assert_eq!(kind(b"#! /bin/sh -e\nexit 0\n"), Kind::Script("/bin/sh".to_owned()));
        assert_eq!(kind(b"int main"), Kind::Other);
        let words = |bytes: &[u8]| match kind(bytes) {
            Kind::Unfit(words) => words,
            other => panic!("{other:?}"),
        };
        assert!(words(&header(1, 2, 3)).contains("i386"));
        assert!(words(&header(2, 2, 183)).contains("AArch64"));
        assert!(words(&header(1, 2, 62)).contains("x32"));
        assert!(words(&header(2, 1, 62)).contains("not linked"));
        assert!(words(b"\x7fELF\x02\x01\x01").contains("machine 0"));
        let mut cut = dynamic("/lib/ld.so");
        cut.truncate(80);
        assert!(words(&cut).contains("damaged"));
    }
}
