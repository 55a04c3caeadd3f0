//! Which kind has which behaviour, and from which version on.

use crate::Version;
use crate::options::{AUFS as AUFS_FS, BTRFS as BTRFS_FS, LOOP, OVERLAY as OVERLAY_FS, OVERLAYFS_UBUNTU};
use crate::options::{TMPFS_XATTR, USER_NS};
use crate::table::union::behaviours as does;
use crate::test::{Oddity, Test};

/// Mainline's overlay: 3.18.
const fn overlay(test: Test) -> Test {
    test.since(3, 18, 0).kconfig(&[OVERLAY_FS, TMPFS_XATTR]).modules(&["overlay"])
}

/// Ubuntu's own: its first kernel with it is 3.0.
const fn overlayfs(test: Test) -> Test {
    test.since(3, 0, 0).kconfig(&[OVERLAYFS_UBUNTU, TMPFS_XATTR]).modules(&["overlayfs"])
}

const fn aufs(test: Test) -> Test {
    test.kconfig(&[AUFS_FS]).modules(&["aufs"])
}

/// Snapshots by ioctl: 2.6.29; one that is removed: 2.6.32. The disk is a loop device.
const fn btrfs(test: Test) -> Test {
    test.since(2, 6, 32).kconfig(&[BTRFS_FS, LOOP]).modules(&["loop", "btrfs"])
}

const OLD_READERS: &[Oddity] = &[Oddity {
    name: "old readers keep old data",
    since: Version(3, 18, 0),
    until: Some(Version(4, 19, 0)),
    source: "Documentation/filesystems/overlayfs of 4.18, \"Non-standard behavior\"; file I/O is stacked from d1d04ef8572b on",
}];

/// The tests of a kind by name, each with what it needs beyond the kind.
macro_rules! on {
    ($kind:ident: $($behaviour:ident $(.$more:ident($($what:expr),*))*,)*) => {
        &[$(
            $kind(does::$behaviour(concat!("union::", stringify!($kind), "::", stringify!($behaviour))))
                $(.$more($($what),*))*
        ),*]
    };
}

pub(in crate::table) const OVERLAY: &[Test] = on! {
    overlay:
    copy_up_leaves_lower_alone,
    copy_up_keeps_owner_mode_and_times,
    copy_up_keeps_attributes,
    append_and_truncation_copy_up,
    symlink_copies_up_as_itself,
    devices_and_pipes_work_through,
    copy_up_makes_parents_alike,
    large_sparse_file_copies_up_whole,
    permissions_of_lower_hold,
    lower_folder_takes_mode_and_file,
    sendfile_gives_all,
    mapped_write_copies_up,
    reader_over_copy_up.oddities(OLD_READERS),
    inode_number_stays.since(4, 12, 0),
    links_of_lower_over_copy_up,
    new_link_is_the_same_file,
    removed_file_lives_while_open,
    append_turned_on_later_holds,
    socket_in_union_accepts,
    whiteout_hides_lower,
    removal_is_marked_in_upper,
    folder_made_anew_is_empty,
    only_an_empty_folder_can_go,
    refused_rmdir_leaves_the_folder,
    moved_then_removed_leaves_nothing,
    rename_moves_lower_file,
    rename_over_removed_name,
    folder_moves_whole_or_not_at_all,
    listing_has_each_name_once,
    long_listing_is_exact,
    own_attributes_are_hidden,
    read_only_and_back,
    busy_union_stays,
    two_mounts_are_one_union,
    statfs_names_the_union,
    stacks_to_its_depth,
    topmost_of_many_lowers_wins.since(4, 0, 0),
    lowers_alone_are_read_only.since(4, 0, 0),
    senseless_layers_are_refused,
    opaqueness_is_not_copied_up.since(4, 0, 0),
    layers_of_a_leaked_mount_serve_again,
    lower_above_another_upper_mounts,
    redirect_moves_lower_folder.since(4, 10, 0),
    index_refuses_layers_in_use.since(4, 13, 0),
    index_keeps_links_together.since(4, 13, 0),
    metacopy_copies_no_data.since(4, 19, 0),
    volatile_upper_is_not_reused.since(5, 10, 0),
    user_namespace_mounts_its_own.since(5, 11, 0).kconfig(&[OVERLAY_FS, TMPFS_XATTR, USER_NS]),
};

