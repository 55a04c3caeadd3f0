//! What a line of a splat says: a stack frame, the instruction pointer, a heading; task and taint; names made equal.

use std::sync::LazyLock;

use regex::Regex;

/// One line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The function as printed, compiler suffixes and all.
    pub(crate) name: String,
    /// Printed without `?`: the unwinder believes in it.
    pub(crate) reliable: bool,
    /// Arm's lines name the caller too: of the last one no other line tells.
    pub(crate) from: Option<String>,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// A stack frame.
    Frame(Frame),
    /// The instruction pointer and the function it was in, if it was in one.
    Pointer(Option<String>),
    /// A stack begins.
    Heading(Heading),
    /// Something else.
    Other,
}

impl Says {
    /// Arm's unwinder prints no heading (to 6.6): its frames, which name their callers, are a stack by themselves.
    pub(crate) fn begins_stack(&self) -> bool {
        matches!(self, Self::Frame(Frame { from: Some(_), .. }))
    }
}

/// Whose stack begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heading {
    /// `Call Trace:`, `Backtrace:`.
    Trace,
    /// `stack backtrace:`: stands above a `Call Trace:` of its own.
    Above,
    /// RISC-V's last line of registers: the stack may follow without a heading.
    Registers,
    /// `Allocated by task 1:`, `Freed by task 1:`: where the memory came from and went.
    History,
}

/// Longest function name kept (`KSYM_NAME_LEN` was 128 to 6.0 and is 512 since; Rust's mangled ones need some of it).
const MAX_NAME: usize = 256;

const SYMBOL: &str = r"([A-Za-z_.][A-Za-z0-9_.$]*|<[A-Za-z_][A-Za-z0-9_:. ,<>&]*)";

fn pattern(text: &str) -> Regex {
    Regex::new(&text.replace("SYMBOL", SYMBOL)).expect("a constant pattern")
}

/// The instruction pointer: `RIP: 0010:[<..>]  [<..>] fn+0x1`, `RIP: 0010:fn+0x1`, `IP: [<..>] fn+0x1`, `EIP is at fn+0x1`,
/// arm's `PC is at fn+0x1` and `pc : fn+0x1`, s390's `Krnl PSW : … (fn+0x1)`, powerpc's `NIP [..] fn+0x1`.
static POINTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ ?(?:(?:RIP|EIP|IP|PC|pc|NIP|epc|--- interrupt)(?: is at|:| :)?(?: [0-9a-f]+ at)? *(?:[0-9a-f]{2,4}:)?(?:\[ *<[^<>]{1,24}>\] *)*|NIP \[[0-9a-f]+\] |Krnl PSW : [0-9a-f ]+\()SYMBOL(?:\+0x[0-9a-f]+| [^ ]+:[0-9]+|$)",
    )
});

/// A pointer into nowhere or into user space.
static POINTER_NOWHERE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ ?(?:RIP|EIP)(?:: [0-9a-f]{2,4}:(?:0x[0-9a-f]|\[<[0-9a-f]+>\] +\[< *\(null\)>\]| +\(null\)|\[< *\(null\)>\])|:? *\[< *\(null\)>\])",
    )
});

/// `Pid: 1, comm: init Not tainted` (to 3.8) and `CPU: 0 PID: 1 Comm: init Tainted: G W` since; 6.12 puts `UID:` between.
static TASK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|, CPU#[0-9]+: |CPU: [0-9]+ (?:UID: [0-9]+ )?)(?:Pid: [0-9]+, comm: |PID: [0-9]+ Comm: )(.{0,64}?) *(?:Not tainted|Tainted: |$)",
    )
});

/// The taint letters: a run of capitals and blanks, then the release, or the words in brackets that 6.12 adds.
static TAINT: LazyLock<Regex> = LazyLock::new(|| pattern(r"Tainted: ([A-Z][A-Z \-]{0,40}?) *(?:[-\[(]|[0-9]|$)"));

/// Endings of source files, for frames of symbolised logs.
const SOURCES: &[&str] = &["c", "h", "S", "rs", "inc", "def", "y", "l"];

