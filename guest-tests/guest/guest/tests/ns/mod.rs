//! Namespaces: what is set inside is not seen outside, nor the reverse.

pub(crate) mod cgroup;
pub(crate) mod ipc;
pub(crate) mod mount;
pub(crate) mod net;
pub(crate) mod pid;
pub(crate) mod user;
pub(crate) mod uts;
