//! Functions that are not to blame, as data: they report, check, lock, copy or count for others. `*` stands for any text,
//! `[0-9]` for a digit.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

/// Never to blame: they notice, report and stop, or do for their caller what breaks when the caller is wrong.
#[rustfmt::skip]
const REPORTING: &[&str] = &[
    // Printing, trapping, stopping.
    "*dump_stack*", "*show_stack*", "*walk_stack*", "show_trace*", "*dump_backtrace*", "unwind_backtrace*", "show_regs*",
    "save_stack*", "__save_stack_trace", "stack_trace_*", "arch_stack_walk*", "print_address_description*",
    "*print_report*", "*report_bug*", "*fixup_bug*", "handle_bug*", "*__warn*", "*warn_slowpath*", "*warn_alloc*",
    "*warn_bogus*", "*panic*", "*printk*", "*va_format*", "die", "__die*", "oops_*", "*do_error*", "*_trap", "*do_trap*",
    "*invalid_op*", "exc_*", "asm_exc_*", "bad_area*", "__bad_area*", "no_context", "kernelmode_fixup_or_oops",
    "error_code", "async_page_fault", "bug_handler*", "call_break_hook", "brk_handler", "do_debug_exception", "el1_dbg",
    "dev_info", "_dev_info", "dev_notice", "_dev_notice", "dev_warn", "_dev_warn", "dev_err", "_dev_err", "dev_alert",
    "dev_crit", "dev_emerg", "*print_tainted*", "get_taint", "*hex_dump*", "bad_page*",
    // Other architectures' ways from the fault to the report.
    "*program_check_*", "die_kernel_fault", "*do_kernel_fault*", "*do_translation_fault*", "*do_mem_abort*", "el1_abort",
    "el1_sync*", "el1h_64_sync*", "do_tag_check_fault", "do_DataAbort", "__und_svc", "do_undefinstr",
    // Checkers and coverage.
    "*kasan*", "*__asan*", "*hwasan*", "*kmsan*", "*__msan*", "*kcsan_*", "__tsan_*", "kfence_*", "__kfence_*",
    "*__sanitizer*", "*check_memory_region*", "*check_heap_object*", "*check_object*", "read_word_at_a_time",
    "*read_once_*nocheck*", "*write_once_*nocheck*", "*should_fail*", "*_indirect_thunk_*", "perf_trace*",
    "*debug_object*", "timer_is_static_object", "work_is_static_object", "__fortify_report", "object_err*",
    "print_trailer*", "check_bytes_and_report", "*_debug_processing*", "slab_err", "slab_bug", "slab_fix", "slab_pad_check*",
    "check_slab", "on_freelist", "free_to_partial_list", "list_slab_objects*", "*might_fault*", "*might_sleep*", "*might_resched*", "__schedule_bug", "schedule_debug",
    "*assertfail*", "__phys_addr*", "seqprop_assert*",
    // The lock validator and locks.
    "*lockdep*", "*lock_acquire*", "*lock_release*", "*lock_class*", "*held_locks*", "*mark_lock*", "validate_chain*",
    "check_prev*", "check_noncircular*", "check_deadlock*", "check_irq_usage*", "check_wait_context*", "check_flags*",
    "hlock_*", "lock_is_held*", "lock_pin*", "lock_unpin*", "lock_downgrade*", "lock_set_*", "print_*bug*", "print_unlock*", "*imbalance_bug*", "print_circular*",
    "trace_hardirq*", "trace_softirq*", "*spin_lock*", "*spin_trylock*", "*spin_unlock*", "spin_dump*", "spin_bug*",
    "*raw_spin_rq*", "__task_rq_lock", "*read_lock*", "*read_trylock*", "*read_unlock*", "*write_lock*",
    "*write_trylock*", "*write_unlock*", "down", "*down_read*", "*down_write*", "*down_trylock*", "*up_read*",
    "*up_write*", "mutex_*", "__mutex_*", "rt_mutex_*", "owner_on_cpu", "osq_lock", "osq_unlock", "*__wake_up*",
    "*local_bh_*", "*bh_enable*", "*bh_disable*", "*unlock_page", "lock_page*",
    // Counts and bits.
    "refcount_*", "__refcount_*", "kref_*", "*ref_tracker*", "*atomic_dec*", "*atomic_inc*", "*atomic_read*", "*atomic_set*",
    "*atomic_or*", "*atomic_xor*", "*atomic_and*", "*atomic_add*", "*atomic_sub*", "*atomic_fetch*", "*atomic_xchg*",
    "*atomic_cmpxchg*", "*atomic_try*", "*atomic64_*", "*atomic_long_*", "*set_bit*", "*clear_bit*", "*change_bit*", "*test_bit*",
    // Strings, copies, lists, trees, sums.
    "*memcpy*", "*memcmp*", "*memset*", "*memchr*", "*memmove*", "*memdup*", "*strcmp*", "*strncmp*", "*strcpy*",
    "*strlcpy*", "*strncpy*", "*strscpy*", "*strlen*", "*strstr*", "*strnstr*", "*strnlen*", "*strchr*", "*strdup*",
    "*strndup*", "*copy_to_user*", "*copy_from_user*", "*copy_to_iter*", "*copy_from_iter*", "copy_page_to_iter*",
    "copy_page_from_iter*", "copy_folio_to_iter*", "copyin", "copyout", "*put_user*", "*get_user*", "*list_add*",
    "*list_del*", "*list_replace*", "*list_move*", "*list_splice*", "klist_*", "rb_*", "__rb_*", "xas_start*", "xas_load*",
    "xas_find*", "ida_free", "*rhashtable_lookup*", "*string", "string_*", "*pointer*", "*snprintf*", "*scnprintf*",
    "*asprintf*", "crc[0-9]*", "crc_itu_t", "extract_user_to_sg", "extract_iter_to_sg",
    // Port and device access.
    "*readb", "*readw", "*readl", "*readq", "*writeb", "*writew", "*writel", "*writeq", "*logic_in*", "*logic_out*",
    // Memory and pages for others.
    "*malloc*", "*zalloc*", "*calloc*", "*krealloc*", "*kmem_cache*", "*slab_*", "allocate_slab*", "*alloc_page*",
    "*alloc_frozen_pages*", "*folio_alloc*", "*folio_unlock*", "filemap_alloc_folio*", "__filemap_get_folio*",
    "find_or_create_page", "do_read_cache_folio", "*read_cache_page*", "pagecache_get_page", "grab_cache_page_*",
    "find_lock_entries", "truncate_inode_pages_range", "kfree", "kvfree", "*kfree_skb*",
    // Inodes and names: who holds the broken one is to blame.
    "iput", "iput_final", "ihold", "drop_nlink", "inc_nlink", "clear_nlink", "mark_buffer_dirty*", "mark_inode_dirty*", "*dput*",
    // Driver core, timers, work: what they are handed belongs to the caller.
    "*del_timer*", "lock_timer_base", "__timer_delete_sync*", "sk_stop_timer_sync", "__mod_timer", "*flush_work*",
    "__cancel_work_timer", "cancel_work_sync", "*try_to_grab_pending*", "*drain_workqueue*", "*destroy_workqueue*",
    "*queue_work*", "insert_work", "*queue_delayed_work*", "finish_wait", "complete", "*wait_for_completion*",
    "*kthread_stop*", "*kobject_*", "add_uevent_var*", "get_device_parent*", "put_device", "*device_add*", "*device_del*",
    "*device_unregister*", "*device_destroy*", "*device_release*", "devres_release_all", "*hwrng_unregister*",
    "*i2c_del_adapter*", "__unregister_client", "*device_for_each_child*", "*rollback_registered*", "*unregister_netdev*",
    "*sysfs_remove*", "*device_remove_file*", "*tty_unregister_device*", "dummy_urb_enqueue", "*usb_kill_urb*",
    "*usb_kill_anchored_urbs*", "*usb_control_msg*", "*usb_hcd_submit_urb*", "*usb_submit_urb*", "cleanup_srcu_struct*",
    // A language's own panic.
    "*rust_begin_unwind*", "rust_helper_BUG",
];

