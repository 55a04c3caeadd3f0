//! The line to search: kernels from the one end to the other, in the order of their versions.

use std::cmp::Ordering;

use kernrig_kernels::archive::{Incomplete, PackageSet, compare_versions};
use kernrig_kernels::manifest::{Source, nearest};

use super::args::BisectArgs;
use crate::args::KernelChoice;
use crate::candidate::{Candidate, Origin};
use crate::failure::{Failure, chain};
use crate::hand;
use crate::matrix::Matrix;

/// The group of every kernel of the living suites.
const GROUP: &str = "wide";

/// A kernel of the line.
#[derive(Clone)]
pub(crate) struct Stop {
    pub(crate) candidate: Candidate,
    /// Of its package, else what its release says.
    pub(crate) version: String,
    /// What it is made of, where an archive has it.
    pub(crate) set: Option<PackageSet>,
}

/// Kernels from the one end to the other, the oldest first.
pub(crate) struct Line {
    pub(crate) stops: Vec<Stop>,
    /// The older end is the bad one: what mended it is looked for.
    pub(crate) fix: bool,
    /// Versions between the ends of which the archive has lost a part.
    pub(crate) incomplete: Vec<Incomplete>,
    /// Kernels whose version is not known, and why.
    pub(crate) unknown: Vec<String>,
}

impl Stop {
    fn new(matrix: &Matrix, candidate: Candidate) -> Result<Self, String> {
        let of_set = |set: PackageSet| (set.version().to_owned(), Some(set));
        let (version, set) = match &candidate.origin {
            Origin::Set(set) => of_set(set.clone()),
            Origin::Newest(_, Some(pin)) => of_set(PackageSet { packages: pin.packages.clone() }),
            Origin::Newest(spec, None) => {
                let found = matrix.archives.resolve(spec).map_err(|e| chain(&e))?;
                let set = found.complete.into_iter().next();
                of_set(set.ok_or_else(|| "the archive has no complete version".to_owned())?)
            }
            Origin::Failed(reason) => return Err(reason.clone()),
            _ => {
                let kernel = candidate.clone().get()?;
                let package = kernel.packages.first().map(|p| p.version.clone()).filter(|v| !v.is_empty());
                (package.unwrap_or_else(|| of_release(&kernel.release)), None)
            }
        };
        Ok(Self { candidate, version, set })
    }

    pub(crate) fn name(&self) -> &str {
        &self.candidate.name
    }

    /// Its name and version.
    pub(crate) fn show(&self) -> String {
        format!("{} ({})", self.name(), self.version)
    }

    /// Whether both are the same packages under two names.
    fn same(&self, other: &Self) -> bool {
        let alike = match (&self.set, &other.set) {
            (Some(a), Some(b)) => a == b,
            _ => self.candidate.origin == other.candidate.origin,
        };
        alike && self.candidate.cmdline == other.candidate.cmdline
    }

    fn order(&self, other: &Self) -> Ordering {
        compare_versions(&self.version, &other.version).then_with(|| self.name().cmp(other.name()))
    }
}

impl Line {
    /// Finds the ends, and what lies between them of the kernels that may be tried.
    pub(crate) fn find(matrix: &Matrix, args: &BisectArgs) -> Result<Self, Failure> {
        let (pool, unknown) = pool(matrix, args)?;
        let good = ends(matrix, &pool, "--good", args.good.as_deref().unwrap_or_default())?;
        let bad = ends(matrix, &pool, "--bad", args.bad.as_deref().unwrap_or_default())?;
        let fix = match compare_versions(&good[0].version, &bad[0].version) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => {
                let both = format!("--good and --bad are both {}", good[0].show());
                return Err(Failure::new(both).next("name two versions: the change is looked for between them"));
            }
        };
        let (older, newer) = if fix { (bad, good) } else { (good, bad) };
        // All that such a version may mean is in the line.
        let (Some(oldest), Some(newest)) = (older.first().cloned(), newer.last().cloned()) else {
            return Err(Failure::new("an end without a kernel; this is a bug in kernrig"));
        };
        let within = |version: &str| {
            compare_versions(&oldest.version, version).is_lt() && compare_versions(version, &newest.version).is_lt()
        };
        let mut stops = vec![oldest.clone()];
        for stop in pool {
            if within(&stop.version) && !stops.iter().any(|other| other.same(&stop)) {
                stops.push(stop);
            }
        }
        stops.push(newest.clone());
        let incomplete = incomplete(matrix, args).into_iter().filter(|i| within(&i.version)).collect();
        Ok(Self { stops, fix, incomplete, unknown })
    }
}

