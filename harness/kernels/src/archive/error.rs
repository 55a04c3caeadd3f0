//! Why a kernel cannot be had from an archive. Every message names the archive, suite or package, and what to do.

use std::path::PathBuf;
use std::sync::Arc;

use super::signature::SignatureError;
use crate::cache::CacheError;
use crate::deb::DebError;
use crate::fetch::FetchError;
use crate::image::ImageError;
use crate::modules::ModulesError;

/// Why a kernel cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// An entry names an archive that is not described.
    #[error("archive {name} is not described: add [archive.{name}] to kernels.toml (known: {known})")]
    UnknownArchive {
        /// Its name.
        name: String,
        /// Those that are.
        known: String,
    },
    /// No mirror is known.
    #[error(
        "no mirror is known for archive {archive}, suite {suite}: this host's apt has none; give one by \
         `--mirror {archive}=URL`, {variable}=URL, or `url` under [archive.{archive}] in kernels.toml"
    )]
    NoMirror {
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
        /// The environment's variable.
        variable: String,
    },
    /// The suite has no signature.
    #[error("{url}: not signed: there is neither InRelease nor Release.gpg; without a signature nothing of it is used")]
    NotSigned {
        /// Where the suite is.
        url: String,
    },
    /// There is no such suite.
    #[error("{url}: archive {archive} has no suite {suite} here: neither InRelease nor Release")]
    NoSuite {
        /// Where it was looked for.
        url: String,
        /// The archive.
        archive: String,
        /// The suite.
        suite: String,
    },
    /// The signature does not hold.
    #[error("{url}: {source}")]
    Signature {
        /// The signed file.
        url: String,
        /// Why.
        source: SignatureError,
    },
    /// Another suite's Release.
    #[error("{url}: is the Release of {found}, not of {suite}: the mirror is broken or lies")]
    OtherSuite {
        /// The file.
        url: String,
        /// What was asked for.
        suite: String,
        /// What it says it is.
        found: String,
    },
    /// It has expired.
    #[error(
        "{url}: expired: Valid-Until is {until}. The mirror is no longer updated or somebody replays an old state; if \
         the archive is meant to be old, say `check-valid-until = false`"
    )]
    Expired {
        /// The file.
        url: String,
        /// Its Valid-Until.
        until: String,
    },
    /// It is from the future.
    #[error("{url}: its Date is {date}, which has not come yet: is this machine's clock right?")]
    NotYet {
        /// The file.
        url: String,
        /// Its Date.
        date: String,
    },
    /// The suite has no index of ours.
    #[error("{url}: Release lists no {path} with a SHA256")]
    NoIndex {
        /// The suite.
        url: String,
        /// What was looked for.
        path: String,
    },
    /// An index cannot be unpacked.
    #[error("{url}: cannot be unpacked: {reason}")]
    Index {
        /// The file.
        url: String,
        /// Why.
        reason: String,
    },
    /// A suite cannot be used (shared by all entries that name it).
    #[error("{0}")]
    Suite(Arc<ArchiveError>),
    /// The family has no complete version.
    #[error("kernel {kernel}: no complete version of {pattern} in {suites} of archive {archive}{incomplete}")]
    NoCandidate {
        /// The entry.
        kernel: String,
        /// Its glob.
        pattern: String,
        /// Where it was looked for.
        suites: String,
        /// See `suites`.
        archive: String,
        /// Those that have lost a part.
        incomplete: String,
    },
    /// Not in the lock.
    #[error(
        "kernel {kernel} has no pin that fits in kernels.lock, and --locked takes nothing else: run `kernrig kernels lock`"
    )]
    NotLocked {
        /// The entry.
        kernel: String,
    },
    /// An index lists what the pool no longer has.
    #[error("kernel {kernel}: {package} {version} is withdrawn: still in the index, and gone from the archive ({url})")]
    Gone {
        /// The kernel.
        kernel: String,
        /// The image package.
        package: String,
        /// Its version.
        version: String,
        /// What is not there.
        url: String,
    },
    /// What is pinned is gone.
    #[error(
        "kernel {kernel}: {package} {version} is pinned in kernels.lock, but no archive has it any more, and --locked \
         takes nothing else: run `kernrig kernels lock --update`"
    )]
    Withdrawn {
        /// The entry.
        kernel: String,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// There is no kernel in it.
    #[error("{packages}: no vmlinuz in boot/ or lib/modules/VERSION/")]
    NoKernel {
        /// What was unpacked.
        packages: String,
    },
    /// A file is neither a package nor a kernel.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// A file did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A package cannot be unpacked.
    #[error(transparent)]
    Deb(#[from] DebError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The image is none.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The modules cannot be read.
    #[error(transparent)]
    Modules(#[from] ModulesError),
}

impl ArchiveError {
    /// Whether something is only not to be had here, rather than not to be trusted.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::NoSuite { .. } => true,
            Self::Fetch(error) => {
                matches!(error, FetchError::Missing { .. } | FetchError::Transport { .. } | FetchError::Offline { .. })
            }
            Self::Suite(error) => error.is_absence(),
            _ => false,
        }
    }
}
