//! Loops that hunt for races and leaks; their numbers come from the host.

use crate::test::Test;

pub(super) const TESTS: &[Test] = &[];
