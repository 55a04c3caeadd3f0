//! Build options that tests need, by the names they have had.

use crate::{Kconfig, Version};

const fn option(any: &'static [&'static str], since: Version) -> Kconfig {
    Kconfig { any, since, until: None }
}

pub(crate) const UTS_NS: Kconfig = option(&["UTS_NS"], Version(2, 6, 19));
pub(crate) const IPC_NS: Kconfig = option(&["IPC_NS"], Version(2, 6, 19));
pub(crate) const PID_NS: Kconfig = option(&["PID_NS"], Version(2, 6, 24));
pub(crate) const NET_NS: Kconfig = option(&["NET_NS"], Version(2, 6, 24));
pub(crate) const USER_NS: Kconfig = option(&["USER_NS"], Version(2, 6, 23));
pub(crate) const DEVTMPFS: Kconfig = option(&["DEVTMPFS"], Version(2, 6, 32));
/// What shows a file in /proc/PID/ns, from the version that has one.
pub(crate) const USER_NS_FILE: Kconfig = option(&["USER_NS"], Version(3, 8, 0));
pub(crate) const CGROUP_NS_FILE: Kconfig = option(&["CGROUPS"], Version(4, 6, 0));
pub(crate) const TIME_NS_FILE: Kconfig = option(&["TIME_NS"], Version(5, 6, 0));
pub(crate) const TIME_NS: Kconfig = option(&["TIME_NS"], Version(5, 6, 0));
pub(crate) const SYSVIPC: Kconfig = option(&["SYSVIPC"], Version(2, 6, 0));
pub(crate) const POSIX_MQUEUE: Kconfig = option(&["POSIX_MQUEUE"], Version(2, 6, 6));
pub(crate) const INET: Kconfig = option(&["INET"], Version(2, 6, 0));
pub(crate) const UNIX: Kconfig = option(&["UNIX"], Version(2, 6, 0));
pub(crate) const VETH: Kconfig = option(&["VETH"], Version(2, 6, 24));
pub(crate) const CGROUPS: Kconfig = option(&["CGROUPS"], Version(2, 6, 24));
pub(crate) const FREEZER: Kconfig = option(&["CGROUP_FREEZER"], Version(2, 6, 28));
pub(crate) const PIDS: Kconfig = option(&["CGROUP_PIDS"], Version(4, 3, 0));
/// Renamed in 3.6.
pub(crate) const MEMCG: Kconfig = option(&["MEMCG", "CGROUP_MEM_RES_CTLR"], Version(2, 6, 26));
/// The v1 files of the memory controller became an option of their own in 6.11.
pub(crate) const MEMCG_V1: Kconfig = option(&["MEMCG_V1"], Version(6, 11, 0));
/// Trusted attributes on tmpfs, which is where the layers lie.
pub(crate) const TMPFS_XATTR: Kconfig = option(&["TMPFS_XATTR"], Version(3, 0, 0));
pub(crate) const OVERLAY: Kconfig = option(&["OVERLAY_FS"], Version(3, 18, 0));
/// Out of tree, so it says nothing of versions: distributions carried it from 2.6.24 to 5.12.
pub(crate) const AUFS: Kconfig = option(&["AUFS_FS"], Version(2, 6, 0));
/// Ubuntu's own patch, 11.10 to 15.04.
pub(crate) const OVERLAYFS_UBUNTU: Kconfig = option(&["OVERLAYFS_FS"], Version(2, 6, 0));
pub(crate) const IPV6: Kconfig = option(&["IPV6"], Version(2, 6, 0));
pub(crate) const PACKET: Kconfig = option(&["PACKET"], Version(2, 6, 0));
pub(crate) const BRIDGE: Kconfig = option(&["BRIDGE"], Version(2, 6, 0));
pub(crate) const MACVLAN: Kconfig = option(&["MACVLAN"], Version(2, 6, 23));
pub(crate) const IPVLAN: Kconfig = option(&["IPVLAN"], Version(3, 19, 0));
pub(crate) const DUMMY: Kconfig = option(&["DUMMY"], Version(2, 6, 0));
pub(crate) const TUN: Kconfig = option(&["TUN"], Version(2, 6, 0));
pub(crate) const VLAN: Kconfig = option(&["VLAN_8021Q"], Version(2, 6, 0));
pub(crate) const VXLAN: Kconfig = option(&["VXLAN"], Version(3, 7, 0));
pub(crate) const NF_TABLES: Kconfig = option(&["NF_TABLES"], Version(3, 13, 0));
pub(crate) const NF_TABLES_IPV4: Kconfig = option(&["NF_TABLES_IPV4"], Version(3, 13, 0));

