//! Containers as an engine makes them: namespaces, control groups, a root of their own, wires, few privileges; and what
//! becomes of them.

mod life;
mod limits;
mod many;
mod promises;
mod setup;
mod stage;
mod using;
mod whole;

pub(crate) use setup::{enter_root, make_root};
pub(crate) use stage::{IMAGE, IMAGE_TEXT, Root, fill};

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("container::whole::on_a_bound_folder", whole::on_a_bound_folder),
    ("container::whole::on_overlay", whole::on_overlay),
    ("container::whole::on_overlayfs_ubuntu", whole::on_overlayfs_ubuntu),
    ("container::whole::on_aufs", whole::on_aufs),
    ("container::whole::with_a_user_namespace", whole::with_a_user_namespace),
    ("container::whole::with_a_cgroup_namespace", whole::with_a_cgroup_namespace),
    ("container::whole::with_a_clock_of_its_own", whole::with_a_clock_of_its_own),
    ("container::whole::sealed_by_seccomp", whole::sealed_by_seccomp),
    ("container::many::one_after_another", many::one_after_another),
    ("container::many::at_once", many::at_once),
    ("container::life::ends_with_its_init", life::ends_with_its_init),
    ("container::life::killed_with_many_children", life::killed_with_many_children),
    ("container::life::frozen_and_killed", life::frozen_and_killed),
    ("container::life::signals_are_passed_on", life::signals_are_passed_on),
    ("container::life::reboot_ends_it_alone", life::reboot_ends_it_alone),
    ("container::life::oom_stays_inside", life::oom_stays_inside),
    ("container::using::entered_from_outside", using::entered_from_outside),
    ("container::using::program_speaks_through_pipes", using::program_speaks_through_pipes),
    ("container::using::read_only_root", using::read_only_root),
    ("container::using::holds_another", using::holds_another),
];
