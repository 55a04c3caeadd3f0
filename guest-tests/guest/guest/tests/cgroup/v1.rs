//! A v1 hierarchy with one controller.

use alloc::format;
use core::mem::ManuallyDrop;
use core::ops::Deref;

use super::{Group, controller, eventually, switched_off};
use crate::files;
use crate::sys::{self, Errno};
use crate::test_api::{Stop, note};
use crate::tests::scratch;

const AT: &str = "/tmp/cgroup1";

/// The root of the mounted hierarchy; unmounted when dropped, and the controller is free for v2 again.
pub(crate) struct Root {
    group: ManuallyDrop<Group>,
    controller: &'static str,
}

impl Deref for Root {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}

impl Drop for Root {
    /// A hierarchy that has a dying group when it is unmounted stays for ever, and its controller with it
    /// (`cgroup_kill_sb`): then it is mounted again for another try. What pins a memory group is its cached pages.
    fn drop(&mut self) {
        let free = || controller(self.controller).is_none_or(|now| now.hierarchy == 0);
        let gone = eventually(5_000, || {
            let _ = sys::umount(AT, 0);
            // It goes in the background, after a grace period.
            let gone = eventually(300, free);
            if !gone {
                let _ = files::write("/proc/sys/vm/drop_caches", "3");
                let _ = sys::mount("cgroup", AT, "cgroup", 0, self.controller);
            }
            gone
        });
        if !gone {
            note(&format!("the v1 hierarchy of `{}` outlives its unmount: v2 cannot have it", self.controller));
            let _ = sys::umount(AT, sys::MNT_DETACH);
        }
    }
}

/// Mounts a hierarchy of that controller alone.
pub(crate) fn mount(name: &'static str) -> Result<Root, Stop> {
    let Some(state) = controller(name) else {
        return Err(Stop::Absent(format!("/proc/cgroups knows no controller `{name}`")));
    };
    if !state.enabled {
        return Err(switched_off(name));
    }
    scratch::folder(AT)?;
    // The v2 groups of an earlier test hold the controller till they are freed, which takes an RCU grace period.
    let mut last = Ok(());
    eventually(5_000, || {
        last = sys::mount("cgroup", AT, "cgroup", 0, name);
        last != Err(Errno::EBUSY)
    });
    match last {
        Ok(()) => {
            let group = ManuallyDrop::new(Group { path: AT.into(), members: "tasks" });
            Ok(Root { group, controller: name })
        }
        Err(Errno::EBUSY) => Err(Stop::Fail(format!(
            "mount of a v1 hierarchy of `{name}`: EBUSY, groups of v2 or of v1 hierarchy {} hold the controller",
            state.hierarchy
        ))),
        Err(errno) => Err(Stop::Absent(format!("mount of a v1 hierarchy of `{name}`: {errno}"))),
    }
}
