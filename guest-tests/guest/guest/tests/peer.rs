//! A second process of a test that takes turns with it: both sides speak in lines and wait for each other's.
//!
//! Waiting is bounded by the test's deadline, so a side that never speaks is a verdict and not a hang.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cell::Cell;

use crate::sys::{self, End, Fd};
use crate::test_api::{Check, OrStop as _, Stop, parse_check, send, send_check, time_left};

/// Kept of the deadline for telling what happened.
const MARGIN_MS: u64 = 500;

/// First byte of a line that is not a verdict.
const WORD: u8 = b'=';

/// What a listener learns from the end of the pipe.
const GONE: &str = "the other process ended without a verdict";

/// One side's end of the conversation.
pub(crate) struct Link {
    from: Fd,
    to: Fd,
}

impl Link {
    /// Says a word to the other side; that it may be gone shows when it is next listened to.
    pub(crate) fn say(&self, word: &str) {
        send(self.to.raw(), WORD, word);
    }

    /// Waits for the other side's word. Its failure ends this side too.
    pub(crate) fn hear(&self) -> Result<String, Stop> {
        let line = self.line()?;
        if line.as_bytes().first() == Some(&WORD) {
            return Ok(line[1..].to_string());
        }
        match parse_check(&line) {
            Some(Err(stop)) => Err(stop),
            _ => Err(Stop::Fail(format!("the other process ended its part early (`{line}`)"))),
        }
    }

    /// A line, byte by byte: what follows is the next listener's.
    fn line(&self) -> Result<String, Stop> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            let left = time_left().saturating_sub(MARGIN_MS).min(60_000);
            if left == 0 {
                return Err(Stop::Fail("no word from the other process before the deadline".into()));
            }
            if !sys::readable(&self.from, left as i32).or_fail("poll")? {
                continue;
            }
            match sys::read(&self.from, &mut byte).or_fail("read from the other process")? {
                0 => return Err(Stop::Fail(GONE.into())),
                _ if byte[0] == b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
                _ => line.push(byte[0]),
            }
        }
    }
}

/// The other process; killed and reaped when dropped.
pub(crate) struct Peer {
    link: Link,
    pid: i32,
    reaped: Cell<bool>,
}

impl Peer {
    /// Starts a process in new namespaces (`sys::clone::NEW…`, or 0) that runs `body` and ends with its verdict.
    pub(crate) fn start(flags: usize, body: impl FnOnce(&Link) -> Check) -> Result<Peer, Stop> {
        Peer::born_by(|| sys::fork(flags).or_absent(&format!("clone({flags:#x})")), body)
    }

    /// Starts a process by another call than `clone`: `fork` gives its number, or 0 in it.
    pub(crate) fn born_by(
        fork: impl FnOnce() -> Result<i32, Stop>,
        body: impl FnOnce(&Link) -> Check,
    ) -> Result<Peer, Stop> {
        // A peer that dies is a verdict; SIGPIPE would take this side along without one.
        sys::ignore(sys::sig::PIPE);
        let (from_peer, to_test) = sys::pipe().or_fail("pipe")?;
        let (from_test, to_peer) = sys::pipe().or_fail("pipe")?;
        let pid = fork()?;
        if pid == 0 {
            drop((from_peer, to_peer));
            let link = Link { from: from_test, to: to_test };
            let check = body(&link);
            send_check(link.to.raw(), &check);
            sys::exit(0);
        }
        Ok(Peer { link: Link { from: from_peer, to: to_peer }, pid, reaped: Cell::new(false) })
    }

    /// Its number in the test's PID namespace.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Says a word to it.
    pub(crate) fn say(&self, word: &str) {
        self.link.say(word);
    }

    /// Waits for its word; if it died instead, that is the reason given.
    pub(crate) fn hear(&self) -> Result<String, Stop> {
        self.link.hear().map_err(|stop| self.explain(stop))
    }

    /// Says a word and waits for the answer.
    pub(crate) fn ask(&self, word: &str) -> Result<String, Stop> {
        self.say(word);
        self.hear()
    }

    /// Waits for its verdict and its end.
    pub(crate) fn finish(self) -> Check {
        let line = self.link.line().map_err(|stop| self.explain(stop))?;
        let check = parse_check(&line)
            .unwrap_or_else(|| Err(Stop::Fail(format!("the other process said `{line}` and not its verdict"))));
        self.end()?;
        check
    }

    /// Waits for it to be killed; a word or a verdict instead is a failure.
    pub(crate) fn death(&self) -> Result<End, Stop> {
        match self.link.line() {
            Ok(line) => Err(Stop::Fail(format!("the other process was to be killed and said `{line}`"))),
            Err(Stop::Fail(reason)) if reason == GONE => self.end(),
            Err(_) => Err(Stop::Fail("the other process was to be killed and lives on".into())),
        }
    }

    /// Waits till it has ended, by itself or by a signal.
    pub(crate) fn end(&self) -> Result<End, Stop> {
        match sys::wait(self.pid, 0).or_fail("wait for the other process")? {
            Some((_, end)) => {
                self.reaped.set(true);
                Ok(end)
            }
            None => Err(Stop::Fail("wait for the other process came back without one".into())),
        }
    }

    /// Says how it ended where that is all there is to say.
    fn explain(&self, stop: Stop) -> Stop {
        match stop {
            Stop::Fail(reason) if reason == GONE => match self.end() {
                Ok(end) => Stop::Fail(format!("the other process gave no verdict, {end}")),
                Err(stop) => stop,
            },
            other => other,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.reaped.get() {
            let _ = sys::kill(self.pid, sys::sig::KILL);
            let _ = sys::wait(self.pid, 0);
        }
    }
}
