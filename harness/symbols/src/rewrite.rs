//! A log's lines, with functions where they show bare addresses: what a kernel prints that has no symbols of its own.
//!
//! Such a kernel writes `[<ffffffff810a8072>] 0xffffffff810a8072`, `RIP: 0010:0xffffffff810a8072`; other loggers leave
//! `[<ffffffff810a8072>]` alone. Registers, stack words and code are data and stay as they are.

use std::borrow::Cow;

use memchr::memmem;

use crate::survey::{self, Boot};
use crate::table::LOWEST;
use crate::{Survey, Symbols};

/// Where modules lie; where KASLR moves the kernel they begin at 0xffffffffc0000000, and the kernel may lie before.
const MODULES: std::ops::Range<u64> = 0xffff_ffff_a000_0000..0xffff_ffff_ff00_0000;

/// Puts functions where addresses stand, line by line.
#[derive(Debug)]
pub struct Rewriter<'a> {
    symbols: &'a Symbols,
    survey: &'a Survey,
    boot: usize,
}

/// An address in a line.
pub(crate) struct Address {
    pub(crate) value: u64,
    /// Where the text that names it begins and ends: the address itself, or the empty place behind its brackets.
    from: usize,
    to: usize,
    pub(crate) asked: Asked,
}

/// What an address is the address of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Asked {
    /// An instruction.
    Instruction,
    /// What a call returns to.
    Return,
    /// A word on the stack that may be that.
    Perhaps,
}

impl<'a> Rewriter<'a> {
    /// For the log that was surveyed, from its first line on.
    #[must_use]
    pub fn new(symbols: &'a Symbols, survey: &'a Survey) -> Self {
        Self { symbols, survey, boot: 0 }
    }

    /// The line with functions in it. Lines come in the order in which the survey read them.
    pub fn line<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        self.boot += usize::from(survey::begins_boot(line));
        let mut out: Option<Vec<u8>> = None;
        let mut done = 0;
        for address in addresses(line) {
            let Some(words) = self.words(&address, line.get(address.to..).unwrap_or_default()) else { continue };
            let out = out.get_or_insert_default();
            out.extend_from_slice(line.get(done..address.from).unwrap_or_default());
            if address.from == address.to && line.get(address.from.wrapping_sub(1)) != Some(&b' ') {
                out.push(b' ');
            }
            out.extend_from_slice(words.as_bytes());
            done = address.to;
        }
        let Some(mut out) = out else { return Cow::Borrowed(line) };
        out.extend_from_slice(line.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn words(&self, address: &Address, rest: &[u8]) -> Option<String> {
        let boot = self.survey.boot(self.boot);
        let link = address.value.wrapping_sub(boot.and_then(Boot::shift).unwrap_or(0));
        let here = self.symbols.at(link);
        let place = match address.asked {
            Asked::Instruction => here,
            // A function's first byte on the stack is what a thread was started with, rather than a return.
            Asked::Perhaps => here.or_else(|| self.symbols.before(link)),
            Asked::Return => self.symbols.before(link).or(here),
        };
        if let Some(place) = place {
            return Some(place.to_string());
        }
        let value = address.value;
        let own_data = (LOWEST..=self.symbols.last_of_image()).contains(&link);
        if own_data || !MODULES.contains(&value) || rest.trim_ascii_start().starts_with(b"[") {
            return None;
        }
        Some(format!("{value:#x} [{}]", boot.and_then(|b| b.module_at(value)).unwrap_or("module?")))
    }
}

/// Whether a text has addresses where a kernel with symbols of its own prints functions.
#[must_use]
pub fn has_bare_addresses(text: &str) -> bool {
    text.lines().any(|line| !addresses(line.as_bytes()).is_empty())
}

/// The addresses of a line that stand in a function's place.
pub(crate) fn addresses(line: &[u8]) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    for at in memmem::find_iter(line, b"ffffffff") {
        if found.last().is_some_and(|last| at < last.to) {
            continue;
        }
        let Some((value, end)) = hex(line, at) else { continue };
        let before = line.get(..at).unwrap_or_default();
        if before.ends_with(b"[<") || before.ends_with(b"[<0x") {
            found.extend(bracketed(line, at, value, end));
        } else if before.ends_with(b"0x") {
            found.extend(bare(line, at - 2, value, end));
        }
    }
    found
}

