//! Where an archive is: by the user's word, by its entry, or where this host's apt has it from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{ArchiveError, ArchiveSpec, deb822};

/// Debian's suites: an archive without a URL is looked for among the host's sources by these.
const DEBIAN: &[&str] = &[
    "squeeze",
    "wheezy",
    "jessie",
    "stretch",
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
    "experimental",
];

/// Where archives are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirrors {
    /// By the user's word: archive → URL.
    overrides: BTreeMap<String, String>,
    sources: Vec<Source>,
}

/// A `deb` source of the host's apt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
}

impl Mirrors {
    /// The user's overrides, and the sources in a folder such as `/etc/apt`.
    pub(crate) fn new(overrides: BTreeMap<String, String>, apt: &Path) -> Self {
        let mut sources = Vec::new();
        let list = apt.join("sources.list");
        read_source(&list, &mut sources);
        let mut parts: Vec<_> = fs::read_dir(apt.join("sources.list.d")).into_iter().flatten().flatten().collect();
        parts.sort_by_key(fs::DirEntry::file_name);
        parts.iter().for_each(|entry| read_source(&entry.path(), &mut sources));
        sources.iter_mut().for_each(|source| source.uri = source.uri.trim_end_matches('/').to_owned());
        Self { overrides, sources }
    }

    /// The base URL under which `dists/SUITE` lies.
    pub(crate) fn base(&self, archive: &ArchiveSpec, suite: &str) -> Result<String, ArchiveError> {
        let security = suite.ends_with("-security") || suite.ends_with("/updates");
        if security && let Some(url) = self.overridden(&format!("{}-security", archive.name)) {
            return Ok(url);
        }
        if let Some(url) = self.overridden(&archive.name).or_else(|| archive.url.clone()) {
            return Ok(if security { sibling(&url) } else { url.trim_end_matches('/').to_owned() });
        }
        self.of_apt(suite, security).ok_or_else(|| ArchiveError::NoMirror {
            archive: archive.name.clone(),
            suite: suite.to_owned(),
            variable: variable(&archive.name),
        })
    }

    fn overridden(&self, name: &str) -> Option<String> {
        let by_environment = || std::env::var(variable(name)).ok().filter(|url| !url.is_empty());
        self.overrides.get(name).cloned().or_else(by_environment).map(|url| url.trim_end_matches('/').to_owned())
    }

    fn of_apt(&self, suite: &str, security: bool) -> Option<String> {
        let serves = |source: &Source| source.suites.iter().any(|name| name == suite);
        let main = |source: &&Source| source.components.iter().any(|name| name == "main");
        let debian = |source: &Source| {
            source.suites.iter().any(|name| {
                let base = name.split(['-', '/']).next().unwrap_or_default();
                DEBIAN.contains(&base)
            })
        };
        // A vendor may call its own suite `bookworm` too: a URL that ends in `debian` is the better guess.
        let best = |of: Vec<&Source>, end: &str| {
            let by_name = of.iter().find(|source| source.uri.ends_with(end));
            by_name.or(of.first()).map(|source| source.uri.clone())
        };
        let all: Vec<&Source> = self.sources.iter().filter(main).collect();
        let exact: Vec<&Source> = all.iter().copied().filter(|source| serves(source)).collect();
        let end = if security { "/debian-security" } else { "/debian" };
        if let Some(uri) = best(exact, end) {
            return Some(uri);
        }
        let theirs: Vec<&Source> = all.into_iter().filter(|source| debian(source)).collect();
        if security {
            let known = theirs.iter().find(|source| source.uri.ends_with("/debian-security"));
            if let Some(source) = known {
                return Some(source.uri.clone());
            }
        }
        let usual = theirs.into_iter().filter(|source| !source.uri.ends_with("-security")).collect();
        let uri = best(usual, "/debian")?;
        Some(if security { sibling(&uri) } else { uri })
    }
}

/// Mirrors keep `debian-security` beside `debian`.
fn sibling(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.ends_with("/debian") { format!("{url}-security") } else { url.to_owned() }
}

/// `KERNRIG_MIRROR_DEBIAN` for `debian`.
fn variable(archive: &str) -> String {
    let upper = archive.to_uppercase();
    format!("KERNRIG_MIRROR_{}", upper.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn read_source(path: &Path, sources: &mut Vec<Source>) {
    // apt reads `.list` and `.sources` only; a file that is not readable here is none of ours.
    let Ok(text) = fs::read_to_string(path) else { return };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("list") => sources.extend(text.lines().flat_map(one_line)),
        Some("sources") => {
            // Reading from memory cannot fail.
            let _ = deb822::each_stanza(text.as_bytes(), |stanza| sources.extend(from_stanza(stanza)));
        }
        _ => {}
    }
}

/// `deb [options] URI SUITE COMPONENT…`
fn one_line(line: &str) -> Vec<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let Some(rest) = line.strip_prefix("deb ").or_else(|| line.strip_prefix("deb\t")) else { return Vec::new() };
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let mut words = rest.split_whitespace();
    let (Some(uri), Some(suite)) = (words.next(), words.next()) else { return Vec::new() };
    let components: Vec<String> = words.map(str::to_owned).collect();
    uris(uri).map(|uri| Source { uri, suites: vec![suite.to_owned()], components: components.clone() }).collect()
}

