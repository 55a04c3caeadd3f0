//! What is known of a kernel's version: its own, and that of the package it came in.

use kernrig_kernels::KernelVersion;

use crate::affected::upstream_of;

/// Distributions whose package versions are told apart.
pub(crate) const FLAVOURS: &[&str] = &["debian", "ubuntu"];

/// What is known of a kernel's version.
#[derive(Clone, Debug)]
pub struct Facts {
    release: String,
    upstream: Option<KernelVersion>,
    package: Option<(&'static str, String)>,
}

impl Facts {
    /// From `uname -r` and the names and versions of the packages it came from, if any.
    ///
    /// A Debian release says `5.10.0-45-amd64` for 5.10.262: its package version has the number that counts. Ubuntu's
    /// package version has the first release of the branch only, as its release has.
    #[must_use]
    pub fn new<'a>(release: &str, packages: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let version =
            packages.into_iter().find(|(name, version)| name.starts_with("linux-image") && !version.is_empty());
        let version = version.map(|(_, version)| version);
        let package = version.and_then(|version| Some((flavour(release, version)?, version.to_owned())));
        let of_release = KernelVersion::parse(release);
        let of_package = package.as_ref().and_then(|(_, version)| upstream_of(version));
        Self { release: release.to_owned(), upstream: of_release.max(of_package), package }
    }

    /// The upstream version, as far as it is known.
    #[must_use]
    pub fn upstream(&self) -> Option<&KernelVersion> {
        self.upstream.as_ref()
    }

    /// The distribution and its package version.
    #[must_use]
    pub fn package(&self) -> Option<(&str, &str)> {
        self.package.as_ref().map(|(flavour, version)| (*flavour, version.as_str()))
    }

    /// The package version, else the release: what to call it in a sentence.
    #[must_use]
    pub fn name(&self) -> &str {
        self.package.as_ref().map_or(&self.release, |(_, version)| version)
    }
}

/// Whose package it is. `make bindeb-pkg` makes packages of the same names, whose releases end otherwise.
fn flavour(release: &str, version: &str) -> Option<&'static str> {
    let revision = version.rsplit_once('-').map(|(upstream, revision)| (upstream, revision.split_once('.')));
    if let Some((upstream, Some((abi, _)))) = revision
        && release.starts_with(&format!("{upstream}-{abi}-"))
    {
        return Some("ubuntu");
    }
    const ARCHITECTURES: &[&str] = &["amd64", "686", "686-pae", "arm64"];
    let debian = ARCHITECTURES.iter().any(|arch| release.ends_with(&format!("-{arch}")));
    debian.then_some("debian")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(release: &str, package: &str) -> (String, Option<String>) {
        let name = format!("linux-image-{release}");
        let facts = Facts::new(release, [("linux-base", "4.9"), (name.as_str(), package)]);
        let upstream = facts.upstream().map_or(String::new(), ToString::to_string);
        (upstream, facts.package().map(|(flavour, version)| format!("{flavour} {version}")))
    }

    #[test]
    fn a_package_says_more_than_a_release() {
        for (release, package, upstream, flavoured) in [
            ("5.10.0-45-cloud-amd64", "5.10.262-1", "5.10.262", Some("debian 5.10.262-1")),
            ("6.12.94+deb13-cloud-amd64", "6.12.94-1~bpo12+1", "6.12.94", Some("debian 6.12.94-1~bpo12+1")),
            ("3.2.0-4-amd64", "3.2.102-1", "3.2.102", Some("debian 3.2.102-1")),
            ("2.6.32-5-amd64", "2.6.32-48squeeze20", "2.6.32", Some("debian 2.6.32-48squeeze20")),
            ("3.5.0-27-generic", "3.5.0-27.46", "3.5.0-27-generic", Some("ubuntu 3.5.0-27.46")),
            ("2.6.32.69", "", "2.6.32.69", None),
            ("6.12.9-mine", "6.12.9-3", "6.12.9-mine", None),
        ] {
            let (is, package) = facts(release, package);
            assert_eq!(KernelVersion::parse(&is), KernelVersion::parse(upstream), "{release}");
            assert_eq!(package.as_deref(), flavoured, "{release}");
        }
    }
}
