//! The stream: where a report begins, whose lines are whose, in which order reports are given.

use std::collections::VecDeque;

use crate::lines::{Cutter, Line};
use crate::open::Open;
use crate::rule::{Join, Rule};
use crate::{Report, rules};

/// Lines kept from `cut here` on until a header shows: since 4.20 the message comes before `WARNING:`.
const MAX_LEAD: usize = 12;
/// Most reports collected or kept waiting side by side.
const MAX_OPEN: usize = 8;

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

/// A report in the order of its beginning.
#[derive(Debug)]
enum Slot {
    /// Still collected.
    Open(Box<Open>),
    /// Over, and waiting for one that began before it.
    Over(Box<Found>),
}

/// Reads a console as it speaks. Memory is bounded whatever comes; the work is linear in the bytes.
#[derive(Debug, Default)]
pub struct Stream {
    cutter: Cutter,
    slots: VecDeque<Slot>,
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

    /// Takes what the console said next, cut anywhere; gives the reports that are over by it, in the order of their
    /// beginnings.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Found> {
        let mut cutter = std::mem::take(&mut self.cutter);
        let mut found = Vec::new();
        let mut rest = chunk;
        while !rest.is_empty() {
            // With nothing open, only lines with a rule's word in them are looked at.
            if self.slots.is_empty() && self.lead.is_empty() {
                rest = cutter.skip(rest, rules::first_word);
            }
            rest = cutter.push(rest, |line| self.line(line));
            found.extend(self.over());
        }
        self.cutter = cutter;
        found
    }

    /// The console fell silent: gives reports that are complete (their end marker, their stack or a panic was seen),
    /// or all if this is the second call with nothing said in between. A line without its `\n` stays open.
    pub fn idle(&mut self) -> Vec<Found> {
        for slot in &mut self.slots {
            if let Slot::Open(open) = slot {
                if open.is_complete() || open.silent {
                    *slot = Slot::Over(Box::new(open.found()));
                } else {
                    open.silent = true;
                }
            }
        }
        self.over()
    }

    /// The console is closed: gives what is left.
    pub fn finish(&mut self) -> Vec<Found> {
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.flush(&mut |line| self.line(line));
        let slots = std::mem::take(&mut self.slots);
        *self = Self::default();
        slots.into_iter().map(Slot::found).collect()
    }

    /// Those at the front that are over.
    fn over(&mut self) -> Vec<Found> {
        let mut found = Vec::new();
        while self.slots.len() > MAX_OPEN || matches!(self.slots.front(), Some(Slot::Over(_))) {
            found.extend(self.slots.pop_front().map(Slot::found));
        }
        found
    }

    fn line(&mut self, line: Line) {
        if rules::first_word(line.body().as_bytes()).is_none() {
            self.body(line, false);
            return;
        }
        let fitting = rules::fitting(line.body()).next().map(|compiled| compiled.rule);
        match fitting {
            Some(rule) => self.header(rule, line),
            None => self.body(line, true),
        }
    }

    /// The open report a line is for: the youngest of its caller.
    fn open_for(&mut self, line: &Line) -> Option<&mut Slot> {
        self.slots.iter_mut().rev().find(|slot| matches!(slot, Slot::Open(open) if open.is_of(line)))
    }

    fn header(&mut self, rule: &'static Rule, line: Line) {
        if rule.join == Join::Alone {
            let mut alone = Open::new(rule, &line, Vec::new());
            alone.keep(line, true);
            self.slots.push_back(Slot::Over(Box::new(alone.found())));
            return;
        }
        if let Some(slot) = self.open_for(&line)
            && let Slot::Open(open) = slot
        {
            if open.joined_by(rule, &line) {
                open.header(rule, line);
                return;
            }
            // A splat that broke into the printing of another: where callers are named, both go on.
            let nested = open.caller.is_some() && open.caller == line.caller && !open.traced;
            if !nested && (open.caller.is_none() || open.caller == line.caller) {
                slot.close();
            } else if nested {
                open.body(line.clone(), true);
            }
        }
        let mut open = Open::new(rule, &line, std::mem::take(&mut self.lead));
        open.keep(line, true);
        self.slots.push_back(Slot::Open(Box::new(open)));
    }

    /// A line that is no header; only one that tells can mark a beginning or an end.
    fn body(&mut self, line: Line, tells: bool) {
        let interrupts = tells && rules::interrupts(line.body());
        let cut = tells && line.body().contains(rules::CUT);
        let youngest = self.slots.iter().rposition(|slot| matches!(slot, Slot::Open(open) if open.is_of(&line)));
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Slot::Open(open) = slot else { continue };
            if youngest == Some(at) {
                continue;
            }
            if line.caller.is_none() || open.caller != line.caller {
                open.pass();
            } else {
                // It was broken into, and its stack may be this one.
                open.body(line.clone(), tells);
                if open.is_over() {
                    slot.close();
                }
            }
        }
        let Some(slot) = youngest.and_then(|at| self.slots.get_mut(at)) else {
            self.before(line);
            return;
        };
        let Slot::Open(open) = slot else { return };
        if interrupts && open.caller.is_none() {
            slot.close();
            return;
        }
        // A second `cut here` after the stack is the next splat's.
        if cut && (open.traced || open.ended) {
            slot.close();
            self.before(line);
            return;
        }
        open.body(line, tells);
        if open.is_over() {
            slot.close();
        }
    }

    /// A line outside of any report: what stands between `cut here` and the header belongs to it.
    fn before(&mut self, line: Line) {
        let cut = line.body().contains(rules::CUT);
        if cut || self.lead.len() >= MAX_LEAD {
            self.lead.clear();
        }
        if cut || !self.lead.is_empty() {
            self.lead.push(line);
        }
    }
}

impl Slot {
    fn close(&mut self) {
        if let Self::Open(open) = self {
            *self = Self::Over(Box::new(open.found()));
        }
    }

    fn found(self) -> Found {
        match self {
            Self::Open(open) => open.found(),
            Self::Over(found) => *found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

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
        assert_eq!(titles[0], ("WARNING in g".to_owned(), 1));
        assert_eq!(titles[1].0, "unregister_netdevice: waiting for DEV to become free");
    }
}
