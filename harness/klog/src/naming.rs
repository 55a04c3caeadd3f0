//! A collected splat into a report: the rule that holds, the function to blame, the title, the signature.

use std::sync::LazyLock;

use regex::Regex;

use crate::lines::Line;
use crate::machinery::{Lists, MACHINERY};
use crate::open::Open;
use crate::report::{Report, StackFrame};
use crate::rule::{Choose, Rule, Trust};
use crate::rules::{self, Compiled, Step};
use crate::search::{Cursor, Search};
use crate::table::SAME_BUG;
use crate::trace::{self, Heading, Says};
use crate::wording;

/// Most frames a report lists.
const MAX_FRAMES: usize = 64;
/// Most frames of the stack as printed.
const MAX_STACK: usize = 256;
/// Most bytes of text a report carries.
const MAX_TEXT: usize = 64 * 1024;
/// Frames that make a signature: enough to tell callers apart, few enough to outlive inlining.
const SIGNATURE_FRAMES: usize = 3;
/// Lines after a heading among which its first frame must stand.
const FRAMES_WITHIN: usize = 40;

/// The access a checker saw.
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:^|[^a-z])([Rr]ead|[Ww]rite) (?:of size|at addr)").expect("a constant pattern"));

/// What a rule makes of a splat.
struct Reading {
    rule: &'static Rule,
    title: String,
    alternatives: Vec<String>,
    blamed: Vec<String>,
    corrupted: bool,
}

/// Makes the report of a collected splat.
pub(crate) fn report(open: &Open) -> Report {
    let lines = open.lines.as_slice();
    let reading = read(open, lines);
    let mut text = String::new();
    for line in lines.iter().take(open.belonging) {
        if text.len() + line.text.len() > MAX_TEXT {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&line.text);
    }
    let find = |word: &str, say: fn(&str) -> Option<&str>| {
        let mut telling = lines.iter().filter(|line| line.says == Says::Other && line.body().contains(word));
        telling.find_map(|line| say(line.body())).map(str::to_owned)
    };
    Report {
        kind: reading.rule.kind.to_owned(),
        severity: open.severity,
        signature: signature(&reading),
        title: reading.title,
        alternatives: reading.alternatives,
        corrupted: reading.corrupted,
        stack: stack(lines),
        frames: reading.blamed,
        benign: None,
        taint: find("Tainted: ", trace::taint),
        task: find("omm: ", trace::task),
        text,
    }
}

/// The first rule that fits the header and holds; where none does, the header's own words.
fn read(open: &Open, lines: &[Line]) -> Reading {
    let after = lines.get(open.header..).unwrap_or(lines);
    let header = after.first().map_or("", Line::body);
    let mut fallen = false;
    for compiled in rules::fitting_from(open.rule, header) {
        if let Some(reading) = hold(compiled, header, after) {
            return Reading {
                corrupted: reading.corrupted || (fallen && reading.rule.trust != Trust::Bare),
                ..reading
            };
        }
        fallen = true;
    }
    let start = rules::fitting_from(open.rule, header)
        .next()
        .and_then(|compiled| compiled.header.find(header))
        .map_or(0, |m| m.start());
    let words = header.get(start..).unwrap_or(header);
    Reading {
        rule: open.rule,
        title: wording::sanitise(words),
        alternatives: Vec::new(),
        blamed: Vec::new(),
        corrupted: true,
    }
}

