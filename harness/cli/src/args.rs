//! The arguments of `kernrig`: what can be said on the command line, and where each default comes from.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kernrig_kernels::manifest::{CPUS, MEMORY_MIB};

use crate::commands::bisect::args::BisectArgs;
use crate::commands::known::args::KnownArgs;
use crate::commands::qualify::args::QualifyArgs;
use crate::commands::repro::args::ReproArgs;

/// Exit codes, the same for every command.
const EXIT_CODES: &str = "\
Exit codes:
  0  all as expected
  1  a test failed, crashed the kernel, or hung; a kernel did not boot
  2  kernrig could not do its job: bad configuration, no QEMU, a kernel not to be had, interrupted.
     A run with failures and holes ends with 2: what it left out may hide more.";

/// Boots a matrix of Linux kernels in QEMU, tests what containers need from them, and names the oopses.
#[derive(Debug, Parser)]
#[command(name = "kernrig", version, max_term_width = 120, after_help = EXIT_CODES, propagate_version = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The matrix: archives, kernels, variants [default: ./kernels.toml, else the one compiled in]
    #[arg(long, global = true, value_name = "FILE", env = "KERNRIG_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Where kernels are kept [default: $XDG_CACHE_HOME/kernrig, else ~/.cache/kernrig]
    #[arg(long, global = true, value_name = "DIR", env = "KERNRIG_CACHE")]
    pub(crate) cache: Option<PathBuf>,

    /// Fetch nothing: what is not in the cache is not to be had
    #[arg(long, global = true)]
    pub(crate) offline: bool,

    /// Take the archive NAME of kernels.toml from this mirror (also: environment KERNRIG_MIRROR_NAME)
    #[arg(long, global = true, value_name = "NAME=URL", value_parser = mirror)]
    pub(crate) mirror: Vec<(String, String)>,

    /// Lay no known issues over verdicts: a bug that known-issues.toml expects fails
    #[arg(long, global = true)]
    pub(crate) no_known: bool,

    /// Say more: QEMU command lines, where kernels come from
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    /// Colours and bars
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it the choice for everything that is printed.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Boot kernels, run the tests on each, write the reports
    Run(Box<RunArgs>),
    /// Find the two kernels of an archive between which a behaviour changed
    Bisect(Box<BisectArgs>),
    /// Print the tests, one a line
    List(ListArgs),
    /// Find out, without booting, what container engines would miss in a kernel
    Check(CheckArgs),
    /// Bugs that kernels are known to have: which there are, whether the list is sound, draft an entry
    Known(KnownArgs),
    /// The kernels of the matrix: which there are, fetch them, pin them
    Kernels(KernelsArgs),
    /// Find out whether this machine can do it, and what to install if not
    Doctor,
    /// Write kernels.toml and known-issues.toml into this folder, for editing
    Init(InitArgs),
    /// Hold a kernel against another, or against a run of it: new failures, lost tests, and what could explain them
    Qualify(Box<QualifyArgs>),
    /// Hunt a known issue, a test's failure or your own program's on a kernel until it shows; exit 1 if it does not
    Repro(Box<ReproArgs>),
    /// Name the complaints in kernel logs; exit 1 if there are any
    Decode(DecodeArgs),
}

/// Arguments of `kernrig run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) kernels: KernelChoice,

    /// Run the tests whose names match; selftest::* only run when named so [default: all but selftest::*]
    #[arg(short, long = "test", value_name = "GLOB")]
    pub(crate) tests: Vec<String>,

    /// Give a number to every selected test that has it: iterations, workers, seconds, seed (`kernrig list --long`)
    #[arg(long, value_name = "NAME=N", value_parser = param)]
    pub(crate) param: Vec<(String, u64)>,

    #[command(flatten)]
    pub(crate) payload: PayloadArgs,

    /// Boot this variant of kernels.toml; may be given several times [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,

    /// VMs side by side [default: as many as the CPUs and the memory of this job carry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,

    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,

    /// Virtual CPUs of each VM [default: the variant's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(&CPUS)))]
    pub(crate) smp: Option<u32>,

    /// RAM of each VM in MiB [default: the variant's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(range(&MEMORY_MIB)))]
    pub(crate) memory: Option<u32>,

    /// Run a test whose verdict is bad again, alone in a fresh VM, up to N times; every outcome is kept
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,

    /// What a test counts as that was bad and then was not; it is called flaky in every report either way
    #[arg(long, value_name = "AS", default_value = "pass", env = "KERNRIG_FLAKY")]
    pub(crate) flaky: Flaky,

    /// Where results.jsonl and the consoles go
    #[arg(long, value_name = "DIR", default_value = "kernrig-out", env = "KERNRIG_OUT")]
    pub(crate) out: PathBuf,

    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Print what would run and the reason for each skip; fetches kernels that are not here yet, boots nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Start nothing that would not end in this time: 55m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// Take exactly what kernels.lock pins, or refuse
    #[arg(long)]
    pub(crate) locked: bool,

    /// A test that passes where known-issues.toml says that it cannot is a failure
    #[arg(long)]
    pub(crate) strict: bool,

    /// How to run VMs: auto tries whether KVM really runs guests, kvm takes it untried
    #[arg(long, value_name = "HOW", default_value = "auto", env = "KERNRIG_ACCEL")]
    pub(crate) accel: Accel,
}

