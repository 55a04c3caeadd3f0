//! A collected splat into a report: stack, function to blame, title, signature.

use std::sync::LazyLock;

use regex::Regex;

use crate::Report;
use crate::lines::Line;
use crate::machinery::{ENTRIES, ENTRIES_FOR_ALL, HELPERS, LOWEST, REPORTING, WAITING, WATCHING, lists};
use crate::rules::{Blame, SAME_BUG};
use crate::stream::Open;
use crate::trace::{self, Frame};

/// Most frames a report lists.
const MAX_FRAMES: usize = 64;
/// Frames that make a signature: enough to tell callers apart, few enough to outlive inlining.
const SIGNATURE_FRAMES: usize = 3;
/// Longest title.
const MAX_TITLE: usize = 160;

/// The function a header itself names: `WARNING: … at file:line fn+0x1`, `WARNING: file:line at fn+0x1`, `BUG: KASAN: … in fn+0x1`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:WARNING: (?:.* )?at (?:[^ ]+:[0-9]+ )?|BUG: K[A-Z]+: [a-zA-Z :-]+ (?:in|on) )([A-Za-z_<][A-Za-z0-9_.:<>]*)(?:\+0x| |$)")
        .expect("a constant pattern")
});

/// Lockdep's `at: [<addr>] fn+0x1/0x2`.
static LOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r" at: (?:\[<[0-9a-f]+>\] *)*([A-Za-z_][A-Za-z0-9_.]*)(?:\+0x| )").expect("a constant pattern")
});

/// KASAN's `Read of size 8 at addr …`.
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(Read|Write|read|write) (?:of size|at addr)").expect("a constant pattern"));

/// What differs from run to run in a title.
static VARYING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"0x[0-9a-f]+|[0-9a-f]{8,16}").expect("a constant pattern"));

/// Lockdep is about to say where the lock was being taken.
static LOCKING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("trying to (?:acquire|lock)|inconsistent [{]|takes:").expect("a constant pattern"));

/// What stands above a stack.
const HEADINGS: &[&str] = &["Call Trace", "Call trace", "Backtrace", "stack backtrace", "backtrace"];
/// What ends one that has no blank line after it.
const ENDINGS: &[&str] = &[
    "RIP  [<",
    "EIP: [<",
    "---[",
    "RIP: 0033",
    "RIP: 0023",
    "Allocated by",
    "Freed by",
    "Uninit was",
    "Modules linked in",
];
/// Kinds that print their first stack without a heading.
const UNHEADED: &[&str] = &["KMSAN", "KCSAN", "KFENCE"];
/// Most stacks read of one splat.
const MAX_STACKS: usize = 8;
/// Marks, in a stack, that the registers of a trap stood there; no function is called that.
const POINTED: &str = "(registers)";

/// What the lines of a splat say.
#[derive(Debug, Default)]
struct Seen {
    named: Option<String>,
    pointer: Option<String>,
    lock: Option<String>,
    access: Option<String>,
    stack: Vec<Frame>,
    task: Option<String>,
    taint: Option<String>,
}

/// Makes the report of a collected splat.
pub(crate) fn report(open: &Open) -> Report {
    let lines = open.lines.get(..open.belonging).unwrap_or(&open.lines);
    let seen = see(open, &open.lines);
    let stack = blamed(open.rule.blame, &seen);
    let at = stack.first().map(String::as_str);
    let title = title(open, &seen, at);
    let text = lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("\n");
    Report {
        kind: open.rule.kind.to_owned(),
        severity: open.severity,
        signature: signature(open, &stack, &title),
        title,
        corrupted: at.is_none() && open.rule.blame != Blame::Nobody && open.rule.title.contains("{at}"),
        frames: stack,
        taint: seen.taint,
        task: seen.task,
        text,
    }
}

