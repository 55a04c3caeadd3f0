//! Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop and report, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

const NAMES: [(i32, &str); 3] = [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")];

/// What has come so far.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Set by the first signal; the run watches it.
    pub(crate) cancel: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    /// Takes over the three signals.
    pub(crate) fn install() -> io::Result<Self> {
        let signals = Self { cancel: Arc::default(), number: Arc::default() };
        for (signal, _) in NAMES {
            // In this order: the conditional shutdown must not see the flag that its own signal sets. QEMU dies
            // with its parent, whatever the parent dies of.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&signals.cancel))?;
            flag::register_usize(signal, Arc::clone(&signals.number), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&signals.cancel))?;
        }
        Ok(signals)
    }

    /// The name of the signal that asked to stop, if one did.
    pub(crate) fn name(&self) -> Option<&'static str> {
        let number = self.number.load(Ordering::Relaxed);
        NAMES.iter().find(|(signal, _)| signal.unsigned_abs() as usize == number).map(|(_, name)| *name)
    }
}
