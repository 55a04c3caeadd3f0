//! Small kallsyms tables of every format there was, made here and read back.

use kernrig_symbols::{KallsymsError, Symbols};

const BASE: u64 = 0xffff_ffff_8100_0000;
const PERCPU: u64 = 0x4000;

/// What a version makes of the tables.
#[derive(Clone, Copy, Debug)]
struct Format {
    addresses: Addresses,
    /// Addresses stand behind the token index (6.4).
    behind: bool,
    /// Markers are `long` (to 4.20).
    wide_markers: bool,
    /// Names of 128 bytes and more (6.1).
    long_names: bool,
    /// The order of the names stands behind the markers (6.2, 6.3), or behind the addresses.
    order: bool,
    /// The names are aligned to 8 bytes.
    padded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Addresses {
    Absolute,
    /// From a base.
    Relative,
    /// From a base, and per-CPU symbols from nothing.
    PerCpu,
    /// Each from its own place.
    Place,
}

const OLD: Format = Format {
    addresses: Addresses::Absolute,
    behind: false,
    wide_markers: true,
    long_names: false,
    order: false,
    padded: true,
};

const FORMATS: [(&str, Format); 7] = [
    ("2.6.32", OLD),
    ("4.6", Format { addresses: Addresses::Relative, ..OLD }),
    ("4.6 with per-CPU symbols", Format { addresses: Addresses::PerCpu, ..OLD }),
    ("5.10", Format { addresses: Addresses::PerCpu, wide_markers: false, ..OLD }),
    ("6.2", Format { addresses: Addresses::PerCpu, wide_markers: false, long_names: true, order: true, ..OLD }),
    (
        "6.12",
        Format {
            addresses: Addresses::PerCpu,
            behind: true,
            wide_markers: false,
            long_names: true,
            order: true,
            padded: true,
        },
    ),
    (
        "7.3",
        Format {
            addresses: Addresses::Place,
            behind: true,
            wide_markers: false,
            long_names: true,
            order: true,
            padded: false,
        },
    ),
];

/// 700 functions after `_text`, one of them with a long name.
fn symbols(format: Format) -> Vec<(u64, String)> {
    let mut symbols = Vec::new();
    if matches!(format.addresses, Addresses::PerCpu | Addresses::Absolute) {
        symbols.push((PERCPU, "Airq_stack_union".to_owned()));
    }
    symbols.push((BASE, "T_text".to_owned()));
    for number in 1..700_u64 {
        let name = if number == 300 && format.long_names { "x".repeat(200) } else { format!("sys_f{number}") };
        symbols.push((BASE + 0x40 * number, format!("t{name}")));
    }
    symbols.push((BASE + 0x40 * 700, "T_etext".to_owned()));
    symbols
}

/// The token 1 is `sys_`; graphic characters are themselves.
fn token(code: u8) -> String {
    match code {
        1 => "sys_".to_owned(),
        code if code.is_ascii_graphic() => char::from(code).to_string(),
        _ => "qq".to_owned(),
    }
}

struct Image(Vec<u8>);

impl Image {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// An ELF header and one segment: the whole file at [`BASE`].
    fn elf() -> Self {
        let mut image = Self(b"\x7fELF\x02\x01\x01".to_vec());
        image.0.resize(16, 0);
        image.put(&[2, 0, 0x3e, 0, 1, 0, 0, 0]);
        for word in [BASE, 64, 0] {
            image.put(&word.to_le_bytes());
        }
        image.put(&[0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        image.put(&[1, 0, 0, 0, 7, 0, 0, 0]);
        for word in [0, BASE, BASE, 1 << 20, 1 << 20, 4096] {
            image.put(&u64::to_le_bytes(word));
        }
        image
    }

    fn addresses(&mut self, format: Format, symbols: &[(u64, String)]) {
        self.align(8);
        for &(address, _) in symbols {
            let relative = address.wrapping_sub(BASE);
            let offset = match format.addresses {
                Addresses::Absolute => {
                    self.put(&address.to_le_bytes());
                    continue;
                }
                Addresses::Relative => relative as i64,
                Addresses::PerCpu if address < BASE => address as i64,
                Addresses::PerCpu => -1 - relative as i64,
                Addresses::Place => relative as i64 - self.0.len() as i64,
            };
            self.put(&i32::try_from(offset).expect("small").to_le_bytes());
        }
        if matches!(format.addresses, Addresses::Relative | Addresses::PerCpu) {
            self.align(8);
            self.put(&BASE.to_le_bytes());
        }
    }

    fn names(&mut self, format: Format, symbols: &[(u64, String)]) {
        self.align(8);
        self.put(&u32::try_from(symbols.len()).expect("few").to_le_bytes());
        if format.padded {
            self.align(8);
        }
        let (first, mut markers) = (self.0.len(), Vec::new());
        for (number, (_, name)) in symbols.iter().enumerate() {
            if number % 256 == 0 {
                markers.push(self.0.len() - first);
            }
            let packed = name.replace("sys_", "\x01");
            match u8::try_from(packed.len()) {
                Ok(short @ ..0x80) => self.put(&[short]),
                _ => self.put(&[packed.len() as u8 & 0x7f | 0x80, (packed.len() >> 7) as u8]),
            }
            self.put(packed.as_bytes());
        }
        self.align(8);
        for marker in markers {
            let bytes = (marker as u64).to_le_bytes();
            self.put(if format.wide_markers { &bytes } else { &bytes[..4] });
        }
    }

    fn tokens(&mut self) {
        self.align(8);
        let (start, mut index) = (self.0.len(), Vec::new());
        for code in 0..=255 {
            index.push(self.0.len() - start);
            self.put(token(code).as_bytes());
            self.put(&[0]);
        }
        self.align(8);
        index.iter().for_each(|&at| self.put(&u16::try_from(at).expect("small").to_le_bytes()));
    }
}

fn image(format: Format) -> Vec<u8> {
    let symbols = symbols(format);
    let mut image = Image::elf();
    // What a kernel has before: code, and a table of digits that is none of tokens.
    image.put(&[0x90; 5000]);
    image.put(b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00:\x00;\x00");
    if !format.behind {
        image.addresses(format, &symbols);
    }
    image.names(format, &symbols);
    if format.order && !format.behind {
        image.put(&vec![7; 3 * symbols.len()]);
    }
    image.tokens();
    if format.behind {
        image.addresses(format, &symbols);
        image.put(&vec![7; 3 * symbols.len()]);
    }
    image.put(&[0xcc; 3000]);
    image.0
}

#[test]
fn tables_of_every_format_are_read() {
    for (version, format) in FORMATS {
        let table = Symbols::from_kallsyms(&image(format)).unwrap_or_else(|e| panic!("{version}: {e}"));
        let read: Vec<_> = table.iter().map(|(address, kind, name)| (address, format!("{kind}{name}"))).collect();
        assert_eq!(read, symbols(format), "{version}");
        assert_eq!(table.at(BASE + 0x40 * 7 + 3).unwrap().to_string(), "sys_f7+0x3/0x40", "{version}");
    }
}

#[test]
fn a_kernel_without_tables_or_with_half_of_them_says_so() {
    assert_eq!(Symbols::from_kallsyms(&[]).unwrap_err(), KallsymsError::NoTables);
    assert_eq!(Symbols::from_kallsyms(&vec![b'0'; 100_000]).unwrap_err(), KallsymsError::NoTables);
    let (_, format) = FORMATS[3];
    let mut none = Image::elf();
    none.tokens();
    let error = Symbols::from_kallsyms(&none.0).unwrap_err();
    assert!(matches!(error, KallsymsError::Unknown { .. }) && error.to_string().contains("no names"), "{error}");
    let symbols = symbols(format);
    none = Image::elf();
    none.names(format, &symbols);
    none.tokens();
    let error = Symbols::from_kallsyms(&none.0).unwrap_err();
    assert!(error.to_string().contains("no addresses"), "{error}");
}

#[test]
fn damage_anywhere_is_no_panic() {
    for (_, format) in FORMATS {
        let whole = image(format);
        for cut in (0..whole.len()).step_by(997) {
            let _ = Symbols::from_kallsyms(&whole[..cut]);
        }
        for at in (0..whole.len()).step_by(101) {
            let mut odd = whole.clone();
            odd[at] ^= 0xff;
            let _ = Symbols::from_kallsyms(&odd);
        }
    }
}
