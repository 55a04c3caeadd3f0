//! Bugs of user namespaces and of what root of one may do: to capabilities of files, by many-line maps, in overlays.

use alloc::format;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, Fd, arg, c_string, call, clone, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop, in_child};
use crate::tests::peer::{Link, Peer};
use crate::tests::program;
use crate::tests::scratch::{self, folder, tmpfs};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("bug::nested_setcap::own_file_takes_capabilities", own_file_takes_capabilities),
    ("bug::attr_opener::written_after_new_credentials", written_after_new_credentials),
    ("bug::cve_2018_18955::many_lines_map_nobody_else", many_lines_map_nobody_else),
    ("bug::cve_2021_3493::capability_is_the_namespaces", capability_is_the_namespaces),
    ("bug::cve_2023_0386::foreign_setuid_is_not_copied_up", foreign_setuid_is_not_copied_up),
    ("bug::symlink_mode::chmod_by_descriptor_spares_the_target", chmod_by_descriptor_spares_the_target),
    ("bug::nproc_userns::limit_counts_the_users_own", limit_counts_the_users_own),
];

/// Root of the namespace outside.
const FIRST: u32 = 5_000;
const CAPABILITY: &str = "security.capability";
/// `struct vfs_cap_data` of version 2: magic with the effective bit, CAP_NET_RAW permitted.
const NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A process that is root of a new user namespace, and of other new ones, and then runs `body`.
fn root_of(flags: usize, map: &str, body: impl FnOnce(&Link) -> Check) -> Result<Peer, Stop> {
    let peer = Peer::start(clone::NEWUSER | flags, |test| {
        test.say("born");
        test.hear()?;
        sys::plain(nr::SETRESGID, [0, 0, 0]).or_fail("setresgid(0) inside")?;
        sys::plain(nr::SETRESUID, [0, 0, 0]).or_fail("setresuid(0) inside")?;
        const PR_SET_DUMPABLE: i32 = 4;
        sys::prctl(PR_SET_DUMPABLE, 1).or_fail("prctl(PR_SET_DUMPABLE)")?;
        body(test)
    })?;
    peer.hear()?;
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, map).or_fail(&format!("write {path}"))?;
    }
    peer.say("mapped");
    Ok(peer)
}

fn set_capability(path: &str) -> Result<(), Errno> {
    let (path, name) = (c_string(path)?, c_string(CAPABILITY)?);
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, NET_RAW.as_ptr() as usize, NET_RAW.len(), 0];
    // SAFETY: NUL-terminated strings, and a value of its length.
    unsafe { call(nr::SETXATTR, args) }.map(drop)
}

/// The value as it is shown to this process.
fn capability(path: &str) -> Result<Vec<u8>, Errno> {
    let (path, name) = (c_string(path)?, c_string(CAPABILITY)?);
    let mut value = [0u8; 64];
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, value.as_mut_ptr() as usize, value.len()];
    // SAFETY: NUL-terminated strings, and a buffer of its length.
    let length = unsafe { call(nr::GETXATTR, args) }?;
    Ok(value[..length].to_vec())
}

/// From outside, the capabilities are of that namespace's root and of no other's: version 3, with its number.
fn must_be_of(root: u32, path: &str) -> Check {
    let value = capability(path).or_fail(&format!("read {CAPABILITY} of {path} outside"))?;
    ensure!(value.len() == 24 && value[3] == 3, "outside {CAPABILITY} of {path} is {value:x?}, not of version 3");
    let shown = u32::from_le_bytes([value[20], value[21], value[22], value[23]]);
    ensure!(shown == root, "outside the capabilities of {path} are user {shown}'s, not {root}'s");
    Ok(())
}

/// Root of a namespace in a namespace, with one user each, gives its own file capabilities, as builders of images do.
fn own_file_takes_capabilities(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let outer = root_of(clone::NEWNS, &format!("0 {FIRST} 1\n"), |test| {
        tmpfs("/tmp")?;
        let inner = root_of(0, "0 0 1\n", |_| {
            files::create("/tmp/file", "").or_fail("make a file")?;
            set_capability("/tmp/file").or_fail(&format!("set {CAPABILITY} of an own file in a nested namespace"))?;
            let seen = capability("/tmp/file").or_fail(&format!("read {CAPABILITY} back"))?;
            ensure!(seen == NET_RAW, "inside {CAPABILITY} reads back as {seen:x?}");
            Ok(())
        })?;
        inner.finish()?;
        test.say("set");
        test.hear().map(drop)
    })?;
    outer.hear()?;
    must_be_of(FIRST, &format!("/proc/{}/root/tmp/file", outer.pid()))?;
    outer.say("done");
    outer.finish()
}

