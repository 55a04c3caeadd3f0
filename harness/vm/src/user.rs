//! Who QEMU runs as: never root.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::Accelerator;

/// User and groups that QEMU is given by a harness that runs as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, all of them.
    pub(crate) groups: Vec<u32>,
}

/// `nobody` and `nogroup` on every Linux distribution.
const NOBODY: u32 = 65534;

/// The user QEMU runs as, or `None` to stay who we are: we are not root, or the container has no other user.
pub(crate) fn qemu_user(accelerator: Accelerator) -> Option<User> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let mapped = |file| fs::read_to_string(file).is_ok_and(|map| is_mapped(&map, NOBODY));
    if !mapped("/proc/self/uid_map") || !mapped("/proc/self/gid_map") {
        return None;
    }
    let groups = match accelerator {
        Accelerator::Tcg => Vec::new(),
        Accelerator::Kvm => fs::metadata("/dev/kvm").map(|device| kvm_groups(&device)).unwrap_or_default(),
    };
    Some(User { uid: NOBODY, gid: NOBODY, groups })
}

/// The group that may use the device; root's own group would give more away than the device.
fn kvm_groups(device: &fs::Metadata) -> Vec<u32> {
    if device.mode() & 0o060 == 0o060 && device.gid() != 0 { vec![device.gid()] } else { Vec::new() }
}

/// Whether an id exists in a user namespace with this `uid_map` (user_namespaces(7)).
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let fields: Vec<u64> = line.split_whitespace().filter_map(|f| f.parse().ok()).collect();
        matches!(fields[..], [inside, _, count] if (inside..inside + count).contains(&u64::from(id)))
    })
}

/// Who QEMU runs as, for messages.
pub(crate) fn describe(user: Option<&User>) -> String {
    user.map_or_else(|| "you".to_owned(), |user| format!("uid {}", user.uid))
}

#[cfg(test)]
mod tests {
    use super::is_mapped;

    #[test]
    fn a_rootless_container_has_no_nobody() {
        assert!(is_mapped("         0          0 4294967295\n", 65534));
        assert!(is_mapped("0 1000 1\n1 100000 65536\n", 65534));
        assert!(!is_mapped("0 1000 1\n", 65534));
        assert!(!is_mapped("", 65534));
    }
}
