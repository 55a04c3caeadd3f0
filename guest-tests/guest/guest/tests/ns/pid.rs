//! PID namespaces: numbers, visibility, and the powers and duties of their init.

use alloc::format;
use alloc::string::ToString as _;

use crate::files;
use crate::sys::{self, End, Errno, Fd, clone, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child, time_left};
use crate::tests::ns::{pid_made, pid_seen};
use crate::tests::peer::{Link, Peer};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::pid::first_process_is_1", first_process_is_1),
    ("ns::pid::outside_is_invisible", outside_is_invisible),
    ("ns::pid::orphan_goes_to_init", orphan_goes_to_init),
    ("ns::pid::death_of_init_kills_all", death_of_init_kills_all),
    ("ns::pid::init_is_immune_from_inside", init_is_immune_from_inside),
    ("ns::pid::nested_is_seen_from_parent_only", nested_is_seen_from_parent_only),
    ("ns::pid::unshare_moves_children_only", pid_made::unshare_moves_children_only),
    ("ns::pid::unshare_is_refused_before_3_8", pid_made::unshare_is_refused_before_3_8),
    ("ns::pid::clone3_makes_a_new_one", pid_made::clone3_makes_a_new_one),
    ("ns::pid::no_fork_after_init_died", pid_made::no_fork_after_init_died),
    ("ns::pid::no_thread_between_two", pid_made::no_thread_between_two),
    ("ns::pid::link_for_children_is_the_childs", pid_made::link_for_children_is_the_childs),
    ("ns::pid::depth_is_32", pid_made::depth_is_32),
    ("ns::pid::depth_is_open_before_3_7", pid_made::depth_is_open_before_3_7),
    ("ns::pid::status_shows_each_number", pid_made::status_shows_each_number),
    ("ns::pid::sender_outside_is_0", pid_seen::sender_outside_is_0),
    ("ns::pid::credentials_are_translated", pid_seen::credentials_are_translated),
    ("ns::pid::proc_is_its_mounters", pid_seen::proc_is_its_mounters),
    ("ns::pid::pidfd_signals_inwards_only", pid_seen::pidfd_signals_inwards_only),
    ("ns::pid::reboot_kills_init", pid_seen::reboot_kills_init),
    ("ns::pid::subreaper_takes_orphans", pid_seen::subreaper_takes_orphans),
    ("ns::pid::exec_by_a_thread_keeps_init", pid_seen::exec_by_a_thread_keeps_init),
    ("ns::pid::many_ends_at_once_leave_nothing", pid_seen::many_ends_at_once_leave_nothing),
];

/// Forks within the namespace; the child does `body` and ends.
pub(super) fn fork(body: impl FnOnce()) -> Result<i32, Stop> {
    let pid = sys::fork(0).or_fail("fork inside")?;
    if pid == 0 {
        body();
        sys::exit(0);
    }
    Ok(pid)
}

pub(super) fn reap(pid: i32) -> Result<End, Stop> {
    match sys::wait(pid, 0).or_fail(&format!("wait for {pid}"))? {
        Some((_, end)) => Ok(end),
        None => Err(Stop::Fail(format!("wait for {pid} came back without it"))),
    }
}

/// Stays till it is killed.
pub(super) fn stay() -> ! {
    loop {
        sys::sleep_ms(60_000);
    }
}

