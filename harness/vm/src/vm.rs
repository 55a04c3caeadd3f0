//! A running VM.

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::command::{Ports, VmSpec, shell_quoted};
use crate::hold::copy_with_holes;
use crate::process::spawn;
use crate::qmp::Qmp;
use crate::user::qemu_user;
use crate::{BoundedLog, Ended, Hold, VmError};

/// What the console's pipe holds while its reader is busy: the most that a user without rights may ask for.
const CONSOLE_BUFFER: usize = 1024 * 1024;

/// A running VM. Dropping it kills QEMU and waits until it is gone.
pub struct Vm {
    console: Option<PipeReader>,
    channel: Option<UnixStream>,
    qmp: Qmp,
    state: Arc<State>,
    reaper: Option<JoinHandle<()>>,
    pid: u32,
    command: String,
    by_hand: String,
    hold: Option<Hold>,
}

/// What the reaper thread and the owner of the VM share.
struct State {
    /// QEMU, until it has been reaped: a pid is only safe to signal before that.
    child: Mutex<Option<Child>>,
    ended: Mutex<Option<Ended>>,
    changed: Condvar,
}

impl Vm {
    /// Starts QEMU; to be called on the launcher's thread only.
    pub(crate) fn start(spec: VmSpec) -> Result<Self, VmError> {
        let resource = |what| move |source| VmError::Resource { what, source };
        let pair = || UnixStream::pair().map_err(resource("socket pair"));
        let ((channel, qemu_channel), (qmp, qemu_qmp)) = (pair()?, pair()?);
        let (console, qemu_console) = io::pipe().map_err(resource("pipe"))?;
        // A smaller pipe will do, if the user has many: then a burst may have to wait for its reader.
        let _ = fcntl_setpipe_size(&console, CONSOLE_BUFFER);
        let ports =
            Ports { console: qemu_console.as_raw_fd(), channel: qemu_channel.as_raw_fd(), qmp: qemu_qmp.as_raw_fd() };
        let arguments = spec.arguments(ports);
        let mut inherited =
            vec![ports.console, ports.channel, ports.qmp, spec.kernel.raw_fd(), spec.initramfs.raw_fd()];
        inherited.extend(spec.hold.iter().flat_map(Hold::inherited));
        let mut child = spawn(&spec.qemu, &arguments, inherited, qemu_user(spec.accelerator).as_ref())?;
        drop((qemu_console, qemu_channel, qemu_qmp));

        let pid = child.id();
        let stderr = child.stderr.take();
        let state = Arc::new(State::new(child));
        // From here on an error has to take QEMU with it, which the drop of this guard does.
        let guard = KillOnDrop(&state);
        let (qmp, events) =
            Qmp::connect(qmp, end_of_guest(&state, spec.hold.is_some())).map_err(resource("QMP connection"))?;
        let reaper = start_reaper(&state, stderr, events).map_err(resource("thread"))?;
        std::mem::forget(guard);

        let mut command = vec![spec.qemu.to_string_lossy().into_owned()];
        command.extend(arguments);
        Ok(Self {
            console: Some(console),
            channel: Some(channel),
            qmp,
            state,
            reaper: Some(reaper),
            pid,
            command: shell_quoted(&command),
            by_hand: spec.by_hand(),
            hold: spec.hold,
        })
    }

    /// The guest's ttyS0, once. It has to be read all the time: the kernel does not wait for long when the pipe is full.
    pub fn take_console(&mut self) -> Option<PipeReader> {
        self.console.take()
    }

    /// The guest's ttyS1, once.
    pub fn take_channel(&mut self) -> Option<UnixStream> {
        self.channel.take()
    }

