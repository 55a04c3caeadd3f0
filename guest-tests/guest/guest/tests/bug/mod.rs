//! Bugs that kernels had and that hit containers: each a test that passes on a good kernel, and hunts when turned up.

pub(crate) mod docker_407;
pub(crate) mod leftovers;
pub(crate) mod lp_720095;
pub(crate) mod mount_calls;
pub(crate) mod privileges;