/// Reads the lines, those of other callers (mixed in by other CPUs) left out.
fn see(open: &Open, lines: &[Line]) -> Seen {
    let mut seen = Seen::default();
    let mut stacks = Stacks::new(UNHEADED.contains(&open.rule.kind));
    let mut locking = false;
    let keep = |place: &mut Option<String>, value: Option<&str>| {
        if place.is_none() {
            *place = value.map(str::to_owned);
        }
    };
    let ours = |line: &&Line| open.caller.is_none() || line.caller.is_none() || line.caller == open.caller;
    for line in lines.iter().filter(ours) {
        let body = line.body();
        keep(&mut seen.task, trace::task(body));
        keep(&mut seen.taint, trace::taint(body));
        keep(&mut seen.access, ACCESS.captures(body).and_then(|c| c.get(1)).map(|m| m.as_str()));
        keep(&mut seen.named, group(&NAMED, body).as_deref());
        locking |= LOCKING.is_match(body);
        if locking {
            keep(&mut seen.lock, group(&LOCK, body).as_deref());
        }
        if let Some(name) = trace::pointer(body) {
            // Registers printed before the stack belong to what the stack shows; in the middle they are the trap's.
            if seen.pointer.is_none() {
                stacks.pointer(&name);
            }
            keep(&mut seen.pointer, Some(&name));
        } else {
            stacks.line(body);
        }
    }
    seen.stack = stacks.pick(open.rule.blame);
    seen
}

fn group(pattern: &Regex, text: &str) -> Option<String> {
    Some(trace::normalise(pattern.captures(text)?.get(1)?.as_str()))
}

/// The stacks of a splat, in order.
struct Stacks {
    all: Vec<Vec<Frame>>,
    inside: bool,
    unheaded: bool,
}

impl Stacks {
    fn new(unheaded: bool) -> Self {
        Self { all: Vec::new(), inside: false, unheaded }
    }

    fn line(&mut self, body: &str) {
        let word = body.trim_start();
        if HEADINGS.iter().any(|heading| word.starts_with(heading)) {
            // `stack backtrace:` stands above a `Call Trace:` of its own.
            self.begin();
        } else if let Some(frame) = trace::frame(body) {
            if !self.inside && self.unheaded && self.all.is_empty() {
                self.begin();
            }
            if self.inside
                && let Some(stack) = self.all.last_mut()
                && stack.len() < 4 * MAX_FRAMES
            {
                stack.push(frame);
            }
        } else if self.inside && ENDINGS.iter().any(|ending| word.starts_with(ending)) {
            self.inside = false;
        }
    }

    fn begin(&mut self) {
        if self.all.len() < MAX_STACKS && self.all.last().is_none_or(|stack| !stack.is_empty()) {
            self.all.push(Vec::new());
            self.inside = true;
        } else {
            self.inside = self.all.last().is_some_and(Vec::is_empty);
        }
    }

    /// Registers in the middle of a stack: what stands above them is the trap's own way here.
    fn pointer(&mut self, name: &str) {
        if self.inside
            && let Some(stack) = self.all.last_mut()
            && !stack.iter().any(|frame| frame.name == POINTED)
        {
            stack.push(Frame { name: POINTED.to_owned(), reliable: true });
            stack.push(Frame { name: name.to_owned(), reliable: true });
        }
    }

    /// The stack that counts: the first; for a stall the first that is not the watcher's own.
    fn pick(self, blame: Blame) -> Vec<Frame> {
        let watcher = |stack: &Vec<Frame>| stack.iter().any(|frame| frame.name == "rcu_gp_kthread");
        let mut stacks = self.all.into_iter().filter(|stack| !stack.is_empty());
        let mut stack = if blame == Blame::Stall { stacks.find(|stack| !watcher(stack)) } else { stacks.next() }
            .unwrap_or_default();
        if let Some(at) = stack.iter().position(|frame| frame.name == POINTED) {
            stack.drain(..=at);
        }
        stack
    }
}

