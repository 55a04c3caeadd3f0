//! How a kernel is booted: a variant of the matrix with what the command line says on top.

use kernrig_kernels::manifest::VariantEntry;
use kernrig_plan::Variant;

use crate::machine::{VM_CPUS, VM_MEMORY_MIB};

/// A variant, before the words of a kernel's own entry.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    variant: Variant,
    append: String,
}

impl Shape {
    pub(crate) fn new(entry: &VariantEntry, append: Option<&str>) -> Self {
        let variant = Variant {
            name: entry.name.clone(),
            cmdline: entry.cmdline.clone(),
            cpus: entry.smp.unwrap_or(VM_CPUS),
            memory_mib: entry.memory_mib.unwrap_or(VM_MEMORY_MIB),
        };
        Self { variant, append: append.unwrap_or_default().to_owned() }
    }

    /// Another size than the variant's, where one is given.
    #[must_use]
    pub(crate) fn sized(mut self, cpus: Option<u32>, memory_mib: Option<u32>) -> Self {
        self.variant.cpus = cpus.unwrap_or(self.variant.cpus);
        self.variant.memory_mib = memory_mib.unwrap_or(self.variant.memory_mib);
        self
    }

    /// Virtual CPUs and MiB of RAM.
    pub(crate) fn size(&self) -> (u32, u32) {
        (self.variant.cpus, self.variant.memory_mib)
    }

    /// The variant for one kernel. The user's own words come last: of two that contradict, Linux takes the later.
    pub(crate) fn with(&self, kernel: &str) -> Variant {
        let words = [self.variant.cmdline.as_str(), kernel, &self.append];
        let words: Vec<&str> = words.into_iter().map(str::trim).filter(|w| !w.is_empty()).collect();
        Variant { cmdline: words.join(" "), ..self.variant.clone() }
    }
}
