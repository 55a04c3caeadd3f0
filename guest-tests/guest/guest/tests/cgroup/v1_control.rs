//! v1 controllers that refuse or stop: devices, freezer, pids, hugetlb, blkio, net_cls, net_prio.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::sync::atomic::Ordering;

use super::load::{counting, member, pids_max_holds, shared_counter, stops_and_goes_on, wait_for};
use super::{Group, eventually, v1};
use crate::files;
use crate::sys::{self, End, Errno, nr, open, sig};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::disk::Disk;
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup1::devices_denied_cannot_be_opened_or_made", devices_denied_cannot_be_opened_or_made),
    ("cgroup1::devices_child_cannot_exceed_its_parent", devices_child_cannot_exceed_its_parent),
    ("cgroup1::devices_denial_reaches_the_groups_below", devices_denial_reaches_the_groups_below),
    ("cgroup1::freezer_stops_and_thaws", freezer_stops_and_thaws),
    ("cgroup1::freezer_stops_the_groups_below", freezer_stops_the_groups_below),
    ("cgroup1::freezer_holds_back_a_kill_till_the_thaw", freezer_holds_back_a_kill_till_the_thaw),
    ("cgroup1::freezer_stops_who_moves_in", freezer_stops_who_moves_in),
    ("cgroup1::freezer_refuses_who_would_move_in", freezer_refuses_who_would_move_in),
    ("cgroup1::pids_max_refuses_fork", pids_max_refuses_fork),
    ("cgroup1::hugetlb_limit_holds", hugetlb_limit_holds),
    ("cgroup1::blkio_throttle_slows_reads", blkio_throttle_slows_reads),
    ("cgroup1::net_cls_classid_is_inherited", net_cls_classid_is_inherited),
    ("cgroup1::net_prio_map_is_of_one_group", net_prio_map_is_of_one_group),
];

/// A process in the group that opens a device node for reading, or makes one, and tells the outcome.
fn device_user(group: &Group) -> Result<Peer, Stop> {
    member(group, |word| {
        let outcome = match word.split_once(' ') {
            Some(("open", path)) => sys::open(path, open::RDONLY | open::CLOEXEC, 0).map(drop),
            Some(("write", path)) => sys::open(path, open::WRONLY | open::CLOEXEC, 0).map(drop),
            _ => sys::mknod_char("/tmp/kr-made", 0o600, 1, 3).and_then(|()| sys::unlink("/tmp/kr-made")),
        };
        Ok(outcome.map_or_else(|errno| format!("{errno}"), |()| "done".to_string()))
    })
}

fn must(user: &Peer, word: &str, expected: &str, situation: &str) -> Check {
    let outcome = user.ask(word)?;
    ensure!(outcome == expected, "`{word}` {situation} is {outcome}, not {expected}");
    Ok(())
}

/// Nodes of /dev/null and /dev/zero on the test's own tmpfs.
fn make_nodes() -> Check {
    sys::mknod_char("/tmp/null", 0o666, 1, 3).or_fail("mknod of a null device")?;
    sys::mknod_char("/tmp/zero", 0o666, 1, 5).or_fail("mknod of a zero device")
}

/// What is denied is `EPERM` to open and to make, what is allowed again is only so far, and the list says so.
fn devices_denied_cannot_be_opened_or_made(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    make_nodes()?;
    let root = v1::mount("devices")?;
    let (group, sibling) = (root.child("kr-denied")?, root.child("kr-free")?);
    let all = group.get("devices.list")?;
    ensure!(all == "a *:* rwm", "devices.list of a new group is `{all}`");
    let (user, free) = (device_user(&group)?, device_user(&sibling)?);
    must(&user, "open /tmp/null", "done", "before it is denied")?;
    group.set("devices.deny", "a")?;
    for word in ["open /tmp/null", "open /tmp/zero", "mknod"] {
        must(&user, word, "EPERM", "when all is denied")?;
        must(&free, word, "done", "in the sibling")?;
    }
    group.set("devices.allow", "c 1:5 r")?;
    must(&user, "open /tmp/zero", "done", "when reading it is allowed")?;
    must(&user, "write /tmp/zero", "EPERM", "when reading it is allowed")?;
    must(&user, "open /tmp/null", "EPERM", "when another device is allowed")?;
    let list = group.get("devices.list")?;
    ensure!(list == "c 1:5 r", "devices.list is `{list}` where c 1:5 r is all that is allowed");
    Ok(())
}

