//! The changelog of a Debian package: the entries that lie between two versions.

use std::cmp::Ordering;

/// More than any entry between two kernels has.
const LARGEST_LINE: usize = 400;

/// What one version brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Version of the package.
    pub version: String,
    /// Its lines, the heading first, without control characters.
    pub lines: Vec<String>,
}

/// The entries after `from` up to `to`, the newest first, as the changelog has them; `order` is that of versions.
///
/// A signed package counts its versions its own way (`6.1.192+1`) and names the true one in its first line.
#[must_use]
pub fn between(text: &str, from: &str, to: &str, order: impl Fn(&str, &str) -> Ordering) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.lines() {
        let line = clean(line);
        if let Some(version) = heading(&line) {
            entries.push(Entry { version: version.to_owned(), lines: Vec::new() });
        }
        let Some(entry) = entries.last_mut() else { continue };
        if let Some(version) = line.trim().strip_prefix("* Sign kernel from linux ") {
            version.trim().clone_into(&mut entry.version);
        }
        entry.lines.push(line);
    }
    entries.retain(|entry| order(&entry.version, from).is_gt() && order(&entry.version, to).is_le());
    for entry in &mut entries {
        while entry.lines.last().is_some_and(String::is_empty) {
            entry.lines.pop();
        }
    }
    entries
}

/// The version in `linux (6.1.190-1) bookworm-security; urgency=high`.
fn heading(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(" (")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return None;
    }
    let (version, rest) = rest.split_once(')')?;
    (rest.contains(';') && version.starts_with(|c: char| c.is_ascii_digit())).then_some(version)
}

fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(LARGEST_LINE).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
linux-signed-amd64 (6.1.192+2) bookworm-security; urgency=high

  * Sign kernel from linux 6.1.192-2

  * mend of\u{1b}[31m the mend

 -- A <a@example.org>  Sat, 14 Nov 2026 10:29:00 +0100

linux (6.1.190-1) bookworm-security; urgency=high

  * New upstream stable update:
    - a (b) c; d

linux (6.1.187-1) bookworm; urgency=medium

  * older
";

    #[test]
    fn the_entries_between_two_versions_are_kept_whole() {
        let versions = |from, to| {
            let entries = between(TEXT, from, to, |a: &str, b: &str| a.cmp(b));
            entries.into_iter().map(|entry| entry.version).collect::<Vec<_>>()
        };
        assert_eq!(versions("6.1.187-1", "6.1.192-2"), ["6.1.192-2", "6.1.190-1"]);
        assert_eq!(versions("6.1.190-1", "6.1.192-2"), ["6.1.192-2"]);
        assert_eq!(versions("6.1.100-1", "6.1.190-1"), ["6.1.190-1", "6.1.187-1"]);
        assert_eq!(versions("6.1.192-2", "6.1.192-2"), Vec::<String>::new());
        let newest = &between(TEXT, "6.1.190-1", "6.1.192-2", |a: &str, b: &str| a.cmp(b))[0];
        assert_eq!(newest.lines[4], "  * mend of[31m the mend", "no control character is left");
        assert!(newest.lines.last().is_some_and(|line| line.starts_with(" -- A")));
    }

    #[test]
    fn any_bytes_are_read() {
        assert!(between("", "1", "2", |a: &str, b: &str| a.cmp(b)).is_empty());
        let long = format!("linux (1.5) x; y\n{}\n", "\u{e9}".repeat(5000));
        assert_eq!(between(&long, "1", "2", |a: &str, b: &str| a.cmp(b))[0].lines[1].chars().count(), LARGEST_LINE);
    }
}
