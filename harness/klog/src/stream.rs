//! The stream: where a report begins, what belongs to it, when it is over.

use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use crate::lines::{Cutter, Line};
use crate::naming;
use crate::rules::{CONSEQUENCES, Join, NOISE, RULES, Rule};
use crate::trace;
use crate::{Report, Severity};

/// Most lines and bytes kept of one report: a splat with registers and two stacks has about 150 lines.
const MAX_LINES: usize = 400;
const MAX_BYTES: usize = 64 * 1024;
/// A report is over after so many lines, come what may.
const MAX_SPAN: usize = 2000;
/// Strange lines in a row that end a report: validators print prose between header and stack.
const STRANGERS: usize = 30;
/// The same once the end marker was seen: only a panic can still belong to it.
const STRANGERS_AFTER_END: usize = 12;
/// A second header joins the first within so many lines.
const HEADERS_WITHIN: usize = 24;
/// Lines kept from `cut here` on until a header shows: since 4.20 the message comes before `WARNING:`.
const MAX_LEAD: usize = 12;

static HEADERS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(RULES.iter().map(|r| r.header)).expect("constant patterns, each compiled in the tests")
});

static HEADER: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    RULES.iter().map(|r| Regex::new(r.header).expect("constant patterns, each compiled in the tests")).collect()
});

static NO_HEADERS: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(NOISE).expect("constant patterns, compiled in the tests"));

/// Lines of a splat that hold no frame: registers, code, task, and the headings of stacks.
static SPLAT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^ *(?:[A-Z][A-Za-z0-9]{1,3}: ?[0-9a-fx]|R[A-Z0-9]{2}[: ]|FS: |CS: |CR[0-9]: |DR[0-9]: |PGD |Oops|Code: |Stack:|Call [Tt]race|Backtrace|stack backtrace|Modules linked in|CPU[: ]|Pid: |PID: |",
        r"Process |Hardware name|Workqueue: |task: |Tainted: |last sysfs file|---\[ end|<?[0-9]?>?[0-9a-f]{8}|[0-9a-f]{2}(?: [0-9a-f]{2}){7}|Krnl |#PF: |irq event stamp|hardirqs last|softirqs last|",
        r"(?:Read|Write|[Aa]ccess) of size|Allocated by|Freed by|The buggy|Memory state|Showing all locks|[0-9]+ locks? held by|#[0-9]+: |Rebooting in|Kernel Offset|Sending NMI|NMI backtrace|</?[A-Z#]+>|={8}|-{8})"
    ))
    .expect("a constant pattern")
});

/// The heading of a stack.
static STACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^ *(?:Call [Tt]race|Backtrace|stack backtrace)[^:]{0,40}:").expect("a constant pattern")
});

/// A report and where in the stream it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What the kernel said.
    pub report: Report,
    /// Number of its first line, counted by `\n` from the stream's start, from 0.
    pub first_line: u64,
    /// Number of the last line that belongs to it.
    pub last_line: u64,
}

/// A report that is being collected.
#[derive(Debug)]
pub(crate) struct Open {
    /// What it is called by.
    pub(crate) rule: &'static Rule,
    /// The groups of the header that names it.
    pub(crate) groups: Vec<String>,
    /// The header's caller.
    pub(crate) caller: Option<String>,
    /// How bad it has become.
    pub(crate) severity: Severity,
    /// What was kept.
    pub(crate) lines: Vec<Line>,
    /// Lines up to the last that belongs.
    pub(crate) belonging: usize,
    bytes: usize,
    span: usize,
    strangers: usize,
    first: u64,
    last: u64,
    traced: bool,
    ended: bool,
    /// Nothing came since the last [`Stream::idle`].
    silent: bool,
}

/// Reads a console as it speaks. Memory is bounded whatever comes; the work is linear in the bytes.
#[derive(Debug, Default)]
pub struct Stream {
    cutter: Cutter,
    open: Option<Open>,
    lead: Vec<Line>,
}

/// All reports of a whole log.
#[must_use]
pub fn parse(log: &str) -> Vec<Report> {
    let mut stream = Stream::new();
    let mut found = stream.push(log.as_bytes());
    found.extend(stream.finish());
    found.into_iter().map(|f| f.report).collect()
}

