//! `setns`: each kind of namespace by each way in, and who is turned away.

mod kinds;
pub(crate) mod matrix;
pub(crate) mod refused;
pub(crate) mod visits;

use alloc::format;

use crate::sys::{self, Errno, Fd};
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::ns::file::opened;
use crate::tests::peer::Peer;

/// A namespace of a process: `self` or a number.
fn namespace(process: &str, kind: &str) -> Result<Fd, Stop> {
    opened(process, kind)
}

fn of(peer: &Peer, kind: &str) -> Result<Fd, Stop> {
    namespace(&format!("{}", peer.pid()), kind)
}

fn enter(namespace: &Fd, kind: usize) -> Check {
    sys::setns(namespace, kind).or_absent(&format!("setns({kind:#x})"))
}

fn must_refuse(result: Result<(), Errno>, expected: Errno, what: &str) -> Check {
    ensure!(result == Err(expected), "setns with {what}: {result:?}, not {expected}");
    Ok(())
}
