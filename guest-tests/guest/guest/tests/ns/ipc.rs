//! IPC namespaces: System V keys and POSIX message queues.

use alloc::format;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, Fd, clone, open, sysv};
use crate::test_api::{Check, Ctx, OrStop as _, Stop, in_child};
use crate::tests::ns::way::Way;
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// A kind of System V object that is found by a key.
struct Kind {
    name: &'static str,
    get: fn(key: i32, flags: i32) -> Result<i32, Errno>,
    remove: fn(id: i32) -> Result<(), Errno>,
}

const SHM: Kind =
    Kind { name: "shared memory", get: |key, flags| sys::shmget(key, 4096, flags), remove: sys::shm_remove };
const MSG: Kind = Kind { name: "message queue", get: sys::msgget, remove: sys::msg_remove };
const SEM: Kind = Kind { name: "semaphore set", get: |key, flags| sys::semget(key, 1, flags), remove: sys::sem_remove };

const INSIDE: i32 = 0x6b72_0001;
const OUTSIDE: i32 = 0x6b72_0002;

/// Makes the object; it must not be there yet.
fn make(kind: &Kind, key: i32) -> Result<i32, Stop> {
    (kind.get)(key, sysv::CREAT | sysv::EXCL | 0o600).or_absent(&format!("make a {} by key {key:#x}", kind.name))
}

/// The key must be found, which shows that looking for it means something.
fn must_find(kind: &Kind, key: i32, whose: &str) -> Check {
    (kind.get)(key, 0).map(drop).or_fail(&format!("look for the {} that {whose} made", kind.name))
}

fn must_not_find(kind: &Kind, key: i32, whose: &str) -> Check {
    match (kind.get)(key, 0) {
        Err(Errno::ENOENT) => Ok(()),
        Ok(_) => fail!("the {} that {whose} made is found by its key on the other side", kind.name),
        Err(errno) => fail!("look for the {} of {whose}: {errno}, not ENOENT", kind.name),
    }
}

/// The test's own IPC namespace, so that nothing it makes outlives it.
pub(super) fn own_objects() -> Check {
    sys::unshare(clone::NEWIPC).or_absent("unshare(CLONE_NEWIPC)")
}

fn key_is_private(kind: &Kind, way: Way) -> Check {
    own_objects()?;
    let outer = make(kind, OUTSIDE)?;
    // A child in the same namespace finds it: what comes next is the namespace's doing.
    in_child(0, || must_find(kind, OUTSIDE, "its parent"))?;
    let peer = way.start(clone::NEWIPC, |test| {
        must_not_find(kind, OUTSIDE, "the outside")?;
        let id = make(kind, INSIDE)?;
        must_find(kind, INSIDE, "the inside")?;
        test.say("made");
        test.hear()?;
        must_find(kind, INSIDE, "the inside")?;
        (kind.remove)(id).or_fail("remove it inside")
    })?;
    peer.hear()?;
    must_not_find(kind, INSIDE, "the inside")?;
    // The key is free out here, and removing what has it here leaves the one inside alone.
    let same_key = make(kind, INSIDE)?;
    (kind.remove)(same_key).or_fail("remove it outside")?;
    peer.say("looked");
    peer.finish()?;
    must_find(kind, OUTSIDE, "the outside")?;
    (kind.remove)(outer).or_fail("remove it outside")
}

/// A message queue key made in either IPC namespace means nothing in the other.
pub(crate) fn msg_key_is_private(_: &Ctx) -> Check {
    key_is_private(&MSG, Way::Clone)
}

/// A semaphore key made in either IPC namespace means nothing in the other.
pub(crate) fn sem_key_is_private(_: &Ctx) -> Check {
    key_is_private(&SEM, Way::Clone)
}

