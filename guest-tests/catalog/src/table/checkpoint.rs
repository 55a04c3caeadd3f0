//! What CRIU asks of a kernel.

use crate::test::Test;

pub(super) const TESTS: &[Test] = &[];
