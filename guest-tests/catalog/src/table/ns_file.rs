//! The files that stand for a process's namespaces in /proc.

use crate::flags::{clone, ms};
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUP_NS_FILE, IPC_NS, NET_NS, PID_NS, TIME_NS_FILE, USER_NS_FILE, UTS_NS};
use crate::test::{Oddity, Test, test};
use crate::version::Version;

const fn missing(name: &'static str, until: Version, source: &'static str) -> Oddity {
    Oddity { name, since: Version(3, 0, 0), until: Some(until), source }
}

pub(super) const TESTS: &[Test] = &[
    // namespaces(7): files for uts, ipc and net from 3.0, links for all from 3.8.
    test("ns::file::there_are_none_before_3_0", "before 3.0 a process has no folder of namespaces in /proc")
        .until(3, 0, 0)
        .mutants(&[Mutant::forgive("the folder is there", nr::ACCESS)]),
    test("ns::file::there_is_one_of_each_kind", "/proc/PID/ns has a file for each kind of its version and no other")
        .since(3, 0, 0)
        .kconfig(&[UTS_NS, IPC_NS, NET_NS, PID_NS, USER_NS_FILE, CGROUP_NS_FILE, TIME_NS_FILE])
        .oddities(&[
            missing("no_mnt_pid_user", Version(3, 8, 0), "namespaces(7)"),
            missing("no_cgroup", Version(4, 6, 0), "namespaces(7)"),
            missing("no_pid_for_children", Version(4, 12, 0), "namespaces(7)"),
            missing("no_time", Version(5, 6, 0), "namespaces(7)"),
        ])
        .mutants(&[Mutant::new("an empty folder", Lie::Ignore { nr: nr::GETDENTS64, answer: 0 })]),
    test("ns::file::is_plain_before_3_8", "from 3.0 to 3.7 the file of a namespace is a plain one that can be opened")
        .since(3, 0, 0)
        .until(3, 8, 0)
        .kconfig(&[UTS_NS])
        .mutants(&[Mutant::new("a link", Lie::Forgive { nr: nr::READLINK, answer: 16 })]),
    // 98f842e675f9, 3.8: inodes that stand for namespaces.
    test("ns::file::link_names_the_namespace", "one namespace is one link and inode whoever looks, two are two")
        .since(3, 8, 0)
        .kconfig(&[UTS_NS, IPC_NS])
        .mutants(&[
            Mutant::lose("no new IPC namespace", nr::CLONE, 0, clone::NEWIPC),
            Mutant::new("the same for all", Lie::Ignore { nr: nr::STAT, answer: 0 }),
        ]),
    test(
        "ns::file::open_file_keeps_the_namespace",
        "a UTS namespace without a process lives as long as its file is open",
    )
    .since(3, 0, 0)
    .kconfig(&[UTS_NS])
    .mutants(&[
        Mutant::ignore("setns goes nowhere", nr::SETNS),
        Mutant::lose("no new UTS namespace", nr::CLONE, 0, clone::NEWUTS),
    ]),
    test(
        "ns::file::bind_mount_keeps_the_namespace",
        "a UTS namespace without a process lives as long as its file is mounted",
    )
    .since(3, 0, 0)
    .kconfig(&[UTS_NS])
    .mutants(&[
        Mutant::ignore_if("the file is not mounted", nr::MOUNT, 3, ms::BIND),
        Mutant::ignore("setns goes nowhere", nr::SETNS),
    ]),
];
