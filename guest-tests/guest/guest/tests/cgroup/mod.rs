//! Control groups: a hierarchy is mounted for the test, its groups are removed when they go out of scope.

mod agent;
mod load;
mod ram_disk;
pub(crate) mod v1;
pub(crate) mod v1_control;
pub(crate) mod v1_memory;
pub(crate) mod v1_oom;
pub(crate) mod v1_sched;
pub(crate) mod v1_tree;
pub(crate) mod v2;
pub(crate) mod v2_tests;

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::files;
use crate::sys::{self, Errno};
use crate::test_api::{Check, OrStop as _, Stop, time_left};

/// A cgroup; when dropped its processes are killed and it is removed.
pub(crate) struct Group {
    path: String,
    /// The file that moves a process in: v1 before 3.0 moves single tasks only, by `tasks`.
    members: &'static str,
}

impl Group {
    fn make(path: String, members: &'static str) -> Result<Group, Stop> {
        // One of an earlier test that was killed before it could clean up.
        if sys::rmdir(&path).is_err() && files::exists(&path) {
            return Err(Stop::Fail(format!("{path} is there already and in use: left over by an earlier test")));
        }
        sys::mkdir(&path, 0o755).or_fail(&format!("mkdir {path}"))?;
        Ok(Group { path, members })
    }

    /// A group below this one.
    pub(crate) fn child(&self, name: &str) -> Result<Group, Stop> {
        Group::make(format!("{}/{name}", self.path), self.members)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Writes one of its files; one that is not there means a kernel without that feature.
    pub(crate) fn set(&self, name: &str, value: &str) -> Check {
        let path = self.file(name);
        match files::write(&path, value) {
            Err(Errno::ENOENT) => Err(Stop::Absent(format!("there is no {path}"))),
            other => other.or_fail(&format!("write `{value}` to {path}")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<String, Stop> {
        let path = self.file(name);
        match files::read_text(&path) {
            Err(Errno::ENOENT) => Err(Stop::Absent(format!("there is no {path}"))),
            other => Ok(other.or_fail(&format!("read {path}"))?.trim().to_string()),
        }
    }

    /// The number after a word in a file of `word number` lines; `None` where this kernel has no such line or file.
    fn count(&self, name: &str, word: &str) -> Option<u64> {
        let text = files::read_text(&self.file(name)).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Moves a process in.
    pub(crate) fn adopt(&self, pid: i32) -> Check {
        self.set(self.members, &pid.to_string())
    }

    /// Moves this process in.
    pub(crate) fn join(&self) -> Check {
        self.set(self.members, "0").or_else(|_| self.set(self.members, &sys::getpid().to_string()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Killed processes leave their group on their way out, a moment later: EBUSY till then.
        let _ = eventually(2_000, || {
            for member in files::read_text(&self.file(self.members)).unwrap_or_default().lines() {
                let _ = member.parse().map(|pid| sys::kill(pid, sys::sig::KILL));
            }
            sys::rmdir(&self.path) != Err(Errno::EBUSY)
        });
    }
}

/// Asks again and again till it is so; false when the time, or the test's, is up.
pub(crate) fn eventually(within_ms: u64, mut so: impl FnMut() -> bool) -> bool {
    let end = sys::now_ms() + within_ms;
    while !so() {
        if sys::now_ms() >= end || time_left() < 1_000 {
            return false;
        }
        sys::sleep_ms(5);
    }
    true
}

/// A line of `/proc/cgroups`.
pub(crate) struct Controller {
    /// Number of the v1 hierarchy it is attached to, 0 for none.
    hierarchy: u64,
    /// How many groups that hierarchy has, its root among them.
    pub(crate) groups: u64,
    enabled: bool,
}

/// What `/proc/cgroups` says of a controller; since 6.13 it lists only those that have v1 files.
pub(crate) fn controller(name: &str) -> Option<Controller> {
    let text = files::read_text("/proc/cgroups").ok()?;
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    let mut numbers = line.split_whitespace().skip(1).map(|n| n.parse::<u64>().unwrap_or(0));
    let (hierarchy, groups, enabled) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(Controller { hierarchy, groups, enabled: enabled != 0 })
}

/// A controller that is built in and disabled. Nobody asked for it: a skip, since the kernel does as it was configured
/// (Debian built memory in and switched it off till 4.9). The command line asked for it: the kernel is at fault.
fn switched_off(name: &str) -> Stop {
    let word = format!("cgroup_enable={name}");
    let asked = files::read_text("/proc/cmdline").is_ok_and(|text| text.split_whitespace().any(|w| w == word));
    if asked {
        Stop::Fail(format!("`{name}` is disabled in /proc/cgroups although {word} is on the command line"))
    } else {
        Stop::Skip(format!("`{name}` is disabled on this kernel; boot with {word}"))
    }
}
