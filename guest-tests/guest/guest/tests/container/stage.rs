//! What stands outside of containers: an image, groups, wires; and the container as its engine sees it.

use alloc::format;
use alloc::string::String;

use super::limits::Held;
use super::setup;
use crate::files;
use crate::sys::{self, Fd, clone, inet_address, net};
use crate::test_api::{Check, OrStop as _, Stop, time_left};
use crate::tests::cgroup::Group;
use crate::tests::interface;
use crate::tests::peer::{Link, Peer};
use crate::tests::scratch::{self, folder};

/// The namespaces of 2.6.32.
pub(super) const CLASSIC: usize = clone::NEWNS | clone::NEWPID | clone::NEWUTS | clone::NEWIPC | clone::NEWNET;

/// The files that every container starts from, which none may change.
pub(crate) const IMAGE: &str = "/tmp/image";
/// What `etc/image` in it holds.
pub(crate) const IMAGE_TEXT: &str = "from the image";
/// Folders of the image.
pub(super) const FOLDERS: &[&str] = &["proc", "dev", "tmp", "old", "etc", "bin"];
/// A file of the host that no container may see.
pub(super) const SECRET: &str = "/tmp/secret";
/// Key of a segment of shared memory of the host.
pub(super) const HOST_KEY: i32 = 0x6b72_0001;
/// Where containers send to.
pub(super) const PORT: u16 = 7_007;

/// What a container's root is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// A copy of the image on a tmpfs.
    Bound,
    /// A union of the image and an empty layer: file system type and whether it wants a folder to work in.
    Overlay,
    OverlayfsUbuntu,
    Aufs,
}

/// What a container is to be.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    /// Names and addresses follow from it.
    pub(super) number: u32,
    pub(super) flags: usize,
    pub(super) root: Root,
    /// With a wire to the host.
    pub(super) wired: bool,
    pub(super) read_only: bool,
    /// `no_new_privs` and a filter.
    pub(super) sealed: bool,
    /// Root inside keeps its capabilities.
    pub(super) mighty: bool,
    /// What its group holds it by, if it is in one.
    pub(super) held: Option<Held>,
}

impl Spec {
    /// The classic container.
    pub(super) fn new(number: u32, held: Option<Held>) -> Spec {
        let root = Root::Bound;
        Spec { number, flags: CLASSIC, root, wired: true, read_only: false, sealed: false, mighty: false, held }
    }

    pub(super) fn host_name(&self) -> String {
        format!("kr-{}", self.number)
    }

    pub(super) fn outer_end(&self) -> String {
        format!("krh{}", self.number)
    }

    pub(super) fn inner_end(&self) -> String {
        format!("krc{}", self.number)
    }

    pub(super) fn address(&self, last: u8) -> [u8; 4] {
        [10, 99, (self.number % 250) as u8, last]
    }

    pub(super) fn has(&self, namespace: usize) -> bool {
        self.flags & namespace != 0
    }
}

/// The host's side: image and what no container may see. The segment goes when it is dropped.
pub(super) struct Stage {
    segment: i32,
}

impl Stage {
    /// Sets all up in a mount and UTS namespace of the test's own.
    pub(super) fn set() -> Result<Stage, Stop> {
        scratch::own_mounts()?;
        sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
        sys::sethostname("kr-host").or_fail("sethostname")?;
        for path in [IMAGE, "/tmp/c"] {
            folder(path)?;
        }
        fill(IMAGE)?;
        files::create(SECRET, "of the host").or_fail("make a file of the host")?;
        let segment = sys::shmget(HOST_KEY, 4096, sys::sysv::CREAT | sys::sysv::EXCL | 0o600);
        Ok(Stage { segment: segment.or_fail("shmget on the host")? })
    }

