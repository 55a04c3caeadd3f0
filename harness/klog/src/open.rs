//! A report that is being collected: what belongs to it, what joins it, when it is over.

use std::sync::LazyLock;

use regex::Regex;

use crate::lines::Line;
use crate::naming;
use crate::rule::{Join, Rule};
use crate::rules;
use crate::stream::Found;
use crate::table::CONSEQUENCES;
use crate::trace::Says;
use crate::{Report, Severity};

/// Most lines and bytes kept of one report: a splat has about 150 lines, one with the stacks of all CPUs a thousand.
const MAX_LINES: usize = 2000;
const MAX_BYTES: usize = 256 * 1024;
/// A report is over after so many lines, come what may.
const MAX_SPAN: usize = 20_000;
/// Strange lines in a row that end a report: validators print prose between header and stack.
const STRANGERS: usize = 40;
/// The same once the end marker was seen: only a panic can still belong to it.
const STRANGERS_AFTER_END: usize = 12;
/// A second header joins the first within so many lines.
const HEADERS_WITHIN: usize = 24;

/// Lines of a splat that hold no frame: registers, code, task, and the headings of stacks.
static SPLAT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^ *(?:[A-Z][A-Za-z0-9]{1,3}: ?[0-9a-fx]|R[A-Z0-9]{2}[: ]|FS: |CS: |CR[0-9]: |DR[0-9]: |PGD |Oops|Code: |Stack:|Call [Tt]race|Backtrace|stack backtrace|Modules linked in|CPU[: ]|Pid: |PID: |",
        r"Process |Hardware name|Workqueue: |task: |Tainted: |last sysfs file|---\[ end|<?[0-9]?>?[0-9a-f]{8}|[0-9a-f]{2}(?: [0-9a-f]{2}){7}|Krnl |#PF: |irq event stamp|hardirqs last|softirqs last|",
        r"(?:Read|Write|[Aa]ccess) of size|Allocated by|Freed by|The buggy|Memory state|Showing all locks|[0-9]+ locks? held by|#[0-9]+: |Rebooting in|Kernel Offset|Sending NMI|NMI backtrace|</?[A-Z#]+>|={8}|-{8})"
    ))
    .expect("a constant pattern")
});

/// A report that is being collected.
#[derive(Debug)]
pub(crate) struct Open {
    /// The rule its header fits.
    pub(crate) rule: &'static Rule,
    /// Which of the lines is the header.
    pub(crate) header: usize,
    /// The header's caller.
    pub(crate) caller: Option<String>,
    /// How bad it has become.
    pub(crate) severity: Severity,
    /// What was kept.
    pub(crate) lines: Vec<Line>,
    /// Lines up to the last that belongs.
    pub(crate) belonging: usize,
    /// Nothing came since the last [`crate::Stream::idle`].
    pub(crate) silent: bool,
    /// A stack was seen.
    pub(crate) traced: bool,
    /// The end marker was seen.
    pub(crate) ended: bool,
    /// The lines have a time stamp or a priority before the message: those without are not the kernel's.
    stamped: bool,
    /// Nothing but headers came yet.
    only_headers: bool,
    /// All CPUs are asked for their stacks.
    all_cpus: bool,
    bytes: usize,
    span: usize,
    strangers: usize,
    first: u64,
    last: u64,
}

impl Open {
    pub(crate) fn new(rule: &'static Rule, header: &Line, lead: Vec<Line>) -> Self {
        let first = lead.first().unwrap_or(header).number;
        let mut open = Self {
            rule,
            header: lead.len(),
            caller: header.caller.clone(),
            severity: rule.severity,
            lines: Vec::new(),
            belonging: 0,
            silent: false,
            traced: false,
            ended: false,
            stamped: header.has_prefix(),
            only_headers: true,
            all_cpus: false,
            bytes: 0,
            span: 0,
            strangers: 0,
            first,
            last: first,
        };
        lead.into_iter().for_each(|line| open.keep(line, true));
        open
    }

    /// Whether a line of this caller is one of this report's.
    pub(crate) fn is_of(&self, line: &Line) -> bool {
        match (&self.caller, &line.caller) {
            (Some(mine), Some(theirs)) => mine == theirs || (self.all_cpus && theirs.starts_with('C')),
            (None, Some(_)) | (None, None) => true,
            (Some(_), None) => !line.has_prefix(),
        }
    }

    /// Takes a line that is no header.
    pub(crate) fn body(&mut self, line: Line, tells: bool) {
        let body = line.body();
        self.only_headers = false;
        self.traced |= matches!(line.says, Says::Heading(_)) || line.says.begins_stack();
        self.ended |= tells && body.contains(rules::END);
        self.all_cpus |= tells && body.contains(rules::ALL_CPUS);
        let belongs = line.says != Says::Other || SPLAT.is_match(body);
        if !belongs && self.stamped && !line.has_prefix() {
            // Somebody else writes to the same terminal.
            self.pass();
            return;
        }
        self.keep(line, belongs);
    }

    /// Takes a header that joins.
    pub(crate) fn header(&mut self, rule: &'static Rule, line: Line) {
        if self.is_named_by(rule) {
            self.rule = rule;
            self.header = self.lines.len();
        }
        self.severity = self.severity.max(rule.severity);
        self.keep(line, true);
    }

    /// A line went by that is somebody else's.
    pub(crate) fn pass(&mut self) {
        self.silent = false;
        self.span += 1;
    }

    pub(crate) fn keep(&mut self, line: Line, belongs: bool) {
        self.pass();
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

    /// Whether nothing more can belong to it.
    pub(crate) fn is_over(&self) -> bool {
        let patience = if self.ended { STRANGERS_AFTER_END } else { STRANGERS };
        self.strangers > patience || self.span > MAX_SPAN
    }

    /// Whether what makes it whole was seen.
    pub(crate) fn is_complete(&self) -> bool {
        self.ended || self.traced || self.severity == Severity::Panic || self.rule.join == Join::Alone
    }

    /// Whether a header is one more of this same splat.
    pub(crate) fn joined_by(&self, rule: &Rule, line: &Line) -> bool {
        let early = !self.traced && !self.ended && self.span < HEADERS_WITHIN;
        match (self.rule.join, rule.join) {
            (Join::Alone, _) | (_, Join::Alone) => false,
            (_, Join::Stop) => self.rule.join != Join::Stop && self.led_to(line.body()),
            // Symbolised logs give the header again for each inlined function; `PANIC: double fault` is said twice.
            _ if std::ptr::eq(self.rule, rule) && self.only_headers => true,
            (Join::Rank(mine), Join::Rank(theirs)) => early && mine != theirs,
            // `unable to handle …` is followed by `Oops: 0000`, arm's by `Internal error: Oops`.
            (Join::Never, Join::Rank(0..=3)) => {
                early && self.severity >= Severity::Oops && rule.severity >= Severity::Oops
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

    pub(crate) fn found(&self) -> Found {
        let report: Report = naming::report(self);
        Found { first_line: self.first, last_line: self.last, report }
    }
}
