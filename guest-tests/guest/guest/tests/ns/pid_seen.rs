//! What crosses the border of a PID namespace: signals and their senders, credentials, proc, pidfds; and its end.

use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, End, Errno, Fd, arg, call, clone, net, nr, reboot, sig};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, time_left};
use crate::tests::ns::pid::{fork, reap, stay};
use crate::tests::peer::{Link, Peer};
use crate::tests::{program, scratch};

/// Waits for a signal that is blocked; gives its sender.
fn sender(signal: i32) -> Result<i32, Stop> {
    let mask = 1u64 << (signal - 1);
    let mut info = [0i32; 32];
    let timeout = [time_left().saturating_sub(500) / 1000, 0];
    let args = [(&raw const mask) as usize, info.as_mut_ptr() as usize, timeout.as_ptr() as usize, 8];
    // SAFETY: a mask of 8 bytes, room for a siginfo of 128, a timespec.
    unsafe { call(nr::RT_SIGTIMEDWAIT, args) }.or_fail("wait for a signal")?;
    Ok(info[4])
}

fn block(signal: i32) -> Check {
    let mask = 1u64 << (signal - 1);
    const SIG_BLOCK: usize = 0;
    // SAFETY: a mask of 8 bytes; the old one is not asked for.
    let done = unsafe { call(nr::RT_SIGPROCMASK, [SIG_BLOCK, (&raw const mask) as usize, 0, 8]) };
    done.map(drop).or_fail("block a signal")
}

/// The sender of a signal is known inside by its number there; one outside is 0.
pub(crate) fn sender_outside_is_0(_: &Ctx) -> Check {
    let init = Peer::start(clone::NEWPID, |test| {
        ensure!(sys::getpid() == 1, "the first process inside is {}", sys::getpid());
        block(sig::USR1)?;
        let child = fork(|| {
            let _ = sys::kill(1, sig::USR1);
        })?;
        let from = sender(sig::USR1)?;
        ensure!(from == child, "a signal of process {child} inside seems to come from {from}");
        reap(child)?;
        test.say("ready");
        let from = sender(sig::USR1)?;
        ensure!(from == 0, "a signal from outside seems to come from process {from} inside, not 0");
        Ok(())
    })?;
    init.hear()?;
    sys::kill(init.pid(), sig::USR1).or_fail("signal init from outside")?;
    init.finish()
}

/// Two connected sockets that pass credentials.
fn sockets() -> Result<(Fd, Fd), Stop> {
    let mut ends = [0i32; 2];
    let args = [arg(net::AF_UNIX), arg(net::DGRAM), 0, ends.as_mut_ptr() as usize];
    // SAFETY: room for two ints.
    unsafe { call(nr::SOCKETPAIR, args) }.or_fail("socketpair")?;
    for end in ends {
        let on = 1i32;
        const SOL_SOCKET: usize = 1;
        const SO_PASSCRED: usize = 16;
        // SAFETY: an int and its length.
        unsafe { call(nr::SETSOCKOPT, [arg(end), SOL_SOCKET, SO_PASSCRED, (&raw const on) as usize, 4]) }
            .or_fail("setsockopt(SO_PASSCRED)")?;
    }
    Ok((Fd::new(ends[0] as usize), Fd::new(ends[1] as usize)))
}

/// Receives a byte; gives its sender's PID as the credentials have it.
fn received_from(socket: &Fd) -> Result<i32, Stop> {
    if !sys::readable(socket, time_left().saturating_sub(500).min(60_000) as i32).or_fail("poll")? {
        fail!("no message came over the socket");
    }
    let mut byte = [0u8; 1];
    let mut control = [0u64; 8];
    let vector = [byte.as_mut_ptr() as usize, 1];
    let mut header = [0usize; 7];
    header[2] = vector.as_ptr() as usize;
    header[3] = 1;
    header[4] = control.as_mut_ptr() as usize;
    header[5] = size_of_val(&control);
    // SAFETY: a struct msghdr: no name, one vector of one byte, room for control messages.
    unsafe { call(nr::RECVMSG, [arg(socket.raw()), header.as_mut_ptr() as usize, 0]) }.or_fail("recvmsg")?;
    // SAFETY: volatile, since the kernel wrote to it by way of the header.
    let words: [u64; 3] = core::array::from_fn(|i| unsafe { (&raw const control[i]).read_volatile() });
    const SOL_SOCKET_SCM_CREDENTIALS: u64 = 1 | (2 << 32);
    ensure!(words[1] == SOL_SOCKET_SCM_CREDENTIALS, "the message came without credentials");
    Ok(words[2] as u32 as i32)
}

fn send(socket: &Fd) -> Check {
    sys::write_all(socket.raw(), b"x").or_fail("send over the socket")
}

