//! What exec gives and takes: setuid, file capabilities, the bounding and ambient sets, and who stands in between.

use super::program::{self, PATH, Started};
use crate::sys::{self, Errno, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::scratch;

pub(super) const PR_SET_KEEPCAPS: i32 = 8;
pub(super) const PR_CAPBSET_DROP: i32 = 24;
pub(super) const PR_SET_SECUREBITS: i32 = 28;
pub(super) const PR_SET_NO_NEW_PRIVS: i32 = 38;
pub(super) const PR_CAP_AMBIENT: i32 = 47;

const CAP_NET_RAW: usize = 13;
const CAP_SYS_CHROOT: usize = 18;

/// A user that is nobody else.
pub(super) const USER: u32 = 1_234;

/// The program with a mode, in a folder that all may enter.
fn program(mode: u32) -> Check {
    scratch::own_mounts()?;
    program::put(PATH, mode)
}

/// Becomes that user, of that group and no other.
pub(super) fn become_user(user: u32) -> Check {
    sys::plain(nr::SETGROUPS, [0, 0]).or_fail("setgroups")?;
    sys::plain(nr::SETRESGID, [user as usize; 3]).or_fail("setresgid")?;
    sys::plain(nr::SETRESUID, [user as usize; 3]).map(drop).or_fail("setresuid")
}

pub(super) fn no_new_privs() -> Check {
    sys::prctl(PR_SET_NO_NEW_PRIVS, 1).map(drop).or_absent("prctl(PR_SET_NO_NEW_PRIVS)")
}

/// The users a program has that a user starts.
fn users(prepare: impl FnOnce() -> Check) -> Result<alloc::vec::Vec<u32>, Stop> {
    program::run(PATH, || {
        prepare()?;
        become_user(USER)
    })?
    .users()
}

const ALL_USER: [u32; 4] = [USER; 4];

/// A setuid program of root makes its user root, and after `no_new_privs` it does not.
pub(crate) fn no_new_privs_disarms_setuid(_: &Ctx) -> Check {
    program(0o4755)?;
    let armed = users(|| Ok(()))?;
    ensure!(armed == [USER, 0, 0, 0], "a setuid program of root runs as {armed:?}");
    let disarmed = users(no_new_privs)?;
    ensure!(disarmed == ALL_USER, "after no_new_privs a setuid program of root runs as {disarmed:?}");
    Ok(())
}

/// A setuid program on a `nosuid` mount gives nothing.
pub(crate) fn nosuid_mount_disarms_setuid(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    scratch::folder("/tmp/fs")?;
    for (flags, expected) in [(0, [USER, 0, 0, 0]), (sys::ms::NOSUID, ALL_USER)] {
        sys::mount("tmpfs", "/tmp/fs", "tmpfs", flags, "mode=0755").or_fail("mount a tmpfs")?;
        program::put("/tmp/fs/program", 0o4755)?;
        let found = program::run("/tmp/fs/program", || become_user(USER))?.users()?;
        ensure!(found == expected, "a setuid program on a mount with the flags {flags:#x} runs as {found:?}");
    }
    Ok(())
}

/// A program on a `noexec` mount is not executed, also not by root.
pub(crate) fn noexec_mount_refuses(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    scratch::folder("/tmp/fs")?;
    sys::mount("tmpfs", "/tmp/fs", "tmpfs", sys::ms::NOEXEC, "mode=0755").or_fail("mount a tmpfs")?;
    program::put("/tmp/fs/program", 0o755)?;
    program::put(PATH, 0o755)?;
    program::run(PATH, || Ok(()))?;
    match program::exec("/tmp/fs/program", || Ok(()))? {
        Started::Not(why) if why == "EACCES" => Ok(()),
        Started::Not(why) => fail!("execve on a noexec mount: {why}, not EACCES"),
        Started::Running(_) => fail!("a program on a noexec mount was executed"),
    }
}

/// A device node on a `nodev` mount is a name without a device.
pub(crate) fn nodev_mount_has_no_devices(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    for (flags, expected) in [(0, Ok(())), (sys::ms::NODEV, Err(Errno::EACCES))] {
        sys::mount("tmpfs", "/tmp", "tmpfs", flags, "mode=0755").or_fail("mount a tmpfs")?;
        sys::mknod_char("/tmp/null", 0o666, 1, 3).or_fail("make a node")?;
        let opened = sys::open("/tmp/null", sys::open::RDWR, 0).map(drop);
        ensure!(opened == expected, "a node on a mount with the flags {flags:#x} is opened: {opened:?}");
    }
    Ok(())
}

/// A link on a `nosymfollow` mount can be read, and leads nowhere.
pub(crate) fn nosymfollow_mount_leads_nowhere(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    for (flags, expected) in [(0, Ok(())), (sys::ms::NOSYMFOLLOW, Err(Errno::ELOOP))] {
        sys::mount("tmpfs", "/tmp", "tmpfs", flags, "mode=0755").or_fail("mount a tmpfs")?;
        sys::symlink("/proc/version", "/tmp/link").or_fail("make a link")?;
        let opened = sys::open("/tmp/link", sys::open::RDONLY, 0).map(drop);
        ensure!(opened == expected, "a link on a mount with the flags {flags:#x} is opened: {opened:?}");
        let read = sys::readlink("/tmp/link").or_fail("read the link")?;
        ensure!(read == "/proc/version", "the link on a mount with the flags {flags:#x} reads as {read:?}");
    }
    Ok(())
}

/// Has all that is permitted work: up to 2.6.32 init starts without CAP_SETPCAP in its effective set.
fn all_capabilities() -> Check {
    let own = sys::capget().or_fail("capget")?;
    sys::capset(sys::Capabilities { effective: own.permitted, ..own }).or_fail("capset")
}

fn holds(mask: u64, capability: usize) -> bool {
    mask & (1 << capability) != 0
}

/// What root dropped from its bounding set no exec gives back, and the rest it does.
pub(crate) fn bounding_set_holds_over_exec(_: &Ctx) -> Check {
    program(0o755)?;
    let running = program::run(PATH, || {
        all_capabilities()?;
        sys::prctl(PR_CAPBSET_DROP, CAP_SYS_CHROOT).or_fail("drop CAP_SYS_CHROOT from the bounding set")?;
        let own = sys::capget().or_fail("capget")?;
        ensure!(holds(own.effective, CAP_SYS_CHROOT), "dropping from the bounding set took the capability at once");
        Ok(())
    })?;
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        let mask = running.capabilities(set)?;
        ensure!(holds(mask, CAP_NET_RAW), "root's exec lost CAP_NET_RAW, which was not dropped ({set} {mask:#x})");
        ensure!(!holds(mask, CAP_SYS_CHROOT), "root's exec gave back what was dropped ({set} {mask:#x})");
    }
    Ok(())
}

