//! From tables to entries: what may be in each, and what must be.

use std::path::PathBuf;

use super::fields::{Fields, Item, nearest};
use super::{
    CPUS, DEFAULT_GROUP, KernelEntry, LeaveOut, MEMORY_MIB, ManifestError, Source, VariantEntry, VariantNeeds, Words,
};
use crate::archive::{ArchiveSpec, PackageSpec, UrlSpec};
use crate::local::{ImageFiles, expand};

pub(super) const ARCHIVE_KEYS: &[&str] = &["url", "keyring", "expired-keys", "check-valid-until"];
pub(super) const KERNEL_KEYS: &[&str] = &[
    "name",
    "group",
    "package",
    "every",
    "image",
    "modules",
    "config",
    "system-map",
    "tree",
    "folder",
    "url",
    "sha256",
    "optional",
    "cmdline",
];
pub(super) const VARIANT_KEYS: &[&str] =
    &["name", "cmdline", "smp", "memory", "since", "until", "kconfig", "leave-out"];
const WORDS_KEYS: &[&str] = &["words", "since", "until"];
const LEAVE_OUT_KEYS: &[&str] = &["tests", "why"];
const PACKAGE_KEYS: &[&str] = &["archive", "suite", "name", "extra", "components", "arch"];
const SOURCES: &[&str] = &["package", "image", "tree", "folder", "url"];

/// Stands for the version in the name of an entry with `every`.
pub(super) const VERSION: &str = "{version}";

pub(super) fn archive(name: String, fields: &Fields<'_>) -> Result<ArchiveSpec, ManifestError> {
    let url = fields.text("url")?;
    let known = |url: &str| ["http://", "https://", "file:"].iter().any(|scheme| url.starts_with(scheme));
    let wrong = url.as_deref().is_some_and(|url| !known(url));
    fields.refuse(wrong, "url", || "\"url\" must begin with https://, http:// or file:".to_owned())?;
    let default = ArchiveSpec::default();
    Ok(ArchiveSpec {
        name,
        url,
        keyring: path(fields, "keyring")?,
        expired_keys: fields.flag("expired-keys")?.unwrap_or(default.expired_keys),
        check_valid_until: fields.flag("check-valid-until")?.unwrap_or(default.check_valid_until),
    })
}

pub(super) fn kernel(fields: &Fields<'_>, archives: &[ArchiveSpec]) -> Result<KernelEntry, ManifestError> {
    let source = source(fields, archives)?;
    let name = match (fields.text("name")?, &source) {
        (Some(name), _) => name,
        (None, Source::Folder(dir)) => dir.display().to_string(),
        (None, _) => return Err(fields.error("name", "a kernel needs a \"name\"")),
    };
    check_name(fields, &name, &source)?;
    let mut groups = fields.texts("group")?;
    if groups.is_empty() {
        groups.push(DEFAULT_GROUP.to_owned());
    }
    Ok(KernelEntry {
        name,
        groups,
        source,
        optional: fields.flag("optional")?.unwrap_or_default(),
        cmdline: fields.text("cmdline")?.unwrap_or_default(),
    })
}

pub(super) fn variant(fields: &Fields<'_>) -> Result<VariantEntry, ManifestError> {
    let name = fields.text("name")?.ok_or_else(|| fields.error("name", "a variant needs a \"name\""))?;
    fields.refuse(name.is_empty(), "name", || "\"name\" is empty".to_owned())?;
    let within = |key: &str, range: std::ops::RangeInclusive<u32>| {
        let number = fields.number(key)?;
        let fits = number.and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        fields.refuse(number.is_some() && fits.is_none(), key, || {
            format!("{key:?} must be {} to {}", range.start(), range.end())
        })?;
        Ok(fits)
    };
    let needs = VariantNeeds {
        since: fields.version("since")?,
        until: fields.version("until")?,
        kconfig: fields.texts("kconfig")?.iter().map(|text| options(fields, text)).collect::<Result<_, _>>()?,
    };
    Ok(VariantEntry {
        name,
        cmdline: cmdline(fields)?,
        smp: within("smp", CPUS)?,
        memory_mib: within("memory", MEMORY_MIB)?,
        needs,
        leave_out: leave_out(fields)?,
    })
}

