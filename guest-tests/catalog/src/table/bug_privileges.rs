//! Bugs of user namespaces and of what root of one may do: to capabilities of files, by many-line maps, in overlays.

use crate::Kconfig;
use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{OVERLAY, TMPFS_XATTR, USER_NS};
use crate::test::{Test, test};
use crate::version::Version;

const NO_USER_NS: Mutant = Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER);
const APPARMOR: Kconfig = Kconfig { any: &["SECURITY_APPARMOR"], since: Version(2, 6, 36), until: None };

pub(super) const TESTS: &[Test] = &[
    // Capabilities of a namespace's root are of 4.14 (8db6c34f1dbc). Broken by 95ebabde382c (5.12-rc, 5.11.x, 5.10.20),
    // reverted by 3b0c2d3eaa83.
    test(
        "bug::nested_setcap::own_file_takes_capabilities",
        "root of a user namespace in another gives its own file capabilities, which are its alone",
    )
    .since(4, 14, 0)
    .kconfig(&[USER_NS, TMPFS_XATTR])
    .mutants(&[Mutant::ignore("they are not set", nr::SETXATTR), NO_USER_NS]),
    // Broken by bfb819ea20ce (5.13-rc, 5.10.43), repaired by 591a22c14d3f (5.13).
    test(
        "bug::attr_opener::written_after_new_credentials",
        "a process writes its security attributes through a file opened with other credentials",
    )
    .since(2, 6, 36)
    .kconfig(&[APPARMOR])
    .mutants(&[
        Mutant::new("anybody may write", Lie::Forgive { nr: nr::WRITE, answer: 7 }),
        Mutant::new("nobody may write", Lie::IgnoreWrite { path: "/attr/current" }),
    ]),
    // More than five lines: 4.15 (6397fac4915a). Broken by that, repaired by d2f007dbe7e4 (4.20, 4.19.2).
    test(
        "bug::cve_2018_18955::many_lines_map_nobody_else",
        "maps of many lines give a nested namespace's root no power over users that are not in them",
    )
    .since(4, 15, 0)
    .kconfig(&[USER_NS])
    .mutants(&[NO_USER_NS, Mutant::ignore("the machine's files are for all", nr::CHMOD)]),
    // Overlays of user namespaces are of 5.11 (459c7c565ac3), which has the repair 7c03e2cda4a5.
    test(
        "bug::cve_2021_3493::capability_is_the_namespaces",
        "capabilities of a file, set through a user namespace's overlay, are its root's alone",
    )
    .since(5, 11, 0)
    .kconfig(&[USER_NS, OVERLAY, TMPFS_XATTR])
    .modules(&["overlay"])
    .mutants(&[NO_USER_NS, Mutant::ignore("they are not set", nr::SETXATTR)]),
    // 4f11ada10d0a "ovl: fail on invalid uid/gid mapping at copy up" (6.2, 6.1.11, 5.15.91).
    test(
        "bug::cve_2023_0386::foreign_setuid_is_not_copied_up",
        "the overlay of a user namespace copies up no setuid file of a user without a number there",
    )
    .since(5, 11, 0)
    .kconfig(&[USER_NS, OVERLAY, TMPFS_XATTR])
    .modules(&["overlay"])
    .mutants(&[NO_USER_NS, Mutant::forgive("it is copied up", nr::OPEN)]),
    // Refused with EOPNOTSUPP by 5d1f903f75a8 (6.6, 6.1.55). Links of /proc lead to a link since 3.6 (b5fb63c18315):
    // ELOOP seen on 3.5.
    test(
        "bug::symlink_mode::chmod_by_descriptor_spares_the_target",
        "chmod of a symbolic link by its descriptor is done or EOPNOTSUPP, and its target stays",
    )
    .since(3, 6, 0)
    .mutants(&[
        Mutant::ignore("nothing is changed", nr::CHMOD),
        Mutant::new("the link is followed", Lie::Lose { nr: nr::OPEN, arg: 1, bits: 0o40_0000 | 0o1000_0000 }),
    ]),
    // Counted for each namespace above too since 5.14 (21d1c5e386bc); repaired by 0ac983f51203 and a55d07294f1e (5.17,
    // 5.16.11).
    test(
        "bug::nproc_userns::limit_counts_the_users_own",
        "a user in a user namespace has its share of processes, whatever the maker's user runs",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS])
    .mutants(&[
        Mutant::ignore("no limit is set", nr::SETRLIMIT),
        Mutant::new("exec is EAGAIN", Lie::Ignore { nr: nr::EXECVE, answer: -11 }),
    ]),
];
