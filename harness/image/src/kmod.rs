//! A kernel module as bytes that can be changed: its name, the code of its init function, its signature.

use object::elf::{FileHeader64, R_X86_64_NONE, SHT_RELA, STT_FUNC};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{LittleEndian, SectionIndex};

const LE: LittleEndian = LittleEndian;

/// What stands at the end of a signed module (kernel/module_signing.c; since 3.7).
const SIGNATURE_MARK: &[u8] = b"~Module signature appended~\n";

/// The signature's fixed part before the mark: five bytes of kinds, three of padding, the length (big-endian).
const SIGNATURE_INFO: usize = 12;

/// The section that becomes the kernel's `struct module`.
const THIS_MODULE: &[u8] = b".gnu.linkonce.this_module";

/// Code is written behind these: `endbr64`, and the place for the function tracer's call if objtool has emptied it.
const ENDBR64: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
const NOP5: &[u8] = &[0x0f, 0x1f, 0x44, 0x00, 0x00];

/// How far into a function the compiler puts the call of `mcount`, behind the saved registers (`-pg` before 3.19).
const PROLOGUE: u64 = 32;

type Header = FileHeader64<LittleEndian>;

/// The module without its signature, which would be wrong after any change. A kernel that does not insist on
/// signatures loads an unsigned module (taint E) and refuses a wrongly signed one.
pub(crate) fn without_signature(module: &[u8]) -> &[u8] {
    let Some(rest) = module.strip_suffix(SIGNATURE_MARK) else { return module };
    let Some((rest, info)) = rest.split_last_chunk::<SIGNATURE_INFO>() else { return module };
    let length = u32::from_be_bytes([info[8], info[9], info[10], info[11]]);
    usize::try_from(length).ok().and_then(|length| rest.len().checked_sub(length)).map_or(module, |end| &rest[..end])
}

/// A copy that the kernel takes for another module: the last letter of the name in its `struct module` is changed.
/// (The name in `.modinfo`, there since 4.20, only says which name to refuse and to print.)
pub(crate) fn renamed(module: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let mut copy = without_signature(module).to_vec();
    let elf = Elf::parse(&copy)?;
    let (start, length) = elf.section_named(THIS_MODULE).ok_or("it has no struct module")?;
    let section = copy.get(start..start + length).ok_or("its struct module is cut off")?;
    let wanted = [name.as_bytes(), b"\0"].concat();
    let at = section.windows(wanted.len()).position(|w| w == wanted).ok_or("its struct module has another name")?;
    copy[start + at + name.len() - 1] = b'X';
    Ok(copy)
}

/// A copy whose init function runs this code instead of its own. What the kernel's linker would write over the
/// code is switched off (a relocation lies within one instruction, so none begins before the code and ends in it).
pub(crate) fn with_init_code(module: &[u8], code: &[u8]) -> Result<Vec<u8>, String> {
    let mut copy = without_signature(module).to_vec();
    let elf = Elf::parse(&copy)?;
    let init = elf.init_function()?;
    let relocations = elf.relocations_of(init.section);
    let body = elf.body_of(&copy, &init, &relocations)?;
    let end = body + code.len() as u64;
    if end > init.offset + init.size {
        return Err(format!("its init function has only {} bytes", init.size));
    }
    let overlapping: Vec<usize> =
        relocations.iter().filter(|r| (body..end).contains(&r.offset)).map(|r| r.file_offset).collect();
    let at = usize::try_from(init.section_start + body).map_err(|e| e.to_string())?;
    copy.get_mut(at..at + code.len()).ok_or("its init function is cut off")?.copy_from_slice(code);
    for relocation in overlapping {
        // Elf64_Rela: offset (8 bytes), type (4), symbol (4), addend (8).
        copy[relocation + 8..relocation + 12].copy_from_slice(&R_X86_64_NONE.0.to_le_bytes());
    }
    Ok(copy)
}

/// The tables of a module. It borrows nothing, so that the bytes can be changed while it lives.
struct Elf {
    sections: Vec<Section>,
    symbols: Vec<Symbol>,
    relocations: Vec<Relocation>,
}

struct Section {
    name: Vec<u8>,
    start: u64,
    size: u64,
}

#[derive(Clone)]
struct Symbol {
    name: Vec<u8>,
    section: usize,
    section_start: u64,
    offset: u64,
    size: u64,
    function: bool,
}

#[derive(Clone)]
struct Relocation {
    section: usize,
    offset: u64,
    symbol: usize,
    file_offset: usize,
}

impl Elf {
    fn parse(data: &[u8]) -> Result<Self, String> {
        Self::read(data).map_err(|error| format!("it is no 64-bit ELF file that can be read: {error}"))
    }