/// Sixteen digits and no more.
fn hex(line: &[u8], at: usize) -> Option<(u64, usize)> {
    let digits = line.get(at..at + 16)?;
    let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let more = line.get(at + 16).is_some_and(u8::is_ascii_alphanumeric);
    let word = at > 0 && line.get(at - 1).is_some_and(u8::is_ascii_hexdigit);
    (!more && !word).then_some((value, at + 16))
}

/// `[<addr>]`, if no function follows: nothing does, or the address once more.
fn bracketed(line: &[u8], at: usize, value: u64, end: usize) -> Option<Address> {
    let behind = end + 2;
    if line.get(end..behind)? != b">]" {
        return None;
    }
    let rest = line.get(behind..)?;
    let text = rest.trim_ascii_start();
    let (text, doubt) = match text.strip_prefix(b"?") {
        Some(after) => (after.trim_ascii_start(), true),
        None => (text, false),
    };
    let asked = match (frame_may_begin(before_brackets(line, at)), doubt) {
        (true, true) => Asked::Perhaps,
        (true, false) => Asked::Return,
        (false, _) => Asked::Instruction,
    };
    let start = line.len() - text.len();
    if text.is_empty() || ends_here(text) {
        // Behind the `?` and its blank, if it has one.
        let from = if doubt { behind + rest.iter().position(|&b| b == b'?')? + 1 } else { behind };
        let from = from + usize::from(line.get(from) == Some(&b' '));
        return Some(Address { value, from, to: from, asked });
    }
    let digits = start + if text.starts_with(b"0x") { 2 } else { 0 };
    let (again, to) = hex(line, digits)?;
    (again == value).then_some(Address { value, from: start, to, asked })
}

/// What stands before the first of several `[<addr>] [<addr>]`.
fn before_brackets(line: &[u8], at: usize) -> &[u8] {
    let mut before = line.get(..at.saturating_sub(2)).unwrap_or_default();
    before = before.strip_suffix(b"[<").unwrap_or(before).trim_ascii_end();
    while let Some(inner) = before.strip_suffix(b">]") {
        let Some(open) = memmem::rfind(inner, b"[<") else { break };
        before = inner.get(..open).unwrap_or_default().trim_ascii_end();
    }
    before
}

/// The next message begins: old kernels let lines run into each other.
fn ends_here(text: &[u8]) -> bool {
    let stamp = text.strip_prefix(b"[").is_some_and(|t| t.trim_ascii_start().first().is_some_and(u8::is_ascii_digit));
    stamp || text.first() == Some(&b'<') && text.get(1).is_some_and(u8::is_ascii_digit)
}

/// `0xaddr` as a frame, as the instruction pointer, or as what a header names.
fn bare(line: &[u8], at: usize, value: u64, end: usize) -> Option<Address> {
    let before = line.get(..at)?;
    let rest = line.get(end..)?;
    let found = |asked| Some(Address { value, from: at, to: end, asked });
    let alone = rest.trim_ascii_start().is_empty() || ends_here(rest.trim_ascii_start());
    let close = before.trim_ascii_end();
    if alone && close.strip_suffix(b"?").is_some_and(frame_may_begin) {
        return found(Asked::Perhaps);
    }
    if alone && before.len() > close.len() && frame_may_begin(close) {
        return found(Asked::Return);
    }
    let pointer = memmem::rfind(before, b"RIP: ").is_some_and(|p| {
        let segment = before.get(p + 5..).unwrap_or_default();
        segment.len() == 5 && segment.ends_with(b":")
    });
    let says = |words: &[u8]| memmem::find(before, words).is_some();
    let header =
        says(b"WARNING: ") || says(b"BUG: K") && close.ends_with(b" in") || says(b"Workqueue: ") || says(b"caller is ");
    (pointer || header).then(|| found(Asked::Instruction)).flatten()
}

