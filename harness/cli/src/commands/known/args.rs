//! The arguments of `kernrig known`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args::KernelChoice;

/// Arguments of `kernrig known`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct KnownArgs {
    #[command(subcommand)]
    pub(crate) command: KnownCommand,
}

/// Exit codes of `kernrig known`.
const EXIT_CODES: &str = "\
Exit codes:
  0  done; check found nothing
  1  check found something
  2  the list cannot be read, the kernel is not to be had, or the cell did not fail";

/// What to do about known issues.
#[derive(Debug, Subcommand)]
pub(crate) enum KnownCommand {
    /// Print the issues, those of some kernels if any are named
    List {
        #[command(flatten)]
        kernels: KernelChoice,
        /// How to print them
        #[arg(long, value_enum, default_value_t)]
        format: KnownFormat,
    },
    /// Look for entries that cannot mean what they say: ranges, tests and signatures that match nothing, two for one bug
    Check,
    /// Draft an entry from a failed cell of a run, on standard output
    Add {
        /// The cell, as reports name it: debian-6.1/ns::uts::x, debian-6.1+memcg/ns::uts::x
        #[arg(long = "from", value_name = "CELL")]
        cell: String,
        /// Where the run's results.jsonl is
        #[arg(long, value_name = "DIR", default_value = "kernrig-out", env = "KERNRIG_OUT")]
        out: PathBuf,
    },
}

/// How to print issues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KnownFormat {
    /// For reading.
    #[default]
    Human,
    /// One JSON document.
    Json,
}