    fn read(data: &[u8]) -> object::Result<Self> {
        let header = Header::parse(data)?;
        let table = header.sections(LE, data)?;
        let symbols = table.symbols(LE, data, object::elf::SHT_SYMTAB)?;
        let mut elf = Self { sections: Vec::new(), symbols: Vec::new(), relocations: Vec::new() };
        for section in table.iter() {
            let name = table.section_name(LE, section)?.to_vec();
            elf.sections.push(Section { name, start: section.sh_offset(LE), size: section.sh_size(LE) });
            if section.sh_type(LE) == SHT_RELA {
                let target = section.info_link(LE).0;
                let Some((entries, _)) = section.rela(LE, data)? else { continue };
                let start = usize::try_from(section.sh_offset(LE)).unwrap_or(usize::MAX);
                elf.relocations.extend(entries.iter().enumerate().map(|(at, rela)| Relocation {
                    section: target,
                    offset: rela.r_offset.get(LE),
                    symbol: rela.r_sym(LE, false) as usize,
                    file_offset: start + at * size_of_val(rela),
                }));
            }
        }
        for (index, symbol) in symbols.enumerate() {
            let section = symbols.symbol_section(LE, symbol, index)?.unwrap_or(SectionIndex(0)).0;
            elf.symbols.push(Symbol {
                name: symbol.name(LE, symbols.strings())?.to_vec(),
                section,
                section_start: elf.sections.get(section).map_or(0, |s| s.start),
                offset: symbol.st_value(LE),
                size: symbol.st_size(LE),
                function: symbol.st_type() == STT_FUNC,
            });
        }
        Ok(elf)
    }

    fn section_named(&self, name: &[u8]) -> Option<(usize, usize)> {
        let section = self.sections.iter().find(|s| s.name == name)?;
        Some((usize::try_from(section.start).ok()?, usize::try_from(section.size).ok()?))
    }

    fn init_function(&self) -> Result<Symbol, String> {
        let init = self.symbols.iter().find(|s| s.name == b"init_module" && s.function && s.section != 0);
        init.cloned().ok_or_else(|| "it has no init_module".to_owned())
    }

    fn relocations_of(&self, section: usize) -> Vec<Relocation> {
        self.relocations.iter().filter(|r| r.section == section).cloned().collect()
    }

