//! What an entry of the table says about a test, and the words it is written with.

use crate::Version;
use crate::mutant::Mutant;

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
    /// In its boot no test may have run before it but those of its group that say this too: what another did to the
    /// kernel outlives it.
    pub own_boot: bool,
    /// Numbers that the host may turn, such as `iterations`.
    pub params: &'static [Param],
    /// Where kernels of some versions differ, documented, and the test expects just that of them.
    pub oddities: &'static [Oddity],
    /// Broken kernels that the test has to see through.
    pub mutants: &'static [Mutant],
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

/// A number that the host may give to a test.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// `iterations`, `workers`, `seconds`, `seed`.
    pub name: &'static str,
    /// What the test takes when it is told nothing.
    pub default: u64,
    /// The least that makes sense.
    pub min: u64,
    /// The most that the guest can do.
    pub max: u64,
}

/// A documented difference of a range of kernels, as an expectation of the test.
#[derive(Clone, Copy, Debug)]
pub struct Oddity {
    /// What the test asks for it by.
    pub name: &'static str,
    /// First version that behaves so.
    pub since: Version,
    /// First version that no longer does.
    pub until: Option<Version>,
    /// Commit, man page or bug report that documents it.
    pub source: &'static str,
}

impl Oddity {
    /// Whether a kernel of that version is expected to behave so.
    #[must_use]
    pub fn holds_on(&self, version: Version) -> bool {
        version >= self.since && self.until.is_none_or(|until| version < until)
    }
}

/// A test that needs nothing in particular; what follows adds to it.
pub(crate) const fn test(name: &'static str, purpose: &'static str) -> Test {
    Test {
        name,
        purpose,
        needs: Needs { since: Version(2, 6, 19), until: None, kconfig: &[], modules: &[], cmdline: None },
        deadline_s: 10,
        selftest: false,
        uses_netns: false,
        own_boot: false,
        params: &[],
        oddities: &[],
        mutants: &[],
    }
}

impl Test {
    pub(crate) const fn since(mut self, major: u16, minor: u16, patch: u16) -> Self {
        self.needs.since = Version(major, minor, patch);
        self
    }

    /// For what a later kernel no longer has, or no longer refuses.
    pub(crate) const fn until(mut self, major: u16, minor: u16, patch: u16) -> Self {
        self.needs.until = Some(Version(major, minor, patch));
        self
    }

    pub(crate) const fn kconfig(mut self, options: &'static [Kconfig]) -> Self {
        self.needs.kconfig = options;
        self
    }

    pub(crate) const fn modules(mut self, names: &'static [&'static str]) -> Self {
        self.needs.modules = names;
        self
    }

    pub(crate) const fn cmdline(mut self, word: &'static str) -> Self {
        self.needs.cmdline = Some(word);
        self
    }

    pub(crate) const fn deadline(mut self, seconds: u32) -> Self {
        self.deadline_s = seconds;
        self
    }

    pub(crate) const fn leaves_netns(mut self) -> Self {
        self.uses_netns = true;
        self
    }

    pub(crate) const fn own_boot(mut self) -> Self {
        self.own_boot = true;
        self
    }

    pub(crate) const fn breaks_the_kernel(mut self) -> Self {
        self.selftest = true;
        self
    }

    pub(crate) const fn params(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    pub(crate) const fn oddities(mut self, oddities: &'static [Oddity]) -> Self {
        self.oddities = oddities;
        self
    }

    pub(crate) const fn mutants(mut self, mutants: &'static [Mutant]) -> Self {
        self.mutants = mutants;
        self
    }
}
