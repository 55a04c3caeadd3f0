//! How PID namespaces are made, and where that is refused.

use alloc::format;
use alloc::string::ToString as _;

use crate::sys::{self, End, Errno, Fd, Thread, clone, sig};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child, send_check};
use crate::tests::ns::file;
use crate::tests::ns::pid::{fork, reap};
use crate::tests::ns::way::Way;

fn unshare() -> Check {
    sys::unshare(clone::NEWPID).or_absent("unshare(CLONE_NEWPID)")
}

/// Forks a child that ends with its own number as exit code.
fn counted() -> Result<(i32, End), Stop> {
    let pid = fork(|| sys::exit(sys::getpid() & 0xff))?;
    Ok((pid, reap(pid)?))
}

/// The caller of `unshare` keeps its number, its next child is 1 and the one after that 2 in the same namespace.
pub(crate) fn unshare_moves_children_only(_: &Ctx) -> Check {
    let own = sys::getpid();
    unshare()?;
    ensure!(sys::getpid() == own, "the caller of unshare became {} from {own}", sys::getpid());
    let (wait, go) = sys::pipe().or_fail("pipe")?;
    let (told, tell) = sys::pipe().or_fail("pipe")?;
    let init = fork(|| {
        let code = sys::getpid() + sys::getppid() * 16;
        let _ = sys::write_all(tell.raw(), b"b");
        let _ = sys::read(&wait, &mut [0]);
        sys::exit(code);
    })?;
    let _ = sys::read(&told, &mut [0]);
    let (outside, second) = counted()?;
    ensure!(second == End::Exit(2), "the second child after unshare {second}, and its number inside is 2");
    ensure!(outside != 2, "the second child has the number 2 outside, too");
    sys::write_all(go.raw(), b"g").or_fail("let the first child go")?;
    let first = reap(init)?;
    ensure!(first == End::Exit(1), "the first child after unshare {first}: it is not 1 with parent 0");
    Ok(())
}

/// Before 3.8 `unshare` of a PID namespace is refused and children stay where they are.
pub(crate) fn unshare_is_refused_before_3_8(_: &Ctx) -> Check {
    let refused = sys::unshare(clone::NEWPID);
    ensure!(refused == Err(Errno::EINVAL), "unshare(CLONE_NEWPID): {refused:?}, not EINVAL");
    let (pid, end) = counted()?;
    ensure!(end == End::Exit(pid & 0xff), "child {pid} after the refused unshare {end}: its number differs inside");
    Ok(())
}

/// By `clone3`: the first process is 1 with parent 0.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    let peer = Way::Clone3.start(clone::NEWPID, |test| {
        let (pid, parent) = (sys::getpid(), sys::getppid());
        ensure!((pid, parent) == (1, 0), "the first process is {pid} with parent {parent}, not 1 and 0");
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    sys::kill(peer.pid(), 0).or_fail("reach the first process by its number outside")?;
    peer.say("go");
    peer.finish()
}

/// When init has died, its namespace takes no new process: `fork` is ENOMEM, for good.
pub(crate) fn no_fork_after_init_died(_: &Ctx) -> Check {
    unshare()?;
    let (_, end) = counted()?;
    ensure!(end == End::Exit(1), "the first child after unshare {end}, not 1");
    for _ in 0..2 {
        match sys::fork(0) {
            Err(Errno::ENOMEM) => {}
            Ok(0) => sys::exit(0),
            other => fail!("fork into a namespace whose init has died: {other:?}, not ENOMEM"),
        }
    }
    Ok(())
}

/// A process whose children go to another namespace cannot start a thread, which would have to be in both.
pub(crate) fn no_thread_between_two(_: &Ctx) -> Check {
    Thread::start(|| {}).or_fail("start a thread before unshare")?.join();
    unshare()?;
    match Thread::start(|| {}) {
        Err(Errno::EINVAL) => {}
        Err(errno) => fail!("start a thread after unshare(CLONE_NEWPID): {errno}, not EINVAL"),
        Ok(_) => fail!("a thread started although children go to another PID namespace"),
    }
    let (_, end) = counted()?;
    ensure!(end == End::Exit(1), "the first child after the refused thread {end}, not 1");
    Ok(())
}

