//! One VM from start to end: the conversation over the channel, the console read along.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use kernrig_catalog::protocol::PROTOCOL;
use kernrig_events::Subtest;
use kernrig_plan::{Answer, Cell, Fate, Reading, Taint};
use kernrig_vm::{Ended, Vm, VmError};

use crate::answer::Ktap;
use crate::channel::{Line, LineCutter, strip_token};
use crate::clock::Clock;
use crate::console::Console;
use crate::ports::{Input, Ports};
use crate::timing::{Limits, Timing};
use crate::transcript::Transcript;

/// How often a command is sent before the channel counts as broken.
const TRIES: u32 = 3;

/// How long nothing may come before a report that is coming in counts as whole.
const SILENCE: Duration = Duration::from_millis(200);

/// Why a wait ended without what was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The time is over.
    Silent,
    /// The VM is gone.
    Ended,
    /// The user wants the run to stop.
    Cancelled,
    /// The conversation went wrong.
    Broken(String),
}

/// What a test left behind.
pub(crate) struct Ran {
    pub(crate) fate: Fate,
    pub(crate) diagnostics: Vec<String>,
    pub(crate) subtests: Vec<Subtest>,
    /// The user interrupted the test: there is no verdict.
    pub(crate) cancelled: bool,
}

/// A VM and the conversation with its guest.
pub(crate) struct Session {
    pub(crate) console: Console,
    /// Whether the kernel came to rest after the last test.
    pub(crate) rested: bool,
    /// What the last test left behind, in the guest's words; empty if nothing.
    pub(crate) dirt: Vec<String>,
    /// Taint word when the last command had settled.
    pub(crate) taint: Taint,
    vm: Vm,
    writer: UnixStream,
    ports: Ports,
    clock: Clock,
    /// Both ports are closed: the VM is gone.
    closed: bool,
    cutter: LineCutter,
    pending: VecDeque<String>,
    number: u32,
    nonce: String,
    timing: Timing,
    limits: Limits,
    transcript: Transcript,
}

impl Session {
    pub(crate) fn new(mut vm: Vm, timing: Timing, limits: Limits, transcript: Transcript) -> std::io::Result<Self> {
        let taken = || std::io::Error::other("the VM's ports are taken already");
        let console = vm.take_console().ok_or_else(taken)?;
        let channel = vm.take_channel().ok_or_else(taken)?;
        let writer = channel.try_clone()?;
        let ports = Ports::open(console, channel)?;
        let nonce = token()?;
        Ok(Self {
            console: Console::new(&nonce),
            rested: true,
            dirt: Vec::new(),
            taint: Taint(0),
            vm,
            writer,
            ports,
            clock: Clock::start(),
            closed: false,
            cutter: LineCutter::default(),
            pending: VecDeque::new(),
            number: 0,
            nonce,
            timing,
            limits,
            transcript,
        })
    }

    /// Waits for the guest's hello, answers it and takes the first taint word.
    pub(crate) fn boot(&mut self) -> Result<(), Stop> {
        self.hello()?;
        self.answer_hello()
    }

