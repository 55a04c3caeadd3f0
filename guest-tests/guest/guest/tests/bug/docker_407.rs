//! docker#407: oopses in `d_hash_and_lookup` and `mntput_no_expire`, from 2.6.24 to 3.7 (3.1 leaked instead).
//!
//! When a thread other than the first of a PID namespace's init calls `exec`, it takes the first one's number 1. Up to
//! 3.7 the release of that first one counted as the end of the namespace, whose own proc mount was freed
//! (0a01f2cc390e, 3.8). The next exit in the namespace then looks a name up in the freed mount, and the last one puts
//! the mount a second time.

use alloc::format;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, End, Fd, Thread, clone, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, note, time_left};
use crate::tests::churn::driver::{Turn, churn};
use crate::tests::churn::storms::one_orphanage;
use crate::tests::container::{IMAGE, IMAGE_TEXT, Root, enter_root, fill, make_root};
use crate::tests::peer::Peer;
use crate::tests::{program, scratch};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("bug::docker_407::reaping_after_exec", reaping_after_exec),
    ("bug::docker_407::own_proc", own_proc),
    ("bug::docker_407::containers", containers),
    ("bug::docker_407::exec_by_leader", exec_by_leader),
    ("bug::docker_407::no_exec", no_exec),
    ("bug::docker_407::orphan_storm", orphan_storm),
];

const PROGRAM: &str = "/tmp/program";
const CHILDREN: i32 = 8;
/// How [`program::REAP_EIGHT`] ends as PID 1 that reaped all.
const REAPED: i32 = (1 << 4) + CHILDREN;

fn with_reaper(ctx: &Ctx, round: impl Fn(&mut Turn) -> Check) -> Check {
    scratch::own_mounts()?;
    program::install_code(PROGRAM, program::REAP_EIGHT, 0o755)?;
    churn(ctx, round)
}

/// An init that becomes [`program::REAP_EIGHT`], or does as it does, and ends as that.
fn reap_as(init: impl FnOnce() -> Stop) -> Check {
    let pid = sys::fork(clone::NEWPID).or_absent("clone(CLONE_NEWPID)")?;
    if pid == 0 {
        explain(init());
        sys::exit(99);
    }
    has_reaped(pid)
}

fn has_reaped(init: i32) -> Check {
    let end = sys::wait(init, 0).or_fail("wait for init")?.map(|(_, end)| end);
    match end {
        Some(End::Exit(REAPED)) => Ok(()),
        Some(end) => fail!("init was to reap {CHILDREN} children as PID 1 and to tell so: it {end}"),
        None => fail!("init did not end"),
    }
}

fn explain(stop: Stop) {
    let (Stop::Fail(why) | Stop::Skip(why) | Stop::Absent(why)) = stop;
    note(&why);
}

/// Each init becomes, by its second thread, a program that reaps children: their exits come after the exec.
fn reaping_after_exec(ctx: &Ctx) -> Check {
    with_reaper(ctx, |_| reap_as(|| program::become_program_by_thread(PROGRAM)))
}

/// The same exec by the thread that came first.
fn exec_by_leader(ctx: &Ctx) -> Check {
    with_reaper(ctx, |_| {
        reap_as(|| match second_thread() {
            Ok(_) => Stop::Fail(format!("exec: {}", program::become_program(PROGRAM))),
            Err(stop) => stop,
        })
    })
}

/// A thread that stays as long as the process.
fn second_thread() -> Result<Thread, Stop> {
    let thread = Thread::start(|| {
        loop {
            sys::sleep_ms(60_000);
        }
    });
    thread.or_fail("start a thread")
}

/// The same children of an init with threads that becomes nothing else.
fn no_exec(ctx: &Ctx) -> Check {
    churn(ctx, |_| {
        reap_as(|| {
            if let Err(stop) = second_thread() {
                return stop;
            }
            for _ in 0..CHILDREN {
                match sys::fork(0) {
                    Ok(0) => sys::exit(0),
                    Ok(_) => {}
                    Err(errno) => return Stop::Fail(format!("fork: {errno}")),
                }
            }
            let mut reaped = 0;
            while let Ok(Some(_)) = sys::wait(-1, 0) {
                reaped += 1;
            }
            sys::exit((sys::getpid() << 4) + reaped)
        })
    })
}

/// Exits in numbers that have nothing to do with exec.
fn orphan_storm(ctx: &Ctx) -> Check {
    churn(ctx, one_orphanage)
}

