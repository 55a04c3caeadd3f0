//! The tests that exist and what each needs, and the words of the channel: no_std data shared by host and guest.
//!
//! The catalog is the oracle: a kernel that fulfils a test's needs and then answers `ENOSYS` has failed, not skipped.

#![no_std]

pub mod flags;
mod mutant;
pub mod nr;
mod options;
pub mod protocol;
mod table;
mod test;
mod version;

pub use mutant::{Lie, Mutant};
pub use table::{GROUPS, TESTS};
pub use test::{Kconfig, Needs, Oddity, Param, Test};
pub use version::Version;

/// A test by its full name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|t| t.name == name)
}

/// Every module that any test asks for by name; the roots of the closure that goes into the initramfs.
pub fn modules() -> impl Iterator<Item = &'static str> {
    TESTS.iter().flat_map(|t| t.needs.modules.iter().copied())
}
