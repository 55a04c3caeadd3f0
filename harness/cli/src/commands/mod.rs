//! The subcommands, one file each.

pub(crate) mod bisect;
pub(crate) mod check;
pub(crate) mod decode;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod kernels;
pub(crate) mod known;
pub(crate) mod list;
pub(crate) mod qualify;
pub(crate) mod repro;
pub(crate) mod run;