    /// Where the function's own code begins: behind what the function tracer checks when the module is loaded.
    fn body_of(&self, data: &[u8], init: &Symbol, relocations: &[Relocation]) -> Result<u64, String> {
        let is_tracer = |r: &&Relocation| {
            let symbol = self.symbols.get(r.symbol).map(|s| s.name.as_slice());
            (init.offset..init.offset + PROLOGUE).contains(&r.offset)
                && matches!(symbol, Some(b"__fentry__" | b"mcount"))
        };
        if let Some(call) = relocations.iter().find(is_tracer) {
            return Ok(call.offset + 4);
        }
        let start = usize::try_from(init.section_start + init.offset).map_err(|e| e.to_string())?;
        let mut code = data.get(start..).ok_or("its init function is cut off")?;
        let mut body = init.offset;
        for prefix in [ENDBR64, NOP5] {
            if let Some(rest) = code.strip_prefix(prefix) {
                code = rest;
                body += prefix.len() as u64;
            }
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use object::write::{Object, Relocation as WrittenRelocation, Symbol as WrittenSymbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};
    use object::{RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

    use super::*;

    const PLT32: u32 = 4;

    fn symbol(name: &str, section: SymbolSection, value: u64, size: u64) -> WrittenSymbol {
        WrittenSymbol {
            name: name.into(),
            value,
            size,
            kind: if section == SymbolSection::Undefined { SymbolKind::Unknown } else { SymbolKind::Text },
            scope: SymbolScope::Dynamic,
            weak: false,
            section,
            flags: SymbolFlags::None,
        }
    }

    /// A module "toy" whose init function is this code, with calls of these functions relocated at these offsets.
    fn module(code: &[u8], calls: &[(u64, &str)]) -> Vec<u8> {
        let mut elf = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let init = elf.add_section(Vec::new(), b".init.text".to_vec(), SectionKind::Text);
        // Kernels since 6.4 put padding before functions.
        let padded = [&[0x90; 16], code].concat();
        elf.append_section_data(init, &padded, 16);
        let this = elf.add_section(Vec::new(), THIS_MODULE.to_vec(), SectionKind::Data);
        elf.append_section_data(this, b"\0\0\0\0\0\0\0\0toy\0\0\0\0\0toy", 32);
        elf.add_symbol(symbol("init_module", SymbolSection::Section(init), 16, code.len() as u64));
        for &(at, name) in calls {
            let symbol = elf.add_symbol(symbol(name, SymbolSection::Undefined, 0, 0));
            let flags = RelocationFlags::Elf { r_type: object::elf::RelocationType(PLT32) };
            elf.add_relocation(init, WrittenRelocation { offset: 16 + at, symbol, addend: -4, flags }).unwrap();
        }
        elf.write().unwrap()
    }

    /// The init function's code, and the kinds and places of its relocations.
    fn read_back(module: &[u8]) -> (Vec<u8>, Vec<(u64, u32)>) {
        let elf = object::File::parse(module).unwrap();
        let init = elf.symbols().find(|s| s.name() == Ok("init_module")).unwrap();
        let section = elf.section_by_index(init.section_index().unwrap()).unwrap();
        let relocations = Elf::parse(module).unwrap().relocations_of(section.index().0);
        let kind = |r: &Relocation| {
            (r.offset - 16, u32::from_le_bytes(module[r.file_offset + 8..r.file_offset + 12].try_into().unwrap()))
        };
        (section.data().unwrap()[16..].to_vec(), relocations.iter().map(kind).collect())
    }

    const FAULT: &[u8] = &[0x31, 0xc0, 0xc6, 0x00, 0x00];
    /// `ret` to fill up a function.
    const REST: [u8; 24] = [0xc3; 24];

    #[test]
    fn code_goes_behind_what_the_function_tracer_checks() {
        let call = [0xe8, 0, 0, 0, 0];
        let push = [0x55, 0x48, 0x89, 0xe5];
        type Calls<'a> = &'a [(u64, &'a str)];
        let cases: [(Vec<u8>, Calls<'_>, usize); 5] = [
            (vec![], &[], 0),
            (call.into(), &[(1, "__fentry__")], 5),
            ([ENDBR64, &call].concat(), &[(5, "__fentry__")], 9),
            ([ENDBR64, NOP5].concat(), &[], 9),
            ([push.as_slice(), &call].concat(), &[(5, "mcount")], 9),
        ];
        for (prologue, calls, at) in cases {
            let original = [prologue.as_slice(), &REST].concat();
            let (code, relocations) = read_back(&with_init_code(&module(&original, calls), FAULT).unwrap());
            assert_eq!(code[..at], original[..at], "the prologue stays");
            assert_eq!(&code[at..at + FAULT.len()], FAULT);
            assert!(code[at + FAULT.len()..].iter().all(|&byte| byte == 0xc3));
            assert!(relocations.iter().all(|&(_, kind)| kind == PLT32), "the tracer's call is relocated as before");
        }
    }

    #[test]
    fn relocations_of_what_was_overwritten_are_switched_off() {
        let code = [[0xe8, 0, 0, 0, 0].as_slice(), &[0xe8, 0, 0, 0, 0], &[0xe8, 0, 0, 0, 0], &REST].concat();
        let module = module(&code, &[(1, "__fentry__"), (6, "rtnl_lock"), (11, "register_it")]);
        let (_, relocations) = read_back(&with_init_code(&module, FAULT).unwrap());
        assert_eq!(relocations, [(1, PLT32), (6, R_X86_64_NONE.0), (11, PLT32)]);
    }

    #[test]
    fn what_cannot_be_changed_is_refused_with_a_reason() {
        let refusal = |module: &[u8]| with_init_code(module, FAULT).unwrap_err();
        assert!(refusal(b"no ELF").contains("ELF"));
        assert!(refusal(&module(&[0xc3], &[])).contains("only 1 bytes"));
        assert!(renamed(&module(&REST, &[]), "dummy").unwrap_err().contains("another name"));
    }

    #[test]
    fn a_renamed_copy_differs_in_one_letter_of_its_struct_module() {
        let original = module(&REST, &[]);
        let copy = renamed(&original, "toy").unwrap();
        let changed: Vec<_> = (0..copy.len()).filter(|&at| copy[at] != original[at]).collect();
        assert_eq!((original.len(), changed.len()), (copy.len(), 1));
        assert_eq!(&copy[changed[0] - 2..changed[0] + 2], b"toX\0");
    }

    #[test]
    fn the_signature_is_cut_off() {
        let signed = |length: u32| {
            let info = [&[0; 8], length.to_be_bytes().as_slice()].concat();
            [b"module".as_slice(), b"signature", &info, SIGNATURE_MARK].concat()
        };
        assert_eq!(without_signature(&signed(9)), b"module");
        assert_eq!(without_signature(b"module"), b"module");
        assert_eq!(without_signature(SIGNATURE_MARK), SIGNATURE_MARK);
        let absurd = signed(u32::MAX);
        assert_eq!(without_signature(&absurd), absurd);
    }

    #[test]
    fn a_cut_off_or_damaged_module_never_panics() {
        let whole = module(&REST, &[(1, "__fentry__")]);
        for length in 0..whole.len() {
            let _ = with_init_code(&whole[..length], FAULT);
            let _ = renamed(&whole[..length], "toy");
            for value in [0x00, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[length] = value;
                let _ = with_init_code(&damaged, FAULT);
                let _ = renamed(&damaged, "toy");
            }
        }
    }
}
