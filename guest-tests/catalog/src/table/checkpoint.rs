//! What CRIU asks of a kernel.

use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CHECKPOINT_RESTORE, INET, KCMP, NET_NS, PID_NS, PROC_CHILDREN, SOFT_DIRTY};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // kcmp(2): 3.5, with CHECKPOINT_RESTORE; an option of its own since 5.12.
    test("checkpoint::dump::kcmp_tells_shared_files", "kcmp tells one open file from two, within and across processes")
        .since(3, 5, 0)
        .kconfig(&[KCMP])
        .mutants(&[Mutant::ignore("all files are one", nr::KCMP)]),
    // proc(5): 3.3, without that option since 4.3.
    test(
        "checkpoint::dump::map_files_lead_to_the_file",
        "a link in map_files leads to what is mapped, unlinked or not",
    )
    .since(3, 3, 0)
    .kconfig(&[CHECKPOINT_RESTORE])
    .mutants(&[
        Mutant::new("there are no links", Lie::Refuse { nr: nr::READLINK, errno: 2 }),
        Mutant::new("they lead to another file", Lie::Read { path: "/mapped (deleted)", text: "another" }),
    ]),
    test(
        "checkpoint::dump::soft_dirty_marks_what_was_written",
        "pages written since the marks were cleared are marked",
    )
    .since(3, 11, 0)
    .kconfig(&[SOFT_DIRTY])
    .mutants(&[Mutant::ignore_write("marks are not cleared", "/clear_refs")]),
    test("checkpoint::dump::pending_signals_are_read_in_place", "PTRACE_PEEKSIGINFO shows signals that go on waiting")
        .since(3, 10, 0)
        .mutants(&[Mutant::ignore_when("none are shown", nr::PTRACE, 0, 0x4209)]),
    // proc(5): 3.8.
    test(
        "checkpoint::dump::fdinfo_shows_event_files",
        "fdinfo shows the state of eventfd, signalfd, epoll and inotify",
    )
    .since(3, 8, 0)
    .mutants(&[Mutant::new("the count is lost", Lie::Replace { nr: nr::EVENTFD2, arg: 0, value: 0 })]),
    test(
        "checkpoint::dump::fdinfo_shows_timers",
        "fdinfo of a timerfd shows its clock, when it is due and its interval",
    )
    .since(3, 17, 0)
    .mutants(&[Mutant::ignore("the timer is not set", nr::TIMERFD_SETTIME)]),
    test("checkpoint::dump::posix_timers_are_listed", "/proc/PID/timers lists a timer with its signal and value")
        .since(3, 10, 0)
        .kconfig(&[CHECKPOINT_RESTORE])
        .mutants(&[Mutant::ignore("no timer is made", nr::TIMER_CREATE)]),
    test("checkpoint::dump::children_are_listed", "a task's children file lists a child and not one that was reaped")
        .since(3, 5, 0)
        .kconfig(&[PROC_CHILDREN])
        .mutants(&[Mutant::new("the list is empty", Lie::Read { path: "/children", text: "" })]),
    test("checkpoint::dump::peek_offset_moves_on", "with SO_PEEK_OFF each peek goes on after the last one")
        .since(3, 4, 0)
        .mutants(&[Mutant::ignore("the offset is not set", nr::SETSOCKOPT)]),
    test("checkpoint::dump::descriptor_is_taken_from_a_process", "pidfd_getfd takes a descriptor that both then share")
        .since(5, 6, 0)
        .mutants(&[Mutant::new("another descriptor is taken", Lie::Replace { nr: nr::PIDFD_GETFD, arg: 1, value: 0 })]),
    // pid_namespaces(7): 3.3.
    test("checkpoint::restore::next_pid_is_chosen", "the child after a write to ns_last_pid has the PID after it")
        .since(3, 3, 0)
        .kconfig(&[PID_NS, CHECKPOINT_RESTORE])
        .mutants(&[Mutant::ignore_write("the write does nothing", "/ns_last_pid")]),
    test("checkpoint::restore::clone3_takes_the_pid_that_is_asked_for", "clone3 with set_tid gives that PID, once")
        .since(5, 5, 0)
        .kconfig(&[PID_NS])
        .mutants(&[
            Mutant::new("a PID is refused", Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 72, bits: 1 }),
            Mutant::new("any PID will do", Lie::Ignore { nr: nr::CLONE3, answer: 78 }),
        ]),
    // capabilities(7): 5.9.
    test("checkpoint::restore::one_capability_is_enough", "with CAP_CHECKPOINT_RESTORE alone a user chooses a PID")
        .since(5, 9, 0)
        .kconfig(&[PID_NS, CHECKPOINT_RESTORE])
        .mutants(&[
            Mutant::forgive("anyone may choose", nr::WRITE),
            Mutant::ignore_write("the write does nothing", "/ns_last_pid"),
        ]),
    // prctl(2): 3.3 with CHECKPOINT_RESTORE, arguments 3.5.
    test("checkpoint::restore::command_line_is_moved", "PR_SET_MM makes other memory the command line that proc shows")
        .since(3, 5, 0)
        .kconfig(&[CHECKPOINT_RESTORE])
        .mutants(&[Mutant::ignore_when("nothing is moved", nr::PRCTL, 0, 35)]),
    test(
        "checkpoint::restore::tcp_goes_on_where_it_was",
        "two sockets under TCP_REPAIR become one connection, and tell where it stands",
    )
    .since(3, 5, 0)
    .kconfig(&[NET_NS, INET])
    .leaves_netns()
    .mutants(&[Mutant::ignore_when("sequence numbers are not set", nr::SETSOCKOPT, 2, 21)]),
];
