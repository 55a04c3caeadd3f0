//! Standard output that may be closed at any time (`kernrig list | head`): then the rest is not said, and nothing fails.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);
static FAILED: AtomicBool = AtomicBool::new(false);

/// Writes a line. A reader that went away is no error; a disk that is full is, and says so once.
pub(crate) fn line(text: impl AsRef<str>) {
    if CLOSED.load(Ordering::Relaxed) {
        return;
    }
    // Takes colours off where there is no terminal, or --color says so.
    let mut out = anstream::stdout().lock();
    let written = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
    if let Err(error) = written {
        CLOSED.store(true, Ordering::Relaxed);
        failed(&error);
    }
}

/// Takes note of an error of standard output: a reader that went away is none.
pub(crate) fn failed(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        FAILED.store(true, Ordering::Relaxed);
        note(format!("error: cannot write to standard output: {error}"));
    }
}

/// Whether something that was to be said could not be, other than for want of a reader.
pub(crate) fn is_incomplete() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// Writes a line to standard error, which may be closed too.
pub(crate) fn note(text: impl AsRef<str>) {
    writeln!(io::stderr().lock(), "kernrig: {}", text.as_ref()).ok();
}
