//! The container's own side of its making: root, `/proc`, `/dev`, masks, wire, and privileges that it gives up.

use alloc::format;

use super::limits::{FORBIDDEN, Held};
use super::stage::{IMAGE, Root, Spec, fill};
use crate::sys::{self, Capabilities, Errno, clone, ms, nr, open};
use crate::test_api::{Check, OrStop as _};
use crate::tests::interface;
use crate::tests::scratch::{folder, tmpfs};
use crate::tests::security::seccomp;

const PR_CAPBSET_DROP: i32 = 24;
const PR_SET_NO_NEW_PRIVS: i32 = 38;
/// The call that the filter answers, and with what.
pub(super) const FILTERED: usize = nr::PTRACE;
pub(super) const FILTER_ANSWER: i32 = 77;

/// CHOWN, DAC_OVERRIDE, KILL, SETGID, SETUID.
pub(super) const KEPT: u64 = 1 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7;

/// Nodes of `/dev`: name, major, minor (Documentation/admin-guide/devices.txt).
const NODES: &[(&str, u32, u32)] =
    &[("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Where the container's root is put together, on a tmpfs of its own.
const AT: &str = "/tmp/c";
const ROOT: &str = "/tmp/c/root";

/// Everything that needs the privileges of its maker.
pub(super) fn build(spec: &Spec) -> Check {
    if spec.has(clone::NEWUSER) {
        sys::plain(nr::SETRESGID, [0, 0, 0]).or_fail("become the group root inside")?;
        sys::plain(nr::SETRESUID, [0, 0, 0]).or_fail("become root inside")?;
    }
    sys::mount("", "/", "", ms::REC | ms::PRIVATE, "").or_fail("make all mounts private")?;
    make_root(spec.root)?;
    devices(spec)?;
    enter_root()?;
    sys::mount("proc", "/proc", "proc", ms::NOSUID | ms::NODEV | ms::NOEXEC, "").or_fail("mount /proc")?;
    masks()?;
    sys::sethostname(&spec.host_name()).or_fail("sethostname")?;
    if spec.wired {
        let end = spec.inner_end();
        interface::set_up("lo", true).or_fail("bring lo up")?;
        interface::set_address(&end, spec.address(2)).or_fail("give the inner end an address")?;
        interface::set_up(&end, true).or_fail("bring the inner end up")?;
    }
    if spec.read_only {
        sys::mount("", "/", "", ms::REMOUNT | ms::BIND | ms::RDONLY, "").or_fail("make the root read-only")?;
    }
    Ok(())
}

/// The last steps, in the group: its namespace, and fewer privileges.
pub(super) fn finish(spec: &Spec) -> Check {
    if spec.has(clone::NEWCGROUP) {
        sys::unshare(clone::NEWCGROUP).or_fail("unshare(CLONE_NEWCGROUP)")?;
    }
    if !spec.mighty {
        give_up()?;
    }
    if spec.sealed {
        const ERRNO: u32 = 0x0005_0000;
        sys::prctl(PR_SET_NO_NEW_PRIVS, 1).or_absent("prctl(PR_SET_NO_NEW_PRIVS)")?;
        seccomp::filter(FILTERED, ERRNO | FILTER_ANSWER as u32)?;
    }
    Ok(())
}

/// Puts the root of a container together.
pub(crate) fn make_root(kind: Root) -> Check {
    tmpfs(AT)?;
    for path in [ROOT, "/tmp/c/upper", "/tmp/c/work"] {
        folder(path)?;
    }
    match kind {
        Root::Bound => {
            fill(ROOT)?;
            sys::mount(ROOT, ROOT, "", ms::BIND, "").or_fail("bind the root")
        }
        Root::Overlay => union("overlay", &format!("lowerdir={IMAGE},upperdir=/tmp/c/upper,workdir=/tmp/c/work")),
        Root::OverlayfsUbuntu => union("overlayfs", &format!("lowerdir={IMAGE},upperdir=/tmp/c/upper")),
        Root::Aufs => union("aufs", &format!("br=/tmp/c/upper=rw:{IMAGE}=ro")),
    }
}

fn union(kind: &str, options: &str) -> Check {
    sys::mount("none", ROOT, kind, 0, options).or_absent(&format!("mount {kind}"))
}

/// `/dev` and `/tmp` in the root to be; nodes are bound from outside where they cannot be made.
fn devices(spec: &Spec) -> Check {
    let dev = format!("{ROOT}/dev");
    sys::mount("tmpfs", &dev, "tmpfs", ms::NOSUID, "mode=0755").or_fail("mount /dev")?;
    for (name, major, minor) in NODES {
        let path = format!("{dev}/{name}");
        if spec.has(clone::NEWUSER) {
            crate::files::create(&path, "").or_fail("make a place for a device")?;
            sys::mount(&format!("/dev/{name}"), &path, "", ms::BIND, "").or_fail(&format!("bind /dev/{name}"))?;
        } else {
            sys::mknod_char(&path, 0o666, *major, *minor).or_fail(&format!("mknod /dev/{name}"))?;
        }
    }
    if spec.held == Some(Held::ByDevices) && !spec.has(clone::NEWUSER) {
        sys::mknod_char(&format!("{ROOT}{FORBIDDEN}"), 0o666, 1, 11).or_fail("mknod a device that is not allowed")?;
    }
    for name in ["pts", "shm"] {
        folder(&format!("{dev}/{name}"))?;
    }
    let safe = ms::NOSUID | ms::NOEXEC;
    let options = "newinstance,ptmxmode=0666,mode=0620";
    sys::mount("devpts", &format!("{dev}/pts"), "devpts", safe, options).or_fail("mount /dev/pts")?;
    sys::symlink("pts/ptmx", &format!("{dev}/ptmx")).or_fail("link /dev/ptmx")?;
    sys::mount("tmpfs", &format!("{dev}/shm"), "tmpfs", safe | ms::NODEV, "mode=1777").or_fail("mount /dev/shm")?;
    sys::mount("tmpfs", &format!("{ROOT}/tmp"), "tmpfs", safe | ms::NODEV, "mode=1777").or_fail("mount /tmp")
}

/// Makes the new root `/`, and lets the old one go. The first root of the machine, an initramfs, cannot be left: the
/// tmpfs that holds the new root is put over it before.
pub(crate) fn enter_root() -> Check {
    sys::chdir(AT).or_fail("chdir to what is to be the old root")?;
    sys::mount(".", "/", "", ms::MOVE, "").or_fail("put the tmpfs over the first root")?;
    sys::chroot(".").or_fail("chroot to what is to be the old root")?;
    sys::pivot_root("/root", "/root/old").or_fail("pivot_root")?;
    sys::chdir("/").or_fail("chdir to the new root")?;
    sys::umount("/old", sys::MNT_DETACH).or_fail("detach the old root")?;
    // Not by rmdir, of which mutants make a kernel that never removes groups.
    const AT_FDCWD: i32 = -100;
    const AT_REMOVEDIR: usize = 0x200;
    let path = c"/old";
    // SAFETY: a NUL-terminated string, and numbers.
    unsafe { sys::call(nr::UNLINKAT, [sys::arg(AT_FDCWD), path.as_ptr() as usize, AT_REMOVEDIR]) }
        .map(drop)
        .or_fail("remove the old root's place")
}

/// What no container should read or write of `/proc`.
fn masks() -> Check {
    if crate::files::exists("/proc/kcore") {
        sys::mount("/dev/null", "/proc/kcore", "", ms::BIND, "").or_fail("mask /proc/kcore")?;
    }
    sys::mount("/proc/sys", "/proc/sys", "", ms::BIND, "").or_fail("bind /proc/sys")?;
    let flags = ms::REMOUNT | ms::BIND | ms::RDONLY | ms::NOSUID | ms::NODEV | ms::NOEXEC;
    sys::mount("", "/proc/sys", "", flags, "").or_fail("make /proc/sys read-only")
}

/// Keeps few capabilities, in the bounding set too.
pub(super) fn give_up() -> Check {
    for capability in (0..64).filter(|capability| KEPT & (1 << capability) == 0) {
        match sys::prctl(PR_CAPBSET_DROP, capability) {
            // The first one that this kernel does not know.
            Err(Errno::EINVAL) if capability > 30 => break,
            other => other.or_fail(&format!("drop capability {capability} from the bounding set"))?,
        };
    }
    let kept = Capabilities { effective: KEPT, permitted: KEPT, inheritable: 0 };
    sys::capset(kept).or_fail("capset")
}

/// Opens a file of the new root for writing, as a program of the container would.
pub(super) fn write(path: &str, text: &str) -> Result<(), Errno> {
    let file = sys::open(path, open::WRONLY | open::CREAT | open::CLOEXEC, 0o644)?;
    sys::write_all(file.raw(), text.as_bytes())
}
