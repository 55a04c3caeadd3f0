//! What a test is written with: its verdict, its notes, its parameters, and children in namespaces.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use kernrig_catalog::{Test, Version};

use crate::sys::{self, Errno, Fd};

/// Why a test did not pass.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The kernel is at fault.
    Fail(String),
    /// The test could not mean anything here.
    Skip(String),
    /// The kernel answered that it has no such thing: a failure, because the host has checked version and config;
    /// a skip if the host knows no config and said `probe=1`.
    Absent(String),
}

/// A test's verdict: `Ok` is a pass.
pub(crate) type Check = Result<(), Stop>;

/// A test by name.
pub(crate) type Entry = (&'static str, fn(&Ctx) -> Check);

/// What a test is told, and where it speaks.
pub(crate) struct Ctx {
    /// The host knows no config of this kernel, so absence is no failure.
    pub(crate) probe: bool,
    test: &'static Test,
    /// `key=value` words of the `run` command.
    params: Vec<(String, String)>,
}

impl Ctx {
    pub(crate) fn new(test: &'static Test, params: Vec<(String, String)>) -> Ctx {
        let probe = params.iter().any(|(key, value)| key == "probe" && value == "1");
        Ctx { probe, test, params }
    }

    /// A number of the test, such as `iterations`: the host's, or the catalog's default.
    pub(crate) fn param(&self, key: &str) -> u64 {
        let Some(known) = self.test.params.iter().find(|param| param.name == key) else {
            panic!("{}: the catalog knows no parameter {key}", self.test.name)
        };
        let told = self.told(key).and_then(|value| value.parse().ok());
        told.map_or(known.default, |value: u64| value.clamp(known.min, known.max))
    }

    /// A word of the `run` command.
    pub(crate) fn told(&self, key: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Whether the catalog expects that oddity of the running kernel's version.
    pub(crate) fn expects(&self, oddity: &str) -> bool {
        let Some(known) = self.test.oddities.iter().find(|known| known.name == oddity) else {
            panic!("{}: the catalog knows no oddity {oddity}", self.test.name)
        };
        let release = sys::uname().map(|names| names.release).unwrap_or_default();
        Version::of_release(&release).is_some_and(|version| known.holds_on(version))
    }

    /// A diagnostic line, shown with the result; from children of the test too.
    pub(crate) fn note(&self, text: &str) {
        note(text);
    }
}

/// Ends a test as failed, with a reason in the manner of `format!`.
macro_rules! fail {
    ($($word:tt)*) => { return Err($crate::test_api::Stop::Fail(alloc::format!($($word)*))) };
}

/// Fails unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($word:tt)*) => {
        if !$condition {
            return Err($crate::test_api::Stop::Fail(alloc::format!($($word)*)));
        }
    };
}

/// Makes an error number a verdict.
pub(crate) trait OrStop<T> {
    /// Any error is a failure: `what: EPERM`.
    fn or_fail(self, what: &str) -> Result<T, Stop>;
    /// `ENOSYS`, `EINVAL`, `ENODEV`, `EOPNOTSUPP` mean that the kernel does not have it; others are failures.
    fn or_absent(self, what: &str) -> Result<T, Stop>;
}

impl<T> OrStop<T> for Result<T, Errno> {
    fn or_fail(self, what: &str) -> Result<T, Stop> {
        self.map_err(|errno| Stop::Fail(format!("{what}: {errno}")))
    }

    fn or_absent(self, what: &str) -> Result<T, Stop> {
        self.map_err(|errno| match errno {
            Errno::ENOSYS | Errno::EINVAL | Errno::ENODEV | Errno::EOPNOTSUPP => {
                Stop::Absent(format!("{what}: {errno}"))
            }
            _ => Stop::Fail(format!("{what}: {errno}")),
        })
    }
}

/// Where notes of this process and its children go; -1: nowhere.
static REPORT: AtomicI32 = AtomicI32::new(-1);
/// When the running test's time is up, in milliseconds since boot.
static DEADLINE: AtomicU64 = AtomicU64::new(u64::MAX);

