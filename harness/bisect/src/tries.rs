//! How often a kernel is tried before it is called good, and what its tries say together.

use serde::{Deserialize, Serialize};

/// More boots of one kernel than anybody waits for.
const MOST: u32 = 1000;

/// How often a kernel has to pass before it is called good: so often that, with a bug that shows in `rate` of the tries,
/// all of `kernels` that are called good are so with this confidence.
///
/// One sight of the bug is enough for bad, so that nothing is to be shared out there. `None` where that is more often than
/// anybody waits for.
#[must_use]
pub fn needed(rate: f64, confidence: f64, kernels: u32) -> Option<u32> {
    if rate >= 1.0 {
        return Some(1);
    }
    let wrong = (1.0 - confidence.clamp(0.0, 0.999_999)) / f64::from(kernels.max(1));
    let misses = 1.0 - rate.clamp(0.000_001, 1.0);
    let tries = (wrong.ln() / misses.ln()).ceil();
    (1..=MOST).find(|n| f64::from(*n) >= tries)
}

/// What one try has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", content = "what", rename_all = "kebab-case")]
pub enum Seen {
    /// All passed.
    Good,
    /// What was asked about, in a line.
    Bad(String),
    /// Neither, and why: it did not boot, the test was skipped, it was something else.
    Unjudged(String),
    /// kernrig could not do its job: the same kernel may be judged another time.
    Harness(String),
}

/// What a kernel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Passed as often as was asked for.
    Good,
    /// With what was seen.
    Bad(String),
    /// With the reason.
    Unjudged(String),
}

/// The tries of a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// In order.
    pub tries: Vec<Seen>,
}

impl Tally {
    /// What the kernel is; `None` as long as it has to be tried again.
    #[must_use]
    pub fn verdict(&self, needed: u32) -> Option<Verdict> {
        let mut passes = 0;
        for seen in &self.tries {
            match seen {
                Seen::Good => passes += 1,
                Seen::Bad(what) => return Some(Verdict::Bad(what.clone())),
                Seen::Unjudged(why) | Seen::Harness(why) if passes == 0 => return Some(Verdict::Unjudged(why.clone())),
                Seen::Unjudged(why) | Seen::Harness(why) => {
                    return Some(Verdict::Unjudged(format!("passed {passes} of {needed} times, then: {why}")));
                }
            }
        }
        (passes >= needed).then_some(Verdict::Good)
    }

    /// Whether it passed before it showed the bug: how often, of all tries.
    #[must_use]
    pub fn noise(&self) -> Option<(usize, usize)> {
        let bad = self.tries.iter().any(|seen| matches!(seen, Seen::Bad(_)));
        let passes = self.tries.iter().filter(|seen| **seen == Seen::Good).count();
        (bad && passes > 0).then_some((passes, self.tries.len()))
    }

    /// Whether another time may say more.
    #[must_use]
    pub fn is_passing_trouble(&self) -> bool {
        self.tries.iter().any(|seen| matches!(seen, Seen::Harness(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_bug_takes_more_passes_and_more_kernels_share_the_doubt() {
        assert_eq!(needed(1.0, 0.99, 6), Some(1));
        assert_eq!(needed(0.5, 0.99, 1), Some(7));
        assert_eq!(needed(0.5, 0.99, 4), Some(9));
        assert_eq!(needed(0.1, 0.95, 1), Some(29));
        assert_eq!(needed(0.0, 0.99, 1), None);
        assert_eq!(needed(0.001, 0.99, 1), None, "a thousand boots are not enough, and are not said to be");
        assert_eq!(needed(0.5, 1.0, 1), Some(20), "certainty is not to be had");
        for rate in [0.05, 0.3, 0.9] {
            for kernels in 1..8 {
                let tries = i32::try_from(needed(rate, 0.95, kernels).unwrap()).unwrap();
                let missed = (1.0 - rate).powi(tries);
                assert!(1.0 - (1.0 - missed).powi(kernels.try_into().unwrap()) <= 0.05, "{rate} {kernels}");
            }
        }
    }

    fn tally(tries: &[&str]) -> Tally {
        let seen = |text: &&str| match *text {
            "good" => Seen::Good,
            "bad" => Seen::Bad("fail".to_owned()),
            "harness" => Seen::Harness("no QEMU".to_owned()),
            why => Seen::Unjudged(why.to_owned()),
        };
        Tally { tries: tries.iter().map(seen).collect() }
    }

    #[test]
    fn one_sight_is_bad_and_only_enough_passes_are_good() {
        let bad = Some(Verdict::Bad("fail".to_owned()));
        assert_eq!(tally(&[]).verdict(1), None);
        assert_eq!(tally(&["good"]).verdict(1), Some(Verdict::Good));
        assert_eq!(tally(&["good", "good"]).verdict(3), None);
        assert_eq!(tally(&["good", "good", "bad"]).verdict(5), bad);
        assert_eq!(tally(&["bad"]).verdict(5), bad);
        assert_eq!(tally(&["no boot"]).verdict(5), Some(Verdict::Unjudged("no boot".to_owned())));
        let later = tally(&["good", "no boot"]).verdict(5);
        assert_eq!(later, Some(Verdict::Unjudged("passed 1 of 5 times, then: no boot".to_owned())));
    }

    #[test]
    fn a_bug_that_showed_after_passes_is_noisy() {
        assert_eq!(tally(&["good", "good", "bad"]).noise(), Some((2, 3)));
        assert_eq!(tally(&["bad"]).noise(), None);
        assert_eq!(tally(&["good", "good"]).noise(), None);
        assert!(tally(&["harness"]).is_passing_trouble() && !tally(&["no boot"]).is_passing_trouble());
    }
}
