//! The rules, as data: which line begins a report, what it is called, and where the function to blame stands.
//!
//! Adding one: a row here and a case file (docs/adding-an-oops.md). Rows are tried in order, the first that fits wins.

use crate::Severity::{self, Oops, Panic, Warning};

/// Where the function to blame is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The instruction pointer (or what the header itself names), then the stack.
    Pointer,
    /// The stack alone.
    Stack,
    /// A stall: where in its loop a stack was caught is chance, so the entry (system call, timer) is blamed.
    Stall,
    /// Lock validator: where the lock was being taken.
    Lock,
    /// The title says all.
    Nobody,
}

/// How a header gets on with a report that is open already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Always a report of its own.
    Never,
    /// A further header of the same splat as long as no stack was printed; of the two the higher rank names it.
    Rank(u8),
    /// One line, complete in itself.
    Alone,
    /// The machine stops: ends the open report, or is one of its own.
    Stop,
}

/// A kind of complaint.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Family, as [`crate::Report::kind`] names it.
    pub(crate) kind: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Fits the message (prefixes cut off) of the line that begins it.
    pub(crate) header: &'static str,
    /// `{1}` … are the header's groups, `{at}` the function blamed.
    pub(crate) title: &'static str,
    /// Where that function is looked for.
    pub(crate) blame: Blame,
    /// How it gets on with an open report.
    pub(crate) join: Join,
}

const fn rule(
    kind: &'static str,
    severity: Severity,
    blame: Blame,
    join: Join,
    header: &'static str,
    title: &'static str,
) -> Rule {
    Rule { kind, severity, header, title, blame, join }
}

use Blame::{Lock, Nobody, Pointer, Stack, Stall};
use Join::{Alone, Never, Rank, Stop};

