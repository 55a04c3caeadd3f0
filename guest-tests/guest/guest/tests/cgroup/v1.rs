//! v1 hierarchies: mounted for a test, gone after it.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::mem::ManuallyDrop;
use core::ops::Deref;

use super::{Group, controller, eventually, switched_off};
use crate::files;
use crate::sys::{self, Errno};
use crate::test_api::{OrStop as _, Stop, note};
use crate::tests::scratch;

const AT: &str = "/tmp/cgroup1";

/// The root of the mounted hierarchy; unmounted when dropped, and its controllers are free for v2 again.
pub(crate) struct Root {
    group: ManuallyDrop<Group>,
    options: String,
}

impl Deref for Root {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}

impl Drop for Root {
    /// A hierarchy that has a dying group when it is unmounted stays for ever, and its controllers with it
    /// (`cgroup_kill_sb`). So it is unmounted when it has none left, which the controller's count tells; what pins a
    /// memory group is cached pages, pages on lists of a CPU, and for 2 s a victim of the OOM killer (e4a38402c36e).
    fn drop(&mut self) {
        let alone = || self.options.split(',').all(|name| controller(name).is_none_or(|now| now.groups <= 1));
        let mut helped = false;
        let gone = eventually(5_000, || {
            if !eventually(100, alone) {
                if !helped {
                    let _ = files::write("/proc/sys/vm/drop_caches", "3");
                    let _ = files::write("/proc/sys/vm/compact_memory", "1");
                    helped = true;
                }
                return false;
            }
            let _ = sys::umount(&self.path, 0);
            // It goes in the background, after a grace period.
            let gone = eventually(100, || !exists(&self.options));
            if !gone {
                let _ = sys::mount("cgroup", &self.path, "cgroup", 0, &self.options);
            }
            gone
        });
        if !gone {
            note(&format!("the v1 hierarchy of `{}` outlives its unmount: v2 cannot have it", self.options));
            let _ = sys::umount(&self.path, sys::MNT_DETACH);
        }
    }
}

/// Whether there is a hierarchy with one of the controllers, or with the name, of these mount options.
pub(crate) fn exists(options: &str) -> bool {
    let table = files::read_text("/proc/self/cgroup").unwrap_or_default();
    let mut words = options.split(',').filter(|word| *word != "none");
    words.any(|word| match controller(word) {
        Some(known) => known.hierarchy != 0,
        None => member_path(&table, word).is_some(),
    })
}

/// The group in a text such as `/proc/PID/cgroup`, `number:controllers:path`, for a controller or `name=…`.
pub(super) fn member_path(table: &str, key: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        names.split(',').any(|name| name == key).then(|| path.to_string())
    })
}

/// The group that a process is in, in the hierarchy of a controller or of `name=…`.
pub(crate) fn group_of(pid: i32, key: &str) -> Result<String, Stop> {
    let path = format!("/proc/{pid}/cgroup");
    let table = files::read_text(&path).or_fail(&format!("read {path}"))?;
    member_path(&table, key).ok_or_else(|| Stop::Fail(format!("{path} has no line for {key}: `{}`", table.trim())))
}

/// Mounts a hierarchy of that controller alone, or of several with commas between.
pub(crate) fn mount(controllers: &str) -> Result<Root, Stop> {
    for name in controllers.split(',') {
        let Some(state) = controller(name) else {
            return Err(Stop::Absent(format!("/proc/cgroups knows no controller `{name}`")));
        };
        if !state.enabled {
            return Err(switched_off(name));
        }
    }
    mount_at(AT, controllers)
}

/// Mounts a hierarchy without controllers, which only groups processes (2.6.32).
pub(crate) fn mount_named(name: &str) -> Result<Root, Stop> {
    mount_at(AT, &format!("none,name={name}"))
}

/// Mounts a hierarchy with these options there.
pub(crate) fn mount_at(at: &str, options: &str) -> Result<Root, Stop> {
    scratch::folder(at)?;
    // The v2 groups of an earlier test hold the controller till they are freed, which takes an RCU grace period.
    let mut last = Ok(());
    eventually(5_000, || {
        last = sys::mount("cgroup", at, "cgroup", 0, options);
        last != Err(Errno::EBUSY)
    });
    match last {
        Ok(()) => {
            let group = ManuallyDrop::new(Group { path: at.into(), members: "tasks" });
            Ok(Root { group, options: options.into() })
        }
        Err(Errno::EBUSY) => Err(Stop::Fail(format!(
            "mount of a v1 hierarchy of `{options}`: EBUSY, groups of v2 or of another v1 hierarchy hold the controller"
        ))),
        Err(errno) => Err(Stop::Absent(format!("mount of a v1 hierarchy of `{options}`: {errno}"))),
    }
}

impl Group {
    /// Writes one of its files where a refusal is the answer that is looked for.
    pub(super) fn try_set(&self, name: &str, value: &str) -> Result<(), Errno> {
        files::write(&self.file(name), value)
    }

    /// Reads one of its files that is a number.
    pub(super) fn number(&self, name: &str) -> Result<u64, Stop> {
        let text = self.get(name)?;
        text.parse().map_err(|_| Stop::Fail(format!("{} reads `{text}`, not a number", self.file(name))))
    }

    /// Moves a process in.
    pub(super) fn take(&self, pid: i32) -> Result<(), Errno> {
        files::write(&self.file(self.members), &pid.to_string())
    }

    /// The processes in it.
    pub(super) fn pids(&self) -> Result<alloc::vec::Vec<i32>, Stop> {
        Ok(self.get(self.members)?.lines().filter_map(|line| line.parse().ok()).collect())
    }
}
