//! Time namespaces: clocks that are offset for the children of the one that made it.
//!
//! A child in one has another idea of the deadline: it says what it saw and its parent, whose clock is true, judges.

use alloc::format;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Clone3, Errno, call, clone, nr};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::ns::file::link;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::time::clocks_are_offset_for_children", clocks_are_offset_for_children),
    ("ns::time::uptime_is_offset_for_children", uptime_is_offset_for_children),
    ("ns::time::absolute_sleep_is_by_the_inner_clock", absolute_sleep_is_by_the_inner_clock),
    ("ns::time::offsets_are_set_before_first_child", offsets_are_set_before_first_child),
    ("ns::time::bad_offsets_are_refused", bad_offsets_are_refused),
    ("ns::time::unshare_moves_children_only", unshare_moves_children_only),
    ("ns::time::clone3_makes_a_new_one", clone3_makes_a_new_one),
];

const REALTIME: usize = 0;
const MONOTONIC: usize = 1;
const BOOTTIME: usize = 7;
const OFFSETS: &str = "/proc/self/timens_offsets";

/// A clock in milliseconds.
fn clock(id: usize) -> Result<i64, Stop> {
    let mut time = [0i64; 2];
    // SAFETY: room for a struct timespec.
    unsafe { call(nr::CLOCK_GETTIME, [id, time.as_mut_ptr() as usize]) }.or_fail("clock_gettime")?;
    Ok(time[0] * 1000 + time[1] / 1_000_000)
}

fn unshare() -> Check {
    sys::unshare(clone::NEWTIME).or_absent("unshare(CLONE_NEWTIME)")
}

/// By number: names are taken since 5.7 only (94d440d61844).
fn set_offset(clock: usize, seconds: i64, nanoseconds: i64) -> Result<(), Errno> {
    files::write(OFFSETS, &format!("{clock} {seconds} {nanoseconds}\n"))
}

/// Lets a child of this process see some numbers.
fn seen_by_child(see: impl FnOnce() -> Result<[i64; 2], Stop>) -> Result<[i64; 2], Stop> {
    seen_by(|| sys::fork(0).or_fail("fork"), see)
}

fn seen_by(
    fork: impl FnOnce() -> Result<i32, Stop>,
    see: impl FnOnce() -> Result<[i64; 2], Stop>,
) -> Result<[i64; 2], Stop> {
    let (from, to) = sys::pipe().or_fail("pipe")?;
    let pid = fork()?;
    if pid == 0 {
        if let Ok(seen) = see() {
            let bytes: Vec<u8> = seen.iter().flat_map(|n| n.to_ne_bytes()).collect();
            let _ = sys::write_all(to.raw(), &bytes);
        }
        sys::exit(0);
    }
    drop(to);
    let mut bytes = [0; 16];
    let n = sys::read(&from, &mut bytes).or_fail("hear from the child")?;
    sys::wait(pid, 0).or_fail("wait for the child")?;
    ensure!(n == 16, "the child saw nothing");
    let number = |at: usize| i64::from_ne_bytes(core::array::from_fn(|i| bytes[at + i]));
    Ok([number(0), number(8)])
}

/// How far a clock is off by more than what the test took.
fn must_be_off(by_ms: i64, before: i64, inner: i64, after: i64, what: &str) -> Check {
    let off = (before + by_ms..=after + by_ms).contains(&inner);
    ensure!(off, "{what} is {inner} ms in a child and {before} to {after} ms outside, not {by_ms} ms apart");
    Ok(())
}

/// Monotonic and boot time are offset in the first child, each by its own, and unchanged in the caller.
pub(crate) fn clocks_are_offset_for_children(_: &Ctx) -> Check {
    unshare()?;
    set_offset(MONOTONIC, 10_000, 500_000_000).or_fail("offset the monotonic clock")?;
    set_offset(BOOTTIME, 20_000, 0).or_fail("offset boot time")?;
    let before = [clock(MONOTONIC)?, clock(BOOTTIME)?];
    let inner = seen_by_child(|| Ok([clock(MONOTONIC)?, clock(BOOTTIME)?]))?;
    let after = [clock(MONOTONIC)?, clock(BOOTTIME)?];
    ensure!(after[0] - before[0] < 10_000, "the caller's own clock jumped by {} ms", after[0] - before[0]);
    must_be_off(10_000_500, before[0], inner[0], after[0], "the monotonic clock")?;
    must_be_off(20_000_000, before[1], inner[1], after[1], "boot time")
}

fn uptime_ms() -> Result<i64, Stop> {
    let text = files::read_text("/proc/uptime").or_fail("read /proc/uptime")?;
    let (seconds, rest) = text.split_once('.').unwrap_or((text.as_str(), "0"));
    let hundredths = rest.get(..2).and_then(|digits| digits.parse::<i64>().ok());
    match (seconds.parse::<i64>(), hundredths) {
        (Ok(seconds), Some(hundredths)) => Ok(seconds * 1000 + hundredths * 10),
        _ => Err(Stop::Fail(format!("/proc/uptime says `{}`", text.trim()))),
    }
}

/// /proc/uptime follows the offset of boot time.
pub(crate) fn uptime_is_offset_for_children(_: &Ctx) -> Check {
    unshare()?;
    set_offset(BOOTTIME, 5_000, 0).or_fail("offset boot time")?;
    let before = uptime_ms()?;
    let [inner, boot] = seen_by_child(|| Ok([uptime_ms()?, clock(BOOTTIME)?]))?;
    let after = uptime_ms()?;
    must_be_off(5_000_000, before, inner, after, "/proc/uptime")?;
    ensure!((boot - inner).abs() < 5_000, "/proc/uptime is {inner} ms in a child and boot time {boot} ms");
    Ok(())
}