// What v2 groups need beyond the controllers above. Versions are those of the options, not of their v2 files.
pub(crate) const FAIR_GROUP_SCHED: Kconfig = option(&["FAIR_GROUP_SCHED"], Version(2, 6, 24));
pub(crate) const BLK_CGROUP: Kconfig = option(&["BLK_CGROUP"], Version(2, 6, 33));
pub(crate) const BLK_DEV_THROTTLING: Kconfig = option(&["BLK_DEV_THROTTLING"], Version(2, 6, 37));
pub(crate) const CGROUP_HUGETLB: Kconfig = option(&["CGROUP_HUGETLB"], Version(3, 6, 0));
pub(crate) const CGROUP_BPF: Kconfig = option(&["CGROUP_BPF"], Version(4, 10, 0));
pub(crate) const PSI: Kconfig = option(&["PSI"], Version(4, 20, 0));
pub(crate) const SWAP: Kconfig = option(&["SWAP"], Version(2, 6, 0));
pub(crate) const DEVICE: Kconfig = option(&["CGROUP_DEVICE"], Version(2, 6, 26));
pub(crate) const CFS_BANDWIDTH: Kconfig = option(&["CFS_BANDWIDTH"], Version(3, 2, 0));
pub(crate) const CPUACCT: Kconfig = option(&["CGROUP_CPUACCT"], Version(2, 6, 24));
pub(crate) const CPUSETS: Kconfig = option(&["CPUSETS"], Version(2, 6, 12));
/// The v1 files of cpusets became an option of their own in 6.12.
pub(crate) const CPUSETS_V1: Kconfig = option(&["CPUSETS_V1"], Version(6, 12, 0));
/// Part of MEMCG since 6.1 (e55b9f96860f).
pub(crate) const MEMCG_SWAP: Kconfig = Kconfig {
    any: &["MEMCG_SWAP", "CGROUP_MEM_RES_CTLR_SWAP"],
    since: Version(2, 6, 29),
    until: Some(Version(6, 1, 0)),
};
pub(crate) const BPF_SYSCALL: Kconfig = option(&["BPF_SYSCALL"], Version(3, 18, 0));
pub(crate) const INOTIFY_USER: Kconfig = option(&["INOTIFY_USER"], Version(2, 6, 27));
/// RAM disks, the module `brd`.
pub(crate) const BLK_DEV_RAM: Kconfig = option(&["BLK_DEV_RAM"], Version(2, 6, 0));
pub(crate) const SECCOMP: Kconfig = option(&["SECCOMP"], Version(2, 6, 12));
pub(crate) const SECCOMP_FILTER: Kconfig = option(&["SECCOMP_FILTER"], Version(3, 5, 0));
pub(crate) const KEYS: Kconfig = option(&["KEYS"], Version(2, 6, 10));
pub(crate) const YAMA: Kconfig = option(&["SECURITY_YAMA"], Version(3, 4, 0));
pub(crate) const LANDLOCK: Kconfig = option(&["SECURITY_LANDLOCK"], Version(5, 13, 0));
pub(crate) const FHANDLE: Kconfig = option(&["FHANDLE"], Version(2, 6, 39));
pub(crate) const BTRFS: Kconfig = option(&["BTRFS_FS"], Version(2, 6, 29));
/// Accounting of kernel memory; part of MEMCG from 4.5 on, where SLOB was the exception.
pub(crate) const MEMCG_KMEM: Kconfig = option(&["MEMCG_KMEM"], Version(3, 8, 0));
pub(crate) const CGROUP_PERF: Kconfig = option(&["CGROUP_PERF"], Version(2, 6, 39));
pub(crate) const LOOP: Kconfig = option(&["BLK_DEV_LOOP"], Version(2, 6, 0));
/// Split from the traffic classifier in 3.14; before, the classifier's module was the controller.
pub(crate) const NET_CLS: Kconfig = option(&["CGROUP_NET_CLASSID", "NET_CLS_CGROUP"], Version(2, 6, 29));
/// Renamed in 3.14.
pub(crate) const NET_PRIO: Kconfig = option(&["CGROUP_NET_PRIO", "NETPRIO_CGROUP"], Version(3, 3, 0));
/// The controller that made a group of each new namespace, gone in 3.0 (a77aea92010a).
pub(crate) const CGROUP_NS: Kconfig = option(&["CGROUP_NS"], Version(2, 6, 24));
pub(crate) const CHECKPOINT_RESTORE: Kconfig = option(&["CHECKPOINT_RESTORE"], Version(3, 3, 0));
/// Its own option since 5.12.
pub(crate) const KCMP: Kconfig = option(&["KCMP", "CHECKPOINT_RESTORE"], Version(3, 5, 0));
/// Its own option since 4.2.
pub(crate) const PROC_CHILDREN: Kconfig = option(&["PROC_CHILDREN", "CHECKPOINT_RESTORE"], Version(3, 5, 0));
pub(crate) const SOFT_DIRTY: Kconfig = option(&["MEM_SOFT_DIRTY"], Version(3, 11, 0));

// What whole containers need beyond namespaces.
/// Terminals of a container's own; always so since 4.7 (eedf265aa003).
pub(crate) const DEVPTS_INSTANCES: Kconfig =
    Kconfig { any: &["DEVPTS_MULTIPLE_INSTANCES"], since: Version(2, 6, 29), until: Some(Version(4, 7, 0)) };
/// What limits a container where there is no `pids` in version 2.
pub(crate) const CGROUP_DEVICE_BEFORE_PIDS: Kconfig =
    Kconfig { any: &["CGROUP_DEVICE"], since: Version(2, 6, 26), until: Some(Version(4, 5, 0)) };
pub(crate) const PIDS_OF_V2: Kconfig = option(&["CGROUP_PIDS"], Version(4, 5, 0));
/// From 5.2 every group of version 2 can be frozen.
pub(crate) const FREEZER_OF_V1: Kconfig =
    Kconfig { any: &["CGROUP_FREEZER"], since: Version(2, 6, 28), until: Some(Version(5, 2, 0)) };
