//! What processes in a cgroup do for a test: take memory, count, fork, or just stay.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::sync::atomic::{AtomicU64, Ordering};

use super::Group;
use crate::sys::{self, End, nr, sig};
use crate::test_api::{Check, OrStop as _, Stop, time_left};
use crate::tests::peer::Peer;

/// A process in the group that answers each word with `done`.
pub(super) fn resident(group: &Group) -> Result<Peer, Stop> {
    member(group, |_| Ok("done".to_string()))
}

/// A process in the group that takes as many MiB more as it is told.
pub(super) fn eater(group: &Group) -> Result<Peer, Stop> {
    member(group, |word| {
        touch(word.parse::<usize>().unwrap_or(0) << 20)?;
        Ok("took".to_string())
    })
}

/// A process in the group that forks at each word and tells the outcome: `forked` or an error's name. What it forked
/// stays till the group is dropped.
pub(super) fn forker(group: &Group) -> Result<Peer, Stop> {
    member(group, |_| match sys::fork(0) {
        Ok(0) => loop {
            sys::sleep_ms(60_000);
        },
        Ok(_) => Ok("forked".to_string()),
        Err(errno) => Ok(format!("{errno}")),
    })
}

/// A process in the group that answers each word as `act` says.
pub(super) fn member(group: &Group, act: impl Fn(&str) -> Result<String, Stop>) -> Result<Peer, Stop> {
    let peer = Peer::start(0, |test| {
        group.join()?;
        test.say("joined");
        loop {
            test.say(&act(&test.hear()?)?);
        }
    })?;
    peer.hear()?;
    Ok(peer)
}

/// Takes fresh memory and writes to each page of it.
pub(super) fn touch(bytes: usize) -> Check {
    const PAGE: usize = 4096;
    let memory = sys::map_anonymous(bytes);
    ensure!(!memory.is_null(), "mmap of {bytes} bytes failed");
    for offset in (0..bytes).step_by(PAGE) {
        // SAFETY: within the mapping.
        unsafe { memory.add(offset).write_volatile(1) };
    }
    Ok(())
}

/// The one above its limit is killed by the OOM killer, its sibling with the same limit lives and can take more.
pub(super) fn only_the_offender_is_killed(offender: &Group, sibling: &Group) -> Check {
    let (over, under) = (eater(offender)?, eater(sibling)?);
    under.ask("4")?;
    over.ask("4")?;
    over.say("64");
    let end = over.death()?;
    ensure!(end == End::Signal(sig::KILL), "the process above its limit {end}, not killed by SIGKILL");
    under.ask("4").map(drop)
}

/// A process in the group that takes all it can get of the first CPU, the same for each of them.
pub(super) fn spinning(group: &Group) -> Result<Peer, Stop> {
    let peer = Peer::start(0, |test| {
        pin_to_first_cpu()?;
        group.join()?;
        test.say("joined");
        loop {
            core::hint::spin_loop();
        }
    })?;
    peer.hear()?;
    Ok(peer)
}

fn pin_to_first_cpu() -> Check {
    let mut all = sys::sched_getaffinity().or_fail("sched_getaffinity")?;
    let mut found = false;
    for word in &mut all {
        *word = if found { 0 } else { *word & word.wrapping_neg() };
        found |= *word != 0;
    }
    sys::sched_setaffinity(&all).or_fail("sched_setaffinity to one CPU")
}

/// A number in memory that is shared with children.
pub(super) fn shared_counter() -> Result<&'static AtomicU64, Stop> {
    let memory = sys::map_shared(4096);
    ensure!(!memory.is_null(), "mmap of shared memory failed");
    // SAFETY: a fresh zeroed page, aligned to more than an AtomicU64 asks, never unmapped.
    Ok(unsafe { &*memory.cast::<AtomicU64>() })
}

/// A process in the group that counts for ever.
pub(super) fn counting(group: &Group, counter: &'static AtomicU64) -> Result<Peer, Stop> {
    let peer = Peer::start(0, |test| {
        group.join()?;
        test.say("joined");
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            yield_now();
        }
    })?;
    peer.hear()?;
    Ok(peer)
}

fn yield_now() {
    let _ = sys::plain(nr::SCHED_YIELD, []);
}

/// Waits till a counter has gone up by that much.
pub(super) fn wait_for(counter: &AtomicU64, more: u64, what: &str) -> Check {
    let goal = counter.load(Ordering::Relaxed) + more;
    while counter.load(Ordering::Relaxed) < goal {
        ensure!(time_left() > 1_000, "{what}: the counter stands still");
        yield_now();
    }
    Ok(())
}

/// The member of the stopped group stands still while the free one goes on, and goes on itself when released.
pub(super) fn stops_and_goes_on(
    stopped: &Group,
    free: &Group,
    stop: impl FnOnce() -> Check,
    release: impl Fn() -> Check,
) -> Check {
    const ENOUGH: u64 = 3_000;
    let (one, other) = (shared_counter()?, shared_counter()?);
    let (_one, _other) = (counting(stopped, one)?, counting(free, other)?);
    let _release = OnDrop(&release);
    wait_for(one, 10, "before the freeze")?;
    wait_for(other, 10, "before the freeze, in the other group")?;
    stop()?;
    let before = one.load(Ordering::Relaxed);
    wait_for(other, ENOUGH, "during the freeze, in the other group")?;
    let counted = one.load(Ordering::Relaxed) - before;
    ensure!(counted == 0, "a frozen process counted {counted} while a free one counted {ENOUGH}");
    release()?;
    wait_for(one, 10, "after the thaw")
}

/// A frozen v1 process cannot even be killed: it is released before its `Peer` is dropped.
struct OnDrop<'a, F: Fn() -> Check>(&'a F);

impl<F: Fn() -> Check> Drop for OnDrop<'_, F> {
    fn drop(&mut self) {
        let _ = (self.0)();
    }
}

/// At `pids.max` 3 the third fork is EAGAIN, a fork works again at 4, and the sibling is not limited.
pub(super) fn pids_max_holds(limited: &Group, sibling: &Group) -> Check {
    limited.set("pids.max", "3")?;
    let (one, other) = (forker(limited)?, forker(sibling)?);
    for expected in ["forked", "forked", "EAGAIN", "EAGAIN"] {
        let outcome = one.ask("fork")?;
        ensure!(outcome == expected, "at pids.max 3, with {} in it, fork is {outcome}", limited.get("pids.current")?);
    }
    for _ in 0..4 {
        let outcome = other.ask("fork")?;
        ensure!(outcome == "forked", "fork in the sibling without a limit is {outcome}");
    }
    limited.set("pids.max", "4")?;
    let outcome = one.ask("fork")?;
    ensure!(outcome == "forked", "fork after pids.max was raised is {outcome}");
    let current = limited.get("pids.current")?;
    ensure!(current == "4", "pids.current is {current} with 4 processes");
    Ok(())
}
