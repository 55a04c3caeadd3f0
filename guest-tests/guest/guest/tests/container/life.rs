//! How containers end: by themselves, by a signal, frozen, out of memory; and what of it the host notices.

use alloc::format;
use core::sync::atomic::{AtomicU64, Ordering};

use super::promises;
use super::stage::{Container, Spec, Stage};
use crate::files;
use crate::sys::{self, End, nr, open, sig};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, time_left};
use crate::tests::census::Census;
use crate::tests::cgroup::{Group, v1, v2};

/// A container without a wire and a group: what is looked at here needs none.
fn bare() -> Spec {
    let mut spec = Spec::new(1, None);
    spec.wired = false;
    spec
}

/// Children of init that stay for ever.
fn crowd(count: usize) -> Check {
    for _ in 0..count {
        if sys::fork(0).or_fail("fork")? == 0 {
            loop {
                sys::sleep_ms(60_000);
            }
        }
    }
    Ok(())
}

/// Init's exit code comes out, and its children go with it.
pub(crate) fn ends_with_its_init(_: &Ctx) -> Check {
    const CODE: i32 = 7;
    let stage = Stage::set()?;
    let before = Census::take()?;
    let (alive, in_container) = sys::pipe().or_fail("pipe")?;
    let container = Container::start(&bare(), None, |engine| {
        crowd(5)?;
        engine.say("crowded");
        engine.hear()?;
        sys::exit(CODE)
    })?;
    drop(in_container);
    container.init.hear()?;
    ensure!(!sys::readable(&alive, 0).or_fail("poll")?, "the container's processes are gone before it ended");
    container.init.say("end");
    let end = container.init.end()?;
    ensure!(end == End::Exit(CODE), "init ended with exit code {CODE} and is told to have {end}");
    // The pipe's other end was held by each of them.
    let gone = sys::readable(&alive, 0).or_fail("poll")? && sys::read(&alive, &mut [0]) == Ok(0);
    ensure!(gone, "a process of the container outlives its init");
    stage.is_unharmed()?;
    before.is_kept()
}

/// Killed from outside with many children, none is left.
pub(crate) fn killed_with_many_children(ctx: &Ctx) -> Check {
    let stage = Stage::set()?;
    let before = Census::take()?;
    let (alive, in_container) = sys::pipe().or_fail("pipe")?;
    let count = ctx.param("workers") as usize;
    let container = Container::start(&bare(), None, |engine| {
        crowd(count)?;
        let numbers = sys::list("/proc").or_fail("list /proc")?;
        let seen = numbers.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())).count();
        ensure!(seen == count + 1, "/proc of a container of {} processes shows {seen}", count + 1);
        engine.say("crowded");
        engine.hear().map(drop)
    })?;
    drop(in_container);
    container.init.hear()?;
    container.kill()?;
    let gone = sys::readable(&alive, 0).or_fail("poll")? && sys::read(&alive, &mut [0]) == Ok(0);
    ensure!(gone, "a process of the container outlives its killed init");
    stage.is_unharmed()?;
    before.is_kept()
}

/// A freezer of whichever hierarchy has one.
enum Freezer {
    /// 5.2
    V2(v2::Root),
    V1(v1::Root),
}

impl Freezer {
    fn mount() -> Result<Freezer, Stop> {
        if let Ok(root) = v2::mount() {
            let group = root.child("kr-probe")?;
            if group.get("cgroup.freeze").is_ok() {
                drop(group);
                return Ok(Freezer::V2(root));
            }
        }
        v1::mount("freezer").map(Freezer::V1)
    }

    fn group(&self) -> Result<Group, Stop> {
        match self {
            Freezer::V2(root) => root.child("kr-frozen"),
            Freezer::V1(root) => root.child("kr-frozen"),
        }
    }

    /// Freezes or thaws, and waits till it is so.
    fn set(&self, group: &Group, frozen: bool) -> Check {
        let so = |group: &Group| match self {
            Freezer::V2(_) => Ok(group.get("cgroup.events")?.contains(if frozen { "frozen 1" } else { "frozen 0" })),
            Freezer::V1(_) => Ok(group.get("freezer.state")? == if frozen { "FROZEN" } else { "THAWED" }),
        };
        loop {
            match self {
                Freezer::V2(_) => group.set("cgroup.freeze", if frozen { "1" } else { "0" })?,
                Freezer::V1(_) => group.set("freezer.state", if frozen { "FROZEN" } else { "THAWED" })?,
            }
            if so(group)? {
                return Ok(());
            }
            ensure!(time_left() > 1_500, "the container's group does not freeze or thaw");
            sys::sleep_ms(5);
        }
    }
}