/// A string, or a list of strings and of tables with the versions that know the words.
fn cmdline(fields: &Fields<'_>) -> Result<Vec<Words>, ManifestError> {
    let mut all = Vec::new();
    for item in fields.texts_or_tables("cmdline", WORDS_KEYS)? {
        all.push(match item {
            Item::Text(text) => Words { text, ..Words::default() },
            Item::Table(table) => Words {
                text: table.text("words")?.ok_or_else(|| table.error("words", "\"words\" is missing"))?,
                since: table.version("since")?,
                until: table.version("until")?,
            },
        });
    }
    Ok(all)
}

/// `MEMCG|CGROUP_MEM_RES_CTLR`: an option by its names.
fn options(fields: &Fields<'_>, text: &str) -> Result<Vec<String>, ManifestError> {
    let names: Vec<String> = text.split('|').map(|name| name.trim().to_owned()).collect();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let wrong = names.iter().find(|n| n.is_empty() || n.starts_with("CONFIG_") || !n.chars().all(known));
    match wrong {
        Some(wrong) => Err(fields.error(
            "kconfig",
            format!("{wrong:?} is no build option; write it without CONFIG_, and | between its names"),
        )),
        None => Ok(names),
    }
}

fn leave_out(fields: &Fields<'_>) -> Result<Option<LeaveOut>, ManifestError> {
    let Some(table) = fields.table("leave-out", LEAVE_OUT_KEYS)? else { return Ok(None) };
    let tests = table.texts("tests")?;
    table.refuse(tests.is_empty(), "tests", || "\"tests\" is missing: globs over the names of tests".to_owned())?;
    let why = table.text("why")?.filter(|why| !why.is_empty());
    let why = why.ok_or_else(|| table.error("why", "\"why\" is missing: reports give it as the reason of the skip"))?;
    Ok(Some(LeaveOut { tests, why }))
}

/// Names are written into reports and file names, and matched by globs.
fn check_name(fields: &Fields<'_>, name: &str, source: &Source) -> Result<(), ManifestError> {
    let templated = name.contains(VERSION);
    let every = matches!(source, Source::Every(_));
    fields.refuse(every && !templated, "name", || {
        format!("with \"every\" the name stands for several kernels: put {VERSION} in it")
    })?;
    fields.refuse(templated && !every, "name", || format!("{VERSION} in a name needs \"every = true\""))?;
    let plain = name.replace(VERSION, "v");
    let good = |c: char| c.is_ascii_alphanumeric() || ".+-_~".contains(c);
    let bad = plain.is_empty() || !plain.chars().all(good);
    fields.refuse(bad && !matches!(source, Source::Folder(_)), "name", || {
        format!("the name {name:?} may only have letters, digits and . + - _ ~")
    })
}

fn source(fields: &Fields<'_>, archives: &[ArchiveSpec]) -> Result<Source, ManifestError> {
    let given: Vec<_> = SOURCES.iter().copied().filter(|key| fields.has(key)).collect();
    let [kind] = given[..] else {
        let what = match given[..] {
            [] => format!("says nowhere where it is to be had; give one of {}", SOURCES.join(", ")),
            _ => format!("has two sources, {}: make two entries of it", given.join(" and ")),
        };
        return Err(fields.error(given.last().copied().unwrap_or("name"), what));
    };
    for (key, owner) in
        [("modules", "image"), ("config", "image"), ("system-map", "image"), ("sha256", "url"), ("every", "package")]
    {
        fields
            .refuse(fields.has(key) && kind != owner, key, || format!("{key:?} goes with {owner:?}, not {kind:?}"))?;
    }
    let required = |key| Ok(path(fields, key)?.unwrap_or_default());
    Ok(match kind {
        "package" => {
            let spec = package(fields, archives)?;
            if fields.flag("every")?.unwrap_or_default() { Source::Every(spec) } else { Source::Newest(spec) }
        }
        "image" => Source::Image(ImageFiles {
            image: required("image")?,
            config: path(fields, "config")?,
            system_map: path(fields, "system-map")?,
            modules: path(fields, "modules")?,
        }),
        "tree" => Source::Tree(required("tree")?),
        "folder" => Source::Folder(required("folder")?),
        _ => Source::Url(urls(fields)?),
    })
}

