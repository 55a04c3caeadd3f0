//! What keeps a container in: seccomp, privileges over exec, hidden files, borders of user namespaces, keyrings.

pub(crate) mod border;
pub(crate) mod hiding;
pub(crate) mod keys;
pub(crate) mod privileges;
mod program;
pub(crate) mod seccomp;

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("security::seccomp::strict_mode_kills", seccomp::strict_mode_kills),
    ("security::seccomp::filter_answers", seccomp::filter_answers),
    ("security::seccomp::filter_needs_no_new_privs", seccomp::filter_needs_no_new_privs),
    ("security::seccomp::filter_is_inherited", seccomp::filter_is_inherited),
    ("security::seccomp::kill_process_takes_all_threads", seccomp::kill_process_takes_all_threads),
    ("security::seccomp::tsync_holds_all_threads", seccomp::tsync_holds_all_threads),
    ("security::seccomp::supervisor_answers", seccomp::supervisor_answers),
    ("security::exec::no_new_privs_disarms_setuid", privileges::no_new_privs_disarms_setuid),
    ("security::exec::nosuid_mount_disarms_setuid", privileges::nosuid_mount_disarms_setuid),
    ("security::exec::foreign_mount_disarms_setuid", privileges::foreign_mount_disarms_setuid),
    ("security::exec::noexec_mount_refuses", privileges::noexec_mount_refuses),
    ("security::exec::bounding_set_holds", privileges::bounding_set_holds_over_exec),
    ("security::exec::file_capability_ends_at_the_bounding_set", privileges::file_capability_ends_at_the_bounding_set),
    ("security::exec::ambient_set_survives", privileges::ambient_set_survives_exec),
    ("security::exec::securebits_make_root_a_user", privileges::securebits_make_root_a_user),
    ("security::files::nodev_mount_has_no_devices", privileges::nodev_mount_has_no_devices),
    ("security::files::nosymfollow_mount_leads_nowhere", privileges::nosymfollow_mount_leads_nowhere),
    ("security::files::write_strips_setuid_and_setgid", privileges::write_strips_setuid_and_setgid),
    ("security::files::handles_do_not_lead_out", border::handles_do_not_lead_out),
    ("security::files::paths_stay_beneath", border::paths_stay_beneath),
    ("security::files::landlock_keeps_to_its_paths", border::landlock_keeps_to_its_paths),
    ("security::files::pipe_does_not_write_to_its_source", border::pipe_does_not_write_to_its_source),
    ("security::hiding::null_masks_a_file", hiding::null_masks_a_file),
    ("security::hiding::read_only_proc_sys_refuses", hiding::read_only_proc_sys_refuses),
    ("security::hiding::masks_hold_in_a_user_namespace", hiding::masks_hold_in_a_user_namespace),
    ("security::hiding::hidepid_hides_others", hiding::hidepid_hides_others),
    ("security::hiding::subset_has_processes_only", hiding::subset_has_processes_only),
    ("security::border::user_namespace_does_not_rule_the_machine", border::user_namespace_does_not_rule_the_machine),
    ("security::border::kernel_log_can_be_restricted", border::kernel_log_can_be_restricted),
    ("security::border::yama_lets_trace_children_only", border::yama_lets_trace_children_only),
    ("security::keys::session_keyring_is_left_behind", keys::session_keyring_is_left_behind),
    ("security::keys::user_keyring_is_per_user_namespace", keys::user_keyring_is_per_user_namespace),
    ("security::keys::quota_holds_a_user", keys::quota_holds_a_user),
];
