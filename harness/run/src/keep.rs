//! VMs in which something went wrong, in somebody's hands before they are ended.

use std::fmt;
use std::fs::File;

use kernrig_catalog::Test;
use kernrig_events::Outcome;
use kernrig_plan::{Answer, Cell, Fate};
use kernrig_vm::{Hold, VmError};

use crate::session::Session;

/// Who is asked about each test's outcome while its VM is still there, complaint and all.
///
/// The VMs of a run that has a keeper stay when their kernel panics, and a kernel that complained and then hangs is not
/// made to panic by an NMI: what is kept is as the complaint left it.
pub trait Keeper: fmt::Debug + Send + Sync {
    /// What the next VM is held by.
    ///
    /// # Errors
    /// Why there is none, in words: the VM is then not started.
    fn hold(&self) -> Result<Hold, String>;

    /// A test has its verdict. The VM is ended, or goes on to the next test, when this returns.
    fn keep(&self, outcome: &Outcome, kept: &mut Kept<'_>);
}

/// A VM that waits for what is to become of it.
#[derive(Debug)]
pub struct Kept<'a> {
    session: &'a mut Session,
    probe: bool,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(session: &'a mut Session, probe: bool) -> Self {
        Self { session, probe }
    }

    /// QEMU's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.session.vm().pid()
    }

    /// Where its ports are.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.session.vm().hold()
    }

    /// How its guest ended, if it has: then its memory is there and nothing runs in it.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.session.vm().ended().map(|ended| ended.to_string())
    }

    /// Stops the guest where it is.
    ///
    /// # Errors
    /// When QEMU refuses.
    pub fn stop(&self) -> Result<(), VmError> {
        // A guest that has ended stands still already.
        if self.ended().is_some() { Ok(()) } else { self.session.vm().stop() }
    }

    /// Writes its memory to a file as an ELF core; gives how long it is.
    ///
    /// # Errors
    /// When QEMU refuses, or the file cannot be written.
    pub fn dump(&self, file: File) -> Result<u64, VmError> {
        self.session.vm().dump(file)
    }

    /// Has it run a test, and says in a word and a reason what came of it.
    pub fn run(&mut self, test: &'static Test, params: Vec<(&'static str, u64)>) -> (String, Vec<String>) {
        let ran = self.session.run(&Cell { params, ..Cell::plain(test) }, self.probe, None);
        let told = match ran.fate {
            Fate::Answered { answer: Answer::Ok, .. } => "pass".to_owned(),
            Fate::Answered { answer, .. } => format!("{answer:?}"),
            Fate::Silent(why) | Fate::VmEnded(why) | Fate::Broken(why) => why,
            Fate::NoMarker => "it ended, and its end marker did not come out of the console".to_owned(),
        };
        (told, ran.diagnostics)
    }

    /// What the console showed since it was last asked.
    pub fn console(&mut self) -> String {
        self.session.listen();
        self.session.console.take_excerpt()
    }
}