/// A frozen container stands still; killed it is gone, on version 1 once it is thawed.
pub(crate) fn frozen_and_killed(_: &Ctx) -> Check {
    const ROUNDS: u64 = 2_000;
    let stage = Stage::set()?;
    let freezer = Freezer::mount()?;
    let memory = sys::map_shared(4096);
    ensure!(!memory.is_null(), "mmap of shared memory failed");
    // SAFETY: a fresh zeroed page, aligned to more than an AtomicU64 asks, never unmapped.
    let counter = unsafe { &*memory.cast::<AtomicU64>() };
    let container = Container::start(&bare(), None, |_| {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            sys::sched_yield();
        }
    })?;
    let counts = || {
        let goal = counter.load(Ordering::Relaxed) + 10;
        while counter.load(Ordering::Relaxed) < goal && time_left() > 1_500 {
            sys::sched_yield();
        }
        counter.load(Ordering::Relaxed) >= goal
    };
    let group = freezer.group()?;
    group.adopt(container.init.pid())?;
    ensure!(counts(), "the container does not run before it is frozen");
    freezer.set(&group, true)?;
    let before = counter.load(Ordering::Relaxed);
    (0..ROUNDS).for_each(|_| sys::sched_yield());
    let counted = counter.load(Ordering::Relaxed) - before;
    let killed = container.stands_still_and_is_killed(counted);
    if matches!(freezer, Freezer::V1(_)) || killed.is_err() {
        freezer.set(&group, false)?;
    }
    killed?;
    let end = container.init.death()?;
    ensure!(end == End::Signal(sig::KILL), "the frozen and killed init {end}");
    drop(container);
    stage.is_unharmed()
}

impl Container {
    fn stands_still_and_is_killed(&self, counted: u64) -> Check {
        ensure!(counted == 0, "a frozen container counted {counted}");
        sys::kill(self.init.pid(), sig::KILL).or_fail("kill the frozen init")
    }
}

/// A signal from outside reaches init, which is told who sent it, and passes it on to its child.
pub(crate) fn signals_are_passed_on(_: &Ctx) -> Check {
    let _stage = Stage::set()?;
    let container = Container::start(&bare(), None, |engine| {
        let signals = signal_fd(sig::TERM)?;
        let child = sys::fork(0).or_fail("fork")?;
        if child == 0 {
            let none = 0u64;
            // SAFETY: an empty mask of the kernel's size: the child may be terminated.
            let _ = unsafe { sys::call(nr::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const none) as usize, 0, 8]) };
            loop {
                sys::sleep_ms(60_000);
            }
        }
        engine.say("waits");
        // struct signalfd_siginfo: signal, errno, code, sender.
        let mut info = [0u32; 32];
        let at = info.as_mut_ptr() as usize;
        // SAFETY: room for one siginfo of 128 bytes.
        unsafe { sys::call(nr::READ, [sys::arg(signals.raw()), at, 128]) }.or_fail("read the signal")?;
        ensure!(info[0] == sig::TERM as u32, "init got signal {}, not SIGTERM", info[0]);
        ensure!(info[3] == 0, "a sender outside has PID {} inside, not 0", info[3]);
        sys::kill(child, sig::TERM).or_fail("pass the signal on")?;
        let end = sys::wait(child, 0).or_fail("wait for the child")?;
        ensure!(end == Some((child, End::Signal(sig::TERM))), "the child got SIGTERM and ended as {end:?}");
        engine.say("passed on");
        engine.hear().map(drop)
    })?;
    container.init.hear()?;
    sys::kill(container.init.pid(), sig::TERM).or_fail("send SIGTERM to init")?;
    container.init.hear()?;
    // Without anyone who waits for it, it does not end init.
    sys::kill(container.init.pid(), sig::USR1).or_fail("send SIGUSR1 to init")?;
    container.init.say("end");
    container.init.finish()
}

const SIG_BLOCK: usize = 0;
const SIG_SETMASK: usize = 2;

