//! What keeps a container in: seccomp, privileges over exec, hidden files, borders of user namespaces, keyrings.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{FHANDLE, KEYS, LANDLOCK, PID_NS, SECCOMP, SECCOMP_FILTER, TMPFS_XATTR, USER_NS, UTS_NS, YAMA};
use crate::test::{Test, test};

const fn no_prctl(name: &'static str, option: usize) -> Mutant {
    Mutant::ignore_when(name, nr::PRCTL, 0, option)
}

const NO_FILTER: Mutant = no_prctl("filters are taken and do nothing", 22);
const NO_USER_NS: Mutant = Mutant::lose("no new user namespace", nr::CLONE, 0, clone::NEWUSER);
/// Options of a mount get lost.
const NO_OPTIONS: Mutant = Mutant::new("mount options do nothing", Lie::Replace { nr: nr::MOUNT, arg: 4, value: 0 });

const fn lost_flag(name: &'static str, flag: usize) -> Mutant {
    Mutant::lose(name, nr::MOUNT, 3, flag)
}

pub(super) const TESTS: &[Test] = &[
    // prctl(2), seccomp(2): strict mode 2.6.23 by prctl, filters 3.5, seccomp() 3.17, KILL_PROCESS 4.14, listeners 5.0.
    test("security::seccomp::strict_mode_kills", "in the strict mode of seccomp read and write go on, others kill")
        .since(2, 6, 23)
        .kconfig(&[SECCOMP])
        .mutants(&[no_prctl("the mode is taken and does nothing", 22)]),
    test("security::seccomp::filter_answers", "filter actions ERRNO, TRACE, TRAP and KILL do what they are named for")
        .since(3, 5, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[NO_FILTER]),
    test("security::seccomp::filter_needs_no_new_privs", "a user sets a seccomp filter only after no_new_privs")
        .since(3, 5, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[NO_FILTER, Mutant::forgive("anyone may set one", nr::PRCTL)]),
    test("security::seccomp::filter_is_inherited", "a seccomp filter holds children and what they exec")
        .since(3, 5, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[NO_FILTER]),
    test("security::seccomp::kill_process_takes_all_threads", "KILL_PROCESS ends all threads, KILL_THREAD one")
        .since(4, 14, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[NO_FILTER]),
    test("security::seccomp::tsync_holds_all_threads", "with TSYNC a filter holds threads that were there before")
        .since(3, 17, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[Mutant::lose("threads are not synchronised", nr::SECCOMP, 1, 1)]),
    test("security::seccomp::supervisor_answers", "a supervisor sees a call of the supervised and answers it")
        .since(5, 0, 0)
        .kconfig(&[SECCOMP_FILTER])
        .mutants(&[Mutant::ignore_when("the answer is lost", nr::IOCTL, 1, 0xc018_2101)]),
    test("security::exec::no_new_privs_disarms_setuid", "after no_new_privs a setuid program changes no user")
        .since(3, 5, 0)
        .mutants(&[no_prctl("the bit is taken and does nothing", 38)]),
    test("security::exec::nosuid_mount_disarms_setuid", "a setuid program on a nosuid mount changes no user")
        .mutants(&[lost_flag("nosuid is ignored", ms::NOSUID)]),
    // mnt_may_suid: 380cf5ba6b0a, 4.8.
    test(
        "security::exec::foreign_mount_disarms_setuid",
        "a setuid program mounted by a user namespace is none outside",
    )
    .since(4, 8, 0)
    .kconfig(&[USER_NS])
    .mutants(&[NO_USER_NS]),
    test("security::exec::noexec_mount_refuses", "a program on a noexec mount is not executed, also not by root")
        .mutants(&[lost_flag("noexec is ignored", ms::NOEXEC)]),
    // capabilities(7): a bounding set for each thread 2.6.25, securebits 2.6.26, ambient 4.3.
    test("security::exec::bounding_set_holds", "no exec of root gives back what was dropped from the bounding set")
        .since(2, 6, 25)
        .mutants(&[no_prctl("nothing is dropped", 24)]),
    test(
        "security::exec::file_capability_ends_at_the_bounding_set",
        "a file capability works for a user, not after no_new_privs nor beyond the bounding set",
    )
    .since(3, 5, 0)
    .kconfig(&[TMPFS_XATTR])
    .mutants(&[no_prctl("nothing is dropped", 24), no_prctl("no_new_privs does nothing", 38)]),
    test("security::exec::ambient_set_survives", "an ambient capability survives exec, an inheritable one does not")
        .since(4, 3, 0)
        .mutants(&[no_prctl("nothing is raised", 47)]),
    test(
        "security::exec::securebits_make_root_a_user",
        "with SECBIT_NOROOT root's exec gains nothing, and locked stays",
    )
    .since(2, 6, 26)
    .mutants(&[no_prctl("the bits are taken and do nothing", 28)]),
    test("security::files::nodev_mount_has_no_devices", "a device node on a nodev mount cannot be opened")
        .mutants(&[lost_flag("nodev is ignored", ms::NODEV)]),
    // mount(2): 5.10, dab741e0e02b.
    test("security::files::nosymfollow_mount_leads_nowhere", "a link on a nosymfollow mount is read, not followed")
        .since(5, 10, 0)
        .mutants(&[lost_flag("nosymfollow is ignored", ms::NOSYMFOLLOW)]),
    test("security::files::write_strips_setuid_and_setgid", "a user's write takes setuid and setgid off a file")
        .mutants(&[Mutant::ignore_write("the write does nothing", "/with-bits")]),
    // open_by_handle_at(2): 2.6.39; user namespaces 3.8.
    test("security::files::handles_do_not_lead_out", "root of a user namespace opens no file of outside by its handle")
        .since(3, 8, 0)
        .kconfig(&[USER_NS, FHANDLE])
        .mutants(&[NO_USER_NS, Mutant::forgive("anyone may open by handle", nr::OPEN_BY_HANDLE_AT)]),
    // openat2(2): 5.6.
    test("security::files::paths_stay_beneath", "with RESOLVE_BENEATH and IN_ROOT neither .. nor a link leads out")
        .since(5, 6, 0)
        .mutants(&[
            Mutant::new("links lead out", Lie::LoseIn { nr: nr::OPENAT2, arg: 2, offset: 16, bits: 8 }),
            Mutant::new("the root is the root", Lie::LoseIn { nr: nr::OPENAT2, arg: 2, offset: 16, bits: 16 }),
        ]),
    // landlock(7): 5.13.
    test("security::files::landlock_keeps_to_its_paths", "a process under Landlock opens what its rules name only")
        .since(5, 13, 0)
        .kconfig(&[LANDLOCK])
        .mutants(&[Mutant::ignore("the restriction does nothing", nr::LANDLOCK_RESTRICT_SELF)]),
    // CVE-2022-0847: 5.8, mended by 9d2231c5d74e (5.17, 5.16.11, 5.15.25, 5.10.102).
    test("security::files::pipe_does_not_write_to_its_source", "a file spliced into a pipe is not written through it")
        .mutants(&[
            Mutant::new("the file is written to", Lie::Read { path: "/source", text: "aXXXX was" }),
            Mutant::ignore("nothing is spliced", nr::SPLICE),
        ]),
    test("security::hiding::null_masks_a_file", "a file masked by /dev/null reads as empty and is not written to")
        .mutants(&[Mutant::ignore_if("binds do nothing", nr::MOUNT, 3, ms::BIND)]),
    test("security::hiding::read_only_proc_sys_refuses", "a read-only bind of /proc/sys refuses to be written to")
        .since(2, 6, 26)
        .kconfig(&[UTS_NS])
        .mutants(&[lost_flag("read-only is ignored", ms::RDONLY)]),
    // Mounts that came along are locked: 5ff9d8a65ce8, 3.12.
    test("security::hiding::masks_hold_in_a_user_namespace", "root of a user namespace takes no mask of outside off")
        .since(3, 12, 0)
        .kconfig(&[USER_NS])
        .mutants(&[NO_USER_NS, Mutant::forgive("masks come off", nr::UMOUNT2)]),
    // proc(5): hidepid 3.3, subset 5.8.
    test("security::hiding::hidepid_hides_others", "with hidepid=2 a user sees its own processes and none of root")
        .since(3, 3, 0)
        .kconfig(&[PID_NS])
        .mutants(&[NO_OPTIONS]),
    test("security::hiding::subset_has_processes_only", "a proc with subset=pid has processes and nothing else")
        .since(5, 8, 0)
        .kconfig(&[PID_NS])
        .mutants(&[NO_OPTIONS]),
    test(
        "security::border::user_namespace_does_not_rule_the_machine",
        "modules, reboot, kexec, ports and log level are refused to root of a user namespace",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS])
    .mutants(&[NO_USER_NS, Mutant::forgive("ports are for all", nr::IOPL)]),
    // dmesg_restrict: 2.6.37.
    test(
        "security::border::kernel_log_can_be_restricted",
        "dmesg_restrict decides whether a user reads the kernel's log",
    )
    .since(2, 6, 37)
    .mutants(&[Mutant::ignore_write("the switch does nothing", "/dmesg_restrict")]),
    // Yama: 3.4.
    test(
        "security::border::yama_lets_trace_children_only",
        "with Yama's scope at 1 a process traces its children only",
    )
    .since(3, 4, 0)
    .kconfig(&[YAMA])
    .mutants(&[Mutant::ignore_write("the switch does nothing", "/ptrace_scope")]),
    test(
        "security::keys::session_keyring_is_left_behind",
        "who joins a new session keyring finds no key of the old one",
    )
    .kconfig(&[KEYS])
    .mutants(&[Mutant::ignore_when("no new session", nr::KEYCTL, 0, 1)]),
    // Before, one user had one keyring in all user namespaces: 0f44e4d976f9, 5.3.
    test("security::keys::user_keyring_is_per_user_namespace", "a user's keys are not found in a user namespace")
        .since(5, 3, 0)
        .kconfig(&[KEYS, USER_NS])
        .mutants(&[NO_USER_NS]),
    test("security::keys::quota_holds_a_user", "a user has no more keys than its quota")
        .since(2, 6, 26)
        .kconfig(&[KEYS])
        .mutants(&[Mutant::ignore_write("the quota is not set", "/maxkeys")]),
];