/// Not to blame where a task waits.
#[rustfmt::skip]
const WAITING: &[&str] = &[
    "*sched*", "*_lock*", "*_slowlock*", "*down*", "*rwsem*", "*completion*", "*kthread*", "*wait*", "*synchronize*",
    "context_switch", "*__switch_to*", "*cancel_delayed_work*", "*rcu_barrier*", "refrigerator", "*sleep_on*", "msleep*",
    "usleep*", "fsleep*",
];

/// Waits that are met everywhere for one reason elsewhere: each is one bug, whatever waited.
#[rustfmt::skip]
const SHARED: &[(&[&str], &str)] = &[
    (&["*rtnl_lock*"], "rtnl_lock"),
    (&["*synchronize_rcu*", "*synchronize_srcu*", "*synchronize_net*", "*synchronize_sched*"], "synchronize_rcu"),
];

/// The same for stalls.
#[rustfmt::skip]
const SHARED_STALLS: &[(&[&str], &str)] = &[
    (&["*smp_call_function*"], "smp_call_function"),
];

/// What calls the function a stall is blamed on.
#[rustfmt::skip]
const CALLERS: &[&str] = &[
    // Dispatchers of work, softirqs and system calls.
    "*process_one_work*", "*do_syscall_*", "*do_fast_syscall_*", "sysenter_*", "*do_int80_*", "*tracesys_phase2*",
    "entry_SYSCALL*", "entry_INT80*", "system_call*", "el0_svc*", "invoke_syscall*", "ret_fast_syscall*",
    "*netif_receive_skb*", "*do_softirq*", "*call_timer_fn*", "*_run_timers*", "*run_timer_softirq*",
    "*hrtimer_run*", "*run_ksoftirqd*", "*smpboot_thread_fn*", "kthread", "*start_secondary*", "*cpu_startup_entry*",
    "*ret_from_fork*", "tasklet_action*", "tasklet_hi_action*", "*smp_call_function*",
    // Calls that serve many: the file's or socket's own function is the one before.
    "*vfs_write*", "*vfs_read*", "*vfs_iter_read*", "*vfs_iter_write*", "*do_iter_read*", "*do_iter_write*",
    "*call_read_iter*", "*call_write_iter*", "*new_sync_read*", "*new_sync_write*", "*vfs_ioctl*", "ksys_ioctl",
    "*compat_ioctl*", "*blkdev_driver_ioctl*", "*blkdev_ioctl*", "*sys_ioctl", "*SYSC_ioctl", "*SyS_ioctl", "call_mmap*",
    "*mmap_region*", "*do_mmap*", "*do_dentry_open*", "*vfs_open*", "sock_sendmsg*", "sock_recvmsg*", "sock_release*",
    "__sock_release*", "*sys_setsockopt", "*SYSC_setsockopt", "*SyS_setsockopt", "*kernel_setsockopt*",
    "*sock_common_setsockopt*", "*sys_listen", "*SYSC_listen", "*SyS_listen", "*kernel_listen*", "*sk_common_release*",
    "sock_mmap*", "*sys_accept", "*SYSC_accept", "*SyS_accept", "*kernel_accept*", "sock_do_ioctl*", "sock_ioctl*",
    "nfnetlink_rcv_msg*", "rtnetlink_rcv_msg*", "netlink_dump*", "*sys_socketpair", "*SYSC_socketpair",
    "*SyS_socketpair", "*sys_connect", "*SYSC_connect", "*SyS_connect",
    // Page faults, and what is done on the way back to user space.
    "*__do_fault*", "*do_page_fault*", "page_fault", "*__fput*", "*task_work_run*", "*exit_to_usermode*",
];

