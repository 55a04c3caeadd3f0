//! What a guest boots into: the initramfs with the guest binary, the modules it may need and the user's payloads.

mod cpio;
mod elf;
mod faults;
mod initramfs;
mod kmod;
mod payload;

pub use faults::{Fault, faults};
pub use initramfs::{ImageError, Initramfs, initramfs};
pub use payload::{Order, Payload, PayloadError};
