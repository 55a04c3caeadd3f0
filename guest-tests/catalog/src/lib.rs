//! The tests that exist and what each needs, and the words of the channel: no_std data shared by host and guest.
//!
//! The catalog is the oracle: a kernel that fulfils a test's needs and then answers `ENOSYS` has failed, not skipped.

#![no_std]

pub mod protocol;
mod tests_table;

pub use tests_table::TESTS;

/// A kernel version as far as a feature table needs it: `Version(3, 8, 0)` is 3.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

/// A test of the guest binary and what it asks of the kernel it runs on.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Unique name, `group::[subgroup::]what_it_proves`.
    pub name: &'static str,
    /// One line for reports: what is proven or refuted.
    pub purpose: &'static str,
    /// What the kernel must have for the test to mean something.
    pub needs: Needs,
    /// Seconds the guest gives the test before it kills it, on a host with hardware acceleration;
    /// scaled up by the harness for slower accelerators.
    pub deadline_s: u32,
    /// `selftest::*`: breaks the kernel on purpose, so never runs unless a pattern names the group.
    pub selftest: bool,
    /// Leaves network namespaces behind whose clean-up the settle step has to wait for.
    pub uses_netns: bool,
    /// Has to be the first test of its boot: what an earlier one did to the kernel outlives it.
    pub own_boot: bool,
}

/// What a kernel must have for a test to be expected to pass on it.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// First kernel version that has the feature.
    pub since: Version,
    /// First kernel version that no longer has it.
    pub until: Option<Version>,
    /// Build options, all of them needed.
    pub kconfig: &'static [Kconfig],
    /// Modules to load first, in this order; one that is built in is skipped. Names use `_`, as `/proc/modules` does.
    pub modules: &'static [&'static str],
    /// At least one mount or feature word on the kernel command line, such as `swapaccount=1`.
    pub cmdline: Option<&'static str>,
}

/// A build option that a test needs in a range of versions.
#[derive(Clone, Copy, Debug)]
pub struct Kconfig {
    /// Names without `CONFIG_`, any of which will do (an option that was renamed): `MEMCG`, `CGROUP_MEM_RES_CTLR`.
    pub any: &'static [&'static str],
    /// First version that has such an option; before it the need counts as fulfilled.
    pub since: Version,
    /// First version without such an option; from there on the need counts as fulfilled.
    pub until: Option<Version>,
}

/// A test by its full name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|t| t.name == name)
}

/// Every module that any test asks for by name; the roots of the closure that goes into the initramfs.
pub fn modules() -> impl Iterator<Item = &'static str> {
    TESTS.iter().flat_map(|t| t.needs.modules.iter().copied())
}
