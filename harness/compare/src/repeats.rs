//! What repeats of a cell make of a difference: only what shows each time is one.

use crate::{Change, Difference, Kind, State};

/// Whether a difference is one that could be chance: verdicts of tests that ran, not plans.
#[must_use]
pub fn wants_repeats(difference: &Difference) -> bool {
    let chance = matches!(difference.change, Change::NewFailure | Change::NewSignature | Change::Fixed);
    chance && difference.test != "vm::end"
}

/// Holds a difference against what came of its repeats on the baseline and on the candidate.
pub fn confirm(difference: &mut Difference, baseline: &[State], candidate: &[State]) {
    let labels = |states: &[State]| states.iter().map(|s| s.label.clone()).collect();
    difference.repeats = (labels(baseline), labels(candidate));
    let bad = |states: &[State]| states.iter().any(|s| s.kind == Kind::Bad);
    let fine = |states: &[State]| states.iter().any(|s| matches!(s.kind, Kind::Good | Kind::Known));
    let good = |states: &[State]| states.iter().any(|s| s.kind == Kind::Good);
    let like = |states: &[State], other: &Option<State>| {
        other.as_ref().is_some_and(|o| states.iter().any(|s| s.signature == o.signature))
    };
    let chance = match difference.change {
        Change::NewFailure => fine(candidate) || bad(baseline),
        Change::NewSignature => fine(candidate) || like(candidate, &difference.was) || like(baseline, &difference.now),
        // An issue that is known shows on the baseline whenever it is known there, too.
        Change::Fixed => {
            let kept = |states: &[State]| states.iter().any(|s| matches!(s.kind, Kind::Bad | Kind::Known));
            let was_known = difference.was.as_ref().is_some_and(|s| s.kind == Kind::Known);
            kept(candidate) || if was_known { good(baseline) } else { fine(baseline) }
        }
        _ => false,
    };
    if chance {
        let was = difference.change.words(1);
        difference.because.push(format!("it looked like {was}, and the repeats do not agree"));
        difference.change = Change::Flaky;
    }
}
