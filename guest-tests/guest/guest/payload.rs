//! Runs a payload: a program of the user's own out of the initramfs, as a test is run.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use kernrig_catalog::protocol::{EXIT_SKIP, MAX_DIAGNOSTICS, MAX_RESULTS, PAYLOAD_DIR};

use crate::channel::marker;
use crate::command::Command;
use crate::dirt::{self, Surroundings};
use crate::run::{Answer, Lines, await_token};
use crate::serve::Session;
use crate::sys::{self, End, Errno, Fd, PollFd, open};
use crate::{files, modules, ready, settle};

/// What is to be run: the file beside the payload's folder.
struct Order {
    folder: String,
    modules: Vec<String>,
    program: String,
    /// The program's own name first, as a shell would have it.
    argv: Vec<String>,
    environment: Vec<String>,
}

/// The program's process, forked and waiting for the word to go.
struct Child {
    pid: i32,
    go: Fd,
    output: Fd,
    errors: Fd,
    /// The reason why the program could not be started; closed when it was.
    refused: Fd,
}

/// How long what a program wrote before its end is waited for, where descendants go on writing.
const LAST_WORDS_MS: u64 = 1_000;

/// What became of a payload.
enum Outcome {
    Ended(End),
    NotStarted(String),
    NoModule(String),
    TimeUp,
}

/// Runs the payload that the command names; an error is why it was not even started.
pub(crate) fn run(session: &mut Session, command: &Command, name: &str) -> Result<(), String> {
    let number = command.number;
    let deadline = command.number_of("deadline").unwrap_or(60).max(1);
    let order = Order::read(name, deadline)?;
    ready::clear_warn_once();
    marker(&session.nonce, &format!("begin {number} {}", command.name));
    let wanted: Vec<&str> = order.modules.iter().map(String::as_str).collect();
    let loaded = modules::load(&wanted);
    let before = Surroundings::look();
    let child = Child::fork(session, &order).map_err(|errno| format!("cannot fork: {errno}"))?;
    session.ack(number);
    let Some(token) = await_token(session, number) else {
        settle::kill_all();
        return Err("no token came".to_string());
    };
    let mut speech = Speech::new(Answer::new(session, &token));
    let outcome = match loaded {
        Ok(()) => child.watch(deadline * 1000, &mut speech),
        Err(why) => Outcome::NoModule(why),
    };
    speech.end();
    let dirt = if matches!(outcome, Outcome::Ended(_)) && settle::anything_lives() { "processes" } else { "" };
    let all_gone = settle::kill_all();
    speech.answer.session.channel.make_raw();
    speech.result(number, &command.name, deadline, &outcome);
    // A program may have made network namespaces, and says nothing of it.
    speech.answer.conclude(number, &token, all_gone, true, || dirt::join(before.changed(), dirt));
    Ok(())
}

impl Order {
    fn read(name: &str, deadline: u64) -> Result<Order, String> {
        let path = format!("{PAYLOAD_DIR}/{name}.run");
        let text = files::read_text(&path).map_err(|errno| format!("no payload {name}: {path}: {errno}"))?;
        let mut fields = text.split_terminator('\0');
        let (Some(modules), Some(program)) = (fields.next(), fields.next()) else {
            return Err(format!("{path} names no program"));
        };
        let folder = format!("{PAYLOAD_DIR}/{name}");
        let program = format!("{folder}/{program}");
        let environment = vec![
            format!("PATH={folder}:{folder}/bin"),
            "HOME=/root".to_string(),
            "TMPDIR=/tmp".to_string(),
            format!("KERNRIG_PAYLOAD={name}"),
            format!("KERNRIG_DIR={folder}"),
            format!("KERNRIG_DEADLINE={deadline}"),
        ];
        Ok(Order {
            modules: modules.split_ascii_whitespace().map(str::to_string).collect(),
            argv: [program.clone()].into_iter().chain(fields.map(str::to_string)).collect(),
            folder,
            program,
            environment,
        })
    }

