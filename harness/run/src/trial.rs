//! A VM outside of any suite, for measuring: how long a boot takes, whether every marker comes out of the console.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use kernrig_catalog::Test;
use kernrig_plan::{Answer, Cell, Fate};
use kernrig_vm::{Launcher, VmSpec};
use thiserror::Error;

use crate::session::{Session, Stop};
use crate::timing::{Limits, Timing};
use crate::transcript::Transcript;

/// What went wrong in a trial; says nothing about a kernel.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TrialError(String);

/// A VM that has booted.
#[derive(Debug)]
pub struct Trial {
    session: Session,
}

impl Trial {
    /// Boots a VM; gives the time from the launch to the guest's first line too. What comes out of its ports is
    /// written to a folder, if one is named.
    ///
    /// # Errors
    ///
    /// QEMU cannot be started, or the guest does not say hello.
    pub fn boot(launcher: &Launcher, spec: VmSpec, ports: Option<&Path>) -> Result<(Self, Duration), TrialError> {
        let timing = Timing { slowness: spec.accelerator.slowness() };
        let limits = Limits { deadline: None, cancel: Arc::new(AtomicBool::new(false)) };
        let started = Instant::now();
        let vm = launcher.launch(spec).map_err(|e| TrialError(e.to_string()))?;
        let transcript = Transcript::open(ports, "trial").map_err(|e| TrialError(e.to_string()))?;
        let mut session = Session::new(vm, timing, limits, transcript).map_err(|e| TrialError(e.to_string()))?;
        session.hello().map_err(|stop| wrong(&session, "the guest did not say hello", &stop))?;
        let took = started.elapsed();
        session.answer_hello().map_err(|stop| wrong(&session, "the guest did not settle", &stop))?;
        Ok((Self { session }, took))
    }

    /// Runs a test that has to pass; gives the time from the command to the final verdict.
    ///
    /// # Errors
    ///
    /// The test did not pass.
    pub fn run(&mut self, test: &'static Test) -> Result<Duration, TrialError> {
        let started = Instant::now();
        let ran = self.session.run(&Cell::plain(test), false, None);
        match ran.fate {
            Fate::Answered { answer: Answer::Ok, .. } => Ok(started.elapsed()),
            other => Err(TrialError(format!("{} did not pass: {other:?}", test.name))),
        }
    }

    /// Runs a test with further words of the channel's `run` command, such as `mutant=0`; gives how it ended.
    pub fn fate(&mut self, test: &'static Test, words: &str) -> Fate {
        let ran = self.session.run_with(&Cell::plain(test), words);
        self.session.console.take_reports();
        ran.fate
    }

    /// Whether the last test left its VM as it had found it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.session.rested && self.session.dirt.is_empty()
    }

    /// Has the guest write pairs of markers as fast as it can; gives how many whole pairs came out of the console.
    ///
    /// # Errors
    ///
    /// The guest did not answer.
    pub fn markers(&mut self, count: u32) -> Result<u64, TrialError> {
        let seen = self.session.markers(count);
        seen.map_err(|stop| wrong(&self.session, "the guest did not write its markers", &stop))
    }
}

fn wrong(session: &Session, what: &str, stop: &Stop) -> TrialError {
    let last = session.console.last_words().unwrap_or_else(|| "nothing".to_owned());
    TrialError(format!("{what}: {stop:?}; the console's last line was: {last}"))
}
