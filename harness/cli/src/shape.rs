//! How a kernel is booted: a variant of the matrix with what the command line says on top.

use kernrig_kernels::KernelVersion;
use kernrig_kernels::manifest::VariantEntry;
use kernrig_plan::{Selection, Variant};

use crate::failure::Failure;
use crate::machine::{VM_CPUS, VM_MEMORY_MIB};

/// A variant, before the words of a kernel's own entry and those that its version decides.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    entry: VariantEntry,
    variant: Variant,
    append: String,
}

impl Shape {
    /// Fails where the variant leaves out tests that there are not.
    pub(crate) fn new(entry: &VariantEntry, append: Option<&str>) -> Result<Self, Failure> {
        let leave_out = entry.leave_out.as_ref().map(|leave_out| {
            let tests = Selection::new(&leave_out.tests).map_err(|e| {
                Failure::new(format!("variant {}: leave-out: {}", entry.name, e.to_string().replace("--test ", "")))
            });
            Ok((tests?, leave_out.why.clone()))
        });
        let variant = Variant {
            name: entry.name.clone(),
            cmdline: String::new(),
            cpus: entry.smp.unwrap_or(VM_CPUS),
            memory_mib: entry.memory_mib.unwrap_or(VM_MEMORY_MIB),
            needs: entry.needs.clone(),
            leave_out: leave_out.transpose()?,
        };
        Ok(Self { entry: entry.clone(), variant, append: append.unwrap_or_default().to_owned() })
    }

    /// Another size than the variant's, where one is given.
    #[must_use]
    pub(crate) fn sized(mut self, cpus: Option<u32>, memory_mib: Option<u32>) -> Self {
        self.variant.cpus = cpus.unwrap_or(self.variant.cpus);
        self.variant.memory_mib = memory_mib.unwrap_or(self.variant.memory_mib);
        self
    }

    /// Name of the variant.
    pub(crate) fn name(&self) -> &str {
        &self.variant.name
    }

    /// Virtual CPUs and MiB of RAM.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.variant.cpus, self.variant.memory_mib)
    }

    /// The variant for one kernel. The user's own words come last: of two that contradict, Linux takes the later.
    pub(crate) fn with(&self, kernel: &str, version: &KernelVersion) -> Variant {
        let own = self.entry.cmdline_for(version);
        let words = [own.as_str(), kernel, &self.append];
        let words: Vec<&str> = words.into_iter().map(str::trim).filter(|w| !w.is_empty()).collect();
        Variant { cmdline: words.join(" "), ..self.variant.clone() }
    }
}
