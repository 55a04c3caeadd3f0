//! Cgroup namespaces: the root that /proc/PID/cgroup shows.

use alloc::format;
use alloc::string::{String, ToString as _};

use crate::files;
use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, Entry, OrStop as _, Stop};
use crate::tests::cgroup::v2;
use crate::tests::peer::Peer;
use crate::tests::scratch;

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[("ns::cgroup::own_cgroup_is_the_root", own_cgroup_is_the_root)];

/// The path of a process in the v2 hierarchy as /proc shows it to this one.
fn path_of(process: &str) -> Result<String, Stop> {
    let text = files::read_text(&format!("/proc/{process}/cgroup")).or_fail(&format!("read /proc/{process}/cgroup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("0::"));
    line.map(|path| path.to_string())
        .ok_or_else(|| Stop::Fail(format!("no line of the v2 hierarchy in /proc/{process}/cgroup: {text:?}")))
}

/// Inside a cgroup namespace its own cgroup is `/` and a mount shows just its subtree; outside the path is whole.
pub(crate) fn own_cgroup_is_the_root(_: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    let group = root.child("kr-cgroupns")?;
    let peer = Peer::start(0, |test| {
        group.join()?;
        let before = path_of("self")?;
        ensure!(before == "/kr-cgroupns", "before unshare the own cgroup is `{before}`");
        sys::unshare(clone::NEWCGROUP).or_absent("unshare(CLONE_NEWCGROUP)")?;
        let (own, outer) = (path_of("self")?, path_of("1")?);
        ensure!(own == "/", "inside the own cgroup shows as `{own}`, not `/`");
        ensure!(outer == "/..", "inside the cgroup of PID 1 shows as `{outer}`, not `/..`");
        mount_shows_the_subtree()?;
        test.say("looked");
        test.hear().map(drop)
    })?;
    peer.hear()?;
    let (from_outside, own) = (path_of(&peer.pid().to_string())?, path_of("self")?);
    ensure!(from_outside == "/kr-cgroupns", "outside the cgroup inside shows as `{from_outside}`");
    ensure!(own == "/", "the test's own cgroup shows as `{own}` after a child's unshare");
    peer.say("go");
    peer.finish()
}

/// A mount made inside has the namespace's root for its root, which holds this process and no other folder.
fn mount_shows_the_subtree() -> Check {
    sys::unshare(clone::NEWNS).or_fail("unshare(CLONE_NEWNS) inside")?;
    scratch::folder("/tmp/inside")?;
    sys::mount("cgroup2", "/tmp/inside", "cgroup2", 0, "").or_fail("mount cgroup2 inside")?;
    ensure!(!files::exists("/tmp/inside/kr-cgroupns"), "a mount made inside shows the whole hierarchy");
    let members = files::read_text("/tmp/inside/cgroup.procs").or_fail("read cgroup.procs inside")?;
    let own = sys::getpid();
    ensure!(members.trim() == own.to_string(), "the root inside holds {members:?}, not just process {own}");
    Ok(())
}
