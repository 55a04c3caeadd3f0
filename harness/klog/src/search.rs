//! The ways to the function blamed, walked over the lines of a splat.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::lines::Line;
use crate::rules::Step;
use crate::trace::{self, Frame, Heading, Says};

/// Lockdep's `at: [<addr>] fn+0x1/0x2`.
static LOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r" at: (?:\[<?[0-9a-f]+>?\] *)*([A-Za-z_][A-Za-z0-9_.]*)(?:\+0x| )").expect("a constant pattern")
});

/// The function that `WARN()`'s header names, after the place.
static AT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r":[0-9]+ (?:at )?([A-Za-z_][A-Za-z0-9_.]*)\+0x").expect("a constant pattern"));

/// Most frames of one walk.
const MAX_FOUND: usize = 512;

/// Where in the lines a walk stands.
pub(crate) struct Cursor<'a> {
    rest: &'a [Line],
    /// A frame of somebody else's stack was passed on the way.
    passed: bool,
    /// So many frames were found before one of somebody else's stack came.
    pub(crate) torn_after: Option<usize>,
    /// Frames marked `?` count where a stack has no others.
    doubtful: bool,
}

impl<'a> Cursor<'a> {
    /// At the line behind the header.
    pub(crate) fn new(after: &'a [Line]) -> Self {
        Self { rest: after.get(1..).unwrap_or(&[]), passed: false, torn_after: None, doubtful: false }
    }

    /// The same, for kernels without frame pointers, which mark all of a stack `?`.
    pub(crate) fn doubtful(after: &'a [Line]) -> Self {
        Self { doubtful: true, ..Self::new(after) }
    }

    fn skip_past(&mut self, fits: impl Fn(&Line) -> bool) -> Option<&'a Line> {
        let at = self.rest.iter().position(fits)?;
        let line = self.rest.get(at);
        self.passed |= self.rest.iter().take(at).any(|line| matches!(&line.says, Says::Frame(frame) if foreign(frame)));
        self.rest = self.rest.get(at + 1..).unwrap_or(&[]);
        line
    }

    /// The next stack with a heading, or that begins without one.
    pub(crate) fn trace(&mut self) -> Option<Vec<String>> {
        let headed = |line: &Line| matches!(line.says, Says::Heading(Heading::Trace | Heading::Registers));
        let begins = self.rest.iter().find(|line| headed(line) || line.says.begins_stack())?;
        if headed(begins) {
            self.skip_past(headed)?;
        }
        self.follow()
    }

    /// The frames that follow, up to the next heading after the first of them.
    fn follow(&mut self) -> Option<Vec<String>> {
        let (mut reliable, mut doubtful): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        let mut torn_after = None;
        let mut seen = 0;
        let mut taken = 0;
        for line in self.rest {
            match &line.says {
                Says::Frame(frame) => {
                    seen += 1;
                    if foreign(frame) && torn_after.is_none() {
                        torn_after = Some(reliable.len());
                    }
                    let names = std::iter::once(&frame.name).chain(&frame.from);
                    let list = if frame.reliable { &mut reliable } else { &mut doubtful };
                    for name in names.map(|name| trace::plain(name)) {
                        let again = frame.from.is_some() && list.last().is_some_and(|last| last == name);
                        if !again && list.len() < MAX_FOUND {
                            list.push(name.to_owned());
                        }
                    }
                }
                Says::Heading(_) if seen > 0 => break,
                _ => {}
            }
            taken += 1;
        }
        if reliable.is_empty() && self.doubtful {
            reliable = doubtful;
        }
        if reliable.is_empty() {
            return None;
        }
        self.rest = self.rest.get(taken..).unwrap_or(&[]);
        self.torn_after = if self.passed { Some(0) } else { self.torn_after.or(torn_after) };
        Some(reliable)
    }
}

/// Faults that are injected print a stack of their own, often right into another.
fn foreign(frame: &Frame) -> bool {
    frame.reliable && frame.name.starts_with("should_fail")
}

/// A walk.
pub(crate) struct Search<'a> {
    /// The header's groups.
    pub(crate) caught: &'a Captures<'a>,
    /// The header and what follows.
    pub(crate) lines: &'a [Line],
}

impl Search<'_> {
    /// The frames found on this way, as far as it went.
    pub(crate) fn walk(&self, way: &[Step], cursor: &mut Cursor<'_>) -> Vec<String> {
        let mut found = Vec::new();
        for step in way {
            if self.step(step, cursor, &mut found).is_none() {
                break;
            }
        }
        found
    }

    fn step(&self, step: &Step, cursor: &mut Cursor<'_>, found: &mut Vec<String>) -> Option<()> {
        match step {
            Step::Named(group) => found.push(trace::plain(self.caught.get(*group)?.as_str()).to_owned()),
            Step::Pointer | Step::PointerFirst => {
                let telling = |line: &&Line| matches!(line.says, Says::Pointer(_) | Says::Heading(_));
                let stack_first =
                    cursor.rest.iter().find(telling).is_none_or(|line| matches!(line.says, Says::Heading(_)));
                if matches!(step, Step::PointerFirst) && stack_first {
                    return None;
                }
                let line = cursor.skip_past(|line| matches!(line.says, Says::Pointer(_)))?;
                if let Says::Pointer(Some(name)) = &line.says {
                    found.push(trace::plain(name).to_owned());
                }
            }
            Step::Trace => found.extend(cursor.trace()?),
            Step::Follow => found.extend(cursor.follow()?),
            Step::Doubtful => {
                let header = self.lines.first()?.body();
                let named = trace::plain(AT.captures(header)?.get(1)?.as_str());
                cursor.skip_past(|line| matches!(line.says, Says::Heading(Heading::Trace)))?;
                let frames = cursor.rest.iter().filter_map(|line| match &line.says {
                    Says::Frame(frame) => Some(trace::plain(&frame.name)),
                    _ => None,
                });
                // The warner itself is printed before the way to it, too.
                let names: Vec<&str> = frames.take(MAX_FOUND).collect();
                let from = names.iter().rposition(|name| *name == named)?;
                found.extend(names.iter().skip(from).map(|name| (*name).to_owned()));
            }
            Step::After(text) => drop(cursor.skip_past(|line| line.body().contains(text))?),
            Step::Locks => {
                let line = cursor.skip_past(|line| LOCK.is_match(line.body()))?;
                let name = LOCK.captures(line.body())?.get(1)?;
                found.push(trace::plain(name.as_str()).to_owned());
            }
            Step::Line(pattern) => {
                let name = self.lines.iter().skip(1).find_map(|line| pattern.captures(line.body())?.get(1))?;
                found.push(trace::plain(name.as_str()).to_owned());
            }
        }
        Some(())
    }
}
