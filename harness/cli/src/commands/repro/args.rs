//! The arguments of `kernrig repro`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kernrig_kernels::manifest::{CPUS, MEMORY_MIB};

use crate::args::{Accel, Format, KernelChoice, PayloadArgs, param, range};

/// Exit codes of `kernrig repro`.
const EXIT_CODES: &str = "\
Exit codes:
  0  reproduced, on one kernel at least
  1  not seen on any
  2  kernrig could not do its job: no such issue or test, no try that ran, interrupted";

/// Arguments of `kernrig repro`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ReproArgs {
    /// What to hunt: the id of a known issue (docker#407), by its signature; or tests, by any failure
    #[arg(value_name = "ID|TEST", required_unless_present = "payloads")]
    pub(crate) what: Option<String>,

    #[command(flatten)]
    pub(crate) kernels: KernelChoice,

    /// Of an issue's tests only those whose names match
    #[arg(short, long = "test", value_name = "GLOB", requires = "what")]
    pub(crate) tests: Vec<String>,

    #[command(flatten)]
    pub(crate) payload: PayloadArgs,

    /// How long to hunt on each kernel; a try that has begun is let end
    #[arg(long = "for", value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) budget: Duration,

    /// Most tries on each kernel
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tries: Option<u32>,

    /// Turn nothing up or down: hunt under this variant of kernels.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Option<String>,

    /// Turn nothing up or down: hunt with this number of the test
    #[arg(long, value_name = "NAME=N", value_parser = param)]
    pub(crate) param: Vec<(String, u64)>,

    /// Turn nothing up or down: hunt with so many virtual CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(&CPUS)))]
    pub(crate) smp: Option<u32>,

    /// Turn nothing up or down: hunt with so much RAM in MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(range(&MEMORY_MIB)))]
    pub(crate) memory: Option<u32>,

    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,

    /// Write the memory of the first VM that shows it into the output folder, for crash, drgn or gdb
    #[arg(long)]
    pub(crate) dump: bool,

    /// Leave the first VM that shows it in your hands: stopped, stopped with a port for gdb, or going on with a prompt
    #[arg(long, value_name = "HOW")]
    pub(crate) on_crash: Option<OnCrash>,

    /// VMs side by side [default: as many as the CPUs and the memory of this job carry; 1 with --on-crash]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,

    /// Where the consoles, the report (repro.json) and the dump go
    #[arg(long, value_name = "DIR", default_value = "kernrig-out", env = "KERNRIG_OUT")]
    pub(crate) out: PathBuf,

    /// How to print what was found
    #[arg(long, value_name = "HOW", default_value = "table")]
    pub(crate) format: Format,

    /// How to run VMs: auto tries whether KVM really runs guests, kvm takes it untried
    #[arg(long, value_name = "HOW", default_value = "auto", env = "KERNRIG_ACCEL")]
    pub(crate) accel: Accel,
}

/// What becomes of a VM that showed what was hunted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnCrash {
    /// It is stopped.
    Pause,
    /// It is stopped, and a debugger can attach.
    Gdb,
    /// It goes on, and takes commands.
    Shell,
}
