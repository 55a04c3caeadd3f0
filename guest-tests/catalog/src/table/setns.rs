//! `setns`: each kind of namespace by each way in, and who is turned away.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, INET, IPC_NS, NET_NS, PID_NS, SYSVIPC, TIME_NS, USER_NS, UTS_NS};
use crate::test::{Test, test};
use crate::{Kconfig, Version};

const DOES_NOTHING: Mutant = Mutant::ignore("setns does nothing", nr::SETNS);
const SAYS_YES: Mutant = Mutant::forgive("setns says yes", nr::SETNS);

// setns(2): 3.0 for uts, ipc and net; 3.8 for mnt, pid and user.
pub(super) const VISITS: &[Test] = &[
    test("setns::uts_shows_its_hostname", "setns into a UTS namespace shows and sets that one's host name")
        .since(3, 0, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[DOES_NOTHING]),
    test(
        "setns::net_shows_its_interfaces",
        "setns into a network namespace shows that one's interfaces, and the way back works",
    )
    .since(3, 0, 0)
    .kconfig(&[NET_NS, INET])
    .leaves_netns()
    .mutants(&[DOES_NOTHING]),
    test("setns::mount_shows_its_mounts", "setns into a mount namespace shows mounts that exist only there")
        .since(3, 8, 0)
        .mutants(&[DOES_NOTHING]),
    test("setns::pid_places_children_inside", "setns into a PID namespace places the next child there, not the caller")
        .since(3, 8, 0)
        .kconfig(&[PID_NS])
        .mutants(&[DOES_NOTHING]),
    test("setns::wrong_type_is_refused", "setns with the type of another namespace is EINVAL and changes nothing")
        .since(3, 0, 0)
        .kconfig(&[UTS_NS, IPC_NS])
        .mutants(&[SAYS_YES]),
];

/// When a kind can be entered, and what it asks of the kernel.
struct Kind {
    since: Version,
    kconfig: &'static [Kconfig],
    netns: bool,
}

const fn kind(since: Version, kconfig: &'static [Kconfig]) -> Kind {
    Kind { since, kconfig, netns: false }
}

const UTS: Kind = kind(Version(3, 0, 0), &[UTS_NS]);
const IPC: Kind = kind(Version(3, 0, 0), &[IPC_NS, SYSVIPC]);
const NET: Kind = Kind { since: Version(3, 0, 0), kconfig: &[NET_NS, INET], netns: true };
const MNT: Kind = kind(Version(3, 8, 0), &[]);
const PID: Kind = kind(Version(3, 8, 0), &[PID_NS]);
const USER: Kind = kind(Version(3, 8, 0), &[USER_NS]);
const CGROUP: Kind = kind(Version(4, 6, 0), &[CGROUPS]);
// time_namespaces(7): made from 5.6, entered by setns from 5.8 (76c12881a38a).
const TIME: Kind = kind(Version(5, 8, 0), &[TIME_NS]);

/// A cell of the matrix: a kind by a way that older kernels do not have.
const fn cell(name: &'static str, purpose: &'static str, kind: &Kind, way_since: Version) -> Test {
    let Version(major, minor, patch) = if later(kind.since, way_since) { kind.since } else { way_since };
    let test = test(name, purpose).since(major, minor, patch).kconfig(kind.kconfig).mutants(&[DOES_NOTHING]);
    if kind.netns { test.leaves_netns() } else { test }
}

const fn later(a: Version, b: Version) -> bool {
    a.0 > b.0 || a.0 == b.0 && a.1 > b.1
}

macro_rules! by {
    ($what:literal, $file:literal, $kind:ident, file) => {
        cell(
            concat!("setns::", $file, "_is_entered_by_file"),
            concat!("setns by /proc/PID/ns/", $file, " puts the caller into that ", $what, " namespace"),
            &$kind,
            Version(3, 0, 0),
        )
    };
    ($what:literal, $file:literal, $kind:ident, dead) => {
        cell(
            concat!("setns::", $file, "_is_entered_when_its_owner_is_dead"),
            concat!("an open descriptor leads into a ", $what, " namespace that has no process any more"),
            &$kind,
            Version(3, 0, 0),
        )
    };
    ($what:literal, $file:literal, $kind:ident, bind) => {
        cell(
            concat!("setns::", $file, "_is_entered_by_a_bind_mount"),
            concat!("a bind mount of its file keeps a ", $what, " namespace without a process and leads into it"),
            &$kind,
            Version(3, 0, 0),
        )
    };
    // 303cc571d107, 5.8.
    ($what:literal, $file:literal, $kind:ident, pidfd) => {
        cell(
            concat!("setns::", $file, "_is_entered_by_pidfd"),
            concat!("setns by the pidfd of a process puts the caller into its ", $what, " namespace"),
            &$kind,
            Version(5, 8, 0),
        )
    };
}

