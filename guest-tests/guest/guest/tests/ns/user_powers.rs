//! What a process of a user namespace may and may not, and what its namespace says of itself.

use alloc::format;
use alloc::string::ToString as _;

use crate::files;
use crate::sys::{self, Capabilities, End, Errno, Fd, arg, clone, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::ns::file::opened;
use crate::tests::ns::pid::{fork, reap, stay};
use crate::tests::ns::user::{become_root, map, own_proc_files};
use crate::tests::ns::user_maps::born;
use crate::tests::peer::Peer;
use crate::tests::{program, scratch};

fn must_refuse(result: Result<(), Errno>, expected: Errno, what: &str) -> Check {
    ensure!(result == Err(expected), "{what} as root of a user namespace: {result:?}, not {expected}");
    Ok(())
}

/// Root inside, with mounts of its own, makes no device node, mounts no file system that was not made for it, gets at
/// no port and no module.
pub(crate) fn root_inside_has_no_devices(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    sys::chmod(scratch::DIR, 0o1777).or_fail("open /tmp to all")?;
    let peer = born(|_| {
        become_root()?;
        sys::unshare(clone::NEWNS).or_fail("unshare(CLONE_NEWNS) inside")?;
        scratch::folder("/tmp/here")?;
        sys::mount("tmpfs", "/tmp/here", "tmpfs", 0, "").or_fail("mount tmpfs inside")?;
        files::create("/tmp/here/file", "x").or_fail("make a file in it")?;
        must_refuse(
            sys::mknod_char("/tmp/here/null", 0o666, 1, 3),
            Errno::EPERM,
            "make a device node in its own tmpfs",
        )?;
        must_refuse(sys::mknod_char("/tmp/null", 0o666, 1, 3), Errno::EPERM, "make a device node in an outer tmpfs")?;
        must_refuse(sys::mount("dev", "/tmp/here", "devtmpfs", 0, ""), Errno::EPERM, "mount devtmpfs")?;
        must_refuse(sys::iopl(3), Errno::EPERM, "get at ports")?;
        must_refuse(sys::init_module(b"no module", ""), Errno::EPERM, "load a module")
    })?;
    map(&peer)?;
    peer.say("mapped");
    peer.finish()
}

/// The effective capabilities of a process, as its status shows them.
fn effective(pid: i32) -> Result<u64, Stop> {
    let status = files::read_text(&format!("/proc/{pid}/status")).or_fail("read status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.ok_or_else(|| Stop::Fail("there is no CapEff line in status".to_string()))
}

const PROGRAM: &str = "/tmp/program";

/// Capabilities before and after `exec` of a process in a new user namespace, mapped to root first or not.
fn by_exec(mapped: bool) -> Result<(u64, u64), Stop> {
    let (input, go) = sys::pipe().or_fail("pipe")?;
    let (told, output) = sys::pipe().or_fail("pipe")?;
    let (wait, start) = sys::pipe().or_fail("pipe")?;
    let pid = sys::fork(clone::NEWUSER).or_absent("clone(CLONE_NEWUSER)")?;
    if pid == 0 {
        drop((go, told, start));
        let _ = sys::read(&wait, &mut [0]);
        if (!mapped || become_root().is_ok()) && program::set_pipes(&input, &output).is_ok() {
            program::become_program(PROGRAM);
        }
        sys::exit(99);
    }
    drop((input, output, wait));
    if mapped {
        for file in ["uid_map", "gid_map"] {
            files::write(&format!("/proc/{pid}/{file}"), "0 5000 10\n").or_fail("write a map")?;
        }
    }
    let before = effective(pid)?;
    drop(start);
    let n = sys::read(&told, &mut [0]).or_fail("hear from the program")?;
    ensure!(n == 1, "the process inside did not become the program");
    let after = effective(pid)?;
    drop(go);
    reap(pid)?;
    Ok((before, after))
}

/// `exec` takes the capabilities of a process that is not root inside, and leaves them to one that is.
pub(crate) fn exec_leaves_capabilities_to_root(_: &Ctx) -> Check {
    const SYS_ADMIN: u64 = 1 << 21;
    scratch::own_mounts()?;
    program::install(PROGRAM)?;
    for (mapped, who) in [(true, "mapped root"), (false, "an unmapped user")] {
        let (before, after) = by_exec(mapped)?;
        ensure!(before & SYS_ADMIN != 0, "{who} is born with the capabilities {before:#x}");
        ensure!((after & SYS_ADMIN != 0) == mapped, "{who} has the capabilities {after:#x} after exec");
        ensure!(mapped || after == 0, "an unmapped user keeps the capabilities {after:#x} over exec");
    }
    Ok(())
}

/// A new user namespace gives all capabilities to one that had none, and resets securebits that would take them.
pub(crate) fn powers_start_anew(_: &Ctx) -> Check {
    const PR_GET_SECUREBITS: i32 = 27;
    const PR_SET_SECUREBITS: i32 = 28;
    const NOROOT: usize = 1;
    let peer = Peer::start(0, |_| {
        sys::prctl(PR_SET_SECUREBITS, NOROOT).or_fail("set SECBIT_NOROOT")?;
        ensure!(sys::prctl(PR_GET_SECUREBITS, 0) == Ok(NOROOT), "SECBIT_NOROOT is not set after it was");
        let none = Capabilities::default();
        sys::capset(none).or_fail("give up all capabilities")?;
        ensure!(sys::capget().or_fail("capget")? == none, "capabilities are left after they were given up");
        sys::unshare(clone::NEWUSER).or_absent("unshare(CLONE_NEWUSER) without capabilities")?;
        let inside = sys::capget().or_fail("capget inside")?;
        const SOME: u64 = 1 << 21 | 1 << 12 | 1;
        ensure!(inside.effective & SOME == SOME, "inside the capabilities are {:#x}", inside.effective);
        let bits = sys::prctl(PR_GET_SECUREBITS, 0).or_fail("read securebits")?;
        ensure!(bits == 0, "inside the securebits are {bits:#x} still");
        Ok(())
    })?;
    peer.finish()
}

/// The user who made a namespace is mighty over it: it may trace inside, another user may not.
pub(crate) fn owner_may_trace_inside(_: &Ctx) -> Check {
    const ATTACH: usize = 16;
    const DETACH: usize = 17;
    let (told, tell) = sys::pipe().or_fail("pipe")?;
    let owner = Peer::start(0, |link| {
        sys::setgid(1000).or_fail("setgid")?;
        sys::setuid(1000).or_fail("setuid")?;
        own_proc_files()?;
        let inside = sys::fork(clone::NEWUSER).or_absent("clone(CLONE_NEWUSER) as a user")?;
        if inside == 0 {
            let _ = sys::write_all(tell.raw(), b"b");
            stay();
        }
        link.say(&inside.to_string());
        link.hear()?;
        sys::plain(nr::PTRACE, [ATTACH, arg(inside), 0, 0]).or_fail("trace inside as the owner")?;
        const WUNTRACED: i32 = 2;
        sys::wait(inside, WUNTRACED).or_fail("wait for the traced one to stop")?;
        sys::plain(nr::PTRACE, [DETACH, arg(inside), 0, 0]).or_fail("detach from the stopped one")?;
        sys::kill(inside, sys::sig::KILL).or_fail("kill inside as the owner")?;
        let end = reap(inside)?;
        ensure!(end == End::Signal(sys::sig::KILL), "the one inside {end}");
        Ok(())
    })?;
    let inside: i32 = owner.hear()?.parse().map_err(|_| Stop::Fail("no number".to_string()))?;
    let _ = sys::read(&told, &mut [0]);
    let stranger = fork(|| {
        let _ = sys::setgid(1001).and_then(|()| sys::setuid(1001));
        let traced = sys::plain(nr::PTRACE, [ATTACH, arg(inside), 0, 0]);
        let killed = sys::kill(inside, 0);
        sys::exit(i32::from(traced.err() == Some(Errno::EPERM) && killed == Err(Errno::EPERM)));
    })?;
    let end = reap(stranger)?;
    ensure!(end == End::Exit(1), "another user may trace or signal in the namespace: it {end}");
    owner.say("go");
    owner.finish()
}

const GET_USERNS: usize = 0xb701;
const GET_PARENT: usize = 0xb702;
const GET_NSTYPE: usize = 0xb703;
const GET_OWNER_UID: usize = 0xb704;

fn inode(file: &Fd) -> Result<u64, Stop> {
    Ok(sys::fstat(file).or_fail("fstat of a namespace")?.ino)
}

fn related(file: &Fd, request: usize) -> Result<Fd, Errno> {
    sys::ioctl(file, request, 0).map(Fd::new)
}

/// A namespace leads to the user namespace that owns it, and a user or PID namespace to its parent.
pub(crate) fn namespace_leads_to_owner_and_parent(_: &Ctx) -> Check {
    let peer = Peer::start(clone::NEWUSER | clone::NEWUTS | clone::NEWPID, |test| {
        test.say("born");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let of = |kind| opened(&peer.pid().to_string(), kind);
    let (user, uts, pid) = (of("user")?, of("uts")?, of("pid")?);
    let owner = related(&uts, GET_USERNS).or_fail("NS_GET_USERNS of a UTS namespace")?;
    ensure!(inode(&owner)? == inode(&user)?, "the owner of a UTS namespace is not the user namespace it was born in");
    for (file, kind) in [(&user, "user"), (&pid, "pid")] {
        let parent = related(file, GET_PARENT).or_fail(&format!("NS_GET_PARENT of a {kind} namespace"))?;
        ensure!(
            inode(&parent)? == inode(&opened("self", kind)?)?,
            "the parent of a {kind} namespace is not the test's"
        );
        let above = related(&parent, GET_PARENT).map(drop);
        ensure!(above == Err(Errno::EPERM), "the parent of the first {kind} namespace: {above:?}, not EPERM");
    }
    let none = related(&uts, GET_PARENT).map(drop);
    ensure!(none == Err(Errno::EINVAL), "the parent of a UTS namespace: {none:?}, not EINVAL");
    peer.say("go");
    peer.finish()
}

/// A namespace tells its kind, and a user namespace the user who made it.
pub(crate) fn namespace_tells_kind_and_owner(_: &Ctx) -> Check {
    let peer = Peer::start(0, |test| {
        sys::setgid(1000).or_fail("setgid")?;
        sys::setuid(1000).or_fail("setuid")?;
        sys::unshare(clone::NEWUSER).or_absent("unshare(CLONE_NEWUSER) as a user")?;
        sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS) inside")?;
        test.say("there");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let of = |kind| opened(&peer.pid().to_string(), kind);
    for (kind, flag) in
        [("user", clone::NEWUSER), ("uts", clone::NEWUTS), ("mnt", clone::NEWNS), ("pid", clone::NEWPID)]
    {
        let told = sys::ioctl(&of(kind)?, GET_NSTYPE, 0).or_fail("NS_GET_NSTYPE")?;
        ensure!(told == flag, "a {kind} namespace says its kind is {told:#x}, not {flag:#x}");
    }
    let mut uid = u32::MAX;
    // SAFETY: NS_GET_OWNER_UID stores a uid_t.
    unsafe { sys::ioctl_with(&of("user")?, GET_OWNER_UID, &mut uid) }.or_fail("NS_GET_OWNER_UID")?;
    ensure!(uid == 1000, "a user namespace made by user 1000 says its owner is {uid}");
    peer.say("go");
    peer.finish()
}

/// Kinds by their limit in /proc/sys/user.
const LIMITED: &[(&str, usize)] = &[
    ("cgroup", clone::NEWCGROUP),
    ("ipc", clone::NEWIPC),
    ("mnt", clone::NEWNS),
    ("pid", clone::NEWPID),
    ("user", clone::NEWUSER),
    ("uts", clone::NEWUTS),
];

/// How `unshare` of that kind goes in a child of this process.
fn unshared(flag: usize) -> Result<End, Stop> {
    let pid = fork(|| sys::exit(sys::unshare(flag).map_or_else(|errno| errno.0, |()| 0)))?;
    reap(pid)
}

/// max_*_namespaces of a user namespace holds for what is made in it, and is not seen outside.
pub(crate) fn limits_of_each_kind_hold(_: &Ctx) -> Check {
    let path = |kind| format!("/proc/sys/user/max_{kind}_namespaces");
    let outside = files::read_number(&path("uts")).or_fail("read max_uts_namespaces")?;
    let peer = born(|test| {
        become_root()?;
        for (kind, flag) in LIMITED {
            let free = unshared(*flag)?;
            ensure!(free == End::Exit(0), "unshare of a {kind} namespace within the limit: the child {free}");
            files::write(&path(kind), "0").or_fail(&format!("write {}", path(kind)))?;
            let full = unshared(*flag)?;
            ensure!(
                full == End::Exit(Errno::ENOSPC.0),
                "unshare of a {kind} namespace with the limit 0: the child {full}"
            );
        }
        test.say("limited");
        test.hear().map(drop)
    })?;
    map(&peer)?;
    peer.ask("mapped")?;
    let now = files::read_number(&path("uts")).or_fail("read max_uts_namespaces")?;
    ensure!(now == outside, "max_uts_namespaces outside became {now} from {outside}");
    for (kind, flag) in LIMITED {
        let end = unshared(*flag)?;
        ensure!(
            end == End::Exit(0),
            "unshare of a {kind} namespace outside while none may be made inside: the child {end}"
        );
    }
    peer.say("go");
    peer.finish()
}
