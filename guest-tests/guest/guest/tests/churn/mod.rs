//! Loops that hunt for races and leaks: the same small thing again and again, by several processes, and then a count.

pub(crate) mod driver;
mod groups;
mod mounts;
mod namespaces;
pub(crate) mod storms;

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("churn::namespaces::uts", namespaces::uts),
    ("churn::namespaces::ipc", namespaces::ipc),
    ("churn::namespaces::mount", namespaces::mount),
    ("churn::namespaces::pid", namespaces::pid),
    ("churn::namespaces::net", namespaces::net),
    ("churn::namespaces::user", namespaces::user),
    ("churn::namespaces::cgroup", groups::namespaces),
    ("churn::namespaces::veth", namespaces::veth),
    ("churn::groups::version_1", groups::version_1),
    ("churn::groups::version_2", groups::version_2),
    ("churn::mounts::overlay", mounts::overlay),
    ("churn::mounts::overlayfs_ubuntu", mounts::overlayfs_ubuntu),
    ("churn::mounts::aufs", mounts::aufs),
    ("churn::mounts::propagation", mounts::propagation),
    ("churn::storms::setns", storms::setns),
    ("churn::storms::orphans", storms::orphans),
    ("churn::storms::fork_exec_kill", storms::fork_exec_kill),
    ("churn::storms::mixture", storms::mixture),
];
