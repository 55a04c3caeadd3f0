//! seccomp: what a filter answers, whom it holds, and who may set one.

use alloc::format;

use super::privileges::{USER, become_user, no_new_privs};
use super::program::{self, PATH, Started};
use crate::sys::{self, End, Errno, Fd, Thread, net, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child, time_left};
use crate::tests::scratch;

const PR_SET_SECCOMP: i32 = 22;
const STRICT: usize = 1;
const FILTER: usize = 2;

const KILL_PROCESS: u32 = 0x8000_0000;
const KILL_THREAD: u32 = 0;
const TRAP: u32 = 0x0003_0000;
const ERRNO: u32 = 0x0005_0000;
const USER_NOTIF: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;
const ALLOW: u32 = 0x7fff_0000;

const SIGSYS: i32 = 31;

/// `struct sock_filter`.
#[repr(C)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    value: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: *const Instruction,
}

/// What sets a filter.
enum Door {
    Prctl,
    /// `seccomp(2)` with flags (3.17).
    Seccomp(usize),
}

/// A filter that has that answer to one system call, and lets all others pass.
fn set(door: &Door, call: usize, answer: u32) -> Result<usize, Errno> {
    const LOAD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let line = |code, jump_false, value| Instruction { code, jump_true: 0, jump_false, value };
    let instructions =
        [line(LOAD, 0, 0), line(JUMP_IF_EQUAL, 1, call as u32), line(RETURN, 0, answer), line(RETURN, 0, ALLOW)];
    let program = Program { length: instructions.len() as u16, instructions: instructions.as_ptr() };
    let at = (&raw const program) as usize;
    match door {
        // SAFETY: a program and its instructions, which the kernel copies.
        Door::Prctl => unsafe { sys::call(nr::PRCTL, [PR_SET_SECCOMP as usize, FILTER, at, 0, 0]) },
        // SAFETY: the same.
        Door::Seccomp(flags) => unsafe { sys::call(nr::SECCOMP, [STRICT, *flags, at]) },
    }
}

/// The same where it must be accepted.
pub(crate) fn filter(call: usize, answer: u32) -> Check {
    set(&Door::Prctl, call, answer).map(drop).or_absent("prctl(PR_SET_SECCOMP) with a filter")
}

/// A call that nothing needs, and its answer without a filter.
const PROBE: usize = nr::GETPPID;

fn probe() -> Result<usize, Errno> {
    sys::plain(PROBE, [])
}

/// How a child ends that prepares itself and makes a call.
fn end_of(prepare: impl FnOnce() -> Check, last: impl FnOnce()) -> Result<End, Stop> {
    let (from, to) = sys::pipe().or_fail("pipe")?;
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        let check = prepare();
        crate::test_api::send_check(to.raw(), &check);
        if check.is_ok() {
            last();
        }
        sys::exit(0);
    }
    drop(to);
    let end = sys::wait(pid, 0).or_fail("wait for the child")?;
    let mut buffer = [0; 256];
    let n = sys::read(&from, &mut buffer).or_fail("read from the child")?;
    let line = alloc::string::String::from_utf8_lossy(&buffer[..n]);
    match crate::test_api::parse_check(line.trim_end()) {
        Some(Err(stop)) => Err(stop),
        _ => end.map(|(_, end)| end).ok_or_else(|| Stop::Fail("the child did not end".into())),
    }
}

/// In strict mode `read` and `write` go on, and any other call is the end.
pub(crate) fn strict_mode_kills(_: &Ctx) -> Check {
    let end = end_of(
        || sys::prctl(PR_SET_SECCOMP, STRICT).map(drop).or_absent("prctl(PR_SET_SECCOMP) to the strict mode"),
        // The verdict was written in strict mode already.
        || _ = probe(),
    )?;
    ensure!(end == End::Signal(sys::sig::KILL), "a process in strict mode called getppid and {end}");
    Ok(())
}

