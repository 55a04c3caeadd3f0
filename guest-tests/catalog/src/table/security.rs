//! Seccomp, capabilities, masks, keyrings.

use crate::test::Test;

pub(super) const TESTS: &[Test] = &[];