fn package(fields: &Fields<'_>, archives: &[ArchiveSpec]) -> Result<PackageSpec, ManifestError> {
    let Some(package) = fields.table("package", PACKAGE_KEYS)? else { return Ok(PackageSpec::default()) };
    let needed = |key: &str| package.error(key, format!("{key:?} is missing"));
    let archive = package.text("archive")?.ok_or_else(|| needed("archive"))?;
    package.refuse(archives.iter().all(|known| known.name != archive), "archive", || {
        let known: Vec<_> = archives.iter().map(|archive| archive.name.as_str()).collect();
        let advice = match nearest(&archive, &known) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("describe it by [archive.{archive}]"),
        };
        format!("there is no archive {archive:?}; {advice}")
    })?;
    let suites = package.texts("suite")?;
    package.refuse(suites.is_empty(), "suite", || "\"suite\" is missing".to_owned())?;
    let name = package.text("name")?.ok_or_else(|| needed("name"))?;
    let extra = package.texts("extra")?;
    for (key, glob) in std::iter::once(("name", &name)).chain(extra.iter().map(|glob| ("extra", glob))) {
        check_glob(&package, key, glob)?;
    }
    Ok(PackageSpec {
        archive,
        suites,
        name,
        extra,
        components: package.texts("components")?,
        arch: package.text("arch")?.unwrap_or_default(),
    })
}

/// Package names have few characters, and `*` is the one wildcard: it stands for a version.
fn check_glob(package: &Fields<'_>, key: &str, glob: &str) -> Result<(), ManifestError> {
    let wrong = glob.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.*".contains(*c)));
    match wrong {
        Some(wrong) => Err(package.error(
            key,
            format!("the pattern {glob:?} has {wrong:?} in it; package names have a-z 0-9 + - . and * for a version"),
        )),
        None => package.refuse(glob.is_empty(), key, || format!("{key:?} is empty")),
    }
}

fn urls(fields: &Fields<'_>) -> Result<Vec<UrlSpec>, ManifestError> {
    let (urls, hashes) = (fields.texts("url")?, fields.texts("sha256")?);
    fields.refuse(urls.is_empty(), "url", || "\"url\" is empty".to_owned())?;
    let at = if fields.has("sha256") { "sha256" } else { "url" };
    fields.refuse(urls.len() != hashes.len(), at, || {
        format!(
            "{} \"url\" and {} \"sha256\": each file needs its own, none from the net is used unseen",
            urls.len(),
            hashes.len()
        )
    })?;
    let hash = |hash: &&String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(wrong) = hashes.iter().find(|h| !hash(h)) {
        return Err(fields.error("sha256", format!("{wrong:?} is no SHA-256: 64 hexadecimal digits")));
    }
    let spec = |(url, sha256): (String, String)| UrlSpec { url, sha256: sha256.to_lowercase() };
    Ok(urls.into_iter().zip(hashes).map(spec).collect())
}

/// A path: `~` is the home folder, relative ones begin at the file's folder.
pub(super) fn path(fields: &Fields<'_>, key: &str) -> Result<Option<PathBuf>, ManifestError> {
    let Some(text) = fields.text(key)? else { return Ok(None) };
    fields.refuse(text.is_empty(), key, || format!("{key:?} is empty"))?;
    Ok(Some(fields.folder().join(expand(&PathBuf::from(text)))))
}
