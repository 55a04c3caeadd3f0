//! What is done to the processes of a group: frozen, killed, born into it, split by threads.

use alloc::format;
use alloc::string::ToString as _;
use core::sync::atomic::Ordering;

use super::super::load::{counting, forker, member, resident, shared_counter, wait_for};
use super::super::{Group, eventually, v2};
use super::{freeze, number, path_of, refuses};
use crate::sys::{self, End, Errno, clone, nr, open, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::tasks::newcomer_of_a_frozen_subtree_is_frozen", newcomer_of_a_frozen_subtree_is_frozen),
    ("cgroup2::tasks::frozen_process_is_killed", frozen_process_is_killed),
    ("cgroup2::tasks::kill_ends_a_fork_bomb", kill_ends_a_fork_bomb),
    ("cgroup2::tasks::pids_max_of_the_parent_binds", pids_max_of_the_parent_binds),
    ("cgroup2::tasks::pids_events_count_refusals", pids_events_count_refusals),
    ("cgroup2::tasks::clone3_is_born_into_a_group", clone3_is_born_into_a_group),
    ("cgroup2::tasks::clone3_into_a_full_group_is_refused", clone3_into_a_full_group_is_refused),
    ("cgroup2::tasks::threaded_group_takes_no_domain_controller", threaded_group_takes_no_domain_controller),
    ("cgroup2::tasks::domain_below_threaded_is_invalid", domain_below_threaded_is_invalid),
    ("cgroup2::tasks::threads_of_a_process_part", threads_of_a_process_part),
    ("cgroup2::tasks::pids_count_threads", pids_count_threads),
];

