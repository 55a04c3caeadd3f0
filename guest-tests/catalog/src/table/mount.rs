//! Mount namespaces: what a mount passes on, and unmounting.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::table::ns::lost_in_clone3;
use crate::test::{Oddity, Test, test};
use crate::version::Version;

const NO_NAMESPACE: Mutant = Mutant::lose("no new mount namespace", nr::CLONE, 0, clone::NEWNS);
const NOT_SHARED: Mutant = Mutant::ignore_if("not made shared", nr::MOUNT, 3, ms::SHARED);
const NOT_SLAVE: Mutant = Mutant::ignore_if("not made a slave", nr::MOUNT, 3, ms::SLAVE);
const NOT_PRIVATE: Mutant = Mutant::ignore_if("not made private", nr::MOUNT, 3, ms::PRIVATE);
const NOT_UNMOUNTED: Mutant = Mutant::ignore("not unmounted", nr::UMOUNT2);
/// `umount2` takes what it is told as flags for a plain one.
const fn no_flag(name: &'static str, flag: usize) -> Mutant {
    Mutant::lose(name, nr::UMOUNT2, 1, flag)
}

// mount_namespaces(7); shared subtrees 2.6.15.
pub(super) const PROPAGATION: &[Test] = &[
    test("ns::mount::mount_is_private", "a mount in a new mount namespace is not seen outside, nor the reverse")
        .mutants(&[NO_NAMESPACE]),
    test("ns::mount::unshare_makes_a_new_one", "after unshare mounts of either side are not seen by the other")
        .mutants(&[Mutant::lose("no new mount namespace", nr::UNSHARE, 0, clone::NEWNS)]),
    test("ns::mount::clone3_makes_a_new_one", "after clone3 mounts of either side are not seen by the other")
        .since(5, 3, 0)
        .mutants(&[lost_in_clone3(clone::NEWNS)]),
    test("ns::mount::shared_propagates_both_ways", "mounts under a shared mount show in both mount namespaces")
        .mutants(&[NOT_SHARED]),
    test("ns::mount::slave_receives_and_never_sends", "mounts reach a slave from its master and not the reverse")
        .mutants(&[NOT_SLAVE, NOT_SHARED]),
    test("ns::mount::unbindable_refuses_bind", "an unbindable mount cannot be bound, and a private one can")
        .mutants(&[Mutant::ignore_if("not made unbindable", nr::MOUNT, 3, ms::UNBINDABLE)]),
    test(
        "ns::mount::slave_that_is_shared_passes_on",
        "a slave that is shared hands its master's mounts to its peers, and theirs not back",
    )
    .mutants(&[NOT_SLAVE, NO_NAMESPACE]),
    test(
        "ns::mount::made_private_is_cut_off_for_good",
        "a mount made private gets nothing more, and is in a group of its own when shared again",
    )
    .mutants(&[NOT_PRIVATE]),
    test(
        "ns::mount::recursive_change_reaches_submounts",
        "MS_REC changes the propagation of mounts below too, and without it only the one changes",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::lose("MS_REC is lost", nr::MOUNT, 3, ms::REC)]),
    test(
        "ns::mount::bind_of_shared_joins_its_group",
        "mounts and unmounts under a bind of a shared mount show under the original, and the reverse",
    )
    .mutants(&[NOT_SHARED]),
    // proc_pid_mountinfo(5): 2.6.26.
    test(
        "ns::mount::mountinfo_names_peer_groups",
        "mountinfo shows shared, master and unbindable with the same group numbers on both sides",
    )
    .since(2, 6, 26)
    .mutants(&[NOT_SLAVE, NOT_SHARED]),
    test(
        "ns::mount::propagate_from_names_a_far_master",
        "propagate_from names the nearest feeding group in view when the master is in another namespace",
    )
    .since(2, 6, 26)
    .mutants(&[NOT_SLAVE]),
    test(
        "ns::mount::busy_copy_holds_the_original",
        "an open file in a propagated copy makes the unmount EBUSY, and closed all copies go",
    )
    .mutants(&[Mutant::forgive("unmount says yes", nr::UMOUNT2)]),
    test(
        "ns::mount::foreign_mount_is_made_private",
        "a mount of another namespace is made private through /proc/PID/root (12f147ddd6de broke it)",
    )
    .since(2, 6, 26)
    .mutants(&[NOT_PRIVATE]),
    // 12f147ddd6de "do_change_type(): refuse to operate on unmounted/not ours mounts", 6.16 and stable: older kernels
    // without the backport are vulnerable, which is what a failure says.
    test(
        "ns::mount::unmounted_one_cannot_be_shared",
        "the propagation of a detached mount is EINVAL to change (CVE-2025-38498)",
    )
    .mutants(&[Mutant::forgive("mount says yes", nr::MOUNT)]),
];

