//! A v1 hierarchy with one controller.

use alloc::format;
use core::ops::Deref;

use super::{Group, controller, eventually};
use crate::sys::{self, Errno};
use crate::test_api::Stop;
use crate::tests::scratch;

const AT: &str = "/tmp/cgroup1";

/// The root of the mounted hierarchy; unmounted when dropped, which frees the controller if no group is left.
pub(crate) struct Root(core::mem::ManuallyDrop<Group>);

impl Deref for Root {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.0
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = sys::umount(AT, 0);
    }
}

/// Mounts a hierarchy of that controller alone.
pub(crate) fn mount(name: &str) -> Result<Root, Stop> {
    let Some(state) = controller(name) else {
        return Err(Stop::Absent(format!("/proc/cgroups knows no controller `{name}`")));
    };
    if !state.enabled {
        // Debian built memory in and switched it off till 4.9: cgroup_enable=memory on the command line.
        let hint = format!("`{name}` is disabled in /proc/cgroups; boot with cgroup_enable={name}");
        return Err(Stop::Absent(hint));
    }
    scratch::folder(AT)?;
    // The v2 groups of an earlier test hold the controller till they are freed, which takes an RCU grace period.
    let mut last = Ok(());
    eventually(5_000, || {
        last = sys::mount("cgroup", AT, "cgroup", 0, name);
        last != Err(Errno::EBUSY)
    });
    match last {
        Ok(()) => Ok(Root(core::mem::ManuallyDrop::new(Group { path: AT.into(), members: "tasks" }))),
        Err(Errno::EBUSY) => Err(Stop::Fail(format!(
            "mount of a v1 hierarchy of `{name}`: EBUSY, groups of v2 or of v1 hierarchy {} hold the controller",
            state.hierarchy
        ))),
        Err(errno) => Err(Stop::Absent(format!("mount of a v1 hierarchy of `{name}`: {errno}"))),
    }
}
