//! User namespaces.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, DEVTMPFS, IPC_NS, PID_NS, USER_NS, UTS_NS};
use crate::test::{Oddity, Test, test};
use crate::version::Version;

const NO_CLONE: Mutant = Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER);
const NO_UNSHARE: Mutant = Mutant::lose("no new user namespace", nr::UNSHARE, 0, clone::NEWUSER);
/// The stranger stays root.
const NO_OTHER_USER: Mutant = Mutant::ignore_when("user not changed", nr::SETUID, 0, 1001);

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
    user("ns::user::unshare_makes_a_new_one", "unshare puts the caller in a new user namespace, root there by its map")
        .mutants(&[NO_UNSHARE]),
    user("ns::user::clone3_makes_a_new_one", "clone3 makes a process in a new user namespace, root there by its map")
        .since(5, 3, 0)
        .mutants(&[Mutant::new(
            "flag of clone3 lost",
            Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: clone::NEWUSER as u64 },
        )]),
    // b2e0d98705e6, 3.8: unshare of a user namespace.
    user(
        "ns::user::unshare_is_refused_before_3_8",
        "before 3.8 unshare of a user namespace is EINVAL and changes nothing",
    )
    .since(2, 6, 23)
    .until(3, 8, 0)
    .mutants(&[Mutant::forgive("taken and ignored", nr::UNSHARE)]),
    // e66eded8309e, 3.9 and 3.8.3 (CVE-2013-1858).
    user("ns::user::shared_root_folder_is_refused", "clone of a user namespace that shares root and cwd is EINVAL")
        .since(3, 8, 3)
        .mutants(&[Mutant::lose("flag that is refused lost", nr::CLONE, 0, clone::FS)]),
    user("ns::user::map_is_written_once", "a map is written once, the second write is EPERM and the first map stays")
        .mutants(&[NO_CLONE, Mutant::ignore_write("map not set", "_map")]),
    user(
        "ns::user::bad_maps_are_refused",
        "maps that overlap, wrap, are empty or malformed are EINVAL, then a good one works",
    )
    .mutants(&[NO_CLONE, Mutant::ignore_write("map not set", "/uid_map")]),
    // 6397fac4915a, 4.15.
    user(
        "ns::user::map_holds_so_many_lines",
        "a map takes 340 lines (5 before 4.15), no more, and the last one counts",
    )
    .oddities(&[Oddity {
        name: "five_lines",
        since: Version(3, 5, 0),
        until: Some(Version(4, 15, 0)),
        source: "user_namespaces(7), 6397fac4915a",
    }])
    .mutants(&[NO_CLONE, Mutant::ignore_write("map not set", "/uid_map")]),
    user("ns::user::user_maps_itself_only", "a user without capabilities maps itself to any ID and nobody else")
        .mutants(&[NO_UNSHARE, Mutant::ignore_write("map not set", "/uid_map")]),
    // 9cc46516ddf4, 3.19.
    user(
        "ns::user::setgroups_is_given_up",
        "a user maps its group after it gave up setgroups for good, here and below",
    )
    .since(3, 19, 0)
    .mutants(&[NO_UNSHARE, Mutant::ignore_write("deny ignored", "/setgroups")]),
    user("ns::user::nested_maps_translate_twice", "IDs two user namespaces down are translated by both maps"),
    // 8742f229b635, 3.11; ENOSPC since df75e7748bae, 4.9.
    user("ns::user::depth_is_33", "33 user namespaces nest below the first one, the next is refused")
        .since(3, 11, 0)
        .oddities(&[Oddity {
            name: "eusers",
            since: Version(3, 11, 0),
            until: Some(Version(4, 9, 0)),
            source: "user_namespaces(7), df75e7748bae",
        }]),
    // Its own tmpfs, where it tries: b3c6761d9b5c, 3.9.
    user(
        "ns::user::root_inside_has_no_devices",
        "root inside makes no device node, mounts no devtmpfs, gets at no port",
    )
    .since(3, 9, 0)
    .kconfig(&[USER_NS, DEVTMPFS])
    .mutants(&[NO_CLONE, Mutant::forgive("device node made", nr::MKNOD), Mutant::forgive("ports given", nr::IOPL)]),
    user("ns::user::exec_leaves_capabilities_to_root", "exec takes the capabilities of all but the namespace's root"),
    user("ns::user::powers_start_anew", "a new user namespace gives all capabilities and no securebits to one without")
        .mutants(&[NO_UNSHARE, Mutant::ignore("securebits not set", nr::PRCTL)]),
    user(
        "ns::user::owner_may_trace_inside",
        "the user who made a user namespace may trace and kill inside, no other user",
    )
    .mutants(&[NO_OTHER_USER, Mutant::new("owner refused", Lie::Refuse { nr: nr::PTRACE, errno: 1 })]),
    // 6786741dbf99 and a7306ed8d94a, 4.9.
    user("ns::user::namespace_leads_to_owner_and_parent", "ioctls lead from a namespace to its owner and its parent")
        .since(4, 9, 0)
        .kconfig(&[USER_NS, UTS_NS, PID_NS])
        .mutants(&[NO_CLONE, Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS)]),
    // e5ff5ce6e20e and d95fa3c76a66, 4.11.
    user(
        "ns::user::namespace_tells_kind_and_owner",
        "ioctls tell the kind of a namespace and who made a user namespace",
    )
    .since(4, 11, 0)
    .kconfig(&[USER_NS, UTS_NS, PID_NS])
    .mutants(&[NO_UNSHARE]),
    // dbec28460a89, 4.9.
    user(
        "ns::user::limits_of_each_kind_hold",
        "max_*_namespaces of a user namespace hold for what is made in it alone",
    )
    .since(4, 9, 0)
    .kconfig(&[USER_NS, UTS_NS, PID_NS, IPC_NS, CGROUPS])
    .mutants(&[Mutant::ignore_write("limit not set", "_namespaces"), NO_CLONE]),
];
