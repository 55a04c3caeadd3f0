//! A command line of the host, taken apart.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// `verb number [name] key=value…`
pub(crate) struct Command {
    pub(crate) verb: String,
    pub(crate) number: u32,
    /// The first word that is no pair: a test's name, a token.
    pub(crate) name: String,
    pub(crate) params: Vec<(String, String)>,
}

impl Command {
    pub(crate) fn parse(line: &str) -> Option<Command> {
        let mut words = line.split_ascii_whitespace();
        let verb = words.next()?.to_string();
        let number = words.next()?.parse().ok()?;
        let mut command = Command { verb, number, name: String::new(), params: Vec::new() };
        for word in words {
            match word.split_once('=') {
                Some((key, value)) => command.params.push((key.to_string(), value.to_string())),
                None if command.name.is_empty() => command.name = word.to_string(),
                None => {}
            }
        }
        Some(command)
    }

    pub(crate) fn param(&self, key: &str) -> Option<&str> {
        self.params.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number_of(&self, key: &str) -> Option<u64> {
        self.param(key)?.parse().ok()
    }
}