/// A program of the user's own, as a test.
#[derive(Debug, Args)]
#[command(next_help_heading = "Your own test")]
pub(crate) struct PayloadArgs {
    /// Run this static program, or the one in this folder, on every kernel as payload::NAME, and no other test but those
    /// of --test; may be given several times
    #[arg(long = "payload", value_name = "FILE|DIR")]
    pub(crate) payloads: Vec<PathBuf>,

    /// Arguments of the payload
    #[arg(id = "payload-args", last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,

    /// The program of a payload that is a folder [default: run, else test]
    #[arg(id = "payload-run", long = "payload-run", value_name = "PATH", requires = "payloads")]
    pub(crate) run: Option<String>,

    /// How its result is read: by its exit code (0 pass, 4 skip), by the KTAP it prints, or whichever it uses
    #[arg(
        id = "payload-result",
        long = "payload-result",
        value_name = "HOW",
        default_value = "auto",
        requires = "payloads"
    )]
    pub(crate) result: ResultKind,

    /// Kill it after this time (longer where guests are emulated) [default: 60s]
    #[arg(id = "payload-deadline", long = "payload-deadline", value_name = "TIME", value_parser = seconds, requires = "payloads")]
    pub(crate) deadline: Option<u32>,

    /// Load these modules first, where they are not built in: overlay,veth
    #[arg(
        id = "payload-modules",
        long = "payload-modules",
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "payloads"
    )]
    pub(crate) modules: Vec<String>,

    /// Boot anew for it, so that nothing has run in its VM before
    #[arg(id = "payload-own-boot", long = "payload-own-boot", requires = "payloads")]
    pub(crate) own_boot: bool,
}

/// How a payload's result is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultKind {
    /// KTAP if it prints a version line of it, else its exit code.
    Auto,
    /// Its exit code.
    Exit,
    /// The KTAP it prints.
    Ktap,
}

/// Which kernels a command is about.
#[derive(Debug, Args)]
pub(crate) struct KernelChoice {
    /// A kernel of kernels.toml by its name, also by what follows the first `-` (`2.6.*`); or one in the hand: .deb
    /// (several make one kernel), bzImage, build tree
    #[arg(short, long = "kernel", value_name = "GLOB|PATH")]
    pub(crate) kernels: Vec<String>,

    /// The group of kernels.toml to take when no kernel is named [default: default]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
}

/// Which accelerator to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accel {
    /// KVM where a guest really runs under it, else TCG.
    Auto,
    /// Emulation.
    Tcg,
    /// KVM, untried.
    Kvm,
}

/// What a flake counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flaky {
    /// A pass.
    Pass,
    /// A failure: exit code 1.
    Fail,
}

/// Arguments of `kernrig list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only tests whose names match [default: all]
    #[arg(value_name = "GLOB")]
    pub(crate) tests: Vec<String>,

    /// With what each proves and needs
    #[arg(long)]
    pub(crate) long: bool,
}

/// Exit codes of `kernrig check`.
const CHECK_EXIT_CODES: &str = "\
Exit codes:
  0  all that is required is there
  1  something required is missing, or built in and off
  2  no verdict for a kernel: it is not to be had, or its build options are not known; bad arguments";

