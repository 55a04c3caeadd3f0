//! The kernel's console: its reports found as they come, and laid at the test whose markers enclose them.

use std::collections::VecDeque;

use kernrig_catalog::protocol::MARKER;
use kernrig_klog::{Report, Stream};

/// Most of the console kept for one cell, in bytes: the first half of it from the start, the other from the end.
const EXCERPT: usize = 64 * 1024;

/// Most bytes kept of one line.
const LINE: usize = 4096;

/// A report and where it began.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) report: Report,
    line: u64,
}

/// What the console has shown so far. Memory is bounded whatever comes.
#[derive(Debug)]
pub(crate) struct Console {
    nonce: String,
    klog: Stream,
    line: Vec<u8>,
    /// Number of the line that is being read, from 0, counted as klog counts.
    number: u64,
    begun: Option<(u32, u64)>,
    ended: Option<(u32, String)>,
    settled: Option<(u32, String)>,
    reports: Vec<Placed>,
    /// From this line on the kernel was made to speak by the harness.
    provoked: Option<u64>,
    excerpt: Excerpt,
    /// Whole pairs of begin and end markers seen.
    pub(crate) markers: u64,
    /// Bytes seen in all.
    pub(crate) bytes: u64,
    /// The last few lines, for a kernel that did not come up.
    last_lines: VecDeque<String>,
}

