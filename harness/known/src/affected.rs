//! Which kernels have a bug: ranges of upstream versions, what fixed it on which branch, ranges of package versions.

use std::cmp::Ordering;

use kernrig_kernels::KernelVersion;
use kernrig_kernels::archive::compare_versions;

use crate::Facts;

/// Which kernels have a bug.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affected {
    /// Any of them, over upstream versions.
    pub(crate) upstream: Vec<Range>,
    /// Versions that have the fix: `6.10` and all after it, `6.1.98` and the later ones of the branch 6.1.
    pub(crate) fixed: Vec<KernelVersion>,
    /// Over package versions. A distribution that is named here is judged by its own ranges alone.
    pub(crate) packages: Vec<(String, Range)>,
}

impl Affected {
    /// Whether a kernel is among them.
    pub(crate) fn covers(&self, facts: &Facts) -> bool {
        if let Some((flavour, version)) = facts.package()
            && self.packages.iter().any(|(named, _)| named == flavour)
        {
            return self.covers_package(flavour, version);
        }
        facts.upstream().is_some_and(|version| self.covers_upstream(version))
    }

    /// Whether a package of a distribution is among them.
    pub(crate) fn covers_package(&self, flavour: &str, version: &str) -> bool {
        let mut own = self.packages.iter().filter(|(named, _)| named == flavour).peekable();
        if own.peek().is_some() {
            return own.any(|(_, range)| range.has_package(version));
        }
        upstream_of(version).is_some_and(|version| self.covers_upstream(&version))
    }

    /// Whether a release of Linux itself is among them.
    pub(crate) fn covers_upstream(&self, version: &KernelVersion) -> bool {
        self.upstream.iter().any(|range| range.has_upstream(version)) && !self.fixed.iter().any(|fix| has(version, fix))
    }
}

/// What a package is of: `1:6.1.98-1` of 6.1.98.
pub(crate) fn upstream_of(package: &str) -> Option<KernelVersion> {
    let version = package.split_once(':').map_or(package, |(_, rest)| rest);
    KernelVersion::parse(version.rsplit_once('-').map_or(version, |(upstream, _)| upstream))
}

/// Whether a version has what came with another: a fix in a stable release is in the later ones of its branch, one in
/// a first release in all that came after.
fn has(version: &KernelVersion, fix: &KernelVersion) -> bool {
    let (branch, patch) = branch(fix);
    version >= fix && (patch == 0 || self::branch(version).0 == branch)
}

