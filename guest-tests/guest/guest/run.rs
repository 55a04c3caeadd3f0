//! Runs one test: a process of its own, a deadline, and its answer as KTAP.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use kernrig_catalog::Mutant;
use kernrig_catalog::protocol::{DONE, MAX_DIAGNOSTICS, PAYLOAD_GROUP};

use crate::channel::marker;
use crate::command::Command;
use crate::dirt::{self, Surroundings};
use crate::serve::{Session, taint};
use crate::sys::{self, End, Fd, PollFd};
use crate::test_api::{self, Check, Ctx, Entry, Stop};
use crate::{antique, modules, payload, ready, selftest, settle, tests};

// Guest and catalog have the same tests in the same order, group by group: checked when the guest is built.
const _: () = {
    let groups = kernrig_catalog::GROUPS;
    assert!(groups.len() == tests::GROUPS.len() + 1, "each group has a line in tests/mod.rs, but for the self-tests");
    let mut group = 0;
    while group < groups.len() {
        let here = if group < tests::GROUPS.len() { tests::GROUPS[group] } else { selftest::TESTS };
        let mut i = 0;
        while i < groups[group].len() {
            let name = groups[group][i].name;
            if i >= here.len() || !same(here[i].0.as_bytes(), name.as_bytes()) {
                panic!("{}", name);
            }
            i += 1;
        }
        assert!(i == here.len(), "the guest has tests that are not in the catalog");
        group += 1;
    }
};

/// A test's function.
fn find(name: &str) -> Option<&'static Entry> {
    tests::GROUPS.iter().copied().flatten().chain(selftest::TESTS).find(|(known, _)| *known == name)
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// How long the host may take to send the token.
const TOKEN_MS: u64 = 60_000;

/// The test's process, forked and waiting for the word to go.
struct Child {
    pid: i32,
    report: Fd,
    go: Fd,
}

/// What became of a test.
enum Outcome {
    Answered(Check),
    Died(End),
    TimeUp,
}

/// Runs the test that the command names; an error is why it was not even started.
pub(crate) fn run(session: &mut Session, command: &Command) -> Result<(), String> {
    let number = command.number;
    let name = command.name.as_str();
    if let Some(payload) = name.strip_prefix(PAYLOAD_GROUP) {
        return payload::run(session, command, payload);
    }
    let (Some(entry), Some(test)) = (find(name), kernrig_catalog::by_name(name)) else {
        return Err(format!("no such test: {name}"));
    };
    let deadline = command.number_of("deadline").unwrap_or(u64::from(test.deadline_s)).max(1) * 1000;
    let mutant = match command.number_of("mutant") {
        None => None,
        Some(index) => {
            let known = usize::try_from(index).ok().and_then(|index| test.mutants.get(index));
            Some(known.ok_or_else(|| format!("{name} has no mutant {index}"))?)
        }
    };
    let ctx = Ctx::new(test, command.params.clone());
    ready::clear_warn_once();
    marker(&session.nonce, &format!("begin {number} {name}"));
    let loaded = modules::load(test.needs.modules);
    let before = Surroundings::look();
    let child = fork_test(session, entry, &ctx, deadline, mutant).map_err(|errno| format!("cannot fork: {errno}"))?;
    session.ack(number);
    let Some(token) = await_token(session, number) else {
        settle::kill_all();
        return Err("no token came".to_string());
    };
    let mut answer = Answer::new(session, &token);
    match loaded {
        Ok(()) => {
            let outcome = child.watch(deadline, |text| answer.diagnostic(text));
            let dirt =
                if matches!(outcome, Outcome::Answered(_)) && settle::anything_lives() { "processes" } else { "" };
            let all_gone = settle::kill_all();
            answer.session.channel.make_raw();
            answer.result(number, name, ctx.probe, deadline, outcome);
            answer.conclude(number, &token, all_gone, test.uses_netns, || dirt::join(before.changed(), dirt));
        }
        Err(why) => {
            let all_gone = settle::kill_all();
            answer.result(number, name, ctx.probe, deadline, Outcome::Answered(Err(Stop::Fail(why))));
            answer.conclude(number, &token, all_gone, false, String::new);
        }
    }
    Ok(())
}

/// Forks before the token is sent: nothing in the test's memory can forge a line that is believed.
fn fork_test(
    session: &Session,
    entry: &Entry,
    ctx: &Ctx,
    deadline: u64,
    mutant: Option<&'static Mutant>,
) -> Result<Child, sys::Errno> {
    let (report, to_parent) = sys::pipe()?;
    let (wait, go) = sys::pipe()?;
    let pid = sys::fork(0)?;
    if pid != 0 {
        return Ok(Child { pid, report, go });
    }
    session.channel.close_in_child();
    drop(report);
    drop(go);
    let _ = sys::setsid();
    if sys::read(&wait, &mut [0]) != Ok(1) {
        sys::exit(0);
    }
    drop(wait);
    test_api::report_to(&to_parent, sys::now_ms() + deadline);
    if let Some(mutant) = mutant {
        sys::mutate(mutant);
    }
    let check = match ctx.told("antique").map(|_| antique::pretend()) {
        Some(Err(errno)) => Err(Stop::Fail(format!("no filter for system calls: {errno}"))),
        Some(Ok(())) | None => entry.1(ctx),
    };
    test_api::send_check(to_parent.raw(), &check);
    sys::exit(0)
}