/// `struct vfs_cap_data` of revision 2: permitted and effective.
fn file_capability(capability: usize) -> [u8; 20] {
    let mut data = [0; 20];
    data[..4].copy_from_slice(&0x0200_0001u32.to_le_bytes());
    data[4..8].copy_from_slice(&(1u32 << capability).to_le_bytes());
    data
}

fn give_file_capability(path: &str, capability: usize) -> Check {
    let data = file_capability(capability);
    let (path, name) = (sys::c_string(path).or_fail("path")?, c"security.capability");
    let args = [path.as_ptr() as usize, name.as_ptr() as usize, data.as_ptr() as usize, data.len(), 0];
    // SAFETY: NUL-terminated strings and readable bytes.
    unsafe { sys::call(nr::SETXATTR, args) }.map(drop).or_fail("give the program a file capability")
}

/// A file capability works for a user, not after `no_new_privs`, and not beyond the bounding set.
pub(crate) fn file_capability_ends_at_the_bounding_set(_: &Ctx) -> Check {
    program(0o755)?;
    give_file_capability(PATH, CAP_NET_RAW)?;
    let effective = |prepare: fn() -> Check| {
        program::run(PATH, || {
            prepare()?;
            become_user(USER)
        })?
        .capabilities("CapEff")
    };
    let plain = effective(|| Ok(()))?;
    ensure!(plain == 1 << CAP_NET_RAW, "a program with CAP_NET_RAW runs with {plain:#x}");
    let disarmed = effective(no_new_privs)?;
    ensure!(disarmed == 0, "after no_new_privs a program with CAP_NET_RAW runs with {disarmed:#x}");
    let bounded = program::exec(PATH, || {
        sys::prctl(PR_CAPBSET_DROP, CAP_NET_RAW).or_fail("drop CAP_NET_RAW from the bounding set")?;
        become_user(USER)
    })?;
    match bounded {
        Started::Not(why) if why == "EPERM" => Ok(()),
        Started::Not(why) => fail!("exec of a program whose capability the bounding set lacks: {why}, not EPERM"),
        Started::Running(running) => {
            let mask = running.capabilities("CapEff")?;
            fail!("a program whose capability the bounding set lacks runs with {mask:#x}")
        }
    }
}

