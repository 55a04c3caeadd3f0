//! System V IPC and POSIX message queues.

use super::{Errno, Fd, arg, c_string, call, nr, plain};

/// Flags and commands of System V IPC.
pub(crate) mod sysv {
    pub(crate) const CREAT: i32 = 0o1000;
    pub(crate) const EXCL: i32 = 0o2000;
    pub(crate) const RMID: i32 = 0;
    pub(crate) const PRIVATE: i32 = 0;
}

pub(crate) fn shmget(key: i32, size: usize, flags: i32) -> Result<i32, Errno> {
    plain(nr::SHMGET, [arg(key), size, arg(flags)]).map(|id| id as i32)
}

/// Maps the segment wherever there is room; null never comes back.
pub(crate) fn shmat(id: i32) -> Result<*mut u8, Errno> {
    plain(nr::SHMAT, [arg(id), 0, 0]).map(core::ptr::with_exposed_provenance_mut)
}

pub(crate) fn shmdt(at: *mut u8) -> Result<(), Errno> {
    plain(nr::SHMDT, [at.expose_provenance()]).map(drop)
}

pub(crate) fn shm_remove(id: i32) -> Result<(), Errno> {
    plain(nr::SHMCTL, [arg(id), arg(sysv::RMID), 0]).map(drop)
}

pub(crate) fn semget(key: i32, count: i32, flags: i32) -> Result<i32, Errno> {
    plain(nr::SEMGET, [arg(key), arg(count), arg(flags)]).map(|id| id as i32)
}

pub(crate) fn sem_remove(id: i32) -> Result<(), Errno> {
    plain(nr::SEMCTL, [arg(id), 0, arg(sysv::RMID), 0]).map(drop)
}

pub(crate) fn msgget(key: i32, flags: i32) -> Result<i32, Errno> {
    plain(nr::MSGGET, [arg(key), arg(flags)]).map(|id| id as i32)
}

pub(crate) fn msg_remove(id: i32) -> Result<(), Errno> {
    plain(nr::MSGCTL, [arg(id), arg(sysv::RMID), 0]).map(drop)
}

/// `struct mq_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MqAttr {
    pub(crate) flags: i64,
    pub(crate) maxmsg: i64,
    pub(crate) msgsize: i64,
    pub(crate) curmsgs: i64,
    reserved: [i64; 4],
}

/// `mq_open`; the name is without the leading slash, as the system call has it.
pub(crate) fn mq_open(name: &str, flags: i32, mode: u32) -> Result<Fd, Errno> {
    let name = c_string(name)?;
    // SAFETY: a NUL-terminated string; no attributes.
    unsafe { call(nr::MQ_OPEN, [name.as_ptr() as usize, arg(flags), mode as usize, 0]) }.map(Fd::new)
}

pub(crate) fn mq_unlink(name: &str) -> Result<(), Errno> {
    let name = c_string(name)?;
    // SAFETY: a NUL-terminated string.
    unsafe { call(nr::MQ_UNLINK, [name.as_ptr() as usize]) }.map(drop)
}

/// `mq_send` without a time limit.
pub(crate) fn mq_send(queue: &Fd, bytes: &[u8]) -> Result<(), Errno> {
    // SAFETY: the bytes are readable for their length; no timeout.
    unsafe { call(nr::MQ_TIMEDSEND, [arg(queue.raw()), bytes.as_ptr() as usize, bytes.len(), 0, 0]) }.map(drop)
}

/// `mq_receive` without a time limit; the buffer must hold the queue's longest message.
pub(crate) fn mq_receive(queue: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the buffer is writable for its length; no priority, no timeout.
    unsafe { call(nr::MQ_TIMEDRECEIVE, [arg(queue.raw()), buffer.as_mut_ptr() as usize, buffer.len(), 0, 0]) }
}
