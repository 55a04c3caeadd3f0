//! Tests of v1 hierarchies.

use super::load::{only_the_offender_is_killed, stops_and_goes_on};
use super::{Group, eventually, v1};
use crate::test_api::{Check, Ctx, Entry};
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::memory_limit_ooms_only_the_offender", memory_limit_ooms_only_the_offender),
    ("cgroup1::freezer_stops_and_thaws", freezer_stops_and_thaws),
];

/// A child above `memory.limit_in_bytes` is OOM-killed, a sibling with the same limit lives and never hit it.
pub(crate) fn memory_limit_ooms_only_the_offender(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let (offender, sibling) = (root.child("kr-offender")?, root.child("kr-sibling")?);
    for group in [&offender, &sibling] {
        group.set("memory.limit_in_bytes", "16777216")?;
    }
    only_the_offender_is_killed(&offender, &sibling)?;
    let (over, under) = (offender.get("memory.failcnt")?, sibling.get("memory.failcnt")?);
    ensure!(over != "0", "the offender was killed and memory.failcnt says it never hit its limit");
    ensure!(under == "0", "the sibling hit its limit {under} times by memory.failcnt");
    Ok(())
}

/// Writes the state until it is reached. Once is not enough: a group that is read before any member has stopped falls
/// back to THAWED before 2.6.37 (2d3cbf8bc852), and EBUSY asks for another try (freezer-subsystem.txt).
fn change_state(group: &Group, state: &str) -> Check {
    let mut last = Ok(());
    let so = eventually(10_000, || {
        last = group.set("freezer.state", state);
        group.get("freezer.state").is_ok_and(|now| now == state)
    });
    if so {
        return Ok(());
    }
    last?;
    fail!("{state} was written to freezer.state again and again, it says `{}`", group.get("freezer.state")?)
}

/// Processes of a FROZEN cgroup stand still while those of its sibling go on, and go on when THAWED.
pub(crate) fn freezer_stops_and_thaws(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (frozen, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    stops_and_goes_on(&frozen, &free, || change_state(&frozen, "FROZEN"), || change_state(&frozen, "THAWED"))
}
