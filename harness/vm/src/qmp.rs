//! QMP: QEMU's events, and the few commands it is given. What comes from QEMU is bounded and never trusted to be JSON.

use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;

use crate::{Ended, VmError};

/// Longest message taken; the longest that QEMU sends unasked is a few hundred bytes.
const MAX_MESSAGE: u64 = 64 * 1024;

/// How long a command may take: QEMU's main loop can be busy, never that long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Message {
    event: Option<String>,
    #[serde(default)]
    data: Option<EventData>,
    id: Option<String>,
    error: Option<Failure>,
}

#[derive(Deserialize, Default)]
struct EventData {
    #[serde(default)]
    guest: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    desc: String,
}

/// A connection to QEMU's monitor.
pub(crate) struct Qmp {
    connection: Mutex<Connection>,
}

struct Connection {
    stream: UnixStream,
    answers: Receiver<Result<(), String>>,
}

impl Qmp {
    /// Begins to listen. The thread ends, with the guest's end if QEMU told of one, when QEMU closes the connection.
    ///
    /// `told` is called with that end as soon as QEMU tells of it.
    pub(crate) fn connect(
        stream: UnixStream,
        told: impl Fn(&Ended) + Send + 'static,
    ) -> io::Result<(Self, JoinHandle<Option<Ended>>)> {
        let listener = stream.try_clone()?;
        let (answer, answers) = sync_channel(1);
        let events = thread::Builder::new().name("qmp".into()).spawn(move || listen(&listener, &answer, &told))?;
        // QEMU reads it after its greeting; no need to wait for that.
        let mut greeting = &stream;
        greeting.write_all(b"{\"execute\":\"qmp_capabilities\"}\n")?;
        Ok((Self { connection: Mutex::new(Connection { stream, answers }) }, events))
    }

    /// Has QEMU execute a command without arguments and waits for the answer.
    pub(crate) fn execute(&self, command: &'static str) -> Result<(), VmError> {
        self.execute_with(command, "{}", None, ANSWER_TIMEOUT)
    }

    /// The same with arguments, in JSON, with a descriptor that QEMU is handed, and a time of its own.
    pub(crate) fn execute_with(
        &self,
        command: &'static str,
        arguments: &str,
        descriptor: Option<BorrowedFd<'_>>,
        timeout: Duration,
    ) -> Result<(), VmError> {
        let fail = |reason: String| VmError::Qmp { command, reason };
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        while connection.answers.try_recv().is_ok() {}
        let line = format!("{{\"execute\":\"{command}\",\"arguments\":{arguments},\"id\":\"{command}\"}}\n");
        send(&connection.stream, line.as_bytes(), descriptor).map_err(|e| fail(e.to_string()))?;
        let answer = connection.answers.recv_timeout(timeout);
        answer.map_err(|_| fail("no answer".to_owned()))?.map_err(fail)
    }
}

/// Writes a command, and a descriptor along with its first byte.
fn send(mut stream: &UnixStream, line: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let Some(descriptor) = descriptor else { return stream.write_all(line) };
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(stream, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL)?;
    stream.write_all(&line[sent..])
}

fn listen(
    stream: &UnixStream,
    answer: &SyncSender<Result<(), String>>,
    told: &(impl Fn(&Ended) + Send),
) -> Option<Ended> {
    let mut reader = BufReader::new(stream);
    let mut ended = None;
    let mut line = Vec::new();
    while let Ok(true) = read_line(&mut reader, &mut line) {
        let Ok(message) = serde_json::from_slice::<Message>(&line) else { continue };
        if let Some(event) = message.event {
            let event = end_of(&event, message.data.unwrap_or_default());
            // A panic is followed by the shutdown it causes: the first event is the cause.
            if let (None, Some(event)) = (&ended, &event) {
                told(event);
            }
            ended = ended.or(event);
        } else if message.id.is_some() {
            // Full means that nobody waits: the answer came too late.
            let _ = answer.try_send(message.error.map_or(Ok(()), |failure| Err(failure.desc)));
        }
    }
    ended
}

