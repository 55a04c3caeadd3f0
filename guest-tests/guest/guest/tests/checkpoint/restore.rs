//! To make a process that has what another had.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, Fd, clone, inet_address, net, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child};
use crate::tests::interface;

const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

fn set_last_pid(pid: u32) -> Result<(), Errno> {
    files::write(LAST_PID, &format!("{pid}"))
}

/// The number that the next child gets.
fn next_pid() -> Result<i32, Stop> {
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        sys::exit(0);
    }
    sys::wait(pid, 0).or_fail("wait for the child")?;
    Ok(pid)
}

/// After a number was written to `ns_last_pid` the next child gets the one after it.
pub(crate) fn next_pid_is_chosen(_: &Ctx) -> Check {
    in_child(clone::NEWPID, || {
        for last in [300, 200] {
            match set_last_pid(last) {
                Err(Errno::ENOENT) => return Err(Stop::Absent(format!("there is no {LAST_PID}"))),
                other => other.or_fail(LAST_PID)?,
            }
            let next = next_pid()?;
            ensure!(next == last as i32 + 1, "the last PID was set to {last}; the next child is {next}");
        }
        Ok(())
    })
}

/// `clone3` gives a child the number that was asked for, once.
pub(crate) fn clone3_takes_the_pid_that_is_asked_for(_: &Ctx) -> Check {
    const WANTED: i32 = 77;
    fn born_as(wanted: i32) -> Result<i32, Errno> {
        let number = [wanted];
        let mut args = [0u64; 10];
        // struct clone_args: the exit signal is its fifth word, the numbers and their count are the last two
        (args[4], args[8], args[9]) = (sys::sig::CHLD as u64, number.as_ptr() as u64, 1);
        // SAFETY: without a stack of its own and without CLONE_VM the child goes on in a copy of this one.
        let pid = unsafe { sys::call(nr::CLONE3, [args.as_mut_ptr() as usize, 80]) }?;
        if pid == 0 {
            loop {
                sys::sleep_ms(1000);
            }
        }
        Ok(pid as i32)
    }
    in_child(clone::NEWPID, || {
        let pid = born_as(WANTED).or_absent("clone3 with set_tid")?;
        ensure!(pid == WANTED, "the child that was to be {WANTED} is {pid}");
        let again = born_as(WANTED);
        ensure!(again == Err(Errno::EEXIST), "a second child of the same number: {again:?}, not EEXIST");
        sys::kill(WANTED, sys::sig::KILL).or_fail("kill it by its number")?;
        sys::wait(WANTED, 0).map(drop).or_fail("wait for it")
    })
}

/// `CAP_CHECKPOINT_RESTORE` alone lets a user choose the next number.
pub(crate) fn one_capability_is_enough(_: &Ctx) -> Check {
    const KEEPCAPS: i32 = 8;
    const CHECKPOINT_RESTORE: u64 = 1 << 40;
    const USER: usize = 1_234;
    for (mask, allowed) in [(0, false), (CHECKPOINT_RESTORE, true)] {
        in_child(clone::NEWPID, || {
            sys::prctl(KEEPCAPS, 1).or_fail("prctl(PR_SET_KEEPCAPS)")?;
            sys::plain(nr::SETRESUID, [USER; 3]).or_fail("setresuid")?;
            sys::capset(sys::Capabilities { effective: mask, permitted: mask, inheritable: 0 }).or_fail("capset")?;
            let set = set_last_pid(300);
            if !allowed {
                ensure!(set == Err(Errno::EPERM), "a user without a capability chooses a PID: {set:?}, not EPERM");
                return Ok(());
            }
            set.or_fail("choose a PID with CAP_CHECKPOINT_RESTORE")?;
            let next = next_pid()?;
            ensure!(next == 301, "the last PID was set to 300 by a user; the next child is {next}");
            Ok(())
        })?;
    }
    Ok(())
}

