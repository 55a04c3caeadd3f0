//! Union file systems: a writable layer over one that must not change.
//!
//! A behaviour is written once and runs on each kind that has it; [`kind::Kind`] holds what a kind promises. Each marks
//! removed files in its own way, so what counts is what a path leads to, before and after a remount.

mod btrfs;
mod copy_up;
mod kind;
mod look;
mod mkfs;
mod mounts;
mod names;
mod open_files;
mod overlay;
mod removal;

use crate::test_api::Entry;

/// A kind's tests by their behaviours, and those that it alone has.
macro_rules! on {
    ($kind:ident as $data:ident:
        $($module:ident { $($behaviour:ident)* })*
        ; $($own_module:ident { $($own:ident)* })?
    ) => {
        &[
            $($((
                concat!("union::", stringify!($kind), "::", stringify!($behaviour)),
                |ctx| $module::$behaviour(ctx, &kind::$data),
            ),)*)*
            $($((concat!("union::", stringify!($kind), "::", stringify!($own)), $own_module::$own),)*)?
        ]
    };
}

/// In the catalog's order.
pub(crate) const OVERLAY: &[Entry] = on! {
    overlay as OVERLAY:
    copy_up {
        copy_up_leaves_lower_alone copy_up_keeps_owner_mode_and_times copy_up_keeps_attributes
        append_and_truncation_copy_up symlink_copies_up_as_itself devices_and_pipes_work_through
        copy_up_makes_parents_alike large_sparse_file_copies_up_whole permissions_of_lower_hold
        lower_folder_takes_mode_and_file sendfile_gives_all
    }
    open_files {
        mapped_write_copies_up reader_over_copy_up inode_number_stays links_of_lower_over_copy_up
        new_link_is_the_same_file removed_file_lives_while_open append_turned_on_later_holds socket_in_union_accepts
    }
    removal {
        whiteout_hides_lower removal_is_marked_in_upper folder_made_anew_is_empty only_an_empty_folder_can_go
        refused_rmdir_leaves_the_folder moved_then_removed_leaves_nothing
    }
    names {
        rename_moves_lower_file rename_over_removed_name folder_moves_whole_or_not_at_all listing_has_each_name_once
        long_listing_is_exact own_attributes_are_hidden
    }
    mounts {
        read_only_and_back busy_union_stays two_mounts_are_one_union statfs_names_the_union stacks_to_its_depth
        topmost_of_many_lowers_wins lowers_alone_are_read_only
    };
    overlay {
        senseless_layers_are_refused opaqueness_is_not_copied_up layers_of_a_leaked_mount_serve_again
        lower_above_another_upper_mounts redirect_moves_lower_folder index_refuses_layers_in_use
        index_keeps_links_together metacopy_copies_no_data volatile_upper_is_not_reused user_namespace_mounts_its_own
    }
};

/// In the catalog's order.
pub(crate) const OVERLAYFS: &[Entry] = on! {
    overlayfs as OVERLAYFS:
    copy_up {
        copy_up_leaves_lower_alone copy_up_keeps_owner_mode_and_times copy_up_keeps_attributes
        append_and_truncation_copy_up symlink_copies_up_as_itself devices_and_pipes_work_through
        copy_up_makes_parents_alike large_sparse_file_copies_up_whole permissions_of_lower_hold
        lower_folder_takes_mode_and_file sendfile_gives_all
    }
    open_files {
        mapped_write_copies_up reader_over_copy_up links_of_lower_over_copy_up new_link_is_the_same_file
        removed_file_lives_while_open append_turned_on_later_holds
    }
    removal {
        whiteout_hides_lower removal_is_marked_in_upper folder_made_anew_is_empty only_an_empty_folder_can_go
        refused_rmdir_leaves_the_folder moved_then_removed_leaves_nothing
    }
    names {
        rename_moves_lower_file rename_over_removed_name folder_moves_whole_or_not_at_all listing_has_each_name_once
        long_listing_is_exact own_attributes_are_hidden
    }
    mounts {
        read_only_and_back busy_union_stays two_mounts_are_one_union statfs_names_the_union stacks_to_its_depth
    };
};

/// In the catalog's order.
pub(crate) const AUFS: &[Entry] = on! {
    aufs as AUFS:
    copy_up {
        copy_up_leaves_lower_alone copy_up_keeps_owner_mode_and_times append_and_truncation_copy_up
        symlink_copies_up_as_itself devices_and_pipes_work_through copy_up_makes_parents_alike
        large_sparse_file_copies_up_whole permissions_of_lower_hold lower_folder_takes_mode_and_file sendfile_gives_all
    }
    open_files {
        mapped_write_copies_up reader_over_copy_up inode_number_stays links_of_lower_over_copy_up
        new_link_is_the_same_file removed_file_lives_while_open append_turned_on_later_holds socket_in_union_accepts
    }
    removal {
        whiteout_hides_lower removal_is_marked_in_upper folder_made_anew_is_empty only_an_empty_folder_can_go
        refused_rmdir_leaves_the_folder moved_then_removed_leaves_nothing
    }
    names {
        rename_moves_lower_file rename_over_removed_name folder_moves_whole_or_not_at_all listing_has_each_name_once
        long_listing_is_exact
    }
    mounts {
        read_only_and_back busy_union_stays two_mounts_are_one_union statfs_names_the_union stacks_to_its_depth
        topmost_of_many_lowers_wins lowers_alone_are_read_only
    };
};

/// In the catalog's order.
pub(crate) const BTRFS: &[Entry] = on! {
    btrfs as BTRFS:
    copy_up {
        copy_up_leaves_lower_alone copy_up_keeps_owner_mode_and_times copy_up_keeps_attributes
        append_and_truncation_copy_up symlink_copies_up_as_itself devices_and_pipes_work_through
        copy_up_makes_parents_alike large_sparse_file_copies_up_whole permissions_of_lower_hold
        lower_folder_takes_mode_and_file sendfile_gives_all
    }
    open_files {
        mapped_write_copies_up reader_over_copy_up inode_number_stays links_of_lower_over_copy_up
        new_link_is_the_same_file removed_file_lives_while_open append_turned_on_later_holds socket_in_union_accepts
    }
    removal {
        whiteout_hides_lower folder_made_anew_is_empty only_an_empty_folder_can_go refused_rmdir_leaves_the_folder
        moved_then_removed_leaves_nothing
    }
    names {
        rename_moves_lower_file rename_over_removed_name folder_moves_whole_or_not_at_all listing_has_each_name_once
        long_listing_is_exact
    }
    mounts {
        read_only_and_back busy_union_stays two_mounts_are_one_union statfs_names_the_union
    };
    btrfs {
        snapshot_outlives_its_origin read_only_snapshot_stays chain_of_snapshots subvolumes_are_devices
    }
};
