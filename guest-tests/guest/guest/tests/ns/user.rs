//! User namespaces: translated IDs, and capabilities that end where the namespace does.

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, clone, nr, open};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::ns::uts::{hostname, set_hostname};
use crate::tests::ns::{user_maps, user_powers};
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[
    ("ns::user::maps_translate_ids", maps_translate_ids),
    ("ns::user::unmapped_is_overflow_id", unmapped_is_overflow_id),
    ("ns::user::capabilities_end_at_the_border", capabilities_end_at_the_border),
    ("ns::user::unshare_makes_a_new_one", user_maps::unshare_makes_a_new_one),
    ("ns::user::clone3_makes_a_new_one", user_maps::clone3_makes_a_new_one),
    ("ns::user::unshare_is_refused_before_3_8", user_maps::unshare_is_refused_before_3_8),
    ("ns::user::shared_root_folder_is_refused", user_maps::shared_root_folder_is_refused),
    ("ns::user::map_is_written_once", user_maps::map_is_written_once),
    ("ns::user::bad_maps_are_refused", user_maps::bad_maps_are_refused),
    ("ns::user::map_holds_so_many_lines", user_maps::map_holds_so_many_lines),
    ("ns::user::user_maps_itself_only", user_maps::user_maps_itself_only),
    ("ns::user::setgroups_is_given_up", user_maps::setgroups_is_given_up),
    ("ns::user::nested_maps_translate_twice", user_maps::nested_maps_translate_twice),
    ("ns::user::depth_is_33", user_maps::depth_is_33),
    ("ns::user::root_inside_has_no_devices", user_powers::root_inside_has_no_devices),
    ("ns::user::exec_leaves_capabilities_to_root", user_powers::exec_leaves_capabilities_to_root),
    ("ns::user::powers_start_anew", user_powers::powers_start_anew),
    ("ns::user::owner_may_trace_inside", user_powers::owner_may_trace_inside),
    ("ns::user::namespace_leads_to_owner_and_parent", user_powers::namespace_leads_to_owner_and_parent),
    ("ns::user::namespace_tells_kind_and_owner", user_powers::namespace_tells_kind_and_owner),
    ("ns::user::limits_of_each_kind_hold", user_powers::limits_of_each_kind_hold),
];

/// What an ID without a map shows as (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65_534;

/// Root inside is this ID outside.
pub(super) const FIRST: u32 = 5_000;

/// Maps 0..10 inside to FIRST.. outside, for users and groups.
pub(super) fn map(peer: &Peer) -> Check {
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, &format!("0 {FIRST} 10\n")).or_fail(&format!("write {path}"))?;
    }
    Ok(())
}

/// Becomes the namespace's root, which needs its capability and its map.
pub(super) fn become_root() -> Check {
    let plain = |call, what| sys::plain(call, [0, 0, 0]).map(drop).or_fail(what);
    plain(nr::SETRESGID, "setresgid(0) inside")?;
    plain(nr::SETRESUID, "setresuid(0) inside")?;
    own_proc_files()
}

/// A process that has changed its user owns its files in /proc, and may be traced, only when it says so.
pub(super) fn own_proc_files() -> Check {
    const PR_SET_DUMPABLE: i32 = 4;
    sys::prctl(PR_SET_DUMPABLE, 1).map(drop).or_fail("prctl(PR_SET_DUMPABLE)")
}

fn must_be_owned(path: &str, id: u32, side: &str) -> Check {
    let stat = sys::stat(path).or_fail(&format!("stat {path} {side}"))?;
    let owner = (stat.uid, stat.gid);
    ensure!(owner == (id, id), "{side} {path} is owned by {owner:?}, not by user and group {id}");
    Ok(())
}

