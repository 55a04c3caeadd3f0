//! `known-issues.toml`: from text to issues, each key checked.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use kernrig_kernels::KernelVersion;
use serde::Deserialize;
use toml::value::Datetime;

use crate::affected::{Affected, Range};
use crate::issue::{Patterns, Signature};
use crate::{Date, Issue, Shows};

/// The list that is compiled in.
pub const SHIPPED: &str = include_str!("../known-issues.toml");

/// Verdicts that a signature may ask for by `outcome`.
const OUTCOMES: &[&str] = &["fail", "hang", "lost", "boot-failure"];

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no TOML, or has other keys or values.
    #[error("{0}")]
    Format(String),
    /// An entry says too little or what cannot be.
    #[error("line {line}, [[issue]] {id}: {what}")]
    Entry {
        /// Where the entry begins, from 1.
        line: usize,
        /// Its id.
        id: String,
        /// What is wrong.
        what: String,
    },
}

/// Bugs that kernels are known to have.
#[derive(Clone, Debug, Default)]
pub struct List {
    issues: Vec<Issue>,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no TOML of this form, an id comes twice, or an entry lacks what it cannot do without.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text).map_err(|e| Error::Format(e.to_string().trim_end().to_owned()))?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| line.trim().starts_with("[[issue]]"));
        let mut ids = BTreeSet::new();
        let mut issues = Vec::new();
        for row in file.issue {
            let line = lines.next().map_or(0, |(at, _)| at + 1);
            let id = row.id.clone();
            let wrong = |what: String| Error::Entry { line, id: format!("{id:?}"), what };
            if !ids.insert(row.id.clone()) {
                return Err(wrong("there is another entry of this id".to_owned()));
            }
            issues.push(row.issue().map_err(wrong)?);
        }
        Ok(Self { issues })
    }

    /// The list that is compiled in.
    ///
    /// # Errors
    /// It cannot be read: an empty list in its place would call everything new.
    pub fn shipped() -> Result<Self, Error> {
        Self::parse(SHIPPED)
    }

    /// Its entries, in order.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The entry of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Issue> {
        self.issues.iter().find(|issue| issue.id == id)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    issue: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    id: String,
    title: String,
    #[serde(default)]
    url: String,
    affected: Vec<AffectedRow>,
    tests: Vec<String>,
    #[serde(default = "every")]
    variants: Vec<String>,
    #[serde(default)]
    shows: ShowsRow,
    signature: OneOrMany<SignatureRow>,
    #[serde(default)]
    sometimes_in: Vec<String>,
    #[serde(default)]
    corrupts_memory: bool,
    #[serde(default)]
    fix: OneOrMany<String>,
    #[serde(default)]
    fixed_in: OneOrMany<String>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    ticket: String,
    expires: Option<Datetime>,
    #[serde(default)]
    repro: Vec<toml::Table>,
}

fn every() -> Vec<String> {
    vec!["*".to_owned()]
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ShowsRow {
    #[default]
    Always,
    Sometimes,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text or a list of them")]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    fn list(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a range such as \">=3.2, <3.8\" or { flavour = \"debian\", range = \"<5.10.244-1\" }")]
