//! What is wrong with a list although it can be read: entries that cannot mean what they say.

use kernrig_kernels::KernelVersion;

use crate::affected::{Affected, Range, branch, upstream_of};
use crate::facts::FLAVOURS;
use crate::issue::Signature;
use crate::{Date, Issue, List};

/// How alike a name has to be to be told, from 0 to 1.
const ALIKE: f64 = 0.75;

/// The last release of each series of Linux, and of 7 the last that is known here.
const SERIES: &[(u32, u32)] = &[(3, 19), (4, 20), (5, 19), (6, 19), (7, 3)];

/// What entries may speak of.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// Names of all tests.
    pub tests: Vec<&'a str>,
    /// Which of them is the boot of the VM.
    pub boot: &'a str,
    /// Names of all variants.
    pub variants: Vec<&'a str>,
    /// Every kind of report there is.
    pub kinds: Vec<&'a str>,
    /// The day.
    pub today: Date,
}

/// Something wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The entry's id.
    pub issue: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// Looks for what cannot be meant.
#[must_use]
pub fn check(list: &List, around: &Surroundings<'_>) -> Vec<Finding> {
    let releases = releases();
    let mut findings = Vec::new();
    for (at, issue) in list.issues().iter().enumerate() {
        let mut say = |what: String| findings.push(Finding { issue: issue.id.clone(), what });
        ranges(&issue.affected, &releases, &mut say);
        names("tests", issue.tests.texts(), &issue.tests, &around.tests, &mut say);
        names("variants", issue.variants.texts(), &issue.variants, &around.variants, &mut say);
        issue.signatures.iter().for_each(|signature| sight(signature, around, &mut say));
        let own = |boot: bool| around.tests.iter().any(|test| issue.tests.fit(test) && (*test == around.boot) == boot);
        issue.signatures.iter().for_each(|signature| outcome(signature, around.boot, own, &mut say));
        for (key, lacking) in [("fix", issue.fix.is_empty()), ("reason", issue.reason.trim().is_empty())] {
            if lacking {
                say(format!("{key} is missing: without it nobody knows when the entry may go"));
            }
        }
        if issue.has_expired(around.today) {
            let day = issue.expires.map_or_else(String::new, |day| day.to_string());
            say(format!(
                "expired on {day}: what it explained fails again; look at it anew, then move the day or remove it"
            ));
        }
        for other in list.issues().iter().skip(at + 1).filter(|other| both_claim(issue, other, around, &releases)) {
            say(format!("{} could claim the same complaint: give them ranges, tests or signatures apart", other.id));
        }
    }
    findings
}

/// The first releases of Linux since 2.6.19, before which there were no namespaces to speak of.
fn releases() -> Vec<KernelVersion> {
    let old = (19..=39).map(|n| format!("2.6.{n}"));
    let new = SERIES.iter().flat_map(|(major, last)| (0..=*last).map(move |n| format!("{major}.{n}")));
    old.chain(new).filter_map(|text| KernelVersion::parse(&text)).collect()
}

/// Versions to look for one that is in a range: every first release, and stable ones at the ends of ranges.
fn candidates<'a>(of: impl IntoIterator<Item = &'a Affected>, releases: &[KernelVersion]) -> Vec<KernelVersion> {
    let mut all = releases.to_vec();
    for affected in of {
        for end in affected
            .upstream
            .iter()
            .flat_map(|range| range.ends())
            .chain(affected.packages.iter().flat_map(|(_, range)| range.ends()))
        {
            let Some(end) = KernelVersion::parse(end) else { continue };
            let (line, patch) = branch(&end);
            if releases.iter().any(|release| branch(release).0 == line) {
                let [major, minor, third] = line;
                let name = if major == 2 { format!("2.{minor}.{third}") } else { format!("{major}.{minor}") };
                let near = [patch.saturating_sub(1), patch, patch + 1].map(|patch| format!("{name}.{patch}"));
                all.extend(near.iter().filter_map(|text| KernelVersion::parse(text)));
            }
        }
    }
    all
}

/// Package versions at the ends of a range, just before them and just after.
fn around_ends(range: &Range) -> Vec<String> {
    range.ends().flat_map(|end| [end.to_owned(), format!("{end}~"), format!("{end}+")]).collect()
}

fn ranges(affected: &Affected, releases: &[KernelVersion], say: &mut impl FnMut(String)) {
    let all = candidates([affected], releases);
    for range in &affected.upstream {
        if !all.iter().any(|version| range.has_upstream(version)) {
            say(format!("the range `{}` matches no kernel that there is", range.text));
        } else if !all.iter().any(|v| range.has_upstream(v) && affected.covers_upstream(v)) {
            say(format!("the range `{}` matches no kernel that lacks the fix: see fixed-in", range.text));
        }
    }
    for (flavour, range) in &affected.packages {
        if !FLAVOURS.contains(&flavour.as_str()) {
            say(format!("flavour `{flavour}` is none of {}{}", FLAVOURS.join(", "), near(flavour, FLAVOURS)));
        }
        let there_is = |version: &String| {
            upstream_of(version).is_some_and(|of| releases.iter().any(|release| branch(release).0 == branch(&of).0))
        };
        let versions =
            all.iter().map(|version| format!("{version}-1")).chain(around_ends(range).into_iter().filter(there_is));
        if !versions.into_iter().any(|version| range.has_package(&version)) {
            say(format!("the range `{}` matches no package of {flavour}", range.text));
        }
    }
}

