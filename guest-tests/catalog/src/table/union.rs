//! Union file systems: one list of behaviours on each kind.

use crate::options::{AUFS, OVERLAY, OVERLAYFS_UBUNTU, TMPFS_XATTR};
use crate::test::{Test, test};

pub(super) const TESTS: &[Test] = &[
    // Mainline's overlay: 3.18.
    test(
        "overlay::copy_up_leaves_lower_alone",
        "a write through the overlay lands in the upper layer, the lower keeps its bytes",
    )
    .since(3, 18, 0)
    .kconfig(&[OVERLAY, TMPFS_XATTR])
    .modules(&["overlay"]),
    test(
        "overlay::whiteout_hides_lower",
        "a removed file is gone from the overlay, stays in the lower and can be made anew",
    )
    .since(3, 18, 0)
    .kconfig(&[OVERLAY, TMPFS_XATTR])
    .modules(&["overlay"]),
    test(
        "overlayfs_ubuntu::copy_up_leaves_lower_alone",
        "a write through overlayfs lands in the upper layer, the lower keeps its bytes",
    )
    .since(3, 0, 0)
    .kconfig(&[OVERLAYFS_UBUNTU, TMPFS_XATTR])
    .modules(&["overlayfs"]),
    test(
        "overlayfs_ubuntu::whiteout_hides_lower",
        "a removed file is gone from overlayfs, stays in the lower and can be made anew",
    )
    .since(3, 0, 0)
    .kconfig(&[OVERLAYFS_UBUNTU, TMPFS_XATTR])
    .modules(&["overlayfs"]),
    test(
        "aufs::copy_up_leaves_lower_alone",
        "a write through AUFS lands in the writable branch, the lower keeps its bytes",
    )
    .kconfig(&[AUFS])
    .modules(&["aufs"]),
    test("aufs::whiteout_hides_lower", "a removed file is gone from AUFS, stays in the lower and can be made anew")
        .kconfig(&[AUFS])
        .modules(&["aufs"]),
];
