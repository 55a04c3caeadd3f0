//! The second serial port, and the kernel's own log: the two ways out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernrig_catalog::protocol::{MARKER, MAX_LINE};

use crate::sys::{self, Errno, Fd, open};

const PORT: &str = "/dev/ttyS1";

/// `struct termios` of the kernel.
#[repr(C)]
struct Termios {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    discipline: u8,
    characters: [u8; 19],
}

/// The channel to the host.
pub(crate) struct Channel {
    port: Fd,
    pending: Vec<u8>,
}

impl Channel {
    pub(crate) fn open() -> Result<Channel, Errno> {
        let port = sys::open(PORT, open::RDWR | open::NOCTTY | open::CLOEXEC, 0)?;
        let channel = Channel { port, pending: Vec::new() };
        channel.make_raw();
        Ok(channel)
    }

    /// Bytes as they are: no echo, no signals, no mapping of line ends. Again after each test, which is root and may
    /// have set something else.
    pub(crate) fn make_raw(&self) {
        const TCSETS: usize = 0x5402;
        const IGNORE_BREAK_AND_PARITY_ERRORS: u32 = 0o5;
        const B115200_CS8_CREAD_CLOCAL: u32 = 0o10002 | 0o60 | 0o200 | 0o4000;
        const VMIN: usize = 6;
        let mut termios = Termios {
            input: IGNORE_BREAK_AND_PARITY_ERRORS,
            output: 0,
            control: B115200_CS8_CREAD_CLOCAL,
            local: 0,
            discipline: 0,
            characters: [0; 19],
        };
        termios.characters[VMIN] = 1;
        // SAFETY: TCSETS reads a struct termios.
        let _ = unsafe { sys::ioctl_with(&self.port, TCSETS, &mut termios) };
    }

    /// One line, cleaned and cut to what the protocol allows. It starts on a line of its own, whatever a test has
    /// written to the port; an empty line means nothing to the host.
    pub(crate) fn send(&self, text: &str) {
        self.send_with_tail(text, "");
    }

    /// A line whose end must not be cut off, such as a token.
    pub(crate) fn send_with_tail(&self, text: &str, tail: &str) {
        let room = MAX_LINE - 2 - tail.len().min(MAX_LINE - 2);
        let line = format!("\n{}{tail}\n", clean(text, room));
        // A port that does not take it is a host that is gone: nothing to be done, and nobody to tell.
        let _ = sys::write_all(self.port.raw(), line.as_bytes());
    }

    /// The next line from the host, without noise; `None` if none is complete in time.
    pub(crate) fn line(&mut self, timeout_ms: u64) -> Option<String> {
        let until = sys::now_ms() + timeout_ms;
        loop {
            if let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Some(line.into_iter().filter(|b| (b' '..=b'~').contains(b)).map(char::from).collect());
            }
            // A line longer than any command is noise.
            if self.pending.len() > MAX_LINE {
                self.pending.clear();
            }
            let left = until.saturating_sub(sys::now_ms());
            if left == 0 || !sys::readable(&self.port, left.min(60_000) as i32).unwrap_or(false) {
                return None;
            }
            let mut buffer = [0; 256];
            match sys::read(&self.port, &mut buffer) {
                Ok(n) if n > 0 => self.pending.extend_from_slice(&buffer[..n]),
                // A test hung the terminal up: the descriptor is dead, the port is not.
                _ => self.reopen(),
            }
        }
    }

    fn reopen(&mut self) {
        match Channel::open() {
            Ok(channel) => self.port = channel.port,
            Err(_) => sys::sleep_ms(100),
        }
    }

    /// Closes the port in a forked child, which has no business with it.
    pub(crate) fn close_in_child(&self) {
        let _ = sys::close(self.port.raw());
    }
}

/// Printable ASCII of at most that many bytes.
pub(crate) fn clean(text: &str, room: usize) -> String {
    text.chars().take(room).map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).collect()
}

/// A line in the kernel's log. /dev/kmsg is opened anew: since 4.6 each open file has a rate limit of its own.
pub(crate) fn kmsg(level: u8, text: &str) {
    if let Ok(log) = sys::open("/dev/kmsg", open::WRONLY | open::CLOEXEC, 0) {
        let _ = sys::write(&log, format!("<{level}>{text}\n").as_bytes());
    }
}

/// A marker on the console; `<1>` gets past every console log level but 0 and 1.
pub(crate) fn marker(nonce: &str, what: &str) {
    kmsg(1, &format!("{MARKER} {nonce} {what}"));
}