/// A group cannot be allowed what its parent is not.
fn devices_child_cannot_exceed_its_parent(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    make_nodes()?;
    let root = v1::mount("devices")?;
    let parent = root.child("kr-parent")?;
    parent.set("devices.deny", "a")?;
    parent.set("devices.allow", "c 1:5 rwm")?;
    let child = parent.child("kr-child")?;
    let user = device_user(&child)?;
    must(&user, "open /tmp/null", "EPERM", "in a child of a group that may not")?;
    must(&user, "open /tmp/zero", "done", "in a child of a group that may")?;
    let answer = child.try_set("devices.allow", "c 1:3 rwm");
    ensure!(answer == Err(Errno::EPERM), "a child is allowed what its parent is not: {answer:?}, not EPERM");
    must(&user, "open /tmp/null", "EPERM", "after the child asked to be allowed")
}

/// What is denied to a group is denied to the groups that it has already.
fn devices_denial_reaches_the_groups_below(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    make_nodes()?;
    let root = v1::mount("devices")?;
    let parent = root.child("kr-parent")?;
    let child = parent.child("kr-child")?;
    let user = device_user(&child)?;
    must(&user, "open /tmp/null", "done", "before the parent is denied it")?;
    parent.set("devices.deny", "c 1:3 rwm")?;
    must(&user, "open /tmp/null", "EPERM", "after the parent was denied it")?;
    must(&user, "open /tmp/zero", "done", "after the parent was denied another")
}

/// Writes the state until it is reached. Once is not enough: a group that is read before any member has stopped falls
/// back to THAWED before 2.6.37 (2d3cbf8bc852), and EBUSY asks for another try (freezer-subsystem.txt).
fn change_state(group: &Group, state: &str) -> Check {
    let mut last = Ok(());
    let so = eventually(10_000, || {
        last = group.set("freezer.state", state);
        group.get("freezer.state").is_ok_and(|now| now == state)
    });
    if so {
        return Ok(());
    }
    last?;
    fail!("{state} was written to freezer.state again and again, it says `{}`", group.get("freezer.state")?)
}

/// Processes of a FROZEN cgroup stand still while those of its sibling go on, and go on when THAWED.
fn freezer_stops_and_thaws(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (frozen, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    stops_and_goes_on(&frozen, &free, || change_state(&frozen, "FROZEN"), || change_state(&frozen, "THAWED"))
}

/// A frozen group freezes those below, which cannot thaw by themselves.
fn freezer_stops_the_groups_below(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (parent, free) = (root.child("kr-parent")?, root.child("kr-free")?);
    let child = parent.child("kr-child")?;
    let freeze = || {
        change_state(&parent, "FROZEN")?;
        let so = eventually(5_000, || child.get("freezer.state").is_ok_and(|now| now == "FROZEN"));
        ensure!(so, "below a FROZEN group freezer.state is `{}`", child.get("freezer.state")?);
        let (own, above) = (child.get("freezer.self_freezing")?, child.get("freezer.parent_freezing")?);
        ensure!(own == "0" && above == "1", "below a FROZEN group self_freezing is {own}, parent_freezing {above}");
        child.set("freezer.state", "THAWED")?;
        let state = child.get("freezer.state")?;
        ensure!(state == "FROZEN", "a child of a FROZEN group was told THAWED and is {state}");
        Ok(())
    };
    stops_and_goes_on(&child, &free, freeze, || change_state(&parent, "THAWED"))
}

/// A frozen process that is killed dies at the thaw, not before.
fn freezer_holds_back_a_kill_till_the_thaw(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (group, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    let (still, going) = (shared_counter()?, shared_counter()?);
    let (victim, _free) = (counting(&group, still)?, counting(&free, going)?);
    change_state(&group, "FROZEN")?;
    let thawed = Thaw(&group);
    sys::kill(victim.pid(), sig::KILL).or_fail("kill a frozen process")?;
    let before = still.load(Ordering::Relaxed);
    wait_for(going, 2_000, "while the killed process is frozen")?;
    let ended = sys::wait(victim.pid(), sys::WNOHANG).or_fail("wait")?;
    ensure!(ended.is_none(), "a frozen process was killed and died without a thaw");
    ensure!(still.load(Ordering::Relaxed) == before, "a frozen process ran on when it was killed");
    let state = group.get("freezer.state")?;
    ensure!(state == "FROZEN", "the group of a frozen process that was killed is {state}");
    drop(thawed);
    let end = victim.end()?;
    ensure!(end == End::Signal(sig::KILL), "a process that was killed while frozen {end} after the thaw");
    Ok(())
}

/// Thaws the group when dropped, so that its members can be killed.
struct Thaw<'a>(&'a Group);

impl Drop for Thaw<'_> {
    fn drop(&mut self) {
        let _ = change_state(self.0, "THAWED");
    }
}

