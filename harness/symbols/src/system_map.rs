//! `System.map`: one symbol a line, as `nm -n` prints them.

use crate::Symbols;

/// A true one has tens of thousands of lines; the one of Debian's packages (6.1 to 7.x) has one, which names the
/// package with the real thing.
const FEWEST: usize = 100;

/// Why a `System.map` gives no symbols.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SystemMapError {
    /// It holds no or next to no symbols.
    #[error("it is a stub that says {says:?}, no list of symbols; the kernel itself has them: give --kernel")]
    Stub {
        /// Its first line.
        says: String,
    },
}

impl Symbols {
    /// Reads a `System.map`. Lines that are none of a symbol are left out.
    ///
    /// # Errors
    /// [`SystemMapError`] if it is a stub.
    pub fn from_system_map(bytes: &[u8]) -> Result<Self, SystemMapError> {
        let text = String::from_utf8_lossy(bytes);
        let mut symbols: Vec<_> = text.lines().filter_map(symbol).collect();
        if symbols.len() < FEWEST {
            let says = text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(80).collect();
            return Err(SystemMapError::Stub { says });
        }
        symbols.sort_by_key(|&(address, kind, name)| (address, rank(kind, name)));
        Ok(Self::from_sorted(symbols.into_iter()))
    }
}

fn symbol(line: &str) -> Option<(u64, u8, &str)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let [kind] = *words.next()?.as_bytes() else { return None };
    words.next().filter(|_| kind.is_ascii_alphabetic()).map(|name| (address, kind, name))
}

/// Of the symbols of one address, which one the kernel would print: neither weak nor made by the linker, fewest `_`
/// before it, as `scripts/kallsyms.c` orders its table.
pub(crate) fn rank(kind: u8, name: &str) -> (bool, bool, usize) {
    let weak = matches!(kind, b'w' | b'W' | b'v' | b'V');
    let linker = name.starts_with("__start_") || name.starts_with("__stop_") || name.starts_with("__end_");
    (weak, linker, name.bytes().take_while(|&b| b == b'_').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_true_one_is_read_and_odd_lines_are_left_out() {
        let mut text = String::from("nonsense\n0000000000000000 A VDSO64_PRELINK\nffffffff81000000 XX f\n");
        for at in 0..200 {
            text += &format!(
                "{:016x} t f{at}\n{:016x} T __f{at}\n",
                0xffff_ffff_8100_0000_u64 + at * 16,
                0xffff_ffff_8100_0000_u64 + at * 16
            );
        }
        let symbols = Symbols::from_system_map(text.as_bytes()).unwrap();
        assert_eq!(symbols.len(), 401);
        assert_eq!(symbols.at(0xffff_ffff_8100_0015).unwrap().to_string(), "f1+0x5/0x10");
    }

    #[test]
    fn a_stub_is_known_for_one() {
        let debian = b"ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
        let error = Symbols::from_system_map(debian).unwrap_err().to_string();
        assert!(error.contains("stub") && error.contains("--kernel"), "{error}");
        Symbols::from_system_map(b"").unwrap_err();
        Symbols::from_system_map(&[0xff, 0, b'\n', 0x1b]).unwrap_err();
    }
}
