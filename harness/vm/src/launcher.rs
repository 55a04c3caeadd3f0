//! The one thread that starts all the QEMUs.

use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crate::{Vm, VmError, VmSpec};

type Request = (VmSpec, SyncSender<Result<Vm, VmError>>);

/// Starts VMs, on a thread of its own that lives as long as this value.
///
/// The kernel kills a QEMU when the thread that started it is gone, and a worker thread may go before its VM does.
/// Dropping the launcher kills every VM it started that is still alive.
#[derive(Debug)]
pub struct Launcher {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Launcher {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new() -> Result<Self, VmError> {
        let (requests, inbox) = channel::<Request>();
        let serve = move || {
            for (spec, reply) in inbox {
                // Whoever asked may be gone; the VM is then dropped, and with it killed.
                let _ = reply.send(Vm::start(spec));
            }
        };
        let thread = thread::Builder::new()
            .name("launcher".into())
            .spawn(serve)
            .map_err(|source| VmError::Resource { what: "thread", source })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Starts a VM. QEMU complains about its arguments, or a file that is no kernel, only after that: see [`Vm::wait`].
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn launch(&self, spec: VmSpec) -> Result<Vm, VmError> {
        let (reply, answer) = sync_channel(1);
        let requests = self.requests.as_ref().ok_or(VmError::LauncherGone)?;
        requests.send((spec, reply)).map_err(|_| VmError::LauncherGone)?;
        answer.recv().map_err(|_| VmError::LauncherGone)?
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}
