//! What is hidden from a container: masked files and folders, other users' processes, all of `/proc` but processes.

use alloc::format;

use super::privileges::{USER, become_user};
use crate::files;
use crate::sys::{self, Errno, clone, ms, open};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, folder};

fn bind(from: &str, to: &str) -> Check {
    sys::mount(from, to, "", ms::BIND, "").or_fail(&format!("bind {from} on {to}"))
}

/// `/dev/null` bound on a file reads as nothing and takes what is written, and the file is as it was.
pub(crate) fn null_masks_a_file(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    files::create("/tmp/secret", "secret").or_fail("make a file")?;
    let held = sys::open("/tmp/secret", open::RDONLY, 0).or_fail("open the file")?;
    bind("/dev/null", "/tmp/secret")?;
    let seen = files::read("/tmp/secret").or_fail("read the masked file")?;
    ensure!(seen.is_empty(), "a file masked by /dev/null reads as {} bytes", seen.len());
    files::write("/tmp/secret", "gone").or_fail("write to the masked file")?;
    let below = files::read_to_end(&held).or_fail("read the file below")?;
    ensure!(below == b"secret", "what was written to the mask went into the file");
    Ok(())
}

/// A read-only bind of `/proc/sys` refuses what `/proc/sys` itself takes.
pub(crate) fn read_only_proc_sys_refuses(_: &Ctx) -> Check {
    const SETTING: &str = "/proc/sys/kernel/domainname";
    scratch::own_mounts()?;
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    files::write(SETTING, "before").or_fail("write a setting")?;
    bind("/proc/sys", "/proc/sys")?;
    let flags = ms::BIND | ms::REMOUNT | ms::RDONLY;
    sys::mount("", "/proc/sys", "", flags, "").or_fail("make /proc/sys read-only")?;
    let written = files::write(SETTING, "after");
    ensure!(written == Err(Errno::EROFS), "a write to a read-only /proc/sys: {written:?}, not EROFS");
    let value = files::read_text(SETTING).or_fail("read the setting")?;
    ensure!(value.trim() == "before", "the setting became `{}`", value.trim());
    Ok(())
}

/// Masks of outside hold root of a user namespace: they are neither unmounted nor made writable.
pub(crate) fn masks_hold_in_a_user_namespace(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    files::create("/tmp/secret", "secret").or_fail("make a file")?;
    folder("/tmp/secrets")?;
    files::create("/tmp/secrets/one", "secret").or_fail("make a second file")?;
    folder("/tmp/fixed")?;
    bind("/dev/null", "/tmp/secret")?;
    scratch::tmpfs("/tmp/secrets")?;
    scratch::tmpfs("/tmp/fixed")?;
    sys::mount("", "/tmp/fixed", "", ms::BIND | ms::REMOUNT | ms::RDONLY, "").or_fail("make it read-only")?;
    let peer = Peer::start(clone::NEWUSER | clone::NEWNS, |_| {
        for mask in ["/tmp/secret", "/tmp/secrets"] {
            let gone = sys::umount(mask, sys::MNT_DETACH);
            ensure!(gone == Err(Errno::EINVAL), "umount of the mask {mask} inside: {gone:?}, not EINVAL");
        }
        let seen = files::read("/tmp/secret").or_fail("read the masked file")?;
        ensure!(seen.is_empty() && !files::exists("/tmp/secrets/one"), "a mask of outside does not hide inside");
        let writable = sys::mount("", "/tmp/fixed", "", ms::BIND | ms::REMOUNT, "");
        ensure!(writable == Err(Errno::EPERM), "read-only taken off inside: {writable:?}, not EPERM");
        Ok(())
    })?;
    peer.finish()
}

/// A proc of its own with those options, in a PID namespace of its own.
fn with_proc(options: &str, body: fn() -> Check) -> Check {
    scratch::own_mounts()?;
    folder("/tmp/proc")?;
    in_child(clone::NEWPID, || {
        sys::mount("proc", "/tmp/proc", "proc", 0, options).or_absent(&format!("mount a proc with {options}"))?;
        body()
    })
}

/// With `hidepid=2` a user sees its own processes and not those of root.
pub(crate) fn hidepid_hides_others(_: &Ctx) -> Check {
    with_proc("hidepid=2", || {
        ensure!(files::exists("/tmp/proc/1/status"), "root does not see its own process");
        in_child(0, || {
            become_user(USER)?;
            let own = format!("/tmp/proc/{}/status", sys::getpid());
            ensure!(files::exists(&own), "a user does not see its own process");
            let names = sys::list("/tmp/proc").or_fail("list proc as a user")?;
            ensure!(!names.iter().any(|name| name == "1"), "a user sees a process of root in the list");
            let other = sys::stat("/tmp/proc/1").map(drop);
            ensure!(other == Err(Errno::ENOENT), "stat of a process of root by a user: {other:?}, not ENOENT");
            Ok(())
        })
    })
}

/// With `subset=pid` there are processes and nothing else.
pub(crate) fn subset_has_processes_only(_: &Ctx) -> Check {
    with_proc("subset=pid", || {
        ensure!(files::exists("/tmp/proc/1/status"), "there is no process in a proc with subset=pid");
        ensure!(files::exists("/proc/kallsyms"), "the machine's own proc lacks kallsyms");
        for name in ["sys", "kallsyms", "meminfo", "sysrq-trigger"] {
            ensure!(!files::exists(&format!("/tmp/proc/{name}")), "{name} is in a proc with subset=pid");
        }
        Ok(())
    })
}
