//! What to try next, given what was seen: up the ladder until it shows, down again to the least that shows it, then
//! often enough to say how often. Pure: no clock, no VM.

use std::collections::BTreeMap;

use kernrig_catalog::Param;
use serde::Serialize;

use super::knobs::{Knobs, SEED};

/// What a try showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// What was looked for.
    It,
    /// Another fault, in a line.
    Other(String),
    /// Nothing.
    Nothing,
    /// There was no try: the kernel did not come up, or kernrig could not do its job.
    Void(String),
}

/// What was seen at some knobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// The knobs.
    pub(crate) knobs: Knobs,
    /// Tries that ran.
    pub(crate) tries: u32,
    /// How many of them showed it.
    pub(crate) shown: u32,
    /// Other faults that showed instead, each in a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) other: Vec<String>,
    /// Why nothing more is tried here, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) void: Option<String>,
}

/// What each test declares, by its name.
pub(crate) type Declared = BTreeMap<String, &'static [Param]>;

/// How far a hunt goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most tries in all.
    pub(crate) tries: Option<u32>,
    /// Tries at the knobs that are reported.
    pub(crate) measure: u32,
    /// Whether to look for smaller knobs.
    pub(crate) minimise: bool,
}

/// A hunt on one kernel.
#[derive(Debug)]
pub(crate) struct Hunt {
    ladder: Vec<Knobs>,
    params: Declared,
    limits: Limits,
    tallies: Vec<Tally>,
    rung: usize,
    round: u64,
    best: Option<Knobs>,
    /// Smaller knobs than the best at which it did not show often enough.
    refused: Vec<Knobs>,
}

/// At each smaller setting: enough where it showed every time so far, and more where it came and went.
const TRIES_DOWN: u32 = 2;
const TRIES_DOWN_UNSURE: u32 = 4;

impl Hunt {
    /// A hunt that has not begun; `params` are what a test declares.
    pub(crate) fn new(ladder: Vec<Knobs>, params: Declared, limits: Limits) -> Self {
        let (tallies, refused) = (Vec::new(), Vec::new());
        Self { ladder, params, limits, tallies, rung: 0, round: 0, best: None, refused }
    }

    /// The knobs of the next tries and how many of them side by side, at most `at_once`; `None` when all is said.
    pub(crate) fn next(&mut self, at_once: u32) -> Option<(Knobs, u32)> {
        let left = self.limits.tries.map_or(u32::MAX, |tries| tries.saturating_sub(self.tries()));
        let (knobs, wanted) = match self.best.clone() {
            None => (self.climb()?, u32::MAX),
            Some(best) => self.descend(&best)?,
        };
        let times = wanted.min(at_once.max(1)).min(left);
        (times > 0).then_some((knobs, times))
    }

    /// The next rung that can be tried: from the top it goes on at the bottom, with other seeds.
    fn climb(&mut self) -> Option<Knobs> {
        for _ in 0..self.ladder.len() {
            if self.rung == self.ladder.len() {
                (self.rung, self.round) = (0, self.round + 1);
            }
            let knobs = self.ladder[self.rung].clone();
            self.rung += 1;
            if self.tally(&knobs).is_none_or(|tally| tally.void.is_none()) {
                return Some(self.seeded(knobs));
            }
        }
        None
    }

    fn seeded(&self, knobs: Knobs) -> Knobs {
        let seed = self.declared(&knobs.test).iter().find(|param| param.name == SEED);
        match seed.filter(|_| self.round > 0 && !knobs.params.contains_key(SEED)) {
            Some(seed) => {
                let span = seed.max - seed.min;
                knobs.with(SEED, seed.min + seed.default.wrapping_add(self.round).wrapping_sub(seed.min) % span.max(1))
            }
            None => knobs,
        }
    }

