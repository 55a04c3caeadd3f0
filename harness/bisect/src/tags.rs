//! From the versions of two kernels to the tags of the kernel's own repository that lie around them.

/// Where to go on with git: a range of tags and the tree that has it.
///
/// Versions are those of packages (`6.1.147-1~deb11u1`) or of kernels (`6.1.147`). `None` where a version is of no
/// upstream release, or where both are of the same.
#[must_use]
pub fn upstream_tags(from: &str, to: &str) -> Option<(String, String)> {
    let (a, b) = (Upstream::of(from)?, Upstream::of(to)?);
    if a.tag == b.tag {
        return None;
    }
    let tree = if a.series != b.series {
        format!(
            "linux-stable, across branches: {} and {}; in mainline v{}..v{}",
            a.branch(),
            b.branch(),
            a.series,
            b.series
        )
    } else if a.stable || b.stable {
        format!("linux-stable, branch {}", a.branch())
    } else {
        "mainline".to_owned()
    };
    Some((format!("{}..{}", a.tag, b.tag), tree))
}

struct Upstream {
    tag: String,
    /// `6.1`, or `2.6.32`: what a stable branch is called by.
    series: String,
    stable: bool,
}

impl Upstream {
    fn of(version: &str) -> Option<Self> {
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let upstream = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
        // `7.1~rc3`, `6.12.90+deb13`, `2.6.32+dfsg`
        let upstream = upstream.split('+').next()?;
        let (numbers, candidate) = match upstream.split_once("~rc").or_else(|| upstream.split_once("-rc")) {
            Some((numbers, candidate)) => (numbers, Some(candidate)),
            None => (upstream.split('~').next()?, None),
        };
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        if parts.len() < 2 || parts.len() > 4 || !parts.iter().chain(&candidate).all(is_number) {
            return None;
        }
        let series_length = if parts.first() == Some(&"2") { 3.min(parts.len()) } else { 2 };
        let suffix = candidate.map(|n| format!("-rc{n}")).unwrap_or_default();
        Some(Self {
            tag: format!("v{numbers}{suffix}"),
            series: parts[..series_length].join("."),
            stable: parts.len() > series_length,
        })
    }

    fn branch(&self) -> String {
        format!("linux-{}.y", self.series)
    }
}

#[cfg(test)]
mod tests {
    use super::upstream_tags;

    #[test]
    fn tags_are_those_of_the_upstream_versions() {
        for (from, to, tags, tree) in [
            ("6.1.147-1", "6.1.153-1", "v6.1.147..v6.1.153", "linux-stable, branch linux-6.1.y"),
            ("6.12.90-1~bpo12+1", "6.12.94-1", "v6.12.90..v6.12.94", "linux-stable, branch linux-6.12.y"),
            ("2.6.32.67", "2.6.32.69", "v2.6.32.67..v2.6.32.69", "linux-stable, branch linux-2.6.32.y"),
            ("7.1~rc3-1~exp1", "7.1-1", "v7.1-rc3..v7.1", "mainline"),
            ("6.12.90+deb13", "6.12.94+deb13", "v6.12.90..v6.12.94", "linux-stable, branch linux-6.12.y"),
        ] {
            assert_eq!(upstream_tags(from, to), Some((tags.to_owned(), tree.to_owned())));
        }
        let (tags, tree) = upstream_tags("6.1.192-2", "6.12.43-1~bpo12+1").unwrap();
        assert_eq!(tags, "v6.1.192..v6.12.43");
        assert!(
            tree.contains("linux-6.1.y") && tree.contains("linux-6.12.y") && tree.ends_with("v6.1..v6.12"),
            "{tree}"
        );
    }

    #[test]
    fn where_both_are_of_one_release_git_has_nothing_to_tell() {
        assert_eq!(upstream_tags("6.1.192-1", "6.1.192-2"), None);
        for odd in ["", "mine", "6", "6.x-1", "6.1.2.3.4", "6..1"] {
            assert_eq!(upstream_tags(odd, "6.1.192-2"), None, "{odd}");
        }
    }
}
