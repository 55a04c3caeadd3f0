//! Bytes into lines: cut, bounded, cleaned, split where old kernels ran several into one, prefixes told apart.

use std::sync::LazyLock;

use regex::Regex;

use crate::trace::{self, Says};

/// Longest line kept in one piece; what is longer goes on as a further line of the same number.
const MAX_LINE: usize = 4096;

/// Bytes looked through at once for something that tells.
const WINDOW: usize = 16 * 1024;

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
    /// What the message says of a stack.
    pub(crate) says: Says,
}

impl Line {
    fn new(number: u64, text: String) -> Self {
        let (body, caller) = prefix(&text);
        let caller = caller.map(str::to_owned);
        let says = trace::says(text.get(body..).unwrap_or(""));
        Self { number, text, body, caller, says }
    }

    /// Whether something stood before the message.
    pub(crate) fn has_prefix(&self) -> bool {
        self.body > 0
    }

    /// The message, without what printk and loggers put before it.
    pub(crate) fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or("")
    }
}

/// Where the message begins, and the caller: `<4>`, a syslog's `Jan  1 00:00:00 host kernel:`, `[    1.234567]`,
/// `[  T123]` come before, each if it is there.
fn prefix(text: &str) -> (usize, Option<&str>) {
    let mut rest = text;
    rest = priority(rest).unwrap_or(rest);
    if rest.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && let Some(found) = SYSLOG.find(rest)
    {
        rest = rest.get(found.end()..).unwrap_or("");
        rest = priority(rest).unwrap_or(rest);
    }
    let mut caller = None;
    if let Some(after) = stamp(rest) {
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    if let Some((name, after)) = bracketed_caller(rest) {
        caller = Some(name);
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    (text.len() - rest.len(), caller)
}

/// What follows `<4>`.
fn priority(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let end = inner.bytes().take(4).position(|b| b == b'>')?;
    let digits = end > 0 && inner.bytes().take(end).all(|b| b.is_ascii_digit());
    digits.then(|| inner.get(end + 1..).unwrap_or(""))
}

/// What follows `[    1.234567]`.
fn stamp(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.trim_start_matches(' ');
    let whole = inner.bytes().position(|b| !b.is_ascii_digit()).filter(|n| (1..=6).contains(n))?;
    let fraction = inner.get(whole..)?.strip_prefix('.')?;
    let digits = fraction.bytes().position(|b| !b.is_ascii_digit()).filter(|n| *n == 6)?;
    fraction.get(digits..)?.strip_prefix(']')
}

/// `[  T123]`, and what follows it.
fn bracketed_caller(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?.trim_start_matches(' ');
    let end = inner.bytes().take(12).position(|b| b == b']')?;
    let name = inner.get(..end)?;
    let number = name.strip_prefix(['T', 'C'])?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| (name, inner.get(end + 1..).unwrap_or("")))
}

/// What a syslog writes before the kernel's own stamp: no place to split.
static SYSLOG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [^ ]{1,64} kernel: ?").expect("a constant pattern")
});

/// Cuts a stream of bytes into lines. Holds at most [`MAX_LINE`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    pending: Vec<u8>,
    number: u64,
}

impl Cutter {
    /// Takes bytes up to the end of a line, gives that line (or the pieces of it), and what is left of the bytes.
    pub(crate) fn push<'a>(&mut self, chunk: &'a [u8], mut give: impl FnMut(Line)) -> &'a [u8] {
        let room = MAX_LINE - self.pending.len();
        let window = chunk.get(..room.min(chunk.len())).unwrap_or(chunk);
        let (taken, ended) = match window.iter().position(|&b| b == b'\n') {
            Some(at) => (at + 1, true),
            None => (window.len(), false),
        };
        let (now, rest) = chunk.split_at(taken);
        if ended && self.pending.is_empty() {
            emit(now, self.number, &mut give);
        } else {
            self.pending.extend_from_slice(now);
            if ended || self.pending.len() >= MAX_LINE {
                self.flush(&mut give);
            }
        }
        self.number += u64::from(ended);
        rest
    }

    /// Skips whole lines that say nothing: up to the first that `find` finds something in, or that has a control
    /// character (which could hide it), or that is not whole.
    pub(crate) fn skip<'a>(&mut self, chunk: &'a [u8], find: impl Fn(&[u8]) -> Option<usize>) -> &'a [u8] {
        if !self.pending.is_empty() {
            return chunk;
        }
        // A bounded window: the work stays linear however often lines must be looked at.
        let window = chunk.get(..WINDOW).unwrap_or(chunk);
        let quiet = window.get(..find(window).unwrap_or(window.len())).unwrap_or(window);
        let odd = quiet.iter().position(|&b| b < b' ' && b != b'\n' && b != b'\r' && b != b'\t');
        let quiet = quiet.get(..odd.unwrap_or(quiet.len())).unwrap_or(quiet);
        let whole = quiet.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let (skipped, rest) = chunk.split_at(whole);
        self.number += skipped.iter().filter(|&&b| b == b'\n').count() as u64;
        rest
    }

    /// Gives what is there of a line that never ended.
    pub(crate) fn flush(&mut self, give: &mut impl FnMut(Line)) {
        let pending = std::mem::take(&mut self.pending);
        emit(&pending, self.number, give);
        self.pending = pending;
        self.pending.clear();
    }
}

fn emit(bytes: &[u8], number: u64, give: &mut impl FnMut(Line)) {
    split(clean(bytes), |piece| give(Line::new(number, piece)));
}

/// Text without escape sequences and control characters; a tab becomes a space, bad UTF-8 a U+FFFD.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(bytes));
    let text = text.strip_suffix('\r').unwrap_or(&text);
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
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
fn split(text: String, mut give: impl FnMut(String)) {
    let mut from = 0;
    for (at, _) in text.match_indices('[') {
        let Some(here) = text.get(at..) else { continue };
        if at == from || stamp(here).is_none() {
            continue;
        }
        let start = before_priority(&text, at);
        let before = text.get(from..start).unwrap_or("");
        if before.is_empty() || SYSLOG.find(before).is_some_and(|found| found.end() == before.len()) {
            continue;
        }
        give(before.to_owned());
        from = start;
    }
    give(if from == 0 { text } else { text.get(from..).unwrap_or("").to_owned() });
}

/// Where the `<4>` right before begins, if there is one.
fn before_priority(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    match before.rfind('<') {
        Some(open) if priority(before.get(open..).unwrap_or("")) == Some("") => open,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], size: usize) -> Vec<Line> {
        let (mut cutter, mut lines) = (Cutter::default(), Vec::new());
        for mut chunk in text.chunks(size) {
            while !chunk.is_empty() {
                chunk = cutter.push(chunk, |line| lines.push(line));
            }
        }
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
            let line = Line::new(0, text.to_owned());
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
