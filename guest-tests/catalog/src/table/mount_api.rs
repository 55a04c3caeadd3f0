//! The calls that mount by descriptors.

use crate::flags::ms;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::USER_NS;
use crate::test::{Test, test};

const OPEN_TREE_CLONE: usize = 1;
const AT_RECURSIVE: usize = 0x8000;
const MOVE_MOUNT_BENEATH: usize = 0x200;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_RECONFIGURE: usize = 7;

const NOT_CLONED: Mutant = Mutant::lose("OPEN_TREE_CLONE is lost", nr::OPEN_TREE, 2, OPEN_TREE_CLONE);
const NOT_MOVED: Mutant = Mutant::ignore("not moved", nr::MOVE_MOUNT);
const NOT_SET: Mutant = Mutant::ignore("nothing is set", nr::MOUNT_SETATTR);

pub(super) const TESTS: &[Test] = &[
    // 5.2 for all of fsopen, fsconfig, fsmount, fspick, open_tree, move_mount.
    test(
        "ns::mount::fsopen_builds_a_mount_in_steps",
        "fsopen, fsconfig, fsmount and move_mount give a mount with the options and place they name",
    )
    .since(5, 2, 0)
    .mutants(&[
        NOT_MOVED,
        Mutant::ignore_when("options are ignored", nr::FSCONFIG, 1, FSCONFIG_SET_STRING),
        Mutant::lose("NOEXEC is lost", nr::FSMOUNT, 2, 8),
    ]),
    // tmpfs reads its options itself since f3235626fc28, 5.5; before, it is asked at the creation only.
    test(
        "ns::mount::fsconfig_explains_a_refusal",
        "an unknown option of fsconfig is EINVAL, and the descriptor reads what was wrong",
    )
    .since(5, 5, 0)
    .mutants(&[Mutant::forgive("fsconfig says yes", nr::FSCONFIG)]),
    test(
        "ns::mount::fspick_reconfigures_the_file_system",
        "read-only by fspick holds for every mount of the file system",
    )
    .since(5, 2, 0)
    .mutants(&[Mutant::ignore_when("not reconfigured", nr::FSCONFIG, 1, FSCONFIG_CMD_RECONFIGURE)]),
    test(
        "ns::mount::open_tree_clone_floats_till_it_is_put",
        "a cloned mount is listed nowhere, its files work, and move_mount puts it in a place",
    )
    .since(5, 2, 0)
    .mutants(&[NOT_CLONED, NOT_MOVED]),
    test(
        "ns::mount::open_tree_takes_submounts_if_asked",
        "open_tree copies one mount, and with AT_RECURSIVE those below it too",
    )
    .since(5, 2, 0)
    .mutants(&[Mutant::lose("AT_RECURSIVE is lost", nr::OPEN_TREE, 2, AT_RECURSIVE)]),
    test(
        "ns::mount::move_mount_moves_what_is_attached",
        "move_mount takes a mount from its place, but not from under a shared parent",
    )
    .since(5, 2, 0)
    .mutants(&[NOT_MOVED, Mutant::ignore_if("not made shared", nr::MOUNT, 3, ms::SHARED)]),
    // ee2e3f50629f "mount: fix mounting of detached mounts onto targets that reside on shared mounts", 5.12, 5.10.20.
    test(
        "ns::mount::detached_trees_are_not_counted_on",
        "cloned trees put under a shared mount and unmounted leave room for others in fs.mount-max",
    )
    .since(5, 2, 0)
    .mutants(&[Mutant::ignore_when("not unmounted", nr::UMOUNT2, 1, 2)]),
    // mount_setattr(2): 5.12.
    test(
        "ns::mount::setattr_makes_a_tree_read_only",
        "mount_setattr with AT_RECURSIVE makes a mount and those below it read-only, and no other",
    )
    .since(5, 12, 0)
    .mutants(&[NOT_SET, Mutant::lose("AT_RECURSIVE is lost", nr::MOUNT_SETATTR, 2, AT_RECURSIVE)]),
    test(
        "ns::mount::setattr_changes_all_or_nothing",
        "a recursive mount_setattr that a writer makes EBUSY has changed no mount of the tree",
    )
    .since(5, 12, 0)
    .mutants(&[NOT_SET, Mutant::lose("AT_RECURSIVE is lost", nr::MOUNT_SETATTR, 2, AT_RECURSIVE)]),
    test(
        "ns::mount::setattr_sets_propagation",
        "a mount made shared by mount_setattr passes mounts on to a new namespace",
    )
    .since(5, 12, 0)
    .mutants(&[NOT_SET]),
    // mount_setattr(2): tmpfs 6.3.
    test(
        "ns::mount::idmapped_mount_translates_owners",
        "an idmapped tmpfs mount translates file owners both ways, another mount of it does not",
    )
    .since(6, 3, 0)
    .kconfig(&[USER_NS])
    .mutants(&[NOT_SET, Mutant::ignore_write("the map is lost", "/uid_map")]),
    // 6ac392815628 "fs: allow to mount beneath top mount", 6.5.
    test(
        "ns::mount::move_mount_goes_beneath",
        "MOVE_MOUNT_BENEATH puts a mount under the top one, and it shows when that is unmounted",
    )
    .since(6, 5, 0)
    .mutants(&[NOT_MOVED, Mutant::lose("MOVE_MOUNT_BENEATH is lost", nr::MOVE_MOUNT, 4, MOVE_MOUNT_BENEATH)]),
    // listmount(2), statmount(2): 6.8.
    test(
        "ns::mount::listmount_lists_what_is_below",
        "listmount gives the mounts on a mount by number, to its own namespace only",
    )
    .since(6, 8, 0)
    .mutants(&[
        Mutant::ignore("lists nothing", nr::LISTMOUNT),
        Mutant::lose("no new mount namespace", nr::CLONE, 0, crate::flags::clone::NEWNS),
    ]),
    test(
        "ns::mount::statmount_describes_a_mount",
        "statmount gives place, kind, parent, attributes and propagation of a mount",
    )
    .since(6, 8, 0)
    .mutants(&[
        Mutant::ignore("tells nothing", nr::STATMOUNT),
        Mutant::ignore_if("not made shared", nr::MOUNT, 3, ms::SHARED),
        Mutant::ignore_if("not made read-only", nr::MOUNT, 3, ms::RDONLY),
    ]),
    // open_tree_attr: 6.15 (c4a16820d901).
    test(
        "ns::mount::open_tree_attr_hands_out_changed_copies",
        "open_tree_attr gives a copy that is read-only from the start, and the original is not",
    )
    .since(6, 15, 0)
    .mutants(&[Mutant::new("attributes are lost", Lie::LoseIn { nr: nr::OPEN_TREE_ATTR, arg: 3, offset: 0, bits: 1 })]),
];