    /// QEMU's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The command as it was run, quoted for a shell (it refers to inherited descriptors: see [`Self::by_hand`]).
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command
    }

    /// The same machine as a command to type, see [`VmSpec::by_hand`].
    #[must_use]
    pub fn by_hand(&self) -> &str {
        &self.by_hand
    }

    /// Sends every CPU a non-maskable interrupt; with `unknown_nmi_panic` a kernel that hangs prints where.
    ///
    /// # Errors
    /// When QEMU is gone or refuses.
    pub fn inject_nmi(&self) -> Result<(), VmError> {
        self.qmp.execute("inject-nmi")
    }

    /// What it was given so that somebody can look into it.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// Stops the guest where it is.
    ///
    /// # Errors
    /// When QEMU is gone or refuses.
    pub fn stop(&self) -> Result<(), VmError> {
        self.qmp.execute("stop")
    }

    /// Lets a guest that was stopped go on.
    ///
    /// # Errors
    /// When QEMU is gone or refuses, as it does where the guest has ended.
    pub fn resume(&self) -> Result<(), VmError> {
        self.qmp.execute("cont")
    }

    /// Writes the guest's memory to a file, as an ELF core that crash(8), drgn and gdb open; gives its length.
    ///
    /// The guest stands still meanwhile. QEMU may write to no file, so that it is given a pipe.
    ///
    /// # Errors
    /// When QEMU is gone or refuses, or the file cannot be written.
    pub fn dump(&self, mut file: File) -> Result<u64, VmError> {
        let resource = |source| VmError::Resource { what: "memory dump", source };
        let (reader, writer) = io::pipe().map_err(resource)?;
        let named = r#"{"fdname":"dump"}"#;
        self.qmp.execute_with("getfd", named, Some(writer.as_fd()), DUMP_TIMEOUT)?;
        drop(writer);
        let copy = thread::Builder::new().name("dump".into()).spawn(move || copy_with_holes(reader, &mut file));
        let copy = copy.map_err(resource)?;
        let arguments = r#"{"paging":false,"protocol":"fd:dump"}"#;
        // After an error the pipe may be open still, and the copy is left to its end rather than waited for.
        self.qmp.execute_with("dump-guest-memory", arguments, None, DUMP_TIMEOUT)?;
        copy.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).map_err(resource)
    }

    /// Kills QEMU, if it is alive. [`Self::wait`] then tells how the VM ended.
    pub fn kill(&self) {
        self.state.kill();
    }

    /// Waits until the VM has ended.
    #[must_use]
    pub fn wait(&self) -> Ended {
        loop {
            if let Some(ended) = self.wait_timeout(Duration::from_secs(3600)) {
                return ended;
            }
        }
    }

    /// Waits until the VM has ended, but not longer than that.
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Ended> {
        let deadline = Instant::now() + timeout;
        let mut ended = lock(&self.state.ended);
        while ended.is_none() {
            let left = deadline.checked_duration_since(Instant::now())?;
            ended = self.state.changed.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        ended.clone()
    }

    /// How the VM ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        lock(&self.state.ended).clone()
    }
}

impl fmt::Debug for Vm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vm").field("pid", &self.pid).field("ended", &self.ended()).finish_non_exhaustive()
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.kill();
        if let Some(reaper) = self.reaper.take() {
            // A panic there has been printed already.
            let _ = reaper.join();
        }
    }
}

impl State {
    fn new(child: Child) -> Self {
        Self { child: Mutex::new(Some(child)), ended: Mutex::new(None), changed: Condvar::new() }
    }

    fn kill(&self) {
        if let Some(child) = lock(&self.child).as_ref() {
            // It may be dead and not yet reaped, which is as good.
            let _ = kill_process(Pid::from_child(child), Signal::KILL);
        }
    }

    /// Waits for QEMU's death and reaps it.
    fn reap(&self) -> io::Result<ExitStatus> {
        let pid = lock(&self.child).as_ref().map(Pid::from_child);
        if let Some(pid) = pid {
            // First without reaping and without the lock, so that `kill` works meanwhile and hits nobody else later.
            while let Err(rustix::io::Errno::INTR) =
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
        }
        let mut child = lock(&self.child);
        child.take().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |mut child| child.wait())
    }
}