/// `6.1.98` is 98 of the branch 6.1, `2.6.32.69` is 69 of 2.6.32.
pub(crate) fn branch(version: &KernelVersion) -> ([u32; 3], u32) {
    let text = version.to_string();
    let digits = text.trim_start_matches('v').split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("");
    let mut numbers = digits.split('.').map(|n| n.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (major, minor, third, fourth) = (next(), next(), next(), next());
    if major == 2 { ([major, minor, third], fourth) } else { ([major, minor, 0], third) }
}

/// Bounds that all hold: `>=3.2, <3.8`.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) text: String,
    bounds: Vec<(Op, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    AtLeast,
    Above,
    AtMost,
    Below,
    Equal,
}

const OPS: &[(&str, Op)] =
    &[(">=", Op::AtLeast), ("<=", Op::AtMost), (">", Op::Above), ("<", Op::Below), ("=", Op::Equal)];

impl Range {
    /// A range over upstream versions; `*` is all.
    pub(crate) fn upstream(text: &str) -> Result<Self, String> {
        Self::parse(text, |bound| {
            let plain = bound.split("-rc").next().unwrap_or("");
            let numbers = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
            if numbers && KernelVersion::parse(bound).is_some() {
                return Ok(());
            }
            Err(format!("`{bound}` is no version of Linux, such as 3.8, 6.1.98 or 7.0-rc1"))
        })
    }

    /// A range over package versions of a distribution.
    pub(crate) fn packages(text: &str) -> Result<Self, String> {
        Self::parse(text, |bound| {
            let sound = bound.starts_with(|c: char| c.is_ascii_digit()) && !bound.contains(char::is_whitespace);
            if sound { Ok(()) } else { Err(format!("`{bound}` is no package version, such as 5.10.244-1")) }
        })
    }

    fn parse(text: &str, sound: impl Fn(&str) -> Result<(), String>) -> Result<Self, String> {
        let mut bounds = Vec::new();
        for part in text.split(',').map(str::trim).filter(|_| text.trim() != "*") {
            let op = OPS.iter().find_map(|(sign, op)| Some((*op, part.strip_prefix(sign)?.trim())));
            let Some((op, bound)) = op else {
                return Err(format!("`{part}` in the range `{text}` is no bound: write >=V, >V, <V, <=V or =V"));
            };
            sound(bound)?;
            bounds.push((op, bound.to_owned()));
        }
        Ok(Self { text: text.to_owned(), bounds })
    }

    /// Whether an upstream version is in it.
    pub(crate) fn has_upstream(&self, version: &KernelVersion) -> bool {
        self.holds(|bound| KernelVersion::parse(bound).map_or(Ordering::Less, |bound| version.cmp(&bound)))
    }

    /// Whether a package version is in it.
    pub(crate) fn has_package(&self, version: &str) -> bool {
        self.holds(|bound| compare_versions(version, bound))
    }

    fn holds(&self, compare: impl Fn(&str) -> Ordering) -> bool {
        self.bounds.iter().all(|(op, bound)| match (op, compare(bound)) {
            (Op::AtLeast, order) => order != Ordering::Less,
            (Op::Above, order) => order == Ordering::Greater,
            (Op::AtMost, order) => order != Ordering::Greater,
            (Op::Below, order) => order == Ordering::Less,
            (Op::Equal, order) => order == Ordering::Equal,
        })
    }

    /// Versions at its ends, to look for one that is in it.
    pub(crate) fn ends(&self) -> impl Iterator<Item = &str> {
        self.bounds.iter().map(|(_, bound)| bound.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affected(upstream: &[&str], fixed: &[&str], packages: &[(&str, &str)]) -> Affected {
        Affected {
            upstream: upstream.iter().map(|text| Range::upstream(text).unwrap()).collect(),
            fixed: fixed.iter().map(|text| KernelVersion::parse(text).unwrap()).collect(),
            packages: packages.iter().map(|(f, text)| ((*f).to_owned(), Range::packages(text).unwrap())).collect(),
        }
    }

    fn covers(affected: &Affected, release: &str, package: &str) -> bool {
        affected.covers(&Facts::new(release, [("linux-image-x", package)]))
    }

    #[test]
    fn a_hole_between_two_ranges_is_one() {
        let bug = affected(&[">=2.6.24, <3.1", ">=3.2, <3.8"], &[], &[]);
        for (release, hit) in [
            ("2.6.23", false),
            ("2.6.32.69", true),
            ("3.0.101", true),
            ("3.1.10", false),
            ("3.5.0-27-generic", true),
            ("3.7.10", true),
            ("3.8.0-19-generic", false),
            ("6.1", false),
        ] {
            assert_eq!(covers(&bug, release, ""), hit, "{release}");
        }
    }

    #[test]
    fn a_fix_in_a_branch_is_a_fix_of_that_branch_only() {
        let bug = affected(&[">=2.6.39, <6.10"], &["6.1.98", "6.10"], &[]);
        for (release, hit) in [
            ("6.1.97", true),
            ("6.1.98", false),
            ("6.1.120", false),
            ("6.6.120", true),
            ("5.10.250", true),
            ("6.10", false),
        ] {
            assert_eq!(covers(&bug, release, ""), hit, "{release}");
        }
        let old = affected(&["*"], &["2.6.32.69", "4.3"], &[]);
        for (release, hit) in [("2.6.32.68", true), ("2.6.32.69", false), ("2.6.38", true), ("4.3", false)] {
            assert_eq!(covers(&old, release, ""), hit, "{release}");
        }
    }

    #[test]
    fn debians_release_names_no_stable_version_and_its_package_does() {
        let bug = affected(&["<6.16"], &["5.10.240", "6.16"], &[]);
        assert!(!covers(&bug, "5.10.0-45-cloud-amd64", "5.10.262-1"));
        assert!(covers(&bug, "5.10.0-32-cloud-amd64", "5.10.223-1"));
        assert!(covers(&bug, "5.10.0-45-cloud-amd64", ""), "from a folder: nothing but the branch is known");
    }

    #[test]
    fn a_distribution_that_is_named_is_judged_by_its_packages_alone() {
        let bug = affected(&["<6.16"], &[], &[("debian", ">=5.10.0, <5.10.244-1"), ("debian", ">=6.1, <6.1.147-1~")]);
        assert!(covers(&bug, "5.10.0-1-amd64", "5.10.223-1"));
        assert!(!covers(&bug, "5.10.0-1-amd64", "5.10.244-1"));
        assert!(!covers(&bug, "4.19.0-1-amd64", "4.19.300-1"), "no range of Debian's has it");
        assert!(!covers(&bug, "6.1.0-1-amd64", "6.1.147-1~bpo11+1"), "dpkg's order");
        assert!(covers(&bug, "3.5.0-27-generic", "3.5.0-27.46"), "Ubuntu is not named");
        assert!(covers(&bug, "5.10.250", ""));
    }

    #[test]
    fn what_is_no_range_says_why() {
        for (text, word) in [("3.8", "write >="), (">=x", "no version"), (">=3.8 <4", "no version"), ("", "write >=")] {
            assert!(Range::upstream(text).unwrap_err().contains(word), "{text}");
        }
        assert!(Range::packages("<squeeze").unwrap_err().contains("no package version"));
    }
}
