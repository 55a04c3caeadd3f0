//! What a container promises, looked at from inside.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::limits::Held;
use super::setup::{FILTER_ANSWER, FILTERED, KEPT, write};
use super::stage::{HOST_KEY, IMAGE_TEXT, PORT, Root, SECRET, Spec};
use crate::files;
use crate::sys::{self, Errno, clone, inet_address, net, open};
use crate::test_api::{Check, OrStop as _, Stop, in_child};
use crate::tests::interface;
use crate::tests::peer::Link;

/// The user that a program of the container runs as.
const USER: u32 = 1_000;

/// All of it, by the container's init.
pub(super) fn all(spec: &Spec) -> Check {
    alone()?;
    named(spec)?;
    own_mounts(spec)?;
    own_files(spec)?;
    own_devices()?;
    own_network(spec)?;
    masked(spec)?;
    if !spec.mighty {
        powerless()?;
        in_child(0, as_user)?;
    }
    if spec.sealed {
        sealed()?;
    }
    spec.held_inside()?;
    // Once more: what was tried must have changed nothing.
    named(spec)
}

/// All promises hold, a datagram to the host, and then its init stays with a child till it is killed.
pub(super) fn all_and_stay(spec: &Spec, engine: &Link) -> Check {
    all(spec)?;
    if spec.wired {
        greet(spec)?;
    }
    if sys::fork(0).or_fail("fork")? == 0 {
        loop {
            sys::sleep_ms(60_000);
        }
    }
    engine.say("stays");
    engine.hear().map(drop)
}

impl Spec {
    /// The limit is pushed against; root of a user namespace has no node of a forbidden device to try.
    fn held_inside(&self) -> Check {
        match self.held {
            None => Ok(()),
            Some(Held::ByDevices) if self.has(clone::NEWUSER) => Ok(()),
            Some(held) => held.holds(),
        }
    }
}

/// Its init is PID 1, and no other process is seen.
fn alone() -> Check {
    let (pid, parent) = (sys::getpid(), sys::getppid());
    ensure!((pid, parent) == (1, 0), "the container's init has PID {pid}, its parent {parent}");
    let numbers: Vec<String> = sys::list("/proc")
        .or_fail("list /proc")?
        .into_iter()
        .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    ensure!(numbers == ["1"], "/proc of the container shows the processes {numbers:?}");
    let shared = sys::shmget(HOST_KEY, 4096, 0);
    ensure!(shared == Err(Errno::ENOENT), "the host's shared memory is found inside: {shared:?}");
    Ok(())
}

fn named(spec: &Spec) -> Check {
    let name = sys::uname().or_fail("uname")?.nodename;
    ensure!(name == spec.host_name(), "the container's name is `{name}`, not `{}`", spec.host_name());
    Ok(())
}

/// Where something is mounted, sorted.
fn mount_points() -> Result<Vec<String>, Stop> {
    let text = files::read_text("/proc/self/mountinfo").or_fail("read mountinfo")?;
    let mut points: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').nth(4)).map(ToString::to_string).collect();
    points.sort();
    Ok(points)
}

/// What was mounted for it is there, and nothing else.
fn own_mounts(spec: &Spec) -> Check {
    let mut expected = Vec::from(["/", "/dev", "/dev/pts", "/dev/shm", "/proc", "/proc/sys", "/tmp"]);
    if files::exists("/proc/kcore") {
        expected.push("/proc/kcore");
    }
    if spec.has(clone::NEWUSER) {
        expected.extend(["/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"]);
    }
    expected.sort_unstable();
    let found = mount_points()?;
    ensure!(found == expected, "the container has mounts on {found:?}, not on {expected:?}");
    Ok(())
}

