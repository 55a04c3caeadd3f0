//! Control groups made, entered, left and removed, in both hierarchies; and their namespaces.

use alloc::format;
use alloc::string::String;

use super::driver::{Turn, churn};
use crate::files;
use crate::sys::{self, clone};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::cgroup::{Group, v1, v2};
use crate::tests::peer::Peer;
use crate::tests::scratch;

fn name(turn: &Turn) -> String {
    format!("kr-{}", turn.round)
}

/// A group with groups below it; a member is in the one it was moved to last, and all go when it has ended.
fn one(root: &Group, turn: &mut Turn, hierarchy: &str) -> Check {
    let name = name(turn);
    let group = root.child(&name)?;
    let below =
        (0..1 + turn.random(3)).map(|n| group.child(&format!("{n}"))).collect::<Result<alloc::vec::Vec<_>, _>>()?;
    let last = turn.random(below.len() as u64) as usize;
    let member = Peer::start(0, |test| {
        test.say("born");
        test.hear()?;
        let all = files::read_text("/proc/self/cgroup").or_fail("read /proc/self/cgroup")?;
        let line = all.lines().find(|line| line.contains(hierarchy)).unwrap_or_default();
        ensure!(line.ends_with(&format!("/{name}/{last}")), "a member of {name}/{last} is told `{line}`");
        Ok(())
    })?;
    member.hear()?;
    for group in &below {
        group.adopt(member.pid())?;
    }
    below[last].adopt(member.pid())?;
    member.say("look");
    member.finish()
}

pub(crate) fn version_1(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v1::mount("freezer")?;
    churn(ctx, |turn| one(&root, turn, ":freezer:"))
}

pub(crate) fn version_2(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    churn(ctx, |turn| one(&root, turn, "0::"))
}

/// A namespace whose root is the group it was made in.
pub(crate) fn namespaces(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    let root = v2::mount()?;
    churn(ctx, |turn| {
        let group = root.child(&name(turn))?;
        in_child(0, || {
            group.join()?;
            sys::unshare(clone::NEWCGROUP).or_fail("unshare(CLONE_NEWCGROUP)")?;
            let all = files::read_text("/proc/self/cgroup").or_fail("read /proc/self/cgroup")?;
            ensure!(all.lines().any(|line| line == "0::/"), "inside its namespace the own group is `{}`", all.trim());
            Ok(())
        })
    })
}