/// Reads a line, of which only the first [`MAX_MESSAGE`] bytes are kept; false at the end of the stream.
fn read_line(reader: &mut BufReader<&UnixStream>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    reader.by_ref().take(MAX_MESSAGE).read_until(b'\n', line)?;
    while !line.is_empty() && !line.ends_with(b"\n") {
        let rest = reader.fill_buf()?;
        let Some(length) = rest.iter().position(|&b| b == b'\n').map(|at| at + 1).or(Some(rest.len())) else { break };
        if length == 0 {
            break;
        }
        let ends = rest[length - 1] == b'\n';
        reader.consume(length);
        if ends {
            break;
        }
    }
    Ok(!line.is_empty())
}

fn end_of(event: &str, data: EventData) -> Option<Ended> {
    let reason = data.reason.unwrap_or_default();
    match event {
        "GUEST_PANICKED" => Some(Ended::Panicked),
        // With -no-reboot a reset arrives as a shutdown.
        "SHUTDOWN" if reason == "guest-reset" => Some(Ended::Reset),
        "SHUTDOWN" if reason == "guest-panic" => Some(Ended::Panicked),
        "SHUTDOWN" => Some(Ended::Shutdown { guest: data.guest, reason: reason.chars().take(100).collect() }),
        "RESET" => Some(Ended::Reset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(messages: &str) -> Option<Ended> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_qmp, events) = Qmp::connect(ours, |_| ()).unwrap();
        (&theirs).write_all(messages.as_bytes()).unwrap();
        drop(theirs);
        events.join().unwrap()
    }

    #[test]
    fn events_tell_how_the_guest_ended() {
        let shutdown = |reason: &str| {
            format!(
                "{{\"QMP\": {{}}}}\n{{\"return\": {{}}}}\n{{\"timestamp\": {{}}, \"event\": \"SHUTDOWN\", \
                 \"data\": {{\"guest\": true, \"reason\": \"{reason}\"}}}}\n"
            )
        };
        let off = Ended::Shutdown { guest: true, reason: "guest-shutdown".into() };
        assert_eq!(told(&shutdown("guest-shutdown")), Some(off));
        assert_eq!(told(&shutdown("guest-reset")), Some(Ended::Reset));
        let panicked = format!("{{\"event\": \"GUEST_PANICKED\", \"data\": {{}}}}\n{}", shutdown("guest-reset"));
        assert_eq!(told(&panicked), Some(Ended::Panicked));
        assert_eq!(told("{\"event\": \"RTC_CHANGE\", \"data\": {\"offset\": 1}}\n"), None);
    }

    #[test]
    fn noise_and_endless_lines_are_skipped() {
        let noise = "x".repeat(300_000);
        let messages = format!("not json\n{noise}\n{{\"event\": \"RESET\"}}\n");
        assert_eq!(told(&messages), Some(Ended::Reset));
        assert_eq!(told(&noise), None);
    }

    #[test]
    fn a_command_gets_its_answer() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (qmp, _events) = Qmp::connect(ours, |_| ()).unwrap();
        let answers = thread::spawn(move || {
            let mut lines = BufReader::new(&theirs).lines();
            assert!(lines.next().unwrap().unwrap().contains("qmp_capabilities"));
            (&theirs).write_all(b"{\"return\": {}}\n").unwrap();
            assert!(lines.next().unwrap().unwrap().contains("\"inject-nmi\""));
            (&theirs).write_all(b"{\"id\": \"inject-nmi\", \"return\": {}}\n").unwrap();
            assert!(lines.next().unwrap().unwrap().contains("\"inject-nmi\""));
            (&theirs)
                .write_all(b"{\"id\": \"inject-nmi\", \"error\": {\"class\": \"x\", \"desc\": \"no\"}}\n")
                .unwrap();
        });
        qmp.execute("inject-nmi").unwrap();
        let error = qmp.execute("inject-nmi").unwrap_err().to_string();
        assert!(error.contains("inject-nmi") && error.ends_with("no"), "{error}");
        answers.join().unwrap();
    }
}