/// What the rule makes of it; nothing if its detail is missing.
fn hold(compiled: &'static Compiled, header: &str, after: &[Line]) -> Option<Reading> {
    let rule = compiled.rule;
    let caught = compiled.header.captures(header)?;
    let mut detail = String::new();
    if let Some(pattern) = &compiled.detail {
        let found = after.iter().skip(1).find_map(|line| pattern.captures(line.body()))?;
        detail = found.get(1).map_or_else(String::new, |m| m.as_str().to_owned());
    }
    let skip = [&MACHINERY.reporting, &compiled.skip];
    let locks = |way: &Vec<Step>| way.iter().any(|step| matches!(step, Step::Locks));
    let mut blamed = None;
    // Frames marked `?` are a last resort, for kernels that print no others.
    let ways = |doubtful| compiled.look.iter().map(move |way: &Vec<Step>| (way, doubtful));
    let doubted = without_frame_pointers(after);
    for (way, doubtful) in ways(false).chain(ways(true).take_while(|_| doubted)) {
        let mut cursor = if doubtful { Cursor::doubtful(after) } else { Cursor::new(after) };
        let found = (Search { caught: &caught, lines: after }).walk(way, &mut cursor);
        if let Some(at) = choose(rule.choose, &found, &skip) {
            let torn = cursor.torn_after.is_some_and(|after| at.0 >= after);
            // Locks and where they were taken are no stack: the one that is named is looked up in the stack.
            let found = if locks(way) { found.into_iter().skip(at.0).take(1).collect() } else { found };
            blamed = Some(((if locks(way) { 0 } else { at.0 }, at.1), found, torn));
            break;
        }
    }
    let torn = blamed.as_ref().is_some_and(|(_, _, torn)| *torn);
    let mut raw = String::new();
    let names = match blamed {
        Some(((at, known_as), found, false)) => {
            raw = known_as.or_else(|| found.get(at).map(String::as_str)).unwrap_or("").to_owned();
            frames_from(at, known_as, &found, after)
        }
        _ => Vec::new(),
    };
    if names.is_empty() && !torn && compiled.look.iter().any(locks) {
        return None;
    }
    let wants = rule.title.contains("{at}");
    let corrupted = torn
        || in_unnamed_module(after)
        || rule.trust == Trust::Never
        || (wants && names.is_empty())
        || (rule.trust == Trust::Stack && !trustworthy(after));
    let access = if rule.title.contains("{access}") { access(after) } else { "" };
    let fill = |format: &str, at: &str| {
        wording::fill(format, &caught, &[("{at}", at), ("{access}", access), ("{detail}", &detail)])
    };
    let at = if raw.is_empty() { "corrupted" } else { trace::titled(&raw) };
    let title = fill(rule.title, at);
    let mut alternatives = Vec::new();
    let mut called = vec![at, raw.as_str(), names.first().map_or(at, String::as_str)];
    called.retain(|name| !name.is_empty());
    called.dedup();
    for (number, name) in called.iter().enumerate() {
        for format in [rule.title, rule.wider].into_iter().filter(|format| format.contains("{at}")) {
            let itself = number == 0 && format == rule.title;
            let other = if itself { continue } else { fill(format, name) };
            if other != title && !alternatives.contains(&other) {
                alternatives.push(other);
            }
        }
    }
    Some(Reading { rule, title, alternatives, blamed: names, corrupted })
}

/// `Read` or `Write`, as a checker says it.
fn access(after: &[Line]) -> &'static str {
    let said = after.iter().skip(1).find_map(|line| ACCESS.captures(line.body())?.get(1).map(|m| m.as_str()));
    match said {
        Some("Read" | "read") => "Read",
        Some(_) => "Write",
        None => "",
    }
}

/// Which of the frames is to blame, and the name it is known by if that is another.
fn choose(how: Choose, found: &[String], skip: &[&Lists; 2]) -> Option<(usize, Option<&'static str>)> {
    let innocent = |name: &str| skip.iter().any(|list| list.names(name));
    let met = |shared: &dyn Fn(&str) -> Option<&'static str>| {
        found.iter().enumerate().find_map(|(at, name)| Some((at, Some(shared(name)?))))
    };
    match how {
        Choose::Innermost => Some((found.iter().position(|name| !innocent(name))?, None)),
        Choose::Waiter => met(&|name| MACHINERY.shared(name))
            .or_else(|| Some((found.iter().position(|name| !innocent(name) && !MACHINERY.waiting.names(name))?, None))),
        Choose::Entry => {
            let mut last = None;
            for (at, name) in found.iter().enumerate().filter(|(_, name)| !innocent(name)) {
                if let Some(known_as) = MACHINERY.shared_stall(name) {
                    return Some((at, Some(known_as)));
                }
                if MACHINERY.callers.names(name) {
                    return Some((last.unwrap_or(at), None));
                }
                last = Some(at);
            }
            None
        }
    }
}

/// The frames from the blamed one on, innermost first. One that was named beside the stack is looked up in it.
fn frames_from(at: usize, known_as: Option<&str>, found: &[String], after: &[Line]) -> Vec<String> {
    let mut names: Vec<String> = found.iter().skip(at).map(|name| trace::normalise(name)).collect();
    if names.len() <= 1
        && let Some(first) = names.first().cloned()
    {
        let mut cursor = Cursor::new(after);
        let rest = cursor.trace().unwrap_or_default();
        let rest = rest.iter().map(|name| trace::normalise(name));
        let later: Vec<String> = rest.skip_while(|name| *name != first).collect();
        if later.len() > 1 {
            names = later;
        }
    }
    if let (Some(first), Some(known_as)) = (names.first_mut(), known_as) {
        known_as.clone_into(first);
    }
    names.dedup();
    names.truncate(MAX_FRAMES);
    names
}

