//! A program to exec: the smallest one that lives, so that what it was given can be read in `/proc/PID/status`.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, End, Fd, open};
use crate::test_api::{Check, OrStop as _, Stop, parse_check, send_check, time_left};

/// Where it lies, on the test's own tmpfs.
pub(super) const PATH: &str = "/tmp/program";

/// What it writes to its standard output before it waits to be killed.
const ALIVE: u8 = b'x';

/// `write(1, "x", 1)`, then `pause` for ever.
const CODE: [u8; 34] = [
    0xb8, 1, 0, 0, 0, // mov eax, 1
    0xbf, 1, 0, 0, 0, // mov edi, 1
    0x48, 0x8d, 0x35, 0x10, 0, 0, 0, // lea rsi, [rip + 16]: the byte after the code
    0xba, 1, 0, 0, 0, // mov edx, 1
    0x0f, 0x05, // syscall
    0xb8, 34, 0, 0, 0, // mov eax, 34
    0x0f, 0x05, // syscall
    0xeb, 0xf7, // jmp to the mov before
    ALIVE,
];

/// An ELF file with one segment that holds all of it.
fn image() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + CODE.len() as u64;
    let mut all = Vec::from([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for half in [2u16, 62] {
        all.extend_from_slice(&half.to_le_bytes());
    }
    all.extend_from_slice(&1u32.to_le_bytes());
    for word in [BASE + HEADERS, 64, 0] {
        all.extend_from_slice(&word.to_le_bytes());
    }
    all.extend_from_slice(&0u32.to_le_bytes());
    for half in [64u16, 56, 1, 64, 0, 0] {
        all.extend_from_slice(&half.to_le_bytes());
    }
    // PT_LOAD, readable and executable
    for word in [1u32, 5] {
        all.extend_from_slice(&word.to_le_bytes());
    }
    for word in [0, BASE, BASE, size, size, 0x1000] {
        all.extend_from_slice(&word.to_le_bytes());
    }
    all.extend_from_slice(&CODE);
    all
}

/// Puts the program there with that mode.
pub(super) fn put(path: &str, mode: u32) -> Check {
    let file =
        sys::open(path, open::WRONLY | open::CREAT | open::EXCL | open::CLOEXEC, 0o700).or_fail("make a program")?;
    sys::write_all(file.raw(), &image()).or_fail("write a program")?;
    drop(file);
    sys::chmod(path, mode).or_fail("chmod the program")
}

/// The program at work; killed when dropped.
pub(super) struct Running {
    pid: i32,
    from: Fd,
}

/// What became of an exec.
pub(super) enum Started {
    Running(Running),
    /// `execve` refused, or the process died of it.
    Not(String),
}

/// Execs the program in a child that has prepared itself.
pub(super) fn exec(path: &str, prepare: impl FnOnce() -> Check) -> Result<Started, Stop> {
    let (from, to) = sys::pipe().or_fail("pipe")?;
    let program = sys::c_string(path).or_fail("name the program")?;
    let pid = sys::fork(0).or_fail("fork")?;
    if pid == 0 {
        let check = prepare().and_then(|()| {
            sys::dup2(&to, 1).or_fail("dup2")?;
            let arguments = [program.as_ptr() as usize, 0];
            // SAFETY: a NUL-terminated path, and vectors that end with a null.
            let result = unsafe {
                sys::call(
                    sys::nr::EXECVE,
                    [program.as_ptr() as usize, arguments.as_ptr() as usize, arguments[1..].as_ptr() as usize],
                )
            };
            match result {
                Err(errno) => Err(Stop::Skip(errno.to_string())),
                Ok(_) => Ok(()),
            }
        });
        send_check(to.raw(), &check);
        sys::exit(0);
    }
    drop(to);
    let running = Running { pid, from };
    let line = running.line()?;
    if line.first() == Some(&ALIVE) {
        return Ok(Started::Running(running));
    }
    match parse_check(String::from_utf8_lossy(&line).trim_end()) {
        // In the child: that exec was refused, with its error.
        Some(Err(Stop::Skip(errno))) => Ok(Started::Not(errno)),
        Some(Err(stop)) => Err(stop),
        Some(Ok(())) => Err(Stop::Fail("execve came back and was no failure".into())),
        None => {
            if !line.is_empty() {
                return Err(Stop::Fail(format!("the program said {line:?}")));
            }
            let end = sys::wait(running.pid, 0).or_fail("wait for the program")?;
            core::mem::forget(running);
            Ok(Started::Not(end.map_or_else(String::new, |(_, end)| end.to_string())))
        }
    }
}

/// The same where it must start.
pub(super) fn run(path: &str, prepare: impl FnOnce() -> Check) -> Result<Running, Stop> {
    match exec(path, prepare)? {
        Started::Running(running) => Ok(running),
        Started::Not(why) => Err(Stop::Fail(format!("execve of {path}: {why}"))),
    }
}

impl Running {
    fn line(&self) -> Result<Vec<u8>, Stop> {
        let ready = sys::readable(&self.from, time_left().saturating_sub(1000).min(30_000) as i32).or_fail("poll")?;
        ensure!(ready, "the program did not start before the deadline");
        let mut buffer = [0; 512];
        let n = sys::read(&self.from, &mut buffer).or_fail("read what the program says")?;
        Ok(Vec::from(&buffer[..n]))
    }

    /// How it ends by itself.
    pub(super) fn end(self) -> Result<Option<End>, Stop> {
        while time_left() > 1_500 {
            if let Some((_, end)) = sys::wait(self.pid, sys::WNOHANG).or_fail("wait for the program")? {
                core::mem::forget(self);
                return Ok(Some(end));
            }
            let left = sys::readable(&self.from, 20).or_fail("poll")?;
            if left && self.line()?.first() == Some(&ALIVE) {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// A line of its `/proc/PID/status`, without its name.
    pub(super) fn status(&self, field: &str) -> Result<String, Stop> {
        status(self.pid, field)
    }

    /// Real, effective, saved and file system user.
    pub(super) fn users(&self) -> Result<Vec<u32>, Stop> {
        Ok(self.status("Uid")?.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect())
    }

    /// A set of capabilities: `CapEff`.
    pub(super) fn capabilities(&self, set: &str) -> Result<u64, Stop> {
        u64::from_str_radix(&self.status(set)?, 16).map_err(|_| Stop::Fail(format!("{set} is no mask")))
    }
}

/// A line of a process's status.
pub(super) fn status(pid: i32, field: &str) -> Result<String, Stop> {
    let path = format!("/proc/{pid}/status");
    let text = files::read_text(&path).or_fail(&format!("read {path}"))?;
    let mark = format!("{field}:");
    let line = text.lines().find_map(|line| line.strip_prefix(&mark));
    line.map(|line| line.trim().to_string()).ok_or_else(|| Stop::Fail(format!("{path} has no line {field}")))
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = sys::kill(self.pid, sys::sig::KILL);
        let _ = sys::wait(self.pid, 0);
    }
}