/// An attribute that the security module keeps of a process may be written to by that process through a file that it
/// opened with other credentials, as those do that start containers; a child may not.
fn written_after_new_credentials(_: &Ctx) -> Check {
    const ATTR: &str = "/proc/self/attr/current";
    let enabled = files::read_text("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    if !enabled.starts_with('Y') {
        return Err(Stop::Skip("AppArmor is not enabled on this boot".into()));
    }
    let file = sys::open(ATTR, open::RDWR | open::CLOEXEC, 0).or_fail(&format!("open {ATTR}"))?;
    // A word that it does not know: it says so to who may write, and asks no more.
    let write = || sys::write(&file, b"kernrig");
    let before = write();
    ensure!(before == Err(Errno::EINVAL), "a senseless word to {ATTR}: {before:?}, not EINVAL");
    let caps = sys::capget().or_fail("capget")?;
    sys::capset(sys::Capabilities { inheritable: 0x2000, ..caps }).or_fail("take other credentials")?;
    let after = write();
    ensure!(after == before, "a senseless word to {ATTR} with other credentials than it was opened with: {after:?}");
    in_child(0, || {
        let foreign = write();
        let refused = matches!(foreign, Err(Errno::EPERM | Errno::EACCES));
        ensure!(refused, "a child writes to what its parent opened of itself: {foreign:?}, not EPERM or EACCES");
        Ok(())
    })?;
    // Of a process without memory of its own, which kthreadd is, it can be read (d02b3ee21aec in the same repair).
    let kernel = files::read_text("/proc/2/attr/current").or_fail("read /proc/2/attr/current")?;
    ensure!(!kernel.trim().is_empty(), "/proc/2/attr/current is empty");
    Ok(())
}

/// With maps of more lines than the kernel keeps in place, a nested namespace's root has power over those users only
/// that are mapped: not over the machine's own of the same numbers.
fn many_lines_map_nobody_else(_: &Ctx) -> Check {
    const LINES: u32 = 8;
    let lines = |first: u32| (0..LINES).map(|id| format!("{id} {} 1\n", first + id)).collect::<alloc::string::String>();
    scratch::own_mounts()?;
    for (path, owner) in [("/tmp/machines", 0), ("/tmp/own", FIRST + 3)] {
        files::create(path, "secret").or_fail("make a file")?;
        sys::chmod(path, 0o600).or_fail("chmod")?;
        sys::chown(path, owner, owner).or_fail("chown")?;
    }
    let outer = root_of(0, &lines(FIRST), |_| {
        let inner = root_of(0, &lines(0), |_| {
            let own = sys::stat("/tmp/own").or_fail("stat")?;
            ensure!((own.uid, own.gid) == (3, 3), "a file of user {} is user {}'s inside", FIRST + 3, own.uid);
            files::read("/tmp/own").or_fail("read a mapped user's file as root of the namespace")?;
            let foreign = sys::stat("/tmp/machines").or_fail("stat")?;
            ensure!(
                foreign.uid >= LINES,
                "a file of the machine's root is user {}'s in a nested namespace",
                foreign.uid
            );
            let read = files::read("/tmp/machines").map(|bytes| bytes.len());
            ensure!(
                read == Err(Errno::EACCES),
                "a file of the machine's root in a nested namespace: {read:?}, not EACCES"
            );
            Ok(())
        })?;
        inner.finish()
    })?;
    outer.finish()
}

/// Layers on the machine's tmpfs of which the upper ones are those of the user [`FIRST`].
fn layers() -> Check {
    scratch::own_mounts()?;
    for path in ["/tmp/lower", "/tmp/upper", "/tmp/work", "/tmp/merged"] {
        folder(path)?;
    }
    for path in ["/tmp/upper", "/tmp/work"] {
        sys::chown(path, FIRST, FIRST).or_fail("chown")?;
    }
    Ok(())
}

/// An overlay of a user namespace's own.
fn mount_overlay() -> Check {
    let options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr";
    sys::mount("none", "/tmp/merged", "overlay", 0, options).or_fail("mount an overlay in a user namespace")
}

/// Capabilities given to a file through an overlay of a user namespace are that namespace's root's, not the machine's.
fn capability_is_the_namespaces(_: &Ctx) -> Check {
    layers()?;
    let peer = root_of(clone::NEWNS, &format!("0 {FIRST} 10\n"), |_| {
        mount_overlay()?;
        files::create("/tmp/merged/file", "").or_fail("make a file in the overlay")?;
        set_capability("/tmp/merged/file").or_fail(&format!("set {CAPABILITY} through the overlay"))
    })?;
    peer.finish()?;
    must_be_of(FIRST, "/tmp/upper/file")
}

