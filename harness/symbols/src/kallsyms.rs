//! The tables that `CONFIG_KALLSYMS` builds into a kernel, found by their structure: a stripped image names nothing.
//!
//! What they look like (`scripts/kallsyms.c`), each part aligned to 8 bytes, little-endian:
//!
//! | to 6.3 | since 6.4 |
//! |---|---|
//! | addresses, or offsets (`i32`, since 4.6) and their base | number of symbols |
//! | number of symbols | names |
//! | names | markers |
//! | markers (`u64`, `u32` since 5.0) | token table, token index |
//! | order of the names (6.2 on) | offsets, and their base (gone in 7.x) |
//! | token table, token index | order of the names |
//!
//! A name is its length (two bytes of 7 bits if it is 128 or more, since 6.1) and as many tokens; unpacked, its first
//! letter is the kind. Markers are where each 256th name begins.

use memchr::memmem;
use object::elf::PT_LOAD;
use object::read::elf::ProgramHeader;

use crate::Symbols;
use crate::table::LOWEST;

/// Fewer symbols make no kernel; more than that, nothing that was ever built.
const COUNT: std::ops::RangeInclusive<usize> = 100..=4_000_000;
/// How far before the token table the names are looked for: an allyesconfig's are some 10 MB.
const REACH: usize = 48 << 20;
/// `KSYM_NAME_LEN` is 128 to 6.0, 512 since.
const MAX_NAME: usize = 1024;

/// Why a kernel gives no symbols.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KallsymsError {
    /// No token table.
    #[error("it holds no kallsyms tables: it was built without CONFIG_KALLSYMS, or it is no unpacked x86-64 kernel")]
    NoTables,
    /// A token table, and nothing that fits it.
    #[error("its kallsyms tables are of a format that is not known: there is a token table at {at:#x}, but {missing}")]
    Unknown {
        /// Offset in the file.
        at: usize,
        /// What was not found.
        missing: &'static str,
    },
}

impl Symbols {
    /// Reads the tables of an unpacked kernel (a vmlinux, stripped or not).
    ///
    /// # Errors
    /// [`KallsymsError`] if there are none, or none of a known format.
    pub fn from_kallsyms(vmlinux: &[u8]) -> Result<Self, KallsymsError> {
        let mut error = KallsymsError::NoTables;
        for tokens in Tokens::find(vmlinux) {
            let unknown = |missing| KallsymsError::Unknown { at: tokens.start, missing };
            let Some(names) = Names::find(vmlinux, &tokens) else {
                error = unknown("no names that are packed with it");
                continue;
            };
            let Some(addresses) = addresses(vmlinux, &tokens, &names) else {
                error = unknown("no addresses for its names");
                continue;
            };
            return Ok(symbols(vmlinux, &tokens, &names, &addresses));
        }
        Err(error)
    }
}

fn symbols(image: &[u8], tokens: &Tokens<'_>, names: &Names, addresses: &[u64]) -> Symbols {
    let mut text = String::new();
    let mut spans = Vec::with_capacity(addresses.len());
    let mut at = names.first;
    for &address in addresses {
        let Some((packed, next)) = packed_name(image, at, names.long) else { break };
        let start = text.len();
        tokens.unpack(packed, &mut text);
        spans.push((address, start..text.len()));
        at = next;
    }
    Symbols::from_sorted(spans.into_iter().filter_map(|(address, span)| {
        let whole = text.get(span)?;
        let kind = whole.chars().next()?;
        Some((address, u8::try_from(kind).ok()?, whole.get(1..)?))
    }))
}

/// The 256 pieces that names are packed with.
struct Tokens<'a> {
    start: usize,
    /// Just after the token index.
    end: usize,
    pieces: Vec<&'a [u8]>,
}

