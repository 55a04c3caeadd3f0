//! What comes out of a VM's ports, taken in at once and kept until somebody has time for it.
//!
//! A reader that lags makes the console lose bytes, so reading never waits for the parsing of what was read: it only
//! waits when a guest has printed more than anybody will ever look at.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes kept unread of each port.
const MOST: usize = 16 * 1024 * 1024;

/// Both ports of a VM.
#[derive(Debug)]
pub(crate) struct Ports {
    shared: Arc<Shared>,
}

/// A piece of what came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Out of ttyS0 and ttyS1; one of them may be empty.
    Bytes { console: Vec<u8>, channel: Vec<u8> },
    /// Nothing came in time.
    Silence,
    /// Both are closed and nothing is left: the VM is gone.
    Closed,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: [Vec<u8>; 2],
    open: usize,
    /// Nobody will look any more.
    abandoned: bool,
}

impl Ports {
    /// Starts to read both ports.
    pub(crate) fn open(
        console: impl Read + Send + 'static,
        channel: impl Read + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let ports = Self { shared: Arc::clone(&shared) };
        ports.shared.lock().open = 2;
        read_along(console, 0, Arc::clone(&shared))?;
        read_along(channel, 1, shared)?;
        Ok(ports)
    }

    /// What has come since the last call; waits for something until then.
    pub(crate) fn next(&self, until: Instant) -> Input {
        let mut waiting = self.shared.lock();
        loop {
            if waiting.bytes.iter().any(|b| !b.is_empty()) {
                let [console, channel] = std::mem::take(&mut waiting.bytes);
                self.shared.changed.notify_all();
                return Input::Bytes { console, channel };
            }
            let left = until.saturating_duration_since(Instant::now());
            if waiting.open == 0 {
                return Input::Closed;
            }
            if left.is_zero() {
                return Input::Silence;
            }
            waiting = self.shared.wait(waiting, left);
        }
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        self.shared.lock().abandoned = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, waiting: MutexGuard<'a, Waiting>, longest: Duration) -> MutexGuard<'a, Waiting> {
        self.changed.wait_timeout(waiting, longest).unwrap_or_else(PoisonError::into_inner).0
    }

    /// False when nobody will look any more.
    fn add(&self, port: usize, bytes: &[u8]) -> bool {
        let mut waiting = self.lock();
        while waiting.bytes[port].len() > MOST && !waiting.abandoned {
            waiting = self.wait(waiting, Duration::from_secs(60));
        }
        waiting.bytes[port].extend_from_slice(bytes);
        self.changed.notify_all();
        !waiting.abandoned
    }

    fn close(&self) {
        self.lock().open -= 1;
        self.changed.notify_all();
    }
}

fn read_along(mut from: impl Read + Send + 'static, port: usize, shared: Arc<Shared>) -> std::io::Result<()> {
    let read = move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(count @ 1..) if shared.add(port, &buffer[..count]) => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        shared.close();
    };
    std::thread::Builder::new().name("serial".to_owned()).spawn(read).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Write, pipe};
    use std::time::{Duration, Instant};

    use super::{Input, Ports};

    #[test]
    fn what_came_before_the_end_is_given_before_it() {
        let ((console, mut kernel), (channel, mut guest)) = (pipe().unwrap(), pipe().unwrap());
        let ports = Ports::open(console, channel).unwrap();
        let soon = || Instant::now() + Duration::from_secs(60);
        assert_eq!(ports.next(Instant::now()), Input::Silence);
        kernel.write_all(b"oops").unwrap();
        assert_eq!(ports.next(soon()), Input::Bytes { console: b"oops".to_vec(), channel: Vec::new() });
        guest.write_all(b"ack 1\n").unwrap();
        drop((kernel, guest));
        assert_eq!(ports.next(soon()), Input::Bytes { console: Vec::new(), channel: b"ack 1\n".to_vec() });
        assert_eq!(ports.next(soon()), Input::Closed);
    }
}
