//! Threads of this process, by `clone` itself: for what the kernel does with a group of them.

use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use super::{Errno, call, clone, map_anonymous, nr, plain, syscall6, unmap};

/// Plenty for what tests do; pages that are not touched cost nothing.
const STACK: usize = 256 * 1024;
/// What the kernel wants of a thread, and the word that it clears and wakes when the thread is gone.
const FLAGS: usize = clone::VM
    | clone::FS
    | clone::FILES
    | clone::SIGHAND
    | clone::THREAD
    | clone::SYSVSEM
    | clone::PARENT_SETTID
    | clone::CHILD_CLEARTID;

type Body = Box<dyn FnOnce() + Send>;

/// A second thread. Not joined it runs on, with its stack, as long as the process does.
///
/// The allocator has a lock, so both may allocate; a process that is forked while threads run may find it held, so its
/// child should do system calls and no more.
pub(crate) struct Thread {
    tid: i32,
    stack: *mut u8,
}

impl Thread {
    /// Starts a thread that runs `body` and ends.
    pub(crate) fn start(body: impl FnOnce() + Send + 'static) -> Result<Thread, Errno> {
        let stack = map_anonymous(STACK);
        if stack.is_null() {
            return Err(Errno::ENOMEM);
        }
        let body: Box<Body> = Box::new(Box::new(body));
        let body = Box::into_raw(body);
        // SAFETY: a fresh stack whose first word is the thread's own word, and a body that nothing else owns.
        match unsafe { clone_thread(stack, body) } {
            Ok(tid) => Ok(Thread { tid, stack }),
            Err(errno) => {
                unmap(stack, STACK);
                // SAFETY: there is no thread that could have taken it.
                drop(unsafe { Box::from_raw(body) });
                Err(errno)
            }
        }
    }

    /// Its number in the PID namespace of this process.
    pub(crate) fn tid(&self) -> i32 {
        self.tid
    }

    /// Whether it has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.word().load(Ordering::Acquire) == 0
    }

    /// Waits for its end. The kernel clears the word first and lets go of the shared memory after: up to 4.2 a process
    /// counts as threaded until then (3.8.13's unshare answered EINVAL), so its number has to be free as well.
    pub(crate) fn join(self) {
        const FUTEX_WAIT: usize = 0;
        let number = self.tid as usize;
        let process = plain(nr::GETPID, []).unwrap_or(0);
        loop {
            let tid = self.word().load(Ordering::Acquire);
            if tid == 0 {
                break;
            }
            let at = core::ptr::from_ref(self.word()) as usize;
            // SAFETY: the address of a word that lives; no timeout. It comes back when the word is no longer `tid`.
            let _ = unsafe { call(nr::FUTEX, [at, FUTEX_WAIT, tid as usize, 0]) };
        }
        while plain(nr::TGKILL, [process, number, 0]).is_ok() {
            sched_yield();
        }
        unmap(self.stack, STACK);
    }

    /// Its number until the kernel clears it.
    fn word(&self) -> &AtomicU32 {
        // SAFETY: the lowest word of the mapping, which lives until `join` takes `self`, and is only used atomically.
        unsafe { &*self.stack.cast::<AtomicU32>() }
    }
}

/// The number of the calling thread.
pub(crate) fn gettid() -> i32 {
    plain(nr::GETTID, []).map_or(0, |tid| tid as i32)
}

/// Lets another thread run.
pub(crate) fn sched_yield() {
    let _ = plain(nr::SCHED_YIELD, []);
}

/// # Safety
/// `stack` is a fresh mapping of [`STACK`] bytes, `body` comes from `Box::into_raw`.
unsafe fn clone_thread(stack: *mut u8, body: *mut Body) -> Result<i32, Errno> {
    let top = stack.expose_provenance() + STACK;
    let word = stack.expose_provenance();
    let result: isize;
    // SAFETY: the new thread starts behind the system call with registers as here but for rax and the stack, which is
    // aligned and empty, and never comes back from `run`. The old one goes on as after any system call.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") nr::CLONE.cast_signed() => result,
            in("rdi") FLAGS, in("rsi") top, in("rdx") word, in("r10") word, in("r8") 0usize,
            in("r12") body, in("r13") run as extern "C" fn(*mut Body) -> !,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if result < 0 { Err(Errno(-(result as i32))) } else { Ok(result as i32) }
}

/// Where a new thread starts.
extern "C" fn run(body: *mut Body) -> ! {
    // SAFETY: `start` gave it up to this thread.
    let body = unsafe { Box::from_raw(body) };
    body();
    loop {
        // SAFETY: a number; this thread ends here, and its stack stays for `join` to unmap.
        unsafe { syscall6(nr::EXIT, 0, 0, 0, 0, 0, 0) };
    }
}