/// A shared memory key made in either IPC namespace means nothing in the other, and one key leads to two memories.
pub(crate) fn shm_key_is_private(_: &Ctx) -> Check {
    key_is_private(&SHM, Way::Clone)?;
    let outer = make(&SHM, INSIDE)?;
    let memory = sys::shmat(outer).or_fail("shmat outside")?;
    in_child(clone::NEWIPC, || {
        let inner = make(&SHM, INSIDE)?;
        let memory = sys::shmat(inner).or_fail("shmat inside")?;
        // SAFETY: a fresh mapping of a page.
        unsafe { memory.write_volatile(b'i') };
        Ok(())
    })?;
    // SAFETY: mapped above, a page long; volatile, since another process was to write to it or not.
    let byte = unsafe { memory.read_volatile() };
    ensure!(byte == 0, "the memory of one key outside holds what was written inside ({byte:#x})");
    sys::shmdt(memory).or_fail("shmdt")?;
    sys::shm_remove(outer).or_fail("remove it outside")
}

/// As by `clone`, for each kind of object.
pub(crate) fn unshare_makes_a_new_one(_: &Ctx) -> Check {
    [SHM, MSG, SEM].iter().try_for_each(|kind| key_is_private(kind, Way::Unshare))
}

/// As by `clone`, for each kind of object.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    [SHM, MSG, SEM].iter().try_for_each(|kind| key_is_private(kind, Way::Clone3))
}

const MQ_DIR: &str = "/tmp/mqueue";

pub(super) fn make_queue(name: &str) -> Result<Fd, Stop> {
    sys::mq_open(name, open::RDWR | open::CREAT | open::EXCL, 0o600).or_absent(&format!("mq_open({name}, O_CREAT)"))
}

fn must_not_open(name: &str) -> Check {
    match sys::mq_open(name, open::RDWR, 0) {
        Err(Errno::ENOENT) => Ok(()),
        Ok(_) => fail!("the POSIX queue {name} opens in the other namespace"),
        Err(errno) => fail!("mq_open({name}) in the other namespace: {errno}, not ENOENT"),
    }
}

/// Mounts this namespace's queues and checks that there are just these.
fn must_list(names: &[&str], side: &str) -> Check {
    scratch::folder(MQ_DIR)?;
    sys::mount("mqueue", MQ_DIR, "mqueue", 0, "").or_absent(&format!("mount mqueue {side}"))?;
    let mut found = sys::list(MQ_DIR).or_fail("list the queues")?;
    found.sort();
    let found: Vec<&str> = found.iter().map(|name| name.as_str()).collect();
    ensure!(found == names, "the queues {side} are {found:?}, not {names:?}");
    Ok(())
}

/// A POSIX queue is neither opened nor listed from another IPC namespace.
pub(crate) fn posix_mq_is_private(_: &Ctx) -> Check {
    own_objects()?;
    scratch::own_mounts()?;
    let outer = make_queue("outside")?;
    let peer = Peer::start(clone::NEWIPC | clone::NEWNS, |test| {
        must_not_open("outside")?;
        let queue = make_queue("inside")?;
        must_list(&["inside"], "inside")?;
        sys::mq_send(&queue, b"from inside").or_fail("mq_send inside")?;
        test.say("made");
        test.hear()?;
        sys::mq_unlink("inside").or_fail("mq_unlink inside")
    })?;
    peer.hear()?;
    must_not_open("inside")?;
    must_list(&["outside"], "outside")?;
    // One name, two queues: this one holds nothing of what was sent inside.
    let namesake = make_queue("inside")?;
    let state = files::read_text(&format!("{MQ_DIR}/inside")).or_fail("read the queue's state")?;
    ensure!(state.starts_with("QSIZE:0 "), "the queue of the same name outside has `{}`", state.trim());
    sys::mq_unlink("inside").or_fail("mq_unlink outside")?;
    drop((outer, namesake));
    peer.say("looked");
    peer.finish()?;
    sys::umount(MQ_DIR, sys::MNT_DETACH).or_fail("umount mqueue")
}