/// With mounts of its own and a proc on them: the last exit puts the freed mount, and its memory may be another's by
/// then.
fn own_proc(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::install(PROGRAM)?;
    churn(ctx, |_| {
        let (input, go) = sys::pipe().or_fail("pipe")?;
        let (told, output) = sys::pipe().or_fail("pipe")?;
        let init = sys::fork(clone::NEWPID | clone::NEWNS).or_absent("clone(CLONE_NEWPID | CLONE_NEWNS)")?;
        if init == 0 {
            explain(proc_then_program(&input, &output));
            sys::exit(99);
        }
        drop((input, output));
        let said = sys::read(&told, &mut [0]).or_fail("hear from the program")?;
        if said == 1 {
            sys::write_all(go.raw(), b"g").or_fail("let the program end")?;
        }
        let end = sys::wait(init, 0).or_fail("wait for init")?.map(|(_, end)| end);
        ensure!(end == Some(End::Exit(1)), "the program that init became is to end as PID 1: {end:?}");
        Ok(())
    })
}

fn proc_then_program(input: &Fd, output: &Fd) -> Stop {
    let prepare = || {
        sys::mount("proc", "/proc", "proc", 0, "").or_fail("mount proc")?;
        let own = sys::readlink("/proc/self").or_fail("read /proc/self")?;
        ensure!(own == "1", "in its own proc init is {own}");
        program::set_pipes(input, output)
    };
    match prepare() {
        Ok(()) => program::become_program_by_thread(PROGRAM),
        Err(stop) => stop,
    }
}

/// The namespaces of a container of those days.
const CLASSIC: usize = clone::NEWPID | clone::NEWNS | clone::NEWUTS | clone::NEWIPC | clone::NEWNET;
const PROGRAM_INSIDE: &str = "/bin/program";

/// What users saw: engines that start whole containers at once and are killed over them.
fn containers(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    for path in [IMAGE, "/tmp/c"] {
        scratch::folder(path)?;
    }
    fill(IMAGE)?;
    let roots = roots()?;
    churn(ctx, |turn| one_engine(turn, &roots))
}

/// Every kind of root that this kernel has.
fn roots() -> Result<Vec<Root>, Stop> {
    let known = files::read_text("/proc/filesystems").or_fail("read /proc/filesystems")?;
    let has = |name: &str| known.lines().any(|line| line.trim_start_matches("nodev").trim() == name);
    let unions = [("aufs", Root::Aufs), ("overlayfs", Root::OverlayfsUbuntu), ("overlay", Root::Overlay)];
    let mut found: Vec<Root> = unions.into_iter().filter(|(name, _)| has(name)).map(|(_, root)| root).collect();
    note(&format!("{} kinds of union", found.len()));
    found.push(Root::Bound);
    Ok(found)
}

/// An engine and its containers; by seed it waits for them or is killed, and then the machine's init has them.
fn one_engine(turn: &mut Turn, roots: &[Root]) -> Check {
    let killed = turn.random(3) == 0;
    let chosen: Vec<Root> = (0..=turn.random(3)).map(|_| roots[turn.random(roots.len() as u64) as usize]).collect();
    let (all_gone, alive) = sys::pipe().or_fail("pipe")?;
    let engine = Peer::start(0, |test| {
        let inits = chosen.iter().map(|root| start(*root, &alive)).collect::<Result<Vec<_>, Stop>>()?;
        test.say("started");
        test.hear()?;
        inits.into_iter().try_for_each(has_reaped)
    })?;
    drop(alive);
    engine.hear()?;
    if killed {
        sys::kill(engine.pid(), sig::KILL).or_fail("kill the engine")?;
        let end = engine.death()?;
        ensure!(end == End::Signal(sig::KILL), "the killed engine {end}");
    } else {
        engine.say("wait for them");
        engine.finish()?;
    }
    let left = time_left().saturating_sub(500).min(60_000) as i32;
    ensure!(sys::readable(&all_gone, left).or_fail("poll")?, "a container whose engine is gone lives on");
    let text = files::read_text(&format!("{IMAGE}/etc/image")).or_fail("read the image")?;
    ensure!(text == IMAGE_TEXT, "the image was changed: `{text}`");
    Ok(())
}

/// A container's init: many threads until one of them becomes the program, which keeps `alive` open to its end.
fn start(root: Root, alive: &Fd) -> Result<i32, Stop> {
    let pid = sys::fork(CLASSIC).or_absent(&format!("clone({CLASSIC:#x})"))?;
    if pid != 0 {
        return Ok(pid);
    }
    let build = || {
        make_root(root)?;
        enter_root()?;
        sys::mount("proc", "/proc", "proc", 0, "").or_fail("mount /proc")?;
        sys::sethostname("kr-inside").or_fail("sethostname")?;
        files::create("/etc/image", "changed inside").or_fail("change a file of the image")?;
        program::install_code(PROGRAM_INSIDE, program::REAP_EIGHT, 0o755)?;
        sys::dup2(alive, 1).or_fail("dup2")?;
        (0..3).try_for_each(|_| second_thread().map(drop))
    };
    explain(match build() {
        Ok(()) => program::become_program_by_thread(PROGRAM_INSIDE),
        Err(stop) => stop,
    });
    sys::exit(99)
}