fn names<'a>(
    key: &str,
    texts: impl Iterator<Item = &'a str>,
    patterns: &crate::issue::Patterns,
    known: &[&str],
    say: &mut impl FnMut(String),
) {
    for (text, glob) in texts.zip(&patterns.0) {
        if known.iter().any(|name| glob.is_match(name)) {
            continue;
        }
        let cuts =
            |name: &&str| name.match_indices("::").map(|(at, _)| format!("{}::*", &name[..at])).collect::<Vec<_>>();
        let groups: Vec<String> = known.iter().flat_map(cuts).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let like = if text.contains('*') && !groups.is_empty() { groups.as_slice() } else { known };
        say(format!("{key}: `{text}` matches none{}", near(text, like)));
    }
}

fn sight(signature: &Signature, around: &Surroundings<'_>, say: &mut impl FnMut(String)) {
    let Signature::Report { kinds, any, all } = signature else { return };
    for kind in kinds.iter().filter(|kind| !around.kinds.contains(&kind.as_str())) {
        say(format!("signature: no complaint is of the kind `{kind}`{}", near(kind, &around.kinds)));
    }
    for name in any.iter().chain(all) {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !plain || name.is_empty() {
            say(format!(
                "signature: `{name}` is no function as reports name them: without offset, address, `.isra.0` or `.part.1`"
            ));
        }
    }
}

/// Outcomes that none of the entry's tests can have; `has` says whether the boot, or another, is among these.
fn outcome(signature: &Signature, boot: &str, has: impl Fn(bool) -> bool, say: &mut impl FnMut(String)) {
    let Signature::Outcome { outcome, reason } = signature else { return };
    let of_boot = outcome == "boot-failure";
    if !has(of_boot) && has(!of_boot) {
        let whose = if of_boot { format!("only {boot} has it") } else { format!("{boot} does not have it") };
        say(format!("signature: none of its tests ends as {outcome}: {whose}"));
    }
    if reason.as_ref().is_some_and(|glob| glob.glob().glob().trim().is_empty()) {
        say("signature: reason is empty, and no line of a verdict is: leave it out, or write \"*\"".to_owned());
    }
}

/// Names that look like it, as the end of a sentence.
fn near(given: &str, known: &[&str]) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase());
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.filter(|name| likeness(name) >= ALIKE).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Whether two entries could both be what one complaint is laid to.
fn both_claim(a: &Issue, b: &Issue, around: &Surroundings<'_>, releases: &[KernelVersion]) -> bool {
    let shared = |names: &[&str], a: &crate::issue::Patterns, b: &crate::issue::Patterns| {
        names.iter().any(|name| a.fit(name) && b.fit(name))
    };
    let versions = candidates([&a.affected, &b.affected], releases);
    let both = [&a.affected, &b.affected];
    let ends: Vec<String> =
        both.iter().flat_map(|affected| &affected.packages).flat_map(|(_, r)| around_ends(r)).collect();
    // An entry that says nothing of a distribution holds for its packages too, by the release that they are of.
    let packages = FLAVOURS.iter().any(|flavour| {
        let mut all = versions.iter().map(|version| format!("{version}-1")).chain(ends.iter().cloned());
        all.any(|version| both.iter().all(|affected| affected.covers_package(flavour, &version)))
    });
    shared(&around.tests, &a.tests, &b.tests)
        && shared(&around.variants, &a.variants, &b.variants)
        && (packages || versions.iter().any(|v| a.affected.covers_upstream(v) && b.affected.covers_upstream(v)))
        && a.signatures.iter().any(|one| b.signatures.iter().any(|other| alike(one, other)))
}