/// Credentials on a socket carry each side's PID as the other side's namespace has it.
pub(crate) fn credentials_are_translated(_: &Ctx) -> Check {
    let (outside, inside) = sockets()?;
    let init = Peer::start(clone::NEWPID, |test| {
        ensure!(sys::getpid() == 1, "the first process inside is {}", sys::getpid());
        send(&inside)?;
        test.say("sent");
        test.hear()?;
        let from = received_from(&inside)?;
        ensure!(from == 0, "a message from outside comes from process {from} inside, not 0");
        let child = fork(|| {
            let _ = send(&outside);
        })?;
        let from = received_from(&inside)?;
        ensure!(from == child, "a message of process {child} inside comes from {from}");
        reap(child).map(drop)
    })?;
    init.hear()?;
    let from = received_from(&outside)?;
    ensure!(from == init.pid(), "a message of init comes from {from} outside, and there it is {}", init.pid());
    send(&outside)?;
    init.say("sent");
    init.finish()
}

/// A proc shows the namespace of the process that mounted it, whoever looks.
pub(crate) fn proc_is_its_mounters(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    scratch::folder("/tmp/proc")?;
    let init = Peer::start(clone::NEWPID, |test| {
        sys::mount("proc", "/tmp/proc", "proc", 0, "").or_fail("mount proc inside")?;
        test.say("mounted");
        test.hear().map(drop)
    })?;
    init.hear()?;
    let mut names = sys::list("/tmp/proc").or_fail("list the proc that was mounted inside")?;
    names.retain(|name| name.bytes().all(|b| b.is_ascii_digit()));
    ensure!(names == ["1"], "outside the proc that was mounted inside shows the processes {names:?}, not just 1");
    let own = sys::readlink("/tmp/proc/self");
    ensure!(own == Err(Errno::ENOENT), "self of one outside in that proc: {own:?}, not ENOENT");
    init.say("go");
    init.finish()?;
    let read = files::read("/tmp/proc/1/status");
    ensure!(read.is_err(), "in the proc of a dead namespace there is still a process 1");
    Ok(())
}

fn pidfd_signal(pidfd: &Fd, signal: i32) -> Result<(), Errno> {
    sys::plain(nr::PIDFD_SEND_SIGNAL, [arg(pidfd.raw()), arg(signal), 0, 0]).map(drop)
}

/// A pidfd of a process inside works from outside; one of a process outside is refused inside.
pub(crate) fn pidfd_signals_inwards_only(_: &Ctx) -> Check {
    let outside = sys::pidfd_open(sys::getpid()).or_absent("pidfd_open")?;
    pidfd_signal(&outside, 0).or_absent("pidfd_send_signal to the test itself")?;
    let init = Peer::start(clone::NEWPID, |test| {
        let refused = pidfd_signal(&outside, 0);
        ensure!(refused == Err(Errno::EINVAL), "signal one outside by its pidfd: {refused:?}, not EINVAL");
        let own = sys::pidfd_open(1).or_fail("pidfd_open(1) inside")?;
        pidfd_signal(&own, 0).or_fail("signal oneself by a pidfd inside")?;
        test.say("refused");
        stay()
    })?;
    init.hear()?;
    let pidfd = sys::pidfd_open(init.pid()).or_fail("pidfd_open of init outside")?;
    pidfd_signal(&pidfd, sig::KILL).or_fail("kill init by its pidfd")?;
    let end = init.death()?;
    ensure!(end == End::Signal(sig::KILL), "init {end}, not killed by SIGKILL");
    Ok(())
}

/// `reboot` inside ends the namespace and not the machine: SIGHUP for a restart, SIGINT for power off and halt.
pub(crate) fn reboot_kills_init(_: &Ctx) -> Check {
    const INT: i32 = 2;
    for (what, signal) in [(reboot::RESTART, sig::HUP), (reboot::POWER_OFF, INT), (reboot::HALT, INT)] {
        let init = Peer::start(clone::NEWPID, |_| {
            // A broken kernel must not take the machine along.
            ensure!(sys::getpid() == 1, "the first process inside is {}", sys::getpid());
            sys::reboot(what).or_fail("reboot inside")?;
            fail!("reboot({what:#x}) inside came back")
        })?;
        let end = init.death()?;
        ensure!(end == End::Signal(signal), "reboot({what:#x}) inside: init {end}, not by signal {signal}");
    }
    Ok(())
}

const PR_SET_CHILD_SUBREAPER: i32 = 36;

/// An orphan goes to the nearest ancestor that said it takes them, and not to init.
pub(crate) fn subreaper_takes_orphans(_: &Ctx) -> Check {
    let init = Peer::start(clone::NEWPID, |_| {
        let reaper = fork(|| sys::exit(reaper().unwrap_or_else(|errno| 100 + errno.0)))?;
        ensure!(reaper == 2, "the second process inside is {reaper}");
        let end = reap(reaper)?;
        ensure!(end == End::Exit(2), "the orphan's parent is not the subreaper 2: the subreaper {end}");
        Ok(())
    })?;
    init.finish()
}