/// Blocks a signal and opens what it is read from.
fn signal_fd(signal: i32) -> Result<sys::Fd, Stop> {
    // SIGUSR1 keeps its default action, which init ignores.
    let mask = 1u64 << (signal - 1);
    let at = (&raw const mask) as usize;
    // SAFETY: a mask of the kernel's size.
    unsafe { sys::call(nr::RT_SIGPROCMASK, [SIG_BLOCK, at, 0, 8]) }.or_fail("block a signal")?;
    // SAFETY: the same mask; a new descriptor.
    let fd = unsafe { sys::call(nr::SIGNALFD4, [usize::MAX, at, 8, open::CLOEXEC as usize]) };
    fd.map(sys::Fd::new).or_fail("signalfd")
}

/// `reboot` by a process of the container ends its init with the signal that stands for what was asked for.
pub(crate) fn reboot_ends_it_alone(_: &Ctx) -> Check {
    const SIGINT: i32 = 2;
    let stage = Stage::set()?;
    for (what, signal) in [(sys::reboot::RESTART, sig::HUP), (sys::reboot::HALT, SIGINT)] {
        let mut spec = bare();
        spec.mighty = true;
        let container = Container::start(&spec, None, |engine| {
            engine.hear()?;
            if sys::fork(0).or_fail("fork")? == 0 {
                let refused = sys::reboot(what);
                crate::test_api::note(&format!("reboot inside: {refused:?}"));
                sys::exit(1);
            }
            loop {
                let _ = sys::wait(-1, 0);
                sys::sleep_ms(100);
            }
        })?;
        container.init.say("reboot");
        let end = container.init.death()?;
        ensure!(end == End::Signal(signal), "after reboot({what:#x}) inside its init {end}, not by signal {signal}");
    }
    stage.is_unharmed()
}

/// Limits memory in whichever hierarchy has the controller.
enum Memory {
    V2(v2::Root),
    V1(v1::Root),
}

impl Memory {
    fn mount() -> Result<Memory, Stop> {
        if let Ok(root) = v2::mount()
            && root.get("cgroup.controllers")?.split(' ').any(|word| word == "memory")
        {
            root.enable("memory")?;
            return Ok(Memory::V2(root));
        }
        v1::mount("memory").map(Memory::V1)
    }

    fn group(&self) -> Result<Group, Stop> {
        let (root, file): (&Group, _) = match self {
            Memory::V2(root) => (root, "memory.max"),
            Memory::V1(root) => (root, "memory.limit_in_bytes"),
        };
        let group = root.child("kr-oom")?;
        group.set(file, "16M")?;
        Ok(group)
    }
}

fn eat(mib: usize) -> Check {
    const PAGE: usize = 4096;
    let memory = sys::map_anonymous(mib << 20);
    ensure!(!memory.is_null(), "mmap of {mib} MiB failed");
    for offset in (0..mib << 20).step_by(PAGE) {
        // SAFETY: within the mapping.
        unsafe { memory.add(offset).write_volatile(1) };
    }
    sys::unmap(memory, mib << 20);
    Ok(())
}

/// A process that takes more than its container may have is killed; init of the container, another container and the
/// host go on, and the host can have as much.
pub(crate) fn oom_stays_inside(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let memory = Memory::mount()?;
    let other = Container::start(&Spec { number: 2, ..bare() }, None, |engine| {
        engine.hear()?;
        eat(24)
    })?;
    let container = Container::start(&bare(), Some(memory.group()?), |engine| {
        let child = sys::fork(0).or_fail("fork")?;
        if child == 0 {
            // The likeliest victim, whatever else is in the container.
            let _ =
                files::write("/proc/self/oom_score_adj", "1000").or_else(|_| files::write("/proc/self/oom_adj", "15"));
            let _ = eat(24);
            sys::exit(0);
        }
        let end = sys::wait(child, 0).or_fail("wait for the greedy child")?;
        ensure!(end == Some((child, End::Signal(sig::KILL))), "24 MiB in a container of 16 MiB: {end:?}, not killed");
        promises::still_there()?;
        engine.say("lives");
        engine.hear().map(drop)
    })?;
    container.init.hear()?;
    eat(24)?;
    other.init.say("eat");
    other.init.finish()?;
    container.kill()?;
    stage.is_unharmed()
}
