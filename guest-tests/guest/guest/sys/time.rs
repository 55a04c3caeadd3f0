//! Clocks and sleep.

use super::{Errno, arg, call, nr};

/// Milliseconds since boot, a clock that nothing sets.
pub(crate) fn now_ms() -> u64 {
    let mut time = [0u64; 2];
    const MONOTONIC: usize = 1;
    // SAFETY: room for a struct timespec.
    match unsafe { call(nr::CLOCK_GETTIME, [MONOTONIC, time.as_mut_ptr() as usize]) } {
        Ok(_) => time[0] * 1000 + time[1] / 1_000_000,
        Err(_) => 0,
    }
}

/// Sleeps that long, or till a signal.
pub(crate) fn sleep_ms(ms: u64) {
    let time = [ms / 1000, (ms % 1000) * 1_000_000];
    // SAFETY: a struct timespec; the rest is not asked for.
    let _: Result<usize, Errno> = unsafe { call(nr::NANOSLEEP, [time.as_ptr() as usize, 0]) };
}

/// CPU time that a process has used, in nanoseconds (`CPUCLOCK_SCHED` of its thread group).
pub(crate) fn cpu_time_ns(pid: i32) -> Result<u64, Errno> {
    const CPUCLOCK_SCHED: i32 = 2;
    let mut time = [0u64; 2];
    // SAFETY: room for a struct timespec.
    unsafe { call(nr::CLOCK_GETTIME, [arg((!pid << 3) | CPUCLOCK_SCHED), time.as_mut_ptr() as usize]) }?;
    Ok(time[0] * 1_000_000_000 + time[1])
}
