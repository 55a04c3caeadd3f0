//! Lines of a splat into what they say: stack frames, the instruction pointer, task and taint.

use std::sync::LazyLock;

use regex::Regex;

/// One line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The function, normalised.
    pub(crate) name: String,
    /// Printed without `?`: the unwinder believes in it.
    pub(crate) reliable: bool,
}

/// Longest function name kept (`KSYM_NAME_LEN` was 128 to 6.0 and is 512 since; Rust's mangled ones need some of it).
const MAX_NAME: usize = 256;

const SYMBOL: &str = r"([A-Za-z_.][A-Za-z0-9_.$]*|<[A-Za-z_][A-Za-z0-9_:. ,<>&]*)";

fn pattern(text: &str) -> Regex {
    Regex::new(&text.replace("SYMBOL", SYMBOL)).expect("a constant pattern")
}

/// A stack line: ` [<addr>] fn+0x1/0x2` (to 4.9), ` ? fn+0x1/0x2`, arm's `[<addr>] (fn) from …`, and symbolised
/// ones (`fn+0x1/0x2 file.c:12`, `fn file.c:12 [inline]`).
static FRAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ *(?:<{1,2}/?[A-Z#][A-Z0-9]{1,9}>{1,2} *)*\(?(?:\[ *<[^<>]{1,24}>\] ?)* *(\? )?\(?SYMBOL(?:\+0x[0-9a-f]+|\)? from [\[a-zA-Z_]| [^ ]+\.(?:c|h|S|rs|inc|def|y|l):[0-9]+)",
    )
});

/// The instruction pointer: `RIP: 0010:[<..>]  [<..>] fn+0x1`, `RIP: 0010:fn+0x1`, `IP: [<..>] fn+0x1`, `EIP is at fn+0x1`,
/// arm's `PC is at fn+0x1` and `pc : fn+0x1`, s390's `Krnl PSW : … (fn+0x1)`.
static POINTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^ ?(?:(?:RIP|EIP|IP|PC|pc|NIP|epc)(?: is at|:| :)? *(?:[0-9a-f]{2,4}:)?(?:\[ *<[^<>]{1,24}>\] *)*|NIP \[[0-9a-f]+\] |Krnl PSW : [0-9a-f ]+\()SYMBOL(?:\+0x[0-9a-f]+| [^ ]+:[0-9]+|$)",
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

/// The frame a line holds, if it holds one.
pub(crate) fn frame(line: &str) -> Option<Frame> {
    let caught = FRAME.captures(line)?;
    Some(Frame { name: normalise(caught.get(2)?.as_str()), reliable: caught.get(1).is_none() })
}

/// The function the instruction pointer was in, if the line says it.
pub(crate) fn pointer(line: &str) -> Option<String> {
    Some(normalise(POINTER.captures(line)?.get(1)?.as_str()))
}

/// The task's name, if the line says it.
pub(crate) fn task(line: &str) -> Option<&str> {
    Some(TASK.captures(line)?.get(1)?.as_str())
}

/// The taint letters as printed, if the line says them.
pub(crate) fn taint(line: &str) -> Option<&str> {
    Some(TAINT.captures(line)?.get(1)?.as_str())
}

/// A function's name without what compilers (`.isra.0`, `.part.4`, `.constprop.1`, `.cold`) and syscall wrappers
/// (`__x64_sys_…`, `SyS_…`) put around it: one function, one name over all kernels.
pub(crate) fn normalise(name: &str) -> String {
    let name = name.get(..MAX_NAME).unwrap_or(name);
    if name.starts_with('<') {
        return name.trim_end_matches('+').to_owned();
    }
    let end = name.char_indices().skip(1).find(|&(_, c)| c == '.').map_or(name.len(), |(at, _)| at);
    let name = name.get(..end).unwrap_or(name);
    for prefix in [
        "__x64_compat_sys_",
        "__ia32_compat_sys_",
        "__x64_sys_",
        "__ia32_sys_",
        "__arm64_sys_",
        "__s390x_sys_",
        "__riscv_sys_",
    ] {
        if let Some(call) = name.strip_prefix(prefix) {
            return format!("sys_{call}");
        }
    }
    for prefix in ["compat_SyS_", "SyS_"] {
        if let Some(call) = name.strip_prefix(prefix) {
            return format!("sys_{call}");
        }
    }
    for prefix in ["compat_SYSC_", "SYSC_", "__se_compat_sys_", "__do_compat_sys_", "__se_sys_", "__do_sys_"] {
        if let Some(call) = name.strip_prefix(prefix) {
            return call.to_owned();
        }
    }
    name.to_owned()
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
            (" proc_register.isra.0+0x182/0x220 [m]", "proc_register", true),
            (" ? ret_from_fork+0x1/0x30", "ret_from_fork", false),
            (" __x64_sys_wait4+0x1/0x30", "sys_wait4", true),
            (" kref_put include/linux/kref.h:70 [inline]", "kref_put", true),
            ("[<c0014990>] (unwind_backtrace+0x0/0xf4) from [<c005ccb8>] (g+0x14/0x18)", "unwind_backtrace", true),
        ] {
            assert_eq!(frame(line), Some(Frame { name: name.into(), reliable }), "{line}");
        }
        for line in [
            "Modules linked in: dummy",
            "RSP: 0018:ffff88001f837d38",
            " ffff88001f837d7b 0000000000000001",
            "CR2: 0040",
            "",
        ] {
            assert_eq!(frame(line), None, "{line}");
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
            assert_eq!(pointer(line).as_deref(), Some("d_lookup"), "{line}");
        }
        assert_eq!(pointer("RIP: 0033:0x7f0011223344"), None);
        assert_eq!(pointer("EIP: 0060:[<f8e40765>] EFLAGS: 00210246 CPU: 1"), None);
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