/// Kills and reaps a QEMU whose VM could not be completed.
struct KillOnDrop<'a>(&'a State);

impl Drop for KillOnDrop<'_> {
    fn drop(&mut self) {
        self.0.kill();
        let _ = self.0.reap();
    }
}

/// How long a dump may take: some gigabytes on a disk that is slow.
const DUMP_TIMEOUT: Duration = Duration::from_secs(600);

/// With its guest's end a VM has ended, also where QEMU lives on and holds it.
fn end_of_guest(state: &Arc<State>, held: bool) -> impl Fn(&Ended) + Send + 'static {
    let state = Arc::clone(state);
    move |told| {
        if held {
            lock(&state.ended).get_or_insert_with(|| told.clone());
            state.changed.notify_all();
        }
    }
}

/// Most that is kept of QEMU's standard error.
const MAX_STDERR: usize = 8 * 1024;

fn start_reaper(
    state: &Arc<State>,
    stderr: Option<ChildStderr>,
    events: JoinHandle<Option<Ended>>,
) -> io::Result<JoinHandle<()>> {
    let complaints = thread::Builder::new().name("qemu-stderr".into()).spawn(move || read_tail(stderr))?;
    let state = Arc::clone(state);
    thread::Builder::new().name("reaper".into()).spawn(move || {
        let status = state.reap();
        // QEMU is dead: both end at once.
        let told = events.join().ok().flatten();
        let stderr = complaints.join().unwrap_or_default();
        *lock(&state.ended) = Some(how_it_ended(status, told, stderr));
        state.changed.notify_all();
    })
}

/// Waits for a QEMU that has no monitor; one that takes too long is killed and gives no status.
pub(crate) fn wait_or_kill(mut child: Child, timeout: Duration) -> (io::Result<Option<ExitStatus>>, String) {
    let stderr = child.stderr.take();
    let state = Arc::new(State::new(child));
    let (waiting, (done, finished)) = (Arc::clone(&state), std::sync::mpsc::sync_channel(1));
    let reaper = thread::spawn(move || {
        let status = waiting.reap();
        let _ = done.send(());
        status
    });
    let in_time = finished.recv_timeout(timeout).is_ok();
    state.kill();
    let status = reaper.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
    (status.map(|status| in_time.then_some(status)), read_tail(stderr))
}

fn read_tail(stderr: Option<ChildStderr>) -> String {
    let mut log = BoundedLog::new(0, MAX_STDERR);
    let mut buffer = [0; 4096];
    if let Some(mut stderr) = stderr {
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            log.push(&buffer[..count]);
        }
    }
    log.text()
}

fn how_it_ended(status: io::Result<ExitStatus>, told: Option<Ended>, stderr: String) -> Ended {
    match status {
        Ok(status) => match (status.signal(), told) {
            (Some(signal), _) => Ended::Killed(signal),
            (None, Some(ended)) => ended,
            (None, None) => Ended::Exit { code: status.code().unwrap_or(-1), stderr },
        },
        Err(error) => Ended::Exit { code: -1, stderr: format!("cannot wait for QEMU: {error}") },
    }
}

/// A lock whose holder panicked holds a whole value all the same: each is replaced in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_says_more_than_an_event_and_an_event_more_than_a_code() {
        let exited = |raw| Ok(ExitStatus::from_raw(raw));
        assert_eq!(how_it_ended(exited(9), Some(Ended::Reset), String::new()), Ended::Killed(9));
        assert_eq!(how_it_ended(exited(0), Some(Ended::Reset), String::new()), Ended::Reset);
        let exit = how_it_ended(exited(1 << 8), None, "bad argument\n".into());
        assert_eq!(exit.to_string(), "QEMU exited with code 1: bad argument");
    }
}
