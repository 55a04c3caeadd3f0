//! Globs that name one family of packages: `*` stands for a version, never for a flavour.

/// A pattern such as `linux-image-6.1.*-cloud-amd64`.
#[derive(Clone, Debug)]
pub(crate) struct Family<'a> {
    pieces: Vec<&'a str>,
}

impl<'a> Family<'a> {
    pub(crate) fn new(pattern: &'a str) -> Self {
        Self { pieces: pattern.split('*').collect() }
    }

    /// What the stars stand for in a name; `None` if it is not of this family.
    pub(crate) fn capture<'n>(&self, name: &'n str) -> Option<Vec<&'n str>> {
        let (first, rest) = self.pieces.split_first()?;
        let mut captures = Vec::new();
        captures_from(name.strip_prefix(first)?, rest, &mut captures).then_some(captures)
    }

    /// The pattern with its stars filled in, in order; the last capture fills what is left over.
    pub(crate) fn fill(&self, captures: &[&str]) -> String {
        let mut text = String::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            if at > 0 {
                text.push_str(captures.get(at - 1).or(captures.last()).copied().unwrap_or_default());
            }
            text.push_str(piece);
        }
        text
    }
}

fn captures_from<'n>(text: &'n str, pieces: &[&str], captures: &mut Vec<&'n str>) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return text.is_empty() };
    // Longest first, as the last piece anchors the end.
    for at in (0..=text.len()).rev().filter(|at| text.is_char_boundary(*at)) {
        let (star, after) = text.split_at(at);
        let Some(after) = after.strip_prefix(piece) else { continue };
        if !is_version(star) {
            continue;
        }
        captures.push(star);
        if captures_from(after, rest, captures) {
            return true;
        }
        captures.pop();
    }
    false
}

/// `0-56`, `12.94+deb13`, `0-0.deb11.48`, `3-rc1`: between dashes there is a number, or `rcN`. `0-56-cloud` is not one.
fn is_version(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '_');
    text.split('-').enumerate().all(|(at, part)| {
        let numbered = part.starts_with(|c: char| c.is_ascii_digit())
            || (at == 0 && (part.is_empty() || part.starts_with(['+', '~', '.'])))
            || part.strip_prefix("rc").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        numbered && part.chars().all(known)
    })
}

#[cfg(test)]
mod tests {
    use super::Family;

    fn matches(pattern: &str, name: &str) -> bool {
        Family::new(pattern).capture(name).is_some()
    }

    #[test]
    fn a_star_is_a_version_and_not_a_flavour() {
        assert!(matches("linux-image-6.1.*-amd64", "linux-image-6.1.0-56-amd64"));
        assert!(matches("linux-image-6.12.*-amd64", "linux-image-6.12.90+deb13.1-amd64"));
        assert!(matches("linux-image-6.1.*-amd64", "linux-image-6.1.0-0.deb11.48-amd64"));
        assert!(matches("linux-image-7.*-cloud-amd64", "linux-image-7.3.4+deb13-cloud-amd64"));
        assert!(matches("linux-image-7.*-amd64", "linux-image-7.3-rc1-amd64"));
        assert!(matches("linux-image-*-generic", "linux-image-3.5.0-17-generic"));
        assert!(matches("linux-image-2.6.32-*-amd64", "linux-image-2.6.32-5-amd64"));
        assert!(matches("linux-image-6.1*-amd64", "linux-image-6.1-amd64"));
        for other in [
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-56-rt-amd64",
            "linux-image-6.1.0-56-amd64-unsigned",
            "linux-image-6.1.0-56-amd64-dbg",
            "linux-image-amd64",
            "linux-image-amd64-signed-template",
            "linux-headers-6.1.0-56-amd64",
        ] {
            assert!(!matches("linux-image-6.1.*-amd64", other), "{other}");
            assert!(!matches("linux-image-*-amd64", other), "{other}");
        }
        assert!(!matches("linux-image-2.6.32-*-amd64", "linux-image-2.6.32-5-openvz-amd64"));
        assert!(!matches("linux-image-3.5.*-generic", "linux-image-extra-3.5.0-17-generic"));
        assert!(!matches("linux-image-*-generic", "linux-image-extra-3.5.0-17-generic"));
    }

    #[test]
    fn the_same_version_fills_another_pattern() {
        let captures = Family::new("linux-image-3.5.*-generic").capture("linux-image-3.5.0-17-generic").unwrap();
        assert_eq!(captures, ["0-17"]);
        let extra = Family::new("linux-image-extra-3.5.*-generic").fill(&captures);
        assert_eq!(extra, "linux-image-extra-3.5.0-17-generic");
    }
}
