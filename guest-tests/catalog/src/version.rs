//! Kernel versions as feature tables need them.

use core::fmt;

/// A kernel version: `Version(3, 8, 0)` is 3.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// The version that a release string (`uname -r`) starts with: `6.1.0-56-cloud-amd64` is 6.1.0.
    #[must_use]
    pub fn of_release(release: &str) -> Option<Version> {
        let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
        let mut numbers = release[..end].split('.').map(str::parse::<u16>);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Version(major, minor, numbers.next().and_then(Result::ok).unwrap_or(0)))
    }
}

/// `3.8`, `2.6.32`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version(major, minor, 0) => write!(f, "{major}.{minor}"),
            Version(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}