impl<'a> Tokens<'a> {
    /// Every token table of an image. A character that occurs in names stands for itself, and every digit does.
    fn find(image: &'a [u8]) -> impl Iterator<Item = Self> {
        memmem::find_iter(image, b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00")
            .filter_map(|at| Self::read(image, at))
    }

    /// `digits`: where the token `0` stands. The index behind the table says how far that is from the start.
    fn read(image: &'a [u8], digits: usize) -> Option<Self> {
        let mut end = digits;
        for _ in usize::from(b'0')..256 {
            end += piece(image, end)?.len() + 1;
        }
        (end.next_multiple_of(2)..end + 16).step_by(2).find_map(|index| Self::with_index(image, digits, index))
    }

    fn with_index(image: &'a [u8], digits: usize, index: usize) -> Option<Self> {
        let start = digits.checked_sub(u16_at(image, index + 2 * usize::from(b'0'))?.into())?;
        let mut pieces = Vec::with_capacity(256);
        let mut at = start;
        for token in 0..256 {
            if start + usize::from(u16_at(image, index + 2 * token)?) != at {
                return None;
            }
            let piece = piece(image, at)?;
            pieces.push(piece);
            at += piece.len() + 1;
        }
        Some(Self { start, end: index + 512, pieces })
    }

    fn unpack(&self, packed: &[u8], out: &mut String) {
        for piece in packed.iter().filter_map(|&token| self.pieces.get(usize::from(token))) {
            out.extend(piece.iter().map(|&b| char::from(b)).filter(|c| c.is_ascii_graphic()));
        }
    }

    /// Whether it unpacks to a kind and a name.
    fn makes_sense(&self, packed: &[u8]) -> bool {
        let mut bytes = packed.iter().filter_map(|&token| self.pieces.get(usize::from(token))).copied().flatten();
        bytes.next().is_some_and(u8::is_ascii_alphabetic) && bytes.all(u8::is_ascii_graphic)
    }
}

fn piece(image: &[u8], at: usize) -> Option<&[u8]> {
    let rest = image.get(at..image.len().min(at.checked_add(MAX_NAME)?))?;
    rest.split(|&b| b == 0).next().filter(|piece| piece.len() < rest.len())
}

/// Where the names are.
struct Names {
    /// Where the number of symbols stands.
    number_at: usize,
    count: usize,
    /// The first name.
    first: usize,
    /// Whether names of 128 bytes and more have two bytes of length.
    long: bool,
}

impl Names {
    /// Looks before the token table for a number, and as many names behind it, whose markers follow.
    fn find(image: &[u8], tokens: &Tokens<'_>) -> Option<Self> {
        let from = tokens.start.saturating_sub(REACH).next_multiple_of(4);
        (from..tokens.start).step_by(4).rev().find_map(|number_at| {
            let count = u32_at(image, number_at)? as usize;
            if !COUNT.contains(&count) || count > (tokens.start - number_at) / 2 {
                return None;
            }
            // The names were aligned to 8 bytes once; in 7.x nothing is between.
            let padded = u32_at(image, number_at + 4)? == 0;
            let first = if padded { number_at + 8 } else { number_at + 4 };
            if !looks_like_names(image, tokens, first) {
                return None;
            }
            let names = |long| Self { number_at, count, first, long };
            [true, false].into_iter().map(names).find(|names| names.have_markers(image, tokens.start))
        })
    }

