//! From indexes to sets of packages: which versions of a family there are, and which are complete.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::glob::Family;
use super::index::Stanza;
use super::version;
use super::{Incomplete, PackageSet, PackageSpec, Pinned, Resolution};

/// A package with no kernel inside is a metapackage or the head of a split set; those have some KiB, kernels MiB.
const SMALLEST_KERNEL: u64 = 1024;

/// A stanza and the suite it was found in.
pub(crate) struct Found<'a> {
    pub(crate) suite: &'a str,
    pub(crate) stanza: &'a Stanza,
}

/// All versions of the family, the newest first.
pub(crate) fn resolve(spec: &PackageSpec, found: &[Found<'_>]) -> Resolution {
    let family = Family::new(&spec.name);
    let by_name = index(found, spec.arch());
    let mut resolution = Resolution::default();
    let mut seen = Vec::new();
    for image in found {
        let Some(captures) = family.capture(&image.stanza.name) else { continue };
        let identity = (&image.stanza.name, &image.stanza.version);
        if !fits(image, spec.arch()) || seen.contains(&identity) {
            continue;
        }
        seen.push(identity);
        match set_of(spec, image, &captures, &by_name) {
            Some(Ok(set)) => resolution.complete.push(set),
            Some(Err(incomplete)) => resolution.incomplete.push(incomplete),
            None => {}
        }
    }
    resolution.complete.sort_by(|a, b| newest_first((a.version(), a.name()), (b.version(), b.name())));
    resolution.incomplete.sort_by(|a, b| newest_first((&a.version, &a.name), (&b.version, &b.name)));
    resolution
}

fn newest_first(a: (&str, &str), b: (&str, &str)) -> Ordering {
    version::compare(b.0, a.0).then_with(|| b.1.cmp(a.1))
}

fn fits(found: &Found<'_>, arch: &str) -> bool {
    found.stanza.architecture == arch || found.stanza.architecture == "all"
}

type ByName<'a> = HashMap<&'a str, Vec<&'a Found<'a>>>;

fn index<'a>(found: &'a [Found<'a>], arch: &str) -> ByName<'a> {
    let mut by_name = ByName::new();
    for one in found.iter().filter(|one| fits(one, arch)) {
        by_name.entry(&one.stanza.name).or_default().push(one);
    }
    by_name
}

/// The set that an image package heads; `None` for a metapackage, which merely points at one.
fn set_of(
    spec: &PackageSpec,
    image: &Found<'_>,
    captures: &[&str],
    by_name: &ByName<'_>,
) -> Option<Result<PackageSet, Incomplete>> {
    let parts = parts_of(image.stanza);
    let split = parts.iter().any(|part| part.starts_with("linux-binary-"));
    let whole = image.stanza.installed.max(image.stanza.size >> 10) >= SMALLEST_KERNEL;
    if !split && !whole {
        return None;
    }
    let mut packages = vec![pinned(spec, image)];
    let mut missing = Vec::new();
    // A whole 6.18 names its linux-base-V as well, but has config and kernel itself.
    let wanted = parts.into_iter().filter(|part| split || !part.starts_with("linux-base-"));
    let extra = spec.extra.iter().map(|pattern| Family::new(pattern).fill(captures));
    for name in wanted.chain(extra) {
        if packages.iter().any(|package| package.name == name) {
            continue;
        }
        let exact = exact_version(image.stanza, &name);
        match best(by_name.get(name.as_str()), exact, &image.stanza.version) {
            Some(part) => packages.push(pinned(spec, part)),
            None => missing.push(name),
        }
    }
    Some(if missing.is_empty() {
        Ok(PackageSet { packages })
    } else {
        let (name, version) = (image.stanza.name.clone(), image.stanza.version.clone());
        Err(Incomplete { name, version, suite: image.suite.to_owned(), missing })
    })
}

/// The packages of the same kernel that an image needs: their names end in the same version and flavour.
fn parts_of(image: &Stanza) -> Vec<String> {
    let heads = ["linux-image-unsigned-", "linux-signed-image-", "linux-image-"];
    let Some(release) = heads.iter().find_map(|head| image.name.strip_prefix(head)) else { return Vec::new() };
    // The `-unsigned` twins of Debian depend on the parts of their release.
    let release = release.strip_suffix("-unsigned").unwrap_or(release);
    let kinds = ["linux-binary-", "linux-base-", "linux-modules-", "linux-image-"];
    let is_part = |name: &str| {
        name != image.name && kinds.iter().any(|kind| name.strip_prefix(kind).is_some_and(|rest| rest == release))
    };
    let needs = image.depends.iter().flatten().map(|need| need.name.clone());
    needs.filter(|name| is_part(name)).collect()
}

fn exact_version<'a>(image: &'a Stanza, name: &str) -> Option<&'a str> {
    image.depends.iter().flatten().find(|need| need.name == name)?.exact.as_deref()
}

/// The one of the version that is asked for; else of the image's own version, else the newest.
fn best<'a>(of: Option<&Vec<&'a Found<'a>>>, exact: Option<&str>, own: &str) -> Option<&'a Found<'a>> {
    let of = of?;
    if let Some(exact) = exact {
        return of.iter().find(|one| one.stanza.version == exact).copied();
    }
    let same = of.iter().find(|one| one.stanza.version == own);
    let newest = || of.iter().max_by(|a, b| version::compare(&a.stanza.version, &b.stanza.version));
    same.or_else(newest).copied()
}