enum AffectedRow {
    Upstream(String),
    Package(PackageRow),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageRow {
    flavour: String,
    range: String,
}

/// Read by hand, so that an unknown key is named although the signature may be one or several.
type SignatureRow = toml::Table;

impl Row {
    fn issue(self) -> Result<Issue, String> {
        for (key, value) in [("id", &self.id), ("title", &self.title)] {
            if value.trim().is_empty() {
                return Err(format!("{key} is empty"));
            }
        }
        let fixed = self.fixed_in.list();
        let signatures = self.signature.list().into_iter().map(signature).collect::<Result<Vec<_>, _>>()?;
        if signatures.is_empty() {
            return Err("signature is empty: say what the bug looks like".to_owned());
        }
        Ok(Issue {
            affected: affected(self.affected, &fixed)?,
            tests: some("tests", patterns("tests", &self.tests)?)?,
            variants: some("variants", patterns("variants", &self.variants)?)?,
            signatures,
            shows: match self.shows {
                ShowsRow::Always => Shows::Always,
                ShowsRow::Sometimes => Shows::Sometimes,
            },
            sometimes_in: patterns("sometimes-in", &self.sometimes_in)?,
            corrupts_memory: self.corrupts_memory,
            expires: self.expires.map(day).transpose()?,
            fix: self.fix.list(),
            id: self.id,
            title: self.title,
            url: self.url,
            reason: self.reason,
            owner: self.owner,
            ticket: self.ticket,
            repro: self.repro,
        })
    }
}

fn affected(rows: Vec<AffectedRow>, fixed: &[String]) -> Result<Affected, String> {
    if rows.is_empty() {
        return Err("affected is empty: say which kernels have it, [\"*\"] for all".to_owned());
    }
    let mut affected = Affected::default();
    for row in rows {
        match row {
            AffectedRow::Upstream(text) => affected.upstream.push(Range::upstream(&text)?),
            AffectedRow::Package(row) => affected.packages.push((row.flavour, Range::packages(&row.range)?)),
        }
    }
    let version =
        |text: &String| KernelVersion::parse(text).ok_or_else(|| format!("fixed-in: `{text}` is no version of Linux"));
    affected.fixed = fixed.iter().map(version).collect::<Result<_, _>>()?;
    Ok(affected)
}

fn day(date: Datetime) -> Result<Date, String> {
    match date.date {
        Some(day) if date.time.is_none() => Ok(Date::new(i64::from(day.year), day.month, day.day)),
        _ => Err(format!("expires = {date} is no day, such as 2027-06-01")),
    }
}

fn patterns(key: &str, texts: &[String]) -> Result<Patterns, String> {
    texts.iter().map(|text| glob(key, text)).collect::<Result<_, _>>().map(Patterns)
}

fn some(key: &str, patterns: Patterns) -> Result<Patterns, String> {
    if patterns.0.is_empty() { Err(format!("{key} is empty")) } else { Ok(patterns) }
}

fn glob(key: &str, text: &str) -> Result<GlobMatcher, String> {
    let built = GlobBuilder::new(text).literal_separator(false).build();
    Ok(built.map_err(|e| format!("{key}: `{text}` is no pattern: {}", e.kind()))?.compile_matcher())
}

fn signature(mut table: toml::Table) -> Result<Signature, String> {
    let mut texts = |key: &str| match table.remove(key) {
        None => Ok(Vec::new()),
        Some(value) => value
            .clone()
            .try_into::<Vec<String>>()
            .map_err(|_| format!("signature: {key} = {value} is no list of texts")),
    };
    let (kinds, any, all) = (texts("kinds")?, texts("any")?, texts("all")?);
    let mut text = |key: &str| match table.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("signature: {key} = {other} is no text")),
    };
    let (outcome, reason) = (text("outcome")?, text("reason")?);
    if let Some(key) = table.keys().next() {
        return Err(format!("signature: unknown key `{key}`: it takes kinds, any, all, or outcome, reason"));
    }
    let of_reports = !(kinds.is_empty() && any.is_empty() && all.is_empty());
    match outcome {
        Some(_) if of_reports => Err("signature: outcome goes with reason only; write two signatures".to_owned()),
        Some(outcome) if !OUTCOMES.contains(&outcome.as_str()) => {
            Err(format!("signature: outcome = {outcome:?} is none of {}", OUTCOMES.join(", ")))
        }
        Some(outcome) => {
            let reason = reason.map(|text| glob("reason", &text)).transpose()?;
            Ok(Signature::Outcome { outcome, reason })
        }
        None if reason.is_some() => Err("signature: reason goes with outcome".to_owned()),
        None if !of_reports => Err("signature: would fit every complaint: say kinds, any or all".to_owned()),
        None => Ok(Signature::Report { kinds, any, all }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        "id = \"a\"\ntitle = \"t\"\naffected = [\"*\"]\ntests = [\"*\"]\nsignature = { kinds = [\"GPF\"] }\n";

    fn refused(text: &str) -> String {
        List::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn the_shipped_list_is_sound() {
        assert!(List::parse(SHIPPED).unwrap().issues().len() >= 6);
    }

    #[test]
    fn keys_and_values_that_are_none_are_named_with_their_line() {
        let two = |more: &str| {
            format!("# a comment\n[[issue]]\n{ENTRY}\n[[issue]]\n{}{more}", ENTRY.replace("\"a\"", "\"b\""))
        };
        assert_eq!(List::parse(&two("")).unwrap().issues().len(), 2);
        for (more, words) in [
            ("fixed = \"3.8\"\n", &["line 15", "unknown field `fixed`", "`fixed-in`"][..]),
            ("shows = \"often\"\n", &["line 15", "often"]),
            ("expires = 12:00:00\n", &["line 9", "\"b\"", "no day"]),
            ("fixed-in = \"soon\"\n", &["line 9", "no version of Linux"]),
        ] {
            let error = refused(&two(more));
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        for (key, value, words) in [
            ("signature", "{ kind = [\"GPF\"] }", &["unknown key `kind`", "kinds"][..]),
            ("signature", "{}", &["every complaint"]),
            ("signature", "{ kinds = \"GPF\" }", &["no list"]),
            ("signature", "{ outcome = \"crash\" }", &["none of fail, hang"]),
            ("signature", "{ outcome = \"fail\", any = [\"f\"] }", &["two signatures"]),
            ("signature", "{ reason = \"*\" }", &["goes with outcome"]),
            ("affected", "[]", &["affected is empty"]),
            ("affected", "[\"3.8\"]", &["write >="]),
            ("affected", "[{ flavour = \"debian\" }]", &["flavour = \"debian\", range"]),
            ("tests", "[\"[\"]", &["no pattern"]),
            ("tests", "[]", &["tests is empty"]),
            ("title", "\" \"", &["title is empty"]),
        ] {
            let entry: String = ENTRY
                .lines()
                .map(|line| if line.starts_with(key) { format!("{key} = {value}\n") } else { format!("{line}\n") })
                .collect();
            let error = refused(&format!("[[issue]]\n{entry}"));
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        assert!(
            refused(&format!("[[issue]]\n{ENTRY}[[issue]]\n{ENTRY}"))
                .contains("line 7, [[issue]] \"a\": there is another")
        );
    }
}
