//! Mount namespaces, propagation, and the calls that mount.

use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // mount_namespaces(7); shared subtrees 2.6.15.
    test("ns::mount::mount_is_private", "a mount in a new mount namespace is not seen outside, nor the reverse"),
    test("ns::mount::shared_propagates_both_ways", "mounts under a shared mount show in both mount namespaces"),
    test("ns::mount::slave_receives_and_never_sends", "mounts reach a slave from its master and not the reverse"),
    test("ns::mount::unbindable_refuses_bind", "an unbindable mount cannot be bound, and a private one can"),
    test(
        "ns::mount::detached_mount_serves_open_files",
        "a detached mount leaves its path at once and lives for open files",
    ),
];
