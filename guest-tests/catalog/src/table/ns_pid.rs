//! PID namespaces.

use crate::flags::clone;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{PID_NS, UNIX};
use crate::test::{Oddity, Test, test};
use crate::version::Version;

const NO_CLONE: Mutant = Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID);
const NO_UNSHARE: Mutant = Mutant::lose("no new PID namespace", nr::UNSHARE, 0, clone::NEWPID);

const fn pid(name: &'static str, purpose: &'static str) -> Test {
    // pid_namespaces(7): 2.6.24.
    test(name, purpose).since(2, 6, 24).kconfig(&[PID_NS]).mutants(&[NO_CLONE])
}

pub(super) const TESTS: &[Test] = &[
    pid("ns::pid::first_process_is_1", "the first process of a PID namespace is 1 inside and another number outside"),
    pid("ns::pid::outside_is_invisible", "a process outside can be neither signalled nor seen in a new proc inside"),
    pid("ns::pid::orphan_goes_to_init", "an orphan becomes the child of its namespace's init, which reaps it"),
    pid("ns::pid::death_of_init_kills_all", "when init of a PID namespace is killed, every process in it dies"),
    pid(
        "ns::pid::init_is_immune_from_inside",
        "SIGKILL and SIGTERM to init have no effect from inside, SIGKILL from outside has",
    )
    .since(2, 6, 26),
    pid(
        "ns::pid::nested_is_seen_from_parent_only",
        "a process of a nested namespace has a PID above it and sees none of them",
    ),
    // 50804fe3737c, 3.8.
    pid("ns::pid::unshare_moves_children_only", "unshare leaves the caller where it is and makes its next child 1")
        .since(3, 8, 0)
        .mutants(&[NO_UNSHARE]),
    pid("ns::pid::unshare_is_refused_before_3_8", "before 3.8 unshare of a PID namespace is EINVAL and moves no child")
        .until(3, 8, 0)
        .mutants(&[Mutant::forgive("taken and ignored", nr::UNSHARE)]),
    pid("ns::pid::clone3_makes_a_new_one", "the first process that clone3 makes in a PID namespace is 1 inside")
        .since(5, 3, 0)
        .mutants(&[Mutant::new(
            "flag of clone3 lost",
            Lie::LoseIn { nr: nr::CLONE3, arg: 0, offset: 0, bits: clone::NEWPID as u64 },
        )]),
    pid("ns::pid::no_fork_after_init_died", "fork into a PID namespace whose init has died is ENOMEM, for good")
        .since(3, 8, 0)
        .mutants(&[NO_UNSHARE]),
    pid("ns::pid::no_thread_between_two", "no thread starts in a process whose children go to another PID namespace")
        .since(3, 8, 0)
        .mutants(&[NO_UNSHARE]),
    pid("ns::pid::link_for_children_is_the_childs", "pid_for_children leads to the namespace that children are in")
        .since(4, 12, 0)
        .oddities(&[Oddity {
            name: "empty_until_born",
            since: Version(4, 12, 0),
            until: Some(Version(7, 1, 0)),
            source: "a3bdc23ba8ea",
        }])
        .mutants(&[NO_UNSHARE]),
    // f2302505775f, 3.7; ENOSPC since df75e7748bae, 4.9.
    pid("ns::pid::depth_is_32", "32 PID namespaces nest below the first one, the next is refused")
        .since(3, 7, 0)
        .oddities(&[Oddity {
            name: "einval",
            since: Version(3, 7, 0),
            until: Some(Version(4, 9, 0)),
            source: "df75e7748bae",
        }]),
    pid("ns::pid::depth_is_open_before_3_7", "before 3.7 PID namespaces nest 40 deep, and each has its process 1")
        .until(3, 7, 0),
    // e4bc33245124, 4.1.
    pid(
        "ns::pid::status_shows_each_number",
        "NSpid in status has the number of a process in each of its PID namespaces",
    )
    .since(4, 1, 0)
    .mutants(&[NO_CLONE, Mutant::new("status without NSpid", Lie::Read { path: "/status", text: "Name:\tx\n" })]),
    // 6588c1e3ff01, 2.6.30.
    pid("ns::pid::sender_outside_is_0", "a signal shows its sender's number inside, and 0 for one outside")
        .since(2, 6, 30),
    // 7361c36c5224 and 257b5358b32f, 2.6.36.
    pid("ns::pid::credentials_are_translated", "credentials on a socket carry the PID that the receiver's side knows")
        .since(2, 6, 36)
        .kconfig(&[PID_NS, UNIX]),
    pid("ns::pid::proc_is_its_mounters", "a proc mounted inside shows the processes inside whoever looks")
        .mutants(&[NO_CLONE, Mutant::ignore_when("a proc that is not mounted", nr::MOUNT, 3, 0)]),
    // pidfd_send_signal 5.1, pidfd_open 5.3.
    pid("ns::pid::pidfd_signals_inwards_only", "a pidfd signals a process inside from outside and not the reverse")
        .since(5, 3, 0),
    // cf3f89214ef6, 3.4; before that the machine itself went down.
    pid("ns::pid::reboot_kills_init", "reboot inside kills init by SIGHUP or SIGINT and leaves the machine alone")
        .since(3, 4, 0)
        .mutants(&[Mutant::ignore("reboot does nothing", nr::REBOOT), NO_CLONE]),
    // ebec18a6d3aa, 3.4.
    pid("ns::pid::subreaper_takes_orphans", "an orphan inside goes to the nearest subreaper and not to init")
        .since(3, 4, 0)
        .mutants(&[Mutant::ignore("no subreaper", nr::PRCTL)]),
    // Earlier kernels oops: 0a01f2cc390e, 3.8.
    pid(
        "ns::pid::exec_by_a_thread_keeps_init",
        "exec by a second thread of init leaves namespace, children and 1 alive",
    )
    .since(3, 8, 0),
    pid(
        "ns::pid::many_ends_at_once_leave_nothing",
        "eight inits end at once with children of all sorts, and none is left",
    ),
];
