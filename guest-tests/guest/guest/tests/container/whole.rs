//! Containers from first to last: made, all promises kept, killed from outside, gone. One test for each kind of root and
//! for each thing that later kernels add.

use alloc::format;

use super::limits::Limits;
use super::promises;
use super::stage::{Container, Root, Spec, Stage};
use crate::files;
use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::census::Census;

/// A container that keeps all promises is looked at from outside too, then killed; nothing of it is left.
pub(super) fn whole(limits: &Limits, spec: &Spec) -> Check {
    let group = limits.group(&format!("kr-{}", spec.number))?;
    let container = Container::start(spec, Some(group), |engine| promises::all_and_stay(spec, engine))?;
    container.init.hear()?;
    let name = container.received()?;
    ensure!(name == spec.host_name(), "what came over the wire is `{name}`");
    container.kill()
}

/// Sets the stage, runs one container as `change` makes it, and looks for what is left.
fn one(change: impl FnOnce(&mut Spec)) -> Check {
    let stage = Stage::set()?;
    let limits = Limits::mount()?;
    let before = Census::take()?;
    let mut spec = Spec::new(1, limits.held());
    change(&mut spec);
    whole(&limits, &spec)?;
    stage.is_unharmed()?;
    before.is_kept()
}

pub(crate) fn on_a_bound_folder(_: &Ctx) -> Check {
    one(|_| {})
}

pub(crate) fn on_overlay(_: &Ctx) -> Check {
    one(|spec| spec.root = Root::Overlay)
}

pub(crate) fn on_overlayfs_ubuntu(_: &Ctx) -> Check {
    one(|spec| spec.root = Root::OverlayfsUbuntu)
}

pub(crate) fn on_aufs(_: &Ctx) -> Check {
    one(|spec| spec.root = Root::Aufs)
}

/// Root inside is a user outside, and still all promises hold.
pub(crate) fn with_a_user_namespace(_: &Ctx) -> Check {
    let stage = Stage::set()?;
    let limits = Limits::mount()?;
    let before = Census::take()?;
    let mut spec = Spec::new(1, limits.held());
    spec.flags |= clone::NEWUSER;
    let container = Container::start(&spec, Some(limits.group("kr-1")?), |engine| {
        ensure!((sys::getuid(), sys::getgid()) == (0, 0), "root inside is user {} to itself", sys::getuid());
        promises::all_and_stay(&spec, engine)
    })?;
    container.init.hear()?;
    container.received()?;
    let path = format!("/proc/{}/status", container.init.pid());
    let status = files::read_text(&path).or_fail(&format!("read {path}"))?;
    ensure!(status.contains("\nUid:\t100000\t100000\t100000\t100000\n"), "root inside is not user 100000 outside");
    container.kill()?;
    drop(container);
    stage.is_unharmed()?;
    before.is_kept()
}

/// The container's own group is the root to it, in the hierarchy that holds it.
pub(crate) fn with_a_cgroup_namespace(_: &Ctx) -> Check {
    let _stage = Stage::set()?;
    let limits = Limits::mount()?;
    let mut spec = Spec::new(1, limits.held());
    spec.flags |= clone::NEWCGROUP;
    let container = Container::start(&spec, Some(limits.group("kr-1")?), |engine| {
        let groups = promises::groups()?;
        ensure!(!groups.contains("kr-1"), "inside its cgroup namespace the container sees `{}`", groups.trim());
        promises::all_and_stay(&spec, engine)
    })?;
    container.init.hear()?;
    let path = format!("/proc/{}/cgroup", container.init.pid());
    let outside = files::read_text(&path).or_fail(&format!("read {path}"))?;
    ensure!(outside.lines().any(|line| line.ends_with(":/kr-1")), "outside, the container is in `{}`", outside.trim());
    container.kill()
}

/// A container that thinks it was booted long ago. Its other clocks stay: tests look at them for their deadline.
pub(crate) fn with_a_clock_of_its_own(_: &Ctx) -> Check {
    const LATER: u64 = 1_000_000;
    const BOOTTIME: u32 = 7;
    let _stage = Stage::set()?;
    let limits = Limits::mount()?;
    let outside = promises::uptime_s()?;
    // The children of whoever unshares are in the new namespace: so one in between, which has the container.
    in_child(0, || {
        sys::unshare(clone::NEWTIME).or_absent("unshare(CLONE_NEWTIME)")?;
        files::write("/proc/self/timens_offsets", &format!("{BOOTTIME} {LATER} 0\n"))
            .or_fail("write timens_offsets")?;
        let spec = Spec::new(1, limits.held());
        let container = Container::start(&spec, Some(limits.group("kr-1")?), |engine| {
            let inside = promises::uptime_s()?;
            ensure!(
                inside >= outside + LATER,
                "{outside} s outside are {inside} s inside, with an offset of {LATER} s"
            );
            promises::all_and_stay(&spec, engine)
        })?;
        container.init.hear()?;
        container.kill()
    })?;
    let after = promises::uptime_s()?;
    ensure!(after < LATER, "the clock outside moved too: {outside} s, then {after} s");
    Ok(())
}

/// With `no_new_privs` and a filter set last.
pub(crate) fn sealed_by_seccomp(_: &Ctx) -> Check {
    one(|spec| spec.sealed = true)
}
