//! Bugs of the calls that mount, of what lists mounts, and of files mapped from an overlay.

use crate::Kconfig;
use crate::mutant::{Lie, Mutant};
use crate::nr;
use crate::options::{CGROUPS, CHECKPOINT_RESTORE, OVERLAY, PID_NS, TMPFS_XATTR};
use crate::test::{Test, test};
use crate::version::Version;

/// Links of `map_files` are there without it since 4.3 (bdb4d100afe9).
const MAP_FILES: Kconfig = Kconfig { until: Some(Version(4, 3, 0)), ..CHECKPOINT_RESTORE };
const FSCONFIG_SET_FD: usize = 5;

pub(super) const TESTS: &[Test] = &[
    // From 5.1, seen by users since fsopen of 5.2; repaired by 722d94847de2 (5.17, 5.16.2, 5.15.16, 5.10.93).
    test(
        "bug::cve_2022_0185::full_page_takes_no_more",
        "mount options that fill their page leave room for none, whatever its length",
    )
    .since(5, 2, 0)
    .mutants(&[
        Mutant::ignore("every option is taken", nr::FSCONFIG),
        Mutant::forgive("the full page takes one more", nr::FSCONFIG),
    ]),
    // From 5.1; repaired by 3b0462726e7e (5.14, 5.13.4, 5.10.52).
    test(
        "bug::cve_2021_4154::source_is_no_descriptor",
        "an open file is refused as the source of a cgroup hierarchy, and a name is taken",
    )
    .since(5, 2, 0)
    .kconfig(&[CGROUPS])
    .mutants(&[Mutant::ignore_when("the descriptor is taken", nr::FSCONFIG, 1, FSCONFIG_SET_FD)]),
    // Reads went by the number of the line until 9f6c61f96f2d (5.8).
    test(
        "bug::mountinfo::unmount_between_reads",
        "mounts that go while mountinfo is read do not hide others that stay",
    )
    .since(2, 6, 26)
    .mutants(&[Mutant::ignore("nothing is unmounted", nr::UMOUNT2)]),
    // 91c77947133f (3.19) and a78d9f0d5d5c (4.0); broken by the new way to mount of 6.5, repaired by c34706acf40b (6.7).
    test(
        "bug::overlay_options::escaped_names",
        "an overlay takes layers whose names have commas and colons, with backslashes",
    )
    .since(4, 0, 0)
    .kconfig(&[OVERLAY, TMPFS_XATTR])
    .modules(&["overlay"])
    .mutants(&[Mutant::new("the options are lost", Lie::Replace { nr: nr::MOUNT, arg: 4, value: 0 })]),
    // Since 4.19 a file of the union is mapped as that (d1d04ef8572b); a patch of Ubuntu's 5.13 to it made every start
    // of a container oops in June 2022.
    test(
        "bug::overlay_map_files::mapping_leads_to_the_union",
        "links of map_files lead to the file in the overlay, on its mount, till it is unmapped",
    )
    .since(4, 19, 0)
    .kconfig(&[OVERLAY, TMPFS_XATTR, PID_NS, MAP_FILES])
    .modules(&["overlay"])
    .mutants(&[Mutant::ignore("it stays mapped", nr::MUNMAP), Mutant::ignore("nothing is mounted", nr::MOUNT)]),
];
