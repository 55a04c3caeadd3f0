//! What a Release file says: names, dates, and the hashes of the indexes.

use std::collections::BTreeMap;

use super::deb822;

/// A Release file whose signature was found good.
#[derive(Clone, Debug, Default)]
pub(crate) struct Release {
    pub(crate) suite: String,
    pub(crate) codename: String,
    /// As written, and in seconds since 1970.
    pub(crate) date: Option<(String, u64)>,
    pub(crate) valid_until: Option<(String, u64)>,
    /// Path below the suite → SHA-256 and size.
    ///
    /// MD5 and SHA-1 are not read at all: archives have listed SHA-256 since 2007, before the oldest kernel here.
    pub(crate) files: BTreeMap<String, (String, u64)>,
    /// Whether indexes are to be had by their hash too.
    pub(crate) by_hash: bool,
}

impl Release {
    pub(crate) fn parse(text: &str) -> Self {
        let date = |name| {
            let text = deb822::line(text, name)?;
            Some((text.to_owned(), seconds(text)?))
        };
        let file = |line: &str| {
            let mut words = line.split_whitespace();
            let (sum, size, path) = (words.next()?, words.next()?, words.next()?);
            let whole = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            whole.then_some((path.to_owned(), (sum.to_ascii_lowercase(), size.parse().ok()?)))
        };
        let own = |name| deb822::line(text, name).unwrap_or_default().to_owned();
        let (_, lines) = deb822::field(text, "SHA256").unwrap_or_default();
        Self {
            suite: own("Suite"),
            codename: own("Codename"),
            date: date("Date"),
            valid_until: date("Valid-Until"),
            files: lines.into_iter().filter_map(file).collect(),
            by_hash: own("Acquire-By-Hash") == "yes",
        }
    }

    /// Whether this is the Release of the suite that was asked for, by apt's rule: `buster/updates` is Codename
    /// `buster`, `../project/experimental` is `experimental`.
    pub(crate) fn is_of(&self, suite: &str) -> bool {
        let suite = suite.strip_prefix("../project/").unwrap_or(suite);
        let short = suite.rsplit_once('/').map_or(suite, |(short, _)| short);
        [suite, short].iter().any(|name| *name == self.suite || *name == self.codename)
    }
}

/// Seconds since 1970 of `Sat, 11 Jul 2026 10:16:37 UTC`.
fn seconds(text: &str) -> Option<u64> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let words: Vec<&str> = text.split_whitespace().collect();
    let [day, month, year, time, zone] = words[..] else { return None };
    if !["UTC", "GMT", "Z", "+0000"].contains(&zone) {
        return None;
    }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|name| *name == month)? as i64 + 1;
    let (day, year): (i64, i64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<i64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = clock[..] else { return None };
    u64::try_from(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second).ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; years counted from March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// `20260711T101637Z`, as snapshots of archives name a time.
pub(crate) fn stamp(seconds: u64) -> String {
    let (days, clock) = ((seconds / 86_400).cast_signed(), seconds % 86_400);
    // The inverse of `days`, in eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", clock / 3_600, clock / 60 % 60, clock % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds() {
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 UTC"), Some(0));
        assert_eq!(seconds("Sat, 11 Jul 2026 10:16:37 UTC"), Some(1_783_764_997));
        assert_eq!(seconds("Sat,  5 Feb 2011 11:12:13 +0000"), Some(1_296_904_333));
        assert_eq!(seconds("Sat, 11 Jul 2026 10:16:37 CEST"), None);
        assert_eq!(seconds("soon"), None);
        assert_eq!(stamp(1_783_764_997), "20260711T101637Z");
        assert_eq!(stamp(951_782_400), "20000229T000000Z");
        assert_eq!(stamp(0), "19700101T000000Z");
    }

    #[test]
    fn a_release_is_of_its_suite() {
        let text = "Suite: oldstable\nCodename: buster\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nMD5Sum:\n x 1 a\nSHA256:\n \
                    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages\n short 1 b\n";
        let release = Release::parse(text);
        assert!(release.is_of("buster") && release.is_of("oldstable") && release.is_of("buster/updates"));
        assert!(!release.is_of("bullseye") && !release.is_of("buster-security"));
        assert_eq!(release.files.len(), 1);
        assert_eq!(release.files["main/binary-amd64/Packages"].1, 0);
        assert_eq!(release.valid_until, None);
    }
}
