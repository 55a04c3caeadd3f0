//! The configuration that `CONFIG_IKCONFIG` puts into a kernel: gzip between two marks, `kernel/configs.c`.

use memchr::memmem;

use super::Compression;
use crate::Config;

/// The gzip header is part of the mark, so that code that merely names the mark (such as ours) is passed over.
const START: &[u8] = b"IKCFG_ST\x1f\x8b\x08";
const MAX_CONFIG: usize = 4 << 20;

/// The first configuration in an ELF file that unpacks and says something.
pub(super) fn find(elf: &[u8]) -> Option<Config> {
    memmem::find_iter(elf, START).find_map(|at| {
        let packed = &elf[at + b"IKCFG_ST".len()..];
        let text = Compression::Gzip.unpack(packed, MAX_CONFIG).ok()?;
        let config = Config::parse(&String::from_utf8_lossy(&text));
        (!config.is_empty()).then_some(config)
    })
}
