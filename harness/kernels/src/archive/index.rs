//! `Packages` files: the kernel packages that a suite has.

use std::io::{self, BufRead, BufReader, Read};

use super::deb822;

/// A package as the index lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stanza {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// What it depends on: for each, the names that would do, with the exact version if one is asked for.
    pub(crate) depends: Vec<Vec<Need>>,
    pub(crate) path: String,
    pub(crate) size: u64,
    /// KiB.
    pub(crate) installed: u64,
    pub(crate) sha256: String,
}

/// One name of a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) name: String,
    /// The version of `(= …)`.
    pub(crate) exact: Option<String>,
}

/// A Packages file grows by some MB a year and has 60 MB now; its packed form is bounded by Release.
const LARGEST: u64 = 1 << 30;

/// Unpacks by the ending of the file's name.
pub(crate) fn unpack<'a>(ending: &str, bytes: impl BufRead + 'a) -> Box<dyn BufRead + 'a> {
    let plain: Box<dyn Read + 'a> = match ending {
        ".xz" => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(bytes)),
        ".gz" => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
        ".bz2" => Box::new(bzip2::bufread::MultiBzDecoder::new(bytes)),
        _ => Box::new(bytes),
    };
    Box::new(BufReader::with_capacity(256 << 10, plain.take(LARGEST)))
}

/// The fields of kernel packages alone, a hundredth of the whole: what the cache keeps.
pub(crate) fn reduce(packages: impl BufRead) -> io::Result<String> {
    const FIELDS: &[&str] = &[
        "Package",
        "Version",
        "Architecture",
        "Depends",
        "Pre-Depends",
        "Installed-Size",
        "Filename",
        "Size",
        "SHA256",
    ];
    let mut reduced = String::new();
    deb822::each_stanza(packages, |stanza| {
        let kernel = deb822::line(stanza, "Package").is_some_and(is_kernel_package);
        if !kernel {
            return;
        }
        for name in FIELDS {
            if let Some((value, more)) = deb822::field(stanza, name) {
                reduced.push_str(&format!("{name}: {value} {}\n", more.join(" ")));
            }
        }
        reduced.push('\n');
    })?;
    Ok(reduced)
}

fn is_kernel_package(name: &str) -> bool {
    let ours = ["linux-image-", "linux-signed-image-", "linux-binary-", "linux-base-", "linux-modules-"];
    ours.iter().any(|prefix| name.starts_with(prefix)) && !name.ends_with("-dbg")
}

/// Reads what [`reduce`] kept. A stanza that lacks what is needed to fetch it is left out.
pub(crate) fn parse(reduced: &str) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    // Reading from memory cannot fail.
    let _ = deb822::each_stanza(reduced.as_bytes(), |text| stanzas.extend(stanza(text)));
    stanzas
}

fn stanza(text: &str) -> Option<Stanza> {
    let own = |name| deb822::line(text, name).map(str::to_owned);
    let number = |name| deb822::line(text, name)?.parse().ok();
    let depends = ["Pre-Depends", "Depends"].iter().filter_map(|name| deb822::line(text, name)).flat_map(needs);
    let path = own("Filename")?;
    let inside = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    let stanza = Stanza {
        name: own("Package")?,
        version: own("Version")?,
        architecture: own("Architecture")?,
        depends: depends.collect(),
        path: path.trim_start_matches("./").to_owned(),
        size: number("Size")?,
        installed: number("Installed-Size").unwrap_or(0),
        sha256: own("SHA256")?.to_ascii_lowercase(),
    };
    (inside && stanza.sha256.len() == 64).then_some(stanza)
}

fn needs(line: &str) -> impl Iterator<Item = Vec<Need>> {
    let need = |text: &str| {
        let (name, condition) = text.split_once('(').map_or((text, ""), |(name, rest)| (name, rest));
        let exact = condition.trim_end_matches(')').trim().strip_prefix('=').map(|version| version.trim().to_owned());
        let name = name.trim().split(':').next().unwrap_or_default().to_owned();
        Need { name, exact }
    };
    line.split(',').map(move |group| group.split('|').map(|text| need(text.trim())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kernel_packages_are_kept_and_read() {
        let sum = "a".repeat(64);
        let text = format!(
            "Package: bash\nVersion: 5\n\nPackage: linux-image-7.3.4-amd64\nVersion: 7.3.4-1\nArchitecture: amd64\n\
             Depends: dracut | initramfs-tools (>= 0.120), kmod:any, linux-base-7.3.4-amd64 (= 7.3.4-1)\n\
             Description: x\n long\nFilename: pool/a.deb\nSize: 12\nInstalled-Size: 16\nSHA256: {sum}\n\n\
             Package: linux-image-7.3.4-amd64-dbg\nVersion: 7\n\nPackage: linux-modules-bad\nVersion: 1\n\
             Architecture: amd64\nFilename: ../../etc/passwd\nSize: 1\nSHA256: {sum}\n"
        );
        let stanzas = parse(&reduce(text.as_bytes()).unwrap());
        assert_eq!(stanzas.len(), 1, "{stanzas:?}");
        let image = &stanzas[0];
        assert_eq!((image.size, image.installed, image.path.as_str()), (12, 16, "pool/a.deb"));
        let last = Need { name: "linux-base-7.3.4-amd64".into(), exact: Some("7.3.4-1".into()) };
        assert_eq!(image.depends[2], [last]);
        assert_eq!(image.depends[0].len(), 2);
        assert_eq!(image.depends[1][0].name, "kmod");
    }
}
