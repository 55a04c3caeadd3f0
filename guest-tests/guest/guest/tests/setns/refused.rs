//! Who `setns` turns away, what it leaves undone then, and what several namespaces at once come to.

use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use super::kinds::{CGROUP, IPC, Kind, MNT, NET, Owner, PID, TIME, USER, UTS, stage, write_maps};
use super::matrix::at_hand;
use super::{enter, must_refuse, namespace, of};
use crate::files;
use crate::sys::{self, Errno, Fd, Thread, clone, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::ns::uts::{hostname, set_hostname};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, folder};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("setns::is_unknown_before_3_0", is_unknown_before_3_0),
    ("setns::later_kinds_are_no_type_before_3_8", later_kinds_are_no_type_before_3_8),
    ("setns::cgroup_is_no_type_before_4_6", |_| no_type_yet(clone::NEWCGROUP, "cgroup")),
    ("setns::time_is_no_type_before_5_6", |_| no_type_yet(clone::NEWTIME, "time")),
    ("setns::own_one_is_entered_and_nothing_changes", own_one_is_entered_and_nothing_changes),
    ("setns::own_user_is_refused", own_user_is_refused),
    ("setns::each_kind_refuses_the_types_of_others", each_kind_refuses_the_types_of_others),
    ("setns::unprivileged_is_refused", |_| unprivileged(&[UTS, IPC, NET])),
    ("setns::unprivileged_is_refused_later_kinds", |_| unprivileged(&[MNT, PID, USER])),
    ("setns::unprivileged_is_refused_cgroup", |_| unprivileged(&[CGROUP])),
    ("setns::unprivileged_is_refused_time", |_| unprivileged(&[TIME])),
    ("setns::unprivileged_is_refused_by_pidfd", unprivileged_by_pidfd),
    ("setns::parent_user_namespace_is_out_of_reach", parent_user_namespace_is_out_of_reach),
    ("setns::parent_pid_namespace_is_out_of_reach", parent_pid_namespace_is_out_of_reach),
    ("setns::user_gives_powers_inside_only", user_gives_powers_inside_only),
    ("setns::mnt_leaves_the_chroot", mnt_leaves_the_chroot),
    ("setns::mnt_is_refused_with_a_shared_root", |_| shared_root(&MNT)),
    ("setns::user_is_refused_with_a_shared_root", |_| shared_root(&USER)),
    ("setns::user_is_refused_with_threads", |_| with_threads(&USER, Errno::EINVAL)),
    ("setns::time_is_refused_with_threads", |_| with_threads(&TIME, Errno::EUSERS)),
    ("setns::pidfd_enters_several_at_once", pidfd_enters_several_at_once),
    ("setns::pidfd_enters_all_or_none", pidfd_enters_all_or_none),
    ("setns::pidfd_of_the_dead_is_refused", pidfd_of_the_dead_is_refused),
];

/// The call is `ENOSYS`, whatever it is given.
fn is_unknown_before_3_0(_: &Ctx) -> Check {
    let file = sys::open("/proc/self/status", open::RDONLY, 0).or_fail("open a file")?;
    must_refuse(sys::setns(&file, 0), Errno::ENOSYS, "a plain file before 3.0")?;
    must_refuse(sys::setns(&file, clone::NEWUTS), Errno::ENOSYS, "a plain file and a type before 3.0")
}

/// There is no file of that kind, and the file of another kind is not taken for it.
fn no_type_yet(flag: usize, kind: &str) -> Check {
    let looked = sys::access(&format!("/proc/self/ns/{kind}"));
    ensure!(looked == Err(Errno::ENOENT), "/proc/self/ns/{kind} on a kernel that is too old for it: {looked:?}");
    let door = namespace("self", "uts")?;
    enter(&door, clone::NEWUTS)?;
    must_refuse(sys::setns(&door, flag), Errno::EINVAL, &format!("the type of {kind}, which there is not yet"))
}

/// Mount, PID and user namespaces cannot be entered before 3.8.
fn later_kinds_are_no_type_before_3_8(_: &Ctx) -> Check {
    no_type_yet(clone::NEWNS, "mnt")?;
    no_type_yet(clone::NEWPID, "pid")?;
    no_type_yet(clone::NEWUSER, "user")
}

/// Going to where one is changes nothing, for each kind but `user`.
fn own_one_is_entered_and_nothing_changes(_: &Ctx) -> Check {
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    set_hostname("own")?;
    for kind in at_hand().filter(|kind| kind.flag != clone::NEWUSER) {
        enter(&namespace("self", kind.file)?, kind.flag)?;
        ensure!(!(kind.seen)()?, "after setns to its own {} namespace the caller is in another", kind.file);
    }
    let name = hostname()?;
    ensure!(name == "own", "after setns to its own UTS namespace the host name is `{name}`");
    Ok(())
}

