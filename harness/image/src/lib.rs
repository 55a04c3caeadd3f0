//! What a guest boots into: the initramfs with the guest binary and the modules it may need.

mod cpio;
mod faults;
mod initramfs;
mod kmod;

pub use faults::{Fault, faults};
pub use initramfs::{ImageError, Initramfs, initramfs};
