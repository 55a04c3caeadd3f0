//! What is done with a container that runs: entered, listened to, kept from writing, given another one to hold.

use alloc::format;

use super::promises;
use super::setup::{self, write};
use super::stage::{Container, IMAGE, Spec, Stage};
use crate::files;
use crate::sys::{self, End, Errno, Fd, clone, ms, nr, open};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::interface;
use crate::tests::peer::{Link, Peer};
use crate::tests::program;
use crate::tests::scratch::{folder, tmpfs};

fn spec() -> Spec {
    Spec::new(1, None)
}

fn stays(engine: &Link) -> Check {
    engine.hear().map(drop)
}

/// A process that enters all namespaces of a container sees what its init sees; its child is one of the container's.
pub(crate) fn entered_from_outside(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let spec = spec();
    let container = Container::start(&spec, None, stays)?;
    let pid = container.init.pid();
    in_child(0, || {
        let open = |kind: &str| {
            let path = format!("/proc/{pid}/ns/{kind}");
            sys::open(&path, open::RDONLY | open::CLOEXEC, 0).or_fail(&format!("open {path}"))
        };
        // The mount namespace last: /proc of the host is behind after it.
        let doors: [Fd; 5] = [open("ipc")?, open("uts")?, open("net")?, open("pid")?, open("mnt")?];
        for (door, kind) in doors.iter().zip(["ipc", "uts", "net", "pid", "mnt"]) {
            sys::setns(door, 0).or_fail(&format!("setns to the container's {kind} namespace"))?;
        }
        in_child(0, || inside(&spec))
    })?;
    container.kill()?;
    drop(container);
    stage.is_unharmed()
}

/// What one who has entered finds.
fn inside(spec: &Spec) -> Check {
    let name = sys::uname().or_fail("uname")?.nodename;
    ensure!(name == spec.host_name(), "who enters finds the name `{name}`");
    let own = sys::getpid();
    ensure!(own > 1, "who enters has PID {own}");
    let link = sys::readlink("/proc/self").or_fail("read /proc/self")?;
    ensure!(link == format!("{own}"), "PID {own} is {link} in the container's /proc");
    let there = interface::exists(&spec.inner_end()).or_fail("look for the wire")?;
    let outer = interface::exists(&spec.outer_end()).or_fail("look for the host's end")?;
    ensure!(there && !outer, "who enters finds its wire: {there}, the host's end: {outer}");
    sys::kill(1, 0).or_fail("signal 0 to the container's init")?;
    ensure!(!files::exists(super::stage::SECRET), "who enters still sees the host's files");
    promises::still_there()
}

/// A program as init speaks through pipes of the host, and its PID is 1.
pub(crate) fn program_speaks_through_pipes(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let mut spec = spec();
    spec.wired = false;
    let (input, to_program) = sys::pipe().or_fail("pipe")?;
    let (from_program, output) = sys::pipe().or_fail("pipe")?;
    let container = Container::start(&spec, None, |_| {
        program::install("/bin/program")?;
        program::set_pipes(&input, &output)?;
        let errno = program::become_program("/bin/program");
        fail!("execve in the container: {errno}")
    })?;
    drop((input, output));
    let told = sys::read(&from_program, &mut [0]).or_fail("read what the program says")?;
    ensure!(told == 1, "the program ended without a word");
    sys::write_all(to_program.raw(), b"x").or_fail("tell the program to end")?;
    let end = container.init.end()?;
    ensure!(end == End::Exit(1), "the program tells its PID, which is 1, by its exit code: {end}");
    let more = sys::read(&from_program, &mut [0]).or_fail("read on")?;
    ensure!(more == 0, "the container is gone and its pipe is open");
    stage.is_unharmed()
}

