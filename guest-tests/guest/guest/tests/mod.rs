//! The tests, by name.

mod uts;

use crate::test_api::Entry;

/// Every test of the catalog but `selftest::*`.
pub(crate) static TESTS: &[Entry] = &[("ns::uts::hostname_is_private", uts::hostname_is_private)];
