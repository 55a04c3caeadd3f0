//! Devices and pools: rates and counts of block I/O, the BPF filter of device nodes, huge pages.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::super::load::{member, resident};
use super::super::ram_disk::RamDisk;
use super::super::{Group, eventually, v2};
use crate::files;
use crate::sys::{self, End, Errno, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("cgroup2::devices::io_stat_counts_writes", io_stat_counts_writes),
    ("cgroup2::devices::io_max_slows_writes", io_max_slows_writes),
    ("cgroup2::devices::bpf_filter_denies", bpf_filter_denies),
    ("cgroup2::devices::bpf_filter_binds_groups_below", bpf_filter_binds_groups_below),
    ("cgroup2::devices::hugetlb_max_holds", hugetlb_max_holds),
];

/// A process that writes so many KiB to the first RAM disk, and tells how many milliseconds it took.
fn writer(group: &Group) -> Result<Peer, Stop> {
    member(group, |word| {
        let path = "/tmp/ram0";
        let _ = sys::unlink(path);
        let disk = RamDisk::open(0)?;
        let begin = sys::now_ms();
        disk.write_directly(word.parse().unwrap_or(0))?;
        Ok((sys::now_ms() - begin).to_string())
    })
}

/// Bytes written to the first RAM disk by the group's count.
fn written(group: &Group) -> Result<u64, Stop> {
    let text = group.get("io.stat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("1:0 ")).unwrap_or_default();
    let bytes = line.split(' ').find_map(|word| word.strip_prefix("wbytes=")).map_or(Ok(0), str::parse);
    bytes.map_err(|_| Stop::Fail(format!("io.stat has the line `{line}`")))
}

/// `io.stat` has what members wrote to a device, the parent's too, and a sibling's has nothing of it.
fn io_stat_counts_writes(_: &Ctx) -> Check {
    const KIB: u64 = 512;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("io")?;
    let (parent, sibling) = (root.child("kr-parent")?, root.child("kr-sibling")?);
    parent.set("cgroup.subtree_control", "+io")?;
    let child = parent.child("child")?;
    let (process, _idle) = (writer(&child)?, resident(&sibling)?);
    process.ask(&KIB.to_string())?;
    for (group, expected) in [(&child, KIB << 10), (&parent, KIB << 10), (&sibling, 0)] {
        let so = eventually(3_000, || written(group).is_ok_and(|now| now == expected));
        ensure!(so, "{KIB} KiB were written, {} counts {}, not {expected}", group.file("io.stat"), written(group)?);
    }
    Ok(())
}

/// At 1 MiB/s half a MiB takes its time.
fn io_max_slows_writes(_: &Ctx) -> Check {
    /// Half a second is due; a slice of a tenth may be had at once.
    const AT_LEAST_MS: u64 = 250;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("io")?;
    let group = root.child("kr-slow")?;
    let process = writer(&group)?;
    process.ask("64")?;
    group.set("io.max", "1:0 wbps=1048576")?;
    let took: u64 = process.ask("512")?.parse().unwrap_or(0);
    ensure!(took >= AT_LEAST_MS, "512 KiB at 1 MiB/s took {took} ms");
    let limit = group.get("io.max")?;
    ensure!(limit.contains("wbps=1048576"), "io.max is `{limit}` after wbps=1048576 was written");
    Ok(())
}

const BPF_PROG_LOAD: usize = 5;
const BPF_PROG_ATTACH: usize = 8;
const BPF_PROG_DETACH: usize = 9;

fn bpf<const N: usize>(command: usize, attributes: [u64; N]) -> Result<usize, Errno> {
    // SAFETY: the union's first bytes, and their number; addresses in them are good for the call, by both callers.
    unsafe { sys::call(nr::BPF, [command, attributes.as_ptr() as usize, size_of::<[u64; N]>()]) }
}

/// An instruction: code, destination and source, offset, constant.
const fn instruction(code: u8, registers: u8, offset: i16, constant: i32) -> u64 {
    (code as u64) | (registers as u64) << 8 | (offset as u16 as u64) << 16 | (constant as u32 as u64) << 32
}

/// A filter on a group that lets all devices through but 1:5, `/dev/zero`; gone when it is dropped.
struct Filter {
    program: sys::Fd,
    group: sys::Fd,
}

impl Filter {
    fn attach(group: &Group) -> Result<Filter, Stop> {
        const CGROUP_DEVICE_PROGRAM: u64 = 15;
        // struct bpf_cgroup_dev_ctx, in r1: access, major, minor
        let program = [
            instruction(0xb7, 0x00, 0, 1), // r0 = 1
            instruction(0x61, 0x12, 4, 0), // r2 = major
            instruction(0x55, 0x02, 3, 1), // not 1: exit
            instruction(0x61, 0x12, 8, 0), // r2 = minor
            instruction(0x55, 0x02, 1, 5), // not 5: exit
            instruction(0xb7, 0x00, 0, 0), // r0 = 0
            instruction(0x95, 0x00, 0, 0), // exit
        ];
        let kind = CGROUP_DEVICE_PROGRAM | (program.len() as u64) << 32;
        let licence = b"GPL\0";
        let loaded = bpf(BPF_PROG_LOAD, [kind, program.as_ptr() as u64, licence.as_ptr() as u64, 0, 0, 0]);
        let program = sys::Fd::new(loaded.or_absent("load a device filter")?);
        let folder =
            sys::open(&group.path, open::RDONLY | open::DIRECTORY | open::CLOEXEC, 0).or_fail("open a group")?;
        let filter = Filter { program, group: folder };
        bpf(BPF_PROG_ATTACH, filter.link()).or_absent("attach a device filter")?;
        Ok(filter)
    }

    /// target_fd, attach_bpf_fd, attach_type, attach_flags
    fn link(&self) -> [u64; 2] {
        const CGROUP_DEVICE: u64 = 6;
        [self.group.raw() as u64 | (self.program.raw() as u64) << 32, CGROUP_DEVICE]
    }

    fn detach(&self) -> Result<(), Errno> {
        bpf(BPF_PROG_DETACH, self.link()).map(drop)
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        let _ = self.detach();
    }
}

/// Outcomes of opening `/tmp/null` and `/tmp/zero` and of making another node of each.
fn tries() -> Result<String, Stop> {
    let mut words = alloc::vec::Vec::new();
    for (name, minor) in [("null", 3), ("zero", 5)] {
        let opened = sys::open(&format!("/tmp/{name}"), open::RDONLY, 0).map(drop);
        let path = format!("/tmp/{name}-{}", sys::getpid());
        let made = sys::mknod_char(&path, 0o600, 1, minor);
        let _ = sys::unlink(&path);
        for outcome in [opened, made] {
            words.push(outcome.map_or_else(|errno| format!("{errno}"), |()| "ok".to_string()));
        }
    }
    Ok(words.join(" "))
}

fn try_devices(process: &Peer, expected: &str, when: &str) -> Check {
    let outcome = process.ask("try")?;
    ensure!(outcome == expected, "open and mknod of 1:3, then of 1:5 {when}: `{outcome}`, not `{expected}`");
    Ok(())
}

fn nodes() -> Check {
    for (name, minor) in [("null", 3), ("zero", 5)] {
        sys::mknod_char(&format!("/tmp/{name}"), 0o666, 1, minor).or_fail("mknod")?;
    }
    Ok(())
}

const ALL: &str = "ok ok ok ok";
const FILTERED: &str = "ok ok EPERM EPERM";

/// What a BPF device filter denies can neither be opened nor made by members, till it is detached; others can.
fn bpf_filter_denies(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    nodes()?;
    let root = v2::mount()?;
    let (group, sibling) = (root.child("kr-filtered")?, root.child("kr-sibling")?);
    let (inside, outside) = (member(&group, |_| tries())?, member(&sibling, |_| tries())?);
    try_devices(&inside, ALL, "without a filter")?;
    let filter = Filter::attach(&group)?;
    try_devices(&inside, FILTERED, "below a filter of 1:5")?;
    try_devices(&outside, ALL, "in the sibling of a filtered group")?;
    filter.detach().or_fail("detach a device filter")?;
    try_devices(&inside, ALL, "after the filter was detached")
}

/// The filter of a group is that of the groups below it as well, whenever they are made.
fn bpf_filter_binds_groups_below(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    nodes()?;
    let root = v2::mount()?;
    let group = root.child("kr-filtered")?;
    let old = group.child("old")?;
    let inside = member(&old, |_| tries())?;
    let _filter = Filter::attach(&group)?;
    let new = group.child("new")?;
    let late = member(&new, |_| tries())?;
    try_devices(&inside, FILTERED, "in a group below, older than the filter")?;
    try_devices(&late, FILTERED, "in a group below, younger than the filter")
}

/// The pool of huge pages, as it was when dropped.
struct Pool(String);

const POOL: &str = "/proc/sys/vm/nr_hugepages";

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = files::write(POOL, &self.0);
    }
}

