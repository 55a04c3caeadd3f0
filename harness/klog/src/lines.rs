//! Bytes into lines: cut, bounded, cleaned, split where old kernels ran several into one, prefixes told apart.

use std::sync::LazyLock;

use regex::Regex;

/// Longest line kept in one piece; what is longer goes on as a further line of the same number.
const MAX_LINE: usize = 4096;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Number of its physical line, from 0, by '\n'.
    pub(crate) number: u64,
    /// As it came, without control characters.
    pub(crate) text: String,
    /// Where in `text` the message begins: priority, time stamp and caller come before.
    body: usize,
    /// The caller as printed (`T123`, `C0`, kernels built with `PRINTK_CALLER`): tells mixed splats apart.
    pub(crate) caller: Option<String>,
}

impl Line {
    fn new(number: u64, text: &str) -> Self {
        let caught = PREFIX.captures(text);
        let body = caught.as_ref().and_then(|c| c.get(0)).map_or(0, |m| m.end());
        let caller = caught.and_then(|c| c.get(1)).map(|m| m.as_str().to_owned());
        Self { number, text: text.to_owned(), body, caller }
    }

    /// The message, without what printk and loggers put before it.
    pub(crate) fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or("")
    }
}

/// `<4>`, a syslog's `Jan  1 00:00:00 host kernel:`, `[    1.234567]`, `[  T123]`, each if it is there.
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^ ]{1,64} kernel: ?)?(?:<[0-9]{1,3}>)?(?:\[ *[0-9]{1,6}\.[0-9]{6}\] ?)?(?:\[ *([TC][0-9]{1,8})\] ?)?",
    )
    .expect("a constant pattern")
});

/// A time stamp, with a priority before it if there is one: where a second message begins within one line.
static STAMP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:<[0-9]{1,3}>)?\[ {0,4}[0-9]{1,6}\.[0-9]{6}\]").expect("a constant pattern"));

/// What a syslog writes before the kernel's own stamp: no place to split.
static SYSLOG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^ ]{1,64} kernel: ?$").expect("a constant pattern")
});

/// Cuts a stream of bytes into lines. Holds at most [`MAX_LINE`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    pending: Vec<u8>,
    number: u64,
}

impl Cutter {
    /// Takes bytes, gives the lines they completed.
    pub(crate) fn push(&mut self, mut chunk: &[u8], mut give: impl FnMut(Line)) {
        while !chunk.is_empty() {
            let room = MAX_LINE - self.pending.len();
            let window = chunk.get(..room.min(chunk.len())).unwrap_or(chunk);
            let (taken, ended) = match window.iter().position(|&b| b == b'\n') {
                Some(at) => (at + 1, true),
                None => (window.len(), false),
            };
            let (now, rest) = chunk.split_at(taken);
            chunk = rest;
            self.pending.extend_from_slice(now);
            if ended || self.pending.len() >= MAX_LINE {
                self.flush(&mut give);
            }
            self.number += u64::from(ended);
        }
    }

    /// Gives what is there of a line that never ended.
    pub(crate) fn flush(&mut self, give: &mut impl FnMut(Line)) {
        let text = clean(&self.pending);
        self.pending.clear();
        split(&text, |piece| give(Line::new(self.number, piece)));
    }
}

/// Text without escape sequences and control characters; a tab becomes a space, bad UTF-8 a U+FFFD.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                // A CSI sequence ends at the first byte from '@' on, '[' itself apart; a cut one ends with the line.
                chars.next();
                while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                chars.next();
            }
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Splits a line where a time stamp shows in the middle: on 2.6.32–3.5 continuations run into each other.
fn split(text: &str, mut give: impl FnMut(&str)) {
    let mut from = 0;
    for stamp in STAMP.find_iter(text) {
        let before = text.get(from..stamp.start()).unwrap_or("");
        if before.is_empty() || SYSLOG.is_match(before) {
            continue;
        }
        give(before);
        from = stamp.start();
    }
    give(text.get(from..).unwrap_or(""));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], size: usize) -> Vec<Line> {
        let (mut cutter, mut lines) = (Cutter::default(), Vec::new());
        text.chunks(size).for_each(|chunk| cutter.push(chunk, |line| lines.push(line)));
        cutter.flush(&mut |line| lines.push(line));
        lines
    }

    #[test]
    fn prefixes_are_told_from_the_message() {
        for (text, body, caller) in [
            ("<4>[    1.838665] BUG: x", "BUG: x", None),
            ("[    1.838665][  T123] BUG: x", "BUG: x", Some("T123")),
            ("[    1.838665]  [<ffffffff81000000>] f+0x1/0x2", " [<ffffffff81000000>] f+0x1/0x2", None),
            ("Jan  1 00:00:00 host kernel: [   12.000001] BUG: x", "BUG: x", None),
            ("plain [ INFO: x ]", "plain [ INFO: x ]", None),
        ] {
            let line = Line::new(0, text);
            assert_eq!((line.body(), line.caller.as_deref()), (body, caller), "{text}");
        }
    }

    #[test]
    fn lines_that_ran_together_are_split_and_keep_their_number() {
        let lines = cut(b"a\nModules linked in:[    1.838665]  dumm9(+)<4>[    1.9] no[    2.000000] Pid: 1\r\n", 7);
        let got: Vec<_> = lines.iter().map(|l| (l.number, l.body())).collect();
        assert_eq!(got, [(0, "a"), (1, "Modules linked in:"), (1, " dumm9(+)<4>[    1.9] no"), (1, "Pid: 1"), (2, "")]);
    }

    #[test]
    fn long_lines_go_on_in_pieces_and_nothing_is_lost() {
        let long = vec![b'x'; 3 * MAX_LINE + 5];
        let lines = cut(&long, 100);
        assert_eq!(lines.iter().map(|l| l.text.len()).sum::<usize>(), long.len());
        assert!(lines.iter().all(|l| l.text.len() <= MAX_LINE && l.number == 0));
    }

    #[test]
    fn escape_sequences_and_bad_bytes_do_not_survive() {
        assert_eq!(clean(b"\x1b[31mred\x1b[0m\x07 \xff\x1b"), "red \u{fffd}");
        assert_eq!(clean(b"cut \x1b[3"), "cut ");
    }
}
