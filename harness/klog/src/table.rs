//! The rules, as data: which line begins a report, what it is called, and where the function to blame stands.
//!
//! Adding one: a row here and a case file (docs/adding-an-oops.md). Rows are tried in order, the first that fits and has
//! its detail wins. What is said of kernel versions is what the kernels themselves print.

use crate::Severity::{Oops, Panic, Warning};
use crate::rule::Choose::{Entry, Waiter};
use crate::rule::Join::{Alone, Rank, Stop};
use crate::rule::Look::{After, Doubtful, Follow, Line, Locks, Named, Pointer, PointerFirst, Trace};
use crate::rule::Trust::{Bare, Never};
use crate::rule::{Look, Rule, rule};

/// An exception: the registers, then the stack; a jump into nowhere leaves the stack alone.
const TRAP: &[&[Look]] = &[&[Pointer, Trace], &[Trace]];
/// `WARN()`: trapped since 4.11 (the stack of the trap, the registers, the stack that counts), just printed before.
/// Kernels without frame pointers (2.6.38) mark the whole of it `?`: then the header says from where on to believe it.
const WARN: &[&[Look]] = &[&[Pointer, Follow], &[Trace], &[Doubtful]];
/// A checker that names the function in its header and prints a stack.
const CHECKER: &[&[Look]] = &[&[Named(2), Trace]];
/// A stall: the interrupted code, where the registers in the stack show it.
const STALL: &[&[Look]] = &[
    &[After("apic_timer_interrupt"), Pointer, Follow],
    &[After("apic_timer_interrupt"), Follow],
    &[After("Exception stack"), Follow],
    &[After("el1h_64_irq"), Follow],
    &[After("el1_irq"), Follow],
    // Since 6.1 the registers come without what interrupted them; so do those of a CPU that was sent an NMI.
    &[PointerFirst, Follow],
];
/// Where the lock was being taken; else the locks held, and then where they were taken.
const LOCK: &[&[Look]] = &[&[After("trying to acquire"), Locks]];
/// The same, and then the lock already held and how it came to that.
const LOCKS: &[&[Look]] = &[&[After("trying to acquire"), Locks, Locks, Follow]];

/// Wider names, as the same bug shows now as this and now as that.
const ACCESS: &str = "bad-access in {at}";
const STALLED: &str = "stall in {at}";
const HUNG: &str = "hang in {at}";
const OVERFLOW: &str = "stack-overflow in {at}";

