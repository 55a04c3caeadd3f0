//! A suite: every selected test for one kernel under one variant, each with the decision to run or skip it.

use std::sync::Arc;

use kernrig_catalog::{TESTS, Test};
use kernrig_events::CellId;
use kernrig_kernels::Kernel;

use crate::{Selection, needs};

/// Stands for the boot of a kernel; every suite has this cell.
pub const BOOT: &str = "vm::boot";

/// Stands for what showed after a test had ended; a suite has this cell only if something did.
pub const END: &str = "vm::end";

/// A named kernel command line and machine shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Name; `default` where none was asked for.
    pub name: String,
    /// Words added to the kernel command line, those of `--append` included.
    pub cmdline: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// RAM of the guest in MiB.
    pub memory_mib: u32,
}

/// Whether a cell runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs.
    Run,
    /// It does not, since the kernel lacks this.
    Skip(String),
}

/// A cell: one test on one kernel under one variant.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The test.
    pub test: &'static Test,
    /// Whether it runs.
    pub decision: Decision,
}

/// Every selected test for one kernel under one variant.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// The variant.
    pub variant: Variant,
    /// Cells in the order in which they run.
    pub cells: Vec<Cell>,
    /// No build options are known: the guest finds out by trying what the kernel has, and says so.
    pub probe: bool,
}

impl Suite {
    /// Lays the needs of the selected tests over a kernel and a variant.
    #[must_use]
    pub fn plan(kernel: Arc<Kernel>, variant: Variant, selection: &Selection) -> Self {
        let cell = |test: &'static Test| {
            let decision = needs::unmet(test, &kernel, &variant.cmdline).map_or(Decision::Run, Decision::Skip);
            Cell { test, decision }
        };
        let cells = TESTS.iter().filter(|t| selection.has(t)).map(cell).collect();
        let probe = kernel.config.is_none();
        Self { kernel, variant, cells, probe }
    }

    /// The identity of a test in this suite.
    #[must_use]
    pub fn id(&self, test: &str) -> CellId {
        CellId { kernel: self.kernel.name.clone(), variant: self.variant.name.clone(), test: test.to_owned() }
    }
}
