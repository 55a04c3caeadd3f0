//! Maps of a user namespace: what may be written to them, once and by whom, and what they then translate.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, call, clone, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::ns::user::{FIRST, become_root, map, own_proc_files};
use crate::tests::ns::way::Way;
use crate::tests::peer::{Link, Peer};

/// A process in a new user namespace without maps, which then runs `body`.
pub(super) fn born(body: impl FnOnce(&Link) -> Check) -> Result<Peer, Stop> {
    let peer = Peer::start(clone::NEWUSER, |link| {
        link.say("born");
        link.hear()?;
        body(link)
    })?;
    peer.hear()?;
    Ok(peer)
}

/// Writes one of its maps.
pub(super) fn write_map(peer: &Peer, file: &str, text: &str) -> Result<(), Errno> {
    files::write(&format!("/proc/{}/{file}", peer.pid()), text)
}

/// By `unshare` or `clone3`: root inside after the map, a file of its is the mapped user's outside.
fn is_new(way: Way) -> Check {
    let peer = way.start(clone::NEWUSER, |link| {
        link.say("born");
        link.hear()?;
        become_root()?;
        link.say("root");
        link.hear().map(drop)
    })?;
    peer.hear()?;
    map(&peer)?;
    peer.ask("mapped")?;
    let owner = sys::stat(&format!("/proc/{}/status", peer.pid())).or_fail("stat its status")?.uid;
    ensure!(owner == FIRST, "root inside is user {owner} outside, not {FIRST}");
    peer.say("go");
    peer.finish()
}

/// By `unshare`.
pub(crate) fn unshare_makes_a_new_one(_: &Ctx) -> Check {
    is_new(Way::Unshare)
}

/// By `clone3`.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    is_new(Way::Clone3)
}

/// Before 3.8 `unshare` of a user namespace is refused, and nothing about the caller changes.
pub(crate) fn unshare_is_refused_before_3_8(_: &Ctx) -> Check {
    let refused = sys::unshare(clone::NEWUSER);
    ensure!(refused == Err(Errno::EINVAL), "unshare(CLONE_NEWUSER): {refused:?}, not EINVAL");
    ensure!(sys::getuid() == 0, "after the refused unshare the caller is user {}", sys::getuid());
    Ok(())
}

/// A user namespace and a shared root folder do not go together (e66eded8309e): chroot inside would reach outside.
pub(crate) fn shared_root_folder_is_refused(_: &Ctx) -> Check {
    match sys::fork(clone::NEWUSER | clone::FS) {
        Err(Errno::EINVAL) => {}
        Ok(0) => sys::exit(0),
        other => fail!("clone(CLONE_NEWUSER | CLONE_FS): {other:?}, not EINVAL"),
    }
    let apart = Peer::start(clone::NEWUSER, |_| Ok(()))?;
    apart.finish()
}

/// A map is written once: the second write is EPERM and the first stays.
pub(crate) fn map_is_written_once(_: &Ctx) -> Check {
    let peer = born(|_| {
        become_root()?;
        let map = files::read_text("/proc/self/uid_map").or_fail("read uid_map inside")?;
        let words: Vec<&str> = map.split_whitespace().collect();
        ensure!(words == ["0", "5000", "10"], "the map reads {words:?} after the refused write");
        Ok(())
    })?;
    map(&peer)?;
    for file in ["uid_map", "gid_map"] {
        let again = write_map(&peer, file, "0 6000 10\n");
        ensure!(again == Err(Errno::EPERM), "write {file} again: {again:?}, not EPERM");
    }
    peer.say("mapped");
    peer.finish()
}

/// Maps that overlap inside or outside, are empty or wrap are EINVAL, and a good one is taken after them.
pub(crate) fn bad_maps_are_refused(_: &Ctx) -> Check {
    let bad = [
        ("0 5000 10\n9 6000 10\n", "that overlaps inside"),
        ("0 5000 10\n20 5009 10\n", "that overlaps outside"),
        ("0 5000 0\n", "of nothing"),
        ("4294967290 5000 10\n", "that wraps"),
        ("0 5000\n", "without a count"),
        ("zero 5000 10\n", "without a number"),
    ];
    let peer = born(|_| become_root())?;
    for (text, what) in bad {
        let result = write_map(&peer, "uid_map", text);
        ensure!(result == Err(Errno::EINVAL), "a map {what}: {result:?}, not EINVAL");
    }
    map(&peer)?;
    peer.say("mapped");
    peer.finish()
}

