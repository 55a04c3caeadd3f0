//! The guest's side of ttyS1, cut into lines. Only printable ASCII is let through: everything else is noise.

use kernrig_catalog::protocol::MAX_LINE;

/// Cuts bytes into lines, bounded whatever comes.
#[derive(Debug, Default)]
pub(crate) struct LineCutter {
    line: String,
    /// The line is longer than either side ever sends: the rest of it is dropped, and so is the line.
    too_long: bool,
}

impl LineCutter {
    /// Takes bytes, gives the lines that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    if !std::mem::take(&mut self.too_long) && !line.is_empty() {
                        lines.push(line);
                    }
                }
                b' '..=b'~' if self.line.len() < MAX_LINE => self.line.push(char::from(byte)),
                b' '..=b'~' => self.too_long = true,
                _ => {}
            }
        }
        lines
    }
}

/// A line of the guest that concerns the command in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// `kernrig-hello VERSION …`
    Hello(u32),
    /// `ack N`
    Ack(u32),
    /// `done N key=value…`
    Done(u32, Vec<(String, String)>),
    /// `refused N why`
    Refused(u32, String),
    /// Anything else: KTAP of a running test, if it carries the token.
    Other(String),
}

impl Line {
    /// Reads a line; what does not fit is [`Line::Other`].
    pub(crate) fn parse(line: &str) -> Self {
        let mut words = line.split(' ');
        let first = words.next().unwrap_or_default();
        let number = words.next().and_then(|w| w.parse().ok());
        match (first, number) {
            // The old kernels' probe of the port may leave noise in front of the first hello.
            (word, Some(n)) if word.ends_with(kernrig_catalog::protocol::GUEST_HELLO) => Self::Hello(n),
            (kernrig_catalog::protocol::ACK, Some(n)) => Self::Ack(n),
            (kernrig_catalog::protocol::DONE, Some(n)) => {
                let pair = |w: &str| w.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
                Self::Done(n, words.filter_map(pair).collect())
            }
            (kernrig_catalog::protocol::REFUSED, Some(n)) => Self::Refused(n, words.collect::<Vec<_>>().join(" ")),
            _ => Self::Other(line.to_owned()),
        }
    }
}

/// The line without the token at its end; `None` if it does not carry this token, and is not to be believed.
pub(crate) fn strip_token<'a>(line: &'a str, token: &str) -> Option<&'a str> {
    line.strip_suffix(']')?.strip_suffix(token)?.strip_suffix(" [")
}

#[cfg(test)]
mod tests {
    use super::{Line, LineCutter, strip_token};

    #[test]
    fn noise_and_endless_lines_are_dropped() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.push(b"\xff\xffack 1"), Vec::<String>::new());
        assert_eq!(cutter.push(b"\r\n\x1b[2Jdone 1\n\n"), ["ack 1", "[2Jdone 1"]);
        assert_eq!(cutter.push(&[b'x'; 100_000]), Vec::<String>::new());
        assert!(cutter.line.len() <= super::MAX_LINE);
        assert_eq!(cutter.push(b"\nack 2\n"), ["ack 2"]);
    }

    #[test]
    fn lines_are_read_by_their_first_words() {
        assert_eq!(Line::parse("xxkernrig-hello 1 release=3.5"), Line::Hello(1));
        assert_eq!(Line::parse("ack 7"), Line::Ack(7));
        assert_eq!(Line::parse("ack x"), Line::Other("ack x".to_owned()));
        let taint = vec![("taint".to_owned(), "512".to_owned())];
        assert_eq!(Line::parse("done 3 taint=512"), Line::Done(3, taint));
        assert_eq!(Line::parse("refused 3 no such test"), Line::Refused(3, "no such test".to_owned()));
    }

    #[test]
    fn only_a_line_with_the_token_is_believed() {
        assert_eq!(strip_token("ok 1 a::b [00ff]", "00ff"), Some("ok 1 a::b"));
        assert_eq!(strip_token("ok 1 a::b [00fe]", "00ff"), None);
        assert_eq!(strip_token("ok 1 a::b", "00ff"), None);
    }
}