/// Arguments of `kernrig check`.
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXIT_CODES)]
pub(crate) struct CheckArgs {
    /// Kernels, as `kernrig run -k` takes them
    #[arg(value_name = "KERNEL", required_unless_present = "group")]
    pub(crate) kernels: Vec<String>,

    /// The kernels of a group of kernels.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,

    /// Find out whether kernrig itself can boot them, and print the build options that are missing
    #[arg(long, conflicts_with = "engine")]
    pub(crate) boot: bool,

    /// What this engine asks for; may be given several times [default: docker, lxc]
    #[arg(long, value_name = "NAME")]
    pub(crate) engine: Vec<String>,

    /// Judge with the kernel command line of this variant of kernels.toml; `stock` for that of the kernel alone
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) variant: String,

    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,

    /// How to print it
    #[arg(long, value_name = "HOW", default_value = "table")]
    pub(crate) format: Format,
}

/// How to print something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading.
    Table,
    /// One JSON document.
    Json,
}

/// Arguments of `kernrig kernels`.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {
    #[command(subcommand)]
    pub(crate) command: KernelsCommand,
}

/// What to do about kernels.
#[derive(Debug, Subcommand)]
pub(crate) enum KernelsCommand {
    /// Print each kernel's group, resolved version, whether it is cached, or why it is not to be had
    List(KernelChoice),
    /// Fetch and verify kernels, so that a later run needs no network
    Fetch(KernelChoice),
    /// Pin what the kernels of kernels.toml resolve to in kernels.lock
    Lock {
        /// Resolve anew, and print what moved
        #[arg(long)]
        update: bool,
        #[command(flatten)]
        kernels: KernelChoice,
    },
    /// Print what the cache holds and how big it is
    Du,
    /// Remove from the cache what has not been used for a while and what no run is using now
    Prune {
        /// Unused for at least so long
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
        unused_for: Duration,
    },
    /// Add a kernel to kernels.toml
    Add {
        /// Its name
        name: String,
        /// A folder, bzImage, build tree or .deb
        path: PathBuf,
    },
}

/// Arguments of `kernrig init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// Arguments of `kernrig decode`.
#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// Kernel logs, - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// human: title and stack, repeats counted; json: every report as a line of JSON; line: title, ok or corrupted, kind and signature between tabs
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DecodeFormat,

    #[command(flatten)]
    pub(crate) symbols: SymbolArgs,
}

/// Whose addresses a log shows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses into functions")]
pub(crate) struct SymbolArgs {
    /// The kernel the log came from, by its name in kernels.toml or its path: put its functions where addresses stand
    #[arg(id = "decode-kernel", short, long = "kernel", value_name = "NAME|PATH")]
    pub(crate) kernel: Option<String>,

    /// Its vmlinux with debug information: files, lines and inlined functions too
    #[arg(long, value_name = "FILE")]
    pub(crate) vmlinux: Option<PathBuf>,

    /// Its System.map, where the kernel itself is not at hand
    #[arg(long, value_name = "FILE")]
    pub(crate) system_map: Option<PathBuf>,
}

/// How `kernrig decode` prints reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DecodeFormat {
    /// For reading.
    #[default]
    Human,
    /// A line of JSON a report.
    Json,
    /// A line of four fields a report.
    Line,
}

pub(crate) fn range(of: &RangeInclusive<u32>) -> RangeInclusive<i64> {
    i64::from(*of.start())..=i64::from(*of.end())
}

fn seconds(text: &str) -> Result<u32, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    match u32::try_from(time.as_secs()) {
        Ok(seconds @ 1..=86_400) => Ok(seconds),
        _ => Err("it must be from 1s to 1d".to_owned()),
    }
}

pub(crate) fn param(text: &str) -> Result<(String, u64), String> {
    let number = |value: &str| value.replace('_', "").parse().ok();
    match text.split_once('=').map(|(name, value)| (name.trim(), number(value.trim()))) {
        Some((name, Some(value))) if !name.is_empty() => Ok((name.to_owned(), value)),
        _ => Err(format!("`{text}` is not NAME=N with a whole number, as in iterations=5000")),
    }
}

fn mirror(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && url.contains("://") => Ok((name.to_owned(), url.to_owned())),
        _ => Err(format!("`{text}` is not NAME=URL, as in debian=http://mirror.example/debian")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        super::Cli::command().debug_assert();
    }
}