/// The kernels that may be tried, the oldest first, and what is wrong with those whose version is not known.
fn pool(matrix: &Matrix, args: &BisectArgs) -> Result<(Vec<Stop>, Vec<String>), Failure> {
    let group = args.group.clone().or_else(|| args.kernels.is_empty().then(|| GROUP.to_owned()));
    if args.group.is_none() && args.kernels.is_empty() && !matrix.manifest.groups().contains(&GROUP) {
        return Err(Failure::new(format!("kernels.toml has no group {GROUP} to take kernels from"))
            .next("say which may be tried with -k GLOB or --group NAME"));
    }
    let choice = KernelChoice { kernels: args.kernels.clone(), group };
    let mut stops: Vec<Stop> = Vec::new();
    let mut unknown = Vec::new();
    for candidate in matrix.choose(&choice)? {
        let name = candidate.name.clone();
        match Stop::new(matrix, candidate) {
            Ok(stop) if stops.iter().any(|other| other.same(&stop)) => {}
            Ok(stop) => stops.push(stop),
            Err(reason) => unknown.push(format!("{name}: {reason}")),
        }
    }
    stops.sort_by(Stop::order);
    Ok((stops, unknown))
}

/// The kernels that an end may mean, the oldest first; at least one.
fn ends(matrix: &Matrix, pool: &[Stop], option: &str, text: &str) -> Result<Vec<Stop>, Failure> {
    let named: Vec<Stop> = pool.iter().filter(|stop| stop.name() == text).cloned().collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let entry = matrix.manifest.kernels.iter().any(|entry| entry.name == text);
    if !hand::is_path(text) && !entry {
        let of_version: Vec<Stop> = pool.iter().filter(|stop| begins(&stop.version, text)).cloned().collect();
        if !of_version.is_empty() {
            return Ok(of_version);
        }
    }
    let choice = KernelChoice { kernels: vec![text.to_owned()], group: None };
    let chosen = matrix.choose(&choice).map_err(|_| no_end(pool, option, text))?;
    let stops: Result<Vec<Stop>, String> = chosen.into_iter().map(|candidate| Stop::new(matrix, candidate)).collect();
    let mut stops = stops.map_err(|reason| Failure::new(format!("{option} {text}: {reason}")))?;
    stops.sort_by(Stop::order);
    Ok(stops)
}

fn no_end(pool: &[Stop], option: &str, text: &str) -> Failure {
    let names: Vec<&str> = pool.iter().map(Stop::name).collect();
    let meant = nearest(text, &names).map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    let reach = match (pool.first(), pool.last()) {
        (Some(first), Some(last)) => format!("those that may be tried go from {} to {}", first.show(), last.show()),
        _ => "there is none that may be tried".to_owned(),
    };
    Failure::new(format!("{option} {text}: no kernel has such a name or version, and no file"))
        .next(format!("{meant}{reach}"))
}

/// Whether a version begins with a text that ends where a number does.
fn begins(version: &str, text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let starts = text.starts_with(|c: char| c.is_ascii_digit());
    starts && version.strip_prefix(text).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// A release as a version: what follows the first `-` is the build's, unless it is a release candidate's number.
fn of_release(release: &str) -> String {
    let (numbers, rest) = release.split_once('-').unwrap_or((release, ""));
    let candidate = rest.strip_prefix("rc").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    match candidate.flatten().filter(|number| !number.is_empty()) {
        Some(number) => format!("{numbers}~rc{number}"),
        None => numbers.to_owned(),
    }
}

/// What the archives have lost parts of, of the entries that the pool was taken from.
fn incomplete(matrix: &Matrix, args: &BisectArgs) -> Vec<Incomplete> {
    if !args.kernels.is_empty() {
        return Vec::new();
    }
    let group = args.group.as_deref().unwrap_or(GROUP);
    let entries = matrix.manifest.kernels.iter().filter(|entry| entry.groups.iter().any(|g| g == group));
    let specs = entries.filter_map(|entry| if let Source::Every(spec) = &entry.source { Some(spec) } else { None });
    specs.filter_map(|spec| matrix.archives.resolve(spec).ok()).flat_map(|found| found.incomplete).collect()
}

#[cfg(test)]
mod tests {
    use super::{begins, of_release};

    #[test]
    fn an_end_is_a_version_or_its_beginning() {
        for text in ["6.1", "6.1.170", "6.1.170-3", "v6.1.170"] {
            assert!(begins("6.1.170-3", text), "{text}");
        }
        for text in ["6", "6.1.17", "6.12", "", "v", "cloud"] {
            assert_eq!(begins("6.1.170-3", text), text == "6", "{text}");
        }
    }

    #[test]
    fn a_release_is_a_version_without_what_the_build_added() {
        assert_eq!(of_release("6.12-rc3-00012-gabc"), "6.12~rc3");
        assert_eq!(of_release("6.12.0-mine"), "6.12.0");
        assert_eq!(of_release("6.12.0"), "6.12.0");
    }
}