pub(crate) fn pinned(spec: &PackageSpec, found: &Found<'_>) -> Pinned {
    Pinned {
        name: found.stanza.name.clone(),
        version: found.stanza.version.clone(),
        archive: spec.archive.clone(),
        suite: found.suite.to_owned(),
        path: found.stanza.path.clone(),
        sha256: found.stanza.sha256.clone(),
        size: found.stanza.size,
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::Need;
    use super::*;

    fn package(name: &str, version: &str, installed: u64, depends: &[&str]) -> Stanza {
        Stanza {
            name: name.into(),
            version: version.into(),
            architecture: "amd64".into(),
            depends: depends.iter().map(|name| vec![Need { name: (*name).into(), exact: None }]).collect(),
            path: format!("pool/{name}_{version}.deb"),
            size: installed * 300,
            installed,
            sha256: "0".repeat(64),
        }
    }

    fn of(pattern: &str, extra: &[&str], packages: &[(&str, Stanza)]) -> Resolution {
        let found: Vec<Found<'_>> = packages.iter().map(|(suite, stanza)| Found { suite, stanza }).collect();
        let spec = PackageSpec {
            name: pattern.into(),
            extra: extra.iter().map(|name| (*name).into()).collect(),
            ..PackageSpec::default()
        };
        resolve(&spec, &found)
    }

    fn versions(resolution: &Resolution) -> Vec<&str> {
        resolution.complete.iter().map(PackageSet::version).collect()
    }

    #[test]
    fn the_highest_over_all_suites_wins_and_metapackages_do_not_count() {
        let resolution = of(
            "linux-image-6.1*-cloud-amd64",
            &[],
            &[
                ("bookworm", package("linux-image-6.1.0-50-cloud-amd64", "6.1.176-1", 105_110, &["kmod"])),
                ("security", package("linux-image-6.1.0-9-cloud-amd64", "6.1.27-1", 105_110, &["kmod"])),
                ("security", package("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2", 105_548, &["kmod"])),
                (
                    "security",
                    package("linux-image-6.1-cloud-amd64", "6.1.200-1", 13, &["linux-image-6.1.0-56-cloud-amd64"]),
                ),
                ("security", package("linux-image-6.1.0-57-amd64", "6.1.201-1", 400_000, &["kmod"])),
            ],
        );
        assert_eq!(versions(&resolution), ["6.1.192-2", "6.1.176-1", "6.1.27-1"]);
        assert!(resolution.incomplete.is_empty(), "{:?}", resolution.incomplete);
        assert_eq!(resolution.complete[0].packages[0].suite, "security");
    }

    #[test]
    fn a_split_kernel_needs_all_its_parts() {
        let parts = |v: &str| ["linux-base-", "linux-binary-", "linux-modules-"].map(|kind| format!("{kind}{v}-amd64"));
        let image = |v: &str| {
            let names = parts(v);
            let names: Vec<&str> = names.iter().map(String::as_str).chain(["kmod"]).collect();
            ("bpo", package(&format!("linux-image-{v}-amd64"), v, 15, &names))
        };
        let mut packages = vec![image("7.2.6"), image("7.10.1")];
        for name in parts("7.2.6") {
            packages.push(("bpo", package(&name, "7.2.6", 13_000, &[])));
        }
        packages.push(("bpo", package("linux-binary-7.10.1-amd64", "7.10.1", 13_000, &[])));
        let resolution = of("linux-image-7.*-amd64", &[], &packages);
        assert_eq!(versions(&resolution), ["7.2.6"]);
        assert_eq!(resolution.complete[0].packages.len(), 4);
        assert_eq!(resolution.incomplete[0].version, "7.10.1");
        assert_eq!(resolution.incomplete[0].missing, ["linux-base-7.10.1-amd64", "linux-modules-7.10.1-amd64"]);
    }

    #[test]
    fn a_whole_kernel_that_names_a_base_is_whole() {
        let image = package("linux-image-6.18.5-amd64", "6.18.5-1", 49_000, &["linux-base-6.18.5-amd64"]);
        assert_eq!(versions(&of("linux-image-6.*-amd64", &[], &[("bpo", image)])), ["6.18.5-1"]);
    }

    #[test]
    fn ubuntu_keeps_modules_apart() {
        let image =
            |v: &str| package(&format!("linux-image-{v}-generic"), v, 8_000, &[&format!("linux-modules-{v}-generic")]);
        let modules = package("linux-modules-4.15.0-20-generic", "4.15.0-20", 30_000, &[]);
        let extra = package("linux-modules-extra-4.15.0-20-generic", "4.15.0-20", 90_000, &[]);
        let packages =
            [("bionic", image("4.15.0-20")), ("bionic", image("4.15.0-99")), ("bionic", modules), ("bionic", extra)];
        let resolution = of("linux-image-4.15.*-generic", &["linux-modules-extra-4.15.*-generic"], &packages);
        assert_eq!(versions(&resolution), ["4.15.0-20"]);
        assert_eq!(resolution.complete[0].packages.len(), 3);
        assert_eq!(resolution.incomplete[0].missing.len(), 2, "{:?}", resolution.incomplete);
    }
}