/// One's own user namespace is `EINVAL`: all capabilities would come back that way.
fn own_user_is_refused(_: &Ctx) -> Check {
    let own = namespace("self", "user")?;
    sys::setuid(77).or_fail("setuid")?;
    must_refuse(sys::setns(&own, clone::NEWUSER), Errno::EINVAL, "one's own user namespace")?;
    let effective = sys::capget().or_fail("capget")?.effective;
    ensure!(effective == 0, "after a refused setns the caller has the capabilities {effective:#x}");
    Ok(())
}

/// A file of one kind is `EINVAL` with the type of any other.
fn each_kind_refuses_the_types_of_others(_: &Ctx) -> Check {
    for kind in at_hand() {
        let door = namespace("self", kind.file)?;
        for other in at_hand().filter(|other| other.flag != kind.flag) {
            let what = format!("a namespace of kind {} as {}", kind.file, other.file);
            must_refuse(sys::setns(&door, other.flag), Errno::EINVAL, &what)?;
        }
    }
    Ok(())
}

/// Without capabilities no namespace of another is entered.
fn unprivileged(kinds: &[Kind]) -> Check {
    scratch::own_mounts()?;
    for kind in kinds {
        let owner = Owner::start(kind)?;
        let door = namespace(owner.pid(), kind.file)?;
        in_child(0, || enter(&door, kind.flag))?;
        in_child(0, || {
            sys::setuid(77).or_fail("setuid")?;
            let what = format!("a {} namespace and no capability", kind.file);
            must_refuse(sys::setns(&door, kind.flag), Errno::EPERM, &what)?;
            ensure!(!(kind.seen)()?, "after a refused setns the caller is in the {} namespace", kind.file);
            Ok(())
        })?;
        owner.end()?;
    }
    Ok(())
}

/// Nor by a pidfd, one kind or several, which changes nothing.
fn unprivileged_by_pidfd(_: &Ctx) -> Check {
    let (peer, pidfd, flags) = in_several()?;
    in_child(0, || enter(&pidfd, flags))?;
    in_child(0, || {
        sys::setuid(77).or_fail("setuid")?;
        must_refuse(sys::setns(&pidfd, flags), Errno::EPERM, "a pidfd, several types and no capability")?;
        for kind in SEVERAL {
            let what = format!("a pidfd, the type of {} and no capability", kind.file);
            must_refuse(sys::setns(&pidfd, kind.flag), Errno::EPERM, &what)?;
            ensure!(!(kind.seen)()?, "after a refused setns the caller is in the {} namespace", kind.file);
        }
        Ok(())
    })?;
    peer.say("go");
    peer.finish()
}

/// Root of a user namespace does not get back into the one above.
fn parent_user_namespace_is_out_of_reach(_: &Ctx) -> Check {
    let outer = namespace("self", "user")?;
    let peer = Peer::start(clone::NEWUSER, |test| {
        test.say("born");
        test.hear()?;
        must_refuse(sys::setns(&outer, clone::NEWUSER), Errno::EPERM, "the user namespace above one's own")?;
        ensure!((USER.seen)()?, "after a refused setns the caller has left its user namespace");
        Ok(())
    })?;
    peer.hear()?;
    write_maps(&peer)?;
    peer.say("mapped");
    peer.finish()
}

/// Children cannot be placed in a PID namespace above one's own.
fn parent_pid_namespace_is_out_of_reach(_: &Ctx) -> Check {
    let outer = namespace("self", "pid")?;
    let peer = Peer::start(clone::NEWPID, |_| {
        must_refuse(sys::setns(&outer, clone::NEWPID), Errno::EINVAL, "the PID namespace above one's own")?;
        ensure!(!(PID.seen)()?, "after a refused setns a child is in another PID namespace than its parent");
        Ok(())
    })?;
    peer.finish()
}

/// In the entered user namespace the caller has all capabilities, and over what is outside none.
fn user_gives_powers_inside_only(_: &Ctx) -> Check {
    stage(&USER)?;
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    set_hostname("outside")?;
    let owner = Owner::start(&USER)?;
    let door = namespace(owner.pid(), "user")?;
    in_child(0, || {
        enter(&door, clone::NEWUSER)?;
        let outside = sys::sethostname("stolen");
        ensure!(outside == Err(Errno::EPERM), "sethostname in the outer UTS namespace after setns: {outside:?}");
        sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS) after setns")?;
        set_hostname("inside")
    })?;
    let name = hostname()?;
    ensure!(name == "outside", "the host name outside became `{name}`");
    owner.end()
}

/// The entered mount namespace's own root is the caller's, who was in a chroot before.
fn mnt_leaves_the_chroot(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    folder("/tmp/jail")?;
    files::create("/tmp/outside", "").or_fail("make a file")?;
    let own = namespace("self", "mnt")?;
    sys::chroot("/tmp/jail").or_fail("chroot")?;
    ensure!(!files::exists("/tmp/outside"), "a file outside is seen in the chroot");
    enter(&own, clone::NEWNS)?;
    ensure!(files::exists("/tmp/outside"), "after setns the caller is still in its chroot");
    Ok(())
}