/// Every kind of complaint klog knows.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    // ---- Memory checkers. They print their own stack; an oops may follow and is then a second report. ----
    rule("KASAN", Oops, "KASAN:", r"BUG: KASAN: (double-free or invalid-free|double-free|invalid-free) in FN",
        "KASAN: invalid-free in {at}")
        .look(CHECKER)
        .skip(&["*kfree*", "*slab_*", "*vfree*", "*vunmap*"]).wider("invalid-free in {at}"),
    rule("KASAN", Oops, "KASAN:", r"BUG: KASAN: ([a-z-]+) in FN",
        "KASAN: {1} {access} in {at}")
        .detail(r"(Read|Write) of size|(?:Read|Write) at addr").look(CHECKER).wider(ACCESS),
    rule("KASAN", Oops, "KASAN:", r"BUG: KASAN: ([a-z-]+) on address",
        "KASAN: {1} {access}")
        .detail(r"(Read|Write) of size").bare().trust(Never),
    rule("KASAN", Oops, "KASAN:", r"BUG: KASAN: (.*)",
        "KASAN: {1}")
        .bare().trust(Never),
    rule("KFENCE", Oops, "KFENCE:", r"BUG: KFENCE: ([a-z -]+?) in FN",
        "KFENCE: {1} in {at}")
        .look(&[&[Named(2), Follow]]).trust(Bare).wider(ACCESS),
    rule("KMSAN", Warning, "KMSAN:", r"BUG: KMSAN: ([a-z-]+) in FN",
        "KMSAN: {1} in {at}")
        .look(&[&[Follow], &[Named(2)]]).trust(Bare)
        .skip(&["usb_start_wait_urb", "usb_bulk_msg", "usb_interrupt_msg", "*alloc_skb*", "netlink_ack", "netlink_rcv_skb",
            "*_encrypt", "crypto_*", "cipher_*", "drbg_*", "rng_*"]).wider(ACCESS),
    // Two functions of a race are both named: `data-race in a / b`.
    rule("KCSAN", Warning, "KCSAN:", r"BUG: KCSAN: (.*)",
        "KCSAN: {1}")
        .bare(),
    rule("UBSAN", Warning, "UBSAN:", r"UBSAN: Undefined behaviour in ",
        "UBSAN: undefined-behaviour in {at}")
        .skip(&["*ubsan*", "*overflow*"]),
    rule("UBSAN", Warning, "UBSAN:", r"UBSAN: array-index-out-of-bounds in ",
        "UBSAN: array-index-out-of-bounds in {at}")
        .skip(&["*ubsan*", "*overflow*"]).wider(ACCESS),
    rule("UBSAN", Warning, "UBSAN:", r"UBSAN: (.*?) in ",
        "UBSAN: {1} in {at}")
        .skip(&["*ubsan*", "*overflow*"]),
    rule("memory-leak", Warning, "memory leak", r"BUG: memory leak",
        "memory leak in {at}")
        .skip(&["kmemleak*", "*kmalloc*", "*kcalloc*", "*kzalloc*", "*vmalloc*", "*mmap*", "*kmem*", "*slab*", "*alloc*",
            "*create_object*", "*idr_get*", "list_lru_init*", "*asprintf*", "*strdup*", "*strndup*", "*memdup*", "*pcpu_create*"]),

    // ---- Page faults: to 4.20 `unable to handle kernel …`, since 5.0 `kernel NULL pointer dereference, address:` and
    // `unable to handle page fault`. ----
    rule("NULL-deref", Oops, "NULL pointer dereference", r"(?:BUG: )?[Uu]nable to handle kernel NULL pointer dereference|BUG: [kK]ernel NULL pointer dereference",
        "BUG: unable to handle kernel NULL pointer dereference in {at}")
        .look(TRAP).wider(ACCESS),
    rule("paging-request", Oops, "nable to handle kernel", r"Unable to handle kernel (access to user memory)",
        "BUG: unable to handle kernel {1} in {at}")
        .look(TRAP).wider(ACCESS),
    rule("paging-request", Oops, "nable to handle", r"(?:BUG: )?[Uu]nable to handle (?:kernel )?(?:paging request|page fault|data access|instruction fetch|pointer dereference)|Unable to handle kernel (?:write to read-only|execute from non-executable|read from unreadable) memory",
        "BUG: unable to handle kernel paging request in {at}")
        .look(TRAP).wider(ACCESS),
    rule("paging-request", Oops, "nable to handle", r"BUG: [Uu]nable to handle kernel",
        "BUG: unable to handle kernel")
        .bare().trust(Never),

    // ---- Stacks that ran over. ----
    rule("stack-overflow", Oops, "stack guard page", r"BUG: .*stack guard page was hit",
        "BUG: stack guard page was hit in {at}")
        .look(&[&[Pointer, Trace]]).choose(Entry).wider(OVERFLOW),
    rule("stack-overflow", Oops, "stack", r"^kernel stack overflow|^Oops: stack guard page: ",
        "BUG: stack guard page was hit in {at}")
        .join(Rank(3)).look(&[&[Pointer, Trace]]).choose(Entry).wider(OVERFLOW),
    rule("double-fault", Panic, "double fault", r"PANIC: double fault|^double fault: ",
        "PANIC: double fault in {at}")
        .join(Rank(2)).look(TRAP).wider(OVERFLOW),

    // ---- CPU exceptions; since 6.9 with `Oops: ` before. ----
    rule("GPF", Oops, "general protection fault", r"general protection fault(?:,|:| .*\[#[0-9]+\]).*",
        "general protection fault in {at}")
        .look(TRAP).wider(ACCESS),
    rule("divide-error", Oops, "divide", r"divide[_ ]error: ",
        "divide error in {at}")
        .look(TRAP),
    rule("stack-segment", Oops, "stack segment: ", r"stack segment: ",
        "stack segment fault in {at}")
        .look(TRAP).wider(ACCESS),
    rule("usercopy", Oops, "kernel BUG at", r"kernel BUG at mm/usercopy\.c",
        "BUG: bad usercopy in {at}")
        .join(Rank(5)).skip(&["*usercopy*", "__check*"]),
    rule("list-corruption", Oops, "kernel BUG at", r"kernel BUG at lib/list_debug\.c",
        "BUG: corrupted list in {at}")
        .join(Rank(5)).wider(ACCESS),
    rule("kernel-BUG", Oops, "ernel BUG", r"[kK]ernel BUG at ",
        "kernel BUG in {at}")
        .join(Rank(4)).look(TRAP).skip(&["skb_*"]),
    // Rust's own panic, which ends in a `kernel BUG at rust/helpers/bug.c`.
    rule("rust-panic", Oops, "rust_kernel: panicked", r"rust_kernel: panicked at [^ ]",
        "{detail} in {at}")
        .detail(r"^([^ -].*)$").join(Rank(6)).look(TRAP),
    // riscv's and mips's second line, or all there is.
    rule("kernel-BUG", Oops, "ernel ", r"^Kernel (?:BUG ?|bug detected ?)\[#[0-9]+\]",
        "kernel BUG in {at}")
        .join(Rank(3)).look(TRAP).skip(&["skb_*"]),
    rule("invalid-opcode", Oops, "invalid opcode: ", r"invalid opcode: ",
        "invalid opcode in {at}")
        .join(Rank(3)).look(TRAP),
    rule("exception", Oops, ": 0000 [#", r"^(?:Oops: )?(int3|debug|coprocessor segment overrun|invalid TSS|segment not present|alignment check|control protection|machine check|bounds|simd exception|fpu exception|iret exception)(?:: | fault: ).*\[#[0-9]+\]",
        "{1} in {at}")
        .look(TRAP),
    // arm and arm64 (`PC is at`, `pc :`).
    rule("exception", Oops, "Unhandled fault: ", r"Unhandled fault: ",
        "Unhandled fault in {at}")
        .look(TRAP).wider(ACCESS),
    rule("exception", Oops, "Alignment trap: ", r"Alignment trap: ",
        "Alignment trap in {at}")
        .look(TRAP),
    rule("exception", Oops, "Internal error: ", r"Internal error: ",
        "Internal error in {at}")
        .join(Rank(3)).look(TRAP).wider(ACCESS),

    // ---- Lockups and stalls. The watchdog's line has its own prefix since 4.11. ----
    rule("soft-lockup", Oops, "soft lockup", r"BUG: soft lockup",
        "BUG: soft lockup in {at}")
        .look(&[&[Pointer, Trace], &[Trace]]).choose(Entry).wider(STALLED),
    rule("hard-lockup", Oops, "LOCKUP", r"Watchdog detected hard LOCKUP|BUG: NMI Watchdog detected LOCKUP",
        "NMI watchdog: hard LOCKUP in {at}")
        .look(&[&[Pointer, Trace], &[Trace]]).choose(Entry).wider(STALLED),
    rule("rcu-stall", Oops, "INFO: ", r"INFO: rcu[a-z_]* (?:self-)?detected (?:expedited )?stall|INFO: (?:RCU|rcu[a-z_]*) detected CPU [0-9]+ stall|INFO: rcu[a-z_]* detected stalls? on CPUs/tasks",
        "INFO: rcu detected stall in {at}")
        .look(STALL).choose(Entry).skip(&["*apic_timer_interrupt*", "*rcu*"]).wider(STALLED),
    rule("hung-task", Warning, " seconds", r"INFO: task .{1,80}? blocked (?:in I/O wait )?for more than [0-9]+ seconds",
        "INFO: task hung in {at}")
        .choose(Waiter).wider(HUNG),
    rule("hung-task", Warning, "can't die for more than", r"INFO: task .{1,80} can't die for more than [0-9]+ seconds",
        "INFO: task can't die in {at}")
        .skip(&["*schedule*"]).wider(HUNG),
    rule("workqueue-lockup", Warning, "workqueue lockup", r"BUG: workqueue lockup",
        "BUG: workqueue lockup")
        .bare(),
    rule("spinlock", Oops, "lock ", r"BUG: (spinlock|rwlock) (lockup suspected|lockup|recursion|bad magic|wrong CPU|wrong owner|already unlocked|cpu recursion|trylock failure on UP)",
        "BUG: {1} {2} in {at}")
        .skip(&["*spin_*", "*_lock*", "*_unlock*"]),

    // ---- Context. ----
    rule("atomic", Oops, "scheduling while atomic", r"BUG: scheduling while atomic",
        "BUG: scheduling while atomic in {at}")
        .skip(&["*schedule*"]),
    rule("atomic", Warning, "sleeping function called", r"BUG: sleeping function called from invalid context",
        "BUG: sleeping function called from invalid context in {at}"),
    rule("atomic", Warning, "in preemptible", r"BUG: using ([a-z_]+\(\)) in preemptible",
        "BUG: using {1} in preemptible code in {at}")
        .skip(&["*preempt*", "*debug_*", "*processor_id*", "*this_cpu*"]),
    rule("atomic", Warning, "workqueue leaked", r"BUG: workqueue leaked lock or atomic",
        "BUG: workqueue leaked lock or atomic in {at}")
        .look(&[&[Line(r"last function: FN")]]).trust(Bare),

    // ---- Lock validator: `[ INFO: … ]` to 4.10, `WARNING: …` since. ----
    rule("lockdep", Warning, "detected", r"(?:INFO|WARNING): possible circular locking dependency detected",
        "possible deadlock in {at}")
        .look(LOCKS).skip(&["*process_one_work*", "*flush_workqueue*", "*drain_workqueue*", "*destroy_workqueue*"]),
    rule("lockdep", Warning, "recursive locking", r"(?:INFO|WARNING): possible recursive locking detected",
        "possible deadlock in {at}")
        .look(LOCK),
    rule("lockdep", Warning, "irq lock inversion", r"(?:INFO|WARNING): possible irq lock inversion dependency detected",
        "possible deadlock in {at}")
        .look(&[&[After("just changed the state of lock"), Locks]]),
    rule("lockdep", Warning, "lock order detected", r"(?:INFO|WARNING): [A-Z-]+(?:-safe|-READ-safe)? -> .* lock order detected",
        "possible deadlock in {at}")
        .look(&[&[After("... which became"), Follow], &[After("trying to acquire"), Locks]]),
    rule("lockdep", Warning, "inconsistent lock state", r"INFO: inconsistent lock state",
        "inconsistent lock state in {at}")
        .look(&[&[After("takes"), Locks]]),
    rule("lockdep", Warning, "inconsistent lock state", r"WARNING: inconsistent lock state",
        "inconsistent lock state in {at}")
        .detail("takes").look(&[&[Trace], &[After("takes"), Locks]]),
    rule("lockdep", Warning, "suspicious", r"(INFO|WARNING): suspicious (?:RCU|rcu_dereference_check\(\)) usage",
        "{1}: suspicious RCU usage in {at}")
        .detail(r"([A-Za-z0-9_/.-]+\.[a-z]+:[0-9]+)").skip(&["*rcu*", "*kmem*", "*slab*"]),
    rule("lockdep", Warning, "non-static key", r"INFO: trying to register non-static key",
        "INFO: trying to register non-static key in {at}")
        .skip(&["*stack*", "*lock*", "*IRQ*"]),
    rule("lockdep", Warning, "bad unlock balance", r"(BUG|WARNING): bad unlock balance detected",
        "{1}: bad unlock balance in {at}")
        .look(&[&[After("trying to release lock"), Follow, Trace]]),
    rule("lockdep", Warning, "bad contention", r"(BUG|WARNING): bad contention detected",
        "{1}: bad contention in {at}"),
    rule("lockdep", Warning, "held lock freed", r"(BUG|WARNING): held lock freed",
        "{1}: held lock freed in {at}")
        .look(&[&[Locks]]),
    rule("lockdep", Warning, "lock held", r"(BUG|WARNING): (lock held when returning to user space|lock held at task exit time)",
        "{1}: {2} in {at}")
        .look(&[&[Locks]]).trust(Bare),
    rule("lockdep", Warning, "Nested lock", r"(BUG|WARNING): Nested lock was not taken",
        "{1}: nested lock was not taken in {at}")
        .look(WARN),
    rule("lockdep", Warning, "still has lock", r"(BUG|WARNING): .*still has locks? held",
        "{1}: still has locks held in {at}")
        .look(&[&[Locks], &[Trace]]),
    rule("lockdep", Warning, "Invalid wait context", r"BUG: Invalid wait context",
        "WARNING: locking bug in {at}")
        .skip(&["*lock_sock*", "*release_sock*"]),

    // ---- Memory management. ----
    rule("slab-corruption", Oops, "BUG ", r"^BUG [^ :]{1,40}(?: ?\([^)]{0,80}\))?: (Poison overwritten|Redzone overwritten|Object already free|Freechain corrupt|Object padding overwritten|Padding overwritten|Objects remaining (?:in|on) [^ ]+|Wrong object count|Freepointer corrupt|Left Redzone overwritten|Right Redzone overwritten|Invalid object pointer)",
        "BUG: {1}"),
    rule("slab-corruption", Oops, "lab ", r"^(?:Slab corruption|slab error in ([a-z_]+)\(\))",
        "slab corruption")
        .bare(),
    rule("slab-corruption", Oops, "INFO: ", r"^INFO: (Allocated|Freed) in FN (age=.*)",
        "INFO: {1} in {2} {3}")
        .join(Rank(1)).bare().trust(Never),
    // Who the page was for is told by its owner tracking, where that is built in; who stumbled over it is chance.
    rule("bad-page", Oops, "BUG: Bad page", r"BUG: Bad page (state|cache)",
        "BUG: Bad page {1} in {at}")
        .look(&[&[After("page last allocated"), Follow], &[Trace]])
        .skip(&["*free_page*", "*put_page*", "*get_page*", "*update_page*", "*release_page*", "*free_unref*", "*folio*",
            "*truncate_inode_pages*", "page_frag_free*", "*alloc*", "*vmap*", "*page_owner*", "*rmqueue*", "prep_new_page*",
            "check_new_page*", "free_pcp*"]),
    rule("bad-page", Oops, "BUG: Bad page", r"BUG: Bad page map",
        "BUG: Bad page map"),
    rule("bad-page", Oops, "BUG: Bad rss-counter", r"BUG: Bad rss-counter state",
        "BUG: Bad rss-counter state")
        .join(Alone).bare(),
    rule("bad-page", Oops, "on freeing mm", r"BUG: non-zero ([a-z_]+) on freeing mm",
        "BUG: non-zero {1} on freeing mm")
        .join(Alone).bare(),
    rule("dentry", Warning, "BUG: Dentry", r"BUG: Dentry .* still in use .* \[([a-z]+) of .*\]",
        "BUG: Dentry still in use in {1}")
        .join(Rank(9)),
    rule("busy-inodes", Warning, "VFS: Busy inodes", r"VFS: Busy inodes after unmount",
        "VFS: Busy inodes after unmount (use-after-free)")
        .join(Alone).bare(),
    // The whole machine is out of memory. A cgroup that is (`Memory cgroup out of memory`) does as it was told.
    rule("OOM", Oops, "Out of memory", r"^Out of memory(?: \([a-z_ ]+\))?: [Kk]ill",
        "Out of memory: process killed")
        .join(Alone).bare(),
    rule("busy-inodes", Warning, "VFS: Close: file count", r"VFS: Close: file count is 0",
        "VFS: Close: file count is zero (use-after-free)")
        .join(Alone).bare(),
    // Reference leaks on devices: the line comes every ten seconds.
    rule("netdev-leak", Warning, "unregister_netdevice", r"unregister_netdevice: waiting for ([^ ]{1,64}) to become free",
        "unregister_netdevice: waiting for DEV to become free")
        .join(Alone).bare(),

    // ---- WARN(): to 3.10 `at file:line fn+`, then `CPU: n PID: n at file:line fn+`, 6.13 and on `file:line at fn+`.
    // What the file says of the subsystem goes before the plain kind. ----
    rule("ODEBUG", Warning, "WARNING: ", r"WARNING: .*lib/debugobjects\.c.* (?:debug_print|debug_check|at )",
        "WARNING: ODEBUG bug in {at}")
        .join(Rank(8)).look(WARN)
        .skip(&["*debug_*", "*rcu*", "*hrtimer_*", "*timer_*", "*work_*", "*percpu_*", "*vunmap*", "*vfree*", "*__free_*", "*kfree*"]),
    rule("usercopy", Warning, "WARNING: ", r"WARNING: .*mm/usercopy\.c",
        "WARNING: bad usercopy in {at}")
        .join(Rank(8)).look(WARN).skip(&["*usercopy*", "__check*"]),
    rule("kobject", Warning, "WARNING: ", r"WARNING: .*lib/kobject\.c",
        "WARNING: kobject bug in {at}")
        .join(Rank(8)).look(WARN).skip(&["*kobject_*"]),
    rule("refcount", Warning, "WARNING: ", r"WARNING: .*lib/refcount\.c",
        "WARNING: refcount bug in {at}")
        .join(Rank(8)).look(WARN).skip(&["*refcount*", "*kobject_*"]),
    rule("WARNING", Warning, "WARNING: ", r"WARNING: .*fs/proc/generic\.c.* (?:proc_register|at 0x)",
        "WARNING: proc registration bug in {at}")
        .join(Rank(2)).look(WARN).skip(&["proc_*"]),
    rule("lockdep", Warning, "WARNING: ", r"WARNING: .*kernel/locking/lockdep\.c.*(?:lock_|_lock)",
        "WARNING: locking bug in {at}")
        .join(Rank(8)).look(WARN).skip(&["*lock_sock*", "*release_sock*"]),
    rule("WARNING", Warning, "WARNING: ", r"WARNING: .*mm/[a-z_]+\.c.* k.?malloc",
        "WARNING: kmalloc bug in {at}")
        .join(Rank(2)).look(WARN).skip(&["*kmalloc*", "*kcalloc*", "*kzalloc*", "*krealloc*", "*vmalloc*", "*slab*", "*kmem*"]),
    rule("WARNING", Warning, "WARNING: ", r"WARNING: .*mm/vmalloc\.c.*__vmalloc_node",
        "WARNING: zero-size vmalloc in {at}")
        .join(Rank(2)).look(WARN),
    rule("list-corruption", Warning, "WARNING: ", r"WARNING: .*lib/list_debug\.c",
        "WARNING in {at}")
        .join(Rank(8)).look(WARN),
    rule("WARNING", Warning, "WARNING: ", r"WARNING: .* usb_submit_urb",
        "WARNING in {at}/usb_submit_urb")
        .join(Rank(2)).look(WARN).skip(&["usb_submit_urb", "usb_start_wait_urb", "usb_bulk_msg", "usb_interrupt_msg", "usb_control_msg*"]),
    rule("WARNING", Warning, "WARNING: ", r"WARNING: (?:CPU: [0-9]+ PID: [0-9]+ )?at [^ ]+:[0-9]+(?: |$)|WARNING: (?:\[.*\] )?[^ ]+:[0-9]+ at [^ ]+",
        "WARNING in {at}")
        .join(Rank(2)).look(WARN),
    // Without a place: built without CONFIG_DEBUG_BUGVERBOSE, or the warning is a checker's (CFI).
    rule("WARNING", Warning, "WARNING: ", r"WARNING: (?:CPU: [0-9]+ PID: [0-9]+ )?at [A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+/0x",
        "WARNING in {at}")
        .join(Rank(2)).look(WARN),
    // A call through a pointer of another type: since 6.1 followed by a WARNING, or by an oops.
    rule("CFI", Warning, "CFI failure at ", r"^CFI failure at FN",
        "CFI failure in {at}")
        .join(Rank(7)).look(&[&[Named(1), Trace]]).wider("WARNING in {at}"),
    rule("WARNING", Warning, "WARNING: kernel stack", r"WARNING: (kernel stack regs) at [0-9a-f]+ in .* has bad ('[a-z]+') value",
        "WARNING: {1} has bad {2} value")
        .bare(),
    rule("WARNING", Warning, "WARNING: kernel stack", r"WARNING: kernel stack frame pointer at [0-9a-f]+ in .* has bad value",
        "WARNING: kernel stack frame pointer has bad value")
        .bare(),
    rule("WARNING", Warning, "WARNING: kernel stack", r"WARNING: kernel stack (?:regs|frame pointer) .* has bad",
        "WARNING: kernel stack regs has bad value")
        .bare(),

    // powerpc's, to 4.x.
    rule("WARNING", Warning, "Badness at", r"^Badness at [^ ]+:[0-9]+",
        "WARNING in {at}")
        .look(&[&[Pointer, Trace], &[Trace]]),

    // ---- What subsystems say with a stack and without a word of their kind. ----
    rule("irq", Warning, ": nobody cared", r"^irq [0-9]+: nobody cared",
        "irq: nobody cared")
        .bare(),
    rule("irq", Warning, "handler type mismatch", r"^(?:genirq: )?IRQ handler type mismatch",
        "IRQ handler type mismatch in {at}")
        .skip(&["*setup_irq*", "*request_threaded_irq*", "*request_irq*"]),
    rule("RTNL", Warning, "RTNL: assertion failed", r"^RTNL: assertion failed at",
        "RTNL: assertion failed in {at}"),
    rule("stack-overflow", Oops, ": stack overflow", r"^do_IRQ: stack overflow",
        "stack overflow in {at}")
        .skip(&["do_IRQ", "handle_irq"]).choose(Entry).wider(OVERFLOW),
    rule("sysctl", Warning, "sysctl table check failed", r"^sysctl table check failed",
        "sysctl table check failed")
        .bare(),
    rule("machine-check", Oops, "Machine Check Exception", r"CPU [0-9]+: Machine Check Exception:",
        "machine check exception")
        .join(Alone).bare(),

    // ---- Panics. ----
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: corrupted stack end detected inside scheduler",
        "kernel panic: corrupted stack end in {at}")
        .join(Stop).choose(Entry).skip(&["*schedule*", "retint_kernel"]).wider(OVERFLOW),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: kernel stack overflow",
        "kernel stack overflow in {at}")
        .join(Stop).choose(Entry).skip(&["*bad_stack*"]).wider(OVERFLOW),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: (?:\[?<?)?(?:0x)?[0-9a-f]{6,16}(?:[>\]]|$| )",
        "kernel panic: stack is corrupted in {at}")
        .join(Stop).skip(&["*stack_chk*"]).wider(OVERFLOW),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: FN",
        "kernel panic: stack is corrupted in {at}")
        .join(Stop).look(&[&[Named(1)]]).trust(Bare).wider(OVERFLOW),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: Couldn't open N_TTY ldisc",
        "kernel panic: Couldn't open N_TTY ldisc")
        .join(Stop),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: Attempted to kill init!",
        "kernel panic: Attempted to kill init!")
        .join(Stop),
    // These follow a complaint that explains them: alone, they show that it was lost.
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: Fatal exception",
        "kernel panic: Fatal exception")
        .join(Stop).bare().trust(Never),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: (?:[A-Z]+: )?(panic_on_warn set|hung_task: blocked tasks)",
        "kernel panic: {1}")
        .join(Stop).bare().trust(Never),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing: (.*)",
        "kernel panic: {1}")
        .join(Stop),
    rule("panic", Panic, "Kernel panic", r"Kernel panic - not syncing$",
        "kernel panic")
        .join(Stop).bare(),

    // ---- Others than the kernel that share its console: Trusty beside it, syzkaller's programs in logs from syzbot. ----
    rule("trusty", Oops, "trusty: panic", r"trusty: panic \(.*?\):(?: DEBUG)? ASSERT FAILED at \(.*?\): (.+)",
        "trusty: ASSERT FAILED: {1}")
        .bare(),
    rule("trusty", Oops, "trusty: panic", r"trusty: panic.* ASSERT FAILED.*: *(.*)",
        "trusty: ASSERT FAILED: {1}")
        .bare().trust(Never),
    rule("trusty", Oops, "trusty: panic", r"trusty: panic \(.*?\): (.+)",
        "trusty: panic: {1}")
        .bare(),
    rule("syzkaller", Warning, "SYZFA", r"(SYZFAIL|SYZFATAL): (.*)",
        "{1}: {2}")
        .join(Alone).bare(),

    // ---- What only goes with one of the above; alone, what is left of a torn one. ----
    rule("oops", Oops, "Oops", r"^(?:Oops: )?Oops(?: - [A-Za-z ]+)?: [0-9a-f]{4}|^Oops - ",
        "Oops in {at}")
        .join(Rank(0)).look(TRAP),
    // A complaint of a kind not known here: better a report without a good name than none.
    rule("BUG", Oops, "BUG: ", r"^(?:\[ )?(BUG: [A-Za-z_][^\]]{0,120})",
        "{1}")
        .bare(),
    rule("corrupted", Oops, "BUG:", r"(?:^|[^A-Z_])BUG: *$",
        "BUG: corrupted")
        .bare().trust(Never),
];

/// Lines that rules would take and that are no complaints of the kernel's.
pub(crate) const NOISE: &[&str] = &[
    // The last line of a panic says its reason once more.
    r"---\[ end Kernel panic",
    // Names that merely end so.
    r"DEBUG:",
];

/// Messages with a stack of their own that are no complaint: what stood open is cut short by them.
pub(crate) const INTERRUPTIONS: &[&str] =
    &["FAULT_INJECTION: forcing a failure", "vmalloc: allocation failure:", "FAULT_FLAG_ALLOW_RETRY missing"];

/// A panic for these reasons is what the complaint before it led to, not one of its own.
pub(crate) const CONSEQUENCES: &[&str] = &[
    "Fatal exception",
    "Fatal hardware error",
    "panic_on_warn",
    "panic_on_oops",
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
    "KFENCE",
    "stack guard",
    "Nested NMI",
];

/// Kinds that are one bug in different clothes: what a stray pointer hits is chance, so they share a signature.
pub(crate) const SAME_BUG: &[(&str, &[&str])] = &[
    ("bad-access", &["NULL-deref", "paging-request", "GPF", "stack-segment", "oops"]),
    ("BUG", &["kernel-BUG", "invalid-opcode"]),
];