/// Entries into the kernel: they say nothing and their names change with every release.
#[rustfmt::skip]
const LOWEST: &[&str] = &[
    "entry_*", "do_syscall_*", "system_call*", "sysenter_*", "ret_from_fork*", "do_fast_syscall_*",
    "__do_fast_syscall_*", "do_int80_*", "kernel_thread_helper", "child_rip", "x64_sys_call", "ia32_sys*", "el0_*",
    "invoke_syscall*",
];

/// A list of functions, sorted by where the star stands, as each kind is looked up by another fast way.
#[derive(Default)]
pub(crate) struct Lists {
    whole: HashSet<&'static str>,
    ends: Vec<&'static str>,
    /// `name*`.
    begins: Option<Regex>,
    /// `*name*`: literals, so that the work is one pass over the name.
    holds: Option<Regex>,
    /// What is more than that.
    others: Vec<Regex>,
}

impl Lists {
    pub(crate) fn new(lists: &[&[&'static str]]) -> Self {
        let (mut begins, mut holds) = (Vec::new(), Vec::new());
        let mut made = Self::default();
        for &name in lists.iter().flat_map(|list| list.iter()) {
            let inner = name.trim_start_matches('*').trim_end_matches('*');
            if inner.contains(['*', '[']) {
                let pattern = regex::escape(name).replace(r"\*", ".*").replace(r"\[0\-9\]", "[0-9]");
                made.others.push(compiled(&format!("^(?:{pattern})$")));
                continue;
            }
            match (name.starts_with('*'), name.ends_with('*')) {
                (true, true) => holds.push(regex::escape(inner)),
                (false, true) => begins.push(regex::escape(inner)),
                (true, false) => made.ends.push(inner),
                (false, false) => drop(made.whole.insert(inner)),
            }
        }
        made.begins = (!begins.is_empty()).then(|| compiled(&format!("^(?:{})", begins.join("|"))));
        made.holds = (!holds.is_empty()).then(|| compiled(&holds.join("|")));
        made
    }

    /// Whether the list names the function.
    pub(crate) fn names(&self, function: &str) -> bool {
        let fits = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(function));
        self.whole.contains(function)
            || fits(&self.holds)
            || fits(&self.begins)
            || self.ends.iter().any(|end| function.ends_with(end))
            || self.others.iter().any(|pattern| pattern.is_match(function))
    }
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("escaped names")
}

/// All lists.
pub(crate) struct Machinery {
    pub(crate) reporting: Lists,
    pub(crate) waiting: Lists,
    pub(crate) callers: Lists,
    pub(crate) lowest: Lists,
    shared: Vec<(Lists, &'static str)>,
    shared_stalls: Vec<(Lists, &'static str)>,
}

impl Machinery {
    /// The name under which a wait for this function is known.
    pub(crate) fn shared(&self, function: &str) -> Option<&'static str> {
        self.shared.iter().find(|(list, _)| list.names(function)).map(|(_, name)| *name)
    }

    /// The name under which a stall in this function is known.
    pub(crate) fn shared_stall(&self, function: &str) -> Option<&'static str> {
        self.shared_stalls.iter().find(|(list, _)| list.names(function)).map(|(_, name)| *name)
    }
}

/// The lists above.
pub(crate) static MACHINERY: LazyLock<Machinery> = LazyLock::new(|| {
    let named = |table: &[(&[&'static str], &'static str)]| {
        table.iter().map(|(list, name)| (Lists::new(&[list]), *name)).collect::<Vec<_>>()
    };
    Machinery {
        reporting: Lists::new(&[REPORTING]),
        waiting: Lists::new(&[WAITING]),
        callers: Lists::new(&[CALLERS]),
        lowest: Lists::new(&[LOWEST]),
        shared: named(SHARED),
        shared_stalls: named(SHARED_STALLS),
    }
});

#[cfg(test)]
mod tests {
    use super::{Lists, MACHINERY};

    #[test]
    fn a_star_stands_for_any_text() {
        let list = Lists::new(&[&["a*", "*b", "c*d", "e"]]);
        for (name, is) in
            [("a", true), ("ax", true), ("xb", true), ("cxd", true), ("e", true), ("ex", false), ("xa", false)]
        {
            assert_eq!(list.names(name), is, "{name}");
        }
        assert!(!Lists::new(&[]).names(""));
    }

    #[test]
    fn the_lists_compile() {
        assert!(MACHINERY.reporting.names("dump_stack_lvl") && !MACHINERY.reporting.names("d_lookup"));
        assert_eq!(MACHINERY.shared("synchronize_net"), Some("synchronize_rcu"));
        assert_eq!(MACHINERY.shared_stall("smp_call_function_many_cond"), Some("smp_call_function"));
    }
}