impl Stream {
    /// A stream at its start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the console said next, cut anywhere; gives the reports that are over by it.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.push(chunk, |line| self.line(line, &mut found));
        self.cutter = cutter;
        found
    }

    /// The console fell silent: gives an open report if it is complete (its end marker, its stack or a panic was
    /// seen), or if this is the second call with nothing said in between. A line without its `\n` stays open.
    pub fn idle(&mut self) -> Vec<Found> {
        let Some(open) = &mut self.open else { return Vec::new() };
        let complete = open.ended || open.traced || open.severity == Severity::Panic || open.silent;
        open.silent = true;
        if complete { self.close().into_iter().collect() } else { Vec::new() }
    }

    /// The console is closed: gives what is left.
    pub fn finish(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.flush(&mut |line| self.line(line, &mut found));
        found.extend(self.close());
        *self = Self::default();
        found
    }

    fn line(&mut self, line: Line, found: &mut Vec<Found>) {
        match header(line.body()) {
            Some((rule, groups)) => self.header(rule, groups, line, found),
            None if self.open.is_some() => self.body(line, found),
            None => self.before(line),
        }
    }

    /// A line outside of any report: what stands between `cut here` and the header belongs to it.
    fn before(&mut self, line: Line) {
        let cut = line.body().contains("[ cut here ]");
        if cut || self.lead.len() >= MAX_LEAD {
            self.lead.clear();
        }
        if cut || !self.lead.is_empty() {
            self.lead.push(line);
        }
    }

    fn header(&mut self, rule: &'static Rule, groups: Vec<String>, line: Line, found: &mut Vec<Found>) {
        if rule.join == Join::Alone {
            let mut alone = Open::new(rule, groups, &line);
            alone.take(line, true);
            found.push(alone.found());
            return;
        }
        if let Some(open) = &mut self.open
            && open.joined_by(rule, &line)
        {
            if open.is_named_by(rule) {
                open.rule = rule;
                open.groups = groups;
            }
            open.severity = open.severity.max(rule.severity);
            open.take(line, true);
            return;
        }
        found.extend(self.close());
        let lead = std::mem::take(&mut self.lead);
        let mut open = Open::new(rule, groups, lead.first().unwrap_or(&line));
        open.caller.clone_from(&line.caller);
        lead.into_iter().for_each(|line| open.take(line, true));
        open.take(line, true);
        self.open = Some(open);
    }

    fn body(&mut self, line: Line, found: &mut Vec<Found>) {
        let Some(open) = &mut self.open else { return };
        // A second `cut here` after the stack is the next splat's.
        if line.body().contains("[ cut here ]") && (open.traced || open.ended) {
            found.extend(self.close());
            self.before(line);
            return;
        }
        open.traced |= STACK.is_match(line.body());
        open.ended |= line.body().contains("---[ end ");
        let belongs =
            SPLAT.is_match(line.body()) || trace::frame(line.body()).is_some() || trace::pointer(line.body()).is_some();
        open.take(line, belongs);
        let patience = if open.ended { STRANGERS_AFTER_END } else { STRANGERS };
        if open.strangers > patience || open.span > MAX_SPAN {
            found.extend(self.close());
        }
    }

    fn close(&mut self) -> Option<Found> {
        self.lead.clear();
        self.open.take().map(Open::found)
    }
}

impl Open {
    fn new(rule: &'static Rule, groups: Vec<String>, first: &Line) -> Self {
        Self {
            rule,
            groups,
            caller: first.caller.clone(),
            severity: rule.severity,
            lines: Vec::new(),
            belonging: 0,
            bytes: 0,
            span: 0,
            strangers: 0,
            first: first.number,
            last: first.number,
            traced: false,
            ended: false,
            silent: false,
        }
    }

    fn take(&mut self, line: Line, belongs: bool) {
        self.silent = false;
        self.span += 1;
        self.strangers = if belongs { 0 } else { self.strangers + 1 };
        let number = line.number;
        if self.lines.len() < MAX_LINES && self.bytes + line.text.len() <= MAX_BYTES {
            self.bytes += line.text.len();
            self.lines.push(line);
        }
        if belongs {
            self.last = number;
            self.belonging = self.lines.len();
        }
    }

