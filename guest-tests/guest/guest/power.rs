//! The end of the machine.

use crate::sys::{self, reboot};

/// Ends the machine. A restart comes first: QEMU is told not to follow it, and every kernel can do it; to power off,
/// a kernel needs ACPI (and without it only halts, which ends nothing).
pub(crate) fn off() {
    sys::sync();
    let _ = sys::reboot(reboot::RESTART);
    let _ = sys::reboot(reboot::POWER_OFF);
    // Not reached on any kernel tried.
    sys::exit(0);
}
