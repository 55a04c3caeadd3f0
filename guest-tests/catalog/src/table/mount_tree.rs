//! The tree of mounts, flags of a single mount, and mounts in a user namespace.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{NET_NS, PID_NS, USER_NS};
use crate::test::{Test, test};

const NOT_PIVOTED: Mutant = Mutant::ignore("not pivoted", nr::PIVOT_ROOT);
const MOUNT_SAYS_YES: Mutant = Mutant::forgive("mount says yes", nr::MOUNT);
const MS_REC_LOST: Mutant = Mutant::lose("MS_REC is lost", nr::MOUNT, 3, ms::REC);
/// A flag is set for a mount and does nothing.
const fn no_flag(name: &'static str, flag: usize) -> Mutant {
    Mutant::lose(name, nr::MOUNT, 3, flag)
}

pub(super) const TREE: &[Test] = &[
    // pivot_root(2): 2.3.41.
    test(
        "ns::mount::pivot_root_swaps_the_root",
        "pivot_root makes a mount the root and puts the old one where it can be unmounted",
    )
    .since(2, 6, 26)
    .mutants(&[NOT_PIVOTED]),
    test(
        "ns::mount::pivot_root_moves_others_of_the_namespace",
        "pivot_root changes the root of processes of its mount namespace and of no other",
    )
    .mutants(&[NOT_PIVOTED, Mutant::lose("no new mount namespace", nr::CLONE, 0, clone::NEWNS)]),
    test(
        "ns::mount::pivot_root_works_without_a_folder",
        "pivot_root(\".\", \".\") stacks the old root on the new, from where it is detached",
    )
    .since(2, 6, 26)
    .mutants(&[NOT_PIVOTED, Mutant::ignore("not detached", nr::UMOUNT2)]),
    test(
        "ns::mount::pivot_root_refuses_what_is_no_root",
        "pivot_root refuses a plain folder, the root itself, a place outside and a shared parent",
    )
    .mutants(&[Mutant::forgive("pivot_root says yes", nr::PIVOT_ROOT)]),
    test("ns::mount::move_carries_the_tree", "MS_MOVE takes a mount with those below it and its open files along")
        .mutants(&[Mutant::ignore_if("not moved", nr::MOUNT, 3, ms::MOVE)]),
    test(
        "ns::mount::move_under_shared_parent_is_refused",
        "MS_MOVE from under a shared parent is EINVAL, as is an unbindable mount to under one",
    )
    .mutants(&[Mutant::ignore_if("not made shared", nr::MOUNT, 3, ms::SHARED), MOUNT_SAYS_YES]),
    test(
        "ns::mount::bind_leaves_out_submounts",
        "a bind shows a folder without what is mounted in it, a recursive bind with it",
    )
    .since(2, 6, 26)
    .mutants(&[MS_REC_LOST]),
    test(
        "ns::mount::bind_puts_a_file_over_a_file",
        "a file bound over another is read by its name, and unmounted the other is back",
    )
    .mutants(&[Mutant::ignore_if("not bound", nr::MOUNT, 3, ms::BIND)]),
    // 397d425dc26d and cde93be45a8a, 4.3 and stable: older kernels without them are vulnerable, as a failure says.
    test(
        "ns::mount::dotdot_stays_inside_a_bind",
        "`..` does not lead out of a bind from a folder that was moved out (CVE-2015-2925)",
    )
    .mutants(&[Mutant::forgive("chdir says yes", nr::CHDIR)]),
    test(
        "ns::mount::chroot_hides_mounts_outside_it",
        "mountinfo of a process in a chroot lists the mounts below it by its own paths",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::ignore("no chroot", nr::CHROOT)]),
    test(
        "ns::mount::mountinfo_escapes_odd_names",
        "blank, tab, newline and backslash in names are octal in mountinfo and mounts",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::new(
        "blanks are shown",
        Lie::Read { path: "/mountinfo", text: "20 1 0:9 / /tmp/base/a b rw - tmpfs odd source rw\n" },
    )]),
];