    fn have_markers(&self, image: &[u8], before: usize) -> bool {
        let mut marks = Vec::with_capacity(self.count / 256 + 1);
        let mut at = self.first;
        for number in 0..self.count {
            if number % 256 == 0 {
                marks.push((at - self.first) as u64);
            }
            match packed_name(image, at, self.long) {
                Some((_, next)) if next <= before => at = next,
                _ => return false,
            }
        }
        let narrow =
            |from: usize| marks.iter().zip(0..).all(|(m, i)| u32_at(image, from + 4 * i).map(u64::from) == Some(*m));
        let wide = |from: usize| marks.iter().zip(0..).all(|(m, i)| u64_at(image, from + 8 * i) == Some(*m));
        let aligned = [at.next_multiple_of(4), at.next_multiple_of(8)];
        aligned.into_iter().any(|from| narrow(from) || wide(from))
    }
}

/// The cheap question first: there are millions of places to ask it at.
fn looks_like_names(image: &[u8], tokens: &Tokens<'_>, mut at: usize) -> bool {
    (0..16).all(|_| match packed_name(image, at, true) {
        Some((packed, next)) => {
            at = next;
            tokens.makes_sense(packed)
        }
        None => false,
    })
}

/// The name that begins here, and where the next one does.
fn packed_name(image: &[u8], at: usize, long: bool) -> Option<(&[u8], usize)> {
    let first = usize::from(*image.get(at)?);
    let (start, length) = if long && first >= 0x80 {
        (at + 2, (first & 0x7f) | usize::from(*image.get(at + 1)?) << 7)
    } else {
        (at + 1, first)
    };
    let packed = image.get(start..start.checked_add(length)?)?;
    (length > 0 && length <= MAX_NAME).then_some((packed, start + length))
}

/// The address of each name, from wherever the version keeps it.
fn addresses(image: &[u8], tokens: &Tokens<'_>, names: &Names) -> Option<Vec<u64>> {
    let count = names.count;
    let behind = || {
        let offsets = tokens.end.next_multiple_of(8);
        let base = u64_at(image, (offsets + 4 * count).next_multiple_of(8))?;
        relative(image, offsets, count, base)
    };
    let before = || {
        let base_at = names.number_at.checked_sub(8)?;
        let base = u64_at(image, base_at)?;
        relative(image, base_at.checked_sub((4 * count).next_multiple_of(8))?, count, base)
    };
    let absolute = || {
        let start = names.number_at.checked_sub(8 * count)?;
        sane((0..count).map(|i| u64_at(image, start + 8 * i)).collect::<Option<_>>()?)
    };
    let own_place = || place_relative(image, tokens.end.next_multiple_of(4), count);
    behind().or_else(before).or_else(absolute).or_else(own_place)
}

/// Offsets from a base. With per-CPU symbols among them (`CONFIG_KALLSYMS_ABSOLUTE_PERCPU`, to 6.14) those stand for
/// themselves, and what is relative is negative.
fn relative(image: &[u8], start: usize, count: usize, base: u64) -> Option<Vec<u64>> {
    if base < LOWEST {
        return None;
    }
    let offsets: Vec<i32> =
        (0..count).map(|i| u32_at(image, start + 4 * i).map(u32::cast_signed)).collect::<Option<_>>()?;
    let percpu = offsets.iter().any(|&offset| offset < 0);
    let address = |&offset: &i32| match (percpu, u64::try_from(offset)) {
        (true, Ok(absolute)) => absolute,
        (true, Err(_)) => base.wrapping_sub(1).wrapping_sub(i64::from(offset).cast_unsigned()),
        (false, _) => base.wrapping_add(u64::from(offset.cast_unsigned())),
    };
    sane(offsets.iter().map(address).collect())
}

/// Offsets each from the place where it stands itself, as in 7.x.
fn place_relative(image: &[u8], start: usize, count: usize) -> Option<Vec<u64>> {
    let base = loaded_at(image, start as u64)?;
    let address = |i: usize| {
        let offset = i64::from(u32_at(image, start + 4 * i)?.cast_signed());
        Some(base.wrapping_add(4 * i as u64).wrapping_add_signed(offset))
    };
    sane((0..count).map(address).collect::<Option<_>>()?)
}

/// Link address of a byte of the file.
fn loaded_at(image: &[u8], offset: u64) -> Option<u64> {
    let elf = object::read::elf::ElfFile64::<object::LittleEndian>::parse(image).ok()?;
    elf.elf_program_headers().iter().filter(|header| header.p_type(object::LittleEndian) == PT_LOAD).find_map(
        |header| {
            let (start, length) = header.file_range(object::LittleEndian);
            let inside = offset.checked_sub(start).filter(|&inside| inside < length)?;
            header.p_vaddr(object::LittleEndian).checked_add(inside)
        },
    )
}

/// The table is sorted, and most of it is kernel: anything else was read at the wrong place.
fn sane(addresses: Vec<u64>) -> Option<Vec<u64>> {
    let own = addresses.iter().filter(|&&address| address >= LOWEST).count();
    (addresses.is_sorted() && own > addresses.len() / 2).then_some(addresses)
}

fn u16_at(image: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*image.get(at..)?.first_chunk()?))
}

fn u32_at(image: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*image.get(at..)?.first_chunk()?))
}

fn u64_at(image: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*image.get(at..)?.first_chunk()?))
}
