//! The table of tests, one entry each, in the order in which they run.
//!
//! A version is the first release whose mainline has the feature, from the man page or the commit named beside it.
//! Tests of one group stand together. `cgroup2` runs before `cgroup1`: a controller that is attached to a v1
//! hierarchy cannot be used in v2 until the last cgroup of that hierarchy is gone.

use crate::{Kconfig, Needs, Test, Version};

const fn option(any: &'static [&'static str], since: Version) -> Kconfig {
    Kconfig { any, since, until: None }
}

const UTS_NS: Kconfig = option(&["UTS_NS"], Version(2, 6, 19));
const IPC_NS: Kconfig = option(&["IPC_NS"], Version(2, 6, 19));
const PID_NS: Kconfig = option(&["PID_NS"], Version(2, 6, 24));
const NET_NS: Kconfig = option(&["NET_NS"], Version(2, 6, 24));
const USER_NS: Kconfig = option(&["USER_NS"], Version(2, 6, 23));
const SYSVIPC: Kconfig = option(&["SYSVIPC"], Version(2, 6, 0));
const POSIX_MQUEUE: Kconfig = option(&["POSIX_MQUEUE"], Version(2, 6, 6));
const INET: Kconfig = option(&["INET"], Version(2, 6, 0));
const UNIX: Kconfig = option(&["UNIX"], Version(2, 6, 0));
const VETH: Kconfig = option(&["VETH"], Version(2, 6, 24));
const CGROUPS: Kconfig = option(&["CGROUPS"], Version(2, 6, 24));
const FREEZER: Kconfig = option(&["CGROUP_FREEZER"], Version(2, 6, 28));
const PIDS: Kconfig = option(&["CGROUP_PIDS"], Version(4, 3, 0));
/// Renamed in 3.6.
const MEMCG: Kconfig = option(&["MEMCG", "CGROUP_MEM_RES_CTLR"], Version(2, 6, 26));
/// The v1 files of the memory controller became an option of their own in 6.11.
const MEMCG_V1: Kconfig = option(&["MEMCG_V1"], Version(6, 11, 0));
/// Trusted attributes on tmpfs, which is where the layers lie.
const TMPFS_XATTR: Kconfig = option(&["TMPFS_XATTR"], Version(3, 0, 0));
const OVERLAY: Kconfig = option(&["OVERLAY_FS"], Version(3, 18, 0));
/// Out of tree, so it says nothing of versions: distributions carried it from 2.6.24 to 5.12.
const AUFS: Kconfig = option(&["AUFS_FS"], Version(2, 6, 0));
/// Ubuntu's own patch, 11.10 to 15.04.
const OVERLAYFS_UBUNTU: Kconfig = option(&["OVERLAYFS_FS"], Version(2, 6, 0));

/// A test that needs nothing in particular; what follows adds to it.
const fn test(name: &'static str, purpose: &'static str) -> Test {
    Test {
        name,
        purpose,
        needs: Needs { since: Version(2, 6, 19), until: None, kconfig: &[], modules: &[], cmdline: None },
        deadline_s: 10,
        selftest: false,
        uses_netns: false,
        own_boot: false,
    }
}

impl Test {
    const fn since(mut self, major: u16, minor: u16, patch: u16) -> Self {
        self.needs.since = Version(major, minor, patch);
        self
    }

    const fn kconfig(mut self, options: &'static [Kconfig]) -> Self {
        self.needs.kconfig = options;
        self
    }

    const fn modules(mut self, names: &'static [&'static str]) -> Self {
        self.needs.modules = names;
        self
    }

    const fn deadline(mut self, seconds: u32) -> Self {
        self.deadline_s = seconds;
        self
    }

    const fn leaves_netns(mut self) -> Self {
        self.uses_netns = true;
        self
    }

    const fn own_boot(mut self) -> Self {
        self.own_boot = true;
        self
    }

    const fn breaks_the_kernel(mut self) -> Self {
        self.selftest = true;
        self
    }
}