/// A sleep till a moment of the inner clock, which is behind the true one, lasts till then.
pub(crate) fn absolute_sleep_is_by_the_inner_clock(_: &Ctx) -> Check {
    const ABSTIME: usize = 1;
    unshare()?;
    set_offset(MONOTONIC, -1, 0).or_fail("put the monotonic clock back")?;
    let outside = clock(MONOTONIC)?;
    let [target, woken] = seen_by_child(|| {
        let target = clock(MONOTONIC)? + 100;
        let time = [target / 1000, (target % 1000) * 1_000_000];
        // SAFETY: a struct timespec; the rest is not asked for.
        unsafe { call(nr::CLOCK_NANOSLEEP, [MONOTONIC, ABSTIME, time.as_ptr() as usize, 0]) }.or_fail("sleep")?;
        Ok([target, clock(MONOTONIC)?])
    })?;
    ensure!(target < clock(MONOTONIC)? - 900 && target >= outside - 1_000, "the child's clock is not a second behind");
    ensure!(woken >= target, "a sleep till {target} ms of the inner clock came back at {woken} ms");
    Ok(())
}

/// Offsets can be changed until the first child, and no more from then on.
pub(crate) fn offsets_are_set_before_first_child(_: &Ctx) -> Check {
    let early = set_offset(MONOTONIC, 7_000, 0);
    ensure!(early == Err(Errno::EACCES), "offset in the first time namespace: {early:?}, not EACCES");
    unshare()?;
    set_offset(MONOTONIC, 7_000, 0).or_fail("offset the clock")?;
    set_offset(MONOTONIC, 8_000, 0).or_fail("offset it again before there is a child")?;
    let outside = clock(MONOTONIC)?;
    let [inner, _] = seen_by_child(|| Ok([clock(MONOTONIC)?, 0]))?;
    must_be_off(8_000_000, outside, inner, clock(MONOTONIC)?, "the monotonic clock")?;
    let late = set_offset(MONOTONIC, 9_000, 0);
    ensure!(late == Err(Errno::EACCES), "offset after the first child: {late:?}, not EACCES");
    let outside = clock(MONOTONIC)?;
    let [inner, _] = seen_by_child(|| Ok([clock(MONOTONIC)?, 0]))?;
    must_be_off(8_000_000, outside, inner, clock(MONOTONIC)?, "after the refused offset the monotonic clock")
}

/// An offset before the clock's start or too far ahead is ERANGE, a malformed one EINVAL, and none has an effect.
pub(crate) fn bad_offsets_are_refused(_: &Ctx) -> Check {
    unshare()?;
    let bad = [
        (MONOTONIC, -100_000_000, 0, Errno::ERANGE),
        (BOOTTIME, i64::MAX / 1_000_000_000, 0, Errno::ERANGE),
        (MONOTONIC, 1, 1_000_000_000, Errno::EINVAL),
        (REALTIME, 1, 0, Errno::EINVAL),
    ];
    for (clock, seconds, nanoseconds, expected) in bad {
        let result = set_offset(clock, seconds, nanoseconds);
        ensure!(result == Err(expected), "offset `{clock} {seconds} {nanoseconds}`: {result:?}, not {expected}");
    }
    let outside = clock(MONOTONIC)?;
    let [inner, _] = seen_by_child(|| Ok([clock(MONOTONIC)?, 0]))?;
    must_be_off(0, outside, inner, clock(MONOTONIC)?, "after refused offsets the monotonic clock")
}

/// The inode in a link such as `time:[4026531834]`.
fn number(link: &str) -> i64 {
    link.bytes().filter(u8::is_ascii_digit).fold(0, |n, b| n * 10 + i64::from(b - b'0'))
}

/// The caller of `unshare` stays in its time namespace, its children are born into the new one.
pub(crate) fn unshare_moves_children_only(_: &Ctx) -> Check {
    let (own, before) = (link("self", "time")?, link("self", "time_for_children")?);
    ensure!(number(&own) == number(&before), "before unshare children go to `{before}` and not to `{own}`");
    unshare()?;
    let (still, children) = (link("self", "time")?, link("self", "time_for_children")?);
    ensure!(still == own, "unshare moved the caller itself from `{own}` to `{still}`");
    ensure!(number(&children) != number(&own), "after unshare children still go to `{children}`");
    let [inner, next] =
        seen_by_child(|| Ok([number(&link("self", "time")?), number(&link("self", "time_for_children")?)]))?;
    let expected = number(&children);
    ensure!((inner, next) == (expected, expected), "a child is in time:[{inner}] and its own go to time:[{next}]");
    Ok(())
}

/// By `clone3` the child itself is in the new namespace and its creator's children are not.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    let own = link("self", "time")?;
    let args = Clone3 { flags: clone::NEWTIME, ..Clone3::default() };
    let born = || sys::clone3(&args).or_absent("clone3(CLONE_NEWTIME)");
    let [inner, _] = seen_by(born, || Ok([number(&link("self", "time")?), 0]))?;
    ensure!(inner != number(&own), "the child of clone3 is in its parent's time namespace, {own}");
    let [later, _] = seen_by_child(|| Ok([number(&link("self", "time")?), 0]))?;
    ensure!(later == number(&own), "a later child by fork is in time:[{later}], not in its parent's {own}");
    Ok(())
}