pub(in crate::table) const OVERLAYFS: &[Test] = on! {
    overlayfs:
    copy_up_leaves_lower_alone,
    copy_up_keeps_owner_mode_and_times,
    copy_up_keeps_attributes,
    append_and_truncation_copy_up,
    symlink_copies_up_as_itself,
    devices_and_pipes_work_through,
    copy_up_makes_parents_alike,
    large_sparse_file_copies_up_whole,
    permissions_of_lower_hold,
    lower_folder_takes_mode_and_file,
    sendfile_gives_all,
    mapped_write_copies_up,
    reader_over_copy_up,
    links_of_lower_over_copy_up,
    new_link_is_the_same_file,
    removed_file_lives_while_open,
    append_turned_on_later_holds,
    whiteout_hides_lower,
    removal_is_marked_in_upper,
    folder_made_anew_is_empty,
    only_an_empty_folder_can_go,
    refused_rmdir_leaves_the_folder,
    moved_then_removed_leaves_nothing,
    rename_moves_lower_file,
    rename_over_removed_name,
    folder_moves_whole_or_not_at_all,
    listing_has_each_name_once,
    long_listing_is_exact,
    own_attributes_are_hidden,
    read_only_and_back,
    busy_union_stays,
    two_mounts_are_one_union,
    statfs_names_the_union,
    stacks_to_its_depth,
};

pub(in crate::table) const AUFS: &[Test] = on! {
    aufs:
    copy_up_leaves_lower_alone,
    copy_up_keeps_owner_mode_and_times,
    append_and_truncation_copy_up,
    symlink_copies_up_as_itself,
    devices_and_pipes_work_through,
    copy_up_makes_parents_alike,
    large_sparse_file_copies_up_whole,
    permissions_of_lower_hold,
    lower_folder_takes_mode_and_file,
    sendfile_gives_all,
    mapped_write_copies_up,
    reader_over_copy_up,
    inode_number_stays,
    links_of_lower_over_copy_up,
    new_link_is_the_same_file,
    removed_file_lives_while_open,
    append_turned_on_later_holds,
    socket_in_union_accepts,
    whiteout_hides_lower,
    removal_is_marked_in_upper,
    folder_made_anew_is_empty,
    only_an_empty_folder_can_go,
    refused_rmdir_leaves_the_folder,
    moved_then_removed_leaves_nothing,
    rename_moves_lower_file,
    rename_over_removed_name,
    folder_moves_whole_or_not_at_all,
    listing_has_each_name_once,
    long_listing_is_exact,
    read_only_and_back,
    busy_union_stays,
    two_mounts_are_one_union,
    statfs_names_the_union,
    stacks_to_its_depth,
    topmost_of_many_lowers_wins,
    lowers_alone_are_read_only,
};

pub(in crate::table) const BTRFS: &[Test] = on! {
    btrfs:
    copy_up_leaves_lower_alone,
    copy_up_keeps_owner_mode_and_times,
    copy_up_keeps_attributes,
    append_and_truncation_copy_up,
    symlink_copies_up_as_itself,
    devices_and_pipes_work_through,
    copy_up_makes_parents_alike,
    large_sparse_file_copies_up_whole,
    permissions_of_lower_hold,
    lower_folder_takes_mode_and_file,
    sendfile_gives_all,
    mapped_write_copies_up,
    reader_over_copy_up,
    inode_number_stays,
    links_of_lower_over_copy_up,
    new_link_is_the_same_file,
    removed_file_lives_while_open,
    append_turned_on_later_holds,
    socket_in_union_accepts,
    whiteout_hides_lower,
    folder_made_anew_is_empty,
    only_an_empty_folder_can_go,
    refused_rmdir_leaves_the_folder,
    moved_then_removed_leaves_nothing,
    rename_moves_lower_file,
    rename_over_removed_name,
    folder_moves_whole_or_not_at_all,
    listing_has_each_name_once,
    long_listing_is_exact,
    read_only_and_back,
    busy_union_stays,
    two_mounts_are_one_union,
    statfs_names_the_union,
    snapshot_outlives_its_origin,
    read_only_snapshot_stays.since(2, 6, 38),
    chain_of_snapshots,
    subvolumes_are_devices,
};