/// A map of so many lines, each of one ID, with gaps outside: in order, as it had to be before 3.12 (0bd14b4fd72a).
fn lines(count: u32) -> String {
    (0..count).map(|i| format!("{i} {} 1\n", FIRST + 2 * i)).collect()
}

/// A map has at most 340 lines (5 before 4.15), one more is EINVAL, and the last one translates as the first does.
pub(crate) fn map_holds_so_many_lines(ctx: &Ctx) -> Check {
    let most: u32 = if ctx.expects("five_lines") { 5 } else { 340 };
    let peer = born(|link| {
        sys::setuid(most - 1).or_fail("setuid to the ID of the last line")?;
        link.say("became");
        link.hear().map(drop)
    })?;
    let refused = write_map(&peer, "uid_map", &lines(most + 1));
    ensure!(refused == Err(Errno::EINVAL), "a map of {} lines: {refused:?}, not EINVAL", most + 1);
    write_map(&peer, "uid_map", &lines(most)).or_fail(&format!("write a map of {most} lines"))?;
    peer.ask("mapped")?;
    let status = files::read_text(&format!("/proc/{}/status", peer.pid())).or_fail("read its status")?;
    let last = FIRST + 2 * (most - 1);
    let expected = format!("Uid:\t{last}\t{last}\t{last}\t{last}");
    ensure!(status.lines().any(|line| line == expected), "the ID of the last line is not user {last} outside");
    peer.say("go");
    peer.finish()
}

/// A user without capabilities, in a new user namespace, writes its own maps.
fn as_user(body: impl FnOnce() -> Check) -> Check {
    let peer = Peer::start(0, |_| {
        sys::setgid(1000).or_fail("setgid")?;
        sys::setuid(1000).or_fail("setuid")?;
        own_proc_files()?;
        sys::unshare(clone::NEWUSER).or_absent("unshare(CLONE_NEWUSER) as a user")?;
        body()
    })?;
    peer.finish()
}

fn own_map(file: &str, text: &str) -> Result<(), Errno> {
    files::write(&format!("/proc/self/{file}"), text)
}

/// A user may map itself to any ID and nobody else to any.
pub(crate) fn user_maps_itself_only(_: &Ctx) -> Check {
    as_user(|| {
        for (text, what) in [("0 0 1\n", "root"), ("0 1001 1\n", "another user"), ("0 1000 2\n", "a range")] {
            let result = own_map("uid_map", text);
            ensure!(result == Err(Errno::EPERM), "a user maps {what}: {result:?}, not EPERM");
        }
        own_map("uid_map", "0 1000 1\n").or_fail("a user maps itself")?;
        ensure!(sys::getuid() == 0, "a user that mapped itself to 0 is {} inside", sys::getuid());
        Ok(())
    })
}

fn setgroups_none() -> Result<(), Errno> {
    // SAFETY: no groups, so no address is read.
    unsafe { call(nr::SETGROUPS, [0, 0]) }.map(drop)
}

