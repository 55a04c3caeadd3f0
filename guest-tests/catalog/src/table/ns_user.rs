//! User namespaces.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{USER_NS, UTS_NS};
use crate::test::{Test, test};

const NO_CLONE: Mutant = Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER);

const fn user(name: &'static str, purpose: &'static str) -> Test {
    // user_namespaces(7): complete from 3.8.
    test(name, purpose).since(3, 8, 0).kconfig(&[USER_NS]).mutants(&[NO_CLONE])
}

pub(super) const TESTS: &[Test] = &[
    user("ns::user::maps_translate_ids", "UID and GID maps translate process and file owners both ways")
        .mutants(&[NO_CLONE, Mutant::ignore_write("map not set", "/uid_map")]),
    user("ns::user::unmapped_is_overflow_id", "IDs without a map show as 65534, inside and before the map is written"),
    user(
        "ns::user::capabilities_end_at_the_border",
        "root of a user namespace is mighty over its own UTS namespace only",
    )
    .kconfig(&[USER_NS, UTS_NS])
    .mutants(&[NO_CLONE, Mutant::forgive("chown outside allowed", nr::CHOWN)]),
];
