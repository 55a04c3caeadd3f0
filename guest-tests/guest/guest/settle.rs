//! Has the kernel do what a test left it to do later, so that its complaints come while the test is to be blamed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::sys::{self, Errno, Fd, clone, nr, open};

/// How long dying network namespaces are waited for.
const NETNS_MS: u64 = 20_000;

/// Kills every process but this one and waits until they are gone; false if one does not go.
pub(crate) fn kill_all() -> bool {
    const LONGEST_MS: u64 = 10_000;
    let until = sys::now_ms() + LONGEST_MS;
    loop {
        // Again in each round: a process may have forked in between.
        let _ = sys::kill(-1, sys::sig::KILL);
        match sys::wait(-1, sys::WNOHANG) {
            Err(Errno::ECHILD) => return true,
            Ok(Some(_)) => {}
            _ if sys::now_ms() > until => return false,
            _ => sys::sleep_ms(1),
        }
    }
}

/// Whether a test that has given its verdict leaves processes behind: what is ending by itself is waited for.
pub(crate) fn anything_lives() -> bool {
    const LONGEST_MS: u64 = 500;
    let until = sys::now_ms() + LONGEST_MS;
    loop {
        match sys::wait(-1, sys::WNOHANG) {
            Err(Errno::ECHILD) => return false,
            Ok(Some(_)) => {}
            _ if sys::now_ms() > until => return true,
            _ => sys::sleep_ms(1),
        }
    }
}

/// Lets a grace period pass and gives callbacks that wait for one the occasion to run, on each CPU.
pub(crate) fn rcu() {
    const MEMBARRIER_CMD_GLOBAL: usize = 1;
    // 4.3, with more than one CPU it is synchronize_rcu(). Elsewhere a context switch on each CPU is what ends a
    // grace period on kernels that cannot be preempted.
    let _ = sys::plain(nr::MEMBARRIER, [MEMBARRIER_CMD_GLOBAL, 0]);
    let Ok(all) = sys::sched_getaffinity() else { return };
    for _ in 0..2 {
        for cpu in (0..1024).filter(|cpu| all[cpu / 64] & (1 << (cpu % 64)) != 0) {
            let mut one = [0; 16];
            one[cpu / 64] = 1 << (cpu % 64);
            let _ = sys::sched_setaffinity(&one);
            // Callbacks run in softirqs after a tick: idle through one.
            sys::sleep_ms(2);
        }
        let _ = sys::sched_setaffinity(&all);
    }
}

/// Waits until the network namespaces that have died so far are cleaned up; false if they are not in time.
///
/// They are taken down by one worker, batch after batch, in the order of their deaths. So one is made that dies now,
/// and then another: when the second goes, the first one's batch is done, with everything that died before it.
pub(crate) fn netns() -> bool {
    let until = sys::now_ms() + NETNS_MS;
    (0..2).all(|_| match dying_netns() {
        Ok(Some(dying)) => dying.gone_by(until),
        // No such namespaces, or nothing to see them by: nothing to wait for.
        Ok(None) | Err(_) => true,
    })
}

/// A folder of /proc that belongs to a network namespace: holding it open does not keep the namespace alive, and its
/// entries vanish when the namespace is taken down (`rt_cache` in ip_rt_do_proc_exit).
struct Dying {
    folder: Fd,
    entries: usize,
}

fn dying_netns() -> Result<Option<Dying>, Errno> {
    let (wait, go) = sys::pipe()?;
    let pid = sys::fork(clone::NEWNET)?;
    if pid == 0 {
        drop(go);
        let _ = sys::read(&wait, &mut [0]);
        sys::exit(0);
    }
    drop(wait);
    let folder = sys::open(&format!("/proc/{pid}/net/stat"), open::RDONLY | open::DIRECTORY | open::CLOEXEC, 0);
    let entries: Result<Vec<String>, Errno> = folder.as_ref().map_err(|e| *e).and_then(sys::entries);
    drop(go);
    sys::wait(pid, 0)?;
    let (folder, entries) = (folder?, entries?.len());
    Ok((entries > 0).then_some(Dying { folder, entries }))
}

impl Dying {
    fn gone_by(&self, until: u64) -> bool {
        loop {
            match sys::entries(&self.folder) {
                Ok(entries) if entries.len() >= self.entries => {}
                _ => return true,
            }
            if sys::now_ms() > until {
                return false;
            }
            sys::sleep_ms(2);
        }
    }
}
