//! `clone3` (5.3): `clone` with its arguments in a structure, and what only it can do.

use super::{Errno, Fd, call, clone, nr, sig};

/// `struct clone_args`, as far as tests use it; stack and TLS stay zero, so it forks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clone3<'a> {
    /// `CLONE_…`, all 64 bits.
    pub(crate) flags: usize,
    /// Numbers that the child is to have, innermost PID namespace first (5.5).
    pub(crate) set_tid: &'a [i32],
    /// The cgroup it is to be born in, with `CLONE_INTO_CGROUP` (5.7).
    pub(crate) cgroup: Option<&'a Fd>,
}

/// Bytes of the structure in the first version (5.3), and behind `set_tid` (5.5) and `cgroup` (5.7).
const SIZES: [usize; 3] = [64, 80, 88];

/// Forks by `clone3`: the child's number for the parent, 0 for the child.
pub(crate) fn clone3(args: &Clone3<'_>) -> Result<i32, Errno> {
    // A shared address space would need a second stack: never by this door.
    raw(args, 0).map(|(pid, _)| pid)
}

/// As [`clone3`] with `CLONE_PIDFD`: the parent gets a descriptor for the child, too.
pub(crate) fn clone3_pidfd(args: &Clone3<'_>) -> Result<(i32, Option<Fd>), Errno> {
    let (pid, fd) = raw(args, clone::PIDFD)?;
    Ok((pid, (pid != 0).then(|| Fd::new(fd as usize))))
}

fn raw(args: &Clone3<'_>, more: usize) -> Result<(i32, i32), Errno> {
    let mut pidfd = -1i32;
    let size = match (args.cgroup, args.set_tid) {
        (Some(_), _) => SIZES[2],
        (None, [_, ..]) => SIZES[1],
        (None, []) => SIZES[0],
    };
    let flags = (args.flags & !clone::VM) | more;
    let pidfd_at = if flags & clone::PIDFD == 0 { 0 } else { core::ptr::from_mut(&mut pidfd) as usize };
    let set_tid = if args.set_tid.is_empty() { 0 } else { args.set_tid.as_ptr() as usize };
    let cgroup = args.cgroup.map_or(0, |fd| fd.raw() as usize);
    // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup
    let words = [flags, pidfd_at, 0, 0, sig::CHLD as usize, 0, 0, 0, set_tid, args.set_tid.len(), cgroup];
    // SAFETY: a structure of at least `size` bytes; its addresses are 0 or those of locals that live.
    let pid = unsafe { call(nr::CLONE3, [words.as_ptr() as usize, size]) }?;
    Ok((pid as i32, pidfd))
}