/// Whether two signatures are likely to fit one thing: of one kind, and with a function in common if both name some.
fn alike(a: &Signature, b: &Signature) -> bool {
    match (a, b) {
        (Signature::Report { kinds, any, all }, Signature::Report { kinds: kinds_b, any: any_b, all: all_b }) => {
            let share = |a: &[String], b: &[String]| a.is_empty() || b.is_empty() || a.iter().any(|x| b.contains(x));
            share(kinds, kinds_b) && share(&[any.as_slice(), all].concat(), &[any_b.as_slice(), all_b].concat())
        }
        (Signature::Outcome { outcome, reason }, Signature::Outcome { outcome: outcome_b, reason: reason_b }) => {
            let text = |glob: &Option<globset::GlobMatcher>| glob.as_ref().map(|glob| glob.glob().glob().to_owned());
            let apart = matches!((text(reason), text(reason_b)), (Some(a), Some(b)) if a != b);
            outcome == outcome_b && !apart
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(entries: &str) -> Vec<String> {
        let around = Surroundings {
            tests: vec!["ns::pid::init", "ns::uts::name", "vm::boot"],
            boot: "vm::boot",
            variants: vec!["default", "smp4"],
            kinds: kernrig_klog::kinds().into_iter().collect(),
            today: Date::new(2026, 6, 1),
        };
        let said = check(&List::parse(entries).unwrap(), &around);
        said.into_iter().map(|finding| format!("{}: {}", finding.issue, finding.what)).collect()
    }

    fn entry(id: &str, changes: &[(&str, &str)]) -> String {
        let mut keys = vec![
            ("title", "\"t\""),
            ("affected", "[\">=3.0, <3.8\"]"),
            ("tests", "[\"ns::pid::*\"]"),
            ("signature", "{ kinds = [\"GPF\"], any = [\"f\"] }"),
            ("fix", "\"0123456789ab\""),
            ("reason", "\"r\""),
        ];
        keys.retain(|(key, _)| !changes.iter().any(|(changed, _)| changed == key));
        keys.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let lines: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        format!("[[issue]]\nid = \"{id}\"\n{lines}\n")
    }

    #[test]
    fn what_is_sound_passes() {
        assert_eq!(found(&entry("a", &[])), [""; 0]);
        for sound in [
            "[\">=6.1.50, <6.1.98\"]",
            "[\"*\"]",
            "[{ flavour = \"debian\", range = \">=5.10.3-1, <5.10.3-4\" }]",
            "[\"=6.1.192\"]",
        ] {
            assert_eq!(found(&entry("a", &[("affected", sound)])), [""; 0], "{sound}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (changes, words) in [
            (&[("affected", "[\">=3.8, <3.2\"]")][..], "the range `>=3.8, <3.2` matches no kernel"),
            (&[("affected", "[\">=3.99\", \"<2.6.0\"]")], "the range `<2.6.0` matches no kernel"),
            (&[("affected", "[\">=3.9, <3.12\"]"), ("fixed-in", "\"3.8\"")], "no kernel that lacks the fix"),
            (&[("affected", "[{ flavour = \"debain\", range = \"<3.8-1\" }]")], "did you mean debian?"),
            (
                &[("affected", "[{ flavour = \"debian\", range = \">=3.8-1, <3.2-1\" }]")],
                "matches no package of debian",
            ),
            (&[("tests", "[\"ns::pdi::*\"]")], "`ns::pdi::*` matches none; did you mean ns::pid::*?"),
            (&[("variants", "[\"smp8\"]")], "did you mean smp4?"),
            (&[("signature", "{ kinds = [\"gpf\"] }")], "kind `gpf`; did you mean GPF?"),
            (&[("signature", "{ any = [\"f.isra.0\"] }")], "`f.isra.0` is no function"),
            (&[("signature", "{ all = [\"f+0x1/0x2\"] }")], "is no function"),
            (&[("signature", "{ outcome = \"boot-failure\" }")], "ends as boot-failure: only vm::boot has it"),
            (
                &[("tests", "[\"vm::boot\"]"), ("signature", "{ outcome = \"hang\" }")],
                "ends as hang: vm::boot does not have it",
            ),
            (&[("signature", "{ outcome = \"fail\", reason = \"\" }")], "reason is empty"),
            (&[("affected", "[{ flavour = \"debian\", range = \">=99-1\" }]")], "matches no package of debian"),
            (&[("fix", "")], "fix is missing"),
            (&[("reason", "\" \"")], "reason is missing"),
            (&[("expires", "2026-05-31")], "expired on 2026-05-31"),
        ] {
            let said = found(&entry("a", changes));
            assert!(said.iter().any(|line| line.contains(words)), "{changes:?}: {said:?}");
        }
        assert_eq!(found(&entry("a", &[("expires", "2026-06-01")])), [""; 0], "the last day");
    }

    #[test]
    fn two_entries_that_could_claim_one_complaint_are_named() {
        let pair = |changes: &[(&str, &str)]| found(&(entry("a", &[]) + &entry("b", changes)));
        assert!(pair(&[])[0].starts_with("a: b could claim the same"), "{:?}", pair(&[]));
        assert_eq!(pair(&[("signature", "{ any = [\"f\"] }")]).len(), 1, "any kind");
        for apart in [
            ("affected", "[\">=3.8\"]"),
            ("tests", "[\"ns::uts::*\"]"),
            ("signature", "{ kinds = [\"BUG\"], any = [\"f\"] }"),
            ("signature", "{ kinds = [\"GPF\"], all = [\"g\"] }"),
            ("signature", "{ outcome = \"fail\" }"),
        ] {
            assert_eq!(pair(&[apart]), [""; 0], "{apart:?}");
        }
        assert_eq!(pair(&[("affected", "[\">=3.7.5, <3.9\"]")]).len(), 1, "they meet in stable releases of 3.7");
        for (package, meet) in [(">=3.7.2-1, <3.7.4-1", 1), (">=3.8.3-1, <3.9-1", 0)] {
            let affected = format!("[{{ flavour = \"debian\", range = \"{package}\" }}]");
            assert_eq!(pair(&[("affected", &affected)]).len(), meet, "a range of releases holds for {package} too");
        }
    }
}