/// An ambient capability is kept by the exec of a plain program; one that is only inheritable is not.
pub(crate) fn ambient_set_survives_exec(_: &Ctx) -> Check {
    const RAISE: usize = 2;
    program(0o755)?;
    for raise in [false, true] {
        let running = program::run(PATH, || {
            sys::prctl(PR_SET_KEEPCAPS, 1).or_fail("prctl(PR_SET_KEEPCAPS)")?;
            become_user(USER)?;
            let mask = 1 << CAP_NET_RAW;
            sys::capset(sys::Capabilities { effective: mask, permitted: mask, inheritable: mask }).or_fail("capset")?;
            if raise {
                sys::plain(nr::PRCTL, [PR_CAP_AMBIENT as usize, RAISE, CAP_NET_RAW, 0, 0])
                    .or_absent("raise an ambient capability")?;
            }
            Ok(())
        })?;
        let effective = running.capabilities("CapEff")?;
        let expected = if raise { 1 << CAP_NET_RAW } else { 0 };
        ensure!(effective == expected, "raised to ambient: {raise}; a user's plain program runs with {effective:#x}");
    }
    Ok(())
}

/// With `SECBIT_NOROOT` root's exec gives no capability, and the locked bit cannot be taken back.
pub(crate) fn securebits_make_root_a_user(_: &Ctx) -> Check {
    const NOROOT_AND_LOCKED: usize = 3;
    program(0o755)?;
    let mighty = program::run(PATH, || Ok(()))?.capabilities("CapEff")?;
    ensure!(holds(mighty, CAP_SYS_CHROOT), "root's exec gives {mighty:#x} only");
    let running = program::run(PATH, || {
        all_capabilities()?;
        sys::prctl(PR_SET_SECUREBITS, NOROOT_AND_LOCKED).or_fail("prctl(PR_SET_SECUREBITS)")?;
        let unlocked = sys::prctl(PR_SET_SECUREBITS, 0);
        ensure!(unlocked == Err(Errno::EPERM), "locked securebits could be taken back: {unlocked:?}");
        Ok(())
    })?;
    let (user, effective) = (running.users()?, running.capabilities("CapEff")?);
    ensure!(user == [0; 4] && effective == 0, "with SECBIT_NOROOT user {user:?} runs with {effective:#x}");
    Ok(())
}

/// A write by another than its owner takes the setuid and setgid bits off a file.
pub(crate) fn write_strips_setuid_and_setgid(_: &Ctx) -> Check {
    const PLAIN: u32 = 0o777;
    const FILE: &str = "/tmp/with-bits";
    scratch::own_mounts()?;
    crate::files::create(FILE, "before").or_fail("make a file")?;
    sys::chmod(FILE, 0o6777).or_fail("chmod")?;
    let mode = || sys::stat(FILE).or_fail("stat").map(|stat| stat.mode & 0o7777);
    ensure!(mode()? == 0o6777, "the mode of the file became {:o}", mode()?);
    crate::test_api::in_child(0, || {
        become_user(USER)?;
        crate::files::write(FILE, "after").or_fail("write to the file as a user")
    })?;
    let stripped = mode()?;
    ensure!(stripped == PLAIN, "a user wrote to a file of mode 6777; its mode is {stripped:o} now");
    Ok(())
}

/// A setuid program on a file system that a user namespace mounted gives nothing outside of it.
pub(crate) fn foreign_mount_disarms_setuid(_: &Ctx) -> Check {
    const OWNER: u32 = 4_321;
    scratch::own_mounts()?;
    scratch::folder("/tmp/fs")?;
    let peer = crate::tests::peer::Peer::start(sys::clone::NEWUSER | sys::clone::NEWNS, |test| {
        test.say("born");
        test.hear()?;
        sys::plain(nr::SETRESGID, [0; 3]).or_fail("setresgid inside")?;
        sys::plain(nr::SETRESUID, [0; 3]).or_fail("setresuid inside")?;
        scratch::tmpfs("/tmp/fs")?;
        program::put("/tmp/fs/program", 0o4755)?;
        test.say("mounted");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    for file in ["uid_map", "gid_map"] {
        let path = alloc::format!("/proc/{}/{file}", peer.pid());
        crate::files::write(&path, &alloc::format!("0 {OWNER} 10\n")).or_fail(&path)?;
    }
    peer.ask("mapped")?;
    let path = alloc::format!("/proc/{}/root/tmp/fs/program", peer.pid());
    let owner = sys::stat(&path).or_fail(&path)?.uid;
    ensure!(owner == OWNER, "the program that was made inside belongs to {owner}, not {OWNER}");
    // Held by its descriptor: a user may not walk through another's /proc/PID/root.
    let file = sys::open(&path, sys::open::RDONLY, 0).or_fail(&path)?;
    let by_descriptor = alloc::format!("/proc/self/fd/{}", file.raw());
    let users = program::run(&by_descriptor, || become_user(USER))?.users()?;
    ensure!(users == ALL_USER, "a setuid program on a mount of a user namespace runs outside as {users:?}");
    peer.say("go");
    peer.finish()
}
