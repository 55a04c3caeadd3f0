//! The `kernrig` command without a VM: arguments, messages, exit codes.

mod arguments;
mod check;
mod config;
mod decode;
mod known;
mod payload;
mod qualify;
mod repro;
mod setup;
mod symbols;

use std::process::{Command, Output, Stdio};

/// A `kernrig` command that knows nothing of the user's own settings, in a folder of its own.
pub(crate) fn kernrig(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kernrig"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KERNRIG_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder.path()).stdin(Stdio::null()).env("KERNRIG_CACHE", folder.path().join("cache"));
    command
}

/// An empty folder.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Exit code, standard output, standard error.
pub(crate) fn finish(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}
