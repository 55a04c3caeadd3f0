//! The `kernrig` command: arguments, progress, exit codes. No logic.

mod args;
mod candidate;
mod commands;
mod failure;
mod hand;
mod known_issues;
mod laboratory;
mod machine;
mod matrix;
mod out_dir;
mod payloads;
mod progress;
mod resolve;
mod screen;
mod shape;
mod signals;
mod stdout;
mod symbolise;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help goes to standard output with 0, a wrong argument to standard error with 2. Either may be closed.
        Err(e) => {
            let printed = e.print();
            let code = u8::try_from(e.exit_code()).unwrap_or(2);
            if let (0, Err(error)) = (code, &printed) {
                stdout::failed(error);
            }
            if code != 0 && commands::bisect::is_step(std::env::args_os()) {
                return ExitCode::from(commands::bisect::STOP);
            }
            return ExitCode::from(if stdout::is_incomplete() { 2 } else { code });
        }
    };
    cli.global.color.apply();
    let result = match &cli.command {
        Command::Run(run) => commands::run::run(&cli.global, run),
        Command::Known(known) => commands::known::known(&cli.global, &known.command),
        Command::Repro(repro) => commands::repro::repro(&cli.global, repro),
        Command::Bisect(bisect) => commands::bisect::bisect(&cli.global, bisect),
        Command::List(list) => commands::list::list(&cli.global, list),
        Command::Check(check) => commands::check::check(&cli.global, check),
        Command::Kernels(kernels) => commands::kernels::kernels(&cli.global, &kernels.command),
        Command::Doctor => commands::doctor::doctor(&cli.global),
        Command::Init(init) => commands::init::init(init),
        Command::Qualify(qualify) => commands::qualify::qualify(&cli.global, qualify),
        Command::Decode(decode) => commands::decode::decode(&cli.global, decode),
    };
    let incomplete = if commands::bisect::is_step(std::env::args_os()) { commands::bisect::STOP } else { 2 };
    match result {
        Ok(code) => ExitCode::from(if stdout::is_incomplete() { incomplete } else { code }),
        Err(failure) => {
            stdout::note(format!("error: {failure}"));
            ExitCode::from(2)
        }
    }
}
