//! Kernels for a run: fetched side by side while others boot already.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernrig_events::Event;
use kernrig_kernels::Kernel;
use kernrig_plan::{Selection, Suite};

use crate::candidate::Candidate;
use crate::laboratory;
use crate::shape::Shape;

/// Fetches side by side: archives are slow one by one, and unpacking takes a CPU that VMs want.
const SIDE_BY_SIDE: usize = 2;

/// A kernel that was asked for and what came of it.
pub(crate) type Resolved = (Candidate, Result<Kernel, String>);

/// Kernels to get, and the suites to make of each.
pub(crate) struct Resolver {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) variants: Vec<Shape>,
    pub(crate) selection: Selection,
    pub(crate) cancel: Arc<AtomicBool>,
    pub(crate) deadline: Option<(Instant, String)>,
}

impl Resolver {
    /// Sends suites as their kernels come in, and says of each kernel whether it was to be had.
    pub(crate) fn resolve(self, suites: &Sender<Suite>, events: &Sender<Event>) {
        let mut left: Vec<Candidate> = self.candidates.clone();
        let inbox = fetch(self.candidates.clone());
        while !left.is_empty() {
            match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok((candidate, result)) => {
                    left.retain(|other| other.name != candidate.name);
                    match result {
                        Ok(kernel) => self.hand_over(&candidate, kernel, suites, events),
                        Err(reason) => unavailable(&candidate, reason, events),
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let Some(reason) = self.stopped() else { continue };
                    left.drain(..).for_each(|candidate| unavailable(&candidate, reason.clone(), events));
                }
                // A fetching thread that panicked has said so itself.
                Err(RecvTimeoutError::Disconnected) => {
                    let reason = "fetching it failed without a reason; this is a bug in kernrig";
                    left.drain(..).for_each(|candidate| unavailable(&candidate, reason.to_owned(), events));
                }
            }
        }
    }

    fn stopped(&self) -> Option<String> {
        if self.cancel.load(Ordering::Relaxed) {
            return Some("the run was interrupted before it was fetched".to_owned());
        }
        let (moment, name) = self.deadline.as_ref()?;
        (Instant::now() >= *moment).then(|| format!("it was not fetched before the {name}"))
    }

    fn hand_over(&self, candidate: &Candidate, kernel: Kernel, suites: &Sender<Suite>, events: &Sender<Event>) {
        // Receivers that are gone mean that the run is over.
        events.send(Event::KernelReady(laboratory::info(&kernel))).ok();
        let kernel = Arc::new(kernel);
        for variant in &self.variants {
            let variant = variant.with(&candidate.cmdline, &kernel.version);
            suites.send(Suite::plan(Arc::clone(&kernel), variant, &self.selection)).ok();
        }
    }
}

fn unavailable(candidate: &Candidate, reason: String, events: &Sender<Event>) {
    let (kernel, optional) = (candidate.name.clone(), candidate.optional);
    events.send(Event::KernelUnavailable { kernel, reason, optional }).ok();
}

/// Threads of their own, and never joined: a download that hangs must not keep an interrupted run from its report.
pub(crate) fn fetch(candidates: Vec<Candidate>) -> Receiver<Resolved> {
    let (sender, inbox) = channel();
    let queue = Arc::new(Mutex::new(VecDeque::from(candidates)));
    for _ in 0..SIDE_BY_SIDE {
        let (sender, queue) = (sender.clone(), Arc::clone(&queue));
        std::thread::spawn(move || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(mut candidate) = next else { return };
                let result = candidate.get();
                if sender.send((candidate, result)).is_err() {
                    return;
                }
            }
        });
    }
    inbox
}
