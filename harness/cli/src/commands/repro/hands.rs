//! A VM in the user's hands: its memory dumped, stopped for a debugger, or gone on with by hand.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kernrig_events::{Class, Outcome};
use kernrig_run::{Keeper, Kept};
use kernrig_vm::{Hold, shell_quoted};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::OnCrash;
use super::sighting::{Quarry, bare};
use crate::screen::Screen;

/// What becomes of the first VM that shows what is looked for.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) quarry: Arc<dyn Quarry>,
    pub(crate) on_crash: Option<OnCrash>,
    /// Where its memory goes.
    pub(crate) dump: Option<PathBuf>,
    pub(crate) screen: Screen,
    /// Set when the user wants it to end.
    pub(crate) cancel: Arc<AtomicBool>,
    /// For the sockets: the user's alone, and short enough for one.
    pub(crate) sockets: tempfile::TempDir,
    pub(crate) next: AtomicU32,
    /// Had its VM already, and what is to be said of that.
    pub(crate) done: Mutex<Option<String>>,
}

impl Hands {
    /// What happened, once it has.
    pub(crate) fn done(&self) -> Option<String> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, text: impl AsRef<str>) {
        self.screen.line(text);
    }

    fn dump(&self, path: &Path, kept: &Kept<'_>) -> String {
        let written = private(path).map_err(|e| e.to_string());
        let written = written.and_then(|file| kept.dump(file).map_err(|e| e.to_string()));
        match written {
            Ok(length) => format!("memory of the VM in {} ({} MiB, an ELF core)", path.display(), length >> 20),
            Err(why) => format!("no memory dump in {}: {why}", path.display()),
        }
    }

    /// Stopped, and the user told how to look at it.
    fn show(&self, kept: &Kept<'_>, gdb: bool) {
        if let Err(why) = kept.stop() {
            self.say(format!("the VM could not be stopped: {why}"));
        }
        let state = kept.ended().map_or_else(|| "stopped".to_owned(), |how| format!("at its end ({how})"));
        self.say(format!("the VM is {state}; QEMU has pid {}", kept.pid()));
        let Some(hold) = kept.hold() else { return };
        let path = |path: Option<&Path>| path.map(|p| p.display().to_string()).unwrap_or_default();
        self.say(format!("  monitor  {}   (socat - UNIX-CONNECT:{0})", path(hold.monitor())));
        self.say(format!("  QMP      {}", path(hold.qmp())));
        if gdb {
            let target = format!("target remote {}", path(hold.gdb()));
            let words = ["gdb", "-ex", "set architecture i386:x86-64", "-ex", &target].map(str::to_owned);
            self.say(format!("  attach   {} vmlinux", shell_quoted(&words)));
        }
    }

    /// Until Enter, a signal, or QEMU's own end.
    fn wait(&self, kept: &Kept<'_>) {
        self.say("Enter or Ctrl-C ends it.");
        let qemu = format!("/proc/{}", kept.pid());
        let mut terminal = Terminal::default();
        while !self.cancel.load(Ordering::Relaxed) && Path::new(&qemu).exists() {
            if matches!(terminal.next(), Input::Line(_)) {
                break;
            }
        }
    }

    fn shell(&self, kept: &mut Kept<'_>) {
        self.say("the VM goes on: `help` says what can be done with it, `quit` ends it");
        let mut terminal = Terminal::default();
        while !self.cancel.load(Ordering::Relaxed) {
            match terminal.next() {
                Input::Nothing => {}
                Input::End => return,
                Input::Line(line) => {
                    if !self.command(&line, kept) {
                        return;
                    }
                    self.say("kernrig>");
                }
            }
        }
    }

    /// Does what a line says; false to end.
    fn command(&self, line: &str, kept: &mut Kept<'_>) -> bool {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["quit" | "exit"] => return false,
            ["help"] => self.say(
                "run TEST [NAME=N…]   run a test by its name\nconsole              what the console shows\n\
                 dump FILE            write the memory to a file\nquit                 end the VM",
            ),
            ["console"] => {
                let text = kept.console();
                text.lines().for_each(|line| self.say(line.replace(|c: char| c.is_control() && c != '\t', "")));
            }
            ["dump", file] => self.say(self.dump(Path::new(file), kept)),
            ["run", test, ref params @ ..] => self.run(test, params, kept),
            _ => self.say(format!("`{line}` is no command; `help` lists them")),
        }
        if let Some(how) = kept.ended() {
            self.say(format!("the VM is dead ({how}): only its memory is left, and what it has printed"));
        }
        true
    }

    fn run(&self, name: &str, params: &[&str], kept: &mut Kept<'_>) {
        let Some(test) = kernrig_catalog::by_name(name) else {
            return self.say(format!("{name}: no test has such a name; `kernrig list` prints them all"));
        };
        let value = |text: &&str| {
            let (name, value) = text.split_once('=')?;
            let param = test.params.iter().find(|param| param.name == name)?;
            Some((param.name, value.parse().ok().filter(|value| (param.min..=param.max).contains(value))?))
        };
        let Some(params) = params.iter().map(value).collect() else {
            let known: Vec<_> = test.params.iter().map(|p| format!("{}={}..{}", p.name, p.min, p.max)).collect();
            return self
                .say(format!("{name} takes {}", if known.is_empty() { "no numbers".into() } else { known.join(" ") }));
        };
        if kept.ended().is_some() {
            return;
        }
        let (told, diagnostics) = kept.run(test, params);
        diagnostics.iter().for_each(|line| self.say(format!("# {line}")));
        self.say(format!("{name}: {told}"));
    }
}

