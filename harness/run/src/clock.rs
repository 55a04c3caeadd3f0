//! The time of one session: it stands still while kernrig itself is stopped.
//!
//! After `SIGSTOP`, Ctrl-Z or a host that froze, the wall has moved and the guest may have had no chance to be heard: a
//! deadline that is over only because of that says nothing about a kernel.

use std::time::{Duration, Instant};

/// A gap that is longer than this, beyond what was to be waited, is none that scheduling explains.
const GAP: Duration = Duration::from_secs(2);

/// A clock without the time for which its owner was stopped.
#[derive(Debug)]
pub(crate) struct Clock {
    lost: Duration,
    seen: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { lost: Duration::ZERO, seen: Instant::now() }
    }

    /// The present, for comparison with other times of this clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::now().checked_sub(self.lost).unwrap_or(self.seen)
    }

    /// Says that at most `allowed` should have gone by since the last call.
    pub(crate) fn tick(&mut self, allowed: Duration) {
        self.tick_at(Instant::now(), allowed);
    }

    fn tick_at(&mut self, now: Instant, allowed: Duration) {
        let gone = now.saturating_duration_since(self.seen);
        if gone > allowed + GAP {
            self.lost += gone - allowed;
        }
        self.seen = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_for_which_nobody_ran_does_not_count() {
        let mut clock = Clock::start();
        let start = clock.seen;
        let second = Duration::from_secs(1);
        clock.tick_at(start + second, second);
        assert_eq!(clock.lost, Duration::ZERO, "as long as was to be waited");
        clock.tick_at(start + 2 * second, Duration::ZERO);
        assert_eq!(clock.lost, Duration::ZERO, "a busy host");
        clock.tick_at(start + 602 * second, second);
        assert_eq!(clock.lost, 599 * second, "stopped for ten minutes");
    }
}