/// Every kind of complaint klog knows.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    // Memory checkers. They print their own stack; an oops may follow and is then a second report.
    rule("KASAN", Oops, Stack, Never,
        r"^BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free)",
        "KASAN: invalid-free in {at}"),
    rule("KASAN", Oops, Pointer, Never,
        r"^BUG: KASAN: (null-ptr-deref|invalid-access|[a-z-]+) (?:in|on) ([^ +]+)",
        "KASAN: {1}{access} in {at}"),
    rule("KFENCE", Oops, Pointer, Never,
        r"^BUG: KFENCE: ([a-z -]+?) in [^ +]+",
        "KFENCE: {1} in {at}"),
    rule("KMSAN", Warning, Pointer, Never,
        r"^BUG: KMSAN: ([a-z-]+) in [^ +]+",
        "KMSAN: {1} in {at}"),
    rule("KCSAN", Warning, Pointer, Never,
        r"^BUG: KCSAN: (data-race|assert: race) in ",
        "KCSAN: {1} in {at}"),
    rule("UBSAN", Warning, Stack, Never,
        r"^UBSAN: Undefined behaviour in ",
        "UBSAN: undefined-behaviour in {at}"),
    rule("UBSAN", Warning, Stack, Never,
        r"^UBSAN: ([a-z-]+) in ",
        "UBSAN: {1} in {at}"),
    rule("memory-leak", Warning, Stack, Never,
        r"^BUG: memory leak",
        "memory leak in {at}"),
    // Lists. To 4.9 the text follows a WARNING, since then it comes before the BUG.
    rule("list-corruption", Oops, Pointer, Rank(9),
        r"^(?:list_(?:add|del)(?:_valid)?(?:_rcu)?|slab list|prev->next|next->prev) corruption",
        "BUG: corrupted list in {at}"),
    // Reference counts: the text comes before the WARNING since 4.20, after it before.
    rule("refcount", Warning, Stack, Rank(9),
        r"^refcount_t: ",
        "WARNING: refcount bug in {at}"),
    rule("ODEBUG", Warning, Stack, Rank(9),
        r"^ODEBUG: ",
        "WARNING: ODEBUG bug in {at}"),
    rule("kobject", Warning, Stack, Rank(9),
        r"^kobject: '.*' \(.*\): is not initialized, yet kobject_(?:put|get)|^kobject_add_internal failed for ",
        "WARNING: kobject bug in {at}"),
    rule("usercopy", Oops, Pointer, Rank(9),
        r"^usercopy: [Kk]ernel memory (?:exposure|overwrite) attempt detected",
        "BUG: bad usercopy in {at}"),
    // Page faults: to 4.20 `unable to handle kernel …`, since 5.0 `kernel NULL pointer dereference, address:` and `unable to handle page fault`.
    rule("NULL-deref", Oops, Pointer, Never,
        r"^(?:BUG: )?[Uu]nable to handle kernel NULL pointer dereference|^BUG: kernel NULL pointer dereference",
        "BUG: unable to handle kernel NULL pointer dereference in {at}"),
    rule("paging-request", Oops, Pointer, Never,
        r"^(?:BUG: )?[Uu]nable to handle (?:kernel )?(?:paging request|page fault)|^BUG: unable to handle kernel access to user memory|^Unable to handle kernel (?:write to read-only|execute from|access to user) memory",
        "BUG: unable to handle kernel paging request in {at}"),
    rule("stack-overflow", Oops, Pointer, Never,
        r"^BUG: (?:TASK |[A-Z]+ )?stack guard page was hit",
        "BUG: stack guard page was hit in {at}"),
    rule("stack-overflow", Oops, Pointer, Rank(3),
        r"^kernel stack overflow|^Oops: stack guard page: ",
        "BUG: stack guard page was hit in {at}"),
    // CPU exceptions; since 6.9 with `Oops: ` before.
    rule("GPF", Oops, Pointer, Never,
        r"^(?:Oops: )?general protection fault(?:,|:| .*\[#[0-9]+\])",
        "general protection fault in {at}"),
    rule("divide-error", Oops, Pointer, Never,
        r"^(?:Oops: )?divide error: ",
        "divide error in {at}"),
    rule("stack-segment", Oops, Pointer, Never,
        r"^(?:Oops: )?stack segment: ",
        "stack segment fault in {at}"),
    rule("kernel-BUG", Oops, Pointer, Rank(4),
        r"^kernel BUG at ",
        "kernel BUG in {at}"),
    rule("invalid-opcode", Oops, Pointer, Rank(3),
        r"^(?:Oops: )?invalid opcode: ",
        "invalid opcode in {at}"),
    rule("double-fault", Panic, Pointer, Never,
        r"^(?:traps: )?PANIC: double fault|^double fault: ",
        "PANIC: double fault in {at}"),
    rule("exception", Oops, Pointer, Never,
        r"^(?:Oops: )?(int3|debug|coprocessor segment overrun|invalid TSS|segment not present|alignment check|control protection|machine check|bounds|simd exception)(?:: | fault: ).*\[#[0-9]+\]",
        "{1} in {at}"),
    rule("exception", Oops, Pointer, Rank(3),
        r"^(Unhandled fault|Internal error|Alignment trap): ",
        "{1} in {at}"),
    // Locks up. The watchdog's line has its own prefix since 4.11.
    rule("soft-lockup", Oops, Stall, Never,
        r"^(?:watchdog: )?BUG: soft lockup",
        "BUG: soft lockup in {at}"),
    rule("hard-lockup", Oops, Stall, Never,
        r"Watchdog detected hard LOCKUP|^BUG: NMI Watchdog detected LOCKUP",
        "NMI watchdog: hard LOCKUP in {at}"),
    rule("rcu-stall", Oops, Stall, Never,
        r"^(?:rcu: )?INFO: rcu[a-z_]* (?:self-)?detected (?:expedited )?stall|^INFO: (?:RCU|rcu[a-z_]*) detected CPU [0-9]+ stall|^(?:rcu: )?INFO: rcu[a-z_]* detected stalls? on CPUs/tasks",
        "INFO: rcu detected stall in {at}"),
    rule("hung-task", Warning, Stack, Never,
        r"^INFO: task .{1,80}? blocked for more than [0-9]+ seconds",
        "INFO: task hung in {at}"),
    rule("hung-task", Warning, Stack, Never,
        r"^INFO: task .{1,80} can't die for more than [0-9]+ seconds",
        "INFO: task can't die in {at}"),
    rule("workqueue-lockup", Warning, Nobody, Never,
        r"^BUG: workqueue lockup",
        "BUG: workqueue lockup"),
    rule("spinlock", Oops, Stack, Never,
        r"^BUG: spinlock (lockup suspected|lockup|recursion|bad magic|wrong CPU|wrong owner|already unlocked|cpu recursion)",
        "BUG: spinlock {1} in {at}"),
    // Context.
    rule("atomic", Oops, Stack, Never,
        r"^BUG: scheduling while atomic",
        "BUG: scheduling while atomic in {at}"),
    rule("atomic", Warning, Stack, Never,
        r"^BUG: sleeping function called from invalid context",
        "BUG: sleeping function called from invalid context in {at}"),
    rule("atomic", Warning, Stack, Never,
        r"^BUG: using ([a-z_]+\(\)) in preemptible",
        "BUG: using {1} in preemptible code in {at}"),
    rule("atomic", Warning, Nobody, Never,
        r"^BUG: workqueue leaked lock or atomic: .*",
        "BUG: workqueue leaked lock or atomic"),
    // Lock validator: `[ INFO: … ]` to 4.10, `WARNING: …` since.
    rule("lockdep", Warning, Lock, Never,
        r"^(?:\[ INFO: |WARNING: |INFO: )possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected|^(?:\[ INFO: |WARNING: )(?:[A-Z-]+(?:-safe|-READ-safe)? -> .* lock order detected|possible irq lock inversion)",
        "possible deadlock in {at}"),
    rule("lockdep", Warning, Lock, Never,
        r"^(?:\[ INFO: |WARNING: )inconsistent lock state",
        "inconsistent lock state in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^\[ INFO: suspicious RCU usage|^INFO: suspicious RCU usage|^\[ INFO: suspicious rcu_dereference_check\(\) usage",
        "INFO: suspicious RCU usage in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^WARNING: suspicious RCU usage",
        "WARNING: suspicious RCU usage in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^INFO: trying to register non-static key",
        "INFO: trying to register non-static key in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^(?:\[ )?(BUG|WARNING): (bad unlock balance|bad contention) detected",
        "{1}: {2} in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^(?:\[ )?(BUG|WARNING): (held lock freed|lock held when returning to user space|lock held at task exit time|Nested lock was not taken)",
        "{1}: {2} in {at}"),
    rule("lockdep", Warning, Stack, Never,
        r"^(?:\[ )?(BUG|WARNING): .* (?:still has locks held|still has lock held)!?",
        "{1}: still has locks held in {at}"),
    rule("lockdep", Warning, Lock, Never,
        r"^\[ BUG: Invalid wait context \]",
        "BUG: Invalid wait context in {at}"),
    // Memory management.
    rule("slab-corruption", Oops, Stack, Never,
        r"^BUG ([^ ]{1,40}) ?(?:\([^)]{0,80}\))?: (Poison overwritten|Redzone overwritten|Object already free|Freechain corrupt|Object padding overwritten|Padding overwritten|Objects remaining in .*|Wrong object count|Freepointer corrupt|Left Redzone overwritten|Right Redzone overwritten|Invalid object pointer)",
        "BUG: {2}"),
    rule("slab-corruption", Oops, Nobody, Never,
        r"^(?:Slab corruption|slab error in ([a-z_]+)\(\))",
        "slab corruption"),
    rule("bad-page", Oops, Stack, Never,
        r"^BUG: Bad page (state|map) in process",
        "BUG: Bad page {1} in {at}"),
    rule("bad-page", Oops, Nobody, Alone,
        r"^BUG: Bad rss-counter state",
        "BUG: Bad rss-counter state"),
    rule("dentry", Warning, Nobody, Never,
        r"^BUG: Dentry .* still in use .* \[([a-z]+) of ",
        "BUG: Dentry still in use in {1}"),
    rule("busy-inodes", Warning, Nobody, Alone,
        r"^VFS: Busy inodes after unmount",
        "VFS: Busy inodes after unmount (use-after-free)"),
    // The whole machine is out of memory. A cgroup that is (`Memory cgroup out of memory`) does as it was told.
    rule("OOM", Oops, Nobody, Alone,
        r"^Out of memory(?: \([a-z_ ]+\))?: [Kk]ill",
        "Out of memory: process killed"),
    // Reference leaks on devices: the line comes every ten seconds.
    rule("netdev-leak", Warning, Nobody, Alone,
        r"^unregister_netdevice: waiting for ([^ ]{1,64}) to become free",
        "unregister_netdevice: waiting for DEV to become free"),
    // WARN(): to 3.10 `at file:line fn+`, then `CPU: n PID: n at file:line fn+`, 6.13 and on `file:line at fn+`.
    rule("WARNING", Warning, Pointer, Rank(2),
        r"^WARNING: (?:CPU: [0-9]+ PID: [0-9]+ )?at [^ ]+:[0-9]+(?: |$)|^WARNING: [^ ]+:[0-9]+ at [^ ]+",
        "WARNING in {at}"),
    rule("WARNING", Warning, Nobody, Never,
        r"^WARNING: (kernel stack regs|kernel stack frame pointer) at .* has bad( '[a-z]+')? value",
        "WARNING: {1} has bad{2} value"),
    // What only goes with one of the above; alone, what is left of a torn one.
    rule("oops", Oops, Pointer, Rank(0),
        r"^(?:Oops: )?Oops(?: - [A-Za-z ]+)?: [0-9a-f]{4}|^Oops - ",
        "Oops in {at}"),
    rule("panic", Panic, Stack, Stop,
        r"^Kernel panic - not syncing: corrupted stack end detected inside scheduler",
        "kernel panic: corrupted stack end in {at}"),
    rule("panic", Panic, Nobody, Stop,
        r"^Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: (?:\[?<?[0-9a-fx]+>?\]?|([A-Za-z_0-9.]+)(?:\+0x.*)?)$",
        "kernel panic: stack is corrupted in {1}"),
    rule("panic", Panic, Stack, Stop,
        r"^Kernel panic - not syncing: (.*)",
        "kernel panic: {1}"),
    rule("panic", Panic, Stack, Stop,
        r"^Kernel panic - not syncing$",
        "kernel panic"),
    // A complaint of a kind not known here: better a report without a good name than none.
    rule("BUG", Oops, Stack, Never,
        r"^(?:\[ )?BUG: ([A-Za-z_].{0,120})",
        "BUG: {1}"),
];

