//! Kernel versions as feature tables need them.

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
