//! A vmlinux with debug information: its symbols, and the file, line and inlined functions of each frame.

use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;

use gimli::{EndianArcSlice, LittleEndian};
use object::read::elf::ElfFile64;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::table::LOWEST;
use crate::{Symbols, system_map};

type Bytes = EndianArcSlice<LittleEndian>;

/// The largest section unpacked: `.debug_info` of a distribution kernel is some 300 MB.
const MAX_SECTION: u64 = 4 << 30;
/// Functions inlined into each other at one address; more is damage.
const MAX_DEPTH: usize = 64;

/// Why a file gives no lines.
#[derive(Debug, thiserror::Error)]
pub enum DwarfError {
    /// No ELF file.
    #[error("it is no 64-bit ELF file ({0}); give the vmlinux that was built with the kernel, or its debug file")]
    NotElf(String),
    /// No symbols.
    #[error("it was stripped: it has no symbols; give the vmlinux that was built with the kernel, or its debug file")]
    Stripped,
    /// No debug information.
    #[error("it has no debug information (CONFIG_DEBUG_INFO), so no files and lines")]
    NoDebugInfo,
    /// Debug information that does not unpack or parse.
    #[error("its debug information cannot be read: {0}")]
    Damaged(String),
}

impl Symbols {
    /// Reads the symbol table of a vmlinux that was not stripped.
    ///
    /// # Errors
    /// [`DwarfError`] if there is none.
    pub fn from_elf(vmlinux: &[u8]) -> Result<Self, DwarfError> {
        let elf = parse(vmlinux)?;
        let mut symbols: Vec<_> = elf
            .symbols()
            .filter_map(|symbol| {
                let kind = match symbol.kind() {
                    SymbolKind::Text => b't',
                    SymbolKind::Label | SymbolKind::Unknown => b'r',
                    SymbolKind::Data => b'd',
                    _ => return None,
                };
                let name = symbol.name().ok().filter(|name| !name.is_empty() && !name.starts_with(".L"))?;
                let kind = if symbol.is_weak() && kind == b't' { b'W' } else { kind };
                symbol.is_definition().then_some((symbol.address(), kind, name))
            })
            .collect();
        if symbols.is_empty() {
            return Err(DwarfError::Stripped);
        }
        symbols.sort_by_key(|&(address, kind, name)| (address, system_map::rank(kind, name)));
        Ok(Self::from_sorted(symbols.into_iter()))
    }
}

/// Files and lines of a kernel's code.
pub struct Lines {
    context: addr2line::Context<Bytes>,
    /// The folder it was built in: what stands before `init/main.c`.
    built_in: String,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("built_in", &self.built_in).finish_non_exhaustive()
    }
}

/// One function at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Function {
    name: String,
    place: String,
}

impl Lines {
    /// Reads the debug information of a vmlinux.
    ///
    /// # Errors
    /// [`DwarfError`] if there is none that can be read.
    pub fn new(vmlinux: &[u8], symbols: &Symbols) -> Result<Self, DwarfError> {
        let elf = parse(vmlinux)?;
        if elf.section_by_name(".debug_info").is_none() {
            return Err(DwarfError::NoDebugInfo);
        }
        let load =
            |id: gimli::SectionId| section(&elf, id.name()).map(|bytes| Bytes::new(Arc::from(&*bytes), LittleEndian));
        let dwarf = gimli::Dwarf::load(load)?;
        let context = addr2line::Context::from_dwarf(dwarf).map_err(|e| DwarfError::Damaged(e.to_string()))?;
        let mut lines = Self { context, built_in: String::new() };
        let main = symbols.address("start_kernel").and_then(|at| lines.functions(at).pop());
        let folder = main.and_then(|f| Some(f.place.split_once("init/main.c:")?.0.to_owned()));
        lines.built_in = folder.unwrap_or_default();
        Ok(lines)
    }

