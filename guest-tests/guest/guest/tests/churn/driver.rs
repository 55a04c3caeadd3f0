//! What all loops share: rounds dealt out to workers, random numbers by seed, the count afterwards.

use alloc::format;
use alloc::vec::Vec;

use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child, time_left};
use crate::tests::census::Census;
use crate::tests::peer::Peer;

/// One worker's place in the loop.
pub(crate) struct Turn {
    /// Of the worker, from 0.
    pub(crate) worker: u64,
    /// Of the round, different for each of all workers.
    pub(crate) round: u64,
    state: u64,
}

impl Turn {
    /// The next random number below `bound` (splitmix64).
    pub(crate) fn random(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound.max(1)
    }
}

/// Runs `iterations` rounds in all by `workers` processes, and for `seconds` in any case; then nothing may be left, and
/// the kernel must still make what containers are made of.
pub(crate) fn churn(ctx: &Ctx, round: impl Fn(&mut Turn) -> Check) -> Check {
    // Once before the count: it warms what the kernel keeps.
    let before = Census::warm(|| in_child(0, || round(&mut Turn { worker: 0, round: 0, state: ctx.param("seed") })))?;
    let workers: Vec<Peer> =
        (0..ctx.param("workers")).map(|worker| start(ctx, worker, &round)).collect::<Result<_, Stop>>()?;
    let mut rounds = 0u64;
    for worker in workers {
        rounds += worker.hear()?.parse::<u64>().unwrap_or(0);
        worker.finish()?;
    }
    ensure!(rounds >= ctx.param("iterations"), "of {} rounds {rounds} were done", ctx.param("iterations"));
    ctx.note(&format!("{rounds} rounds"));
    before.is_kept()?;
    still_makes_namespaces()
}

/// A worker that does its share and tells how many rounds it did.
fn start(ctx: &Ctx, worker: u64, round: &impl Fn(&mut Turn) -> Check) -> Result<Peer, Stop> {
    let (iterations, workers) = (ctx.param("iterations"), ctx.param("workers"));
    let until = sys::now_ms() + ctx.param("seconds") * 1_000;
    let share = iterations / workers + u64::from(worker < iterations % workers);
    // Each worker has numbers of its own: the seed's stream, entered at another place.
    let state = ctx.param("seed") ^ (worker << 32);
    Peer::start(0, |test| {
        let mut turn = Turn { worker, round: 1 + worker, state };
        let mut done = 0;
        while done < share || sys::now_ms() < until {
            ensure!(time_left() > 2_500, "after {done} of {share} rounds the time is up");
            round(&mut turn).map_err(|stop| at(stop, worker, done, ctx.param("seed")))?;
            turn.round += workers;
            done += 1;
        }
        test.say(&format!("{done}"));
        Ok(())
    })
}

/// Says where in the loop it was, so that it can be done again.
fn at(stop: Stop, worker: u64, round: u64, seed: u64) -> Stop {
    match stop {
        Stop::Fail(why) => Stop::Fail(format!("round {round} of worker {worker} (seed={seed}): {why}")),
        other => other,
    }
}

/// Namespaces of the kinds that all kernels have come into being as they did before.
fn still_makes_namespaces() -> Check {
    in_child(clone::NEWNS | clone::NEWUTS | clone::NEWPID, || {
        ensure!(sys::getpid() == 1, "after the loop init of a new PID namespace has PID {}", sys::getpid());
        sys::sethostname("kr-after").or_fail("sethostname after the loop")
    })
}