/// The frames from the function to blame on, innermost first; empty where there is none to be had.
fn blamed(blame: Blame, seen: &Seen) -> Vec<String> {
    let mut stack: Vec<String> = seen.stack.iter().filter(|f| f.reliable).map(|f| f.name.clone()).collect();
    if stack.is_empty() {
        stack = seen.stack.iter().map(|f| f.name.clone()).collect();
    }
    // 2.6.38 prints the warner itself before these, too.
    stack.retain(|name| !name.starts_with("warn_slowpath") && !name.starts_with("dump_stack"));
    stack.dedup();
    let first = match blame {
        Blame::Pointer => seen.named.as_ref().or(seen.pointer.as_ref()),
        Blame::Lock => seen.lock.as_ref(),
        Blame::Stack | Blame::Stall | Blame::Nobody => None,
    };
    if let Some(first) = first {
        match stack.iter().position(|name| name == first) {
            Some(at) => drop(stack.drain(..at)),
            None => {
                let from = stack.iter().position(|name| !lists(REPORTING, name)).unwrap_or(stack.len());
                stack.drain(..from);
                stack.insert(0, first.clone());
            }
        }
    }
    let innocent = |name: &str| lists(REPORTING, name) || lists(HELPERS, name);
    let from = match blame {
        Blame::Stall => stall(&stack),
        Blame::Stack => stack.iter().position(|n| !innocent(n) && !lists(WAITING, n)),
        _ => stack.iter().position(|n| !innocent(n) && !lists(LOWEST, n)),
    };
    // Where all is machinery, the function the header or the registers name is better than none.
    let from = from.unwrap_or(if first.is_some() { 0 } else { stack.len() });
    stack.drain(..from);
    stack.truncate(MAX_FRAMES);
    stack
}

/// Where a stall is laid: at the entry it happened under, or just below one that serves anyone.
fn stall(stack: &[String]) -> Option<usize> {
    let idle = |n: &String| lists(REPORTING, n) || lists(WATCHING, n);
    let top = stack.iter().position(|n| !idle(n))?;
    if let Some(at) = stack.iter().position(|n| n.starts_with("smp_call_function")) {
        return Some(at);
    }
    for (at, name) in stack.iter().enumerate().skip(top) {
        if lists(ENTRIES, name) {
            let before =
                lists(ENTRIES_FOR_ALL, name) && at > top && stack.get(at - 1).is_some_and(|n| !lists(REPORTING, n));
            return Some(if before { at - 1 } else { at });
        }
    }
    Some(top)
}

fn title(open: &Open, seen: &Seen, at: Option<&str>) -> String {
    let mut title = open.rule.title.to_owned();
    for (number, group) in open.groups.iter().enumerate().skip(1) {
        let group = group.split(" exitcode=").next().unwrap_or("").trim_end_matches([' ', '.']);
        title = title.replace(&format!("{{{number}}}"), &VARYING.replace_all(group, "ADDR"));
    }
    let access = match seen.access.as_deref() {
        Some("Read" | "read") => " Read",
        Some(_) => " Write",
        None => "",
    };
    title = title.replace("{access}", access).replace("{at}", at.unwrap_or("corrupted"));
    if let Some((end, _)) = title.char_indices().nth(MAX_TITLE) {
        title.truncate(end);
    }
    title
}

fn signature(open: &Open, stack: &[String], title: &str) -> String {
    let kind = open.rule.kind;
    let family = SAME_BUG.iter().find(|(_, kinds)| kinds.contains(&kind)).map_or(kind, |(family, _)| *family);
    let most = if open.rule.blame == Blame::Stall { 1 } else { SIGNATURE_FRAMES };
    let frames: Vec<&str> = stack.iter().map(String::as_str).filter(|n| !lists(LOWEST, n)).take(most).collect();
    if frames.is_empty() || open.rule.blame == Blame::Nobody {
        format!("{family}:{title}")
    } else {
        format!("{family}:{}", frames.join(":"))
    }
}
