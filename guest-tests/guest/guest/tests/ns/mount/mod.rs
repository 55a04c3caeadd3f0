//! Mount namespaces: what spreads between them, what a tree of mounts does, and the calls that build one.
//!
//! A mount is known by a marker file in it, so that what counts is what a path leads to and not what a list says.

pub(crate) mod api;
mod elf;
pub(crate) mod flags;
pub(crate) mod mountinfo;
pub(crate) mod propagation;
pub(crate) mod tree;
pub(crate) mod unmount;
pub(crate) mod user;

use alloc::format;

use crate::files;
use crate::sys::{self, Errno, ms};
use crate::test_api::{Check, OrStop as _};
use crate::tests::scratch::{self, folder, tmpfs};

/// The mount under which both sides mount; its propagation is what a test is about.
const BASE: &str = "/tmp/base";
const IN: &str = "/tmp/base/in";
const OUT: &str = "/tmp/base/out";
const IN_MARK: &str = "/tmp/base/in/marker";
const OUT_MARK: &str = "/tmp/base/out/marker";

/// A second place for the tree of [`BASE`].
const COPY: &str = "/tmp/copy";

/// Own mounts, and [`BASE`] mounted with two folders to mount on.
fn stage(propagation: usize) -> Check {
    scratch::own_mounts()?;
    folder(BASE)?;
    tmpfs(BASE)?;
    set_propagation(BASE, propagation)?;
    folder(IN)?;
    folder(OUT)?;
    folder(COPY)
}

fn set_propagation(at: &str, propagation: usize) -> Check {
    sys::mount("", at, "", propagation, "").or_fail(&format!("set propagation {propagation:#x} of {at}"))
}

fn bind(from: &str, to: &str) -> Check {
    sys::mount(from, to, "", ms::BIND, "").or_fail(&format!("bind {from} to {to}"))
}

/// `what` has to be refused with just that error.
fn refused(result: Result<(), Errno>, expected: Errno, what: &str) -> Check {
    match result {
        Err(errno) if errno == expected => Ok(()),
        Ok(()) => fail!("{what}: agreed to, not {expected}"),
        Err(errno) => fail!("{what}: {errno}, not {expected}"),
    }
}

fn must_exist(path: &str, what: &str) -> Check {
    ensure!(files::exists(path), "{what}: {path} is not there");
    Ok(())
}

fn must_be_absent(path: &str, what: &str) -> Check {
    ensure!(!files::exists(path), "{what}: {path} is there");
    Ok(())
}
