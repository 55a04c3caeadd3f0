//! What the harness must notice. A stock kernel does these things only when helped: guest/selftest.rs.

use crate::test::{Param, Test, test};

pub(super) const TESTS: &[Test] = &[
    test("selftest::oops", "a kernel oops that the VM survives is seen and laid at its test").breaks_the_kernel(),
    test("selftest::warn", "a kernel warning that hurts nobody is seen and laid at its test").breaks_the_kernel(),
    test("selftest::garbage", "junk and forged lines on console and channel change no verdict")
        .params(&[Param { name: "iterations", default: 1, min: 1, max: 100_000 }])
        .breaks_the_kernel(),
    test("selftest::panic", "a kernel panic is seen and laid at its test").deadline(5).breaks_the_kernel(),
    test("selftest::hang", "a CPU that hangs with interrupts off is noticed and laid at its test")
        .deadline(5)
        .breaks_the_kernel(),
    test("selftest::lost", "a machine that resets without a word is noticed and laid at its test")
        .deadline(5)
        .breaks_the_kernel(),
];
