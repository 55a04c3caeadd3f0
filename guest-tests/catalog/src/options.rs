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
