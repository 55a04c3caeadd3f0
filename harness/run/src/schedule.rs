//! Suites to workers: as many VMs side by side as the job may use.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kernrig_events::Event;
use kernrig_image::Payload;
use kernrig_known::Overlay;
use kernrig_plan::{BenignList, Reading, Suite};
use kernrig_vm::{Accelerator, Boot, Launcher};

use crate::keep::Keeper;
use crate::suite::Driver;
use crate::symbols::OwnSymbols;
use crate::timing::{Limits, Timing};

/// What a QEMU process takes besides the guest's RAM, in MiB.
const QEMU_MIB: u64 = 96;

/// How a run goes about its work.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The QEMU binary.
    pub qemu: PathBuf,
    /// The accelerator that was found to work.
    pub accelerator: Accelerator,
    /// With which words of its own a kernel is booted.
    pub boot: Boot,
    /// VMs side by side.
    pub jobs: usize,
    /// How often a cell is run again while its verdict is bad, each time in a fresh VM.
    pub retries: u32,
    /// The guest binary.
    pub guest: &'static [u8],
    /// Programs of the user's own, each with how its result is read.
    pub payloads: Arc<[(Payload, Reading)]>,
    /// Complaints that are known to be no failure.
    pub benign: Arc<BenignList>,
    /// Bugs that kernels are known to have.
    pub known: Arc<Overlay>,
    /// Folder for what came out of each VM's ports; `None` keeps nothing.
    pub consoles: Option<PathBuf>,
    /// Nothing is started that would not end by then, and what to call that moment in reports.
    pub deadline: Option<(Instant, String)>,
    /// Set to stop the run: what runs is ended, what is left is reported as not reached.
    pub cancel: Arc<AtomicBool>,
    /// Who is given each VM, after each test, before it is ended.
    pub keeper: Option<Arc<dyn Keeper>>,
}

/// A run: workers that take suites and send events.
#[derive(Debug)]
pub struct Run {
    settings: Settings,
    launcher: Launcher,
    /// VMs so far: each has a number of its own, over all that the run is given.
    vms: AtomicU32,
}

impl Run {
    /// A run with these settings; the launcher has to live as long as its VMs.
    #[must_use]
    pub fn new(settings: Settings, launcher: Launcher) -> Self {
        Self { settings, launcher, vms: AtomicU32::new(0) }
    }

    /// Drives suites as they come in until no more can come; every event goes out at once.
    pub fn execute(&self, suites: Receiver<Suite>, events: &Sender<Event>) {
        let suites = Mutex::new(suites);
        std::thread::scope(|scope| {
            for _ in 0..self.settings.jobs.max(1) {
                let events = events.clone();
                let suites = &suites;
                scope.spawn(move || {
                    while let Some(suite) = next(suites) {
                        self.driver(&suite, &events).drive();
                    }
                });
            }
        });
    }

    fn driver<'a>(&'a self, suite: &'a Suite, events: &'a Sender<Event>) -> Driver<'a> {
        Driver {
            suite,
            settings: &self.settings,
            launcher: &self.launcher,
            timing: Timing { slowness: self.settings.accelerator.slowness() },
            limits: Limits { deadline: self.settings.deadline.clone(), cancel: self.settings.cancel.clone() },
            vms: &self.vms,
            events,
            symbols: OwnSymbols::default(),
        }
    }
}

fn next(suites: &Mutex<Receiver<Suite>>) -> Option<Suite> {
    suites.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// How many VMs fit into what the job may use: no more virtual CPUs than real ones (under TCG each burns a whole
/// core), no more RAM than there is.
#[must_use]
pub fn jobs(host_cpus: u32, host_memory_mib: u64, vm_cpus: u32, vm_memory_mib: u32) -> usize {
    let by_cpus = host_cpus / vm_cpus.max(1);
    let by_memory = host_memory_mib / (u64::from(vm_memory_mib) + QEMU_MIB);
    usize::try_from(u64::from(by_cpus).min(by_memory)).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::jobs;

    #[test]
    fn vms_fit_into_cpus_and_memory() {
        assert_eq!(jobs(8, 64 * 1024, 2, 512), 4);
        assert_eq!(jobs(8, 1300, 1, 512), 2);
        assert_eq!(jobs(1, 100, 4, 512), 1);
    }
}
