//! What the changelog of a package says between two kernels, and which of its items could explain a difference.

use std::collections::{BTreeMap, BTreeSet};

use kernrig_catalog::by_name;
use serde::Serialize;

use crate::{Change, Difference, Kind, State};

/// Items said of one difference.
const MOST_ITEMS: usize = 3;
/// A word that more items have says nothing.
const COMMON: usize = 40;
/// A word that no more items have is a hint by itself.
const RARE: usize = 2;
/// Letters of an item that are said.
const WIDEST: usize = 160;
/// Words of test names that say nothing of what is tested.
const PLAIN: &[&str] = &[
    "after", "another", "back", "before", "below", "between", "cannot", "comes", "default", "does", "each", "every",
    "first", "free", "from", "full", "gives", "goes", "have", "holds", "idle", "init", "inside", "into", "itself",
    "keeps", "large", "last", "leads", "leaves", "long", "loop", "lost", "made", "makes", "many", "more", "moved",
    "moves", "name", "named", "needs", "none", "number", "once", "only", "other", "outside", "over", "reading",
    "reads", "refused", "refuses", "right", "room", "same", "shared", "shows", "size", "small", "stays", "such",
    "takes", "tells", "that", "them", "there", "time", "times", "told", "under", "until", "wait", "waiting", "waits",
    "what", "when", "where", "which", "while", "with", "without", "writes", "writing", "wrong",
];

/// What lies between the versions of two packages of one source, by the changelog of the younger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changelog {
    /// The older version.
    pub from: String,
    /// The younger one, whose changelog this is.
    pub to: String,
    /// The candidate is the older one: it lacks all this.
    pub backwards: bool,
    /// Versions between them, the youngest first.
    pub versions: Vec<String>,
    /// Changes by version, each in one line.
    #[serde(skip)]
    pub items: Vec<(String, String)>,
}

impl Changelog {
    /// Of entries: a version, and its lines as they stand in the changelog.
    #[must_use]
    pub fn new<'a>(from: &str, to: &str, entries: impl IntoIterator<Item = (&'a str, &'a [String])>) -> Self {
        let mut log = Self { from: from.to_owned(), to: to.to_owned(), ..Self::default() };
        for (version, lines) in entries {
            log.versions.push(version.to_owned());
            let mut of_item = false;
            // The first line is the heading.
            for line in lines.iter().skip(1).map(|line| line.trim()) {
                let bullet = ["* ", "- ", "+ "].iter().find_map(|bullet| line.strip_prefix(bullet));
                match (bullet, log.items.last_mut()) {
                    (Some(text), _) => log.items.push((version.to_owned(), text.trim().to_owned())),
                    _ if line.is_empty() || line.starts_with("-- ") || line.starts_with('[') && line.ends_with(']') => {
                    }
                    (None, Some((_, item))) if of_item => {
                        item.push(' ');
                        item.push_str(line);
                    }
                    (None, _) => {}
                }
                of_item = !line.is_empty() && (bullet.is_some() || of_item);
            }
        }
        log
    }

    /// Whether a difference is one that a change in the kernel may have made, rather than its age alone.
    #[must_use]
    pub fn may_explain(difference: &Difference) -> bool {
        let change = difference.change;
        change.is_regression() || matches!(change, Change::Flaky | Change::Fixed | Change::NewlyKnown)
    }

    /// Items that could explain a difference, those that have its rarest words first.
    #[must_use]
    pub fn of(&self, difference: &Difference) -> Vec<String> {
        if !Self::may_explain(difference) {
            return Vec::new();
        }
        let wanted = words_of(difference);
        let mut having: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, (_, item)) in self.items.iter().enumerate() {
            let item = item.to_lowercase();
            let has = |word: &&String| words(&item).any(|other| other.starts_with(word.as_str()));
            wanted.iter().filter(has).for_each(|word| having.entry(word).or_default().push(at));
        }
        // Weight and words of each item. One plain word that others have too is no hint: two are, or a name.
        let mut hits: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (word, items) in having.iter().filter(|(_, items)| items.len() <= COMMON) {
            let tells = word.contains(['_', '-']) || items.len() <= RARE;
            for at in items {
                let (weight, words) = hits.entry(*at).or_default();
                *weight += COMMON.div_ceil(items.len());
                *words += if tells { 2 } else { 1 };
            }
        }
        let telling = hits.into_iter().filter(|(_, (_, words))| *words >= 2);
        let mut hits: Vec<_> = telling.map(|(at, (weight, _))| (at, weight)).collect();
        let best = hits.iter().map(|(_, weight)| *weight).max().unwrap_or(0);
        hits.retain(|(_, weight)| *weight * 3 >= best);
        hits.sort_by_key(|(at, weight)| (std::cmp::Reverse(*weight), *at));
        let how = if self.backwards { "not yet in it, changelog" } else { "changelog" };
        let said = |(at, _): (usize, usize)| self.items.get(at).map(|(v, text)| format!("{how} {v}: {}", short(text)));
        hits.into_iter().take(MOST_ITEMS).filter_map(said).collect()
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        text.to_owned()
    } else {
        text.chars().take(WIDEST - 1).chain(['…']).collect()
    }
}

/// Words as identifiers are made of.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').flat_map(|word| {
        // `do_change_type` as it is, and in its parts; `CVE-2025-38498` only as it is.
        let parts = word.split(['_', '-']).filter(move |part| part.len() < word.len() && !word.starts_with("cve-"));
        std::iter::once(word).chain(parts)
    })
}

/// Words that an item which explains the difference may have: of the test's name, of what it needs, of what was seen, and
/// the numbers of vulnerabilities that are spoken of already.
fn words_of(difference: &Difference) -> BTreeSet<String> {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    // `bug::zap_pid_ns::…`: a part may be the beginning of a function's name.
    let parts = || difference.test.split("::");
    let name = parts().flat_map(|part| part.split('_')).chain(parts().filter(|part| part.contains('_')));
    wanted.extend(name.filter(|word| word.len() >= 4).map(str::to_lowercase));
    if difference.now.as_ref().is_some_and(|now| now.kind == Kind::Skip) {
        // It was not run: not what it tests has changed, but what it asks for.
        wanted.clear();
    } else if let Some(test) = by_name(&difference.test) {
        wanted.extend(test.needs.modules.iter().map(|module| (*module).to_lowercase()));
    }
    let bad = [&difference.was, &difference.now].into_iter().flatten();
    for State { why, signature, .. } in bad {
        // Functions of the kernel and system calls, not prose.
        let spoken = signature.split_whitespace().chain(why.split_whitespace());
        let name = |word: &str| {
            let (name, called) = word.split_once('(').map_or((word, false), |(name, _)| (name, true));
            let name = name.split('+').next().unwrap_or(name).trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let option = name.starts_with("CONFIG_");
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = name.strip_prefix("CONFIG_").unwrap_or(name);
            (plain && name.len() >= 5 && (called || option || name.contains('_'))).then(|| name.to_lowercase())
        };
        wanted.extend(spoken.filter_map(name));
    }
    for text in &difference.because {
        let text = text.to_lowercase();
        wanted.extend(words(&text).filter(|word| word.starts_with("cve-") && word.len() > 8).map(str::to_owned));
    }
    wanted.retain(|word| !PLAIN.contains(&word.as_str()));
    wanted
}
