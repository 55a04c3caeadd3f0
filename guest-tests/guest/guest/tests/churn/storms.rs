//! Many processes at once: entering each other's namespaces, dying as orphans, killed in the middle of an exec; and all
//! of it mixed by seed.

use alloc::format;
use alloc::vec::Vec;

use super::driver::{Turn, churn};
use super::{mounts, namespaces};
use crate::sys::{self, End, Fd, clone, open, sig};
use crate::test_api::{Check, Ctx, OrStop as _, in_child, time_left};
use crate::tests::peer::Peer;
use crate::tests::{program, scratch};

/// A process that is in namespaces of its own by the name it gave its UTS namespace.
fn host(number: u64) -> Result<Peer, crate::test_api::Stop> {
    let peer = Peer::start(clone::NEWUTS | clone::NEWIPC | clone::NEWNET, |test| {
        sys::sethostname(&format!("kr-{number}")).or_fail("sethostname")?;
        test.say("named");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    Ok(peer)
}

/// Namespaces of several processes, entered in any order: each time the name is that of the one entered.
pub(crate) fn setns(ctx: &Ctx) -> Check {
    let hosts = (0..3).map(host).collect::<Result<Vec<_>, _>>()?;
    let open = |pid: i32, kind: &str| {
        let path = format!("/proc/{pid}/ns/{kind}");
        sys::open(&path, open::RDONLY | open::CLOEXEC, 0).or_fail(&format!("open {path}"))
    };
    let doors: Vec<[Fd; 3]> = hosts
        .iter()
        .map(|host| Ok([open(host.pid(), "uts")?, open(host.pid(), "ipc")?, open(host.pid(), "net")?]))
        .collect::<Result<_, crate::test_api::Stop>>()?;
    churn(ctx, |turn| {
        let route: Vec<usize> = (0..8).map(|_| turn.random(3) as usize).collect();
        in_child(0, || {
            for stop in route {
                doors[stop].iter().try_for_each(|door| sys::setns(door, 0)).or_fail("setns")?;
                let name = sys::uname().or_fail("uname")?.nodename;
                ensure!(name == format!("kr-{stop}"), "in the namespace of kr-{stop} the name is `{name}`");
            }
            Ok(())
        })
    })?;
    hosts.into_iter().try_for_each(|host| {
        host.say("end");
        host.finish()
    })
}

/// Grandchildren whose parents die at once come to init, which reaps some, and is killed over the rest.
pub(crate) fn one_orphanage(turn: &mut Turn) -> Check {
    let (count, reaped) = (3 + turn.random(6), turn.random(4));
    let init = Peer::start(clone::NEWPID, |test| {
        for _ in 0..count {
            let parent = sys::fork(0).or_fail("fork")?;
            if parent == 0 {
                if sys::fork(0) == Ok(0) {
                    ensure_orphan();
                }
                sys::exit(0);
            }
            sys::wait(parent, 0).or_fail("wait for a parent")?;
        }
        for _ in 0..reaped {
            // An orphan, which init never forked.
            let (_, end) = sys::wait(-1, 0).or_fail("wait for an orphan")?.unwrap_or((0, End::Exit(-1)));
            ensure!(end == End::Exit(5), "an orphan whose init is PID 1 {end}");
        }
        test.say("reaped");
        test.hear().map(drop)
    })?;
    init.hear()?;
    sys::kill(init.pid(), sig::KILL).or_fail("kill init")?;
    let end = init.death()?;
    ensure!(end == End::Signal(sig::KILL), "the killed init {end}");
    Ok(())
}

/// Waits to be an orphan and ends with a code that says whether init of its namespace took it.
fn ensure_orphan() -> ! {
    // However long its parent takes to die: that may wait for a CPU that the host does not run.
    while time_left() > 2_000 {
        if sys::getppid() == 1 {
            sys::exit(5);
        }
        sys::sched_yield();
    }
    sys::exit(6)
}

pub(crate) fn orphans(ctx: &Ctx) -> Check {
    churn(ctx, one_orphanage)
}

const PROGRAM: &str = "/tmp/program";

/// A new PID namespace's children exec a program, one of them is told to end and tells its PID, another is killed
/// wherever it is by then.
pub(super) fn one_exec(turn: &mut Turn) -> Check {
    let pause = turn.random(40);
    in_child(clone::NEWPID, || {
        let (input, to_program) = sys::pipe().or_fail("pipe")?;
        let (from_program, output) = sys::pipe().or_fail("pipe")?;
        let start = || {
            let pid = sys::fork(0).or_fail("fork")?;
            if pid == 0 {
                let _ = program::set_pipes(&input, &output);
                let _ = program::become_program(PROGRAM);
                sys::exit(99);
            }
            Ok(pid)
        };
        let told = start()?;
        ensure!(sys::read(&from_program, &mut [0]).or_fail("read from the program")? == 1, "the program said nothing");
        sys::write_all(to_program.raw(), b"x").or_fail("tell the program to end")?;
        let end = sys::wait(told, 0).or_fail("wait for the program")?;
        ensure!(end == Some((told, End::Exit(told))), "PID {told} execs a program that tells its PID: {end:?}");
        let killed = start()?;
        (0..pause).for_each(|_| sys::sched_yield());
        sys::kill(killed, sig::KILL).or_fail("kill the program")?;
        let end = sys::wait(killed, 0).or_fail("wait for the killed program")?;
        ensure!(end == Some((killed, End::Signal(sig::KILL))), "the killed program: {end:?}");
        Ok(())
    })
}

pub(crate) fn fork_exec_kill(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::install(PROGRAM)?;
    churn(ctx, one_exec)
}

/// By seed one of the other loops' rounds, so that each kind meets each.
pub(crate) fn mixture(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::install(PROGRAM)?;
    sys::unshare(clone::NEWUTS | clone::NEWIPC).or_fail("unshare")?;
    sys::sethostname("kr-host").or_fail("sethostname")?;
    churn(ctx, |turn| match turn.random(8) {
        0 => namespaces::one_uts(turn),
        1 => namespaces::one_ipc(turn),
        2 => namespaces::one_mount(turn),
        3 => namespaces::one_pid(turn),
        4 => namespaces::one_net(turn),
        5 => mounts::one_tree(turn),
        6 => one_orphanage(turn),
        _ => one_exec(turn),
    })
}