pub(crate) fn await_token(session: &mut Session, number: u32) -> Option<String> {
    let until = sys::now_ms() + TOKEN_MS;
    loop {
        let line = session.channel.line(until.saturating_sub(sys::now_ms()))?;
        match Command::parse(&line) {
            Some(word) if word.number != number => {}
            Some(token) if token.verb == "token" && !token.name.is_empty() => return Some(token.name),
            Some(again) if again.verb == "run" => session.ack(number),
            _ => {}
        }
    }
}

impl Child {
    /// Lets the test go and follows it to its answer, its death, or the deadline.
    fn watch(self, deadline: u64, mut diagnostic: impl FnMut(&str)) -> Outcome {
        let until = sys::now_ms() + deadline;
        let _ = sys::write(&self.go, b"g");
        let mut lines = Lines::default();
        let mut end = None;
        loop {
            // A descendant may hold the pipe open when the test is dead: so it is looked for, too, now and then.
            let left = until.saturating_sub(sys::now_ms());
            let mut poll = [PollFd { fd: self.report.raw(), events: sys::POLLIN, revents: 0 }];
            let ready = sys::poll(&mut poll, left.min(20) as i32).unwrap_or(0) > 0;
            let closed = ready && !lines.read_from(&self.report);
            for line in lines.complete() {
                match (line.strip_prefix('N'), test_api::parse_check(&line)) {
                    (Some(note), _) => diagnostic(note),
                    (None, Some(check)) => return Outcome::Answered(check),
                    (None, None) => {}
                }
            }
            if let (Some(end), false) = (end, ready && !closed) {
                return Outcome::Died(end);
            }
            if left == 0 {
                return Outcome::TimeUp;
            }
            if closed && end.is_none() {
                // It has closed its pipe, so it is about to die, or may do as it likes until its time is up.
                sys::sleep_ms(1);
            }
            end = end.or_else(|| self.reap());
        }
    }

    /// Reaps whatever has died, as init must; gives the test's end if it was among it.
    fn reap(&self) -> Option<End> {
        while let Ok(Some((pid, end))) = sys::wait(-1, sys::WNOHANG) {
            if pid == self.pid {
                return Some(end);
            }
        }
        None
    }
}

/// Lines out of a pipe, of bounded length.
#[derive(Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// False at the end.
    pub(crate) fn read_from(&mut self, pipe: &Fd) -> bool {
        let mut buffer = [0; 4096];
        match sys::read(pipe, &mut buffer) {
            Ok(n) if n > 0 => {
                self.pending.extend_from_slice(&buffer[..n]);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn complete(&mut self) -> Vec<String> {
        let Some(end) = self.pending.iter().rposition(|b| *b == b'\n') else {
            if self.pending.len() > MAX_DIAGNOSTICS {
                self.pending.clear();
            }
            return Vec::new();
        };
        let lines: Vec<u8> = self.pending.drain(..=end).collect();
        String::from_utf8_lossy(&lines).lines().map(str::to_string).collect()
    }
}

impl Lines {
    /// What stands after the last newline.
    pub(crate) fn unfinished(&mut self) -> Option<String> {
        let rest = core::mem::take(&mut self.pending);
        (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
    }
}

/// What goes to the host about one test, each line with the token.
pub(crate) struct Answer<'a> {
    pub(crate) session: &'a mut Session,
    tail: String,
    left: usize,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(session: &'a mut Session, token: &str) -> Answer<'a> {
        Answer { session, tail: format!(" [{token}]"), left: MAX_DIAGNOSTICS }
    }

    pub(crate) fn say(&self, line: &str) {
        self.session.channel.send_with_tail(line, &self.tail);
    }

    fn diagnostic(&mut self, text: &str) {
        if self.left == 0 {
            return;
        }
        self.left = self.left.saturating_sub(text.len() + 1);
        self.say(&format!("# {text}"));
        if self.left == 0 {
            self.say("# (more was said, and cut off here)");
        }
    }

    fn result(&self, number: u32, name: &str, probe: bool, deadline: u64, outcome: Outcome) {
        let not_ok = |reason: &str| {
            self.say(&format!("# reason: {reason}"));
            self.say(&format!("not ok {number} {name}"));
        };
        match outcome {
            Outcome::Answered(Ok(())) => self.say(&format!("ok {number} {name}")),
            Outcome::Answered(Err(Stop::Skip(reason))) => self.say(&format!("ok {number} {name} # SKIP {reason}")),
            Outcome::Answered(Err(Stop::Absent(reason))) if probe => {
                self.say(&format!("ok {number} {name} # SKIP probed: {reason}"));
            }
            Outcome::Answered(Err(Stop::Absent(reason) | Stop::Fail(reason))) => not_ok(&reason),
            Outcome::Died(end) => not_ok(&format!("test process {end}, without a verdict")),
            Outcome::TimeUp => {
                let seconds = deadline / 1000;
                self.say(&format!("not ok {number} {name} # TIMEOUT no verdict within {seconds} s"));
            }
        }
    }

    /// End marker, settling, dirt, taint.
    pub(crate) fn conclude(
        &self,
        number: u32,
        token: &str,
        all_gone: bool,
        uses_netns: bool,
        dirt: impl FnOnce() -> String,
    ) {
        marker(&self.session.nonce, &format!("end {number} {token}"));
        settle::rcu();
        let settled = match (all_gone, !uses_netns || settle::netns()) {
            (true, true) => "",
            (false, _) => " settle=unkillable",
            (true, false) => " settle=timeout",
        };
        let dirt = dirt();
        let dirt = if dirt.is_empty() { dirt } else { format!(" dirt={dirt}") };
        marker(&self.session.nonce, &format!("settled {number} {token}"));
        self.say(&format!("{DONE} {number} taint={}{settled}{dirt}", taint()));
    }
}