// mount(2): read-only binds 2.6.26; the other flags of a mount are older, to change them for one needs that too.
pub(super) const FLAGS: &[Test] = &[
    test(
        "ns::mount::read_only_bind_is_that_mount_only",
        "a bind made read-only is EROFS to change, while the file system is writable elsewhere",
    )
    .since(2, 6, 26)
    .mutants(&[no_flag("MS_RDONLY is lost", ms::RDONLY)]),
    test(
        "ns::mount::read_only_is_refused_to_a_writer",
        "a mount with a file open for writing is EBUSY to make read-only, another of the same is not",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::ignore_if("remount says yes", nr::MOUNT, 3, ms::REMOUNT)]),
    test(
        "ns::mount::read_only_spares_other_namespaces",
        "a read-only mount is so in a new namespace, and changes of either copy stay its own",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::lose("no new mount namespace", nr::CLONE, 0, clone::NEWNS)]),
    test("ns::mount::nosuid_keeps_the_user", "a set-user-id program on a nosuid mount runs as its caller")
        .since(2, 6, 26)
        .mutants(&[no_flag("MS_NOSUID is lost", ms::NOSUID)]),
    test("ns::mount::noexec_refuses_programs", "a program on a noexec mount is neither run nor mapped")
        .since(2, 6, 26)
        .mutants(&[no_flag("MS_NOEXEC is lost", ms::NOEXEC)]),
    test("ns::mount::nodev_refuses_devices", "a device node on a nodev mount is EACCES, and works by another mount")
        .since(2, 6, 26)
        .mutants(&[no_flag("MS_NODEV is lost", ms::NODEV)]),
];

pub(super) const USER: &[Test] = &[
    // mount_namespaces(7), "Restrictions on mount namespaces": 3.8.
    test(
        "ns::mount::userns_sends_no_mounts_out",
        "in a user namespace shared mounts become slaves: mounts come in and none goes out",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS])
    .mutants(&[Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER)]),
    // 5ff9d8a65ce8 "vfs: Lock in place mounts from more privileged users", 3.12.
    test(
        "ns::mount::userns_cannot_unmount_what_it_got",
        "a mount from a more privileged namespace cannot be unmounted, moved or left out of a bind",
    )
    .since(3, 12, 0)
    .kconfig(&[USER_NS])
    .mutants(&[Mutant::forgive("unmount says yes", nr::UMOUNT2), MOUNT_SAYS_YES]),
    // 90563b198e4c "vfs: Add a mount flag to lock read only bind mounts", 3.9 and stable kernels of 3.8.
    test(
        "ns::mount::userns_cannot_clear_read_only",
        "a mount that came read-only stays so in a user namespace, its copies too",
    )
    .since(3, 9, 0)
    .kconfig(&[USER_NS])
    .mutants(&[MOUNT_SAYS_YES]),
    // 9566d6742852 "mnt: Correct permission checks in do_remount" (CVE-2014-5206, -5207), 3.17.
    test(
        "ns::mount::userns_cannot_clear_other_flags",
        "nosuid, nodev, noexec and noatime that came with a mount stay in a user namespace",
    )
    .since(3, 17, 0)
    .kconfig(&[USER_NS])
    .mutants(&[MOUNT_SAYS_YES]),
    // 2b8576cb09a7 "userns: Allow the userns root to mount tmpfs", 3.9.
    test(
        "ns::mount::userns_mounts_its_own_tmpfs",
        "root of a user namespace mounts a tmpfs of its own, and neither devices nor devtmpfs",
    )
    .since(3, 9, 0)
    .kconfig(&[USER_NS])
    .mutants(&[
        Mutant::ignore_if("not mounted", nr::MOUNT, 3, ms::NOATIME),
        Mutant::forgive("mknod says yes", nr::MKNOD),
    ]),
    // e51db73532955 "userns: Better restrictions on when proc and sysfs can be mounted", 3.12.
    test(
        "ns::mount::userns_proc_needs_an_unmasked_one",
        "proc can be mounted in a user namespace only while one is in full view",
    )
    .since(3, 12, 0)
    .kconfig(&[USER_NS, PID_NS])
    .mutants(&[Mutant::ignore_if("the mask is not mounted", nr::MOUNT, 3, ms::BIND)]),
    // 7dc5dbc879bd "sysfs: Restrict mounting sysfs", 3.12.
    test(
        "ns::mount::userns_sysfs_needs_its_own_network",
        "sysfs can be mounted in a user namespace only with a network namespace of its own",
    )
    .since(3, 12, 0)
    .kconfig(&[USER_NS, NET_NS])
    .leaves_netns()
    .mutants(&[Mutant::lose("no new network namespace", nr::CLONE, 0, clone::NEWNET)]),
];