/// `pid_for_children` is the caller's own namespace, then none, and from the first child on the child's.
pub(crate) fn link_for_children_is_the_childs(ctx: &Ctx) -> Check {
    let (own, before) = (file::link("self", "pid")?, file::link("self", "pid_for_children")?);
    ensure!(own == before, "before unshare children go to `{before}` and not to the caller's `{own}`");
    unshare()?;
    let unborn = sys::readlink("/proc/self/ns/pid_for_children");
    if ctx.expects("empty_until_born") {
        ensure!(unborn == Err(Errno::ENOENT), "pid_for_children before there is an init: {unborn:?}, not ENOENT");
    } else {
        let unborn = unborn.or_fail("read pid_for_children before there is an init")?;
        ensure!(unborn != own, "after unshare children still go to the caller's own namespace, `{own}`");
    }
    let peer = Way::Clone.start(0, |test| {
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let (child, after) = (file::link(&peer.pid().to_string(), "pid")?, file::link("self", "pid_for_children")?);
    ensure!(child == after, "children go to `{after}` and the first one is in `{child}`");
    ensure!(child != own && file::link("self", "pid")? == own, "the caller's own namespace is its child's, `{child}`");
    peer.say("go");
    peer.finish()
}

/// Nests a namespace in the current one, and so on; gives how many there were and what ended it.
fn nest(depth: i32, most: i32, told: &Fd) {
    if depth == most {
        let _ = sys::write_all(told.raw(), &[depth as u8, 0]);
        return;
    }
    match sys::fork(clone::NEWPID) {
        Ok(0) => {
            if sys::getpid() == 1 {
                nest(depth + 1, most, told);
            }
            sys::exit(0);
        }
        Ok(pid) => drop(sys::wait(pid, 0)),
        Err(errno) => drop(sys::write_all(told.raw(), &[depth as u8, errno.0 as u8])),
    }
}

/// How many PID namespaces were nested, at most so many, and what the next one was refused with, 0 if it was not.
fn nested(most: i32) -> Result<(u8, Errno), Stop> {
    let (from, told) = sys::pipe().or_fail("pipe")?;
    nest(0, most, &told);
    drop(told);
    let mut answer = [0; 2];
    let n = sys::read(&from, &mut answer).or_fail("hear from the innermost process")?;
    ensure!(n == 2, "a process in a nested PID namespace is not 1, or died");
    Ok((answer[0], Errno(answer[1].into())))
}

/// 32 PID namespaces nest below the first, the next is refused.
pub(crate) fn depth_is_32(ctx: &Ctx) -> Check {
    let refused = if ctx.expects("einval") { Errno::EINVAL } else { Errno::ENOSPC };
    let (depth, errno) = nested(40)?;
    ensure!((depth, errno) == (32, refused), "{depth} PID namespaces nested, then {errno}; not 32, then {refused}");
    Ok(())
}

/// Before 3.7 there is no limit: 40 nest, and each has its 1.
pub(crate) fn depth_is_open_before_3_7(_: &Ctx) -> Check {
    let (depth, errno) = nested(40)?;
    ensure!(depth == 40, "{depth} PID namespaces nested, then {errno}; not 40");
    Ok(())
}

/// A process in a nested namespace that was made by `unshare` in one that was made by `clone` has a number in each.
pub(crate) fn status_shows_each_number(_: &Ctx) -> Check {
    let (told, tell) = sys::pipe().or_fail("pipe")?;
    let (wait, go) = sys::pipe().or_fail("pipe")?;
    let outer = fork_into(|| {
        let check = in_child(0, || Ok(())).and_then(|()| {
            // 2 has been, so the nested init is 3 in the outer namespace.
            let inner = sys::fork(clone::NEWPID).or_absent("clone(CLONE_NEWPID) inside")?;
            if inner == 0 {
                let _ = sys::read(&wait, &mut [0]);
                sys::exit(0);
            }
            ensure!(inner == 3, "the nested init is {inner} in the outer namespace, not 3");
            Ok(())
        });
        send_check(tell.raw(), &check);
        let _ = sys::read(&wait, &mut [0]);
    })?;
    let mut byte = [0; 200];
    let n = sys::read(&told, &mut byte).or_fail("hear from inside")?;
    ensure!(n > 0 && byte[0] == b'P', "inside: {}", alloc::string::String::from_utf8_lossy(&byte[..n]));
    let check = find_status(outer);
    sys::kill(outer, sig::KILL).or_fail("kill the outer init")?;
    reap(outer)?;
    drop(go);
    check
}

fn fork_into(body: impl FnOnce()) -> Result<i32, Stop> {
    let pid = sys::fork(clone::NEWPID).or_absent("clone(CLONE_NEWPID)")?;
    if pid == 0 {
        body();
        sys::exit(0);
    }
    Ok(pid)
}

/// The nested init is the one child of the outer one: its NSpid line has three numbers, outermost first.
fn find_status(outer: i32) -> Check {
    let nested = super::pid::child_of(outer)?;
    let status = crate::files::read_text(&format!("/proc/{nested}/status")).or_fail("read the nested init's status")?;
    let expected = format!("NSpid:\t{nested}\t3\t1");
    let line = status.lines().find(|line| line.starts_with("NSpid:"));
    let Some(line) = line else { return Err(Stop::Absent("there is no NSpid line in status".into())) };
    ensure!(line == expected, "the nested init's status says `{line}`, not `{expected}`");
    Ok(())
}
