//! The whole: a container set up, run, killed and torn down.

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[];
