//! Seccomp, capabilities, masks, keyrings.

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[];