/// The first process is 1 inside with parent 0, the next is 2, and outside the first has a number of the parent's.
pub(crate) fn first_process_is_1(_: &Ctx) -> Check {
    let peer = Peer::start(clone::NEWPID, |test| {
        let (pid, parent) = (sys::getpid(), sys::getppid());
        ensure!(pid == 1, "the first process in the namespace is {pid}");
        ensure!(parent == 0, "its parent outside shows inside as {parent}, not 0");
        let child = fork(|| sys::exit(sys::getpid()))?;
        ensure!(child == 2, "the second process in the namespace is {child}");
        ensure!(reap(child)? == End::Exit(2), "the second process does not take itself for 2");
        test.say("counted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let pid = peer.pid();
    ensure!(pid > 1, "outside the first process has the number {pid} too");
    sys::kill(pid, 0).or_fail("reach the first process by its number outside")?;
    peer.say("go");
    peer.finish()
}

/// Inside, a process outside can be neither signalled nor seen in a proc of the namespace.
pub(crate) fn outside_is_invisible(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let test = sys::getpid();
    sys::kill(test, 0).or_fail("signal the test from outside")?;
    ensure!(files::exists(&format!("/proc/{test}")), "the test is not in its own /proc");
    let peer = Peer::start(clone::NEWPID | clone::NEWNS, |link| {
        match sys::kill(test, 0) {
            Err(Errno::ESRCH) => {}
            Ok(()) => fail!("process {test} outside can be signalled from inside"),
            Err(errno) => fail!("signal process {test} outside: {errno}, not ESRCH"),
        }
        scratch::folder("/tmp/proc")?;
        sys::mount("proc", "/tmp/proc", "proc", 0, "").or_fail("mount proc inside")?;
        let mut names = sys::list("/tmp/proc").or_fail("list proc inside")?;
        names.retain(|name| name.bytes().all(|b| b.is_ascii_digit()));
        ensure!(names == ["1"], "the processes in proc inside are {names:?}, not just 1");
        let own = sys::readlink("/tmp/proc/self").or_fail("read self in proc inside")?;
        ensure!(own == "1", "self in proc inside leads to `{own}`");
        link.say("looked");
        link.hear().map(drop)
    })?;
    peer.hear()?;
    ensure!(files::exists(&format!("/proc/{}", peer.pid())), "the process inside is not in proc outside");
    peer.say("go");
    peer.finish()
}

/// Init: forks a parent that forks the orphan; the parent ends, and the orphan tells its parents by exit code.
fn init_with_an_orphan() -> Check {
    let (parent_gone, tell_orphan) = sys::pipe().or_fail("pipe")?;
    let (orphan_born, tell_parent) = sys::pipe().or_fail("pipe")?;
    let parent = fork(|| {
        let _ = fork(|| sys::exit(orphan(&tell_parent, &parent_gone)));
        let _ = sys::read(&orphan_born, &mut [0]);
    })?;
    let end = reap(parent)?;
    ensure!(end == End::Exit(0), "the orphan's parent {end}");
    sys::write_all(tell_orphan.raw(), b"g").or_fail("tell the orphan")?;
    let (pid, end) = sys::wait(-1, 0).or_fail("wait for the orphan as init")?.unwrap_or((0, End::Exit(-1)));
    ensure!(pid == 3, "init reaped {pid}, and the orphan is 3");
    match end {
        End::Exit(1) => Ok(()),
        End::Exit(NOT_THE_PARENT) => fail!("the orphan's parent was not 2 at first"),
        End::Exit(code) => fail!("the orphan's parent shows as {code}, not as init"),
        End::Signal(_) => fail!("the orphan {end}"),
    }
}

const NOT_THE_PARENT: i32 = 100;

/// Looks for its parent, lets it go, and returns the number of the one it has then.
fn orphan(born: &Fd, parent_gone: &Fd) -> i32 {
    let first = sys::getppid();
    let _ = sys::write_all(born.raw(), b"b");
    let _ = sys::read(parent_gone, &mut [0]);
    if first == 2 { sys::getppid() } else { NOT_THE_PARENT }
}

/// An orphan becomes the child of its namespace's init, which reaps it.
pub(crate) fn orphan_goes_to_init(_: &Ctx) -> Check {
    in_child(clone::NEWPID, init_with_an_orphan)
}

/// When init is killed every process of its namespace dies: children, grandchildren, those in other sessions.
pub(crate) fn death_of_init_kills_all(_: &Ctx) -> Check {
    let (all_dead, alive) = sys::pipe().or_fail("pipe")?;
    let init = Peer::start(clone::NEWPID, |link| {
        let live = || {
            sys::ignore(sig::TERM);
            let _ = sys::setsid();
            let _ = sys::write_all(alive.raw(), b"a");
        };
        let child = fork(|| {
            live();
            stay()
        })?;
        let family = fork(|| {
            let _ = fork(|| {
                live();
                stay()
            });
            live();
            stay()
        })?;
        link.say(&format!("{child} {family}"));
        stay()
    })?;
    init.hear()?;
    drop(alive);
    let mut byte = [0];
    for _ in 0..3 {
        let n = sys::read(&all_dead, &mut byte).or_fail("hear from the processes inside")?;
        ensure!(n == 1, "the processes inside ended before their init");
    }
    ensure!(!sys::readable(&all_dead, 0).or_fail("poll")?, "the processes inside ended before their init");
    sys::kill(init.pid(), sig::KILL).or_fail("kill init from outside")?;
    let end = init.end()?;
    ensure!(end == End::Signal(sig::KILL), "init {end}, not killed by SIGKILL");
    // The pipe ends when the last process that could write to it has: before init can be reaped since 3.5.
    let ended = sys::readable(&all_dead, time_left().saturating_sub(500).min(5_000) as i32).or_fail("poll")?;
    ensure!(ended, "a process inside lives on after its init was killed");
    let n = sys::read(&all_dead, &mut byte).or_fail("wait for the processes inside to end")?;
    ensure!(n == 0, "a process inside wrote after its init was dead");
    Ok(())
}

/// Init: a child sends it SIGKILL and SIGTERM, then waits to be reaped.
fn shot_at_init(link: &Link) -> Check {
    for signal in [sig::KILL, sig::TERM, sig::HUP] {
        let child = fork(|| sys::exit(sys::kill(1, signal).map_or_else(|errno| errno.0, |()| 0)))?;
        let end = reap(child)?;
        ensure!(end == End::Exit(0), "signal {signal} to init from inside: the sender {end}");
    }
    link.say("alive");
    link.hear()?;
    // Only now: the signal from outside has had its chance while this process waited.
    link.say("still alive");
    stay()
}

/// SIGKILL, SIGTERM and SIGHUP to init have no effect from inside; from outside SIGKILL has, and SIGTERM has none.
pub(crate) fn init_is_immune_from_inside(_: &Ctx) -> Check {
    let init = Peer::start(clone::NEWPID, shot_at_init)?;
    init.hear()?;
    sys::kill(init.pid(), sig::TERM).or_fail("SIGTERM to init from outside")?;
    init.ask("go")?;
    sys::kill(init.pid(), sig::KILL).or_fail("SIGKILL to init from outside")?;
    let end = init.end()?;
    ensure!(end == End::Signal(sig::KILL), "SIGKILL from outside: init {end}");
    Ok(())
}

/// Number in this namespace of a process whose parent has that number, from /proc.
pub(super) fn child_of(parent: i32) -> Result<i32, Stop> {
    for name in sys::list("/proc").or_fail("list /proc")? {
        let Ok(pid) = name.parse::<i32>() else { continue };
        let status = files::read_text(&format!("/proc/{pid}/status")).unwrap_or_default();
        if status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|n| n.trim() == parent.to_string())) {
            return Ok(pid);
        }
    }
    Err(Stop::Fail(format!("no process in /proc outside has the parent {parent}: the nested one is not seen")))
}

/// Init of the outer namespace: starts a nested one and tells how the nested init ended.
fn outer_init(link: &Link) -> Check {
    let nested = Peer::start(clone::NEWPID, |middle| {
        let (pid, parent) = (sys::getpid(), sys::getppid());
        ensure!((pid, parent) == (1, 0), "the nested init is {pid} with parent {parent}, not 1 and 0");
        ensure!(sys::kill(2, 0) == Err(Errno::ESRCH), "the nested init finds a process 2, which is itself outside");
        middle.say("born");
        stay()
    })?;
    nested.hear()?;
    let pid = nested.pid();
    ensure!(pid == 2, "the nested init is {pid} in the namespace above, not 2");
    link.say("born");
    let end = nested.end()?;
    ensure!(end == End::Signal(sig::KILL), "the nested init {end}, not killed from two levels above");
    Ok(())
}

/// A process of a nested namespace has a number in each one above, and a signal by any of them reaches it.
pub(crate) fn nested_is_seen_from_parent_only(_: &Ctx) -> Check {
    let outer = Peer::start(clone::NEWPID, outer_init)?;
    outer.hear()?;
    let nested = child_of(outer.pid())?;
    ensure!(nested > 2, "the nested init has the number {nested} outside");
    sys::kill(nested, sig::KILL).or_fail("kill the nested init by its number outside")?;
    outer.finish()
}
