//! Union file systems: one list of behaviours on each kind.

mod behaviours;
mod kinds;

pub(super) use kinds::{AUFS, BTRFS, OVERLAY, OVERLAYFS};
