//! The v2 hierarchy.

use alloc::format;
use core::cell::RefCell;
use core::mem::ManuallyDrop;
use core::ops::Deref;

use alloc::vec::Vec;

use super::{Group, controller, switched_off};
use crate::files;
use crate::sys;
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::scratch;

pub(super) const AT: &str = "/tmp/cgroup2";

/// The root of the hierarchy; what was enabled below it is disabled when dropped, so that v1 can have it.
pub(crate) struct Root {
    group: ManuallyDrop<Group>,
    enabled: RefCell<Vec<&'static str>>,
}

impl Deref for Root {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}

impl Root {
    /// Lets the root's children have a controller.
    pub(crate) fn enable(&self, name: &'static str) -> Check {
        let available = self.get("cgroup.controllers")?;
        if !available.split_whitespace().any(|word| word == name) {
            return Err(missing(name, &available));
        }
        self.set("cgroup.subtree_control", &format!("+{name}"))?;
        self.enabled.borrow_mut().push(name);
        Ok(())
    }
}

/// Why v2 does not offer a controller.
fn missing(name: &str, available: &str) -> Stop {
    match controller(name) {
        Some(state) if state.hierarchy != 0 => Stop::Fail(format!(
            "`{name}` is attached to v1 hierarchy {}, so v2 cannot have it: run this test before any of v1, or alone",
            state.hierarchy
        )),
        Some(state) if !state.enabled => switched_off(name),
        _ => Stop::Absent(format!("`{name}` is not in cgroup.controllers (`{available}`)")),
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for name in self.enabled.borrow().iter() {
            let _ = files::write(&self.file("cgroup.subtree_control"), &format!("-{name}"));
        }
        let _ = sys::umount(AT, sys::MNT_DETACH);
    }
}

/// Mounts the hierarchy; there is just one, whatever else has it mounted.
pub(crate) fn mount() -> Result<Root, Stop> {
    scratch::folder(AT)?;
    sys::mount("cgroup2", AT, "cgroup2", 0, "").or_absent("mount cgroup2")?;
    let group = Group { path: AT.into(), members: "cgroup.procs" };
    Ok(Root { group: ManuallyDrop::new(group), enabled: RefCell::new(Vec::new()) })
}
