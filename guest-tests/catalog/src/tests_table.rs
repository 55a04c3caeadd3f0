//! The table of tests, one entry each, in the order in which they run.

use crate::{Kconfig, Needs, Test, Version};

const UTS_NS: Kconfig = Kconfig { any: &["UTS_NS"], since: Version(2, 6, 19), until: None };

/// Every test, in the order in which they run.
pub static TESTS: &[Test] = &[Test {
    name: "ns::uts::hostname_is_private",
    purpose: "a host name set in a new UTS namespace is not seen outside, nor the reverse",
    needs: Needs { since: Version(2, 6, 19), until: None, kconfig: &[UTS_NS], modules: &[], cmdline: None },
    deadline_s: 5,
    selftest: false,
    uses_netns: false,
}];
