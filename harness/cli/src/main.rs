//! The `kernrig` command: arguments, progress, exit codes. No logic.

fn main() {}
