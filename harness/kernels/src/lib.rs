//! Kernels from archives, files and trees: found, verified, unpacked, cached, with config, symbols and modules.

mod kernel;
mod version;

pub use kernel::{Config, ConfigValue, Kernel, Module, Package};
pub use version::KernelVersion;