pub(super) const UNMOUNT: &[Test] = &[
    test(
        "ns::mount::detached_mount_serves_open_files",
        "a detached mount leaves its path at once and lives for open files",
    )
    .mutants(&[Mutant::ignore_when("not detached", nr::UMOUNT2, 1, 2), no_flag("MNT_DETACH is lost", 2)]),
    test(
        "ns::mount::detaching_takes_submounts_along",
        "MNT_DETACH takes the whole tree off, and what lay beneath shows again",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::ignore_when("not detached", nr::UMOUNT2, 1, 2)]),
    test(
        "ns::mount::expiry_takes_two_calls",
        "MNT_EXPIRE unmounts at the second call in a row without use, and use resets it",
    )
    .mutants(&[no_flag("MNT_EXPIRE is lost", 4)]),
    // umount(2): 2.6.34.
    test(
        "ns::mount::nofollow_spares_what_a_link_leads_to",
        "UMOUNT_NOFOLLOW refuses a symbolic link to a mount, which stays",
    )
    .since(2, 6, 34)
    .mutants(&[no_flag("UMOUNT_NOFOLLOW is lost", 8)]),
    test("ns::mount::mounts_stack_on_one_place", "a later mount hides the earlier one, and unmounted it shows again")
        .mutants(&[NOT_UNMOUNTED]),
    test(
        "ns::mount::death_of_the_namespace_unmounts",
        "when the last process of a mount namespace ends, what was mounted there is shut down",
    )
    .since(2, 6, 27)
    .mutants(&[NO_NAMESPACE]),
    test(
        "ns::mount::open_file_outlives_the_namespace",
        "an open file keeps its file system alive after its mount namespace, till it is closed",
    )
    .since(2, 6, 27)
    .mutants(&[NO_NAMESPACE, Mutant::ignore("the file is never closed", nr::CLOSE)]),
    test(
        "ns::mount::foreign_mountpoint_can_be_removed",
        "a mount point of another namespace only can be removed, which unmounts it there",
    )
    .since(2, 6, 26)
    .oddities(&[Oddity {
        name: "foreign_mountpoint_is_busy",
        since: Version(2, 6, 19),
        until: Some(Version(3, 18, 0)),
        source: "mount_namespaces(7); 8ed936b5671b (3.18)",
    }])
    .mutants(&[
        Mutant::new("busy", Lie::Refuse { nr: nr::RMDIR, errno: 16 }),
        Mutant::ignore("not removed", nr::RMDIR),
    ]),
    test(
        "ns::mount::own_mountpoint_is_busy",
        "a mount point of the own namespace is EBUSY to remove, rename and rename onto",
    )
    .mutants(&[Mutant::forgive("rename says yes", nr::RENAME), Mutant::forgive("rmdir says yes", nr::RMDIR)]),
    // d29216842a85 "mnt: Add a per mount namespace limit on the number of mounts", 4.9.
    test(
        "ns::mount::number_of_mounts_is_limited",
        "a mount beyond fs.mount-max is ENOSPC, and an unmount makes room for one",
    )
    .since(4, 9, 0)
    .mutants(&[Mutant::ignore_write("the limit is not set", "/mount-max")]),
    test(
        "ns::mount::propagation_stops_at_the_limit",
        "binds that double a shared tree stop at fs.mount-max with ENOSPC (CVE-2016-6213)",
    )
    .since(4, 9, 0)
    .mutants(&[NOT_SHARED]),
];
