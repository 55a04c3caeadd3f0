//! Arguments of `kernrig qualify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::args::{Accel, KernelChoice, param};

/// Exit codes of `kernrig qualify`.
const EXIT_CODES: &str = "\
Exit codes:
  0  qualified: no failure and no signature that the baseline has not, and every test that ran there runs
  1  not qualified
  2  undecided: nothing can be compared, a kernel is not to be had, kernrig could not do its job, interrupted";

/// What to compare, and how.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct QualifyArgs {
    /// The run to compare with: the folder of its results, or its results.jsonl
    #[arg(long, value_name = "RUN", conflicts_with = "baseline_kernel", required_unless_present = "baseline_kernel")]
    pub(crate) baseline: Option<PathBuf>,

    /// The kernel to compare with, run beside the candidates, suite by suite
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) baseline_kernel: Option<String>,

    /// The candidate is a run that was made already: nothing is booted
    #[arg(long, value_name = "RUN", requires = "baseline", conflicts_with_all = ["kernels", "group", "tests", "param", "variant", "append"])]
    pub(crate) run: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) kernels: KernelChoice,

    /// Run the tests whose names match [default: those that the baseline ran; beside a kernel all but selftest::*]
    #[arg(short, long = "test", value_name = "GLOB")]
    pub(crate) tests: Vec<String>,

    /// As for `kernrig run` [default: those of the baseline]
    #[arg(long, value_name = "NAME=N", value_parser = param)]
    pub(crate) param: Vec<(String, u64)>,

    /// Boot this variant of kernels.toml; may be given several times [default: those of the baseline]
    #[arg(long, value_name = "NAME")]
    pub(crate) variant: Vec<String>,

    /// Run what differs so often again, each time in a fresh VM: what does not differ each time is flaky
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) repeats: u32,

    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,

    /// VMs side by side [default: as many as the CPUs and the memory of this job carry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,

    /// Where qualify.json, qualify.md, and the results of what is booted go
    #[arg(long, value_name = "DIR", default_value = "kernrig-out", env = "KERNRIG_OUT")]
    pub(crate) out: PathBuf,

    /// Start nothing that would not end in this time: 55m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// Take exactly what kernels.lock pins, or refuse
    #[arg(long)]
    pub(crate) locked: bool,

    /// How to run VMs, as for `kernrig run`
    #[arg(long, value_name = "HOW", default_value = "auto", env = "KERNRIG_ACCEL")]
    pub(crate) accel: Accel,

    /// What to print on standard output
    #[arg(long, value_name = "HOW", default_value = "human")]
    pub(crate) format: QualifyFormat,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QualifyFormat {
    /// Progress, then the differences, for reading.
    Human,
    /// One JSON document, with every difference of the kernels.
    Json,
    /// A page for a merge request or a release.
    Markdown,
}
