//! Functions that are never to blame, as data: they report, wait, copy or count for others.
//! A trailing `*` stands for any rest of the name.

/// In the way of every stack: printing, trapping, stopping.
#[rustfmt::skip]
pub(crate) const REPORTING: &[&str] = &[
    "dump_stack*", "__dump_stack", "show_stack*", "show_trace*", "dump_backtrace*", "unwind_backtrace*", "show_regs*",
    "stack_trace_*", "save_stack*", "__save_stack_trace", "print_address_description*", "print_report", "report_bug*",
    "__report_bug", "fixup_bug*", "handle_bug*", "__warn*", "warn_slowpath*", "warn_alloc*", "panic", "vpanic",
    "nmi_panic*", "check_panic_on_warn", "printk", "_printk", "vprintk*", "die*", "__die*", "oops_*",
    "do_error_trap*", "do_trap*", "do_invalid_op", "invalid_op", "exc_*", "asm_exc_*", "page_fault*", "do_page_fault",
    "__do_page_fault", "bad_area*", "__bad_area*", "no_context", "kernelmode_fixup_or_oops", "general_protection*",
    "do_general_protection", "error_code", "trap_*", "async_page_fault", "kasan_*", "__kasan_*", "__asan_*",
    "__hwasan_*", "check_memory_region*", "end_report*", "kmsan_*", "__msan_*", "kcsan_*", "__tsan_*", "kfence_*",
    "__ubsan_*", "ubsan_*", "handle_overflow", "__sanitizer_*", "check_region_inline", "instrument_*", "set_bit",
    "clear_bit", "test_bit", "__read_once_size*", "__write_once_size*", "arch_atomic*", "atomic_*", "arch_*_bit",
    "test_and_*_bit", "raw_atomic*", "lockdep_*", "print_*bug*", "print_unlock_imbalance*", "print_circular*",
    "print_deadlock*", "print_irq*", "check_deadlock", "check_prev_add*", "check_prevs_add", "validate_chain*",
    "__lock_acquire*", "lock_acquire*", "lock_release*", "__lock_release*", "register_lock_class*", "mark_lock*",
    "assign_lock_key", "debug_check_no_locks_*", "debug_*", "__debug_*", "odebug_*", "refcount_*", "__refcount_*",
    "kref_*", "kobject_*", "klist_*", "___might_sleep", "__might_sleep", "__might_resched", "__schedule_bug",
    "schedule_debug", "bad_page*", "check_preemption_disabled", "debug_smp_processor_id", "__this_cpu_preempt_check",
    "nmi_*", "spin_dump*", "spin_bug*", "do_raw_spin_*", "__raw_spin_*", "_raw_*", "__spin_*", "spin_lock*",
    "spin_unlock*", "_spin_*", "_read_*", "_write_*", "__raw_read_*", "__raw_write_*", "queued_spin_*",
    "native_queued_*", "__pv_queued_*", "pv_queued_*", "kvm_wait*", "pv_wait*", "__percpu_*", "usercopy_*",
    "__check_object_size*", "check_object_size*", "check_heap_object", "report_usercopy", "copy_*_user*", "__copy_*",
    "_copy_*", "raw_copy_*", "copy_overflow*", "fortify_*", "__fortify_*", "stack_chk_fail", "__stack_chk_fail",
    "verify_stack*", "sysfs_warn_dup", "__list_*", "list_*", "hlist_*", "__hlist_*", "mem*", "__mem*", "str*",
    "__str*", "csum_*", "kfree*", "kvfree*", "vfree*", "__vfree*", "kmem_cache_*", "kmalloc*", "__kmalloc*",
    "krealloc*", "kvmalloc*", "slab_*", "__slab_*", "___slab_*", "object_err*", "print_trailer*", "free_debug_*",
    "alloc_debug_*", "check_bytes*", "vmalloc*", "__vmalloc*", "__alloc_pages*", "alloc_pages*", "free_pages*",
    "rcu_dereference*", "check_slab*", "on_freelist*", "kzalloc*", "kcalloc*", "__do_kmalloc*", "do_slab_free*",
    "cache_*", "____cache_*", "___cache_*", "kernel_init_*", "arch_local_irq_*", "native_*irq*", "preempt_*",
    "__preempt_*", "local_bh_*", "__local_bh_*", "mutex_*", "__mutex_*", "rt_mutex_*", "down_read*", "down_write*",
    "up_read*", "up_write*", "__down_*", "rwsem_*", "call_rwsem_*", "rcu_lock_*", "rcu_read_*", "rcu_note_*",
    "seqlock_*", "read_seq*", "__free_object*", "rb_*", "__rb_*", "xa_*", "idr_*", "ida_*", "radix_tree_*",
    "find_*_bit", "_find_*_bit", "get_task_*", "fortify_panic", "iov_iter_*", "notifier_call_chain*", "ref_tracker_*",
];