    /// The host is as it was: containers changed nothing of it.
    pub(super) fn is_unharmed(&self) -> Check {
        let name = sys::uname().or_fail("uname")?.nodename;
        ensure!(name == "kr-host", "the host's name became `{name}`");
        let text = files::read_text(&format!("{IMAGE}/etc/image")).or_fail("read the image")?;
        ensure!(text == IMAGE_TEXT, "the image was changed: `{text}`");
        let names = sys::list(&format!("{IMAGE}/etc")).or_fail("list the image")?;
        ensure!(names == ["image"], "the image has {names:?} in etc");
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = sys::shm_remove(self.segment);
    }
}

/// Makes the image's folders and its file below a path.
pub(crate) fn fill(path: &str) -> Check {
    for name in FOLDERS {
        folder(&format!("{path}/{name}"))?;
    }
    files::create(&format!("{path}/etc/image"), IMAGE_TEXT).or_fail("make a file of the image")
}

/// A container that runs; killed, reaped and its group removed when dropped.
pub(super) struct Container {
    pub(super) init: Peer,
    port: Option<Fd>,
    group: Option<Group>,
}

impl Container {
    /// Makes a container, in that group if one is given, and has its init run `payload`.
    pub(super) fn start(
        spec: &Spec,
        group: Option<Group>,
        payload: impl FnOnce(&Link) -> Check,
    ) -> Result<Container, Stop> {
        let init = Peer::start(spec.flags & !clone::NEWCGROUP, |engine| {
            engine.say("born");
            engine.hear()?;
            setup::build(spec)?;
            engine.say("built");
            engine.hear()?;
            setup::finish(spec)?;
            engine.say("up");
            payload(engine)
        })?;
        init.hear()?;
        if spec.has(clone::NEWUSER) {
            map_users(init.pid())?;
        }
        let port = spec.wired.then(|| wire(spec, init.pid())).transpose()?;
        init.ask("build")?;
        let container = Container { init, port, group };
        if let Some(group) = &container.group {
            group.adopt(container.init.pid())?;
        }
        container.init.ask("finish")?;
        Ok(container)
    }

    /// What the container sent over its wire.
    pub(super) fn received(&self) -> Result<String, Stop> {
        let Some(port) = &self.port else { return Err(Stop::Fail("this container has no wire".into())) };
        let left = time_left().saturating_sub(1_000).min(10_000) as i32;
        ensure!(sys::readable(port, left).or_fail("poll")?, "nothing came over the container's wire");
        let mut buffer = [0; 64];
        let n = sys::recv(port, &mut buffer, 0).or_fail("recv")?;
        Ok(String::from_utf8_lossy(&buffer[..n]).into_owned())
    }

    /// Kills its init; all of it is gone afterwards.
    pub(super) fn kill(&self) -> Check {
        sys::kill(self.init.pid(), sys::sig::KILL).or_fail("kill the container's init")?;
        let end = self.init.death()?;
        ensure!(end == sys::End::Signal(sys::sig::KILL), "the killed init {end}");
        Ok(())
    }
}

/// A pair whose one end is in the container; the host listens on the other.
fn wire(spec: &Spec, init: i32) -> Result<Fd, Stop> {
    let (outer, inner) = (spec.outer_end(), spec.inner_end());
    interface::make_veth(&outer, &inner).or_fail("make a veth pair")?;
    interface::move_to(&inner, init).or_fail("move one end into the container")?;
    interface::set_address(&outer, spec.address(1)).or_fail("give the outer end an address")?;
    interface::set_up(&outer, true).or_fail("bring the outer end up")?;
    let socket = sys::socket(net::AF_INET, net::DGRAM | net::CLOEXEC, 0).or_fail("socket")?;
    sys::bind(&socket, &inet_address(spec.address(1), PORT)).or_fail("bind on the outer end")?;
    Ok(socket)
}

/// Root inside is the user 100000 outside.
pub(super) fn map_users(pid: i32) -> Check {
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{pid}/{file}");
        files::write(&path, "0 100000 65536\n").or_fail(&format!("write {path}"))?;
    }
    Ok(())
}
