//! Text of a guest made fit for XML 1.0.

/// Text with what XML 1.0 forbids (control characters, U+FFFE, U+FFFF) made visible as `\x1b` or `\u{fffe}`.
pub(crate) fn legal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            // C1 controls are legal in XML 1.0 and obeyed by terminals: readers of reports are spared them.
            c if c.is_control() && u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            '\u{fffe}' | '\u{ffff}' => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// The same on one line and bounded, for an attribute.
pub(crate) fn attribute(text: &str, most: usize) -> String {
    let line = legal(text).replace(['\n', '\t'], " ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
        None => line,
    }
}

/// The same for a CDATA section whose writer copies it as it is: `]]>` goes into two sections.
pub(crate) fn cdata(text: &str) -> String {
    legal(text).replace("]]>", "]]]]><![CDATA[>")
}

/// At most `most` bytes: the beginning and the end, which tell most, and a line that says what is missing.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let boundary = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=most / 2).rev().find(boundary).unwrap_or(0);
    let tail = (text.len() - most / 2..text.len()).find(boundary).unwrap_or(text.len());
    let (start, end) = (text.get(..head).unwrap_or(""), text.get(tail..).unwrap_or(""));
    format!("{start}\n[… {} bytes left out …]\n{end}", tail - head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_illegal_is_left() {
        let all: String = (0..0x11_0000).filter_map(char::from_u32).collect();
        let legal = legal(&all);
        let fine = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
        assert!(legal.chars().all(fine));
        assert!(legal.contains("\\x1b") && legal.contains("\\u{fffe}"));
    }

    #[test]
    fn cdata_cannot_be_closed_from_inside() {
        assert_eq!(cdata("a]]>b"), "a]]]]><![CDATA[>b");
        assert_eq!(attribute("a\nb", 9), "a b");
        assert_eq!(attribute("äöü", 2), "äö…");
    }

    #[test]
    fn bounds_cut_between_characters() {
        let text = "ä".repeat(1000);
        let cut = bounded(&text, 101);
        assert!(cut.len() < 200 && cut.contains("bytes left out"), "{cut}");
        assert_eq!(bounded("short", 101), "short");
    }
}
