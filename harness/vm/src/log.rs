//! A log of bounded size: what was written first and last is kept, the middle of a flood is counted and dropped.

use std::collections::VecDeque;

/// The first and the last bytes of what was written to it. A guest may print gigabytes.
#[derive(Clone, Debug)]
pub struct BoundedLog {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_limit: usize,
    tail_limit: usize,
    dropped: u64,
}

impl Default for BoundedLog {
    /// 256 KiB of each end: a boot, and the last some thousand lines.
    fn default() -> Self {
        Self::new(256 * 1024, 256 * 1024)
    }
}

impl BoundedLog {
    /// A log that keeps so many bytes from the beginning and so many from the end.
    #[must_use]
    pub fn new(head_limit: usize, tail_limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), head_limit, tail_limit, dropped: 0 }
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.head_limit - self.head.len()));
        self.head.extend_from_slice(head);
        let (skipped, rest) = rest.split_at(rest.len().saturating_sub(self.tail_limit));
        let pushed_out = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..pushed_out);
        self.tail.extend(rest);
        self.dropped += (skipped.len() + pushed_out) as u64;
    }

    /// How many bytes were dropped from the middle.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty()
    }

    /// What was kept; where bytes were dropped, a line says how many.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if self.dropped > 0 {
            bytes.extend_from_slice(format!("\n[… {} bytes dropped …]\n", self.dropped).as_bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }

    /// [`Self::to_bytes`] as text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.to_bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::BoundedLog;

    #[test]
    fn short_logs_are_whole() {
        let mut log = BoundedLog::new(4, 4);
        assert!(log.is_empty());
        log.push(b"abc");
        log.push(b"defgh");
        assert_eq!((log.text().as_str(), log.dropped()), ("abcdefgh", 0));
    }

    #[test]
    fn a_flood_keeps_both_ends_whatever_the_pieces() {
        let flood: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for piece in [1, 3, 7, 64, 10_000] {
            let mut log = BoundedLog::new(10, 20);
            flood.chunks(piece).for_each(|bytes| log.push(bytes));
            assert_eq!(log.dropped(), 9_970);
            let bytes = log.to_bytes();
            assert!(bytes.starts_with(&flood[..10]) && bytes.ends_with(&flood[9_980..]));
            assert!(log.text().contains("9970 bytes dropped"));
        }
    }

    #[test]
    fn a_log_of_the_end_only() {
        let mut log = BoundedLog::new(0, 3);
        log.push(b"abcdef");
        assert!(log.to_bytes().ends_with(b"def"));
        assert_eq!(log.dropped(), 3);
    }
}