/// Whether a frame can begin behind this: nothing, a time stamp or caller, a mark such as `<IRQ>`, a log's own prefix.
fn frame_may_begin(before: &[u8]) -> bool {
    let close = before.trim_ascii_end();
    close.is_empty()
        || close.ends_with(b"]") && !close.ends_with(b">]")
        || close.ends_with(b">")
        || close.ends_with(b"kernel:")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ffff_8100_0000;

    fn rewrite(log: &str) -> String {
        let table = [
            (BASE, b'T', "_text"),
            (BASE + 0x100, b't', "f"),
            (BASE + 0x180, b'T', "g"),
            (BASE + 0x200, b'T', "_etext"),
            (BASE + 0x9000, b'B', "_end"),
        ];
        let symbols = Symbols::from_sorted(table.into_iter());
        let mut survey = Survey::new();
        log.lines().for_each(|line| survey.line(line.as_bytes(), &symbols));
        let mut rewriter = Rewriter::new(&symbols, &survey);
        let lines: Vec<_> =
            log.lines().map(|l| String::from_utf8(rewriter.line(l.as_bytes()).into_owned()).unwrap()).collect();
        lines.join("\n")
    }

    #[test]
    fn bare_addresses_of_all_ages_become_functions() {
        for (line, expected) in [
            (
                "<4>[    1.5]  [<ffffffff81000110>] ? 0xffffffff81000110",
                "<4>[    1.5]  [<ffffffff81000110>] ? f+0x10/0x80",
            ),
            (" [<ffffffff81000110>] 0xffffffff81000110", " [<ffffffff81000110>] f+0x10/0x80"),
            (" [<ffffffff81000110>] ", " [<ffffffff81000110>] f+0x10/0x80"),
            (" [<ffffffff81000110>]", " [<ffffffff81000110>] f+0x10/0x80"),
            (" [<ffffffff81000110>] ? ", " [<ffffffff81000110>] ? f+0x10/0x80"),
            (" [<ffffffff81000110>] ?", " [<ffffffff81000110>] ? f+0x10/0x80"),
            (" <IRQ>  [<ffffffff81000110>] ", " <IRQ>  [<ffffffff81000110>] f+0x10/0x80"),
            ("[    1.5]  0xffffffff81000110", "[    1.5]  f+0x10/0x80"),
            ("[    1.5][   T12]  ? 0xffffffff81000110", "[    1.5][   T12]  ? f+0x10/0x80"),
            ("RIP: 0010:0xffffffff81000110", "RIP: 0010:f+0x10/0x80"),
            (
                "RIP: 0010:[<ffffffff81000110>]  [<ffffffff81000110>] 0xffffffff81000110",
                "RIP: 0010:[<ffffffff81000110>]  [<ffffffff81000110>] f+0x10/0x80",
            ),
            (
                "RIP: 0010:[<ffffffff81000110>]  [<ffffffff81000110>] ",
                "RIP: 0010:[<ffffffff81000110>]  [<ffffffff81000110>] f+0x10/0x80",
            ),
            ("IP: [<ffffffff81000100>] ", "IP: [<ffffffff81000100>] f+0x0/0x80"),
            (
                "WARNING: at fs/proc/generic.c:590 0xffffffff81000110()",
                "WARNING: at fs/proc/generic.c:590 f+0x10/0x80()",
            ),
            ("WARNING: CPU: 0 PID: 1 at fs/x.c:5 0xffffffff81000110", "WARNING: CPU: 0 PID: 1 at fs/x.c:5 f+0x10/0x80"),
            (
                "WARNING: fs/x.c:5 at 0xffffffff81000110, CPU#0: init/1",
                "WARNING: fs/x.c:5 at f+0x10/0x80, CPU#0: init/1",
            ),
            ("BUG: KASAN: use-after-free in 0xffffffff81000110", "BUG: KASAN: use-after-free in f+0x10/0x80"),
            (
                " #0:  (l){+.+.}, at: [<ffffffff81000110>] 0xffffffff81000110",
                " #0:  (l){+.+.}, at: [<ffffffff81000110>] f+0x10/0x80",
            ),
        ] {
            assert_eq!(rewrite(line), expected);
        }
    }

    #[test]
    fn what_is_data_or_named_already_stays() {
        for line in [
            "R13: ffffffff81000110 R14: 0000000000000000 R15: ffffffff81000110",
            " ffffffff81000110 ffff88001ea7ff20 ffffffff81000110",
            "<0> 0000000000000000 ffffffff81000110",
            "CR2: ffffffff81000110 CR3: 000000001eab8000",
            "CR2: 0xffffffff81000110",
            "Code: Unable to access opcode bytes at 0xffffffff81000110.",
            "Kernel Offset: 0x0 from 0xffffffff81000000 (relocation range: 0xffffffff80000000-0xffffffffbfffffff)",
            " [<ffffffff81000110>] f+0x10/0x80",
            " [<ffffffff81000110>] ? f+0x10/0x80 [m]",
            "RIP  [<ffffffff81000110>] f+0x10/0x80",
            "BUG: unable to handle kernel paging request at ffffffff81000110",
            "BUG: unable to handle page fault for address: ffffffff81000110",
            " [<ffffffff81005000>] 0xffffffff81005000",
            " [<ffffffff8100011>]",
            " [<ffffffff810001100>]",
            "[<ffffffff81000110",
            "0xffffffff81000110 is the number of the beast",
        ] {
            assert_eq!(rewrite(line), line);
        }
    }

    #[test]
    fn a_return_behind_the_last_call_of_a_function_is_in_that_function() {
        assert_eq!(rewrite(" [<ffffffff81000180>] "), " [<ffffffff81000180>] f+0x80/0x80");
        assert_eq!(rewrite(" [<ffffffff81000180>] ? "), " [<ffffffff81000180>] ? g+0x0/0x80");
    }

    #[test]
    fn the_shift_of_kaslr_is_taken_off() {
        let log = "  0xffffffff91000110\nKernel Offset: 0x10000000 from 0xffffffff81000000";
        assert_eq!(rewrite(log).lines().next(), Some("  f+0x10/0x80"));
        let log = " [<ffffffff91000190>] g+0x10/0x80\n [<ffffffff91000110>] ";
        assert_eq!(rewrite(log).lines().last(), Some(" [<ffffffff91000110>] f+0x10/0x80"));
    }

    #[test]
    fn modules_are_named_if_the_log_says_where_they_are() {
        assert_eq!(rewrite(" [<ffffffffa0003002>] "), " [<ffffffffa0003002>] 0xffffffffa0003002 [module?]");
        let twice = rewrite(" [<ffffffffa0003002>] 0xffffffffa0003002");
        assert_eq!(rewrite(&twice), twice);
        let log = "dummy 4096 1 - Live 0xffffffffa0003000\nRIP: 0010:0xffffffffa0003002";
        assert_eq!(rewrite(log).lines().last(), Some("RIP: 0010:0xffffffffa0003002 [dummy]"));
    }

    #[test]
    fn odd_bytes_do_no_harm() {
        let (symbols, survey) = (Symbols::default(), Survey::default());
        let mut rewriter = Rewriter::new(&symbols, &survey);
        for line in [
            &b"[<ffffffff\xff\xff\xff>]"[..],
            b"ffffffffffffffff",
            b"[<ffffffff81000110>] ?\xff",
            b"0xffffffffffffffff",
            b"\0",
            b"[<[<ffffffff81000110>]>]",
        ] {
            rewriter.line(line);
        }
        let line = b"\xff\xfe [<ffffffff81000110>] \xff";
        assert_eq!(rewriter.line(line).as_ref(), line);
    }
}