/// Helpers that break when their caller gave them something broken: the caller is to blame.
#[rustfmt::skip]
pub(crate) const HELPERS: &[&str] = &[
    // Driver core, sysfs, work, timers, completions.
    "device_del*", "device_unregister*", "device_remove_*", "cdev_*", "get_device_parent*", "devres_*",
    "release_nodes", "sysfs_remove_*", "sysfs_create_*", "internal_create_group*", "kernfs_remove_by_name*",
    "add_uevent_var*", "device_add*", "kthread_stop*", "__flush_work*", "flush_work*", "__cancel_work*",
    "cancel_work*", "cancel_delayed_work*", "del_timer*", "try_to_del_timer*", "timer_delete*", "__timer_delete*",
    "timer_is_static_object", "lock_timer_base", "mod_timer*", "__mod_timer*", "add_timer*", "complete",
    "complete_all", "wait_for_completion*", "__wait_for_common", "do_wait_for_common", "finish_wait",
    "prepare_to_wait*", "add_wait_queue*", "remove_wait_queue*", "__wake_up*", "wake_up*", "swake_up*",
    "try_to_wake_up", "default_wake_function", "autoremove_wake_function", "queue_work*", "__queue_work*",
    "queue_delayed_work*", "usb_kill_urb*", "usb_submit_urb", "usb_free_urb*", "usb_start_wait_urb",
    "usb_control_msg*", "usb_bulk_msg*", "usb_hcd_*", "hcd_buffer_*",
    // Network buffers and devices.
    "skb_panic", "skb_over_panic", "skb_under_panic", "skb_push", "skb_put", "skb_pull", "__skb_pull*", "skb_copy_*",
    "skb_release_*", "__kfree_skb", "kfree_skb*", "sk_free*", "__sk_free", "__sk_destruct", "sk_destruct", "sock_put",
    "lock_sock*", "release_sock*", "__lock_sock*", "rollback_registered*", "unregister_netdevice*", "dev_put*",
    "synchronize_net", "rtnl_dereference*",
    // Allocation, copying, formatting, data structures.
    "__alloc_frozen_pages*", "alloc_frozen_pages*", "__folio_alloc*", "folio_alloc*", "free_unref_*", "__free_pages*",
    "free_large_kmalloc", "free_pcppages*", "free_pcp*", "vzalloc*", "vunmap*", "__vunmap", "remove_vm_area",
    "__rcu_free*", "call_rcu*", "__call_rcu*", "should_fail*", "__should_fail*", "fail_dump", "__might_fault",
    "might_fault", "vsnprintf", "snprintf", "sprintf", "vscnprintf", "scnprintf", "crc*", "xas_*", "__xa_*",
    "osq_lock*", "copyin", "copyout", "copy_to_iter*", "copy_from_iter*", "copy_page_*", "simple_copy_*", "_find_*",
    "bitmap_*", "__bitmap_*", "bcmp", "refcount_inc*", "sg_*_table", "alloc_skb*", "__get_free_pages*",
    "get_zeroed_page*", "kmemdup*", "kstrdup*", "vmemdup_*", "memdup_*", "kmemleak_*", "pcpu_*", "__alloc_percpu*",
    "alloc_percpu*", "kvzalloc*",
    // Files and pages.
    "iput*", "drop_nlink", "inc_nlink", "clear_nlink", "mark_buffer_dirty", "mark_inode_dirty*", "fast_dput", "dput*",
    "folio_unlock", "unlock_page", "folio_end_*", "end_page_*", "assertfail", "btrfs_assertfail", "__reiserfs_panic",
    "reiserfs_write_lock*", "bio_put*", "__brelse", "filemap_fdatawait*", "__filemap_fdatawait*",
    "filemap_write_and_wait*",
    // Tracing, branches, arch.
    "perf_trace_*", "trace_event_*", "__traceiter_*", "trace_*", "__x86_indirect_thunk*", "__sanitizer_cov*",
    "warn_bogus_irq_restore", "walk_stackframe", "unwind_*", "__unwind_*", "stack_access_ok", "update_stack_state",
    "orc_*", "in_task_stack", "__raw_read*", "__raw_write*", "readl*", "writel*", "inb*", "outb*", "___preempt_*",
    "arch_stack_walk*", "__lock_text_start", "rust_helper_*", "_RN*", "__down*", "_atomic_dec_and_lock*",
    "synchronize_srcu*", "rcu_barrier*", "__srcu_*", "look_up_lock_class", "__task_rq_lock", "check_wait_context",
    "check_noncircular*", "print_lock*", "__free_zapped*",
];