/// Takes one huge page and writes to it.
fn touch_huge() -> Result<String, Stop> {
    const SIZE: usize = 2 << 20;
    const READ_WRITE: usize = 3;
    const PRIVATE_ANONYMOUS_HUGETLB: usize = 0x4_0022;
    let memory = sys::plain(nr::MMAP, [0, SIZE, READ_WRITE, PRIVATE_ANONYMOUS_HUGETLB, usize::MAX, 0])
        .or_fail("mmap of a huge page")?;
    let memory: *mut u8 = core::ptr::with_exposed_provenance_mut(memory);
    // SAFETY: a fresh mapping.
    unsafe { memory.write_volatile(1) };
    Ok("touched".to_string())
}

/// A huge page above `hugetlb.2MB.max` is a `SIGBUS`, a sibling gets one.
fn hugetlb_max_holds(_: &Ctx) -> Check {
    const SIGBUS: i32 = 7;
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("hugetlb")?;
    let (none, sibling) = (root.child("kr-none")?, root.child("kr-sibling")?);
    none.set("hugetlb.2MB.max", "0")?;
    let _pool = Pool(files::read_text(POOL).or_fail("read nr_hugepages")?);
    files::write(POOL, "2").or_fail("write nr_hugepages")?;
    let (limited, free) = (member(&none, |_| touch_huge())?, member(&sibling, |_| touch_huge())?);
    free.ask("touch")?;
    let current = sibling.get("hugetlb.2MB.current")?;
    ensure!(current == "2097152", "one huge page is taken and hugetlb.2MB.current is {current}");
    limited.say("touch");
    let end = limited.death()?;
    ensure!(end == End::Signal(SIGBUS), "the process above hugetlb.2MB.max {end}, not killed by SIGBUS");
    let refused = super::counted(&none, "hugetlb.2MB.events", "max")?;
    ensure!(refused > 0, "a huge page was refused and hugetlb.2MB.events counts none");
    Ok(())
}