/// The subreaper: its orphaned grandchild ends with its parent's number as exit code, which is passed on.
fn reaper() -> Result<i32, Errno> {
    sys::prctl(PR_SET_CHILD_SUBREAPER, 1)?;
    let (wait, go) = sys::pipe()?;
    let parent = sys::fork(0)?;
    if parent == 0 {
        if sys::fork(0)? == 0 {
            let _ = sys::read(&wait, &mut [0]);
            sys::exit(sys::getppid());
        }
        sys::exit(0);
    }
    sys::wait(parent, 0)?;
    sys::write_all(go.raw(), b"g")?;
    drop(go);
    match sys::wait(-1, 0)? {
        Some((_, End::Exit(code))) => Ok(code),
        _ => Err(Errno::EIO),
    }
}

const PROGRAM: &str = "/tmp/program";

/// When another thread than the first of init calls `exec`, the namespace lives on with it as 1, and ends with it.
///
/// Up to 3.7 the kernel unmounted the namespace's own proc at that moment and oopsed at the next exit (0a01f2cc390e).
pub(crate) fn exec_by_a_thread_keeps_init(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::install(PROGRAM)?;
    let (input, go) = sys::pipe().or_fail("pipe")?;
    let (told, output) = sys::pipe().or_fail("pipe")?;
    let (all_dead, alive) = sys::pipe().or_fail("pipe")?;
    let init = sys::fork(clone::NEWPID).or_absent("clone(CLONE_NEWPID)")?;
    if init == 0 {
        drop((go, told, all_dead));
        let _ = init_that_execs(&input, &output);
        sys::exit(99);
    }
    drop((input, output, alive));
    let mut byte = [0];
    // One word of the child that stays, one of the program; other children have come and gone before the program.
    for _ in 0..2 {
        let n = sys::read(&told, &mut byte).or_fail("hear from inside")?;
        ensure!(n == 1, "init or its child died instead of becoming the program");
    }
    ensure!(!sys::readable(&all_dead, 0).or_fail("poll")?, "the child of init died when init became the program");
    sys::write_all(go.raw(), b"g").or_fail("let the program end")?;
    let end = reap(init)?;
    ensure!(end == End::Exit(1), "the program that init became {end}, and its number is 1");
    let ended = sys::readable(&all_dead, time_left().saturating_sub(500).min(5_000) as i32).or_fail("poll")?;
    ensure!(ended, "a process inside lives on after its init ended");
    Ok(())
}

/// Leaves a child that stays, then becomes the program by way of a second thread while the first one waits.
fn init_that_execs(input: &Fd, output: &Fd) -> Check {
    let _ = fork(|| {
        let _ = sys::write_all(output.raw(), b"c");
        stay()
    })?;
    program::set_pipes(input, output)?;
    Err(program::become_program_by_thread(PROGRAM))
}

/// Init exits with children of all sorts: alive, zombies, stopped; its parent's `wait` comes back and they are gone.
pub(crate) fn many_ends_at_once_leave_nothing(_: &Ctx) -> Check {
    const COUNT: usize = 8;
    let (all_dead, alive) = sys::pipe().or_fail("pipe")?;
    let crowd = |link: &Link| {
        ensure!(sys::getpid() == 1, "the first process inside is {}", sys::getpid());
        for kind in 0..6 {
            let pid = fork(|| match kind % 3 {
                0 => sys::exit(0),
                1 => drop(fork(|| stay()).map(|_| stay())),
                _ => stay(),
            })?;
            if kind % 3 == 2 {
                sys::kill(pid, sig::STOP).or_fail("stop a process inside")?;
            }
        }
        link.say("crowded");
        link.hear().map(drop)
    };
    let mut inits = Vec::new();
    for _ in 0..COUNT {
        inits.push(Peer::start(clone::NEWPID, crowd)?);
    }
    drop(alive);
    inits.iter().try_for_each(|init| init.hear().map(drop))?;
    ensure!(!sys::readable(&all_dead, 0).or_fail("poll")?, "the processes inside ended before their init");
    inits.iter().for_each(|init| init.say("go"));
    inits.into_iter().try_for_each(Peer::finish)?;
    let ended = sys::readable(&all_dead, time_left().saturating_sub(500).min(5_000) as i32).or_fail("poll")?;
    ensure!(ended, "processes of {COUNT} namespaces live on after their inits ended");
    ensure!(sys::read(&all_dead, &mut [0]) == Ok(0), "a process inside wrote to the pipe");
    Ok(())
}