/// Where a task that waits is found, whatever it waits for.
#[rustfmt::skip]
pub(crate) const WAITING: &[&str] = &[
    "schedule*", "__schedule*", "io_schedule*", "context_switch", "__switch_to*", "wait_for_*", "do_wait_*",
    "__wait_*", "wait_on_*", "out_of_line_wait_*", "bit_wait*", "mutex_*", "__mutex_*", "down*", "rwsem_*",
    "__rwsem_*", "__rt_mutex*", "rt_mutex*", "rtlock_*", "folio_wait_*", "do_raw_*", "preempt_*", "refrigerator",
    "hrtimer_nanosleep", "msleep*", "percpu_rwsem_*", "percpu_down_*", "__percpu_down_*", "usleep*",
    "synchronize_sched*", "_cond_resched", "__wait_rcu_gp", "sleep_on*", "__flush_work*", "flush_work*", "__folio_*",
    "folio_lock*", "__lock_page*", "lock_page*", "do_sched_*", "bio_await*", "blk_execute_*",
];

/// What runs when a stall is noticed.
#[rustfmt::skip]
pub(crate) const WATCHING: &[&str] = &[
    "rcu_*", "__rcu_*", "print_cpu_stall*", "print_other_cpu_stall*", "check_cpu_stall*", "update_process_times*",
    "tick_*", "hrtimer_*", "__hrtimer_*", "__run_hrtimer", "*apic_timer_interrupt", "watchdog_*", "lapic_*",
    "local_apic_*", "trigger_*backtrace*", "arch_trigger_*", "sched_show_task*", "sysvec_*", "asm_sysvec_*",
    "smp_apic_*", "apic_timer_*", "invoke_rcu_*", "irq_exit*", "__irq_exit*", "do_softirq*", "__do_softirq*",
    "call_softirq", "handle_softirqs", "invoke_softirq", "run_ksoftirqd", "smpboot_*", "rcu_check_callbacks",
    "retint_*", "ret_from_intr*", "*_interrupt", "el1_irq*", "gic_*", "handle_*irq*", "__handle_*irq*",
    "arch_timer_*", "dyntick_*", "perf_event_overflow*", "__perf_event_overflow*", "intel_pmu_*", "perf_event_nmi*",
    "default_do_nmi*", "do_nmi*", "end_repeat_nmi*", "nmi", "unknown_nmi_*",
];

/// Entries a stall is blamed on: the frame found here …
#[rustfmt::skip]
pub(crate) const ENTRIES: &[&str] = &[
    "sys_*", "__sys_*", "ksys_*", "kvm_vcpu_ioctl", "kvm_vm_ioctl", "*_timer_handler", "sctp_generate_*",
    "smp_call_function", "kthread", "process_one_work", "call_timer_fn", "expire_timers", "ret_from_fork*",
    "do_syscall_64", "do_syscall_x64", "do_int80_*", "do_fast_syscall_*", "__do_fast_syscall_*", "entry_SYSCALL*",
    "entry_SYSENTER*", "system_call_fastpath", "sysenter_*", "tasklet_action*", "vfs_*", "__vfs_*", "do_vfs_ioctl",
    "netlink_*", "rtnl_*", "do_iter_*", "task_work_run", "ipv6_rcv", "ip_rcv", "__netif_receive_skb*",
    "worker_thread",
];

/// … but these serve anyone: then the frame before it tells more.
#[rustfmt::skip]
pub(crate) const ENTRIES_FOR_ALL: &[&str] = &[
    "sys_ioctl", "sys_read*", "sys_write*", "sys_pread*", "sys_pwrite*", "sys_connect", "sys_bind", "sys_sendmsg",
    "sys_sendto", "sys_sendmmsg", "sys_setsockopt", "sys_getsockopt", "sys_close", "sys_socket", "sys_accept*",
    "sys_exit*", "sys_umount*", "__sys_*", "ksys_*", "vfs_*", "__vfs_*", "do_vfs_ioctl", "kthread",
    "process_one_work", "worker_thread", "call_timer_fn", "expire_timers", "ret_from_fork*", "do_syscall_*",
    "do_int80_*", "do_fast_syscall_*", "__do_fast_syscall_*", "entry_SYSCALL*", "entry_SYSENTER*",
    "system_call_fastpath", "sysenter_*", "tasklet_action*", "do_iter_*", "task_work_run", "__netif_receive_skb*",
];

/// Entries into the kernel: they say nothing and their names change with every release.
#[rustfmt::skip]
pub(crate) const LOWEST: &[&str] = &[
    "entry_*", "do_syscall_*", "system_call*", "sysenter_*", "ret_from_fork*", "do_fast_syscall_*",
    "__do_fast_syscall_*", "do_int80_*", "kernel_thread_helper", "child_rip", "x64_sys_call", "ia32_sys*", "el0_*",
    "invoke_syscall*",
];

/// Whether a list names a function.
pub(crate) fn lists(list: &[&str], name: &str) -> bool {
    list.iter().any(|entry| {
        if let Some(tail) = entry.strip_prefix('*') {
            return name.ends_with(tail);
        }
        match entry.split_once('*') {
            Some((head, tail)) => {
                name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
            }
            None => *entry == name,
        }
    })
}
