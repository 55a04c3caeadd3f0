//! cgroup v2, the tree: controllers, where processes may be, notifications. Facts: Documentation/admin-guide/cgroup-v2.rst.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, INOTIFY_USER, MEMCG, PIDS};
use crate::test::{Test, test};

/// A refused write of so many bytes looks as if it had been taken.
const fn taken(name: &'static str, bytes: isize) -> Mutant {
    Mutant::new(name, Lie::Forgive { nr: nr::WRITE, answer: bytes })
}

pub(super) const TESTS: &[Test] = &[
    test(
        "cgroup2::tree::controllers_are_handed_down",
        "a group has just the controllers and files that its parent hands down",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[Mutant::ignore_write("controllers are not handed down", "/cgroup.subtree_control")]),
    test(
        "cgroup2::tree::enabling_needs_the_parent",
        "a controller that the parent does not hand down cannot be enabled: ENOENT",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[taken("enabled without the parent", 5)]),
    test(
        "cgroup2::tree::disabling_is_refused_while_a_child_uses_it",
        "a controller that a child hands on cannot be disabled: EBUSY",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, PIDS])
    .mutants(&[taken("disabled below a child", 5)]),
    test("cgroup2::tree::no_internal_processes", "a group with processes cannot hand a domain controller down: EBUSY")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, MEMCG])
        .mutants(&[taken("processes beside controllers", 7)]),
    test(
        "cgroup2::tree::moving_in_is_refused_above_controllers",
        "no process is moved into a group that hands a domain controller down: EBUSY",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .mutants(&[taken("moved in above controllers", 3)]),
    test(
        "cgroup2::tree::populated_flips_up_to_the_root",
        "populated is 1 where a process is and above, 0 elsewhere and after its end",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::new("never populated", Lie::Read { path: "/cgroup.events", text: "populated 0\nfrozen 0\n" })]),
    test(
        "cgroup2::tree::populated_is_polled",
        "poll of cgroup.events tells of each change of populated, and only then",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::new("poll is not told", Lie::IgnoreWhen { nr: nr::POLL, arg: 2, value: 3_000, answer: 0 })]),
    test(
        "cgroup2::tree::populated_is_seen_by_inotify",
        "an inotify watch on cgroup.events tells of each change of populated",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, INOTIFY_USER])
    .mutants(&[Mutant::new("inotify is not told", Lie::Ignore { nr: nr::INOTIFY_ADD_WATCH, answer: 1 })]),
    // 1a926e0bbab8: cgroup.max.depth, max.descendants, cgroup.stat (ec39225cca42).
    test("cgroup2::tree::max_depth_refuses_mkdir", "no group is made deeper than cgroup.max.depth: EAGAIN")
        .since(4, 14, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::ignore_write("depth without a limit", "/cgroup.max.depth")]),
    test("cgroup2::tree::max_descendants_refuses_mkdir", "no more groups are made than cgroup.max.descendants: EAGAIN")
        .since(4, 14, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::ignore_write("descendants without a limit", "/cgroup.max.descendants")]),
    test("cgroup2::tree::stat_counts_descendants", "cgroup.stat counts the groups below, and the removed ones die off")
        .since(4, 14, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::new(
            "nothing counted",
            Lie::Read { path: "/cgroup.stat", text: "nr_descendants 0\nnr_dying_descendants 0\n" },
        )]),
    test("cgroup2::tree::rename_is_refused", "a v2 group cannot be renamed: EPERM")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::forgive("rename is let through", nr::RENAME)]),
    test("cgroup2::tree::rmdir_needs_an_empty_group", "a group with a process or a group in it is not removed: EBUSY")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS])
        .mutants(&[Mutant::forgive("busy groups are removed", nr::RMDIR)]),
    test(
        "cgroup2::tree::proc_shows_the_path",
        "/proc/PID/cgroup follows a process through the tree, and cgroup.procs lists it",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::ignore_write("nobody is moved", "/cgroup.procs")]),
    test(
        "cgroup2::tree::zombie_of_a_removed_group_shows_deleted",
        "a zombie keeps the path of its group, marked (deleted) once that is removed",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::new("no mark", Lie::Read { path: "/cgroup", text: "0::/kr-short\n" })]),
];
