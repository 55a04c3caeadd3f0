//! How long the harness waits for what. All in wall-clock time, scaled by how slow the accelerator is.

use std::time::{Duration, Instant};

use kernrig_plan::Cell;

/// Waiting times of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Factor by which guests are slower than under hardware acceleration.
    pub(crate) slowness: f64,
}

impl Timing {
    fn scaled(self, seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds * self.slowness.max(1.0))
    }

    /// From QEMU's start to the guest's hello.
    pub(crate) fn boot(self) -> Duration {
        self.scaled(15.0)
    }

    /// The deadline the guest enforces for a test, in whole seconds.
    pub(crate) fn inner(self, deadline_s: u32) -> u64 {
        self.scaled(f64::from(deadline_s)).as_secs().max(1)
    }

    /// The longer one that the harness enforces: the inner one, and time to load modules, to kill and reap (the guest
    /// gives up on that after 10 s) and to clean up network namespaces (after 20 s).
    pub(crate) fn outer(self, cell: &Cell) -> Duration {
        let netns = if cell.test.uses_netns { 20 } else { 0 };
        Duration::from_secs(self.inner(cell.deadline_s) + 12 + netns) + self.scaled(2.0)
    }

    /// For a command that is no test.
    pub(crate) fn command(self) -> Duration {
        self.scaled(10.0)
    }

    /// From a command to its acknowledgement, before it is sent again. Modules are loaded in that time.
    pub(crate) fn acknowledgement(self) -> Duration {
        self.scaled(5.0)
    }

    /// For a marker that was written to come out of the console.
    pub(crate) fn marker(self) -> Duration {
        self.scaled(3.0)
    }

    /// How long a guest that has oopsed is given to answer all the same: the test's process is dead or stuck on a
    /// lock that the dead one held, and only the first case answers.
    pub(crate) fn after_oops(self) -> Duration {
        self.scaled(3.0)
    }

    /// For a VM to power off, or to say something after an NMI.
    pub(crate) fn last_words(self) -> Duration {
        self.scaled(3.0)
    }
}

/// What may cut a run short.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Nothing is started that would not end by then.
    pub(crate) deadline: Option<(Instant, String)>,
    /// Set from outside when the user wants the run to stop.
    pub(crate) cancel: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Limits {
    /// Why nothing that takes `longest` may be started now; `None` if it may.
    pub(crate) fn forbid(&self, longest: Duration) -> Option<String> {
        if self.cancelled() {
            return Some("the run was interrupted".to_owned());
        }
        let (deadline, name) = self.deadline.as_ref()?;
        (Instant::now() + longest > *deadline).then(|| format!("would not be sure to end before the {name}"))
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.load(std::sync::atomic::Ordering::Relaxed)
    }
}