/// What the line says.
pub(crate) fn says(line: &str) -> Says {
    let text = line.trim_start_matches(' ');
    match text.as_bytes().first() {
        None => Says::Other,
        Some(b'R' | b'E' | b'I' | b'P' | b'p' | b'N' | b'K' | b'e' | b'-') if let Some(says) = pointer(line) => says,
        Some(b'C' | b'B' | b's' | b'b' | b'A' | b'F' | b'U') if let Some(heading) = heading(text) => {
            Says::Heading(heading)
        }
        // Torn from the line before it.
        Some(_) if text.ends_with("Call Trace:") => Says::Heading(Heading::Trace),
        Some(_) => frame(text).map_or(Says::Other, Says::Frame),
    }
}

fn pointer(line: &str) -> Option<Says> {
    const STARTS: &[&str] = &["RIP", "EIP", "IP", "PC ", "pc ", "NIP", "epc ", "Krnl PSW", "--- interrupt"];
    let text = line.strip_prefix(' ').unwrap_or(line);
    if !STARTS.iter().any(|start| text.starts_with(start)) {
        return None;
    }
    if let Some(caught) = POINTER.captures(line) {
        return Some(Says::Pointer(caught.get(1).map(|name| spelt(name.as_str()))));
    }
    POINTER_NOWHERE.is_match(line).then_some(Says::Pointer(None))
}

fn heading(text: &str) -> Option<Heading> {
    const HEADINGS: &[(&str, Heading)] = &[
        ("Call Trace", Heading::Trace),
        ("Call trace", Heading::Trace),
        ("Backtrace:", Heading::Trace),
        ("backtrace", Heading::Trace),
        ("stack backtrace:", Heading::Above),
        ("Allocated:", Heading::History),
        ("Freed:", Heading::History),
        ("Allocated by task ", Heading::History),
        ("Freed by task ", Heading::History),
        ("Uninit was stored to memory at", Heading::History),
        ("status: ", Heading::Registers),
    ];
    let heading = HEADINGS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, heading)| *heading)?;
    if heading == Heading::Registers && !text.contains(" cause: ") {
        return None;
    }
    // `backtrace (crc 1234):` is kmemleak's since 6.6.
    let colon = text.find(':').is_some_and(|at| at < 60);
    colon.then_some(heading)
}

/// The frame a line holds: ` [<addr>] fn+0x1/0x2` (to 4.9), ` ? fn+0x1/0x2`, arm's `[<addr>] (fn) from …`, and
/// symbolised ones (`fn+0x1/0x2 file.c:12`, `fn file.c:12 [inline]`). Blanks before it are off already.
fn frame(text: &str) -> Option<Frame> {
    let mut rest = text;
    // `<IRQ>`, `</NMI>`, `<<EOE>>`, `<#DB>`, `(`, `[<addr>]`, `[c000000012345678]`, in any number.
    loop {
        let before = rest;
        if let Some(after) = mark(rest) {
            rest = after;
        } else if let Some(after) = address(rest) {
            rest = after;
        }
        rest = rest.trim_start_matches(' ');
        if rest.len() == before.len() {
            break;
        }
    }
    let (reliable, rest) = match rest.strip_prefix("? ") {
        Some(after) => (false, after.trim_start_matches(' ')),
        None => (true, rest),
    };
    let rest = rest.strip_prefix('(').unwrap_or(rest);
    let end = symbol(rest)?;
    let (name, after) = rest.split_at_checked(end)?;
    let from = after.split_once(" from ").and_then(|(_, caller)| {
        let caller = address(caller).unwrap_or(caller).trim_start_matches([' ', '(']);
        // `(null)` is no function.
        caller.get(..symbol(caller)?).filter(|name| *name != "null").map(str::to_owned)
    });
    let fits = after.starts_with("+0x")
        || after.strip_prefix(')').unwrap_or(after).starts_with(" from ")
        || after.strip_prefix(' ').is_some_and(source);
    let unreliable = after.ends_with("(unreliable)");
    (fits && end > 0).then(|| Frame { name: spelt(name), reliable: reliable && !unreliable, from })
}

/// What follows a mark such as `<IRQ>`, and an opening parenthesis.
fn mark(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let inner = inner.strip_prefix('<').unwrap_or(inner);
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let end = inner.find('>')?;
    let name = inner.get(..end)?;
    let capital = name.len() >= 2 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'#' || b.is_ascii_digit());
    capital.then(|| inner.get(end + 1..).unwrap_or("").trim_start_matches('>'))
}