/// A setuid file of a user that has no number in the namespace is not copied up by its overlay, to where it would be
/// one without the protection of the mount that it came from.
fn foreign_setuid_is_not_copied_up(_: &Ctx) -> Check {
    layers()?;
    files::create("/tmp/lower/own", "own").or_fail("make a file in the lower layer")?;
    sys::chown("/tmp/lower/own", FIRST, FIRST).or_fail("chown")?;
    files::create("/tmp/lower/foreign", "foreign").or_fail("make a file in the lower layer")?;
    sys::chmod("/tmp/lower/foreign", 0o4777).or_fail("chmod")?;
    let peer = root_of(clone::NEWNS, &format!("0 {FIRST} 10\n"), |_| {
        mount_overlay()?;
        sys::open("/tmp/merged/own", open::WRONLY, 0).or_fail("open an own file for writing")?;
        let opened = sys::open("/tmp/merged/foreign", open::WRONLY, 0).map(drop);
        ensure!(
            opened == Err(Errno::EOVERFLOW),
            "a file of a user without a number, for writing: {opened:?}, not EOVERFLOW"
        );
        Ok(())
    })?;
    let verdict = peer.finish();
    let copy = sys::stat("/tmp/upper/own").or_fail("stat what was copied up")?;
    ensure!(copy.uid == FIRST, "what was copied up is user {}'s", copy.uid);
    if let Ok(copy) = sys::stat("/tmp/upper/foreign") {
        fail!("copied up by a user namespace: a file of user {} with mode {:o}", copy.uid, copy.mode & 0o7777);
    }
    verdict
}

/// `chmod` of a symbolic link by its descriptor may be refused, and never reaches what the link leads to.
fn chmod_by_descriptor_spares_the_target(_: &Ctx) -> Check {
    const NOFOLLOW: i32 = 0o40_0000;
    scratch::own_mounts()?;
    files::create("/tmp/target", "").or_fail("make a file")?;
    sys::symlink("target", "/tmp/link").or_fail("make a link")?;
    let mode = |path| sys::lstat(path).or_fail("lstat").map(|stat| stat.mode & 0o7777);
    let (target, link) = (mode("/tmp/target")?, mode("/tmp/link")?);
    let open_link: Fd = sys::open("/tmp/link", open::PATH | NOFOLLOW, 0).or_fail("open the link itself")?;
    let changed = sys::chmod(&format!("/proc/self/fd/{}", open_link.raw()), 0o600);
    let now = mode("/tmp/target")?;
    ensure!(now == target, "chmod of a link by its descriptor gave its target the mode {now:o}");
    let now = mode("/tmp/link")?;
    match changed {
        Ok(()) => ensure!(now == 0o600, "chmod of a link by its descriptor said yes, and the mode is {now:o}"),
        Err(Errno::EOPNOTSUPP) => ensure!(now == link, "chmod of a link was EOPNOTSUPP, and the mode is {now:o}"),
        Err(errno) => fail!("chmod of a link by its descriptor: {errno}, not success or EOPNOTSUPP"),
    }
    let by_name = sys::chmod("/tmp/link", 0o640);
    let now = mode("/tmp/target")?;
    ensure!(by_name.is_ok() && now == 0o640, "chmod by the link's name: {by_name:?}, its target has mode {now:o}");
    Ok(())
}

fn limit_processes(most: u64) -> Check {
    const RLIMIT_NPROC: usize = 6;
    let limit = [most, most];
    // SAFETY: a struct rlimit.
    unsafe { call(nr::SETRLIMIT, [RLIMIT_NPROC, limit.as_ptr() as usize]) }.map(drop).or_fail("setrlimit(NPROC)")
}

/// The limit of processes that a user namespace inherits is for each user, not for all that its maker's user runs:
/// root makes one, and a user in it has its share, to fork and to exec, and no more.
fn limit_counts_the_users_own(_: &Ctx) -> Check {
    const USER: usize = 4_321;
    const MOST: u64 = 2;
    scratch::own_mounts()?;
    program::install("/tmp/program")?;
    in_limited_userns(MOST, |_| {
        sys::plain(nr::SETRESGID, [USER, USER, USER]).or_fail("setresgid")?;
        sys::plain(nr::SETRESUID, [USER, USER, USER]).or_fail("setresuid")?;
        let (output, to_test) = sys::pipe().or_fail("pipe")?;
        let (from_test, input) = sys::pipe().or_fail("pipe")?;
        let second = sys::fork(0).or_fail(&format!("fork of a user's second process of {MOST}"))?;
        if second == 0 {
            let ready = program::set_pipes(&from_test, &to_test);
            let why = program::become_program("/tmp/program");
            sys::exit(if ready.is_ok() && why == Errno::EAGAIN { 111 } else { 112 });
        }
        drop(to_test);
        let mut told = [0];
        let runs = sys::read(&output, &mut told) == Ok(1);
        let third = sys::fork(0);
        if third == Ok(0) {
            sys::exit(0);
        }
        drop(input);
        let end = sys::wait(second, 0).or_fail("wait")?;
        ensure!(runs, "a user's second process of {MOST} could not exec: {end:?} (111: EAGAIN)");
        ensure!(third == Err(Errno::EAGAIN), "a user's third process of {MOST}: {third:?}, not EAGAIN");
        Ok(())
    })
}

/// Runs `body` as root of a new user namespace with all users in it, whose maker has that limit of processes.
fn in_limited_userns(most: u64, body: impl FnOnce(&Link) -> Check) -> Check {
    in_child(0, || {
        limit_processes(most)?;
        root_of(0, &format!("0 0 {}\n", arg(10_000)), body)?.finish()
    })
}
