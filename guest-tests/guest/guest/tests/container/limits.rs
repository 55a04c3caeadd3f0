//! The control groups of containers: whichever limit this kernel offers in whichever hierarchy can be had.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, open};
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::cgroup::{Group, v1, v2};

/// Tasks that a container may have.
pub(super) const MOST_TASKS: usize = 12;

/// Devices that a container may use where that is the limit: null, zero, full, random, urandom, tty, ptmx and the
/// terminals behind it.
const DEVICES: &[&str] =
    &["c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"];

/// A device that is none of these; its node is in the container.
pub(super) const FORBIDDEN: &str = "/dev/kmsg";

/// A hierarchy with a limit for containers.
pub(super) enum Limits {
    /// `pids` of version 2 (4.5).
    Pids2(v2::Root),
    /// `pids` of version 1, where another test took the controller there.
    Pids1(v1::Root),
    /// `devices` of version 1: what older kernels have.
    Devices(v1::Root),
}

/// What holds a container.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    ByTasks,
    ByDevices,
}

impl Limits {
    /// Mounts what can be had.
    pub(super) fn mount() -> Result<Limits, Stop> {
        match v2::mount() {
            Ok(root) if root.get("cgroup.controllers")?.split(' ').any(|word| word == "pids") => {
                root.enable("pids")?;
                return Ok(Limits::Pids2(root));
            }
            Ok(root) => drop(root),
            Err(Stop::Absent(_)) => {}
            Err(stop) => return Err(stop),
        }
        if files::read_text("/proc/cgroups").is_ok_and(|all| all.lines().any(|line| line.starts_with("pids\t"))) {
            return v1::mount("pids").map(Limits::Pids1);
        }
        v1::mount("devices").map(Limits::Devices)
    }

    pub(super) fn held(&self) -> Option<Held> {
        Some(match self {
            Limits::Pids2(_) | Limits::Pids1(_) => Held::ByTasks,
            Limits::Devices(_) => Held::ByDevices,
        })
    }

    /// A group with the limit set.
    pub(super) fn group(&self, name: &str) -> Result<Group, Stop> {
        let root: &Group = match self {
            Limits::Pids2(root) => root,
            Limits::Pids1(root) | Limits::Devices(root) => root,
        };
        let group = root.child(name)?;
        match self {
            Limits::Pids2(_) | Limits::Pids1(_) => group.set("pids.max", &format!("{MOST_TASKS}"))?,
            Limits::Devices(_) => {
                group.set("devices.deny", "a")?;
                DEVICES.iter().try_for_each(|rule| group.set("devices.allow", rule))?;
            }
        }
        Ok(group)
    }
}

impl Held {
    /// Pushed against from inside, the limit holds.
    pub(super) fn holds(self) -> Check {
        match self {
            Held::ByTasks => tasks_are_limited(),
            Held::ByDevices => {
                let opened = sys::open(FORBIDDEN, open::WRONLY, 0).map(drop);
                ensure!(opened == Err(Errno::EPERM), "a device that the group denies is opened: {opened:?}, not EPERM");
                sys::open("/dev/null", open::WRONLY, 0).map(drop).or_fail("open a device that the group allows")
            }
        }
    }
}

/// Forks till it is refused; what was forked ends.
fn tasks_are_limited() -> Check {
    let (wait, go) = sys::pipe().or_fail("pipe")?;
    let mut forked = 0;
    let refusal = loop {
        match sys::fork(0) {
            Ok(0) => {
                drop(go);
                let _ = sys::read(&wait, &mut [0]);
                sys::exit(0);
            }
            Ok(_) if forked == MOST_TASKS => break Ok(()),
            Ok(_) => forked += 1,
            Err(errno) => break Err(errno),
        }
    };
    drop(go);
    while sys::wait(-1, 0).is_ok() {}
    ensure!(
        refusal == Err(Errno::EAGAIN),
        "with pids.max={MOST_TASKS} fork after {forked} was {refusal:?}, not EAGAIN"
    );
    ensure!(forked > 0 && forked < MOST_TASKS, "with pids.max={MOST_TASKS} a process could fork {forked}");
    Ok(())
}