/// The image's files are there, can be changed by it, and nothing of the host is.
fn own_files(spec: &Spec) -> Check {
    let text = files::read_text("/etc/image").or_fail("read a file of the image")?;
    ensure!(text == IMAGE_TEXT, "a file of the image holds `{text}`");
    for path in ["/old", SECRET, "/secret", "/../tmp/secret", "/proc/1/root/secret"] {
        ensure!(!files::exists(path), "{path} is there inside the container");
    }
    if spec.read_only {
        return Ok(());
    }
    write("/etc/image", "changed inside").or_fail("write to a file of the image")?;
    write("/etc/own", "own").or_fail("make a file")?;
    sys::unlink("/etc/own").or_fail("remove a file")?;
    files::create("/etc/image", IMAGE_TEXT).or_fail("write the image's text back")?;
    if spec.root != Root::Bound {
        let mut names = sys::list("/").or_fail("list the root")?;
        names.sort();
        ensure!(names == ["bin", "dev", "etc", "proc", "tmp"], "the union's root lists {names:?}");
    }
    Ok(())
}

/// `/dev` has what programs take for granted, and terminals of its own.
fn own_devices() -> Check {
    let open = |path: &str| sys::open(path, open::RDWR | open::NOCTTY | open::CLOEXEC, 0).or_fail(path);
    sys::write_all(open("/dev/null")?.raw(), b"gone").or_fail("write to /dev/null")?;
    let full = sys::write(&open("/dev/full")?, b"x");
    ensure!(full == Err(Errno::ENOSPC), "a write to /dev/full: {full:?}, not ENOSPC");
    let mut bytes = [1u8; 16];
    sys::read(&open("/dev/zero")?, &mut bytes).or_fail("read /dev/zero")?;
    ensure!(bytes == [0; 16], "/dev/zero gave {bytes:?}");
    sys::read(&open("/dev/urandom")?, &mut bytes).or_fail("read /dev/urandom")?;
    ensure!(bytes != [0; 16], "/dev/urandom gave nothing but zeros");
    let terminal = open("/dev/ptmx")?;
    let names = sys::list("/dev/pts").or_fail("list /dev/pts")?;
    ensure!(names.iter().any(|name| name == "0"), "the first terminal of the container is not 0: {names:?}");
    drop(terminal);
    write("/dev/shm/file", "shared").or_fail("make a file in /dev/shm")?;
    let held = files::read_text("/dev/shm/file").or_fail("read a file in /dev/shm")?;
    ensure!(held == "shared", "a file in /dev/shm holds `{held}`");
    sys::unlink("/dev/shm/file").or_fail("remove a file in /dev/shm")
}

/// Its own interfaces and none of the host's.
fn own_network(spec: &Spec) -> Check {
    let exists = |name: &str| interface::exists(name).or_fail(&format!("look for {name}"));
    ensure!(exists("lo")?, "the container has no lo");
    let table = files::read_text("/proc/net/dev").or_fail("read /proc/net/dev")?;
    let names: Vec<&str> = table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    let own = spec.inner_end();
    ensure!(!names.iter().any(|name| name.starts_with("krh")), "interfaces of the host are seen inside: {names:?}");
    ensure!(names.contains(&own.as_str()) == spec.wired, "the container's interfaces are {names:?}");
    Ok(())
}

/// Says its name to the host.
pub(super) fn greet(spec: &Spec) -> Check {
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0).or_fail("socket")?;
    let to = inet_address(spec.address(1), PORT);
    sys::sendto(&socket, spec.host_name().as_bytes(), &to).map(drop).or_fail("send to the host")
}

/// Masks of `/proc` hold.
fn masked(spec: &Spec) -> Check {
    if files::exists("/proc/kcore") {
        let bytes = files::read("/proc/kcore").or_fail("read /proc/kcore")?;
        ensure!(bytes.is_empty(), "/proc/kcore gives {} bytes behind its mask", bytes.len());
    }
    let written = files::write("/proc/sys/kernel/hostname", "stolen");
    // Root of a user namespace may not even where it could be written.
    let refusal = if spec.has(clone::NEWUSER) { Errno::EACCES } else { Errno::EROFS };
    ensure!(written == Err(refusal), "a write to a read-only /proc/sys: {written:?}, not {refusal}");
    Ok(())
}

fn must_be_refused<T: core::fmt::Debug>(result: Result<T, Errno>, what: &str) -> Check {
    match result {
        Err(Errno::EPERM) => Ok(()),
        other => fail!("{what} inside, without the capability: {other:?}, not EPERM"),
    }
}

