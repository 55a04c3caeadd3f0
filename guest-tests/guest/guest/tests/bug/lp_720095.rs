//! Launchpad #720095 (CVE-2011-2189): up to 2.6.32 network namespaces went one by one, each at the price of grace
//! periods, and came faster than that, so that vsftpd's clients could fill the memory with dying ones.
//!
//! Since 2.6.33 all that have died go in one batch (2b035b399707, 72ad937abd0a). That lags too: a backlog right after a
//! burst is not the bug. The bug is one that the kernel cannot work off in the time in which it grew.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, time_left};
use crate::tests::interface;
use crate::tests::peer::Peer;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[("bug::lp_720095::backlog_recovers", backlog_recovers)];

/// However short the run, a recovery may take so long.
const RECOVERY_MS: u64 = 15_000;
/// A machine that is slow at both is not to blame: to be refuted, the kernel must be this many times slower at taking
/// down. 2.6.32 is four times slower, later ones are several times faster.
const SLOWER: u64 = 2;

/// Each creator makes as many however long it takes: on a slow machine fewer come in a second, and a clean-up that waits
/// for grace periods takes no longer.
const AT_LEAST: u64 = 8;

/// Several creators at once, since one alone is held back by the lock that the clean-up takes.
fn backlog_recovers(ctx: &Ctx) -> Check {
    sys::unshare(clone::NEWNET).or_absent("unshare(CLONE_NEWNET)")?;
    let span = ctx.param("seconds") * 1_000;
    let began = sys::now_ms();
    let workers: Vec<Peer> =
        (0..ctx.param("workers")).map(|worker| creator(worker, began + span)).collect::<Result<_, Stop>>()?;
    while sys::now_ms() < began + span / 2 {
        sys::sleep_ms(50);
    }
    let (first, at_first) = (sys::now_ms() - began, alive()?);
    let mut created = 0u64;
    for worker in workers {
        created += worker.hear()?.parse::<u64>().unwrap_or(0);
        worker.finish()?;
    }
    let (ended, at_end) = (sys::now_ms(), alive()?);
    let took = (ended - began).max(1);
    ctx.note(&format!("{created} namespaces in {took} ms, {at_first} alive after {first} ms, {at_end} at the end"));
    recovers(ctx, created, took, at_end)
}

/// Namespaces that are born, get one end of a pair and die, one after the other, until the time is up and there have been
/// enough.
fn creator(worker: u64, until: u64) -> Result<Peer, Stop> {
    Peer::start(0, |test| {
        let mut count = 0u64;
        while count < AT_LEAST || sys::now_ms() < until {
            one(&outer_end(worker, count), &format!("i{worker}x{count}"))?;
            count += 1;
        }
        test.say(&format!("{count}"));
        Ok(())
    })
}

fn outer_end(worker: u64, count: u64) -> String {
    format!("o{worker}x{count}")
}

fn one(outer: &str, inner: &str) -> Check {
    let (wait, go) = sys::pipe().or_fail("pipe")?;
    let member = sys::fork(clone::NEWNET).or_absent("clone(CLONE_NEWNET)")?;
    if member == 0 {
        drop(go);
        let _ = sys::read(&wait, &mut [0]);
        sys::exit(0);
    }
    interface::make_veth(outer, inner).or_fail("make a veth pair")?;
    interface::move_to(inner, member).or_fail("move one end into the namespace")?;
    let still = interface::exists(inner).or_fail("look for the end that was moved")?;
    ensure!(!still, "an end that was moved into another namespace is here");
    drop(go);
    sys::wait(member, 0).or_fail("wait for the member").map(drop)
}

/// How many namespaces are not gone: the outer end of each one's pair goes with it.
fn alive() -> Result<u64, Stop> {
    let table = files::read_text("/proc/net/dev").or_fail("read /proc/net/dev")?;
    let names = table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
    Ok(names.filter(|name| name.starts_with('o')).count() as u64)
}

/// Looks at the backlog until it is gone, or has taken so long that the kernel is refuted.
fn recovers(ctx: &Ctx, created: u64, took: u64, at_end: u64) -> Check {
    let (began, longest) = (sys::now_ms(), RECOVERY_MS.max(took / 2));
    loop {
        let (left, waited) = (alive()?, (sys::now_ms() - began).max(1));
        let drained = at_end.saturating_sub(left);
        if left == 0 {
            ctx.note(&format!("none was left after {waited} ms"));
            return Ok(());
        }
        let slower = drained * SLOWER * took < created * waited;
        if waited > longest && slower {
            fail!(
                "network namespaces come faster than they go: {created} made in {took} ms, {at_end} alive at the \
                 end, {left} still {waited} ms later; {} made and {} gone in 10 s",
                created * 10_000 / took,
                drained * 10_000 / waited
            );
        }
        ensure!(time_left() > 2_000, "of {created} namespaces {left} are still alive {waited} ms after the last");
        sys::sleep_ms(50);
    }
}