    /// In the child: becomes the program, or gives the reason why not.
    fn start(&self, output: &Fd, errors: &Fd) -> String {
        if let Err(errno) = sys::chdir(&self.folder) {
            return format!("{}: {errno}", self.folder);
        }
        let streams = sys::open("/dev/null", open::RDONLY, 0)
            .and_then(|null| sys::dup2(&null, 0))
            .and_then(|()| sys::dup2(output, 1))
            .and_then(|()| sys::dup2(errors, 2));
        match streams {
            Ok(()) => format!("{}: {}", self.program, sys::execve(&self.program, &self.argv, &self.environment)),
            Err(errno) => format!("no standard streams: {errno}"),
        }
    }
}

impl Child {
    /// Forks before the token is sent, as a test is.
    fn fork(session: &Session, order: &Order) -> Result<Child, Errno> {
        let (wait, go) = sys::pipe()?;
        let (output, to_output) = sys::pipe()?;
        let (errors, to_errors) = sys::pipe()?;
        let (refused, to_refused) = sys::pipe()?;
        let pid = sys::fork(0)?;
        if pid != 0 {
            return Ok(Child { pid, go, output, errors, refused });
        }
        session.channel.close_in_child();
        drop((go, output, errors, refused));
        let _ = sys::setsid();
        if sys::read(&wait, &mut [0]) != Ok(1) {
            sys::exit(0);
        }
        let why = order.start(&to_output, &to_errors);
        let _ = sys::write_all(to_refused.raw(), why.as_bytes());
        sys::exit(127)
    }

    /// Lets the program go and follows it to its end or the deadline; descendants do not prolong it.
    fn watch(self, deadline_ms: u64, speech: &mut Speech<'_>) -> Outcome {
        let mut until = sys::now_ms() + deadline_ms;
        let _ = sys::write(&self.go, b"g");
        if let Some(why) = self.why_refused(until) {
            return Outcome::NotStarted(why);
        }
        let mut streams = [Stream::new(self.output, 1), Stream::new(self.errors, 2)];
        let mut end = None;
        loop {
            let left = until.saturating_sub(sys::now_ms());
            let mut heard = false;
            for (stream, ready) in
                ready_of(&streams, if end.is_some() { 0 } else { left.min(20) }).into_iter().enumerate()
            {
                heard |= ready && streams[stream].take(speech);
            }
            match end {
                Some(end) if !heard || left == 0 => {
                    streams.iter_mut().for_each(|stream| stream.end(speech));
                    return Outcome::Ended(end);
                }
                None if left == 0 => {
                    streams.iter_mut().for_each(|stream| stream.end(speech));
                    return Outcome::TimeUp;
                }
                Some(_) => {}
                None => {
                    end = reap(self.pid);
                    if end.is_some() {
                        until = until.min(sys::now_ms() + LAST_WORDS_MS);
                    }
                }
            }
        }
    }

    /// The words of a program that did not start; waits until it has, which closes the pipe.
    fn why_refused(&self, until: u64) -> Option<String> {
        let mut said = [0; 300];
        let left = until.saturating_sub(sys::now_ms()).min(i32::MAX as u64);
        if !sys::readable(&self.refused, left as i32).unwrap_or(false) {
            return None;
        }
        match sys::read(&self.refused, &mut said) {
            Ok(n) if n > 0 => Some(String::from_utf8_lossy(&said[..n]).into_owned()),
            _ => None,
        }
    }
}

/// Reaps whatever has died, as init must; gives the end of this one if it was among it.
fn reap(pid: i32) -> Option<End> {
    while let Ok(Some((dead, end))) = sys::wait(-1, sys::WNOHANG) {
        if dead == pid {
            return Some(end);
        }
    }
    None
}

/// One of the program's two streams.
struct Stream {
    /// Nothing once it is closed.
    pipe: Option<Fd>,
    lines: Lines,
    number: u8,
}

impl Stream {
    fn new(pipe: Fd, number: u8) -> Stream {
        Stream { pipe: Some(pipe), lines: Lines::default(), number }
    }

    /// Takes what there is; false at the end.
    fn take(&mut self, speech: &mut Speech<'_>) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let open = self.lines.read_from(pipe);
        for line in self.lines.complete() {
            speech.line(self.number, &line);
        }
        if !open {
            self.pipe = None;
        }
        open
    }

    /// A last line may lack its newline.
    fn end(&mut self, speech: &mut Speech<'_>) {
        if let Some(line) = self.lines.unfinished() {
            speech.line(self.number, &line);
        }
    }
}

