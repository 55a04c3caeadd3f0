//! Addresses in a kernel log become functions: bytes of a kernel in, a symbol table out; no I/O, no panics.
//!
//! Where the symbols come from: [`Symbols::from_kallsyms`] (the tables that every kernel with `CONFIG_KALLSYMS` carries),
//! [`Symbols::from_system_map`], [`Symbols::from_elf`]. A [`Survey`] of a log says where each boot's kernel lay, a
//! [`Rewriter`] puts functions where addresses stand, and [`Lines`] adds files, lines and inlined functions by DWARF.

mod dwarf;
mod kallsyms;
mod rewrite;
mod survey;
mod system_map;
mod table;

pub use dwarf::{DwarfError, Lines};
pub use kallsyms::KallsymsError;
pub use rewrite::{Rewriter, has_bare_addresses};
pub use survey::Survey;
pub use system_map::SystemMapError;
pub use table::{Place, Symbols};
