//! Titles: what differs from run to run is replaced, as syzbot replaces it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Longest title.
const MAX_TITLE: usize = 120;

/// What differs from run to run, and what stands for it.
static VARYING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        // Names of syzkaller's own processes, numbered.
        (r"(syz-executor|syzkaller)\.?[0-9]+(?:[/:][0-9]+)?", "$1"),
        (r"(?-u:\b)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?-u:\b)", "IP"),
        (r"([A-Za-z_][A-Za-z0-9_.]*)\+0x[0-9a-f]+/0x[0-9a-f]+", "$1"),
        (r"(^|[^A-Za-z0-9_])(?:0x[0-9a-f]{6,}|[0-9a-f]{8,}|0x[0-9a-f]+)(?-u:\b)", "${1}ADDR"),
        (r"(\.[a-zA-Z]{1,4})(?::[0-9]+)+", "$1:LINE"),
        (r"(?-u:\b)CPU#[0-9]+", "CPU"),
        (r"(^|[^A-Za-z0-9_])[0-9]+(?-u:\b)", "${1}NUM"),
        (r"(syzkaller-testdir)[0-9]+", "${1}NUM"),
    ]
    .into_iter()
    .map(|(pattern, stands)| (Regex::new(pattern).expect("a constant pattern"), stands))
    .collect()
});

/// A title without what varies, in one line of bounded length.
pub(crate) fn sanitise(title: &str) -> String {
    let mut title = title.get(..512).unwrap_or(title).to_owned();
    if may_vary(&title) {
        for (pattern, stands) in VARYING.iter() {
            if let Cow::Owned(changed) = pattern.replace_all(&title, *stands) {
                title = changed;
            }
        }
    }
    let words = title.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| ('\u{20}'..'\u{7f}').contains(c)).take(MAX_TITLE).collect::<String>().trim_end().to_owned()
}

/// Whether anything of [`VARYING`] can be in the title: all of it has a digit, or is a long run of hexadecimal ones.
fn may_vary(title: &str) -> bool {
    let mut run = 0;
    title.bytes().any(|b| {
        run = if b.is_ascii_hexdigit() { run + 1 } else { 0 };
        b.is_ascii_digit() || run >= 8
    })
}

/// A format filled: `{1}` … by the header's groups, the rest by name.
pub(crate) fn fill(format: &str, caught: &Captures<'_>, names: &[(&str, &str)]) -> String {
    let mut title = format.to_owned();
    for (number, group) in caught.iter().enumerate().skip(1) {
        if !title.contains('{') {
            break;
        }
        let group = group.map_or("", |m| m.as_str());
        let group = group.split(" exitcode=").next().unwrap_or("").trim_end_matches([' ', '.']);
        title = title.replace(&format!("{{{number}}}"), group);
    }
    for (name, value) in names {
        title = title.replace(name, value);
    }
    sanitise(&title)
}

#[cfg(test)]
mod tests {
    use super::sanitise;

    #[test]
    fn what_varies_is_replaced() {
        for (title, clean) in [
            ("kernel panic: stack in ffffffff81000000", "kernel panic: stack in ADDR"),
            ("kernel BUG at fs/ext4/inode.c:2721!", "kernel BUG at fs/ext4/inode.c:LINE!"),
            ("x in fasync_helper age=12 cpu=0 pid=7", "x in fasync_helper age=NUM cpu=NUM pid=NUM"),
            ("a  b\tc at f+0x1/0x2", "a bc at f"),
        ] {
            assert_eq!(sanitise(title), clean);
        }
    }
}