/// Each action does what it is named for.
pub(crate) fn filter_answers(_: &Ctx) -> Check {
    const ANSWER: u32 = 77;
    for (action, expected) in [(ERRNO | ANSWER, Errno(ANSWER as i32)), (TRACE, Errno::ENOSYS)] {
        in_child(0, || {
            let before = probe();
            ensure!(before.is_ok(), "getppid without a filter: {before:?}");
            filter(PROBE, action)?;
            let answer = probe();
            ensure!(answer == Err(expected), "filter action {action:#x}: {answer:?}, not {expected}");
            ensure!(sys::getuid() == 0, "a call that the filter lets pass gave {}", sys::getuid());
            Ok(())
        })?;
    }
    for action in [KILL_THREAD, TRAP] {
        let end = end_of(|| filter(PROBE, action), || _ = probe())?;
        ensure!(end == End::Signal(SIGSYS), "filter action {action:#x}: the process {end}, not by SIGSYS");
    }
    ensure!(probe().is_ok(), "the filters of children hold their parent");
    Ok(())
}

/// A user may set a filter only after `no_new_privs`.
pub(crate) fn filter_needs_no_new_privs(_: &Ctx) -> Check {
    in_child(0, || {
        become_user(USER)?;
        let refused = set(&Door::Prctl, PROBE, ERRNO | 77).map(drop);
        ensure!(refused == Err(Errno::EACCES), "a filter without no_new_privs: {refused:?}, not EACCES");
        ensure!(probe().is_ok(), "a filter that was refused holds");
        no_new_privs()?;
        filter(PROBE, ERRNO | 77)?;
        ensure!(probe() == Err(Errno(77)), "a filter after no_new_privs does not hold");
        Ok(())
    })
}

/// A filter holds children, and the program that one of them becomes.
pub(crate) fn filter_is_inherited(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::put(PATH, 0o755)?;
    program::run(PATH, || Ok(()))?;
    in_child(0, || {
        filter(PROBE, ERRNO | 77)?;
        in_child(0, || {
            ensure!(probe() == Err(Errno(77)), "a child is not held by its parent's filter");
            Ok(())
        })
    })?;
    // It says that it lives, and then pauses.
    match program::exec(PATH, || filter(nr::PAUSE, KILL_THREAD))? {
        Started::Running(running) => match running.end()? {
            Some(End::Signal(SIGSYS)) => Ok(()),
            Some(end) => fail!("a program whose `pause` the filter kills {end}"),
            None => fail!("a program whose `pause` the filter kills lives on"),
        },
        Started::Not(why) => fail!("execve under a filter: {why}"),
    }
}

/// `KILL_PROCESS` takes all threads along, `KILL_THREAD` does not.
pub(crate) fn kill_process_takes_all_threads(_: &Ctx) -> Check {
    for (action, expected) in [(KILL_PROCESS, End::Signal(SIGSYS)), (KILL_THREAD, End::Exit(7))] {
        let end = end_of(
            || Ok(()),
            || {
                if filter(PROBE, action).is_err() {
                    sys::exit(3);
                }
                if let Ok(thread) = Thread::start(|| _ = probe()) {
                    // Either this process dies now, or the thread does and is waited for.
                    while !thread.is_gone() && time_left() > 1_500 {
                        sys::sleep_ms(1);
                    }
                    sys::exit(7);
                }
            },
        )?;
        ensure!(end == expected, "a thread was killed by action {action:#x}: the process {end}");
    }
    Ok(())
}

/// With `TSYNC` the filter holds a thread that was there before; without it does not.
pub(crate) fn tsync_holds_all_threads(_: &Ctx) -> Check {
    use core::sync::atomic::{AtomicI32, Ordering};
    static GO: AtomicI32 = AtomicI32::new(0);
    static ANSWER: AtomicI32 = AtomicI32::new(0);
    const TSYNC: usize = 1;
    for (flags, expected) in [(0, 0), (TSYNC, 77)] {
        in_child(0, || {
            GO.store(0, Ordering::SeqCst);
            let thread = Thread::start(|| {
                while GO.load(Ordering::SeqCst) == 0 {
                    sys::sleep_ms(1);
                }
                ANSWER.store(probe().map_or_else(|errno| errno.0, |_| 0), Ordering::SeqCst);
            })
            .or_fail("start a thread")?;
            set(&Door::Seccomp(flags), PROBE, ERRNO | 77).or_absent("seccomp")?;
            ensure!(probe() == Err(Errno(77)), "the filter does not hold the thread that set it");
            GO.store(1, Ordering::SeqCst);
            thread.join();
            let answer = ANSWER.load(Ordering::SeqCst);
            ensure!(answer == expected, "flags {flags}: the call of another thread got {answer}, not {expected}");
            Ok(())
        })?;
    }
    Ok(())
}

