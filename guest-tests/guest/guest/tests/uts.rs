//! UTS namespaces.

use crate::sys;
use crate::test_api::{Check, Ctx, OrStop as _, in_child};

/// A host name set in a new UTS namespace is not seen outside, nor the reverse.
pub(crate) fn hostname_is_private(_: &Ctx) -> Check {
    sys::sethostname("outside").or_fail("sethostname")?;
    in_child(sys::clone::NEWUTS, || {
        sys::sethostname("inside").or_fail("sethostname in the namespace")?;
        let name = sys::uname().or_fail("uname in the namespace")?.nodename;
        ensure!(name == "inside", "host name in the namespace is `{name}`, not `inside`");
        Ok(())
    })?;
    let name = sys::uname().or_fail("uname")?.nodename;
    ensure!(name == "outside", "host name outside is `{name}`, not `outside`");
    Ok(())
}
