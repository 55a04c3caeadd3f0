//! The whole: a container set up, run, killed and torn down.

use crate::test::Test;

pub(super) const TESTS: &[Test] = &[];