/// A group made below a frozen one is frozen (97a61369830a, 5.3), and so is who is moved there, till the thaw above.
fn newcomer_of_a_frozen_subtree_is_frozen(_: &Ctx) -> Check {
    const ENOUGH: u64 = 2_000;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (frozen, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    let (one, other) = (shared_counter()?, shared_counter()?);
    let (moved, _other) = (counting(&free, one)?, counting(&free, other)?);
    freeze(&frozen, true)?;
    let late = frozen.child("late")?;
    let is_frozen = || late.count("cgroup.events", "frozen") == Some(1);
    ensure!(eventually(3_000, is_frozen), "a group made below a frozen one says `{}`", late.get("cgroup.events")?);
    wait_for(one, 10, "before the move")?;
    late.set("cgroup.procs", &moved.pid().to_string())?;
    // It stops on its way back from the kernel, at the latest in the next tick.
    wait_for(other, ENOUGH, "in the free group")?;
    ensure!(eventually(3_000, is_frozen), "with a process moved in the group says `{}`", late.get("cgroup.events")?);
    let before = one.load(Ordering::Relaxed);
    wait_for(other, ENOUGH, "in the free group")?;
    let ran = one.load(Ordering::Relaxed) - before;
    ensure!(ran == 0, "a process moved below a frozen group counted {ran} while a free one counted {ENOUGH}");
    freeze(&frozen, false)?;
    wait_for(one, 10, "after the thaw")
}

/// A process that is frozen dies of `SIGKILL` all the same, and the group stays frozen.
fn frozen_process_is_killed(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-frozen")?;
    let process = resident(&group)?;
    freeze(&group, true)?;
    sys::kill(process.pid(), sig::KILL).or_fail("kill a frozen process")?;
    let end = process.death()?;
    ensure!(end == End::Signal(sig::KILL), "a frozen process {end}, not killed by SIGKILL");
    let state = group.get("cgroup.freeze")?;
    ensure!(state == "1", "cgroup.freeze is {state} after a frozen process was killed");
    Ok(())
}

/// Forks as often as it can, and so do its children, for ever.
fn bomb() -> ! {
    loop {
        if sys::fork(0).is_err() {
            let _ = sys::plain(nr::SCHED_YIELD, []);
        }
    }
}

/// `cgroup.kill` gets all of a group that forks faster than it can be read.
fn kill_ends_a_fork_bomb(_: &Ctx) -> Check {
    const MOST: u64 = 20;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let (group, sibling) = (root.child("kr-bomb")?, root.child("kr-sibling")?);
    group.set("pids.max", &MOST.to_string())?;
    let bystander = resident(&sibling)?;
    let process = member(&group, |_| bomb())?;
    process.say("go");
    let grown = eventually(5_000, || number(&group, "pids.current").is_ok_and(|now| now + 2 >= MOST));
    ensure!(grown, "the fork bomb has just {} processes", group.get("pids.current")?);
    group.set("cgroup.kill", "1")?;
    let empty = eventually(3_000, || group.count("cgroup.events", "populated") == Some(0));
    ensure!(empty, "cgroup.kill was written and `{}` are left of a fork bomb", group.get("cgroup.procs")?);
    let end = process.end()?;
    ensure!(end == End::Signal(sig::KILL), "the first of the fork bomb {end}, not killed by SIGKILL");
    bystander.ask("alive?").map(drop)
}

/// `pids.max` of a parent counts the processes of all groups below.
fn pids_max_of_the_parent_binds(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let parent = root.child("kr-parent")?;
    parent.set("cgroup.subtree_control", "+pids")?;
    let (one, other) = (parent.child("one")?, parent.child("other")?);
    parent.set("pids.max", "4")?;
    let (first, second) = (forker(&one)?, forker(&other)?);
    for (process, expected) in [(&first, "forked"), (&second, "forked"), (&first, "EAGAIN"), (&second, "EAGAIN")] {
        let outcome = process.ask("fork")?;
        ensure!(outcome == expected, "with {} below pids.max 4 fork is {outcome}", parent.get("pids.current")?);
    }
    let counts = (number(&parent, "pids.current")?, number(&one, "pids.current")?, number(&other, "pids.current")?);
    ensure!(counts == (4, 2, 2), "pids.current of the parent and of its children is {counts:?}, not (4, 2, 2)");
    parent.set("pids.max", "max")?;
    let outcome = second.ask("fork")?;
    ensure!(outcome == "forked", "fork without the parent's limit is {outcome}");
    Ok(())
}

/// `pids.events` counts each fork that the group's own `pids.max` refused.
fn pids_events_count_refusals(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let group = root.child("kr-limited")?;
    group.set("pids.max", "2")?;
    let process = forker(&group)?;
    let refused = || super::counted(&group, "pids.events", "max");
    process.ask("fork")?;
    ensure!(refused()? == 0, "pids.events counts {} before anything was refused", refused()?);
    for _ in 0..3 {
        let outcome = process.ask("fork")?;
        ensure!(outcome == "EAGAIN", "fork at pids.max is {outcome}");
    }
    ensure!(refused()? == 3, "pids.events counts {} after three refusals", refused()?);
    Ok(())
}

/// `fork` by `clone3`, into the group.
fn clone_into(group: &Group) -> Result<i32, Errno> {
    let folder = sys::open(&group.path, open::RDONLY | open::DIRECTORY | open::CLOEXEC, 0)?;
    sys::clone3(&sys::Clone3 { flags: clone::INTO_CGROUP, cgroup: Some(&folder), ..sys::Clone3::default() })
}

/// A child of `clone3` with `CLONE_INTO_CGROUP` is in that group from its first instruction, its parent stays.
fn clone3_is_born_into_a_group(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (here, there) = (root.child("kr-here")?, root.child("kr-there")?);
    let process = member(&here, |_| {
        let pid = clone_into(&there).or_absent("clone3(CLONE_INTO_CGROUP)")?;
        if pid == 0 {
            sys::exit(i32::from(path_of("self").is_ok_and(|path| path == "/kr-there")));
        }
        let end = sys::wait(pid, 0).or_fail("wait for the child of clone3")?;
        Ok(format!("{} {}", i32::from(end.is_some_and(|(_, end)| end == End::Exit(1))), path_of("self")?))
    })?;
    let told = process.ask("clone")?;
    ensure!(told == "1 /kr-here", "(child was born in the group, path of its parent) are `{told}`, not `1 /kr-here`");
    Ok(())
}

/// The limits of the group count for who is born into it, not those of the parent's.
fn clone3_into_a_full_group_is_refused(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let (here, full) = (root.child("kr-here")?, root.child("kr-full")?);
    full.set("pids.max", "1")?;
    let process = member(&here, |_| match clone_into(&full) {
        Ok(0) => loop {
            sys::sleep_ms(60_000);
        },
        Ok(_) => Ok("forked".to_string()),
        Err(errno) => Ok(format!("{errno}")),
    })?;
    for expected in ["forked", "EAGAIN"] {
        let outcome = process.ask("clone")?;
        let current = full.get("pids.current")?;
        ensure!(outcome == expected, "clone3 into a group with pids.max 1 and now {current} in it is {outcome}");
    }
    full.set("pids.max", "2")?;
    let outcome = process.ask("clone")?;
    ensure!(outcome == "forked", "clone3 into a group with room is {outcome}");
    Ok(())
}

fn kind(group: &Group, expected: &str) -> Check {
    let kind = group.get("cgroup.type")?;
    ensure!(kind == expected, "cgroup.type of {} is `{kind}`, not `{expected}`", group.path);
    Ok(())
}

/// A threaded group makes its parent a threaded domain; it can have cpu or pids, and no domain controller: `EOPNOTSUPP`.
fn threaded_group_takes_no_domain_controller(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    root.enable("pids")?;
    let top = root.child("kr-top")?;
    let threads = top.child("threads")?;
    kind(&top, "domain")?;
    threads.set("cgroup.type", "threaded")?;
    kind(&threads, "threaded")?;
    kind(&top, "domain threaded")?;
    refuses(&top, "cgroup.subtree_control", "+memory", Errno::EOPNOTSUPP, "of a threaded domain")?;
    top.set("cgroup.subtree_control", "+pids")?;
    ensure!(super::lists(&threads, "cgroup.controllers", "pids")?, "a threaded group has no pids");
    refuses(&threads, "cgroup.type", "domain", Errno::EINVAL, "of a threaded group")
}

/// What is left a domain below a threaded group is invalid: no process can be moved in till it is threaded too.
fn domain_below_threaded_is_invalid(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let top = root.child("kr-top")?;
    let (threads, sibling) = (top.child("threads")?, top.child("sibling")?);
    let process = resident(&top)?;
    threads.set("cgroup.type", "threaded")?;
    kind(&sibling, "domain invalid")?;
    let pid = process.pid().to_string();
    refuses(&sibling, "cgroup.threads", &pid, Errno::EOPNOTSUPP, "of an invalid domain")?;
    sibling.set("cgroup.type", "threaded")?;
    kind(&sibling, "threaded")?;
    sibling.set("cgroup.threads", &pid)?;
    let path = path_of(&pid)?;
    ensure!(path == "/kr-top/sibling", "a thread that was moved is in `{path}`");
    let members = sibling.get("cgroup.threads")?;
    ensure!(members == pid, "cgroup.threads lists {members:?}, not {pid}");
    Ok(())
}

/// A thread that stays as long as its process does.
fn stay() -> Result<sys::Thread, crate::test_api::Stop> {
    sys::Thread::start(|| {
        loop {
            sys::sleep_ms(60_000);
        }
    })
    .or_fail("start a thread")
}

/// Threads of one process live in two threaded groups, which the process as a whole cannot leave by `cgroup.threads`.
fn threads_of_a_process_part(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let (top, outside) = (root.child("kr-top")?, root.child("kr-outside")?);
    let (one, other) = (top.child("one")?, top.child("other")?);
    let process = member(&top, |_| Ok(stay()?.tid().to_string()))?;
    for group in [&one, &other] {
        group.set("cgroup.type", "threaded")?;
    }
    let (leader, second) = (process.pid().to_string(), process.ask("thread")?);
    one.set("cgroup.threads", &leader)?;
    other.set("cgroup.threads", &second)?;
    for (group, expected) in [(&one, &leader), (&other, &second)] {
        let threads = group.get("cgroup.threads")?;
        ensure!(threads == *expected, "{}/cgroup.threads lists {threads:?}, not {expected}", group.path);
    }
    let processes = top.get("cgroup.procs")?;
    ensure!(processes == leader, "cgroup.procs of the threaded domain lists {processes:?}, not {leader}");
    let path = path_of(&format!("{leader}/task/{second}"))?;
    ensure!(path == "/kr-top/other", "the second thread is in `{path}`");
    refuses(&outside, "cgroup.threads", &second, Errno::EOPNOTSUPP, "outside the thread's domain")?;
    outside.set("cgroup.procs", &leader)?;
    let path = path_of(&format!("{leader}/task/{second}"))?;
    ensure!(path == "/kr-outside", "the process was moved, and its second thread is in `{path}`");
    Ok(())
}

/// A thread counts for `pids.max` as a process does.
fn pids_count_threads(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("pids")?;
    let group = root.child("kr-limited")?;
    group.set("pids.max", "3")?;
    let process = member(&group, |_| {
        match sys::Thread::start(|| {
            loop {
                sys::sleep_ms(60_000);
            }
        }) {
            Ok(_) => Ok("started".to_string()),
            Err(errno) => Ok(format!("{errno}")),
        }
    })?;
    for expected in ["started", "started", "EAGAIN"] {
        let outcome = process.ask("thread")?;
        let current = group.get("pids.current")?;
        ensure!(outcome == expected, "with pids.max 3 and pids.current {current} the outcome of clone is {outcome}");
    }
    Ok(())
}