/// A user maps its group only after it gave up `setgroups`, which is then EPERM for good, here and below.
pub(crate) fn setgroups_is_given_up(_: &Ctx) -> Check {
    as_user(|| {
        let early = own_map("gid_map", "0 1000 1\n");
        ensure!(early == Err(Errno::EPERM), "a user maps its group without giving up setgroups: {early:?}, not EPERM");
        own_map("setgroups", "deny").or_fail("write deny to setgroups")?;
        own_map("gid_map", "0 1000 1\n").or_fail("map the own group")?;
        own_map("uid_map", "0 1000 1\n").or_fail("map the own user")?;
        ensure!(sys::getgid() == 0, "the mapped group shows as {}", sys::getgid());
        let used = setgroups_none();
        ensure!(used == Err(Errno::EPERM), "setgroups after deny: {used:?}, not EPERM");
        let back = own_map("setgroups", "allow");
        ensure!(back == Err(Errno::EPERM), "allow after deny: {back:?}, not EPERM");
        sys::unshare(clone::NEWUSER).or_fail("unshare(CLONE_NEWUSER) again")?;
        let below = files::read_text("/proc/self/setgroups").or_fail("read setgroups of the one below")?;
        ensure!(below.trim() == "deny", "setgroups of the namespace below is `{}`, not deny", below.trim());
        Ok(())
    })?;
    // Where nobody denied it, a mapped root may.
    let peer = born(|_| {
        become_root()?;
        setgroups_none().or_fail("setgroups where it is allowed")?;
        let late = own_map("setgroups", "deny");
        ensure!(late == Err(Errno::EPERM), "deny after the groups were mapped: {late:?}, not EPERM");
        Ok(())
    })?;
    map(&peer)?;
    peer.say("mapped");
    peer.finish()
}

/// IDs of a namespace in a namespace are translated by both maps, and only what the middle one has can be mapped.
pub(crate) fn nested_maps_translate_twice(_: &Ctx) -> Check {
    let middle = born(|test| {
        become_root()?;
        let inner = born(|link| {
            become_root()?;
            link.say("root");
            link.hear().map(drop)
        })?;
        // 10 has no map in the middle one.
        let refused = write_map(&inner, "uid_map", "0 9 2\n");
        ensure!(refused == Err(Errno::EPERM), "map an ID that the middle one does not have: {refused:?}, not EPERM");
        for file in ["uid_map", "gid_map"] {
            write_map(&inner, file, "0 3 2\n").or_fail("map within the middle one")?;
        }
        inner.ask("mapped")?;
        let seen = sys::stat(&format!("/proc/{}/status", inner.pid())).or_fail("stat its status")?.uid;
        ensure!(seen == 3, "root of the inner one is user {seen} in the middle one, not 3");
        test.say(&format!("{}", inner.pid()));
        test.hear()?;
        inner.say("go");
        inner.finish()
    })?;
    map(&middle)?;
    let inner = middle.ask("mapped")?;
    let seen = sys::stat(&format!("/proc/{inner}/status")).or_fail("stat the inner status")?.uid;
    ensure!(seen == FIRST + 3, "root of the inner one is user {seen} outside, not {}", FIRST + 3);
    middle.say("go");
    middle.finish()
}

/// Nests a user namespace in the current one, mapped to root, and so on; gives how many there were and what ended it.
fn nest(depth: i32, most: i32) -> (i32, Errno) {
    if depth == most {
        return (depth, Errno(0));
    }
    let Ok((told, tell)) = sys::pipe() else { return (depth, Errno::EMFILE) };
    let Ok((wait, go)) = sys::pipe() else { return (depth, Errno::EMFILE) };
    match sys::fork(clone::NEWUSER) {
        Err(errno) => (depth, errno),
        Ok(0) => {
            drop((told, go));
            let _ = sys::read(&wait, &mut [0]);
            let (reached, errno) = nest(depth + 1, most);
            let _ = sys::write_all(tell.raw(), &[reached as u8, errno.0 as u8]);
            sys::exit(0);
        }
        Ok(pid) => {
            drop(tell);
            for file in ["uid_map", "gid_map"] {
                let _ = files::write(&format!("/proc/{pid}/{file}"), "0 0 1\n");
            }
            drop(go);
            let mut answer = [0; 2];
            let n = sys::read(&told, &mut answer).unwrap_or(0);
            let _ = sys::wait(pid, 0);
            if n == 2 { (answer[0].into(), Errno(answer[1].into())) } else { (depth, Errno::EIO) }
        }
    }
}

/// User namespaces nest 33 deep, counted from below the first, and no further.
pub(crate) fn depth_is_33(ctx: &Ctx) -> Check {
    let refused = if ctx.expects("eusers") { Errno::EUSERS } else { Errno::ENOSPC };
    let (depth, errno) = nest(0, 40);
    ensure!((depth, errno) == (33, refused), "{depth} user namespaces nested, then {errno}; not 33, then {refused}");
    Ok(())
}
