//! The kinds of namespaces: how one is made that can be told from others, and how it is told.

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::files;
use crate::sys::{self, End, Errno, clone, nr};
use crate::test_api::{Check, OrStop as _, Stop};
use crate::tests::cgroup::v2;
use crate::tests::interface;
use crate::tests::ns::uts::{hostname, set_hostname};
use crate::tests::peer::Peer;
use crate::tests::scratch::{self, folder, marked_tmpfs};

/// A kind of namespace.
pub(super) struct Kind {
    /// Its file in `/proc/PID/ns`.
    pub(super) file: &'static str,
    /// Its type, as `clone` and `setns` name it.
    pub(super) flag: usize,
    /// Makes the namespace that the caller is in one that [`Kind::seen`] knows.
    mark: fn() -> Check,
    /// Whether the caller is in a namespace that was marked.
    pub(super) seen: fn() -> Result<bool, Stop>,
}

impl Kind {
    /// Marks the caller's.
    pub(super) fn marked(&self) -> Check {
        (self.mark)()
    }
}

const KEY: i32 = 0x6b72_0001;
const IPC_CREAT: i32 = 0o1000;
const MTU: i32 = 11_111;
const MARK: &str = "/tmp/in/marker";
const FIRST_ID: &str = "5000";
const LATER_S: u64 = 50_000_000;

pub(super) const UTS: Kind =
    Kind { file: "uts", flag: clone::NEWUTS, mark: || set_hostname("inside"), seen: || Ok(hostname()? == "inside") };

pub(super) const IPC: Kind = Kind {
    file: "ipc",
    flag: clone::NEWIPC,
    mark: || sys::msgget(KEY, IPC_CREAT | 0o600).map(drop).or_fail("msgget"),
    seen: || Ok(sys::msgget(KEY, 0).is_ok()),
};

pub(super) const NET: Kind = Kind {
    file: "net",
    flag: clone::NEWNET,
    mark: || interface::set_mtu("lo", MTU).or_fail("set the MTU of lo"),
    seen: || Ok(interface::mtu("lo").or_fail("read the MTU of lo")? == MTU),
};

pub(super) const MNT: Kind = Kind {
    file: "mnt",
    flag: clone::NEWNS,
    mark: || marked_tmpfs("/tmp/in", "marker"),
    seen: || Ok(files::exists(MARK)),
};

pub(super) const PID: Kind = Kind {
    file: "pid",
    flag: clone::NEWPID,
    mark: || Ok(()),
    // A child whose parent is in another PID namespace has none.
    seen: || child_says(|| sys::getppid() == 0),
};

pub(super) const USER: Kind = Kind {
    file: "user",
    flag: clone::NEWUSER,
    mark: || Ok(()),
    seen: || {
        let map = files::read_text("/proc/self/uid_map").or_fail("read the map")?;
        Ok(map.split_whitespace().nth(1) == Some(FIRST_ID))
    },
};

pub(super) const CGROUP: Kind = Kind {
    file: "cgroup",
    flag: clone::NEWCGROUP,
    mark: || Ok(()),
    // Above the root of a namespace that has its root further down.
    seen: || Ok(files::read_text("/proc/self/cgroup").or_fail("read the cgroup")?.contains("0::/..")),
};

pub(super) const TIME: Kind = Kind {
    file: "time",
    flag: clone::NEWTIME,
    mark: || Ok(()),
    seen: || {
        const BOOTTIME: usize = 7;
        let mut time = [0u64; 2];
        // SAFETY: room for a struct timespec.
        unsafe { sys::call(nr::CLOCK_GETTIME, [BOOTTIME, time.as_mut_ptr() as usize]) }.or_fail("clock_gettime")?;
        Ok(time[0] >= LATER_S)
    },
};

/// All of them.
pub(super) const ALL: &[Kind] = &[UTS, IPC, NET, MNT, PID, USER, CGROUP, TIME];

/// Asks a child, by its exit code. `ENOMEM` is what a PID namespace without an init answers.
fn child_says(yes: impl FnOnce() -> bool) -> Result<bool, Stop> {
    let pid = match sys::fork(0) {
        Err(Errno::ENOMEM) => return Err(Stop::Fail(NO_CHILD.into())),
        other => other.or_fail("fork")?,
    };
    if pid == 0 {
        sys::exit(i32::from(yes()));
    }
    let end = sys::wait(pid, 0).or_fail("wait for a child")?;
    Ok(matches!(end, Some((_, End::Exit(1)))))
}

/// What a fork comes to in a PID namespace whose init is dead.
pub(super) const NO_CHILD: &str = "fork: ENOMEM";

/// A process in a marked namespace of its own.
pub(super) struct Owner {
    peer: Peer,
    pid: String,
    /// Its cgroup is removed when nothing is in it any more.
    _cgroup: Option<(crate::tests::cgroup::Group, v2::Root)>,
}

impl Owner {
    /// Starts one. Its test has to have [`scratch::own_mounts`].
    pub(super) fn start(kind: &Kind) -> Result<Owner, Stop> {
        match kind.file {
            "cgroup" => Owner::in_cgroup(),
            "time" => Owner::in_time(),
            _ => {
                folder("/tmp/in")?;
                let peer = Peer::start(kind.flag, |test| {
                    kind.marked()?;
                    test.say("marked");
                    test.hear().map(drop)
                })?;
                peer.hear()?;
                if kind.flag == clone::NEWUSER {
                    write_maps(&peer)?;
                }
                Ok(Owner { pid: peer.pid().to_string(), peer, _cgroup: None })
            }
        }
    }

    fn in_cgroup() -> Result<Owner, Stop> {
        let root = v2::mount()?;
        let group = root.child("kr-setns")?;
        let peer = Peer::start(0, |test| {
            group.join()?;
            sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
            test.say("marked");
            test.hear().map(drop)
        })?;
        peer.hear()?;
        Ok(Owner { pid: peer.pid().to_string(), peer, _cgroup: Some((group, root)) })
    }

    /// Who makes a time namespace is not in it, its next child is; offsets are set before there is one.
    fn in_time() -> Result<Owner, Stop> {
        let peer = Peer::start(0, |test| {
            sys::unshare(clone::NEWTIME).or_absent("unshare(CLONE_NEWTIME)")?;
            files::write("/proc/self/timens_offsets", &format!("boottime {LATER_S} 0\n")).or_fail("set the offset")?;
            let first = Peer::start(0, |maker| {
                maker.say("born");
                maker.hear().map(drop)
            })?;
            first.hear()?;
            test.say(&first.pid().to_string());
            test.hear()?;
            first.say("go");
            first.finish()
        })?;
        let pid = peer.hear()?;
        Ok(Owner { peer, pid, _cgroup: None })
    }

    /// Number of the process that is in the namespace.
    pub(super) fn pid(&self) -> &str {
        &self.pid
    }

    /// Lets it end; what it was in has no process then.
    pub(super) fn end(self) -> Check {
        self.peer.say("go");
        self.peer.finish()
    }
}

/// Gives a user namespace its map; [`USER`] knows it by that.
pub(super) fn write_maps(peer: &Peer) -> Check {
    for file in ["gid_map", "uid_map"] {
        let path = format!("/proc/{}/{file}", peer.pid());
        files::write(&path, &format!("0 {FIRST_ID} 10\n")).or_fail(&format!("write {path}"))?;
    }
    Ok(())
}

/// The test's own mounts, and no mark of its own.
pub(super) fn stage(kind: &Kind) -> Check {
    scratch::own_mounts()?;
    ensure!(!(kind.seen)()?, "the test's own {} namespace has the mark", kind.file);
    Ok(())
}
