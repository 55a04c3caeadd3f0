//! The arguments of `kernrig bisect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kernrig_kernels::manifest::{CPUS, DEFAULT_VARIANT, MEMORY_MIB};

use crate::args::{Accel, PayloadArgs, param, range};

/// Exit codes of `kernrig bisect`.
const EXIT_CODES: &str = "\
Exit codes:
  0  the change is found: between two neighbours, each seen to be what it is said to be
  1  it is not: an end is not what it was said to be, or kernels that cannot be judged lie between
  2  kernrig could not do its job, or was interrupted; the same command goes on where it stopped";

/// Exit codes of `kernrig bisect step`.
const STEP_EXIT_CODES: &str = "\
Exit codes, as `git bisect run` reads them:
  0    good
  1    bad
  125  cannot be judged: no bzImage, no boot, a skipped test, something else than was asked about
  255  no step can be judged: wrong arguments, no QEMU, interrupted. git stops there";

/// Arguments of `kernrig bisect`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BisectArgs {
    #[command(subcommand)]
    pub(crate) command: Option<BisectCommand>,

    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    /// A kernel without the fault: a name (`cloud-6.1.0-47`), a path, or the start of a version (`6.1.170`). It may be
    /// newer than the bad one: then the first good one is looked for
    #[arg(long, value_name = "KERNEL", required = true)]
    pub(crate) good: Option<String>,

    /// A kernel with the fault, named in the same ways
    #[arg(long, value_name = "KERNEL", required = true)]
    pub(crate) bad: Option<String>,

    /// Kernels that may be tried, where they lie between the two, as `kernrig run -k` takes them
    #[arg(short, long = "kernel", value_name = "GLOB|PATH")]
    pub(crate) kernels: Vec<String>,

    /// The group of kernels.toml to take them from [default: wide, unless --kernel names some]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,

    /// Whether --good and --bad themselves are booted
    #[arg(long, value_name = "WHEN", default_value = "lazy")]
    pub(crate) ends: EndsArg,

    /// Forget what an earlier call has found out in the same folder
    #[arg(long)]
    pub(crate) restart: bool,
}

/// What else `kernrig bisect` does.
#[derive(Debug, Subcommand)]
pub(crate) enum BisectCommand {
    /// Judge one kernel, for `git bisect run`
    Step(StepArgs),
}

/// Arguments of `kernrig bisect step`.
#[derive(Debug, Args)]
#[command(after_help = STEP_EXIT_CODES)]
pub(crate) struct StepArgs {
    #[command(flatten)]
    pub(crate) question: QuestionArgs,

    /// The kernel: a build tree, a bzImage
    #[arg(short, long = "kernel", value_name = "PATH", default_value = ".")]
    pub(crate) kernel: String,

    /// Look for the commit that mended it: 0 for bad, 1 for good
    #[arg(long)]
    pub(crate) fix: bool,
}

/// What is asked of a kernel.
#[derive(Debug, Args)]
pub(crate) struct QuestionArgs {
    /// Tests whose failing is the fault
    #[arg(short, long = "test", value_name = "GLOB")]
    pub(crate) tests: Vec<String>,

    /// Give a number to every selected test that has it: iterations, workers, seconds, seed
    #[arg(long, value_name = "NAME=N", value_parser = param)]
    pub(crate) param: Vec<(String, u64)>,

    /// The fault is this one of `kernrig known list`, in its tests unless others are named, and nothing else; on whichever
    /// kernels it is said to be
    #[arg(long, value_name = "ID", conflicts_with_all = ["signature", "boot"])]
    pub(crate) known: Option<String>,

    /// Only this is the fault: a glob over the titles and signatures of the kernel's complaints, or over the reason of a
    /// failure; without * and ? it may stand anywhere in them. A kernel with another fault cannot be judged
    #[arg(long, value_name = "GLOB")]
    pub(crate) signature: Option<String>,

    /// The fault is that it does not boot
    #[arg(long, conflicts_with_all = ["tests", "signature", "payloads"])]
    pub(crate) boot: bool,

    #[command(flatten)]
    pub(crate) payload: PayloadArgs,

    /// Boot this variant of kernels.toml
    #[arg(long, value_name = "NAME", default_value = DEFAULT_VARIANT)]
    pub(crate) variant: String,

    /// More words for the kernel command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub(crate) append: Option<String>,

    /// Virtual CPUs of the VM [default: the variant's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(&CPUS)))]
    pub(crate) smp: Option<u32>,

    /// RAM of the VM in MiB [default: the variant's]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(range(&MEMORY_MIB)))]
    pub(crate) memory: Option<u32>,

    /// How often the fault shows on a bad kernel: 0.3 is three boots of ten
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share)]
    pub(crate) rate: f64,

    /// How sure it has to be that all kernels called good are so, at that rate
    #[arg(long, value_name = "SHARE", default_value = "0.99", value_parser = share)]
    pub(crate) confidence: f64,

    /// Boots that have to pass before a kernel is called good [default: by rate and confidence]
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "confidence"], value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: Option<u32>,

    /// Where bisect.json, results.jsonl and the consoles go
    #[arg(long, value_name = "DIR", default_value = "kernrig-out", env = "KERNRIG_OUT")]
    pub(crate) out: PathBuf,

    /// Start nothing that would not end in this time: 55m, 1h30m
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) deadline: Option<Duration>,

    /// How to run VMs: auto tries whether KVM really runs guests, kvm takes it untried
    #[arg(long, value_name = "HOW", default_value = "auto", env = "KERNRIG_ACCEL")]
    pub(crate) accel: Accel,
}

/// Whether the ends of the line are booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EndsArg {
    /// Where the result rests on one that was not yet.
    Lazy,
    /// Both, before all else.
    First,
    /// Never.
    Trust,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("it must be above 0 and not above 1, as in 0.3".to_owned()),
    }
}
