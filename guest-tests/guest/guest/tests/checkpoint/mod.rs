//! What CRIU asks of a kernel: to see all that a process has, and to make one that has it.

pub(crate) mod dump;
pub(crate) mod restore;

use crate::test_api::Entry;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("checkpoint::dump::kcmp_tells_shared_files", dump::kcmp_tells_shared_files),
    ("checkpoint::dump::map_files_lead_to_the_file", dump::map_files_lead_to_the_file),
    ("checkpoint::dump::soft_dirty_marks_what_was_written", dump::soft_dirty_marks_what_was_written),
    ("checkpoint::dump::pending_signals_are_read_in_place", dump::pending_signals_are_read_in_place),
    ("checkpoint::dump::fdinfo_shows_event_files", dump::fdinfo_shows_event_files),
    ("checkpoint::dump::fdinfo_shows_timers", dump::fdinfo_shows_timers),
    ("checkpoint::dump::posix_timers_are_listed", dump::posix_timers_are_listed),
    ("checkpoint::dump::children_are_listed", dump::children_are_listed),
    ("checkpoint::dump::peek_offset_moves_on", dump::peek_offset_moves_on),
    ("checkpoint::dump::descriptor_is_taken_from_a_process", dump::descriptor_is_taken_from_a_process),
    ("checkpoint::restore::next_pid_is_chosen", restore::next_pid_is_chosen),
    ("checkpoint::restore::clone3_takes_the_pid_that_is_asked_for", restore::clone3_takes_the_pid_that_is_asked_for),
    ("checkpoint::restore::one_capability_is_enough", restore::one_capability_is_enough),
    ("checkpoint::restore::command_line_is_moved", restore::command_line_is_moved),
    ("checkpoint::restore::tcp_goes_on_where_it_was", restore::tcp_goes_on_where_it_was),
];
