//! The symbol table itself: names by address, looked up as the kernel looks them up.

use std::fmt;
use std::sync::OnceLock;

/// Lowest address that can be the kernel's own on x86-64: what is below in its tables is per-CPU or absolute.
pub(crate) const LOWEST: u64 = 0xffff_ffff_8000_0000;
/// The image is linked below this; what stands above are modules, vsyscalls and fixed maps.
const IMAGE_END: u64 = 0xffff_ffff_a000_0000;

/// The symbols of a kernel, by link address.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    entries: Vec<Entry>,
    names: String,
    /// Where code stands; empty where the marks of the linker script are missing.
    text: Vec<(u64, u64)>,
    /// Numbers of the entries by name, made when first asked for.
    by_name: OnceLock<Vec<u32>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: u64,
    start: u32,
    length: u16,
    kind: u8,
}

/// A place in a kernel: `d_lookup+0x52/0x90`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The function.
    pub name: &'a str,
    /// Bytes from its start.
    pub offset: u64,
    /// Bytes to the next symbol.
    pub size: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}/{:#x}", self.name, self.offset, self.size)
    }
}

impl Symbols {
    /// Symbols that are sorted by address already, those of one address in the order of preference.
    pub(crate) fn from_sorted<'a>(symbols: impl Iterator<Item = (u64, u8, &'a str)>) -> Self {
        let mut table = Self::default();
        for (address, kind, name) in symbols {
            let (Ok(start), Ok(length)) = (u32::try_from(table.names.len()), u16::try_from(name.len())) else {
                continue;
            };
            table.names.push_str(name);
            table.entries.push(Entry { address, start, length, kind });
        }
        table.text = table.text_ranges();
        table
    }

    /// How many symbols there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every symbol by address: link address, the letter `nm` gives it, name.
    pub fn iter(&self) -> impl Iterator<Item = (u64, char, &str)> {
        self.entries.iter().map(|e| (e.address, char::from(e.kind), self.name(e)))
    }

    /// Link address of the first symbol of that name.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<u64> {
        self.addresses(name).next()
    }

    /// Link addresses of every symbol of that name: a static function's may be taken several times.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u64> + 'a {
        let order = self.by_name.get_or_init(|| {
            let mut order: Vec<u32> = (0..).take(self.entries.len()).collect();
            order.sort_by_key(|&number| self.numbered(number).map(|e| self.name(e)));
            order
        });
        let named = move |number: u32| self.numbered(number).map(|e| self.name(e));
        let first = order.partition_point(|&number| named(number) < Some(name));
        let same = order.iter().skip(first).take_while(move |&&number| named(number) == Some(name));
        same.filter_map(|&number| self.numbered(number)).map(|e| e.address)
    }

    fn numbered(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)
    }

    /// The last address of the image that has a name.
    pub(crate) fn last_of_image(&self) -> u64 {
        let after = self.entries.partition_point(|e| e.address < IMAGE_END);
        after.checked_sub(1).and_then(|last| self.entries.get(last)).map_or(0, |e| e.address)
    }

    /// The function that a link address lies in; `None` outside of the kernel's code.
    #[must_use]
    pub fn at(&self, address: u64) -> Option<Place<'_>> {
        self.is_text(address).then(|| self.lookup(address)).flatten()
    }

    /// The function that a call returned from to this address. A call may be the last thing in a function that knows
    /// it never returns, so the address before counts, as in the kernel's `%pB` (since 2.6.39).
    #[must_use]
    pub fn before(&self, address: u64) -> Option<Place<'_>> {
        let place = self.at(address.wrapping_sub(1))?;
        Some(Place { offset: place.offset + 1, ..place })
    }

    fn lookup(&self, address: u64) -> Option<Place<'_>> {
        let after = self.entries.partition_point(|e| e.address <= address);
        let last = self.entries.get(after.checked_sub(1)?)?;
        // Of several symbols of one address the kernel takes the first of its table.
        let first = self.entries.partition_point(|e| e.address < last.address);
        let entry = self.entries.get(first)?;
        let end = self.entries.get(after).map_or(address.wrapping_add(1), |next| next.address);
        Some(Place { name: self.name(entry), offset: address - entry.address, size: end - entry.address })
    }

    fn is_text(&self, address: u64) -> bool {
        if address < LOWEST {
            return false;
        }
        if self.text.is_empty() {
            let after = self.entries.partition_point(|e| e.address <= address);
            let entry = after.checked_sub(1).and_then(|at| self.entries.get(at));
            return entry.is_some_and(|e| e.address >= LOWEST && matches!(e.kind, b't' | b'T' | b'w' | b'W'));
        }
        self.text.iter().any(|&(start, end)| (start..end).contains(&address))
    }

    /// `_stext` to `_etext`, and the code that only boot needs.
    fn text_ranges(&self) -> Vec<(u64, u64)> {
        let mut marks = [None; 5];
        for entry in &self.entries {
            let mark = match self.name(entry) {
                "_text" => 0,
                "_stext" => 1,
                "_etext" => 2,
                "_sinittext" => 3,
                "_einittext" => 4,
                _ => continue,
            };
            if let Some(place) = marks.get_mut(mark) {
                *place = Some(entry.address);
            }
        }
        let [text, stext, etext, sinit, einit] = marks;
        // On some versions `_stext` stands behind the code that starts the CPUs.
        let start = text.into_iter().chain(stext).min();
        let main = start.zip(etext).filter(|(from, to)| from < to);
        let Some(main) = main else { return Vec::new() };
        std::iter::once(main).chain(sinit.zip(einit)).collect()
    }

    fn name(&self, entry: &Entry) -> &str {
        let start = entry.start as usize;
        self.names.get(start..start + usize::from(entry.length)).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ffff_8100_0000;

    fn table() -> Symbols {
        let symbols = [
            (0x40, b'A', "per_cpu_thing"),
            (BASE, b'T', "_text"),
            (BASE, b'T', "startup_64"),
            (BASE + 0x100, b't', "f"),
            (BASE + 0x180, b'T', "g"),
            (BASE + 0x200, b'T', "_etext"),
            (BASE + 0x300, b'D', "data"),
            (BASE + 0x1000, b'T', "_sinittext"),
            (BASE + 0x1000, b't', "boots"),
            (BASE + 0x1100, b'T', "_einittext"),
        ];
        Symbols::from_sorted(symbols.into_iter())
    }

    #[test]
    fn addresses_become_places() {
        let table = table();
        let at = |offset| table.at(BASE + offset).map(|place| place.to_string());
        assert_eq!(at(0).as_deref(), Some("_text+0x0/0x100"));
        assert_eq!(at(0x17f).as_deref(), Some("f+0x7f/0x80"));
        assert_eq!(at(0x180).as_deref(), Some("g+0x0/0x80"));
        assert_eq!(at(0x10ff).as_deref(), Some("_sinittext+0xff/0x100"));
        assert_eq!(table.before(BASE + 0x180).map(|p| p.to_string()).as_deref(), Some("f+0x80/0x80"));
    }

    #[test]
    fn what_is_no_code_has_no_place() {
        let table = table();
        for address in [0, 0x50, BASE - 1, BASE + 0x200, BASE + 0x305, BASE + 0x1100, u64::MAX] {
            assert_eq!(table.at(address), None, "{address:#x}");
        }
        assert_eq!(table.before(0), None);
        assert_eq!(Symbols::default().at(BASE), None);
    }

    #[test]
    fn without_the_linkers_marks_the_letters_decide() {
        let table = Symbols::from_sorted([(BASE, b't', "f"), (BASE + 0x10, b'd', "data")].into_iter());
        assert_eq!(table.at(BASE + 3).map(|p| p.to_string()).as_deref(), Some("f+0x3/0x10"));
        assert_eq!(table.at(BASE + 0x11), None);
    }
}
