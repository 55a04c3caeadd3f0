//! `setns`: each kind of namespace by each way in.

use crate::options::{INET, IPC_NS, NET_NS, PID_NS, UTS_NS};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // setns(2): 3.0 for uts, ipc and net; 3.8 for mnt, pid and user.
    test("setns::uts_shows_its_hostname", "setns into a UTS namespace shows and sets that one's host name")
        .since(3, 0, 0)
        .kconfig(&[UTS_NS]),
    test(
        "setns::net_shows_its_interfaces",
        "setns into a network namespace shows that one's interfaces, and the way back works",
    )
    .since(3, 0, 0)
    .kconfig(&[NET_NS, INET])
    .leaves_netns(),
    test("setns::mount_shows_its_mounts", "setns into a mount namespace shows mounts that exist only there")
        .since(3, 8, 0),
    test("setns::pid_places_children_inside", "setns into a PID namespace places the next child there, not the caller")
        .since(3, 8, 0)
        .kconfig(&[PID_NS]),
    test("setns::wrong_type_is_refused", "setns with the type of another namespace is EINVAL and changes nothing")
        .since(3, 0, 0)
        .kconfig(&[UTS_NS, IPC_NS]),
];
