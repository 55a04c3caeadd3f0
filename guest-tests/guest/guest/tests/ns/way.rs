//! The three ways to a new namespace.

use alloc::format;

use crate::sys::{self, Clone3};
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::peer::{Link, Peer};

/// How a process gets into new namespaces.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Born there.
    Clone,
    /// Goes there itself, before it does anything else.
    Unshare,
    /// Born there by `clone3` (5.3).
    Clone3,
}

impl Way {
    /// Starts a process in new namespaces (`sys::clone::NEW…`) that runs `body` there.
    pub(crate) fn start(self, flags: usize, body: impl FnOnce(&Link) -> Check) -> Result<Peer, Stop> {
        match self {
            Way::Clone => Peer::start(flags, body),
            Way::Unshare => Peer::start(0, |link| {
                sys::unshare(flags).or_absent(&format!("unshare({flags:#x})"))?;
                body(link)
            }),
            Way::Clone3 => {
                let args = Clone3 { flags, ..Clone3::default() };
                Peer::born_by(|| sys::clone3(&args).or_absent(&format!("clone3({flags:#x})")), body)
            }
        }
    }
}