/// Who is moved into a frozen group freezes, and the group is FROZEN then, not FREEZING for good.
fn freezer_stops_who_moves_in(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (group, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    let (moved, going) = (shared_counter()?, shared_counter()?);
    let (mover, _free) = (counting(&free, moved)?, counting(&free, going)?);
    change_state(&group, "FROZEN")?;
    let _thaw = Thaw(&group);
    group.take(mover.pid()).or_fail("move a process into a frozen group")?;
    // Nothing but its member's stopping makes it so: the state is not written again.
    let so = eventually(3_000, || group.get("freezer.state").is_ok_and(|now| now == "FROZEN"));
    ensure!(so, "a process moved into a frozen group, and the group stays {}", group.get("freezer.state")?);
    let before = moved.load(Ordering::Relaxed);
    wait_for(going, 2_000, "while the one that moved in is frozen")?;
    let counted = moved.load(Ordering::Relaxed) - before;
    ensure!(counted == 0, "a process that moved into a frozen group went on and counted {counted}");
    change_state(&group, "THAWED")?;
    wait_for(moved, 10, "after the thaw")
}

/// Before 3.8 a frozen group takes nobody in.
fn freezer_refuses_who_would_move_in(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    let (group, free) = (root.child("kr-frozen")?, root.child("kr-free")?);
    let (still, going) = (shared_counter()?, shared_counter()?);
    let (_frozen, mover) = (counting(&group, still)?, counting(&free, going)?);
    change_state(&group, "FROZEN")?;
    let _thaw = Thaw(&group);
    let answer = group.take(mover.pid());
    ensure!(answer == Err(Errno::EBUSY), "a process moves into a frozen group: {answer:?}, not EBUSY");
    wait_for(going, 10, "after it was refused")
}

/// Fork is EAGAIN at `pids.max`, works again when it is raised, and the sibling is not limited.
fn pids_max_refuses_fork(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("pids")?;
    let (limited, sibling) = (root.child("kr-limited")?, root.child("kr-sibling")?);
    pids_max_holds(&limited, &sibling)
}

/// Huge pages that were set aside for the test, given back when dropped.
struct HugePages(u64);

const NR_HUGEPAGES: &str = "/proc/sys/vm/nr_hugepages";

impl HugePages {
    fn reserve(more: u64) -> Result<HugePages, Stop> {
        let before = files::read_number(NR_HUGEPAGES).or_fail("read vm.nr_hugepages")?;
        let pages = HugePages(before);
        files::write(NR_HUGEPAGES, &format!("{}", before + more)).or_fail("write vm.nr_hugepages")?;
        let now = files::read_number(NR_HUGEPAGES).or_fail("read vm.nr_hugepages")?;
        if now < before + more {
            return Err(Stop::Skip(format!("this machine has no {more} huge pages left: give it more memory")));
        }
        Ok(pages)
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        let _ = files::write(NR_HUGEPAGES, &format!("{}", self.0));
    }
}

/// A process in the group that takes as many huge pages as it is told.
fn huge_eater(group: &Group) -> Result<Peer, Stop> {
    const HUGE: usize = 2 << 20;
    const READ_WRITE: usize = 3;
    const PRIVATE_ANONYMOUS_HUGETLB: usize = 0x4_0022;
    member(group, |word| {
        let size = word.parse::<usize>().unwrap_or(0) * HUGE;
        let flags = PRIVATE_ANONYMOUS_HUGETLB;
        let memory = sys::plain(nr::MMAP, [0, size, READ_WRITE, flags, usize::MAX, 0]).or_fail("mmap of huge pages")?;
        for offset in (0..size).step_by(HUGE) {
            let byte: *mut u8 = core::ptr::with_exposed_provenance_mut(memory + offset);
            // SAFETY: within the fresh mapping.
            unsafe { byte.write_volatile(1) };
        }
        Ok("took".to_string())
    })
}

/// Beyond the group's limit a huge page is `SIGBUS` though there are free ones, and the sibling gets them.
fn hugetlb_limit_holds(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("hugetlb")?;
    let pages = HugePages::reserve(4)?;
    let (limited, sibling) = (root.child("kr-limited")?, root.child("kr-sibling")?);
    limited.set("hugetlb.2MB.limit_in_bytes", "2097152")?;
    let (one, other) = (huge_eater(&limited)?, huge_eater(&sibling)?);
    let word = one.ask("1")?;
    ensure!(word == "took", "a huge page below the limit: {word}");
    let usage = limited.number("hugetlb.2MB.usage_in_bytes")?;
    ensure!(usage == 2 << 20, "hugetlb.2MB.usage_in_bytes is {usage} with one page in use");
    one.say("1");
    let end = one.death()?;
    ensure!(end == End::Signal(sig::BUS), "a process that took a huge page beyond its group's limit {end}, not SIGBUS");
    let hits = limited.number("hugetlb.2MB.failcnt")?;
    ensure!(hits > 0, "hugetlb.2MB.failcnt says that the limit was never hit");
    other.ask("2")?;
    drop(other);
    drop(pages);
    Ok(())
}

/// A loop device that is removed whole when dropped: since 5.18 its worker holds the group of who read from it for 60 s
/// more, or till then (d292dc80686a).
struct LoopDevice {
    disk: Option<Disk>,
    number: u64,
}

impl LoopDevice {
    fn new() -> Result<LoopDevice, Stop> {
        let disk = Disk::new("/tmp/kr-disk", 1 << 20)?;
        let device = sys::stat(&disk.path).or_fail("stat the disk")?.rdev;
        Ok(LoopDevice { disk: Some(disk), number: device & 0xff | device >> 12 & 0xf_ff00 })
    }

    fn path(&self) -> String {
        self.disk.as_ref().map(|disk| disk.path.clone()).unwrap_or_default()
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        const LOOP_CTL_REMOVE: usize = 0x4c81;
        drop(self.disk.take());
        // There is none before 3.1.
        if let Ok(control) = sys::open("/tmp/loop-control", open::RDWR | open::CLOEXEC, 0) {
            let _ = sys::ioctl(&control, LOOP_CTL_REMOVE, self.number as usize);
        }
    }
}

/// Reads of a device take as long as the group's limit of bytes a second makes them, and are counted.
fn blkio_throttle_slows_reads(_: &Ctx) -> Check {
    const BYTES: usize = 256 << 10;
    const O_DIRECT: i32 = 0o4_0000;
    scratch::own_mounts()?;
    let root = v1::mount("blkio")?;
    let group = root.child("kr-slow")?;
    // Dropped before the group, which its queue and its worker hold.
    let disk = LoopDevice::new()?;
    let device = format!("7:{}", disk.number);
    group.set("blkio.throttle.read_bps_device", &format!("{device} {}", 2 * BYTES))?;
    let path = disk.path();
    let reader = member(&group, |_| {
        let file = sys::open(&path, open::RDONLY | open::CLOEXEC | O_DIRECT, 0).or_fail("open the disk")?;
        let memory = sys::map_anonymous(BYTES);
        ensure!(!memory.is_null(), "mmap of {BYTES} bytes failed");
        // SAFETY: a fresh mapping of this length that nothing else uses.
        let buffer = unsafe { core::slice::from_raw_parts_mut(memory, BYTES) };
        let begin = sys::now_ms();
        let mut done = 0;
        while done < BYTES {
            // In pieces, since the first one of a slice of time goes through whatever its size.
            let piece = 16 << 10;
            done += sys::read(&file, &mut buffer[..piece]).or_fail("read the disk")?;
        }
        Ok(format!("{}", sys::now_ms() - begin))
    })?;
    let took = reader.ask("read")?;
    let took: u64 = took.parse().unwrap_or(0);
    ensure!(took >= 200, "256 KiB were read in {took} ms at 512 KiB a second");
    let served = group.count("blkio.throttle.io_service_bytes", &format!("{device} Read"));
    ensure!(served.is_some_and(|bytes| bytes >= BYTES as u64), "io_service_bytes counts {served:?} of 256 KiB read");
    Ok(())
}

/// A new group has its parent's `net_cls.classid`, and a change is its own.
fn net_cls_classid_is_inherited(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("net_cls")?;
    let (parent, sibling) = (root.child("kr-parent")?, root.child("kr-sibling")?);
    parent.set("net_cls.classid", "0x100001")?;
    let child = parent.child("kr-child")?;
    let read = |group: &Group| group.number("net_cls.classid");
    ensure!(read(&parent)? == 0x10_0001, "net_cls.classid is {} where 0x100001 was written", read(&parent)?);
    ensure!(read(&child)? == 0x10_0001, "net_cls.classid of a new group is {}, not its parent's", read(&child)?);
    child.set("net_cls.classid", "0x100002")?;
    let all = (read(&parent)?, read(&child)?, read(&sibling)?);
    ensure!(all == (0x10_0001, 0x10_0002, 0), "net_cls.classid of parent, child and sibling is {all:?}");
    Ok(())
}

/// `net_prio.ifpriomap` holds a priority for each interface, for one group.
fn net_prio_map_is_of_one_group(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("net_prio")?;
    let (group, sibling) = (root.child("kr-group")?, root.child("kr-sibling")?);
    let of_lo = |group: &Group| -> Result<String, Stop> {
        let map = group.get("net_prio.ifpriomap")?;
        Ok(map.lines().find_map(|line| line.strip_prefix("lo ")).unwrap_or("missing").to_string())
    };
    group.set("net_prio.ifpriomap", "lo 5")?;
    let both = (of_lo(&group)?, of_lo(&sibling)?);
    ensure!(both.0 == "5", "the priority of lo is {} where 5 was written", both.0);
    ensure!(both.1 == "0", "the priority of lo is {} in a sibling", both.1);
    let nowhere = group.try_set("net_prio.ifpriomap", "nosuchdevice 5");
    ensure!(nowhere.is_err(), "a priority for an interface that is not there was taken");
    Ok(())
}