/// Whether there is a stack, and frames under the first heading of each sort.
fn trustworthy(after: &[Line]) -> bool {
    let framed = |line: &Line| matches!(line.says, Says::Frame(_)) || line.body().contains("(stack is not available)");
    let mut stacks = after.iter().any(|line| line.says.begins_stack());
    let mut checked = Vec::new();
    for (at, line) in after.iter().enumerate() {
        let Says::Heading(heading) = line.says else { continue };
        stacks |= heading != Heading::History;
        let sort = (heading, line.body().trim_start().as_bytes().first());
        if matches!(heading, Heading::Above | Heading::Registers) || checked.contains(&sort) {
            continue;
        }
        checked.push(sort);
        let below = after.iter().skip(at + 1).take(FRAMES_WITHIN);
        if !below.take_while(|line| !matches!(line.says, Says::Heading(_))).any(framed) {
            return false;
        }
    }
    stacks
}

/// Whether the instruction pointer was in a module whose functions nobody could name (`0xffffffffc0301234 [veth]`, as
/// logs are rewritten that had addresses only): who is found in the stack only called it.
fn in_unnamed_module(after: &[Line]) -> bool {
    let unnamed = |line: &Line| {
        let body = line.body().trim();
        body.ends_with(']') && [":0xffffffff", ">] 0xffffffff"].iter().any(|address| body.contains(address))
    };
    let before = after.iter().take_while(|line| !matches!(line.says, Says::Heading(_)));
    let mut pointers = before.filter(|line| ["RIP: ", "IP: "].iter().any(|start| line.body().starts_with(start)));
    pointers.next().is_some_and(unnamed)
}

/// Whether the kernel marks every frame `?`: to 4.9 (the last with addresses) those built without frame pointers do, such
/// as Debian's. Later ones unwind without.
fn without_frame_pointers(after: &[Line]) -> bool {
    let mut frames = after.iter().filter_map(|line| match &line.says {
        Says::Frame(frame) => Some(!frame.reliable && line.body().contains("[<")),
        _ => None,
    });
    let first = frames.next();
    first == Some(true) && frames.all(|doubted| doubted)
}

/// The first stack as printed, every frame of it.
fn stack(lines: &[Line]) -> Vec<StackFrame> {
    let headed = |line: &Line| matches!(line.says, Says::Heading(Heading::Trace | Heading::Above));
    let from = lines.iter().position(headed).map_or(0, |at| at + 1);
    // To 4.9 the line of the instruction pointer is written as a frame is, with its address: the innermost of an oops.
    let old = |line: &&Line| line.body().contains("[<") || line.body().starts_with("EIP is at");
    let pointer = lines.iter().take(from).filter(old).find_map(|line| match &line.says {
        Says::Pointer(name) => name.clone(),
        _ => None,
    });
    let old_pointer = pointer.is_some();
    let mut stack: Vec<StackFrame> =
        pointer.map(|function| StackFrame { function, reliable: true }).into_iter().collect();
    for line in lines.iter().skip(from) {
        match &line.says {
            Says::Frame(frame) => {
                for function in std::iter::once(&frame.name).chain(&frame.from) {
                    let again = frame.from.is_some()
                        && stack.last().is_some_and(|last: &StackFrame| last.function == *function);
                    if !again {
                        stack.push(StackFrame { function: function.clone(), reliable: frame.reliable });
                    }
                }
            }
            Says::Heading(_) if stack.len() > usize::from(old_pointer) => break,
            _ => {}
        }
        if stack.len() >= MAX_STACK {
            break;
        }
    }
    stack
}

fn signature(reading: &Reading) -> String {
    let rule = reading.rule;
    let family = SAME_BUG.iter().find(|(_, kinds)| kinds.contains(&rule.kind)).map_or(rule.kind, |(family, _)| *family);
    let most = if rule.choose == Choose::Entry { 1 } else { SIGNATURE_FRAMES };
    let telling = |name: &&str| !MACHINERY.lowest.names(name) && !MACHINERY.reporting.names(name);
    let mut frames: Vec<&str> = Vec::new();
    for name in reading.blamed.iter().map(String::as_str).filter(telling) {
        if frames.last() != Some(&name) {
            frames.push(name);
        }
        if frames.len() == most {
            break;
        }
    }
    match (frames.is_empty(), reading.blamed.first()) {
        (false, _) => format!("{family}:{}", frames.join(":")),
        (true, Some(first)) => format!("{family}:{first}"),
        (true, None) => format!("{family}:{}", reading.title),
    }
}