pub(super) const MATRIX: &[Test] = &[
    by!("UTS", "uts", UTS, file),
    by!("IPC", "ipc", IPC, file),
    by!("network", "net", NET, file),
    by!("mount", "mnt", MNT, file),
    by!("PID", "pid", PID, file),
    by!("user", "user", USER, file),
    by!("cgroup", "cgroup", CGROUP, file),
    by!("time", "time", TIME, file),
    by!("UTS", "uts", UTS, dead),
    by!("IPC", "ipc", IPC, dead),
    by!("network", "net", NET, dead),
    by!("mount", "mnt", MNT, dead),
    cell(
        "setns::pid_has_no_children_when_its_init_is_dead",
        "a PID namespace without its init is entered by an open descriptor, and fork is ENOMEM then",
        &PID,
        Version(3, 8, 0),
    ),
    by!("user", "user", USER, dead),
    by!("cgroup", "cgroup", CGROUP, dead),
    by!("time", "time", TIME, dead),
    by!("UTS", "uts", UTS, bind),
    by!("IPC", "ipc", IPC, bind),
    by!("network", "net", NET, bind),
    by!("mount", "mnt", MNT, bind),
    cell(
        "setns::pid_by_a_bind_mount_needs_its_init",
        "a PID namespace that only a bind mount holds is entered, and fork is ENOMEM then",
        &PID,
        Version(3, 8, 0),
    ),
    by!("user", "user", USER, bind),
    by!("cgroup", "cgroup", CGROUP, bind),
    by!("time", "time", TIME, bind),
    by!("UTS", "uts", UTS, pidfd),
    by!("IPC", "ipc", IPC, pidfd),
    by!("network", "net", NET, pidfd),
    by!("mount", "mnt", MNT, pidfd),
    by!("PID", "pid", PID, pidfd),
    by!("user", "user", USER, pidfd),
    by!("cgroup", "cgroup", CGROUP, pidfd),
    by!("time", "time", TIME, pidfd),
];

