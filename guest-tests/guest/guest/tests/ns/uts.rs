//! UTS namespaces: host and domain name.

use alloc::string::String;

use crate::sys::{self, nr};
use crate::test_api::{Check, Ctx, OrStop as _, Stop};
use crate::tests::ns::way::Way;
use crate::tests::peer::Peer;

pub(crate) fn hostname() -> Result<String, Stop> {
    Ok(sys::uname().or_fail("uname")?.nodename)
}

pub(crate) fn set_hostname(name: &str) -> Check {
    sys::sethostname(name).or_fail("sethostname")
}

/// The test's own UTS namespace, so that the guest keeps its name.
fn own_names() -> Check {
    sys::unshare(sys::clone::NEWUTS).or_absent("unshare(CLONE_NEWUTS)")
}

fn set_domainname(name: &str) -> Check {
    // SAFETY: the name is readable for its length.
    unsafe { sys::call(nr::SETDOMAINNAME, [name.as_ptr() as usize, name.len()]) }.map(drop).or_fail("setdomainname")
}

/// A host name set in a new UTS namespace is not seen outside, nor the reverse.
pub(crate) fn hostname_is_private(_: &Ctx) -> Check {
    is_private(Way::Clone)
}

/// As by `clone`.
pub(crate) fn unshare_makes_a_new_one(_: &Ctx) -> Check {
    is_private(Way::Unshare)
}

/// As by `clone`.
pub(crate) fn clone3_makes_a_new_one(_: &Ctx) -> Check {
    is_private(Way::Clone3)
}

fn is_private(way: Way) -> Check {
    own_names()?;
    set_hostname("outside")?;
    let peer = way.start(sys::clone::NEWUTS, |test| {
        let name = hostname()?;
        ensure!(name == "outside", "a new namespace starts with the name `{name}`, not its creator's");
        set_hostname("inside")?;
        test.say("set");
        test.hear()?;
        let name = hostname()?;
        ensure!(name == "inside", "the name inside became `{name}` when the one outside was set");
        Ok(())
    })?;
    peer.hear()?;
    let name = hostname()?;
    ensure!(name == "outside", "the name outside became `{name}` when the one inside was set");
    set_hostname("outside-2")?;
    peer.say("set outside too");
    peer.finish()
}

/// A new UTS namespace starts with its creator's names, and keeps them when the creator's change.
pub(crate) fn names_are_inherited(_: &Ctx) -> Check {
    own_names()?;
    set_hostname("creator")?;
    set_domainname("creator.example")?;
    let peer = Peer::start(sys::clone::NEWUTS, |test| {
        test.say("born");
        test.hear()?;
        let names = sys::uname().or_fail("uname")?;
        let (host, domain) = (&names.nodename, &names.domainname);
        ensure!(host == "creator", "the new namespace has the host name `{host}`, its creator had `creator`");
        ensure!(domain == "creator.example", "the new namespace has the domain name `{domain}`, not `creator.example`");
        Ok(())
    })?;
    peer.hear()?;
    set_hostname("changed")?;
    set_domainname("changed.example")?;
    peer.say("changed");
    peer.finish()
}
