//! A collected splat into a report: stack, function to blame, title, signature.

use std::sync::LazyLock;

use regex::Regex;

use crate::Report;
use crate::lines::Line;
use crate::machinery::{ENTRIES, ENTRIES_FOR_ALL, LOWEST, REPORTING, WAITING, WATCHING, lists};
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
    Regex::new(r" at: (?:\[<[0-9a-f]+>\] ?)*([A-Za-z_][A-Za-z0-9_.]*)(?:\+0x| )").expect("a constant pattern")
});

/// KASAN's `Read of size 8 at addr …`.
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(Read|Write|read|write) (?:of size|at 0x)").expect("a constant pattern"));

/// What differs from run to run in a title.
static VARYING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"0x[0-9a-f]+|[0-9a-f]{8,16}").expect("a constant pattern"));

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
    let seen = see(lines, open.caller.as_deref());
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
fn see(lines: &[Line], caller: Option<&str>) -> Seen {
    let mut seen = Seen::default();
    let (mut stacks, mut in_stack) = (0, false);
    let mut locking = false;
    for line in lines {
        if caller.is_some() && line.caller.is_some() && line.caller.as_deref() != caller {
            continue;
        }
        let body = line.body();
        let set = |place: &mut Option<String>, value: Option<&str>| {
            if place.is_none() {
                *place = value.map(str::to_owned);
            }
        };
        set(&mut seen.task, trace::task(body));
        set(&mut seen.taint, trace::taint(body));
        set(&mut seen.access, ACCESS.captures(body).and_then(|c| c.get(1)).map(|m| m.as_str()));
        if let Some(name) = NAMED.captures(body).and_then(|c| c.get(1)) {
            set(&mut seen.named, Some(&trace::normalise(name.as_str())));
        }
        locking |= body.contains("trying to acquire")
            || body.contains("inconsistent {")
            || body.contains("takes:")
            || body.contains("trying to lock");
        if locking && let Some(name) = LOCK.captures(body).and_then(|c| c.get(1)) {
            set(&mut seen.lock, Some(&trace::normalise(name.as_str())));
        }
        if let Some(name) = trace::pointer(body) {
            // Registers in the middle of a stack: what stands above them is the trap's own way here.
            if in_stack && stacks == 1 && seen.pointer.is_none() {
                seen.stack.clear();
                seen.stack.push(Frame { name: name.clone(), reliable: true });
            }
            set(&mut seen.pointer, Some(&name));
            continue;
        }
        let word = body.trim_start();
        if word.starts_with("Call Trace")
            || word.starts_with("Call trace")
            || word.starts_with("Backtrace")
            || word.starts_with("stack backtrace")
            || word.starts_with("backtrace")
        {
            // `stack backtrace:` is a heading of its own above `Call Trace:`.
            stacks += u32::from(!in_stack || !seen.stack.is_empty());
            in_stack = true;
        } else if let Some(frame) = trace::frame(body) {
            if in_stack && stacks == 1 && seen.stack.len() < 4 * MAX_FRAMES {
                seen.stack.push(frame);
            }
        } else if in_stack
            && (word.starts_with("Code:")
                || word.starts_with("---[")
                || word.starts_with("RIP: 00")
                || word.starts_with("Allocated by"))
        {
            in_stack = false;
        }
    }
    seen
}

/// The frames from the function to blame on, innermost first; empty where there is none to be had.
fn blamed(blame: Blame, seen: &Seen) -> Vec<String> {
    let mut stack: Vec<String> = seen.stack.iter().filter(|f| f.reliable).map(|f| f.name.clone()).collect();
    if stack.is_empty() {
        stack = seen.stack.iter().map(|f| f.name.clone()).collect();
    }
    let first = match blame {
        Blame::Pointer => seen.named.as_ref().or(seen.pointer.as_ref()),
        Blame::Lock => seen.lock.as_ref(),
        Blame::Stack | Blame::Stall | Blame::Nobody => None,
    };
    if let Some(first) = first {
        match stack.iter().position(|name| name == first) {
            Some(at) => drop(stack.drain(..at)),
            None => {
                let from = stack.iter().position(|name| !lists(REPORTING, name)).unwrap_or(0);
                stack.drain(..from);
                stack.insert(0, first.clone());
            }
        }
    }
    let from = match blame {
        Blame::Stall => stall(&stack),
        Blame::Stack => stack.iter().position(|n| !lists(REPORTING, n) && !lists(WAITING, n)),
        _ => stack.iter().position(|n| !lists(REPORTING, n)),
    };
    stack.drain(..from.unwrap_or(0));
    stack.truncate(MAX_FRAMES);
    stack
}

/// Where a stall is laid: at the entry it happened under, or just below one that serves anyone.
fn stall(stack: &[String]) -> Option<usize> {
    let idle = |n: &String| lists(REPORTING, n) || lists(WATCHING, n);
    let top = stack.iter().position(|n| !idle(n))?;
    for (at, name) in stack.iter().enumerate().skip(top) {
        if lists(ENTRIES, name) {
            let before = lists(ENTRIES_FOR_ALL, name) && at > top;
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