/// Headers the rules would take and that are no complaints of the kernel's.
pub(crate) const NOISE: &[&str] = &[
    // Lockdep ran out of its own tables.
    r"^BUG: MAX_(?:LOCK|STACK)",
];

/// A panic for these reasons is what the complaint before it led to, not one of its own.
pub(crate) const CONSEQUENCES: &[&str] = &[
    "Fatal exception",
    "Oops: Fatal exception",
    "Fatal hardware error",
    "panic_on_warn set",
    "panic_on_oops",
    "panic_on_warn",
    ": panic_on_warn set",
    "hung_task: blocked tasks",
    "softlockup: hung tasks",
    "Hard LOCKUP",
    "RCU Stall",
    "Machine halted",
    "scheduling while atomic",
    "Attempted to kill init!",
    "Attempted to kill the idle task!",
    "Aiee, killing interrupt handler!",
    "System is deadlocked on memory",
    "Out of memory",
    "out of memory",
    "Bad page",
    "bad mode",
    "UBSAN",
    "KASAN",
    "stack guard",
    "Nested NMI",
];

/// Kinds that are one bug in different clothes: what a stray pointer hits is chance, so they share a signature.
pub(crate) const SAME_BUG: &[(&str, &[&str])] = &[
    ("bad-access", &["NULL-deref", "paging-request", "GPF", "stack-segment", "oops"]),
    ("BUG", &["kernel-BUG", "invalid-opcode"]),
];