/// What follows `[<addr>]` or `[addr]`.
fn address(text: &str) -> Option<&str> {
    let text = text.strip_prefix('(').unwrap_or(text);
    let inner = text.strip_prefix('[')?.trim_start_matches(' ');
    let inner = inner.strip_prefix('<').unwrap_or(inner);
    let end = inner.find(']').filter(|end| *end <= 26)?;
    let digits = inner.get(..end)?.trim_end_matches('>');
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let hex = digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| inner.get(end + 1..).unwrap_or(""))
}

/// Length of the symbol that begins here. Rust's (`<a::B>::c`) go on to their offset.
fn symbol(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.first()? {
        b'<' => text.find("+0x").filter(|end| *end > 2 && text.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic)),
        b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' => {
            Some(bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || b"_.$".contains(b))).unwrap_or(bytes.len()))
        }
        _ => None,
    }
}

/// Whether the text begins with `dir/file.c:12`.
fn source(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or("");
    let Some((file, line)) = word.split_once(':') else { return false };
    let Some((_, ending)) = file.rsplit_once('.') else { return false };
    SOURCES.contains(&ending) && line.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// The task's name, if the line says it.
pub(crate) fn task(line: &str) -> Option<&str> {
    Some(TASK.captures(line)?.get(1)?.as_str())
}

/// The taint letters as printed, if the line says them.
pub(crate) fn taint(line: &str) -> Option<&str> {
    Some(TAINT.captures(line)?.get(1)?.as_str())
}

/// The name as its source spells it, bounded: Rust's are printed mangled. Their hash differs from build to build.
fn spelt(name: &str) -> String {
    let readable = (name.starts_with("_R") && name.len() <= 512)
        .then(|| rustc_demangle::try_demangle(name).ok())
        .flatten()
        .map(|demangled| format!("{demangled:#}"));
    let name = readable.as_deref().unwrap_or(name);
    let end = (0..=name.len().min(MAX_NAME)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.get(..end).unwrap_or("").to_owned()
}

/// A function's name without what compilers put behind it: `.isra.0`, `.part.4`, `.constprop.1`, `.cold`.
pub(crate) fn plain(name: &str) -> &str {
    if name.starts_with('<') {
        return name.trim_end_matches('+');
    }
    let end = name.char_indices().skip(1).find(|&(_, c)| c == '.').map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or(name)
}

/// [`plain`], and without what syscall wrappers (`__x64_sys_…`, `SyS_…`) put before it: one function, one name over
/// all kernels.
pub(crate) fn normalise(name: &str) -> String {
    /// Entries of a system call, each architecture's own.
    const ENTRIES: &[&str] = &[
        "__x64_compat_sys_",
        "__ia32_compat_sys_",
        "__x64_sys_",
        "__ia32_sys_",
        "__arm64_compat_sys_",
        "__arm64_sys_",
        "__s390x_sys_",
        "__s390_sys_",
        "__riscv_sys_",
        "__loongarch_sys_",
        "compat_SyS_",
        "SyS_",
        "compat_SYSC_",
        "SYSC_",
        "__se_compat_sys_",
        "__do_compat_sys_",
        "__se_sys_",
        "__do_sys_",
    ];
    let name = plain(name);
    match ENTRIES.iter().find_map(|prefix| name.strip_prefix(prefix)) {
        Some(call) => format!("sys_{call}"),
        None => name.to_owned(),
    }
}

/// The name by which syzbot's titles call a function: system calls without what their kind of entry put before
/// them, save that x86_64's and arm64's keep `sys_`.
pub(crate) fn titled(name: &str) -> &str {
    const KEEP_SYS: &[&str] = &["__x64_", "__ia32_", "__arm64_", "__s390x_", "__riscv_"];
    const OFF: &[&str] = &[
        "SYSC_",
        "SyS_",
        "sys_",
        "compat_SYSC_",
        "compat_SyS_",
        "__se_sys_",
        "__do_sys_",
        "____sys_",
        "___sys_",
        "__sys_",
        "ksys_",
    ];
    let name = plain(name);
    let strip = |list: &[&str]| list.iter().find_map(|prefix| name.strip_prefix(prefix));
    strip(KEEP_SYS).or_else(|| strip(OFF)).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_ages() {
        for (line, name, reliable) in [
            (" [<ffffffff810cfdc5>] proc_flush_task+0x85/0x250", "proc_flush_task", true),
            (" [<ffffffff81030210>] ? child_wait_callback+0x0/0x50", "child_wait_callback", false),
            (" <IRQ>  [<ffffffff81656735>] dump_stack+0x19/0x1b", "dump_stack", true),
            (" <<EOE>>  [<ffffffff81656735>] f+0x19/0x1b", "f", true),
            (" proc_register.isra.0+0x182/0x220 [m]", "proc_register.isra.0", true),
            (" ? ret_from_fork+0x1/0x30", "ret_from_fork", false),
            (" __x64_sys_wait4+0x1/0x30", "__x64_sys_wait4", true),
            (" kref_put include/linux/kref.h:70 [inline]", "kref_put", true),
            (" <a::B as c::D>::e+0x1/0x2", "<a::B as c::D>::e", true),
            ("[<c0014990>] (unwind_backtrace+0x0/0xf4) from [<c005ccb8>] (g+0x14/0x18)", "unwind_backtrace", true),
            (" unwind_backtrace from show_stack+0x10/0x14", "unwind_backtrace", true),
            ("[c00000000f0f7a10] [c0000000009d1c2c] dump_stack+0xb0/0xf0 (unreliable)", "dump_stack", false),
        ] {
            let Says::Frame(frame) = says(line) else { panic!("{line}") };
            assert_eq!((frame.name.as_str(), frame.reliable), (name, reliable), "{line}");
        }
        for line in [
            "Modules linked in: dummy",
            "RSP: 0018:ffff88001f837d38",
            " ffff88001f837d7b 0000000000000001",
            "CR2: 0040",
            "",
        ] {
            assert_eq!(says(line), Says::Other, "{line}");
        }
    }

    #[test]
    fn pointers_of_all_ages() {
        for line in [
            "RIP: 0010:[<ffffffff810a8072>]  [<ffffffff810a8072>] d_lookup+0x52/0x90",
            "RIP  [<ffffffff810a8072>] d_lookup+0x52/0x90",
            "IP: [<ffffffff810a8072>] d_lookup+0x52/0x90",
            "RIP: 0010:d_lookup+0x52/0x90 [m]",
            "RIP: 0010:d_lookup fs/dcache.c:12 [inline]",
            "EIP is at d_lookup+0x3/0x5",
            "PC is at d_lookup+0x3/0x5",
            "pc : d_lookup+0x3/0x5",
        ] {
            assert_eq!(says(line), Says::Pointer(Some("d_lookup".to_owned())), "{line}");
        }
        for line in ["RIP: 0033:0x7f0011223344", "RIP: 0010:          (null)"] {
            assert_eq!(says(line), Says::Pointer(None), "{line}");
        }
        assert_eq!(says("EIP: 0060:[<f8e40765>] EFLAGS: 00210246 CPU: 1"), Says::Other);
    }

    #[test]
    fn names_are_the_same_over_all_kernels() {
        for name in
            ["sys_wait4", "SyS_wait4", "SYSC_wait4", "__x64_sys_wait4", "__se_sys_wait4.isra.0", "__arm64_sys_wait4"]
        {
            assert_eq!(normalise(name), "sys_wait4");
        }
        assert_eq!(normalise("f.part.8.cold"), "f");
        for (name, title) in [("__x64_sys_wait4", "sys_wait4"), ("compat_SyS_mount", "mount"), ("sys_rmdir", "rmdir")] {
            assert_eq!(titled(name), title);
        }
    }

    #[test]
    fn task_and_taint_of_all_ages() {
        for (line, name, letters) in [
            ("Pid: 15, comm: init Tainted: G        W   2.6.38 #1", Some("init"), Some("G        W")),
            ("CPU: 0 PID: 147 Comm: busy box Not tainted 6.1.0", Some("busy box"), None),
            ("CPU: 0 UID: 0 PID: 9 Comm: sh Tainted: G        W  E      6.12.1 #1", Some("sh"), Some("G        W  E")),
            ("CPU: 0 PID: 9 Comm: sh Tainted: GF          O--------------   3.10.0", Some("sh"), Some("GF          O")),
            ("Tainted: [W]=WARN, [E]=UNSIGNED_MODULE", None, None),
        ] {
            assert_eq!((task(line), taint(line)), (name, letters), "{line}");
        }
    }
}
