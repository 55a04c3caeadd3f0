//! A table of the file with typed access to its keys, and errors that carry line, place and key.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ManifestError;
use crate::KernelVersion;

/// The file.
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
}

impl<'a> Document<'a> {
    pub(super) fn parse(&self) -> Result<DeTable<'a>, ManifestError> {
        let parsed = DeTable::parse(self.text);
        let table = parsed.map_err(|e| self.error(e.span().unwrap_or(0..0), e.message().to_owned()))?;
        Ok(table.into_inner())
    }

    fn error(&self, span: Range<usize>, what: String) -> ManifestError {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        ManifestError { file: self.file.to_owned(), line, what }
    }
}

/// One of a list of strings and tables.
pub(super) enum Item<'a> {
    Text(String),
    Table(Fields<'a>),
}

/// A table whose keys are all known.
pub(super) struct Fields<'a> {
    document: &'a Document<'a>,
    /// How the user finds it: `[[kernel]] debian-6.1`; empty for the file.
    place: String,
    table: &'a DeTable<'a>,
}

impl<'a> Fields<'a> {
    /// Refuses a key that is not among `keys`, and names the one that was meant.
    pub(super) fn new(
        document: &'a Document<'a>,
        place: String,
        table: &'a DeTable<'a>,
        keys: &[&str],
    ) -> Result<Self, ManifestError> {
        let fields = Self { document, place, table };
        let unknown = table.keys().filter(|key| !keys.contains(&&**key.get_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(fields) };
        let advice = nearest(key.get_ref(), keys)
            .map_or_else(|| format!("known here: {}", keys.join(", ")), |meant| format!("did you mean {meant:?}?"));
        let what = fields.placed(format!("unknown key {:?}; {advice}", key.get_ref()));
        Err(document.error(key.span(), what))
    }

    /// The folder that the file lies in.
    pub(super) fn folder(&self) -> &Path {
        self.document.file.parent().unwrap_or(Path::new(""))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// An error at a key, or at the table itself if the key is not there.
    pub(super) fn error(&self, key: &str, what: impl Into<String>) -> ManifestError {
        let here = self.table.get_key_value(key).map(|(key, _)| key.span());
        let span = here.or_else(|| self.table.keys().map(Spanned::span).min_by_key(|span| span.start)).unwrap_or(0..0);
        self.document.error(span, self.placed(what.into()))
    }

    /// An error at a key if something holds.
    pub(super) fn refuse(&self, holds: bool, key: &str, what: impl FnOnce() -> String) -> Result<(), ManifestError> {
        if holds { Err(self.error(key, what())) } else { Ok(()) }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ManifestError> {
        self.typed(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ManifestError> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ManifestError> {
        self.typed(key, "a whole number", |value| {
            let number = value.as_integer()?;
            u64::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    pub(super) fn version(&self, key: &str) -> Result<Option<KernelVersion>, ManifestError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let wrong = || self.error(key, format!("{text:?} is no kernel version, such as \"4.5\""));
        KernelVersion::parse(&text).ok_or_else(wrong).map(Some)
    }

    /// A string, or a list of strings and tables.
    pub(super) fn texts_or_tables(&self, key: &str, keys: &[&str]) -> Result<Vec<Item<'a>>, ManifestError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong_type(key, "a string, or a list of strings and tables { … }");
        let one = |value: &'a Spanned<DeValue<'a>>| match value.get_ref() {
            DeValue::String(text) => Ok(Item::Text(text.to_string())),
            DeValue::Table(table) => {
                let place = if self.place.is_empty() { key.to_owned() } else { format!("{}: {key}", self.place) };
                Fields::new(self.document, place, table, keys).map(Item::Table)
            }
            _ => Err(wrong()),
        };
        match value.get_ref() {
            DeValue::Array(list) => list.iter().map(one).collect(),
            _ => Ok(vec![one(value)?]),
        }
    }

    /// A string, or a list of strings; nothing gives an empty list.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, ManifestError> {
        let texts = self.typed(key, "a string or a list of strings", |value| match value {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => list.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect(),
            _ => None,
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// A table below this one.
    pub(super) fn table(&self, key: &str, keys: &[&str]) -> Result<Option<Fields<'a>>, ManifestError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let table = value.get_ref().as_table().ok_or_else(|| self.wrong_type(key, "a table { … }"))?;
        let place = if self.place.is_empty() { format!("[{key}]") } else { format!("{}: {key}", self.place) };
        Fields::new(self.document, place, table, keys).map(Some)
    }

    /// `[key.NAME]` tables.
    pub(super) fn tables(&self, key: &str, keys: &[&str]) -> Result<Vec<(String, Fields<'a>)>, ManifestError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong_type(key, &format!("tables, [{key}.NAME]"));
        let tables = value.get_ref().as_table().ok_or_else(wrong)?;
        let fields = |(name, value): (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let table = value.get_ref().as_table().ok_or_else(wrong)?;
            let place = format!("[{key}.{}]", name.get_ref());
            Ok((name.get_ref().to_string(), Fields::new(self.document, place, table, keys)?))
        };
        tables.iter().map(fields).collect()
    }

    /// `[[key]]` tables, each called by its `name`, or by its number.
    pub(super) fn list(&self, key: &str, keys: &[&str]) -> Result<Vec<Fields<'a>>, ManifestError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong_type(key, &format!("a list of tables, [[{key}]]"));
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        let fields = |(at, item): (usize, &'a Spanned<DeValue<'a>>)| {
            let table = item.get_ref().as_table().ok_or_else(wrong)?;
            let name = table.get("name").and_then(|name| name.get_ref().as_str());
            let name = name.map_or_else(|| format!("number {}", at + 1), str::to_owned);
            Fields::new(self.document, format!("[[{key}]] {name}"), table, keys)
        };
        list.iter().enumerate().map(fields).collect()
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&DeValue<'a>) -> Option<T>,
    ) -> Result<Option<T>, ManifestError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        read(value.get_ref()).map(Some).ok_or_else(|| self.wrong_type(key, wanted))
    }

    fn wrong_type(&self, key: &str, wanted: &str) -> ManifestError {
        let found = self.table.get(key).map_or("nothing", |value| value.get_ref().type_str());
        self.error(key, format!("{key:?} must be {wanted}, not {found}"))
    }

    fn placed(&self, what: String) -> String {
        if self.place.is_empty() { what } else { format!("{}: {what}", self.place) }
    }
}

/// The known word that is a slip of the pen away.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase().replace('_', "-");
    let near = known.iter().map(|key| (strsim::damerau_levenshtein(&word, key), *key)).min()?;
    (near.0 <= 1 + word.len() / 4).then_some(near.1)
}
