//! The search: a line of kernels, the oldest first, of which somewhere the old behaviour ends and the new one begins.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What a kernel of the line has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// As the oldest of the line is said to behave.
    Old,
    /// As the youngest of the line is said to behave.
    New,
    /// Nothing can be said of it.
    Skipped,
}

/// What is made of the claim that the first of the line is old and the last new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// An end is tried where the result rests on it: a pair of neighbours that were both tried needs no end.
    Lazy,
    /// Both are tried before all else.
    First,
    /// Neither is tried.
    Trusted,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this kernel.
    Try(usize),
    /// The change is found.
    Found(Found),
    /// There is no change to be found here.
    Wrong(Wrong),
}

/// Where the change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The last old one.
    pub last_old: usize,
    /// The first that is known to be new.
    pub first_new: usize,
    /// Those between them, of which nothing can be said: each may be the first new one.
    pub unjudged: Vec<usize>,
    /// Ends that were taken on trust, of those two.
    pub trusted: Vec<usize>,
    /// Kernels that are old although they come after a new one: the change was taken back, or came several times.
    pub disorder: Vec<usize>,
}

/// Why there is no change to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// An end is not what it was said to be.
    End(usize),
    /// The result rests on this end, and nothing can be said of it.
    EndUnjudged(usize),
}

/// A line of kernels and what is known of each.
#[derive(Clone, Debug)]
pub struct Search {
    marks: Vec<Option<Mark>>,
    ends: Ends,
}

impl Search {
    /// A line of so many kernels, its ends included; `None` if it has not two.
    #[must_use]
    pub fn new(length: usize, ends: Ends) -> Option<Self> {
        (length >= 2).then(|| Self { marks: vec![None; length], ends })
    }

    /// Notes what a kernel has shown. One that is not of the line changes nothing.
    pub fn mark(&mut self, index: usize, mark: Mark) {
        if let Some(place) = self.marks.get_mut(index) {
            *place = Some(mark);
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let last = self.marks.len() - 1;
        for (end, other) in [(0, Mark::New), (last, Mark::Old)] {
            if self.marks[end] == Some(other) {
                return Next::Wrong(Wrong::End(end));
            }
            if self.ends == Ends::First && self.marks[end].is_none() {
                return Next::Try(end);
            }
        }
        let (old, new) = self.bounds();
        let open: Vec<usize> = (old + 1..new).filter(|i| self.marks[*i].is_none()).collect();
        if !open.is_empty() {
            return Next::Try(self.choose(&open, old, new));
        }
        let mut trusted = Vec::new();
        for end in [old, new] {
            match self.marks[end] {
                Some(Mark::Old | Mark::New) => {}
                _ if self.ends == Ends::Trusted => trusted.push(end),
                None => return Next::Try(end),
                Some(Mark::Skipped) => return Next::Wrong(Wrong::EndUnjudged(end)),
            }
        }
        let disorder = (new..=last).filter(|i| self.marks[*i] == Some(Mark::Old)).collect();
        Next::Found(Found { last_old: old, first_new: new, unjudged: (old + 1..new).collect(), trusted, disorder })
    }

    /// The most kernels that may still have to be tried if each of them can be judged.
    #[must_use]
    pub fn most_left(&self) -> u32 {
        let (old, new) = self.bounds();
        let open = (old + 1..new).filter(|i| self.marks[*i].is_none()).count();
        let unsure = [old, new].iter().filter(|end| self.marks[**end].is_none()).count();
        let ends = match self.ends {
            Ends::Trusted => 0,
            // Only where there is nothing between do both count: else one of the two is found on the way.
            Ends::Lazy => unsure.min(if open == 0 { 2 } else { 1 }),
            Ends::First => unsure,
        };
        halvings(open) + u32::try_from(ends).unwrap_or(2)
    }

    /// The first new one, and the last old one before it.
    fn bounds(&self) -> (usize, usize) {
        let last = self.marks.len() - 1;
        let new = self.marks.iter().position(|mark| *mark == Some(Mark::New)).filter(|at| *at > 0).unwrap_or(last);
        let old = (0..new).rev().find(|i| self.marks[*i] == Some(Mark::Old)).unwrap_or(0);
        (old, new)
    }

    /// The middle of those that are open. One that was skipped may be alone in that, and its neighbour is as good; of
    /// two side by side the next is likely no better, and the search goes to the middle of the longest stretch of which
    /// nothing is known.
    fn choose(&self, open: &[usize], old: usize, new: usize) -> usize {
        let middle = open[open.len() / 2];
        let skipped = |i: usize| old < i && i < new && self.marks[i] == Some(Mark::Skipped);
        let bad_company =
            (middle >= 2 && skipped(middle - 1) && skipped(middle - 2)) || (skipped(middle + 1) && skipped(middle + 2));
        if !bad_company {
            return middle;
        }
        let mut stretches: VecDeque<(usize, usize)> = VecDeque::new();
        for at in open {
            match stretches.back_mut() {
                Some((_, end)) if *end + 1 == *at => *end = *at,
                _ => stretches.push_back((*at, *at)),
            }
        }
        let longest = stretches.into_iter().max_by_key(|(start, end)| end - start);
        longest.map_or(middle, |(start, end)| start + (end - start).div_ceil(2))
    }
}

/// The most kernels of a line that have to be tried if each can be judged, one end included.
#[must_use]
pub fn most_steps(length: usize) -> u32 {
    if length <= 2 { 2 } else { halvings(length - 2) + 1 }
}

/// How often a number of kernels is halved till none is left.
fn halvings(open: usize) -> u32 {
    usize::BITS - open.leading_zeros()
}

#[cfg(test)]
mod tests;