    fn descend(&mut self, best: &Knobs) -> Option<(Knobs, u32)> {
        if self.limits.minimise {
            // What took more than one way up has been missed at these knobs too.
            let unsure = self.round > 0 || self.tally(best).is_some_and(|tally| tally.shown < tally.tries);
            let enough = if unsure { TRIES_DOWN_UNSURE } else { TRIES_DOWN };
            for knobs in best.smaller(self.declared(&best.test)) {
                let tried = self.tally(&knobs).map_or(0, |tally| tally.tries);
                if self.refused.contains(&knobs) || self.tally(&knobs).is_some_and(|tally| tally.void.is_some()) {
                    continue;
                }
                if tried < enough {
                    return Some((knobs, enough - tried));
                }
                self.refused.push(knobs);
            }
        }
        let tried = self.tally(best).map_or(0, |tally| tally.tries);
        (tried < self.limits.measure).then(|| (best.clone(), self.limits.measure - tried))
    }

    /// Takes in what a try showed.
    pub(crate) fn tell(&mut self, knobs: &Knobs, seen: Seen) {
        let index = self.tallies.iter().position(|tally| tally.knobs == *knobs).unwrap_or_else(|| {
            let (knobs, other) = (knobs.clone(), Vec::new());
            self.tallies.push(Tally { knobs, tries: 0, shown: 0, other, void: None });
            self.tallies.len() - 1
        });
        let tally = &mut self.tallies[index];
        match seen {
            Seen::Void(reason) => tally.void = Some(reason),
            Seen::Nothing => tally.tries += 1,
            Seen::Other(title) => {
                tally.tries += 1;
                tally.other.push(title);
            }
            Seen::It => {
                tally.tries += 1;
                tally.shown += 1;
                let smaller = |best: &Knobs| best == knobs || best.smaller(self.declared(&best.test)).contains(knobs);
                if self.best.as_ref().is_none_or(smaller) {
                    self.best = Some(knobs.clone());
                }
            }
        }
    }

    /// The smallest knobs at which it showed, with what was seen there; `None` while it has not shown.
    pub(crate) fn best(&self) -> Option<&Tally> {
        self.best.as_ref().and_then(|knobs| self.tally(knobs))
    }

    /// What was seen at each setting, in the order in which they were first tried.
    pub(crate) fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// Tries that ran.
    pub(crate) fn tries(&self) -> u32 {
        self.tallies.iter().map(|tally| tally.tries).sum()
    }

    fn declared(&self, test: &str) -> &'static [Param] {
        self.params.get(test).copied().unwrap_or_default()
    }

    fn tally(&self, knobs: &Knobs) -> Option<&Tally> {
        self.tallies.iter().find(|tally| tally.knobs == *knobs)
    }
}

#[cfg(test)]
mod tests {
    use kernrig_kernels::manifest::DEFAULT_VARIANT;

    use super::super::knobs::tests::PARAMS;
    use super::*;

    const LIMITS: Limits = Limits { tries: None, measure: 5, minimise: true };

    fn params() -> Declared {
        BTreeMap::from([("a::b".to_owned(), PARAMS)])
    }

    fn workers(count: u64) -> Knobs {
        let plain = Knobs::plain("a::b", DEFAULT_VARIANT);
        if count == 1 { plain } else { plain.with("workers", count) }
    }

    fn poisoned(count: u64) -> Knobs {
        Knobs { variant: "slub-debug".to_owned(), ..workers(count) }
    }

    /// Lets a hunt run against a kernel; gives the tries it made.
    fn run(hunt: &mut Hunt, most: usize, shows: impl Fn(&Knobs, usize) -> Seen) -> Vec<String> {
        let mut made = Vec::new();
        while made.len() < most
            && let Some((knobs, times)) = hunt.next(1)
        {
            assert_eq!(times, 1);
            hunt.tell(&knobs, shows(&knobs, made.len()));
            made.push(knobs.words());
        }
        made
    }

    #[test]
    fn up_until_it_shows_down_to_the_least_and_then_how_often() {
        let ladder = vec![workers(1), workers(16), poisoned(16)];
        let mut hunt = Hunt::new(ladder, params(), LIMITS);
        let shows = |k: &Knobs, _| match (k.variant.as_str(), k.params.get("workers")) {
            ("slub-debug", Some(4..)) => Seen::It,
            _ => Seen::Nothing,
        };
        let made = run(&mut hunt, 99, shows);
        assert_eq!(made[..3], ["a::b as it is", "a::b workers=16", "a::b workers=16, variant slub-debug"]);
        let best = hunt.best().unwrap();
        assert_eq!((&best.knobs, best.shown, best.tries), (&poisoned(4), 5, 5));
        assert_eq!(hunt.next(1), None, "all is said");
        assert!(made.len() < 20, "{made:#?}");
    }

