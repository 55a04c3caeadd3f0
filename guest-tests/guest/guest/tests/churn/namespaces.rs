//! Namespaces of each kind, made and left; each round looks whether it is alone in its own.

use alloc::format;

use super::driver::{Turn, churn};
use crate::files;
use crate::sys::{self, Errno, clone, sysv};
use crate::test_api::{Check, Ctx, OrStop as _, in_child};
use crate::tests::peer::Peer;
use crate::tests::{interface, scratch};

/// What an ID without a map shows as (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65_534;
const KEY: i32 = 0x6b72_0002;

/// Names set inside stay inside.
pub(super) fn one_uts(turn: &mut Turn) -> Check {
    let name = format!("kr-{}", turn.round);
    in_child(clone::NEWUTS, || {
        sys::sethostname(&name).or_fail("sethostname")?;
        sys::sched_yield();
        let found = sys::uname().or_fail("uname")?.nodename;
        ensure!(found == name, "a name set in a namespace of its own became `{found}`");
        Ok(())
    })?;
    let found = sys::uname().or_fail("uname")?.nodename;
    ensure!(found == "kr-host", "the name outside became `{found}`");
    Ok(())
}

pub(crate) fn uts(ctx: &Ctx) -> Check {
    sys::unshare(clone::NEWUTS).or_fail("unshare(CLONE_NEWUTS)")?;
    sys::sethostname("kr-host").or_fail("sethostname")?;
    churn(ctx, one_uts)
}

/// The same key is free in each, and what is left in it goes with it.
pub(super) fn one_ipc(_: &mut Turn) -> Check {
    in_child(clone::NEWIPC, || {
        let flags = sysv::CREAT | sysv::EXCL | 0o600;
        let segment = sys::shmget(KEY, 8192, flags).or_fail("shmget of a key that is free in a new namespace")?;
        let at = sys::shmat(segment).or_fail("shmat")?;
        // SAFETY: a mapping of two pages.
        unsafe { at.write_volatile(1) };
        sys::semget(KEY, 2, flags).or_fail("semget")?;
        sys::msgget(KEY, flags).map(drop).or_fail("msgget")
    })
}

pub(crate) fn ipc(ctx: &Ctx) -> Check {
    sys::unshare(clone::NEWIPC).or_fail("unshare(CLONE_NEWIPC)")?;
    churn(ctx, one_ipc)
}

/// Mounts made inside are not seen outside and go with the namespace.
pub(super) fn one_mount(turn: &mut Turn) -> Check {
    let depth = 1 + turn.random(4);
    in_child(clone::NEWNS, || {
        sys::mount("", "/", "", sys::ms::REC | sys::ms::PRIVATE, "").or_fail("make all mounts private")?;
        for level in 0..depth {
            scratch::tmpfs("/tmp")?;
            files::create("/tmp/level", &format!("{level}")).or_fail("make a file")?;
        }
        let level = files::read_text("/tmp/level").or_fail("read a file")?;
        ensure!(level == format!("{}", depth - 1), "the last mount is level {level} of {depth}");
        Ok(())
    })?;
    ensure!(!files::exists("/tmp/level"), "a mount of a namespace that is gone is seen outside");
    Ok(())
}

pub(crate) fn mount(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    churn(ctx, one_mount)
}

/// Init is PID 1 and its children follow; they end with it.
pub(super) fn one_pid(turn: &mut Turn) -> Check {
    let children = turn.random(6);
    in_child(clone::NEWPID, || {
        ensure!(sys::getpid() == 1, "init of a new PID namespace has PID {}", sys::getpid());
        for number in 0..children {
            let pid = sys::fork(0).or_fail("fork")?;
            if pid == 0 {
                if number % 2 == 0 {
                    sys::exit(0);
                }
                loop {
                    sys::sleep_ms(60_000);
                }
            }
            ensure!(pid == number as i32 + 2, "child {number} of a new PID namespace has PID {pid}");
        }
        Ok(())
    })
}

pub(crate) fn pid(ctx: &Ctx) -> Check {
    churn(ctx, one_pid)
}

/// A new network namespace has a loopback interface that is down and knows nothing of others.
pub(super) fn one_net(_: &mut Turn) -> Check {
    in_child(clone::NEWNET, || {
        let up = interface::is_up("lo").or_fail("look at lo")?;
        ensure!(!up, "lo of a new network namespace is up");
        interface::set_up("lo", true).or_fail("bring lo up")?;
        let mtu = interface::mtu("lo").or_fail("read the MTU of lo")?;
        interface::set_mtu("lo", mtu - 100).or_fail("set the MTU of lo")
    })
}

pub(crate) fn net(ctx: &Ctx) -> Check {
    churn(ctx, one_net)
}

/// A user without a map, mighty over what is made inside.
pub(super) fn one_user(_: &mut Turn) -> Check {
    in_child(clone::NEWUSER, || {
        ensure!(sys::getuid() == NOBODY, "in a new user namespace without a map this is user {}", sys::getuid());
        sys::unshare(clone::NEWUTS | clone::NEWNS).or_fail("unshare inside a user namespace")?;
        sys::sethostname("kr-inner").or_fail("sethostname inside a user namespace")
    })
}

pub(crate) fn user(ctx: &Ctx) -> Check {
    churn(ctx, one_user)
}

/// One end of a pair goes into a namespace that dies: both ends are gone.
pub(super) fn one_veth(turn: &mut Turn) -> Check {
    let (outer, inner) = (format!("kro{}", turn.round), format!("kri{}", turn.round));
    let peer = Peer::start(clone::NEWNET, |test| {
        test.say("born");
        test.hear()?;
        interface::set_address(&inner, [10, 98, 0, 2]).or_fail("give the inner end an address")?;
        interface::set_up(&inner, true).or_fail("bring the inner end up")
    })?;
    peer.hear()?;
    interface::make_veth(&outer, &inner).or_fail("make a veth pair")?;
    interface::move_to(&inner, peer.pid()).or_fail("move one end")?;
    interface::set_up(&outer, true).or_fail("bring the outer end up")?;
    let still = interface::exists(&inner).or_fail("look for the end that was moved")?;
    ensure!(!still, "an end that was moved into another namespace is here");
    peer.say("moved");
    peer.finish()?;
    if turn.random(2) == 0 {
        // Either the dying namespace is first, or this.
        match interface::delete(&outer) {
            Ok(()) | Err(Errno::ENODEV) => {}
            Err(errno) => fail!("delete the outer end: {errno}"),
        }
    }
    Ok(())
}

pub(crate) fn veth(ctx: &Ctx) -> Check {
    churn(ctx, one_veth)
}