/// A file made inside by 0 is owned outside by the mapped ID, one owned outside by a mapped ID shows its inner one.
pub(crate) fn maps_translate_ids(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    sys::chmod(scratch::DIR, 0o1777).or_fail("open /tmp to all")?;
    files::create("/tmp/of-third", "x").or_fail("make a file")?;
    sys::chown("/tmp/of-third", FIRST + 3, FIRST + 3).or_fail("chown")?;
    let peer = Peer::start(clone::NEWUSER, |test| {
        test.say("born");
        test.hear()?;
        become_root()?;
        ensure!((sys::getuid(), sys::getgid()) == (0, 0), "root inside is {} to itself", sys::getuid());
        must_be_owned("/tmp/of-third", 3, "inside")?;
        files::create("/tmp/of-root", "x").or_fail("make a file inside")?;
        sys::chown("/tmp/of-root", 7, 7).or_fail("chown inside to another mapped ID")?;
        let unmapped = sys::chown("/tmp/of-root", 10, 10);
        ensure!(unmapped == Err(Errno::EINVAL), "chown inside to an ID without a map: {unmapped:?}, not EINVAL");
        test.say("made");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    map(&peer)?;
    peer.ask("mapped")?;
    must_be_owned("/tmp/of-root", FIRST + 7, "outside")?;
    let status = files::read_text(&format!("/proc/{}/status", peer.pid())).or_fail("read its status")?;
    let expected = format!("Uid:\t{FIRST}\t{FIRST}\t{FIRST}\t{FIRST}");
    ensure!(status.lines().any(|line| line == expected), "root inside is not user {FIRST} outside");
    peer.say("go");
    peer.finish()
}

/// Before a map is written the process is 65534 to itself; a file of an unmapped owner is 65534 with and without map.
pub(crate) fn unmapped_is_overflow_id(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    files::create("/tmp/of-outer-root", "x").or_fail("make a file")?;
    let peer = Peer::start(clone::NEWUSER, |test| {
        let ids = (sys::getuid(), sys::getgid());
        ensure!(ids == (NOBODY, NOBODY), "without a map a process is {ids:?} to itself, not {NOBODY}");
        test.say("born");
        test.hear()?;
        become_root()?;
        must_be_owned("/tmp/of-outer-root", NOBODY, "inside")?;
        let refused = sys::setuid(10);
        ensure!(refused == Err(Errno::EINVAL), "setuid to an ID without a map: {refused:?}, not EINVAL");
        Ok(())
    })?;
    peer.hear()?;
    map(&peer)?;
    peer.say("mapped");
    peer.finish()?;
    must_be_owned("/tmp/of-outer-root", 0, "outside")
}

/// What root of the namespace must not do to what belongs to the outer one.
fn powers_outside(outer: i32) -> Check {
    must_refuse(sys::sethostname("stolen"), Errno::EPERM, "sethostname in the outer UTS namespace")?;
    must_refuse(sys::mount("", "/tmp", "tmpfs", 0, ""), Errno::EPERM, "mount in the outer mount namespace")?;
    must_refuse(sys::kill(outer, 0), Errno::EPERM, "signal a process of the outer root")?;
    must_refuse(sys::chown("/tmp/secret", 0, 0), Errno::EPERM, "chown a file of the outer root")?;
    let read = sys::open("/tmp/secret", open::RDONLY, 0).map(drop);
    must_refuse(read, Errno::EACCES, "read a file of the outer root")
}

fn must_refuse(result: Result<(), Errno>, expected: Errno, what: &str) -> Check {
    match result {
        Err(errno) if errno == expected => Ok(()),
        Ok(()) => fail!("root of a user namespace could {what}"),
        Err(errno) => fail!("{what} as root of a user namespace: {errno}, not {expected}"),
    }
}

/// The inner root holds all capabilities over namespaces made inside and none over what is outside.
pub(crate) fn capabilities_end_at_the_border(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    set_hostname("outside")?;
    files::create("/tmp/secret", "x").or_fail("make a file")?;
    sys::chmod("/tmp/secret", 0o600).or_fail("chmod")?;
    let test = sys::getpid();
    let peer = Peer::start(clone::NEWUSER, |link| {
        link.say("born");
        link.hear()?;
        become_root()?;
        let outer = sys::capget().or_fail("capget")?;
        const SYS_ADMIN: u64 = 1 << 21;
        ensure!(outer.effective & SYS_ADMIN != 0, "root inside lacks CAP_SYS_ADMIN ({:#x})", outer.effective);
        powers_outside(test)?;
        sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS) inside")?;
        set_hostname("inside")?;
        let name = hostname()?;
        ensure!(name == "inside", "the name of the UTS namespace made inside is `{name}`");
        Ok(())
    })?;
    peer.hear()?;
    map(&peer)?;
    peer.say("mapped");
    peer.finish()?;
    let name = hostname()?;
    ensure!(name == "outside", "the host name outside became `{name}`");
    Ok(())
}
