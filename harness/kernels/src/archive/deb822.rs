//! Stanzas of `Field: value` lines, as Release files, Packages files and apt's `.sources` have them (deb822(5)).

use std::io::{self, BufRead};

/// Gives each stanza's text, without its comments, to a function.
pub(crate) fn each_stanza(mut reader: impl BufRead, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut stanza = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            if !stanza.is_empty() {
                take(&stanza);
                stanza.clear();
            }
        } else if !text.starts_with('#') {
            stanza.push_str(text);
            stanza.push('\n');
        }
    }
    if !stanza.is_empty() {
        take(&stanza);
    }
    Ok(())
}

/// The value of a field on its first line, and the lines that continue it.
pub(crate) fn field<'a>(stanza: &'a str, name: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let mut lines = stanza.lines();
    while let Some(line) = lines.next() {
        let Some((found, value)) = line.split_once(':') else { continue };
        if line.starts_with([' ', '\t']) || !found.eq_ignore_ascii_case(name) {
            continue;
        }
        let more = lines.take_while(|line| line.starts_with([' ', '\t'])).map(str::trim).collect();
        return Some((value.trim(), more));
    }
    None
}

/// The value of a field of one line.
pub(crate) fn line<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    field(stanza, name).map(|(value, _)| value)
}

/// The words of a field, over all its lines.
pub(crate) fn words<'a>(stanza: &'a str, name: &str) -> Vec<&'a str> {
    let Some((first, more)) = field(stanza, name) else { return Vec::new() };
    std::iter::once(first).chain(more).flat_map(str::split_whitespace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_fields_and_continuations() {
        let text = "# note\nTypes: deb\nSuites: a\n b\n# inside\n\tc\nEnabled: no\n\n\nTypes: deb-src\n";
        let mut stanzas = Vec::new();
        each_stanza(text.as_bytes(), |stanza| stanzas.push(stanza.to_owned())).unwrap();
        assert_eq!(stanzas.len(), 2);
        assert_eq!(words(&stanzas[0], "suites"), ["a", "b", "c"]);
        assert_eq!(line(&stanzas[0], "Enabled"), Some("no"));
        assert_eq!(line(&stanzas[1], "Enabled"), None);
    }
}