/// Every test, in the order in which they run.
pub static TESTS: &[Test] = &[
    // uts_namespaces(7): 2.6.19.
    test("ns::uts::hostname_is_private", "a host name set in a new UTS namespace is not seen outside, nor the reverse")
        .kconfig(&[UTS_NS]),
    test("ns::uts::names_are_inherited", "a new UTS namespace starts with its creator's host and domain name")
        .kconfig(&[UTS_NS]),
    // ipc_namespaces(7): 2.6.19, POSIX queues 2.6.30.
    test("ns::ipc::shm_key_is_private", "a shared memory key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::msg_key_is_private", "a message queue key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::sem_key_is_private", "a semaphore key made in either IPC namespace means nothing in the other")
        .kconfig(&[IPC_NS, SYSVIPC]),
    test("ns::ipc::posix_mq_is_private", "a POSIX queue is neither opened nor listed from another IPC namespace")
        .since(2, 6, 30)
        .kconfig(&[IPC_NS, POSIX_MQUEUE]),
    // mount_namespaces(7); shared subtrees 2.6.15.
    test("ns::mount::mount_is_private", "a mount in a new mount namespace is not seen outside, nor the reverse"),
    test("ns::mount::shared_propagates_both_ways", "mounts under a shared mount show in both mount namespaces"),
    test("ns::mount::slave_receives_and_never_sends", "mounts reach a slave from its master and not the reverse"),
    test("ns::mount::unbindable_refuses_bind", "an unbindable mount cannot be bound, and a private one can"),
    test(
        "ns::mount::detached_mount_serves_open_files",
        "a detached mount leaves its path at once and lives for open files",
    ),
    // pid_namespaces(7): 2.6.24.
    test("ns::pid::first_process_is_1", "the first process of a PID namespace is 1 inside and another number outside")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::outside_is_invisible", "a process outside can be neither signalled nor seen in a new proc inside")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::orphan_goes_to_init", "an orphan becomes the child of its namespace's init, which reaps it")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test("ns::pid::death_of_init_kills_all", "when init of a PID namespace is killed, every process in it dies")
        .since(2, 6, 24)
        .kconfig(&[PID_NS]),
    test(
        "ns::pid::init_is_immune_from_inside",
        "SIGKILL and SIGTERM to init have no effect from inside, SIGKILL from outside has",
    )
    .since(2, 6, 26)
    .kconfig(&[PID_NS]),
    test(
        "ns::pid::nested_is_seen_from_parent_only",
        "a process of a nested namespace has a PID above it and sees none of them",
    )
    .since(2, 6, 24)
    .kconfig(&[PID_NS]),
    // network_namespaces(7): usable from 2.6.29.
    test(
        "ns::net::loopback_is_own_and_down",
        "a new network namespace has just its own lo, down, and its state is private",
    )
    .since(2, 6, 29)
    .kconfig(&[NET_NS, INET])
    .leaves_netns(),
    test("ns::net::port_is_private", "one TCP port can be bound in two network namespaces and leads to each one's own")
        .since(2, 6, 29)
        .kconfig(&[NET_NS, INET])
        .leaves_netns(),
    test("ns::net::abstract_socket_is_private", "an abstract Unix socket answers in its own network namespace only")
        .since(2, 6, 29)
        .kconfig(&[NET_NS, UNIX])
        .leaves_netns(),
    test(
        "ns::net::veth_connects_namespaces",
        "a veth pair carries datagrams between two network namespaces, both ways",
    )
    .since(2, 6, 29)
    .kconfig(&[NET_NS, INET, VETH])
    .modules(&["veth"])
    .deadline(20)
    .leaves_netns(),
    // user_namespaces(7): complete from 3.8.
    test("ns::user::maps_translate_ids", "UID and GID maps translate process and file owners both ways")
        .since(3, 8, 0)
        .kconfig(&[USER_NS]),
    test("ns::user::unmapped_is_overflow_id", "IDs without a map show as 65534, inside and before the map is written")
        .since(3, 8, 0)
        .kconfig(&[USER_NS]),
    test(
        "ns::user::capabilities_end_at_the_border",
        "root of a user namespace is mighty over its own UTS namespace only",
    )
    .since(3, 8, 0)
    .kconfig(&[USER_NS, UTS_NS]),
    // cgroup_namespaces(7): 4.6.
    test("ns::cgroup::own_cgroup_is_the_root", "inside a cgroup namespace its own cgroup is /, outside the full path")
        .since(4, 6, 0)
        .kconfig(&[CGROUPS]),
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
    // cgroups(7): 4.5; cgroup.freeze 5.2, cgroup.kill 5.14.
    test(
        "cgroup2::memory_max_ooms_only_the_offender",
        "a child above memory.max is OOM-killed, a sibling cgroup lives",
    )
    .since(4, 5, 0)
    .kconfig(&[CGROUPS, MEMCG])
    .deadline(30),
    test("cgroup2::pids_max_refuses_fork", "fork is EAGAIN at pids.max, works below it, and a sibling is not limited")
        .since(4, 5, 0)
        .kconfig(&[CGROUPS, PIDS]),
    test(
        "cgroup2::freeze_stops_and_thaws",
        "processes of a frozen cgroup stand still while others go on, then go on too",
    )
    .since(5, 2, 0)
    .kconfig(&[CGROUPS])
    .deadline(20),
    test("cgroup2::kill_kills_all", "cgroup.kill kills the whole subtree and nobody else")
        .since(5, 14, 0)
        .kconfig(&[CGROUPS]),
    // Documentation/cgroups: memory 2.6.25, freezer 2.6.28.
    test(
        "cgroup1::memory_limit_ooms_only_the_offender",
        "a child above limit_in_bytes is OOM-killed, a sibling cgroup lives",
    )
    .since(2, 6, 26)
    .kconfig(&[CGROUPS, MEMCG, MEMCG_V1])
    .deadline(30)
    // Taking the controller from v2, whose dying groups still hold charges, is answered with EBUSY or, on 5.10 and 6.1,
    // now and then with a WARNING in page_counter_uncharge.
    .own_boot(),
    test(
        "cgroup1::freezer_stops_and_thaws",
        "processes of a FROZEN cgroup stand still while others go on, then go on too",
    )
    .since(2, 6, 28)
    .kconfig(&[CGROUPS, FREEZER])
    .deadline(20),
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
    // What the harness must notice. A stock kernel does these things only when helped: guest/selftest.rs.
    test("selftest::oops", "a kernel oops that the VM survives is seen and laid at its test").breaks_the_kernel(),
    test("selftest::warn", "a kernel warning that hurts nobody is seen and laid at its test").breaks_the_kernel(),
    test("selftest::garbage", "junk and forged lines on console and channel change no verdict").breaks_the_kernel(),
    test("selftest::panic", "a kernel panic is seen and laid at its test").deadline(5).breaks_the_kernel(),
    test("selftest::hang", "a CPU that hangs with interrupts off is noticed and laid at its test")
        .deadline(5)
        .breaks_the_kernel(),
    test("selftest::lost", "a machine that resets without a word is noticed and laid at its test")
        .deadline(5)
        .breaks_the_kernel(),
];