fn from_stanza(stanza: &str) -> Vec<Source> {
    let off = deb822::line(stanza, "Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if off || !deb822::words(stanza, "Types").contains(&"deb") {
        return Vec::new();
    }
    let owned = |name| deb822::words(stanza, name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (suites, components) = (owned("Suites"), owned("Components"));
    let all = deb822::words(stanza, "URIs").into_iter().flat_map(uris);
    all.map(|uri| Source { uri, suites: suites.clone(), components: components.clone() }).collect()
}

/// What can be fetched from: `http`, `https`, `file`, and the first of a `mirror+file:` list, as Debian's cloud images
/// and CI machines have it.
fn uris(uri: &str) -> impl Iterator<Item = String> {
    let listed = uri.strip_prefix("mirror+file:").and_then(|path| {
        let path = path.strip_prefix("//").unwrap_or(path);
        let text = fs::read_to_string(path).ok()?;
        let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
        first.split_whitespace().next().map(str::to_owned)
    });
    let plain = ["http://", "https://", "file:"].iter().any(|scheme| uri.starts_with(scheme));
    listed.or_else(|| plain.then(|| uri.to_owned())).into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(list: &str, sources: &str) -> Mirrors {
        let apt = tempfile::tempdir().unwrap();
        fs::create_dir(apt.path().join("sources.list.d")).unwrap();
        fs::write(apt.path().join("sources.list"), list).unwrap();
        fs::write(apt.path().join("sources.list.d/debian.sources"), sources).unwrap();
        fs::write(apt.path().join("sources.list.d/old.list.disabled"), "deb http://off.test/debian sid main").unwrap();
        Mirrors::new(BTreeMap::new(), apt.path())
    }

    fn debian() -> ArchiveSpec {
        ArchiveSpec { name: "debian".into(), ..ArchiveSpec::default() }
    }

    #[test]
    fn both_formats_of_sources_are_read() {
        let mirrors = host(
            "deb-src http://src.test/debian bookworm main\n#deb http://no.test/debian bookworm main\n\
             deb [arch=amd64 signed-by=/k] http://vendor.test/apt bookworm main\n\
             deb http://list.test/debian/ bookworm main contrib # the mirror\n",
            "Types: deb\nURIs: http://off.test/debian\nSuites: bullseye\nComponents: main\nEnabled: no\n\n\
             Types: deb deb-src\nURIs: http://sec.test/debian-security\nSuites: bookworm-security\nComponents: main\n",
        );
        let base = |suite| mirrors.base(&debian(), suite).unwrap();
        assert_eq!(base("bookworm"), "http://list.test/debian");
        assert_eq!(base("trixie-backports"), "http://list.test/debian");
        assert_eq!(base("bookworm-security"), "http://sec.test/debian-security");
        assert_eq!(base("bullseye-security"), "http://sec.test/debian-security");
    }

    #[test]
    fn security_lies_beside_the_mirror_if_nothing_else_is_known() {
        let mirrors = host("deb https://m.test/debian stable main\n", "");
        assert_eq!(mirrors.base(&debian(), "trixie-security").unwrap(), "https://m.test/debian-security");
    }

    #[test]
    fn the_users_word_comes_first() {
        let apt = tempfile::tempdir().unwrap();
        let overrides = BTreeMap::from([("debian".to_owned(), "http://mine.test/debian/".to_owned())]);
        let mirrors = Mirrors::new(overrides, apt.path());
        let entry = ArchiveSpec { url: Some("http://entry.test/debian".into()), ..debian() };
        assert_eq!(mirrors.base(&entry, "sid").unwrap(), "http://mine.test/debian");
        assert_eq!(mirrors.base(&entry, "trixie-security").unwrap(), "http://mine.test/debian-security");
    }

    #[test]
    fn without_any_mirror_the_error_says_what_to_give() {
        let mirrors = host("deb http://ubuntu.test/ubuntu noble main\n", "");
        let error = mirrors.base(&debian(), "bookworm").unwrap_err().to_string();
        assert!(error.contains("--mirror debian=URL") && error.contains("KERNRIG_MIRROR_DEBIAN"), "{error}");
    }
}
