//! Complaints that are known to be no failure, as a list with a reason each.

use globset::{Glob, GlobMatcher};
use kernrig_klog::{Benign, Report};
use serde::Deserialize;

/// The list that is compiled in.
pub const SHIPPED_BENIGN: &str = include_str!("../benign.toml");

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BenignError {
    /// It is no TOML, or has other keys.
    #[error("{0}")]
    Format(String),
    /// An entry says too little.
    #[error("[[benign]] number {number}: {what}")]
    Entry {
        /// Its place, from 1.
        number: usize,
        /// What is wrong.
        what: String,
    },
}

/// Complaints that are known to be no failure.
#[derive(Clone, Debug, Default)]
pub struct BenignList {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    signature: String,
    releases: Vec<GlobMatcher>,
    known: Benign,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    benign: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    signature: String,
    releases: Vec<String>,
    #[serde(default)]
    taint: String,
    reason: String,
}

impl BenignList {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no TOML of this form, or an entry has no signature, release or reason.
    pub fn parse(text: &str) -> Result<Self, BenignError> {
        let file: File = toml::from_str(text).map_err(|e| BenignError::Format(e.to_string()))?;
        let entries = file.benign.into_iter().enumerate();
        let entries = entries.map(|(at, row)| row.entry().map_err(|what| BenignError::Entry { number: at + 1, what }));
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The list that is compiled in.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED_BENIGN).unwrap_or_default()
    }

    /// Marks the reports that are on the list, for a kernel of this release.
    pub fn mark(&self, reports: &mut [Report], release: &str) {
        for report in reports {
            let known = self.entries.iter().find(|entry| entry.fits(&report.signature, release));
            report.benign = known.map(|entry| entry.known.clone());
        }
    }
}

impl Row {
    fn entry(self) -> Result<Entry, String> {
        if self.signature.split_once(':').is_none_or(|(kind, rest)| kind.is_empty() || rest.is_empty()) {
            return Err(format!(
                "signature = {:?} would fit too much: it is KIND:FRAME, as decode prints it",
                self.signature
            ));
        }
        if self.releases.is_empty() {
            return Err("releases is empty: say of which kernels it is known, [\"*\"] for all".to_owned());
        }
        if self.reason.trim().is_empty() {
            return Err("reason is empty: say why it is no failure".to_owned());
        }
        let globs = self.releases.iter().map(|glob| Ok(Glob::new(glob).map_err(|e| e.to_string())?.compile_matcher()));
        Ok(Entry {
            releases: globs.collect::<Result<_, String>>()?,
            signature: self.signature,
            known: Benign { reason: self.reason, taint: self.taint },
        })
    }
}

impl Entry {
    /// A signature fits if it begins so; a frame's name has to be whole.
    fn fits(&self, signature: &str, release: &str) -> bool {
        let rest = signature.strip_prefix(self.signature.as_str());
        let whole = self.signature.ends_with(|c: char| !(c.is_ascii_alphanumeric()))
            || rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
            || self.signature.contains(' ');
        rest.is_some() && whole && self.releases.iter().any(|glob| glob.is_match(release))
    }
}

#[cfg(test)]
mod tests {
    use kernrig_klog::parse;

    use super::{BenignList, SHIPPED_BENIGN};

    const WARNING: &str = "WARNING: at arch/x86/kernel/apic/apic.c:1305 setup_local_APIC+0x288/0x360()\nCall Trace:\n \
        [<ffffffff81015d88>] setup_local_APIC+0x288/0x360\n [<ffffffff81015e6e>] start_things+0xe/0x20\n";

    #[test]
    fn the_shipped_list_is_sound_and_marks_by_release() {
        let list = BenignList::parse(SHIPPED_BENIGN).unwrap();
        for (release, marked) in [("2.6.38", true), ("2.6.38-8-server", true), ("2.6.39", false)] {
            let mut reports = parse(WARNING);
            list.mark(&mut reports, release);
            assert_eq!(reports[0].benign.is_some(), marked, "{release}: {}", reports[0].signature);
        }
    }

    #[test]
    fn a_frame_fits_only_whole() {
        let mut reports = parse(&WARNING.replace("setup_local_APIC", "setup_local_APIC_timer"));
        BenignList::shipped().mark(&mut reports, "2.6.38");
        assert_eq!(reports[0].benign, None);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, word) in [
            ("[[benign]\n", "benign"),
            ("[[benign]]\nsignature = \"WARNING:f\"\nreleases = [\"*\"]\nreason = \"\"\n", "number 1: reason"),
            ("[[benign]]\nsignature = \"WARNING\"\nreleases = [\"*\"]\nreason = \"x\"\n", "number 1: signature"),
            ("[[benign]]\nsignature = \"WARNING:f\"\nreleases = []\nreason = \"x\"\n", "number 1: releases"),
            ("[[benign]]\nsignature = \"WARNING:f\"\nreleases = [\"*\"]\nreason = \"x\"\ntitle = \"y\"\n", "title"),
        ] {
            let error = BenignList::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
