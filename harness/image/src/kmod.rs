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