pub(super) const REFUSED: &[Test] = &[
    test("setns::is_unknown_before_3_0", "setns is ENOSYS on a kernel that does not have it yet")
        .until(3, 0, 0)
        .mutants(&[SAYS_YES]),
    test(
        "setns::later_kinds_are_no_type_before_3_8",
        "before 3.8 mount, PID and user namespaces have no file, and their types are EINVAL",
    )
    .since(3, 0, 0)
    .until(3, 8, 0)
    .kconfig(&[UTS_NS])
    .mutants(&[SAYS_YES]),
    test("setns::cgroup_is_no_type_before_4_6", "before 4.6 there is no cgroup namespace file, and its type is EINVAL")
        .since(3, 0, 0)
        .until(4, 6, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[SAYS_YES]),
    test("setns::time_is_no_type_before_5_6", "before 5.6 there is no time namespace file, and its type is EINVAL")
        .since(3, 0, 0)
        .until(5, 6, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[SAYS_YES]),
    test(
        "setns::own_one_is_entered_and_nothing_changes",
        "setns to one's own namespace is agreed to for each kind but user, and changes nothing",
    )
    .since(3, 0, 0)
    .kconfig(&[UTS_NS])
    .mutants(&[
        Mutant::new("setns says no", Lie::Refuse { nr: nr::SETNS, errno: 22 }),
        Mutant::ignore("the host name is another", nr::SETHOSTNAME),
    ]),
    test("setns::own_user_is_refused", "setns to one's own user namespace is EINVAL and gives no capability")
        .since(3, 8, 0)
        .kconfig(&[USER_NS])
        .mutants(&[SAYS_YES]),
    test(
        "setns::each_kind_refuses_the_types_of_others",
        "the file of each kind of namespace is EINVAL with the type of every other kind",
    )
    .since(3, 0, 0)
    .kconfig(&[UTS_NS, IPC_NS])
    .mutants(&[SAYS_YES]),
    test(
        "setns::unprivileged_is_refused",
        "without capabilities setns to another's UTS, IPC and network namespace is EPERM",
    )
    .since(3, 0, 0)
    .kconfig(&[UTS_NS, IPC_NS, SYSVIPC, NET_NS, INET])
    .leaves_netns()
    .mutants(&[SAYS_YES, Mutant::ignore("capabilities stay", nr::SETUID)]),
    test(
        "setns::unprivileged_is_refused_later_kinds",
        "without capabilities setns to another's mount, PID and user namespace is EPERM",
    )
    .since(3, 8, 0)
    .kconfig(&[PID_NS, USER_NS])
    .mutants(&[SAYS_YES, Mutant::ignore("capabilities stay", nr::SETUID)]),
    test("setns::unprivileged_is_refused_cgroup", "without capabilities setns to another's cgroup namespace is EPERM")
        .since(4, 6, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[SAYS_YES, Mutant::ignore("capabilities stay", nr::SETUID)]),
    test("setns::unprivileged_is_refused_time", "without capabilities setns to another's time namespace is EPERM")
        .since(5, 8, 0)
        .kconfig(&[TIME_NS])
        .mutants(&[SAYS_YES, Mutant::ignore("capabilities stay", nr::SETUID)]),
    test(
        "setns::unprivileged_is_refused_by_pidfd",
        "without capabilities setns by another's pidfd is EPERM, for one namespace and for several",
    )
    .since(5, 8, 0)
    .kconfig(&[UTS_NS, IPC_NS, SYSVIPC, NET_NS, INET, PID_NS])
    .leaves_netns()
    .mutants(&[SAYS_YES, Mutant::ignore("capabilities stay", nr::SETUID)]),
    test(
        "setns::parent_user_namespace_is_out_of_reach",
        "root of a user namespace is EPERM to enter the one above by a descriptor",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS])
    .mutants(&[SAYS_YES]),
    test(
        "setns::parent_pid_namespace_is_out_of_reach",
        "a process is EINVAL to place its children in the PID namespace above its own",
    )
    .since(3, 8, 0)
    .kconfig(&[PID_NS])
    .mutants(&[SAYS_YES, Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID)]),
    test(
        "setns::user_gives_powers_inside_only",
        "setns to a user namespace gives capabilities for what is made in it, none for what is outside",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS, UTS_NS])
    .mutants(&[DOES_NOTHING]),
    test("setns::mnt_leaves_the_chroot", "setns to a mount namespace makes its root the caller's, in a chroot before")
        .since(3, 8, 0)
        .mutants(&[DOES_NOTHING]),
    test(
        "setns::mnt_is_refused_with_a_shared_root",
        "setns to a mount namespace is EINVAL while another process shares the caller's root (CLONE_FS)",
    )
    .since(3, 8, 0)
    .mutants(&[SAYS_YES, Mutant::lose("the root is not shared", nr::CLONE, 0, clone::FS)]),
    // e66eded8309e "userns: Don't allow CLONE_NEWUSER | CLONE_FS" (CVE-2013-1858), 3.9, 3.8.3.
    test(
        "setns::user_is_refused_with_a_shared_root",
        "setns to a user namespace is EINVAL while another process shares the caller's root (CLONE_FS)",
    )
    .since(3, 9, 0)
    .kconfig(&[USER_NS])
    .mutants(&[SAYS_YES, Mutant::lose("the root is not shared", nr::CLONE, 0, clone::FS)]),
    test(
        "setns::user_is_refused_with_threads",
        "setns to a user namespace is EINVAL in a process with threads, to a UTS namespace it works",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS, UTS_NS])
    .mutants(&[SAYS_YES]),
    test(
        "setns::time_is_refused_with_threads",
        "setns to a time namespace is EUSERS in a process with threads, to a UTS namespace it works",
    )
    .since(5, 8, 0)
    .kconfig(&[TIME_NS, UTS_NS])
    .mutants(&[SAYS_YES]),
    test(
        "setns::pidfd_enters_several_at_once",
        "setns by a pidfd enters all those namespaces of a process that it names, and no other",
    )
    .since(5, 8, 0)
    .kconfig(&[UTS_NS, IPC_NS, SYSVIPC, NET_NS, INET, PID_NS])
    .leaves_netns()
    .mutants(&[DOES_NOTHING, Mutant::lose("one type is lost", nr::SETNS, 1, clone::NEWIPC)]),
    test(
        "setns::pidfd_enters_all_or_none",
        "setns by a pidfd that is refused one of several namespaces enters none of them",
    )
    .since(5, 8, 0)
    .kconfig(&[UTS_NS, IPC_NS, SYSVIPC, NET_NS, INET, PID_NS, USER_NS])
    .leaves_netns()
    .mutants(&[SAYS_YES, Mutant::lose("what is refused is left out", nr::SETNS, 1, clone::NEWUSER)]),
    test("setns::pidfd_of_the_dead_is_refused", "setns by the pidfd of a process that has ended is ESRCH")
        .since(5, 8, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[SAYS_YES]),
];