/// Who shares root and working folder with another process cannot go where those would change.
fn shared_root(kind: &Kind) -> Check {
    stage(kind)?;
    let owner = Owner::start(kind)?;
    let door = namespace(owner.pid(), kind.file)?;
    in_child(0, || {
        let sharer = Peer::start(clone::FS, |test| test.hear().map(drop))?;
        let what = format!("a {} namespace and a root that another process shares", kind.file);
        must_refuse(sys::setns(&door, kind.flag), Errno::EINVAL, &what)?;
        ensure!(!(kind.seen)()?, "after a refused setns the caller is in the {} namespace", kind.file);
        sharer.say("go");
        sharer.finish()?;
        enter(&door, kind.flag)?;
        ensure!((kind.seen)()?, "after setns the caller is not in the {} namespace", kind.file);
        Ok(())
    })?;
    owner.end()
}

/// A process with two threads is refused a kind that is a whole process's, and enters one that is a thread's.
fn with_threads(kind: &Kind, expected: Errno) -> Check {
    stage(kind)?;
    let owner = Owner::start(kind)?;
    let door = namespace(owner.pid(), kind.file)?;
    let own_names = namespace("self", "uts")?;
    in_child(0, || enter(&door, kind.flag))?;
    let over = Arc::new(AtomicBool::new(false));
    let seen_over = Arc::clone(&over);
    let thread = Thread::start(move || {
        while !seen_over.load(Ordering::Acquire) {
            sys::sleep_ms(1);
        }
    });
    let thread = thread.or_fail("start a thread")?;
    let names = sys::setns(&own_names, clone::NEWUTS);
    let whole = sys::setns(&door, kind.flag);
    over.store(true, Ordering::Release);
    thread.join();
    names.or_fail("setns of a thread to a UTS namespace")?;
    must_refuse(whole, expected, &format!("a {} namespace and two threads", kind.file))?;
    ensure!(!(kind.seen)()?, "after a refused setns the caller is in the {} namespace", kind.file);
    owner.end()
}

const SEVERAL: &[Kind] = &[UTS, IPC, NET, MNT, PID];

/// A process in new namespaces of all of [`SEVERAL`], and its pidfd.
fn in_several() -> Result<(Peer, Fd, usize), Stop> {
    scratch::own_mounts()?;
    folder("/tmp/in")?;
    let flags = SEVERAL.iter().fold(0, |flags, kind| flags | kind.flag);
    let peer = Peer::start(flags, |test| {
        SEVERAL.iter().try_for_each(Kind::marked)?;
        test.say("marked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let pidfd = sys::pidfd_open(peer.pid()).or_absent("pidfd_open")?;
    Ok((peer, pidfd, flags))
}

/// One call with several types enters all those namespaces of the process, and one with two enters two.
fn pidfd_enters_several_at_once(_: &Ctx) -> Check {
    let (peer, pidfd, flags) = in_several()?;
    let where_to = |entered: usize| {
        in_child(0, || {
            enter(&pidfd, entered)?;
            for kind in SEVERAL {
                let (seen, asked) = ((kind.seen)()?, entered & kind.flag != 0);
                ensure!(seen == asked, "after setns(pidfd, {entered:#x}) the caller is in {}: {seen}", kind.file);
            }
            Ok(())
        })
    };
    where_to(flags)?;
    where_to(clone::NEWUTS | clone::NEWPID)?;
    where_to(clone::NEWIPC | clone::NEWNS)?;
    peer.say("go");
    peer.finish()
}

/// Where one of several is refused, the caller is in none of them.
fn pidfd_enters_all_or_none(_: &Ctx) -> Check {
    let (peer, pidfd, flags) = in_several()?;
    // The user namespace is the caller's own.
    let own = sys::setns(&pidfd, flags | clone::NEWUSER);
    must_refuse(own, Errno::EINVAL, "a pidfd and one's own user namespace among others")?;
    must_refuse(sys::setns(&pidfd, 0), Errno::EINVAL, "a pidfd and no type")?;
    must_refuse(sys::setns(&pidfd, flags | clone::VM), Errno::EINVAL, "a pidfd and what is no type")?;
    for kind in SEVERAL {
        ensure!(!(kind.seen)()?, "after refused calls the caller is in the {} namespace", kind.file);
    }
    peer.say("go");
    peer.finish()
}

/// A process that has ended has no namespaces: `ESRCH`.
fn pidfd_of_the_dead_is_refused(_: &Ctx) -> Check {
    let peer = Peer::start(clone::NEWUTS, |test| {
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let pidfd = sys::pidfd_open(peer.pid()).or_absent("pidfd_open")?;
    let door = of(&peer, "uts")?;
    in_child(0, || enter(&pidfd, clone::NEWUTS))?;
    peer.say("go");
    peer.finish()?;
    must_refuse(sys::setns(&pidfd, clone::NEWUTS), Errno::ESRCH, "the pidfd of a process that has ended")?;
    enter(&door, clone::NEWUTS)
}