impl Console {
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            nonce: nonce.to_owned(),
            klog: Stream::new(),
            line: Vec::new(),
            number: 0,
            begun: None,
            ended: None,
            settled: None,
            reports: Vec::new(),
            provoked: None,
            excerpt: Excerpt::default(),
            markers: 0,
            bytes: 0,
            last_lines: VecDeque::new(),
        }
    }

    /// Takes what came out of the port.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.excerpt.push(bytes);
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            // Of an endless line the end is kept: a marker may stand there.
            self.line.extend_from_slice(&piece[piece.len().saturating_sub(LINE)..]);
            let excess = self.line.len().saturating_sub(LINE);
            self.line.drain(..excess);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
        let found = self.klog.push(bytes);
        self.place(found);
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        self.read_marker(&line);
        if self.last_lines.len() == 20 {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.trim_end().to_owned());
        self.number += 1;
    }

    /// A marker may share its line with other text on old kernels: it is looked for anywhere in it.
    fn read_marker(&mut self, line: &str) {
        let start = format!("{MARKER} {} ", self.nonce);
        let Some(at) = line.find(&start) else { return };
        let mut words = line[at + start.len()..].split_whitespace();
        let kind = words.next();
        let number = words.next().and_then(|w| w.parse().ok());
        match (kind, number) {
            (Some("begin"), Some(n)) => self.begun = Some((n, self.number)),
            (Some("end"), Some(n)) => {
                self.markers += u64::from(self.begun.is_some_and(|(begun, _)| begun == n));
                self.ended = Some((n, words.next().unwrap_or_default().to_owned()));
            }
            (Some("settled"), Some(n)) => {
                self.settled = Some((n, words.next().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }

    fn place(&mut self, found: Vec<kernrig_klog::Found>) {
        self.reports.extend(found.into_iter().map(|f| Placed { report: f.report, line: f.first_line }));
    }

    /// Whether both markers that end command `number`, with its token, have come out: the one of the test and the one
    /// of a kernel that has settled after it.
    pub(crate) fn has_ended(&self, number: u32, token: &str) -> bool {
        let both = [&self.ended, &self.settled];
        both.iter().all(|m| m.as_ref().is_some_and(|(n, t)| *n == number && t == token))
    }

    /// The console fell silent, so that a report that was coming in is as whole as it gets.
    pub(crate) fn idle(&mut self) {
        let found = self.klog.idle();
        self.place(found);
    }

    /// What was coming in when the test ended is as whole as it gets.
    pub(crate) fn close(&mut self) {
        // klog holds back what looks unfinished on the first silence and lets go of it on the second.
        self.idle();
        self.idle();
    }

    /// Nothing more will come.
    pub(crate) fn finish(&mut self) {
        let found = self.klog.finish();
        self.place(found);
    }

    /// Whether a report since the begin marker of command `number` says that the VM is not to be trusted any more.
    pub(crate) fn has_oops(&self, number: u32) -> bool {
        let begun = self.begun.filter(|(n, _)| *n == number);
        let severe = |p: &Placed, line| p.line >= line && p.report.severity >= kernrig_klog::Severity::Oops;
        begun.is_some_and(|(_, line)| self.reports.iter().any(|p| severe(p, line)))
    }

    /// Takes the reports that belong before the begin marker of command `number`: deferred work of whatever ran
    /// earlier. Without that marker nothing can be said to be earlier, and nothing is taken.
    pub(crate) fn take_before(&mut self, number: u32) -> Vec<Report> {
        let Some((_, line)) = self.begun.filter(|(n, _)| *n == number) else { return Vec::new() };
        let (before, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reports).into_iter().partition(|p| p.line < line);
        self.reports = rest;
        before.into_iter().map(|p| p.report).collect()
    }

    /// What the kernel says from now on it says because the harness made it.
    pub(crate) fn provoke(&mut self) {
        self.close();
        self.provoked.get_or_insert(self.number);
    }

    /// Takes the reports that the harness made the kernel print.
    pub(crate) fn take_provoked(&mut self) -> Vec<Report> {
        let Some(line) = self.provoked else { return Vec::new() };
        let (provoked, own): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reports).into_iter().partition(|p| p.line >= line);
        self.reports = own;
        provoked.into_iter().map(|p| p.report).collect()
    }

    /// Takes every report there is.
    pub(crate) fn take_reports(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.reports).into_iter().map(|p| p.report).collect()
    }

    /// Takes what the console showed since this was last asked, cut to a bound.
    pub(crate) fn take_excerpt(&mut self) -> String {
        std::mem::take(&mut self.excerpt).text()
    }

    /// The last line with words on it, cleaned.
    pub(crate) fn last_words(&self) -> Option<String> {
        let unfinished = String::from_utf8_lossy(&self.line).into_owned();
        let words = |line: &str| {
            let clean: String = line.chars().filter(|c| !c.is_control()).collect();
            (!clean.trim().is_empty()).then(|| clean.trim().to_owned())
        };
        words(&unfinished).or_else(|| self.last_lines.iter().rev().find_map(|l| words(l)))
    }
}

/// The start and the end of what was pushed.
#[derive(Debug, Default)]
struct Excerpt {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
}

impl Excerpt {
    fn push(&mut self, bytes: &[u8]) {
        let room = (EXCERPT / 2).saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        self.tail.extend(&bytes[room..]);
        let excess = self.tail.len().saturating_sub(EXCERPT / 2);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }

    fn text(self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.dropped > 0 {
            text.push_str(&format!("\n[… {} bytes of console left out …]\n", self.dropped));
        }
        let tail: Vec<u8> = self.tail.into_iter().collect();
        text.push_str(&String::from_utf8_lossy(&tail));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Console, EXCERPT};

    #[test]
    fn an_end_marker_counts_only_with_nonce_and_token() {
        let mut console = Console::new("aa11");
        console.push(b"[    1.000000] kernrig: aa11 begin 3 ns::x\n[    1.100000] kernrig: bb22 end 3 t0k\n");
        assert!(!console.has_ended(3, "t0k"));
        console.push(b"[    1.200000] kernrig: aa11 end 3 wrong\n");
        assert!(!console.has_ended(3, "t0k"));
        console.push(b"Modules linked in:[    1.300000] kernrig: aa11 end 3 t0k\n");
        assert!(!console.has_ended(3, "t0k"), "the kernel has not settled");
        console.push(&[b'x'; 10_000]);
        console.push(b"[    1.400000] kernrig: aa11 settled 3 t0k\n");
        assert!(console.has_ended(3, "t0k"));
        assert!(!console.has_ended(4, "t0k"));
    }

    #[test]
    fn a_report_before_the_begin_marker_is_not_the_tests() {
        let warning = "[    1.000000] ------------[ cut here ]------------\n\
            [    1.000000] WARNING: CPU: 0 PID: 9 at fs/thing.c:399 first_fn+0x182/0x220\n\
            [    1.000000] RIP: 0010:first_fn+0x182/0x220\n\
            [    1.000000] Call Trace:\n[    1.000000]  proc_mkdir+0x10/0x20\n\
            [    1.000000] ---[ end trace 0000000000000000 ]---\n";
        let mut console = Console::new("aa11");
        console.push(warning.as_bytes());
        console.push(b"[    1.100000] kernrig: aa11 begin 3 ns::x\n");
        console.push(warning.replace("first_fn", "other_fn").as_bytes());
        console.push(b"[    1.300000] kernrig: aa11 end 3 t0k\n");
        console.finish();
        let before = console.take_before(3);
        assert_eq!(before.len(), 1);
        assert!(before[0].title.contains("first_fn"), "{}", before[0].title);
        let own = console.take_reports();
        assert_eq!(own.len(), 1);
        assert!(own[0].title.contains("other_fn"), "{}", own[0].title);
    }

    #[test]
    fn what_the_harness_provoked_is_told_apart() {
        let panic = |what: &str| format!("[    1.000000] Kernel panic - not syncing: {what}\n");
        let mut console = Console::new("aa11");
        console.push(panic("Own").as_bytes());
        console.provoke();
        console.push(panic("Non maskable interrupt").as_bytes());
        console.finish();
        let provoked = console.take_provoked();
        assert_eq!(provoked.len(), 1, "{provoked:#?}");
        assert!(provoked[0].title.contains("Non maskable interrupt"));
        assert_eq!(console.take_reports().len(), 1);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut console = Console::new("aa11");
        for _ in 0..100 {
            console.push(&[b'x'; 10_000]);
        }
        assert_eq!(console.bytes, 1_000_000);
        let text = console.take_excerpt();
        assert!(text.len() < EXCERPT + 100 && text.contains("left out"), "{}", text.len());
        assert!(console.line.len() <= 4096);
        assert_eq!(console.take_excerpt(), "");
    }
}
