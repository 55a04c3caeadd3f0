//! Kernels from archives, files and trees: found, verified, unpacked, cached, with config, symbols and modules.

pub mod archive;
pub mod cache;
mod deb;
mod fetch;
pub mod image;
mod kernel;
pub mod local;
pub mod lock;
pub mod manifest;
pub mod modules;
mod version;
pub mod whole;

pub use kernel::{Config, ConfigValue, Kernel, Module, Package};
pub use version::KernelVersion;
