//! What executes the guest's instructions, and how slow that is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    /// QEMU's own translator: works everywhere, slowly.
    Tcg,
    /// The host's KVM.
    Kvm,
}

impl Accelerator {
    /// The name as QEMU and the environment variable `KERNRIG_ACCEL` spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        }
    }

    /// The accelerator of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Tcg, Self::Kvm].into_iter().find(|a| a.name() == name)
    }

    /// By what timeouts that were chosen for hardware acceleration have to be multiplied.
    #[must_use]
    pub fn slowness(self) -> f64 {
        match self {
            Self::Kvm => 1.0,
            // A cold boot takes 1.2–2 s under TCG where KVM takes 0.2–0.4 s.
            Self::Tcg => 6.0,
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