/// Notes and verdict of this process go there from now on; the descriptor stays open.
pub(crate) fn report_to(pipe: &Fd, deadline_ms: u64) {
    REPORT.store(pipe.raw(), Ordering::Relaxed);
    DEADLINE.store(deadline_ms, Ordering::Relaxed);
}

/// Milliseconds left to the running test.
pub(crate) fn time_left() -> u64 {
    DEADLINE.load(Ordering::Relaxed).saturating_sub(sys::now_ms())
}

/// A diagnostic line of the running test; nothing outside of one.
pub(crate) fn note(text: &str) {
    let fd = REPORT.load(Ordering::Relaxed);
    if fd >= 0 {
        send(fd, b'N', text);
    }
}

/// One line `Ktext\n` in one write, short enough to be whole in the pipe whoever else writes.
pub(crate) fn send(fd: i32, kind: u8, text: &str) {
    const LONGEST: usize = 1000;
    let mut line = Vec::with_capacity(text.len().min(LONGEST) + 2);
    line.push(kind);
    line.extend(text.bytes().take(LONGEST).map(|b| if b == b'\n' { b' ' } else { b }));
    line.push(b'\n');
    let _ = sys::write_all(fd, &line);
}

/// Sends a verdict as `P`, `F…`, `S…` or `A…`.
pub(crate) fn send_check(fd: i32, check: &Check) {
    match check {
        Ok(()) => send(fd, b'P', ""),
        Err(Stop::Fail(reason)) => send(fd, b'F', reason),
        Err(Stop::Skip(reason)) => send(fd, b'S', reason),
        Err(Stop::Absent(reason)) => send(fd, b'A', reason),
    }
}

/// The verdict in a line of [`send_check`]; `None` for anything else.
pub(crate) fn parse_check(line: &str) -> Option<Check> {
    let reason = || line[1..].to_string();
    match line.as_bytes().first()? {
        b'P' => Some(Ok(())),
        b'F' => Some(Err(Stop::Fail(reason()))),
        b'S' => Some(Err(Stop::Skip(reason()))),
        b'A' => Some(Err(Stop::Absent(reason()))),
        _ => None,
    }
}

/// Runs the closure in a forked child that is born into new namespaces (`sys::clone::NEW…`, or 0), and hands its
/// verdict back. Bounded by the test's own deadline; then the child is killed and the test has failed.
pub(crate) fn in_child(flags: usize, body: impl FnOnce() -> Check) -> Check {
    let (from_child, to_parent) = sys::pipe().or_fail("pipe")?;
    let pid = sys::fork(flags).or_absent(&format!("clone({flags:#x})"))?;
    if pid == 0 {
        drop(from_child);
        let check = body();
        send_check(to_parent.raw(), &check);
        sys::exit(0);
    }
    drop(to_parent);
    let check = receive(&from_child);
    if check.is_none() && time_left() < MARGIN_MS {
        let _ = sys::kill(pid, sys::sig::KILL);
    }
    // The child has answered, or closed the pipe, or was killed: it ends. If it only closed the pipe the test's own
    // deadline is the bound.
    let end = sys::wait(pid, 0).or_fail("wait for the child")?;
    match (check, end) {
        (Some(check), _) => check,
        (None, Some((_, end))) => Err(Stop::Fail(format!("child gave no verdict, {end}"))),
        (None, None) => Err(Stop::Fail("child gave no verdict".to_string())),
    }
}

/// Kept of the deadline for telling what happened.
const MARGIN_MS: u64 = 500;

fn receive(pipe: &Fd) -> Option<Check> {
    let mut all = Vec::new();
    let mut buffer = [0; 1024];
    while !all.contains(&b'\n') {
        let left = time_left().saturating_sub(MARGIN_MS).min(i32::MAX as u64);
        if left == 0 || !sys::readable(pipe, left as i32).unwrap_or(false) {
            return None;
        }
        match sys::read(pipe, &mut buffer) {
            Ok(n) if n > 0 => all.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    let text = String::from_utf8_lossy(&all);
    parse_check(text.lines().next()?)
}
