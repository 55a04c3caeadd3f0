//! What the machine holds of things that containers are made of, counted before and after: what grows is a leak.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::files;
use crate::sys;
use crate::test_api::{Check, OrStop as _, Stop, note, time_left};

/// Free memory may shrink by so much whatever the number of rounds: slabs that are partly used on each CPU, page
/// tables and lists of pages that the kernel keeps for the next one, seen to be up to 3 MiB on 2.6.32 to 7.x.
const MEMORY_KIB: u64 = 8 * 1024;

/// A cache may keep so many objects more: those in slabs that each CPU holds on to, which count as used.
const OBJECTS: u64 = 64;

/// Caches whose objects go with what made them. On many kernels some are merged with others of their size and not seen.
const CACHES: &[&str] =
    &["net_namespace", "pid_namespace", "user_namespace", "uts_namespace", "nsproxy", "mnt_cache", "fs_cache"];

/// How long the kernel may take to let go: network namespaces and control groups go by work items.
const LONGEST_MS: u64 = 20_000;

/// One count.
pub(crate) struct Census {
    exact: Vec<(&'static str, Vec<String>)>,
    caches: Vec<(&'static str, u64)>,
    free_kib: u64,
}

impl Census {
    pub(crate) fn take() -> Result<Census, Stop> {
        Ok(Census { exact: exact()?, caches: caches(), free_kib: free_kib()? })
    }

    /// A count after one round, which warms what the kernel keeps, has come and gone.
    pub(crate) fn warm(round: impl FnOnce() -> Check) -> Result<Census, Stop> {
        let cold = Census::take()?;
        round()?;
        wait(|| Ok(cold.more(&Census::take()?)))?;
        Census::take()
    }

    /// All is as it was, but for the allowances; waits for what the kernel does later.
    pub(crate) fn is_kept(&self) -> Check {
        wait(|| {
            let now = Census::take()?;
            Ok(self.more(&now).or_else(|| self.grown(&now)))
        })
    }

    /// What can be counted one by one and is not as it was.
    fn more(&self, now: &Census) -> Option<String> {
        let (kind, before, after) = self
            .exact
            .iter()
            .zip(&now.exact)
            .map(|((kind, before), (_, after))| (kind, before, after))
            .find(|(_, before, after)| before != after)?;
        let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
        Some(format!("left behind: {kind} were {}, are {}; new: {new:?}", before.len(), after.len()))
    }

    /// What is allowed to grow a little and grew more.
    fn grown(&self, now: &Census) -> Option<String> {
        for (name, after) in &now.caches {
            let before = self.caches.iter().find(|(known, _)| known == name).map_or(*after, |(_, count)| *count);
            if *after > before + OBJECTS {
                return Some(format!("left behind: {name} had {before} objects in use and has {after}"));
            }
        }
        let lost = self.free_kib.saturating_sub(now.free_kib);
        (lost > MEMORY_KIB).then(|| format!("left behind: {lost} KiB of memory, more than {MEMORY_KIB} KiB"))
    }

    /// Says how much less memory is free, for whoever compares runs.
    pub(crate) fn tell(&self) {
        if let Ok(now) = free_kib() {
            note(&format!("free memory went from {} to {now} KiB", self.free_kib));
        }
    }
}

/// Looks till nothing is told any more, or the time is up.
fn wait(mut look: impl FnMut() -> Result<Option<String>, Stop>) -> Check {
    let until = sys::now_ms() + LONGEST_MS.min(time_left().saturating_sub(1_500));
    loop {
        match look()? {
            None => return Ok(()),
            Some(what) if sys::now_ms() >= until => return Err(Stop::Fail(what)),
            Some(_) => sys::sleep_ms(20),
        }
    }
}

fn exact() -> Result<Vec<(&'static str, Vec<String>)>, Stop> {
    let lines = |path: &str| -> Vec<String> {
        files::read_text(path).unwrap_or_default().lines().map(ToString::to_string).collect()
    };
    let table = files::read_text("/proc/net/dev").or_fail("read /proc/net/dev")?;
    let names = table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_string());
    // Version 1 hierarchies come and go with their mounts, by work items.
    let sysv = ["shm", "msg", "sem"].iter().flat_map(|kind| lines(&format!("/proc/sysvipc/{kind}")));
    // Of a segment the ID, not who last used it.
    let sysv = sysv.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
    Ok(Vec::from([
        ("mounts", lines("/proc/self/mounts")),
        ("interfaces", names.collect()),
        ("System V objects", sysv.collect()),
        ("control groups", groups()),
        ("processes", processes()?),
        ("namespaces", namespaces()?),
    ]))
}

/// Groups below what tests mount.
fn groups() -> Vec<String> {
    let below = |at: &str| -> Vec<String> {
        let names = sys::list(at).unwrap_or_default().into_iter();
        let path = |name: String| format!("{at}/{name}");
        names
            .map(path)
            .filter(|path| files::exists(&format!("{path}/cgroup.procs")) || files::exists(&format!("{path}/tasks")))
            .collect()
    };
    ["/tmp/cgroup1", "/tmp/cgroup2"].iter().flat_map(|at| below(at)).collect()
}

/// Processes with a program: threads of the kernel come and go.
fn processes() -> Result<Vec<String>, Stop> {
    let all = sys::list("/proc").or_fail("list /proc")?;
    let program = |pid: &String| files::read(&format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    Ok(all.into_iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())).filter(program).collect())
}

/// Namespaces that have a process (3.0: three kinds, 3.8: all).
fn namespaces() -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    for pid in processes()? {
        for kind in sys::list(&format!("/proc/{pid}/ns")).unwrap_or_default() {
            let Ok(stat) = sys::stat(&format!("/proc/{pid}/ns/{kind}")) else { continue };
            let one = format!("{kind}:{}", stat.ino);
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Objects in use, after the allocator gave back what it need not keep.
fn caches() -> Vec<(&'static str, u64)> {
    for name in CACHES {
        let _ = files::write(&format!("/sys/kernel/slab/{name}/shrink"), "1");
    }
    let text = files::read_text("/proc/slabinfo").unwrap_or_default();
    let count = |name: &&'static str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name))?;
        Some((*name, line.split_whitespace().nth(1)?.parse().ok()?))
    };
    CACHES.iter().filter_map(count).collect()
}

/// `MemFree` without what can be had back at once.
fn free_kib() -> Result<u64, Stop> {
    let _ = files::write("/proc/sys/vm/drop_caches", "3");
    let text = files::read_text("/proc/meminfo").or_fail("read /proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Stop::Fail("/proc/meminfo has no MemFree".into()))
}