/// Hands a descriptor over a Unix socket.
pub(super) fn hand_over(socket: &Fd, fd: i32) -> Result<(), Errno> {
    let mut control = [20u64, 0x1_0000_0001, fd as u32 as u64];
    message(nr::SENDMSG, socket, &mut control)
}

/// Takes a descriptor from a Unix socket.
pub(super) fn take_over(socket: &Fd) -> Result<Fd, Errno> {
    let mut control = [0u64; 3];
    message(nr::RECVMSG, socket, &mut control)?;
    Ok(Fd::new((control[2] & 0xffff_ffff) as usize))
}

/// `struct msghdr` with one byte and one descriptor (`SCM_RIGHTS`).
fn message(call: usize, socket: &Fd, control: &mut [u64; 3]) -> Result<(), Errno> {
    let mut byte = [0u8; 1];
    let mut vector = [byte.as_mut_ptr() as usize, 1];
    let mut header = [0, 0, vector.as_mut_ptr() as usize, 1, control.as_mut_ptr() as usize, 24, 0];
    // SAFETY: a header whose addresses are those of live buffers with their lengths.
    unsafe { sys::call(call, [sys::arg(socket.raw()), header.as_mut_ptr() as usize, 0]) }.map(drop)
}

/// A supervisor sees the call of the supervised and answers in the kernel's place.
pub(crate) fn supervisor_answers(_: &Ctx) -> Check {
    const NEW_LISTENER: usize = 8;
    const RECEIVE: usize = 0xc050_2100;
    const SEND: usize = 0xc018_2101;
    const ANSWER: u64 = 424_242;
    let (here, there) = sys::socketpair(net::STREAM).or_fail("socketpair")?;
    let peer = crate::tests::peer::Peer::start(0, |test| {
        let listener = set(&Door::Seccomp(NEW_LISTENER), PROBE, USER_NOTIF).or_absent("seccomp with a listener")?;
        hand_over(&there, listener as i32).or_fail("hand the listener over")?;
        test.say("set");
        let answer = probe();
        ensure!(answer == Ok(ANSWER as usize), "getppid of the supervised gave {answer:?}, not {ANSWER}");
        Ok(())
    })?;
    peer.hear()?;
    let listener = take_over(&here).or_fail("take the listener over")?;
    let waiting = sys::readable(&listener, time_left().saturating_sub(1500).min(30_000) as i32).or_fail("poll")?;
    ensure!(waiting, "the call of the supervised does not show at the listener");
    // struct seccomp_notif: id, pid, flags, then seccomp_data that begins with the number
    let mut notice = [0u64; 10];
    // SAFETY: the request takes a struct seccomp_notif of 80 bytes.
    unsafe { sys::ioctl_with(&listener, RECEIVE, &mut notice) }.or_fail("take the notice")?;
    let (pid, call) = (notice[1] as u32, notice[2] as u32);
    ensure!(pid == peer.pid() as u32, "the notice names process {pid}, not {}", peer.pid());
    ensure!(call == PROBE as u32, "the notice names call {call}, not {PROBE}");
    let mut reply = [notice[0], ANSWER, 0];
    // SAFETY: the request takes a struct seccomp_notif_resp of 24 bytes.
    unsafe { sys::ioctl_with(&listener, SEND, &mut reply) }.or_fail(&format!("answer notice {}", notice[0]))?;
    peer.finish()
}
