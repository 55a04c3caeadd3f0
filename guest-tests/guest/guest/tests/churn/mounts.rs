//! Unions and trees of mounts, put together and taken apart.

use alloc::format;

use super::driver::{Turn, churn};
use crate::files;
use crate::sys::{self, Errno, clone, ms};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::scratch::{self, folder, tmpfs};

/// A union on a tmpfs of the worker's own: a file of the lower layer is changed, another removed, one made.
fn one_union(turn: &mut Turn, kind: &str, options: &str) -> Check {
    let text = format!("round {}", turn.round);
    in_child(clone::NEWNS, || {
        tmpfs("/tmp/own")?;
        for path in ["/tmp/own/upper", "/tmp/own/work", "/tmp/own/merged"] {
            folder(path)?;
        }
        sys::mount("none", "/tmp/own/merged", kind, 0, options).or_absent(&format!("mount {kind}"))?;
        let read = |path: &str| files::read_text(path).or_fail(&format!("read {path}"));
        ensure!(read("/tmp/own/merged/file")? == "lower", "the union does not show the lower layer's file");
        files::create("/tmp/own/merged/file", &text).or_fail("change a file through the union")?;
        sys::unlink("/tmp/own/merged/other").or_fail("remove a file through the union")?;
        files::create("/tmp/own/merged/new", &text).or_fail("make a file through the union")?;
        ensure!(read("/tmp/own/merged/file")? == text, "the union does not show what was written");
        ensure!(!files::exists("/tmp/own/merged/other"), "the union shows a file that was removed");
        if text.len() % 2 == 0 {
            return Ok(());
        }
        sys::umount("/tmp/own/merged", 0).or_fail(&format!("unmount {kind}"))
    })?;
    let lower = files::read_text("/tmp/lower/file").or_fail("read the lower layer")?;
    ensure!(lower == "lower" && files::exists("/tmp/lower/other"), "the lower layer was changed: `{lower}`");
    Ok(())
}

fn union(ctx: &Ctx, kind: &str, options: &str) -> Check {
    scratch::own_mounts()?;
    for path in ["/tmp/lower", "/tmp/own"] {
        folder(path)?;
    }
    for (path, text) in [("/tmp/lower/file", "lower"), ("/tmp/lower/other", "other")] {
        files::create(path, text).or_fail("make a file in the lower layer")?;
    }
    churn(ctx, |turn| one_union(turn, kind, options))
}

pub(crate) fn overlay(ctx: &Ctx) -> Check {
    union(ctx, "overlay", "lowerdir=/tmp/lower,upperdir=/tmp/own/upper,workdir=/tmp/own/work")
}

pub(crate) fn overlayfs_ubuntu(ctx: &Ctx) -> Check {
    union(ctx, "overlayfs", "lowerdir=/tmp/lower,upperdir=/tmp/own/upper")
}

pub(crate) fn aufs(ctx: &Ctx) -> Check {
    union(ctx, "aufs", "br=/tmp/own/upper=rw:/tmp/lower=ro")
}

/// A shared tree with a peer and a slave namespace: what is mounted in it arrives, what is mounted in the slave stays
/// there, and unmounting takes all of it away.
pub(super) fn one_tree(turn: &mut Turn) -> Check {
    let at = format!("/tmp/tree{}", turn.worker);
    let (inner, slaves) = (format!("{at}/in"), 1 + turn.random(3));
    in_child(clone::NEWNS, || {
        folder(&at)?;
        tmpfs(&at)?;
        sys::mount("", &at, "", ms::SHARED, "").or_fail("make a mount shared")?;
        folder(&inner)?;
        for number in 0..slaves {
            let copy = format!("{at}-{number}");
            folder(&copy)?;
            sys::mount(&at, &copy, "", ms::BIND, "").or_fail("bind")?;
            if number > 0 {
                sys::mount("", &copy, "", ms::SLAVE, "").or_fail("make a mount a slave")?;
            }
        }
        tmpfs(&inner)?;
        files::create(&format!("{inner}/mark"), "").or_fail("make a file")?;
        for number in 0..slaves {
            let mark = format!("{at}-{number}/in/mark");
            ensure!(files::exists(&mark), "a mount in a shared tree did not arrive at {mark}");
        }
        let last = format!("{at}-{}/in", slaves - 1);
        tmpfs(&last)?;
        let seen = files::exists(&format!("{inner}/mark"));
        ensure!(seen == (slaves > 1), "a mount in copy {} is seen in the first: {}", slaves - 1, !seen);
        match sys::umount(&inner, sys::MNT_DETACH) {
            Ok(()) => {}
            Err(errno) => fail!("detach in a shared tree: {errno}"),
        }
        Ok(())
    })?;
    for number in 0..slaves {
        match sys::rmdir(&format!("{at}-{number}")) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => fail!("remove a copy's place after its namespace is gone: {errno}"),
        }
    }
    Ok(())
}

pub(crate) fn propagation(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    churn(ctx, one_tree)
}