/// Nothing is written to a read-only root, `/tmp` and `/dev/shm` can be, and no program inside can change that.
pub(crate) fn read_only_root(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let mut spec = spec();
    spec.wired = false;
    spec.read_only = true;
    let container = Container::start(&spec, None, |_| {
        let made = write("/etc/own", "x");
        ensure!(made == Err(Errno::EROFS), "a file made on a read-only root: {made:?}, not EROFS");
        let changed = sys::unlink("/etc/image");
        ensure!(changed == Err(Errno::EROFS), "a file removed from a read-only root: {changed:?}, not EROFS");
        for path in ["/tmp/own", "/dev/shm/own"] {
            write(path, "own").or_fail(&format!("make {path}"))?;
            let text = files::read_text(path).or_fail(&format!("read {path}"))?;
            ensure!(text == "own", "{path} holds `{text}`");
        }
        let remounted = sys::mount("", "/", "", ms::REMOUNT | ms::BIND, "");
        ensure!(remounted == Err(Errno::EPERM), "a remount inside: {remounted:?}, not EPERM");
        promises::all(&spec)
    })?;
    container.init.finish()?;
    stage.is_unharmed()
}

/// Root of a container's user namespace makes a container in it, with a root, names and processes of its own.
pub(crate) fn holds_another(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let mut spec = spec();
    spec.flags |= clone::NEWUSER;
    spec.mighty = true;
    let container = Container::start(&spec, None, |engine| {
        // It became another user, so its memory, and that of what it forks, was root's of the machine in /proc.
        const PR_SET_DUMPABLE: i32 = 4;
        sys::prctl(PR_SET_DUMPABLE, 1).or_fail("prctl(PR_SET_DUMPABLE)")?;
        let flags = spec.flags & !clone::NEWNET;
        let inner = Peer::start(flags, |outer| {
            outer.say("born");
            outer.hear()?;
            nested(outer)
        })?;
        inner.hear()?;
        for file in ["uid_map", "gid_map"] {
            let path = format!("/proc/{}/{file}", inner.pid());
            files::write(&path, "0 10 1000\n").or_fail(&format!("write {path}"))?;
        }
        inner.ask("mapped")?;
        let name = sys::uname().or_fail("uname")?.nodename;
        ensure!(name == spec.host_name(), "the inner container renamed the outer one to `{name}`");
        let status = files::read_text(&format!("/proc/{}/status", inner.pid())).or_fail("read its status")?;
        ensure!(status.contains("\nUid:\t10\t10\t10\t10\n"), "root of the inner container is not user 10 in the outer");
        inner.say("end");
        inner.finish()?;
        engine.say("done");
        stays(engine)
    })?;
    container.init.hear()?;
    container.kill()?;
    drop(container);
    let text = files::read_text(&format!("{IMAGE}/etc/image")).or_fail("read the image")?;
    ensure!(text == super::stage::IMAGE_TEXT, "the image was changed: `{text}`");
    stage.is_unharmed()
}

/// The inner container makes itself a root and looks around.
fn nested(outer: &Link) -> Check {
    sys::plain(nr::SETRESGID, [0, 0, 0]).or_fail("become the group root inside")?;
    sys::plain(nr::SETRESUID, [0, 0, 0]).or_fail("become root inside")?;
    ensure!(sys::getpid() == 1, "init of the inner container has PID {}", sys::getpid());
    sys::sethostname("kr-inner").or_fail("sethostname")?;
    tmpfs("/tmp")?;
    for path in ["/tmp/old", "/tmp/etc"] {
        folder(path)?;
    }
    write("/tmp/etc/inner", "inner").or_fail("make a file in the inner root")?;
    sys::chdir("/tmp").or_fail("chdir to the inner root")?;
    sys::pivot_root("/tmp", "/tmp/old").or_fail("pivot_root in the inner container")?;
    sys::chdir("/").or_fail("chdir to the inner root")?;
    sys::umount("/old", sys::MNT_DETACH).or_fail("detach the outer root")?;
    ensure!(files::exists("/etc/inner"), "the inner root is not the root");
    ensure!(!files::exists("/etc/image"), "the inner container sees the outer one's files");
    setup::give_up()?;
    let made = sys::mount("none", "/old", "tmpfs", 0, "");
    ensure!(made == Err(Errno::EPERM), "mount inside, without the capability: {made:?}, not EPERM");
    outer.say("looked");
    outer.hear().map(drop)
}
