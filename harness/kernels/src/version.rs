//! Kernel versions as releases spell them: `2.6.32.67`, `3.2.0-4-amd64`, `6.12.94+deb13`, `7.3-rc1`.

use std::cmp::Ordering;
use std::fmt;

/// A kernel version, ordered by its numbers; `-rcN` comes before the release itself, any other suffix does not count.
#[derive(Clone, Debug, Eq)]
pub struct KernelVersion {
    numbers: [u32; 4],
    /// `u32::MAX` for a release, N for `-rcN`.
    candidate: u32,
    text: String,
}

impl KernelVersion {
    /// Reads the version at the start of a release string; `None` if it does not begin with `N.N`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = [0; 4];
        let mut count = 0;
        for part in text[..digits].trim_end_matches('.').split('.').take(4) {
            numbers[count] = part.parse().ok()?;
            count += 1;
        }
        if count < 2 {
            return None;
        }
        let candidate = text[digits..]
            .strip_prefix("-rc")
            .or_else(|| text[digits..].strip_prefix("~rc"))
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            .unwrap_or(u32::MAX);
        Some(Self { numbers, candidate, text: text.to_owned() })
    }

    /// Whether this version is at least `major.minor.patch`; a release candidate of it counts as having it.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.numbers[..3] >= [major, minor, patch][..]
    }

    /// Whether this version is at least another; a release candidate of it counts as having it.
    #[must_use]
    pub fn reaches(&self, other: &Self) -> bool {
        self.numbers >= other.numbers
    }
}

impl PartialEq for KernelVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl PartialOrd for KernelVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KernelVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numbers, self.candidate).cmp(&(other.numbers, other.candidate))
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::KernelVersion;

    fn v(text: &str) -> KernelVersion {
        KernelVersion::parse(text).unwrap()
    }

    #[test]
    fn versions_are_ordered_as_kernels_are() {
        let ordered = ["2.6.32.67", "2.6.38", "3.2.0-4-amd64", "3.10.4", "6.12.94+deb13", "7.3-rc1", "7.3-rc12", "7.3"];
        for pair in ordered.windows(2) {
            assert!(v(pair[0]) < v(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(v("6.1.0-56-cloud-amd64"), v("6.1"));
        assert!(v("3.8.0-19-generic").at_least(3, 8, 0));
        assert!(!v("3.5.0-27").at_least(3, 8, 0));
        assert!(v("6.12-rc1").reaches(&v("6.12")) && !v("6.11.9").reaches(&v("6.12")));
        assert!(v("2.6.32.69").reaches(&v("2.6.32")) && !v("2.6.32").reaches(&v("2.6.32.69")));
        assert_eq!(KernelVersion::parse("amd64"), None);
    }
}
