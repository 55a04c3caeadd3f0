//! The conversation with the host: hello, then one command after the other.

use alloc::format;
use alloc::string::{String, ToString as _};

use kernrig_catalog::protocol::{ACK, DONE, GUEST_HELLO, PROTOCOL, REFUSED};

use crate::channel::{Channel, kmsg, marker};
use crate::command::Command;
use crate::{files, power, run, settle, sys};

/// What is known after the hello.
pub(crate) struct Session {
    pub(crate) channel: Channel,
    /// In every marker of this boot.
    pub(crate) nonce: String,
    /// Number of the last command that was taken on; the hello is 0.
    last: u32,
}

/// Serves the host until it ends the machine.
pub(crate) fn serve() -> ! {
    let channel = loop {
        match Channel::open() {
            Ok(channel) => break channel,
            Err(errno) => {
                kmsg(1, &format!("kernrig guest: cannot open /dev/ttyS1: {errno}"));
                sys::sleep_ms(1000);
            }
        }
    };
    let mut session = Session { channel, nonce: String::new(), last: 0 };
    session.greet();
    loop {
        if let Some(line) = session.channel.line(60_000)
            && let Some(command) = Command::parse(&line)
        {
            session.answer(&command);
        }
    }
}

impl Session {
    /// Says hello once a second until the host has said it too.
    fn greet(&mut self) {
        let release = sys::uname().map_or_else(|_| "unknown".to_string(), |u| u.release);
        let cpus: u32 = sys::sched_getaffinity().map_or(1, |mask| mask.iter().map(|word| word.count_ones()).sum());
        loop {
            self.channel.send(&format!("{GUEST_HELLO} {PROTOCOL} release={release} cpus={cpus}"));
            let until = sys::now_ms() + 1000;
            while let Some(line) = self.channel.line(until.saturating_sub(sys::now_ms())) {
                match Command::parse(&line) {
                    Some(command) if command.verb == "hello" => return self.meet(&command),
                    _ => {}
                }
            }
        }
    }

    fn meet(&mut self, hello: &Command) {
        self.nonce = hello.param("nonce").unwrap_or_default().to_string();
        marker(&self.nonce, "boot");
        self.ack(0);
        // For whoever reads the raw channel with a parser of KTAP; the host does not need it.
        self.channel.send("KTAP version 1");
    }

    pub(crate) fn ack(&self, number: u32) {
        self.channel.send(&format!("{ACK} {number}"));
    }

    fn refuse(&self, number: u32, why: &str) {
        self.channel.send(&format!("{REFUSED} {number} {why}"));
    }

    fn answer(&mut self, command: &Command) {
        // The host has not heard the acknowledgement and says it again.
        if command.verb == "hello" {
            return self.ack(0);
        }
        // Late, without its command: of a run that is over.
        if command.verb == "token" {
            return;
        }
        if command.number <= self.last {
            return self.ack(command.number);
        }
        self.last = command.number;
        match command.verb.as_str() {
            "run" => {
                if let Err(why) = run::run(self, command) {
                    self.refuse(command.number, &why);
                }
            }
            "settle" => {
                self.ack(command.number);
                settle::rcu();
                self.channel.send(&format!("{DONE} {} taint={}", command.number, taint()));
            }
            "markers" => self.markers(command),
            "poweroff" => {
                self.ack(command.number);
                power::off();
            }
            verb => self.refuse(command.number, &format!("no such command: {verb}")),
        }
    }

    /// As many marker pairs as the host asks for, as fast as they go, so that it can count what gets through.
    fn markers(&self, command: &Command) {
        self.ack(command.number);
        let count = command.number_of("count").unwrap_or(0);
        for i in 1..=count {
            marker(&self.nonce, &format!("begin {} markers.{i}", command.number));
            marker(&self.nonce, &format!("end {} {i:016x}", command.number));
        }
        self.channel.send(&format!("{DONE} {} taint={}", command.number, taint()));
    }
}

/// The kernel's taint word; 0 from a kernel that does not tell.
pub(crate) fn taint() -> u64 {
    files::read_number("/proc/sys/kernel/tainted").unwrap_or(0)
}
