//! What is left when a container has gone: namespaces, groups and devices that were freed late or never.

use alloc::format;
use alloc::string::String;

use crate::files;
use crate::sys::{self, Fd, call, clone, nr};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child, time_left};
use crate::tests::cgroup::{controller, eventually, v1, v2};
use crate::tests::interface;
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("bug::ipc_lag::unshare_loop", unshare_loop),
    ("bug::unregister_netdevice::duplicate_address", duplicate_address),
    ("bug::dying_cgroups::cache_holds_groups", cache_holds_groups),
    ("bug::kmem_leak::groups_come_and_go", groups_come_and_go),
    ("bug::zap_pid_ns::waiting_init_is_idle", waiting_init_is_idle),
];

/// A number of /proc/sys for the time of a test.
struct Setting(&'static str, u64);

impl Setting {
    fn set(path: &'static str, value: u64) -> Result<Setting, Stop> {
        let before = files::read_number(path).or_absent(&format!("read {path}"))?;
        let setting = Setting(path, before);
        files::write(path, &format!("{value}")).or_fail(&format!("write {value} to {path}"))?;
        Ok(setting)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = files::write(self.0, &format!("{}", self.1));
    }
}

/// Puts this process before all ordinary ones, the kernel's workers among them, on one CPU.
fn keep_the_cpu() -> Check {
    const FIFO: usize = 1;
    sys::sched_setaffinity(&{
        let mut first = [0; 16];
        first[0] = 1;
        first
    })
    .or_fail("sched_setaffinity")?;
    let priority = 1i32;
    let args = [0, FIFO, core::ptr::from_ref(&priority) as usize];
    // SAFETY: a struct sched_param.
    unsafe { call(nr::SCHED_SETSCHEDULER, args) }.map(drop).or_fail("sched_setscheduler(SCHED_FIFO)")
}

/// A process that goes from one IPC namespace to the next has one at a time, however fast it is: those that it left do
/// not count against the limit. What frees them in the background gets no turn unless it is waited for.
fn unshare_loop(ctx: &Ctx) -> Check {
    const LIMIT: u64 = 40;
    let many = ctx.param("iterations");
    let _limit = Setting::set("/proc/sys/user/max_ipc_namespaces", LIMIT)?;
    in_child(0, || {
        let own = || sys::readlink("/proc/self/ns/ipc").or_fail("read /proc/self/ns/ipc");
        let mut before = own()?;
        keep_the_cpu()?;
        for round in 0..many {
            sys::unshare(clone::NEWIPC)
                .or_fail(&format!("unshare(CLONE_NEWIPC) for the {round}th time with room for {LIMIT} namespaces"))?;
            let now = own()?;
            ensure!(now != before, "the {round}th unshare made no new namespace");
            before = now;
        }
        Ok(())
    })
}

/// A flag of `/proc/net/if_inet6`: another on the link has the address.
const DAD_FAILED: u32 = 0x8;

/// Flags of an interface's address that ends so.
fn flags_of(interface: &str, end: &str) -> Option<u32> {
    let all = files::read_text("/proc/self/net/if_inet6").ok()?;
    let mut lines = all.lines().map(|line| line.split_whitespace());
    lines.find_map(|mut words| {
        let (address, flags) = (words.next()?, words.nth(3)?);
        let name = words.next()?;
        if name == interface && address.ends_with(end) { u32::from_str_radix(flags, 16).ok() } else { None }
    })
}

const ADDRESS: [u8; 16] = [0xfd, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const ADDRESS_END: &str = "0000000000000001";

/// A container whose IPv6 address is taken on its link, and one that has it: both go, and with them their interfaces.
fn pair_with_one_address() -> Check {
    let peer = Peer::start(clone::NEWNET, |test| {
        test.say("born");
        test.hear()?;
        interface::set_up("lo", true).or_fail("bring lo up")?;
        interface::set_up("krin", true).or_fail("bring the inner end up")?;
        files::write("/proc/sys/net/ipv6/conf/krin/router_solicitation_delay", "0")
            .or_fail("have the address looked for at once")?;
        test.say("up");
        test.hear()?;
        interface::add_address6("krin", ADDRESS, 0).or_fail("give the inner end the same address")?;
        let failed = || flags_of("krin", ADDRESS_END).is_some_and(|flags| flags & DAD_FAILED != 0);
        ensure!(eventually(8_000, failed), "an address that is taken on the link was not found to be");
        Ok(())
    })?;
    peer.hear()?;
    interface::make_veth("krout", "krin").or_fail("make a veth pair")?;
    interface::move_to("krin", peer.pid()).or_fail("move one end")?;
    peer.ask("moved")?;
    interface::set_up("krout", true).or_fail("bring the outer end up")?;
    interface::set_address6("krout", ADDRESS).or_fail("give the outer end an address")?;
    peer.say("taken");
    peer.finish()?;
    let gone = || interface::exists("krout").is_ok_and(|there| !there);
    ensure!(eventually(9_000, gone), "the other end of a veth pair is there long after its namespace's last process");
    Ok(())
}

/// Whose address was a duplicate, its interface can be unregistered: were it still in use, the clean-up of this and all
/// later namespaces would wait for it for ever.
fn duplicate_address(ctx: &Ctx) -> Check {
    sys::unshare(clone::NEWNET).or_absent("unshare(CLONE_NEWNET)")?;
    if !files::exists("/proc/sys/net/ipv6") {
        return Err(Stop::Skip("IPv6 is switched off on this boot".into()));
    }
    for round in 0..ctx.param("iterations") {
        ensure!(time_left() > 1_500, "after {round} rounds the time is up");
        pair_with_one_address()?;
    }
    Ok(())
}

/// The number after a word in a file of such lines.
fn count(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}

/// Groups that were removed while cached files of theirs lived are freed when those are gone.
fn cache_holds_groups(ctx: &Ctx) -> Check {
    let many = ctx.param("iterations");
    scratch::own_mounts()?;
    let root = v2::mount()?;
    root.enable("memory")?;
    let parent = root.child("kr-parent")?;
    parent.set("cgroup.subtree_control", "+memory")?;
    let dying = || count(&parent.get("cgroup.stat").unwrap_or_default(), "nr_dying_descendants ").unwrap_or(u64::MAX);
    for number in 0..many {
        let group = parent.child(&format!("{number}"))?;
        in_child(0, || {
            group.join()?;
            // A file, its folder and its pages are all charged to the group that first made them.
            scratch::folder(&format!("/tmp/{number}"))?;
            files::create(&format!("/tmp/{number}/file"), &"cached ".repeat(3_000)).or_fail("make a file")
        })?;
        drop(group);
    }
    let left = count(&parent.get("cgroup.stat")?, "nr_descendants ");
    ensure!(left == Some(0), "after all groups were removed nr_descendants is {left:?}");
    ctx.note(&format!("{} of {many} groups are dying while their files are there", dying()));
    for number in 0..many {
        sys::unlink(&format!("/tmp/{number}/file")).or_fail("remove a file")?;
        sys::rmdir(&format!("/tmp/{number}")).or_fail("remove a folder")?;
    }
    let few = many / 4;
    let freed = eventually(6_000, || {
        let _ = files::write("/proc/sys/vm/drop_caches", "3");
        dying() <= few
    });
    ensure!(
        freed,
        "{} of {many} removed groups are dying still, after their files went and caches were dropped",
        dying()
    );
    drop(parent);
    Ok(())
}

/// Groups with accounting of kernel memory come and go as often as one likes; all are freed.
fn groups_come_and_go(ctx: &Ctx) -> Check {
    const SPARE: u64 = 16;
    let many = ctx.param("iterations");
    scratch::own_mounts()?;
    let root = v1::mount("memory")?;
    let groups = || controller("memory").map_or(0, |now| now.groups);
    let before = groups();
    for number in 0..many {
        ensure!(time_left() > 3_000, "after {number} of {many} groups the time is up");
        let group = root.child(&format!("kr-{number}"))?;
        // Accounting starts with a limit; it is always on since 4.5, and the limit is refused or gone since 5.16.
        let _ = group.set("memory.kmem.limit_in_bytes", "268435456");
        in_child(0, || {
            group.join()?;
            let path = format!("/tmp/{number}");
            files::create(&path, "some").or_fail("make a file in a group")?;
            sys::unlink(&path).or_fail("remove a file in a group")
        })?;
    }
    let freed = eventually(6_000, || {
        let _ = files::write("/proc/sys/vm/drop_caches", "3");
        groups() <= before + SPARE
    });
    ensure!(freed, "{many} groups came and went, and /proc/cgroups counts {} with {before} before", groups());
    Ok(())
}

/// A ring of io_uring with one request that waits for a pipe, so that its end has something to call off.
fn waiting_ring(pipe: &Fd) -> Result<Fd, Stop> {
    const ENTRIES: usize = 4;
    const OFF_SQES: usize = 0x1000_0000;
    const SQE: usize = 64;
    const OP_POLL_ADD: u8 = 6;
    const READ_WRITE: usize = 3;
    const SHARED: usize = 1;
    // struct io_uring_params: ten words, then the offsets of the submission ring: head, tail, mask, entries, flags,
    // dropped, array.
    let mut params = [0u32; 30];
    // SAFETY: room for struct io_uring_params, 120 bytes.
    let ring = unsafe { call(nr::IO_URING_SETUP, [ENTRIES, params.as_mut_ptr() as usize]) };
    let ring = Fd::new(ring.or_absent("io_uring_setup")?);
    let map = |offset: usize| {
        let args = [0, 4096, READ_WRITE, SHARED, sys::arg(ring.raw()), offset];
        sys::plain(nr::MMAP, args).or_fail("mmap the ring").map(core::ptr::with_exposed_provenance_mut::<u8>)
    };
    let (queue, requests) = (map(0)?, map(OFF_SQES)?);
    let mut request = [0u8; SQE];
    request[0] = OP_POLL_ADD;
    request[4..8].copy_from_slice(&pipe.raw().to_ne_bytes());
    request[28..30].copy_from_slice(&sys::POLLIN.to_ne_bytes());
    // SAFETY: mappings of a page each that the ring's own offsets stay in, and that nothing else uses.
    unsafe {
        requests.cast::<[u8; SQE]>().write_volatile(request);
        queue.add(params[16] as usize).cast::<u32>().write_volatile(0);
        queue.add(params[11] as usize).cast::<u32>().write_volatile(1);
    }
    let taken = sys::plain(nr::IO_URING_ENTER, [sys::arg(ring.raw()), 1, 0, 0, 0, 0]).or_fail("io_uring_enter")?;
    ensure!(taken == 1, "io_uring_enter took {taken} requests of 1");
    Ok(ring)
}

/// The letter of a process's state.
fn state(pid: i32) -> Option<char> {
    let status = files::read_text(&format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("State:")?.trim().chars().next())
}

/// Init of a PID namespace that has ended waits for a process that was sent in and is nobody's to reap but its
/// parent's outside; it does so asleep, also when it had used io_uring.
fn waiting_init_is_idle(_: &Ctx) -> Check {
    const WINDOW_MS: u64 = 300;
    let init = Peer::start(clone::NEWPID, |test| {
        let (from, _to) = sys::pipe().or_fail("pipe")?;
        let _ring = waiting_ring(&from)?;
        test.say("ready");
        test.hear()?;
        sys::exit(0);
    })?;
    init.hear()?;
    let namespace = sys::open(&format!("/proc/{}/ns/pid", init.pid()), sys::open::RDONLY, 0).or_fail("open it")?;
    // A child of this process, in that namespace.
    let entry = Peer::start(0, |test| {
        sys::setns(&namespace, clone::NEWPID).or_fail("setns")?;
        let guest = sys::fork(0).or_fail("fork into the namespace")?;
        if guest == 0 {
            loop {
                sys::sleep_ms(60_000);
            }
        }
        test.say(&format!("{guest}"));
        test.hear()?;
        sys::wait(guest, 0).or_fail("reap")?;
        Ok(())
    })?;
    let guest: i32 = entry.hear()?.parse().map_err(|_| Stop::Fail("no number of the process sent in".into()))?;
    init.say("end");
    ensure!(eventually(5_000, || state(guest) == Some('Z')), "init ended and a process sent in is {:?}", state(guest));
    let used = || sys::cpu_time_ns(init.pid()).or_fail("read the CPU time of init");
    let (before, start) = (used()?, sys::now_ms());
    sys::sleep_ms(WINDOW_MS);
    let (burnt, passed) = (used()? - before, (sys::now_ms() - start) * 1_000_000);
    let waiting = state(init.pid());
    let text: String =
        format!("while it waited {} ms, init of a PID namespace used {} ms", passed / 1_000_000, burnt / 1_000_000);
    entry.say("reap");
    entry.finish()?;
    init.end()?;
    ensure!(waiting != Some('Z'), "init of a PID namespace has ended before the last process of it");
    ensure!(burnt < passed / 4, "{text}");
    Ok(())
}