    #[test]
    fn what_shows_at_once_is_only_counted() {
        let mut hunt = Hunt::new(vec![workers(1), poisoned(8)], params(), LIMITS);
        let made = run(&mut hunt, 99, |_, _| Seen::It);
        assert_eq!(made, vec!["a::b as it is"; 5]);
    }

    #[test]
    fn without_a_sighting_it_goes_round_with_other_seeds_until_the_tries_are_spent() {
        let mut hunt = Hunt::new(vec![workers(1), poisoned(1)], params(), Limits { tries: Some(5), ..LIMITS });
        let made = run(&mut hunt, 99, |_, _| Seen::Nothing);
        assert_eq!(
            made,
            [
                "a::b as it is",
                "a::b variant slub-debug",
                "a::b seed=2",
                "a::b seed=2, variant slub-debug",
                "a::b seed=3",
            ]
        );
        assert!(hunt.best().is_none());
        assert_eq!((hunt.tries(), hunt.next(4)), (5, None));
    }

    #[test]
    fn another_fault_is_no_sighting_and_is_kept() {
        let mut hunt = Hunt::new(vec![workers(1)], params(), Limits { tries: Some(3), ..LIMITS });
        run(&mut hunt, 99, |_, number| if number == 1 { Seen::Other("WARNING in x".into()) } else { Seen::Nothing });
        assert!(hunt.best().is_none());
        let other: Vec<_> = hunt.tallies().iter().flat_map(|tally| tally.other.clone()).collect();
        assert_eq!(other, ["WARNING in x"]);
        assert_eq!(hunt.tries(), 3);
    }

    #[test]
    fn what_cannot_be_tried_is_left_out_and_a_ladder_of_nothing_ends() {
        let mut hunt = Hunt::new(vec![poisoned(1), workers(1)], params(), Limits { tries: Some(3), ..LIMITS });
        let shows = |k: &Knobs, _| {
            if k.variant == DEFAULT_VARIANT { Seen::Nothing } else { Seen::Void("no boot".into()) }
        };
        let made = run(&mut hunt, 99, shows);
        assert_eq!(made[..2], ["a::b variant slub-debug", "a::b as it is"]);
        assert_eq!(hunt.tries(), 3);

        let mut hunt = Hunt::new(vec![workers(1), poisoned(1)], params(), LIMITS);
        assert_eq!(run(&mut hunt, 99, |_, _| Seen::Void("no boot".into())).len(), 2);
        assert_eq!(hunt.tries(), 0);
    }

    #[test]
    fn what_comes_and_goes_is_given_more_tries_on_the_way_down() {
        let mut hunt = Hunt::new(vec![workers(2)], params(), LIMITS);
        // Shows in every second try, and in the third of those with one worker.
        let made = run(&mut hunt, 99, |knobs, number| match knobs.params.get("workers") {
            Some(_) if number % 2 == 1 => Seen::It,
            None if number == 4 => Seen::It,
            _ => Seen::Nothing,
        });
        assert_eq!(hunt.best().unwrap().knobs, workers(1).with("seed", 2), "{made:#?}");
    }

    #[test]
    fn tries_side_by_side_are_of_the_same_knobs_and_no_more_than_are_left() {
        let mut hunt = Hunt::new(vec![workers(1)], params(), Limits { tries: Some(6), measure: 6, minimise: false });
        assert_eq!(hunt.next(4), Some((workers(1), 4)));
        (0..4).for_each(|_| hunt.tell(&workers(1), Seen::It));
        assert_eq!(hunt.next(4), Some((workers(1), 2)));
        (0..2).for_each(|_| hunt.tell(&workers(1), Seen::Nothing));
        assert_eq!(hunt.next(4), None);
        assert_eq!(hunt.best().map(|best| (best.shown, best.tries)), Some((4, 6)));
    }
}
