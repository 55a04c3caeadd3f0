//! What belongs to an IPC namespace: its limits, its lists in /proc, and its memory, which goes when it does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, clone, open, sig, sysv};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, time_left};
use crate::tests::ns::ipc::{make_queue, own_objects};
use crate::tests::peer::{Link, Peer};

const SHMMNI: &str = "/proc/sys/kernel/shmmni";

fn private_segment(size: usize) -> Result<i32, Errno> {
    sys::shmget(sysv::PRIVATE, size, sysv::CREAT | 0o600)
}

/// A limit written inside holds inside and is neither seen nor felt outside.
pub(crate) fn limits_are_private(_: &Ctx) -> Check {
    own_objects()?;
    let before = files::read_number(SHMMNI).or_fail("read shmmni")?;
    ensure!(before > 3, "shmmni is {before} to begin with");
    let peer = Peer::start(clone::NEWIPC, |test| {
        files::write(SHMMNI, "2").or_fail("write shmmni inside")?;
        for _ in 0..2 {
            private_segment(4096).or_fail("make a segment within the limit inside")?;
        }
        let third = private_segment(4096);
        ensure!(third == Err(Errno::ENOSPC), "a third segment with shmmni 2 inside: {third:?}, not ENOSPC");
        test.say("full");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let now = files::read_number(SHMMNI).or_fail("read shmmni")?;
    ensure!(now == before, "shmmni outside became {now} from {before} when it was set inside");
    for _ in 0..3 {
        private_segment(4096).or_fail("make a segment outside while the one inside is full")?;
    }
    peer.say("go");
    peer.finish()
}

/// Lines of a list in /proc/sysvipc, without the heading.
fn listed(kind: &str) -> Result<usize, Stop> {
    let text = files::read_text(&format!("/proc/sysvipc/{kind}")).or_fail(&format!("read /proc/sysvipc/{kind}"))?;
    Ok(text.lines().count().saturating_sub(1))
}

fn must_list(shm: usize, msg: usize, sem: usize, side: &str) -> Check {
    let found = (listed("shm")?, listed("msg")?, listed("sem")?);
    ensure!(found == (shm, msg, sem), "/proc/sysvipc {side} lists {found:?} objects, not {:?}", (shm, msg, sem));
    Ok(())
}

/// /proc/sysvipc shows each side the objects of its own namespace.
pub(crate) fn sysvipc_lists_only_own(_: &Ctx) -> Check {
    own_objects()?;
    private_segment(4096).or_fail("make a segment")?;
    let peer = Peer::start(clone::NEWIPC, |test| {
        must_list(0, 0, 0, "of a new namespace")?;
        for _ in 0..2 {
            sys::msgget(sysv::PRIVATE, sysv::CREAT | 0o600).or_fail("make a queue inside")?;
        }
        sys::semget(sysv::PRIVATE, 1, sysv::CREAT | 0o600).or_fail("make a semaphore set inside")?;
        must_list(0, 2, 1, "inside")?;
        test.say("made");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    must_list(1, 0, 0, "outside")?;
    peer.say("go");
    peer.finish()
}

/// KiB of shared memory in use on the whole machine.
fn shared_kib() -> Result<u64, Stop> {
    let text = files::read_text("/proc/meminfo").or_fail("read /proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("Shmem:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Stop::Fail(String::from("no Shmem line in /proc/meminfo")))
}

/// Makes a segment of so many KiB with all its pages, and leaves it to the namespace.
fn leave_segment(kib: usize) -> Check {
    let id = private_segment(kib * 1024).or_fail("make a segment")?;
    let at = sys::shmat(id).or_fail("shmat")?;
    for page in 0..kib / 4 {
        // SAFETY: within the segment that was just mapped.
        unsafe { at.add(page * 4096).write_volatile(1) };
    }
    sys::shmdt(at).or_fail("shmdt")
}

/// Waits till no more than that is in use; the last reference to a namespace is dropped by deferred work since 5.11.
fn must_fall_to(kib: u64) -> Check {
    let until = sys::now_ms() + time_left().saturating_sub(1_000).min(5_000);
    loop {
        let now = shared_kib()?;
        if now <= kib {
            return Ok(());
        }
        ensure!(sys::now_ms() < until, "{now} KiB of shared memory are in use after the namespace's end, not {kib}");
        sys::sleep_ms(5);
    }
}

/// A segment that nobody removed goes with its namespace, and its memory comes back.
pub(crate) fn teardown_frees_memory(_: &Ctx) -> Check {
    const KIB: usize = 16 * 1024;
    own_objects()?;
    let before = shared_kib()?;
    let peer = Peer::start(clone::NEWIPC, |test| {
        leave_segment(KIB)?;
        test.say("made");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let full = shared_kib()?;
    ensure!(full > before + KIB as u64 / 2, "a segment of {KIB} KiB raised shared memory from {before} to {full} KiB");
    peer.say("go");
    peer.finish()?;
    must_fall_to(before + KIB as u64 / 4)
}

/// One of many: leaves an object of each kind, some with something in it, and waits to be killed.
fn hoarder(test: &Link) -> Check {
    leave_segment(HOARD_KIB)?;
    sys::msgget(sysv::PRIVATE, sysv::CREAT | 0o600).or_fail("make a message queue")?;
    sys::semget(sysv::PRIVATE, 8, sysv::CREAT | 0o600).or_fail("make a semaphore set")?;
    let queue = make_queue("hoard")?;
    sys::mq_send(&queue, b"never read").or_fail("mq_send")?;
    test.say("made");
    test.hear().map(drop)
}

const HOARD_KIB: usize = 2 * 1024;

/// Namespaces that hold objects of all kinds and lose their last process at the same time give all memory back.
pub(crate) fn many_teardowns_free_all(_: &Ctx) -> Check {
    // Queues count against a limit of the user's, about nine of them, wherever they are.
    const COUNT: usize = 8;
    own_objects()?;
    for _ in 0..2 {
        let before = shared_kib()?;
        let peers = (0..COUNT).map(|_| Peer::start(clone::NEWIPC, hoarder)).collect::<Result<Vec<_>, _>>()?;
        peers.iter().try_for_each(|peer| peer.hear().map(drop))?;
        let (full, all) = (shared_kib()?, (COUNT * HOARD_KIB) as u64);
        ensure!(full > before + all / 2, "{all} KiB of segments raised shared memory from {before} to {full} KiB");
        for peer in &peers {
            sys::kill(peer.pid(), sig::KILL).or_fail("kill the last process of a namespace")?;
        }
        drop(peers);
        must_fall_to(before + all / 4)?;
        queues_must_be_free(COUNT)?;
    }
    Ok(())
}

/// As many queues as all namespaces had fit into the user's limit again, in time.
fn queues_must_be_free(count: usize) -> Check {
    let until = sys::now_ms() + time_left().saturating_sub(1_000).min(5_000);
    let names: Vec<String> = (0..count).map(|i| format!("again-{i}")).collect();
    for name in &names {
        while let Err(Errno::EMFILE) = sys::mq_open(name, open::RDWR | open::CREAT, 0o600).map(drop) {
            ensure!(sys::now_ms() < until, "queues of namespaces that ended still count against the user's limit");
            sys::sleep_ms(5);
        }
    }
    names.iter().try_for_each(|name| sys::mq_unlink(name).or_fail("mq_unlink"))
}