/// Which of the streams have something to read, or their end.
fn ready_of(streams: &[Stream; 2], wait_ms: u64) -> [bool; 2] {
    let poll =
        |stream: &Stream| PollFd { fd: stream.pipe.as_ref().map_or(-1, Fd::raw), events: sys::POLLIN, revents: 0 };
    let mut polls = [poll(&streams[0]), poll(&streams[1])];
    let ready = sys::poll(&mut polls, wait_ms as i32).unwrap_or(0) > 0;
    [ready && polls[0].revents != 0, ready && polls[1].revents != 0]
}

/// What the program says, on its way to the host: the first lines as they come, the last ones at the end, and lines of
/// results all along.
struct Speech<'a> {
    answer: Answer<'a>,
    results_left: usize,
    head_left: usize,
    tail: VecDeque<String>,
    tail_size: usize,
    left_out: usize,
    results_cut: bool,
    last: String,
}

impl<'a> Speech<'a> {
    fn new(answer: Answer<'a>) -> Speech<'a> {
        Speech {
            answer,
            results_left: MAX_RESULTS,
            head_left: MAX_DIAGNOSTICS / 2,
            tail: VecDeque::new(),
            tail_size: 0,
            left_out: 0,
            results_cut: false,
            last: String::new(),
        }
    }

    fn line(&mut self, stream: u8, text: &str) {
        let line = format!("|{stream} {}", text.trim_end().replace('\t', "    "));
        let cost = line.len() + 1;
        if stream == 1 && is_result(text) {
            match self.results_left.checked_sub(cost) {
                Some(left) => {
                    self.results_left = left;
                    self.answer.say(&line);
                }
                None if !self.results_cut => {
                    self.results_cut = true;
                    self.answer.say("|! more results");
                }
                None => {}
            }
            return;
        }
        if !text.trim().is_empty() {
            self.last = text.trim().chars().take(200).collect();
        }
        match self.head_left.checked_sub(cost) {
            Some(left) if self.left_out == 0 && self.tail.is_empty() => {
                self.head_left = left;
                self.answer.say(&line);
            }
            _ => self.keep(line),
        }
    }

    fn keep(&mut self, line: String) {
        let line: String = line.chars().take(500).collect();
        self.tail_size += line.len() + 1;
        self.tail.push_back(line);
        while self.tail_size > MAX_DIAGNOSTICS / 2 {
            let Some(first) = self.tail.pop_front() else { break };
            self.tail_size -= first.len() + 1;
            self.left_out += 1;
        }
    }

    /// Says the last lines.
    fn end(&mut self) {
        if self.left_out > 0 {
            self.answer.say(&format!("# ({} lines are left out here)", self.left_out));
        }
        for line in core::mem::take(&mut self.tail) {
            self.answer.say(&line);
        }
    }

    fn result(&self, number: u32, name: &str, deadline: u64, outcome: &Outcome) {
        let not_ok = |reason: &str| {
            self.answer.say(&format!("# reason: {reason}"));
            self.answer.say(&format!("not ok {number} {name}"));
        };
        let last = if self.last.is_empty() { String::new() } else { format!("; its last line: {}", self.last) };
        match outcome {
            Outcome::Ended(End::Exit(0)) => self.answer.say(&format!("ok {number} {name}")),
            Outcome::Ended(End::Exit(EXIT_SKIP)) => {
                self.answer.say(&format!("ok {number} {name} # SKIP exit code {EXIT_SKIP}{last}"));
            }
            Outcome::Ended(End::Exit(code)) => not_ok(&format!("exit code {code}{last}")),
            Outcome::Ended(end) => not_ok(&format!("{end}{last}")),
            Outcome::NoModule(why) => not_ok(why),
            Outcome::NotStarted(why) => {
                self.answer.say(&format!("not ok {number} {name} # ERROR it could not be started: {why}"));
            }
            Outcome::TimeUp => {
                self.answer.say(&format!("not ok {number} {name} # TIMEOUT still running after {deadline} s{last}"));
            }
        }
    }
}

/// Whether KTAP gives the line a meaning.
fn is_result(line: &str) -> bool {
    let line = line.trim_start();
    let words = ["ok", "not ok", "KTAP version", "TAP version", "1..", "Bail out!"];
    words.iter().any(|word| line.starts_with(word))
}