    /// Whether a header is one more of this same splat.
    fn joined_by(&self, rule: &Rule, line: &Line) -> bool {
        let early = !self.traced && !self.ended && self.span < HEADERS_WITHIN;
        match (self.rule.join, rule.join) {
            (_, Join::Stop) => self.rule.join != Join::Stop && self.led_to(line.body()),
            (Join::Rank(mine), Join::Rank(theirs)) => early && mine != theirs,
            // `unable to handle …` is followed by `Oops: 0000`, arm's by `Internal error: Oops`.
            (Join::Never, Join::Rank(0..=3)) => {
                early && self.severity >= Severity::Oops && rule.severity == Severity::Oops
            }
            _ => false,
        }
    }

    fn is_named_by(&self, rule: &Rule) -> bool {
        matches!((self.rule.join, rule.join), (Join::Rank(mine), Join::Rank(theirs)) if theirs > mine)
    }

    /// Whether a panic is what this complaint led to. Init may die of much else, so a mere warning does not explain that.
    fn led_to(&self, panic: &str) -> bool {
        let reason = panic.split_once("not syncing").map_or("", |(_, reason)| reason.trim_start_matches([':', ' ']));
        let consequence = CONSEQUENCES.iter().any(|known| reason.contains(known));
        consequence && (self.severity >= Severity::Oops || !reason.contains("Attempted to kill"))
    }

    fn found(self) -> Found {
        Found { first_line: self.first, last_line: self.last, report: naming::report(&self) }
    }
}

/// The first rule whose header fits, with the header's groups.
fn header(body: &str) -> Option<(&'static Rule, Vec<String>)> {
    let at = HEADERS.matches(body).iter().next()?;
    if NO_HEADERS.is_match(body) {
        return None;
    }
    let groups = |caught: Captures<'_>| {
        caught.iter().map(|group| group.map_or_else(String::new, |m| m.as_str().to_owned())).collect()
    };
    Some((RULES.get(at)?, HEADER.get(at)?.captures(body).map(groups)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(HEADER.len(), RULES.len());
        assert_eq!(HEADERS.len(), RULES.len());
        assert_eq!(NO_HEADERS.len(), NOISE.len());
    }

    #[test]
    fn a_report_waits_for_its_panic_and_idle_gives_it() {
        let mut stream = Stream::new();
        let oops = b"x\nBUG: unable to handle kernel NULL pointer dereference at 0\nIP: [<ffffffff81000000>] f+0x1/0x2\nOops: 0000 [#1] SMP\n\
            Call Trace:\n [<ffffffff81000000>] g+0x1/0x2\n---[ end trace 00 ]---\n";
        assert!(stream.push(oops).is_empty());
        assert!(stream.push(b"Kernel panic - not syncing: Fatal exception\nlast words without an end").is_empty());
        let found = stream.idle();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first_line, found[0].last_line), (1, 7));
        assert_eq!(found[0].report.severity, Severity::Panic);
        assert_eq!(found[0].report.title, "BUG: unable to handle kernel NULL pointer dereference in f");
        assert!(stream.finish().is_empty());
    }

    #[test]
    fn idle_gives_the_incomplete_only_when_nothing_more_came() {
        let mut stream = Stream::new();
        stream.push(b"WARNING: at a.c:1 f+0x1/0x2()\n");
        assert!(stream.idle().is_empty());
        stream.push(b"Pid: 1, comm: x Not tainted 2.6.32 #1\n");
        assert!(stream.idle().is_empty());
        assert_eq!(stream.idle().len(), 1);
        assert!(stream.idle().is_empty());
    }

    #[test]
    fn a_one_line_complaint_does_not_end_the_open_report() {
        let log = "WARNING: at a.c:1 f+0x1/0x2()\nunregister_netdevice: waiting for lo to become free. Usage count = 3\n\
            Call Trace:\n [<ffffffff81000000>] g+0x1/0x2\n";
        let titles: Vec<_> = parse(log).into_iter().map(|r| (r.title, r.frames.len())).collect();
        assert_eq!(titles[0].0, "unregister_netdevice: waiting for DEV to become free");
        assert_eq!(titles[1], ("WARNING in f".to_owned(), 2));
    }
}