impl Keeper for Hands {
    fn hold(&self) -> Result<Hold, String> {
        if self.on_crash.is_none() {
            return Ok(Hold::default());
        }
        let folder = self.sockets.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let made = std::fs::create_dir(&folder);
        let hold = made.and_then(|()| Hold::with_ports(&folder, self.on_crash == Some(OnCrash::Gdb)));
        hold.map_err(|e| format!("cannot make sockets in {}: {e}", folder.display()))
    }

    fn keep(&self, outcome: &Outcome, kept: &mut Kept<'_>) {
        let outcome = bare(outcome.clone());
        if outcome.verdict.class() != Class::Bad || !self.quarry.shows(&outcome) || self.done().is_some() {
            return;
        }
        let mut told = Vec::new();
        if let Some(path) = &self.dump {
            told.push(self.dump(path, kept));
            self.say(told.join(""));
        }
        match self.on_crash {
            None => {}
            Some(OnCrash::Shell) => self.shell(kept),
            Some(how) => {
                self.show(kept, how == OnCrash::Gdb);
                self.wait(kept);
            }
        }
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.join("; "));
    }
}

/// Memory may hold anything: for its owner alone.
fn private(path: &Path) -> std::io::Result<File> {
    let file = File::create(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Standard input, line by line, never waited for longer than a moment.
#[derive(Debug, Default)]
struct Terminal {
    pending: Vec<u8>,
    ended: bool,
}

enum Input {
    Line(String),
    Nothing,
    /// Nothing more comes: without a terminal at once.
    End,
}

impl Terminal {
    fn next(&mut self) -> Input {
        if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            return Input::Line(String::from_utf8_lossy(&line).trim().to_owned());
        }
        let stdin = std::io::stdin();
        let moment = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        if self.ended {
            // Nothing to wait for but a signal.
            poll(&mut [], Some(&moment)).ok();
            return Input::End;
        }
        if poll(&mut ready, Some(&moment)).unwrap_or(0) == 0 {
            return Input::Nothing;
        }
        let mut buffer = [0; 1024];
        // Past the standard library's buffer, of which poll knows nothing.
        match rustix::io::read(&stdin, &mut buffer) {
            Ok(count @ 1..) => self.pending.extend_from_slice(&buffer[..count]),
            _ => self.ended = true,
        }
        Input::Nothing
    }
}
