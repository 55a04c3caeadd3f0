//! cgroup v1, the hierarchy as such.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUP_NS, CGROUPS, DEVICE, FREEZER, USER_NS, UTS_NS};
use crate::test::{Param, Test, test};

pub(super) const TESTS: &[Test] = &[
    // Named hierarchies: c6d57f3312a6.
    test(
        "cgroup1::named_hierarchy_groups_processes",
        "a hierarchy without controllers groups processes, as /proc/PID/cgroup tells",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::ignore_write("members do not move in", "/kr-other/tasks"),
        Mutant::new("all in the root", Lie::Read { path: "/cgroup", text: "1:name=kernrig:/\n" }),
    ]),
    test(
        "cgroup1::fork_inherits_the_group_and_death_leaves_it",
        "a child is born into its parent's group, and the dead are in none",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::new("the child is elsewhere", Lie::Read { path: "/kr-family/tasks", text: "2\n" }),
        Mutant::ignore_write("members do not move in", "/tasks"),
    ]),
    // cgroup.procs can be written since 3.0 (74a1166dfe1135).
    test(
        "cgroup1::procs_moves_a_process_tasks_a_thread",
        "cgroup.procs moves all threads of a process, tasks moves one and leaves the others",
    )
    .since(3, 0, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::ignore_write("the process does not move", "/cgroup.procs"),
        Mutant::ignore_write("the thread does not move", "/kr-one/tasks"),
    ]),
    test("cgroup1::rmdir_is_refused_while_in_use", "removing a group is EBUSY while it has a member or a group below")
        .since(2, 6, 32)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::forgive("removed while in use", nr::RMDIR)]),
    test(
        "cgroup1::rename_stays_with_the_parent",
        "a group is renamed with its members; not to another parent, not over another",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::ignore("not renamed", nr::RENAME), Mutant::forgive("renamed across parents", nr::RENAME)]),
    // b7e24eb1caa5 (5.13 and stable kernels): older ones take it.
    test("cgroup1::rename_refuses_a_newline", "a group cannot be renamed so that /proc/PID/cgroup gets a line more")
        .since(2, 6, 32)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::forgive("renamed", nr::RENAME)]),
    test(
        "cgroup1::deep_groups_have_their_whole_path",
        "thirty groups deep the path is all of them, and they go from the bottom",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::ignore_write("members do not move in", "/tasks"),
        Mutant::new("path cut short", Lie::Read { path: "/cgroup", text: "1:name=kernrig:/d\n" }),
    ]),
    test("cgroup1::hierarchy_outlives_its_unmount", "a hierarchy keeps groups and members when nothing has it mounted")
        .since(2, 6, 32)
        .kconfig(&[CGROUPS])
        .mutants(&[
            Mutant::ignore("not unmounted", nr::UMOUNT2),
            Mutant::new("members lost", Lie::Read { path: "/kr-kept/tasks", text: "\n" }),
        ]),
    test(
        "cgroup1::delegated_group_takes_own_processes_only",
        "the owner of a group moves own processes in, and none of root",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::new("root's process taken", Lie::Forgive { nr: nr::WRITE, answer: 1 }),
        Mutant::ignore("the user is root still", nr::SETUID),
    ]),
    test(
        "cgroup1::release_agent_is_called_for_an_emptied_group",
        "the release agent is called with the path of a group that emptied",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .deadline(20)
    .mutants(&[
        Mutant::ignore_write("not asked for", "/notify_on_release"),
        Mutant::ignore_write("no agent", "/release_agent"),
    ]),
    // CVE-2022-0492, 24f600856418.
    test(
        "cgroup1::release_agent_needs_the_first_user_namespace",
        "root of another user namespace cannot name a release agent",
    )
    .since(5, 17, 0)
    .kconfig(&[CGROUPS, USER_NS])
    .mutants(&[Mutant::new("agent taken", Lie::Forgive { nr: nr::WRITE, answer: 6 })]),
    test(
        "cgroup1::remount_changes_the_release_agent",
        "the mount option names the release agent, a remount changes it and keeps members",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS])
    .mutants(&[
        Mutant::ignore_if("nothing remounted", nr::MOUNT, 3, ms::REMOUNT),
        Mutant::new("members lost", Lie::Read { path: "/kr-stays/tasks", text: "\n" }),
    ]),
    test(
        "cgroup1::controller_is_in_one_hierarchy_only",
        "a controller cannot be in two hierarchies; mounted again it is the same one",
    )
    .since(2, 6, 32)
    .kconfig(&[CGROUPS, FREEZER, DEVICE])
    .mutants(&[Mutant::forgive("mounted twice", nr::MOUNT), Mutant::ignore_write("members do not move in", "/tasks")]),
    test("cgroup1::removed_groups_leave_no_trace", "many groups come and go, and /proc/cgroups counts as before")
        .since(2, 6, 32)
        .kconfig(&[CGROUPS, FREEZER])
        .params(&[Param { name: "iterations", default: 100, min: 1, max: 10_000 }])
        .deadline(20)
        .mutants(&[Mutant::ignore("nothing removed", nr::RMDIR), Mutant::ignore("nothing made", nr::MKDIR)]),
    // Named by PID since 2.6.27 (e885dcde7559); gone in 3.0 (a77aea92010a).
    test(
        "cgroup1::ns_controller_groups_each_new_namespace",
        "the ns controller makes a group of each process with new namespaces",
    )
    .since(2, 6, 27)
    .kconfig(&[CGROUPS, CGROUP_NS, UTS_NS])
    .until(3, 0, 0)
    .mutants(&[Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS)]),
];
