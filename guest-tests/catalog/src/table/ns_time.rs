//! Time namespaces.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::TIME_NS;
use crate::test::{Test, test};

const NO_UNSHARE: Mutant = Mutant::lose("no new time namespace", nr::UNSHARE, 0, clone::NEWTIME);
const NO_OFFSET: Mutant = Mutant::ignore_write("offset not set", "/timens_offsets");

const fn time(name: &'static str, purpose: &'static str) -> Test {
    // time_namespaces(7): 5.6.
    test(name, purpose).since(5, 6, 0).kconfig(&[TIME_NS]).mutants(&[NO_OFFSET])
}

pub(super) const TESTS: &[Test] = &[
    time(
        "ns::time::clocks_are_offset_for_children",
        "monotonic and boot time are offset for children and for no other",
    ),
    time("ns::time::uptime_is_offset_for_children", "/proc/uptime follows the offset of boot time"),
    time("ns::time::absolute_sleep_is_by_the_inner_clock", "a sleep till a moment of the inner clock lasts till then"),
    time("ns::time::offsets_are_set_before_first_child", "offsets can be changed until the first child and not after")
        .mutants(&[NO_OFFSET, Mutant::forgive("offset forgiven", nr::WRITE)]),
    time("ns::time::bad_offsets_are_refused", "an offset out of range or malformed is refused and has no effect")
        .mutants(&[NO_OFFSET, Mutant::new("wrong error", Lie::Refuse { nr: nr::WRITE, errno: 1 })]),
    time(
        "ns::time::unshare_moves_children_only",
        "unshare leaves the caller in its time namespace and moves its children",
    )
    .mutants(&[NO_UNSHARE]),
    time("ns::time::clone3_makes_a_new_one", "clone3 puts the child itself in a new time namespace and no later one")
        .mutants(&[Mutant::new(
            "flag of clone3 lost",
            Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: clone::NEWTIME as u64 },
        )]),
];