/// `PR_SET_MM` makes another piece of memory the command line that `/proc` shows.
pub(crate) fn command_line_is_moved(_: &Ctx) -> Check {
    const PR_SET_MM: usize = 35;
    const ARG_START: usize = 8;
    const ARG_END: usize = 9;
    const TEXT: &[u8] = b"restored\0from afar\0";
    let memory = sys::map_anonymous(4096);
    ensure!(!memory.is_null(), "no memory");
    // SAFETY: a fresh page that is larger than the text.
    unsafe { core::ptr::copy_nonoverlapping(TEXT.as_ptr(), memory, TEXT.len()) };
    in_child(0, || {
        let at = memory as usize;
        for (what, value) in [(ARG_START, at), (ARG_END, at + TEXT.len())] {
            sys::plain(nr::PRCTL, [PR_SET_MM, what, value, 0, 0]).or_absent("prctl(PR_SET_MM)")?;
        }
        let shown = files::read("/proc/self/cmdline").or_fail("read /proc/self/cmdline")?;
        ensure!(shown == TEXT, "the command line that was set is shown as {} other bytes", shown.len());
        Ok(())
    })
}

const TCP: i32 = 6;
const REPAIR: i32 = 19;
const REPAIR_QUEUE: i32 = 20;
const QUEUE_SEQ: i32 = 21;

/// A TCP socket that is told its state and never said hello.
fn restored(port: u16, sent: u32, received: u32) -> Result<Fd, Stop> {
    let socket = sys::socket(net::AF_INET, net::STREAM | net::CLOEXEC, 0).or_fail("socket")?;
    let set = |option, value: u32| sys::setsockopt(&socket, TCP, option, &value.to_ne_bytes());
    set(REPAIR, 1).or_absent("set TCP_REPAIR")?;
    // The receiving queue is 1, the sending one 2.
    for (queue, next) in [(1, received), (2, sent)] {
        set(REPAIR_QUEUE, queue).or_fail("choose a queue")?;
        set(QUEUE_SEQ, next).or_fail("set a sequence number")?;
    }
    sys::bind(&socket, &inet_address([127, 0, 0, 1], port)).or_fail("bind")?;
    Ok(socket)
}

/// Two sockets that are given each other's sequence numbers are one connection, without a handshake.
pub(crate) fn tcp_goes_on_where_it_was(_: &Ctx) -> Check {
    sys::unshare(clone::NEWNET).or_fail("unshare(CLONE_NEWNET)")?;
    interface::set_up("lo", true).or_fail("bring lo up")?;
    let (one, other) = (restored(7001, 1_000, 5_000)?, restored(7002, 5_000, 1_000)?);
    for (socket, port) in [(&one, 7002), (&other, 7001)] {
        sys::connect(socket, &inet_address([127, 0, 0, 1], port)).or_fail("connect under repair")?;
    }
    for socket in [&one, &other] {
        sys::setsockopt(socket, TCP, REPAIR, &0i32.to_ne_bytes()).or_fail("end the repair")?;
    }
    for (from, to, word) in [(&one, &other, b"hither"), (&other, &one, b"yonder")] {
        sys::sendto(from, word, &[]).or_fail("send by a restored connection")?;
        ensure!(sys::readable(to, 5_000).or_fail("poll")?, "what a restored connection sent did not come");
        let mut buffer = [0; 16];
        let n = sys::recv(to, &mut buffer, 0).or_fail("receive by a restored connection")?;
        ensure!(buffer[..n] == word[..], "a restored connection brought {n} other bytes");
    }
    sys::setsockopt(&one, TCP, REPAIR, &1i32.to_ne_bytes()).or_fail("put it under repair again")?;
    for (queue, expected) in [(1u32, 5_006u32), (2, 1_006)] {
        sys::setsockopt(&one, TCP, REPAIR_QUEUE, &queue.to_ne_bytes()).or_fail("choose a queue")?;
        let mut next = [0; 4];
        sys::getsockopt(&one, TCP, QUEUE_SEQ, &mut next).or_fail("read a sequence number")?;
        let next = u32::from_ne_bytes(next);
        ensure!(next == expected, "queue {queue} of the connection stands at {next}, not {expected}");
    }
    Ok(())
}
