//! docker#407: oopses in `d_hash_and_lookup` and `mntput_no_expire`, from 2.6.24 to 3.7 (3.1 leaked instead).
//!
//! When a thread other than the first of a PID namespace's init calls `exec`, it takes the first one's number 1. Up to
//! 3.7 the release of that first one counted as the end of the namespace, whose own proc mount was freed
//! (0a01f2cc390e, 3.8). The next exit in the namespace then looks a name up in the freed mount, and the last one puts
//! the mount a second time.

use crate::sys::{self, End, clone};
use crate::test_api::{Check, Ctx, Entry, OrStop as _};
use crate::tests::churn::driver::churn;
use crate::tests::{program, scratch};

/// In the catalog's order.
pub(crate) const TESTS: &[Entry] = &[("bug::docker_407::reaping_after_exec", reaping_after_exec)];

const PROGRAM: &str = "/tmp/program";

/// Each init becomes, by its second thread, a program that reaps children: their exits come after the exec.
fn reaping_after_exec(ctx: &Ctx) -> Check {
    scratch::own_mounts()?;
    program::install_code(PROGRAM, program::REAP_EIGHT, 0o755)?;
    churn(ctx, |_| reap_as(|| program::become_program_by_thread(PROGRAM)))
}

/// An init that becomes [`program::REAP_EIGHT`] and ends as that.
fn reap_as(become_it: impl FnOnce() -> crate::test_api::Stop) -> Check {
    const REAPED: i32 = (1 << 4) + 8;
    let init = sys::fork(clone::NEWPID).or_absent("clone(CLONE_NEWPID)")?;
    if init == 0 {
        let _ = become_it();
        sys::exit(99);
    }
    let end = sys::wait(init, 0).or_fail("wait for init")?.map(|(_, end)| end);
    ensure!(end == Some(End::Exit(REAPED)), "init, 1 that reaps eight children: {end:?}");
    Ok(())
}
