//! Runs the `kernrig` binary and reads what it left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kernrig_events::{Event, Outcome};

/// A finished run of `kernrig run`.
pub(crate) struct Finished {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it printed, both streams.
    pub(crate) printed: String,
    /// Its output folder, removed with this value.
    pub(crate) out: tempfile::TempDir,
    /// Its events.
    pub(crate) events: Vec<Event>,
}

impl Finished {
    /// The outcome of a test on the one kernel of the run, or on a named one: `kernel/test`.
    pub(crate) fn outcome(&self, test: &str) -> &Outcome {
        let found: Vec<_> = self.outcomes().filter(|o| o.cell.test == test).collect();
        assert_eq!(found.len(), 1, "{test} has {} outcomes in\n{}", found.len(), self.printed);
        found[0]
    }

    /// `uname -r` of the one kernel of the run.
    pub(crate) fn release(&self) -> String {
        let ready = |e: &'_ Event| if let Event::KernelReady(kernel) = e { Some(kernel.release.clone()) } else { None };
        self.events.iter().find_map(ready).unwrap_or_else(|| panic!("no kernel was ready\n{}", self.printed))
    }

    /// Every outcome in order.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.events.iter().filter_map(|e| if let Event::TestFinished(outcome) = e { Some(outcome) } else { None })
    }

    /// Label of each test's verdict.
    pub(crate) fn labels(&self) -> BTreeMap<&str, &'static str> {
        self.outcomes().map(|o| (o.cell.test.as_str(), o.verdict.label())).collect()
    }

    /// Asserts the verdict of a test, showing all that is known of it otherwise.
    pub(crate) fn expect(&self, test: &str, label: &str) -> &Outcome {
        let outcome = self.outcome(test);
        assert_eq!(outcome.verdict.label(), label, "{test}: {outcome:#?}");
        outcome
    }

    /// The JUnit file as text.
    pub(crate) fn junit(&self) -> String {
        fs::read_to_string(self.out.path().join("junit.xml")).expect("junit.xml was written")
    }
}

/// A `kernrig` command that the user's own settings do not reach; the user's cache it shares, so that no kernel is
/// fetched twice.
pub(crate) fn kernrig() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kernrig"));
    let own = |name: &str| name.starts_with("KERNRIG_") && name != "KERNRIG_CACHE";
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs `kernrig run` with more arguments to its end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    run_with(&mut kernrig(), arguments)
}

/// Runs a prepared command as `kernrig run` with more arguments to its end.
pub(crate) fn run_with(command: &mut Command, arguments: &[&str]) -> Finished {
    let out = tempfile::tempdir().expect("a folder for the output");
    command.arg("run").args(["--jobs", "1", "--out"]).arg(out.path());
    command.arg("--junit").arg(out.path().join("junit.xml")).args(arguments);
    let Output { status, stdout, stderr } = command.output().expect("kernrig starts");
    let printed = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let events = events(out.path());
    Finished { code: status.code().unwrap_or(-1), printed, out, events }
}

/// The events in an output folder; a last line that is torn is left out.
pub(crate) fn events(out: &Path) -> Vec<Event> {
    let text = fs::read_to_string(out.join("results.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Says what a test leaves out, past the test runner, which shows a passing test's own output to nobody.
pub(crate) fn skipped(what: &str) {
    // Without standard error there is nobody to tell.
    writeln!(std::io::stderr(), "SKIPPED: {what}").ok();
}

/// The old kernels at hand: name and folder. Empty, and said so, without `KERNRIG_KERNELS`.
pub(crate) fn old_kernels(what_is_skipped: &str) -> Vec<(String, PathBuf)> {
    let Some(folder) = std::env::var_os("KERNRIG_KERNELS").map(PathBuf::from) else {
        skipped(&format!("{what_is_skipped}: KERNRIG_KERNELS does not name a folder of kernels"));
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("KERNRIG_KERNELS={}: {e}", folder.display()));
    let mut kernels: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|e| e.path().is_dir())
        .map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()))
        .collect();
    kernels.sort();
    assert!(!kernels.is_empty(), "KERNRIG_KERNELS={} holds no kernel", folder.display());
    kernels
}

/// One of the old kernels by the start of its folder's name.
pub(crate) fn old_kernel(start: &str, what_is_skipped: &str) -> Option<PathBuf> {
    let found = old_kernels(what_is_skipped).into_iter().find(|(name, _)| name.starts_with(start));
    if found.is_none() {
        skipped(&format!("{what_is_skipped}: no kernel {start}* at hand"));
    }
    found.map(|(_, path)| path)
}