    /// Waits for the guest's first line.
    pub(crate) fn hello(&mut self) -> Result<(), Stop> {
        let until = self.clock.now() + self.timing.boot();
        loop {
            match self.line(until)? {
                Line::Hello(PROTOCOL) => return Ok(()),
                Line::Hello(other) => {
                    return Err(Stop::Broken(format!("the guest speaks protocol {other}, kernrig speaks {PROTOCOL}")));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn answer_hello(&mut self) -> Result<(), Stop> {
        for _ in 0..TRIES {
            self.send(&format!("hello {PROTOCOL} nonce={}", self.nonce))?;
            match self.wait_for(self.clock.now() + self.timing.acknowledgement(), |l| *l == Line::Ack(0)) {
                Ok(_) => return self.settle(),
                Err(Stop::Silent) => {}
                Err(stop) => return Err(stop),
            }
        }
        Err(Stop::Broken("the guest did not answer the hello".to_owned()))
    }

    /// Has the kernel finish what it put off, and reads its taint word.
    pub(crate) fn settle(&mut self) -> Result<(), Stop> {
        let number = self.command("settle", "")?;
        let until = self.clock.now() + self.timing.command();
        if let Line::Done(_, values) = self.wait_for(until, |l| matches!(l, Line::Done(n, _) if *n == number))? {
            self.taint = taint(&values);
        }
        Ok(())
    }

    /// Has the guest write `count` marker pairs; gives how many of them came out of the console.
    pub(crate) fn markers(&mut self, count: u32) -> Result<u64, Stop> {
        let before = self.console.markers;
        let number = self.command("markers", &format!("count={count}"))?;
        let until = self.clock.now() + (self.timing.command() + Duration::from_millis(50) * count);
        self.wait_for(until, |l| matches!(l, Line::Done(n, _) if *n == number))?;
        self.drain_while(self.timing.marker(), |s| s.console.markers - before < u64::from(count));
        Ok(self.console.markers - before)
    }

    /// The number that the next command will have.
    pub(crate) fn number_of_next_command(&self) -> u32 {
        self.number + 1
    }

    /// Runs a test to its fate; a payload with the way to read what it says.
    pub(crate) fn run(&mut self, cell: &Cell, probe: bool, reading: Option<Reading>) -> Ran {
        let params: String = cell.params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.converse_to_the_end(cell, &format!("probe={}{params}", u8::from(probe)), reading)
    }

    /// Runs a test of the catalog with further words of the `run` command to its fate.
    pub(crate) fn run_with(&mut self, cell: &Cell, words: &str) -> Ran {
        self.converse_to_the_end(cell, words, None)
    }

    fn converse_to_the_end(&mut self, cell: &Cell, words: &str, reading: Option<Reading>) -> Ran {
        self.dirt.clear();
        let mut ktap = Ktap::new(reading);
        let result = self.converse(cell, words, &mut ktap);
        let cancelled = result == Err(Stop::Cancelled);
        let fate = match result {
            Ok(fate) => fate,
            Err(Stop::Silent) => {
                let waited = self.timing.outer(cell).as_secs();
                let heard = if self.console.has_oops(self.number) {
                    "after the kernel's complaint"
                } else {
                    "from guest or kernel"
                };
                match self.provoke() {
                    Ok(()) => Fate::Silent(format!("no answer {heard}; the test is given {waited} s")),
                    // A QEMU that does not answer either is stuck or stopped itself: nothing is known of the kernel.
                    Err(error) => Fate::Broken(format!("no answer from guest or QEMU: {error}")),
                }
            }
            Err(Stop::Ended) => {
                self.console.finish();
                self.qemu_failed().map_or_else(|| Fate::VmEnded(self.how_it_ended()), Fate::Broken)
            }
            Err(Stop::Cancelled) => Fate::Broken("the run was interrupted".to_owned()),
            Err(Stop::Broken(reason)) => Fate::Broken(reason),
        };
        self.console.close();
        let subtests = ktap.subtests();
        Ran { fate, diagnostics: ktap.diagnostics, subtests, cancelled }
    }

    fn converse(&mut self, cell: &Cell, words: &str, ktap: &mut Ktap) -> Result<Fate, Stop> {
        let until = self.clock.now() + self.timing.outer(cell);
        let inner = self.timing.inner(cell.deadline_s);
        let options = format!("{} {words} deadline={inner}", cell.test.name);
        let number = self.command("run", &options)?;
        let token = token().map_err(|e| Stop::Broken(format!("no random numbers: {e}")))?;
        self.send(&format!("token {number} {token}"))?;
        let mut oopsed: Option<Instant> = None;
        loop {
            if self.console.has_oops(number) {
                oopsed.get_or_insert_with(|| self.clock.now() + self.timing.after_oops());
            }
            let line = match self.raw_line(oopsed.map_or(until, |o| o.min(until))) {
                Err(Stop::Silent) if self.clock.now() < until && oopsed.is_none_or(|o| self.clock.now() < o) => {
                    continue;
                }
                other => other?,
            };
            let Some(believed) = strip_token(&line, &token) else { continue };
            match Line::parse(believed) {
                Line::Done(n, values) if n == number => return self.conclude(number, &token, ktap, &values),
                _ => ktap.push(believed, cell.test.name),
            }
        }
    }

    fn conclude(&mut self, number: u32, token: &str, ktap: &Ktap, values: &[(String, String)]) -> Result<Fate, Stop> {
        let until = self.clock.now() + self.timing.marker();
        while !self.console.has_ended(number, token) {
            match self.raw_line(until) {
                Ok(_) => {}
                Err(Stop::Silent) if self.clock.now() < until => {}
                Err(Stop::Silent) => return Ok(Fate::NoMarker),
                Err(stop) => return Err(stop),
            }
        }
        self.taint = taint(values);
        let dirt = values.iter().find(|(key, _)| key == "dirt").map_or("", |(_, kinds)| kinds.as_str());
        self.dirt = dirt.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
        let unsettled = values.iter().find(|(key, _)| key == "settle").map(|(_, why)| unsettled(why));
        self.rested = unsettled.is_none();
        match &ktap.judged() {
            Some(Answer::Ok | Answer::Skip(_)) if unsettled.is_some() => {
                Ok(Fate::Silent(unsettled.unwrap_or_default()))
            }
            Some(answer) => Ok(Fate::Answered { answer: answer.clone(), taint: self.taint }),
            None => Ok(Fate::Broken("the guest ended the test without a result".to_owned())),
        }
    }

    /// Ends the VM in good order and hears it out.
    pub(crate) fn power_off(mut self) -> (Console, String) {
        if self.command("poweroff", "").is_ok() {
            self.drain(self.timing.last_words());
        }
        self.end()
    }

    /// Ends the VM at once.
    pub(crate) fn end(mut self) -> (Console, String) {
        self.console.finish();
        let how = self.how_it_ended();
        (self.console, how)
    }

    /// The VM itself.
    pub(crate) fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Takes in what comes out of the ports until nothing does.
    pub(crate) fn listen(&mut self) {
        let until = Instant::now() + self.timing.marker();
        while Instant::now() < until {
            let before = self.console.bytes;
            if self.receive(until).is_err() || self.console.bytes == before {
                break;
            }
        }
    }

    /// The QEMU command, for a user to try by hand.
    pub(crate) fn by_hand(&self) -> String {
        self.vm.by_hand().to_owned()
    }

    /// An NMI makes a stock kernel with `unknown_nmi_panic` print where it is, even with interrupts off.
    fn provoke(&mut self) -> Result<(), VmError> {
        if self.vm.hold().is_some() && self.console.has_oops(self.number) {
            self.console.finish();
            return Ok(());
        }
        self.console.provoke();
        let asked = self.vm.inject_nmi();
        if asked.is_ok() {
            self.drain(self.timing.last_words());
        }
        self.console.finish();
        asked
    }

    /// How the VM ended; `None` if it has not.
    fn ended(&self) -> Option<Ended> {
        // The ports close a moment before QEMU is reaped.
        if self.closed { self.vm.wait_timeout(Duration::from_secs(10)) } else { self.vm.ended() }
    }

    /// What went wrong with QEMU itself, which is nothing that the guest did; `None` while all is well with it.
    pub(crate) fn qemu_failed(&self) -> Option<String> {
        match self.ended() {
            Some(ended @ (Ended::Exit { .. } | Ended::Killed(_) | Ended::Shutdown { guest: false, .. })) => {
                Some(ended.to_string())
            }
            None if self.closed => Some("QEMU closed its ports and lives on".to_owned()),
            _ => None,
        }
    }

    fn how_it_ended(&self) -> String {
        self.ended().map_or_else(|| "it was stopped by kernrig".to_owned(), |ended| ended.to_string())
    }

    fn drain(&mut self, longest: Duration) {
        self.drain_while(longest, |_| true);
    }

    fn drain_while(&mut self, longest: Duration, more: impl Fn(&Self) -> bool) {
        let until = self.clock.now() + longest;
        while more(self) && self.receive(until).is_ok() {}
    }

    fn send(&mut self, line: &str) -> Result<(), Stop> {
        // A VM that has just ended is found by reading: its last words count, not the broken pipe.
        match self.writer.write_all(format!("{line}\n").as_bytes()) {
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            Err(e) => Err(Stop::Broken(format!("cannot write to the channel: {e}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Sends a command until it is acknowledged.
    fn command(&mut self, verb: &str, rest: &str) -> Result<u32, Stop> {
        self.number += 1;
        let number = self.number;
        for _ in 0..TRIES {
            self.send(&format!("{verb} {number} {rest}"))?;
            let until = self.clock.now() + self.timing.acknowledgement();
            match self.wait_for(until, |l| matches!(l, Line::Ack(n) | Line::Refused(n, _) if *n == number)) {
                Ok(Line::Refused(_, why)) => {
                    return Err(Stop::Broken(format!("the guest refused `{verb} {rest}`: {why}")));
                }
                Ok(_) => return Ok(number),
                Err(Stop::Silent) => {}
                Err(stop) => return Err(stop),
            }
        }
        Err(Stop::Silent)
    }

    fn wait_for(&mut self, until: Instant, wanted: impl Fn(&Line) -> bool) -> Result<Line, Stop> {
        loop {
            let line = self.line(until)?;
            if wanted(&line) {
                return Ok(line);
            }
        }
    }

    fn line(&mut self, until: Instant) -> Result<Line, Stop> {
        loop {
            match self.raw_line(until) {
                Ok(line) => return Ok(Line::parse(&line)),
                Err(Stop::Silent) if self.clock.now() < until => {}
                Err(stop) => return Err(stop),
            }
        }
    }

    /// The next line of the channel; `Silent` also when the console said something, so that callers can look at it.
    fn raw_line(&mut self, until: Instant) -> Result<String, Stop> {
        if let Some(line) = self.pending.pop_front() {
            return Ok(line);
        }
        self.receive(until)?;
        self.pending.pop_front().ok_or(Stop::Silent)
    }

    /// Takes in one piece of input, or a silence.
    fn receive(&mut self, until: Instant) -> Result<(), Stop> {
        if self.closed {
            return Err(Stop::Ended);
        }
        if self.limits.cancelled() {
            return Err(Stop::Cancelled);
        }
        self.clock.tick(Duration::ZERO);
        let left = until.saturating_duration_since(self.clock.now()).min(SILENCE);
        if left.is_zero() {
            return Err(Stop::Silent);
        }
        let input = self.ports.next(Instant::now() + left);
        self.clock.tick(left);
        match input {
            Input::Bytes { console, channel } => {
                self.transcript.console(&console);
                self.console.push(&console);
                self.transcript.channel(&channel);
                self.pending.extend(self.cutter.push(&channel));
            }
            // A VM that is held keeps its ports open when its guest has ended.
            Input::Silence if self.vm.ended().is_some() => self.closed = true,
            Input::Silence => self.console.idle(),
            Input::Closed => self.closed = true,
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("nonce", &self.nonce).field("number", &self.number).finish_non_exhaustive()
    }
}

fn unsettled(why: &str) -> String {
    match why {
        "timeout" => "the test is over, but the network namespaces it used are not cleaned up in time".to_owned(),
        "unkillable" => "the test is over, but a process of it survives SIGKILL".to_owned(),
        other => format!("the test is over, but the kernel does not come to rest: {other}"),
    }
}

fn taint(values: &[(String, String)]) -> Taint {
    // A kernel without the file (no sysctl) says nothing of its taint: 0 then, and the console is all there is.
    Taint(values.iter().find(|(k, _)| k == "taint").and_then(|(_, v)| v.parse().ok()).unwrap_or(0))
}

fn token() -> std::io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|e| std::io::Error::other(e.to_string()))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
