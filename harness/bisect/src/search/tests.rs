//! Every short line and random long ones: the search ends, in time, at what really changed.

use super::*;

/// A line as it really is: the first new one, those of which nothing can be said.
struct Line {
    length: usize,
    first_new: usize,
    dead: Vec<bool>,
}

/// How a search of it goes: its end, and which kernels were tried.
fn run(line: &Line, ends: Ends) -> (Next, Vec<usize>) {
    let mut search = Search::new(line.length, ends).unwrap();
    let mut tried = Vec::new();
    loop {
        match search.next() {
            Next::Try(at) => {
                assert!(!tried.contains(&at), "{at} is tried twice");
                let promised = search.most_left();
                tried.push(at);
                let mark = match (line.dead[at], at >= line.first_new) {
                    (true, _) => Mark::Skipped,
                    (false, true) => Mark::New,
                    (false, false) => Mark::Old,
                };
                search.mark(at, mark);
                if !line.dead.contains(&true) && matches!(search.next(), Next::Try(_)) {
                    assert!(search.most_left() < promised, "{} after {promised}", search.most_left());
                }
            }
            end => return (end, tried),
        }
    }
}

fn check(line: &Line, ends: Ends) -> Vec<usize> {
    let Line { length, first_new, ref dead } = *line;
    let (next, tried) = run(line, ends);
    let skipped = tried.iter().filter(|at| dead[**at]).count();
    let judged = tried.len() - skipped;
    let more = u32::from(ends == Ends::First);
    // Each that cannot be judged may cost one more step besides its own, since the next is not in the middle.
    let most = most_steps(length) as usize + more as usize + skipped;
    assert!(judged <= most, "{length} kernels, new from {first_new}, {dead:?}, {ends:?}: {tried:?}");
    match next {
        Next::Found(found) => {
            assert!(found.last_old < first_new && first_new <= found.first_new, "{found:?}, {first_new}");
            assert!(found.unjudged.iter().all(|at| dead[*at]), "{found:?}");
            assert_eq!(found.unjudged.len(), found.first_new - found.last_old - 1);
            for side in [found.last_old, found.first_new] {
                assert!(tried.contains(&side) != found.trusted.contains(&side), "{found:?} {tried:?}");
                assert!(ends == Ends::Trusted || tried.contains(&side), "the result rests on {side}, never tried");
            }
            assert_eq!(found.disorder, Vec::<usize>::new());
        }
        Next::Wrong(Wrong::EndUnjudged(end)) => assert!(dead[end] && ends != Ends::Trusted),
        other => panic!("{other:?} of {length}, new from {first_new}, {dead:?}"),
    }
    tried
}

#[test]
fn every_change_of_every_short_line_is_found_whatever_cannot_be_judged() {
    for length in 2..=9 {
        for first_new in 1..length {
            for mask in 0..1_u32 << length {
                let dead = (0..length).map(|i| mask >> i & 1 == 1).collect();
                let line = Line { length, first_new, dead };
                for ends in [Ends::Lazy, Ends::Trusted] {
                    check(&line, ends);
                }
            }
        }
    }
}

#[test]
fn both_ends_are_tried_first_where_that_is_asked_for() {
    for length in 2..40 {
        for first_new in 1..length {
            let tried = check(&Line { length, first_new, dead: vec![false; length] }, Ends::First);
            assert_eq!(tried[..2], [0, length - 1]);
        }
    }
}

#[test]
fn a_line_without_holes_takes_no_step_too_many() {
    for length in 2..120 {
        for first_new in 1..length {
            let line = Line { length, first_new, dead: vec![false; length] };
            assert!(check(&line, Ends::Lazy).len() <= most_steps(length) as usize);
            assert!(check(&line, Ends::Trusted).len() <= halvings(length - 2) as usize);
        }
    }
    // Seventeen kernels of an archive, in five boots at most.
    assert_eq!((most_steps(17), most_steps(18), most_steps(2), most_steps(3)), (5, 6, 2, 2));
}

/// Steps of a 64-bit xorshift: the same lines on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn long_lines_with_holes_anywhere_are_searched_to_their_end() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..3_000 {
        let length = 2 + random.below(120);
        let rarely = 1 + random.below(8);
        let dead: Vec<bool> = (0..length).map(|_| random.below(rarely) == 0 && random.below(2) == 0).collect();
        let line = Line { length, first_new: 1 + random.below(length - 1), dead };
        check(&line, Ends::Lazy);
    }
}

#[test]
fn a_stretch_that_cannot_be_judged_is_left_and_not_walked_through() {
    for first_new in 1..100 {
        let dead: Vec<bool> = (0..100).map(|i| (25..75).contains(&i)).collect();
        let tried = run(&Line { length: 100, first_new, dead }, Ends::Lazy).1;
        let near = (24..=76).contains(&first_new);
        assert!(near || tried.len() <= 24, "new from {first_new}: {tried:?}");
    }
}

#[test]
fn an_end_that_is_not_what_it_was_said_to_be_is_told() {
    for ends in [Ends::Lazy, Ends::First] {
        let all_new = Line { length: 9, first_new: 0, dead: vec![false; 9] };
        assert_eq!(run(&all_new, ends).0, Next::Wrong(Wrong::End(0)));
        let all_old = Line { length: 9, first_new: 9, dead: vec![false; 9] };
        assert_eq!(run(&all_old, ends).0, Next::Wrong(Wrong::End(8)));
    }
    let all_old = Line { length: 9, first_new: 9, dead: vec![false; 9] };
    let Next::Found(found) = run(&all_old, Ends::Trusted).0 else { panic!("not found") };
    assert_eq!((found.last_old, found.first_new, found.trusted), (7, 8, vec![8]));
}

#[test]
fn a_line_that_turns_back_gives_its_first_change_and_says_what_is_out_of_order() {
    let mut search = Search::new(8, Ends::Lazy).unwrap();
    for (at, mark) in [(0, Mark::Old), (1, Mark::Old), (2, Mark::New), (5, Mark::Old), (7, Mark::New)] {
        search.mark(at, mark);
    }
    search.mark(99, Mark::Old);
    let expected = Found { last_old: 1, first_new: 2, unjudged: vec![], trusted: vec![], disorder: vec![5] };
    assert_eq!(search.next(), Next::Found(expected));
    assert!(Search::new(1, Ends::Lazy).is_none());
}