    /// A report's text with the file and line of each function it names, and a line for each function inlined there:
    /// `fn+0x1/0x2 file.c:12`, before it `inlined file.h:7 [inline]`.
    #[must_use]
    pub fn annotate(&self, text: &str, symbols: &Symbols) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        for line in text.split_inclusive('\n') {
            self.annotate_line(line, symbols, &mut out);
        }
        out
    }

    fn annotate_line(&self, line: &str, symbols: &Symbols, out: &mut String) {
        let place = place(line).filter(|place| !line.get(place.end..).unwrap_or("").starts_with(" ["));
        let found = place.as_ref().and_then(|p| Some((p, p.link(symbols)?)));
        let Some((place, link)) = found else { return out.push_str(line) };
        let frame = line.get(..place.start).is_some_and(|before| {
            let close = before.trim_end_matches([' ', '?']);
            close.is_empty() || close.ends_with([']', '>'])
        });
        let mut functions = self.functions(if frame { link.wrapping_sub(1) } else { link });
        let Some(outermost) = functions.pop() else { return out.push_str(line) };
        let before = line.get(..place.start).unwrap_or("");
        for inlined in functions {
            out.push_str(&format!("{before}{} {} [inline]\n", inlined.name, inlined.place));
        }
        out.push_str(line.get(..place.end).unwrap_or(line));
        out.push_str(&format!(" {}", outermost.place));
        out.push_str(line.get(place.end..).unwrap_or(""));
    }

    /// The functions at an address, the innermost first; empty where nothing is known.
    fn functions(&self, address: u64) -> Vec<Function> {
        let Ok(mut frames) = self.context.find_frames(address).skip_all_loads() else { return Vec::new() };
        let mut functions = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|f| f.raw_name().ok()).unwrap_or(Cow::Borrowed("??"));
            let location = frame.location.as_ref().and_then(|l| Some(format!("{}:{}", l.file?, l.line?)));
            let Some(location) = location else { break };
            let place = location.strip_prefix(&self.built_in).unwrap_or(&location).trim_start_matches("./");
            functions.push(Function { name: name.into_owned(), place: place.to_owned() });
            if functions.len() >= MAX_DEPTH {
                break;
            }
        }
        functions
    }
}

/// `fn+0x1/0x2` in a line.
struct Named<'a> {
    name: &'a str,
    offset: u64,
    size: u64,
    start: usize,
    end: usize,
}

impl Named<'_> {
    /// Of several functions of one name, the one of that size.
    fn link(&self, symbols: &Symbols) -> Option<u64> {
        let fits = |&start: &u64| start >= LOWEST && symbols.at(start).is_some_and(|place| place.size == self.size);
        let mut all = symbols.addresses(self.name);
        let first = symbols.address(self.name)?;
        Some(all.find(fits).unwrap_or(first).wrapping_add(self.offset)).filter(|_| self.offset <= self.size)
    }
}

fn place(line: &str) -> Option<Named<'_>> {
    let plus = line.find("+0x")?;
    let start =
        line.get(..plus)?.rfind(|c: char| !(c.is_ascii_alphanumeric() || "_.$".contains(c))).map_or(0, |at| at + 1);
    let (offset, rest) = number(line.get(plus + 3..)?)?;
    let (size, rest) = number(rest.strip_prefix("/0x")?)?;
    Some(Named { name: line.get(start..plus)?, offset, size, start, end: line.len() - rest.len() })
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((u64::from_str_radix(digits, 16).ok()?, rest))
}

fn parse(bytes: &[u8]) -> Result<ElfFile64<'_, object::LittleEndian>, DwarfError> {
    ElfFile64::parse(bytes).map_err(|e| DwarfError::NotElf(e.to_string()))
}

/// A section, unpacked if it is packed (`CONFIG_DEBUG_INFO_COMPRESSED_ZLIB`, `…_ZSTD`); empty if it is not there.
fn section<'a>(elf: &ElfFile64<'a, object::LittleEndian>, name: &str) -> Result<Cow<'a, [u8]>, DwarfError> {
    let damaged = |e: &dyn std::fmt::Display| DwarfError::Damaged(format!("{name}: {e}"));
    let Some(section) = elf.section_by_name(name) else { return Ok(Cow::Borrowed(&[])) };
    let packed = section.compressed_data().map_err(|e| damaged(&e))?;
    let reader: Box<dyn Read> = match packed.format {
        object::CompressionFormat::None => return Ok(Cow::Borrowed(packed.data)),
        object::CompressionFormat::Zlib => Box::new(flate2::read::ZlibDecoder::new(packed.data)),
        object::CompressionFormat::Zstandard => {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed.data).map_err(|e| damaged(&e))?)
        }
        other => return Err(damaged(&format!("packed in a way that is not known ({other:?})"))),
    };
    let mut bytes = Vec::new();
    reader.take(MAX_SECTION.min(packed.uncompressed_size)).read_to_end(&mut bytes).map_err(|e| damaged(&e))?;
    Ok(Cow::Owned(bytes))
}