/// Root inside has lost the capabilities that reach beyond, for good.
fn powerless() -> Check {
    must_be_refused(sys::mount("none", "/tmp", "tmpfs", 0, ""), "mount")?;
    must_be_refused(sys::umount("/proc/sys", 0), "umount")?;
    must_be_refused(sys::mknod("/tmp/disk", sys::S_IFBLK | 0o600, 8, 0), "mknod of a disk")?;
    must_be_refused(sys::sethostname("stolen"), "sethostname")?;
    must_be_refused(sys::chroot("/tmp"), "chroot")?;
    must_be_refused(sys::unshare(clone::NEWNS), "unshare(CLONE_NEWNS)")?;
    // devinet_ioctl said EACCES till 3.x.
    let down = interface::set_up("lo", false);
    ensure!(matches!(down, Err(Errno::EPERM | Errno::EACCES)), "lo taken down without the capability: {down:?}");
    // Bits beyond the last capability that the kernel knows are set on old ones, and mean nothing.
    const PR_CAPBSET_READ: i32 = 23;
    let count = (0..64).find(|capability| sys::prctl(PR_CAPBSET_READ, *capability).is_err()).unwrap_or(64);
    let known = (1u64 << count.min(63)) - 1;
    let status = files::read_text("/proc/self/status").or_fail("read status")?;
    for line in status.lines().filter(|line| ["CapPrm", "CapEff", "CapBnd"].iter().any(|set| line.starts_with(set))) {
        let mask = line.split('\t').nth(1).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        ensure!(
            mask.map(|mask| mask & known) == Some(KEPT),
            "of its capabilities the container has `{line}`, not {KEPT:016x}"
        );
    }
    Ok(())
}

/// A program that runs as a user has nothing to say to init.
fn as_user() -> Check {
    sys::setgid(USER).or_fail("setgid")?;
    sys::setuid(USER).or_fail("setuid")?;
    let caps = sys::capget().or_fail("capget")?;
    ensure!(sys::getuid() == USER && caps.permitted == 0, "user {} has {:#x}", sys::getuid(), caps.permitted);
    must_be_refused(sys::kill(1, 0), "a user's signal to init")?;
    let written = write("/etc/image", "x");
    ensure!(matches!(written, Err(Errno::EACCES | Errno::EROFS)), "a user wrote to a file of root: {written:?}");
    Ok(())
}

/// The filter answers, here and in children.
fn sealed() -> Check {
    let answers = || {
        let answer = sys::plain(FILTERED, [0, 0, 0, 0]);
        ensure!(answer == Err(Errno(FILTER_ANSWER)), "a call that the filter answers gave {answer:?}");
        let status = files::read_text("/proc/self/status").or_fail("read status")?;
        // In status since 4.10.
        let bit = status.lines().find_map(|line| line.strip_prefix("NoNewPrivs:\t"));
        ensure!(bit.is_none_or(|bit| bit == "1"), "no_new_privs is {bit:?}");
        Ok(())
    };
    answers()?;
    in_child(0, answers)
}

/// Whole seconds since boot, as the container counts them.
pub(super) fn uptime_s() -> Result<u64, Stop> {
    let text = files::read_text("/proc/uptime").or_fail("read /proc/uptime")?;
    let whole = text.split('.').next().and_then(|whole| whole.parse().ok());
    whole.ok_or_else(|| Stop::Fail(format!("/proc/uptime is `{}`", text.trim())))
}

/// What `/proc/self/cgroup` says of the hierarchies in which the container is held.
pub(super) fn groups() -> Result<String, Stop> {
    files::read_text("/proc/self/cgroup").or_fail("read /proc/self/cgroup")
}

/// The least sign of life: files can be read and processes made.
pub(super) fn still_there() -> Check {
    let text = files::read_text("/etc/image").or_fail("read a file of the image")?;
    ensure!(text == IMAGE_TEXT, "a file of the image holds `{text}`");
    in_child(0, || Ok(()))
}
