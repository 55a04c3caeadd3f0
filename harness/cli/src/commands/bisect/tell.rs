//! What a search has found, in words: the two kernels, what lies between them, and how to go on.

use kernrig_bisect::{Ends, Entry, Found, Next, Verdict, Wrong, between, most_steps, upstream_tags};
use kernrig_kernels::archive::compare_versions;
use kernrig_kernels::whole;

use super::args::QuestionArgs;
use super::drive::Searched;
use super::line::{Line, Stop};
use crate::failure::{Failure, chain};
use crate::matrix::Matrix;
use crate::screen::Screen;

/// Lines of the changelog on the terminal; all of it is in a file.
const SHOWN: usize = 24;
/// Versions of it that are named.
const NAMED: usize = 12;

/// What is going to be searched.
pub(crate) fn opening(screen: &Screen, line: &Line, ends: Ends, needed: u32) {
    let (Some(first), Some(last)) = (line.stops.first(), line.stops.last()) else { return };
    let (old, new) = if line.fix { ("bad", "good") } else { ("good", "bad") };
    let steps = match ends {
        Ends::Lazy => most_steps(line.stops.len()),
        Ends::First => most_steps(line.stops.len()) + 1,
        Ends::Trusted => most_steps(line.stops.len()) - 1,
    };
    screen.line(format!(
        "bisects {} kernels from {old} {} to {new} {}: at most {steps} to try if each can be judged",
        line.stops.len(),
        first.show(),
        last.show()
    ));
    if needed > 1 {
        screen.line(format!("a kernel is good when it passes {needed} boots, and bad at the first sight"));
    }
    line.unknown.iter().for_each(|what| screen.line(format!("left out, its version is not known: {what}")));
}

/// What came of it; the exit code.
pub(crate) fn result(matrix: &Matrix, line: &Line, searched: &Searched, args: &QuestionArgs) -> Result<u8, Failure> {
    let screen = &matrix.screen;
    screen.line("");
    let code = match &searched.next {
        Next::Found(found) => {
            tell_found(screen, line, searched, found);
            changelog(matrix, line, found, args)?;
            go_on(screen, line, found);
            u8::from(!found.unjudged.is_empty())
        }
        Next::Wrong(wrong) => {
            tell_wrong(screen, line, searched, *wrong);
            1
        }
        Next::Try(_) => return Err(Failure::new("the search ended before its end; this is a bug in kernrig")),
    };
    noise(screen, line, searched);
    screen.line(format!("{} kernels judged in {} boots", searched.tried.len(), searched.boots));
    Ok(code)
}

fn words(line: &Line) -> (&'static str, &'static str) {
    if line.fix { ("bad", "good") } else { ("good", "bad") }
}

fn tell_found(screen: &Screen, line: &Line, searched: &Searched, found: &Found) {
    let (old, new) = words(line);
    let (last, first) = (&line.stops[found.last_old], &line.stops[found.first_new]);
    let what = |at: usize| {
        let seen = searched.tried.iter().find(|(tried, ..)| *tried == at);
        match seen.map(|(_, _, verdict)| verdict) {
            Some(Verdict::Bad(what)) => format!(": {what}"),
            Some(_) => String::new(),
            None => ", as you say: it was not booted".to_owned(),
        }
    };
    if found.unjudged.is_empty() {
        screen.line(format!("first {new}: {}{}", first.show(), what(found.first_new)));
    } else {
        screen.line(format!("first {new} is one of these {}:", found.unjudged.len() + 1));
        for at in &found.unjudged {
            screen.line(format!("  {}: {}", line.stops[*at].show(), why(searched, *at)));
        }
        screen.line(format!("  {}{}", first.show(), what(found.first_new)));
    }
    screen.line(format!("last {old}: {}{}", last.show(), what(found.last_old)));
    let elsewhere = searched.tried.iter().filter(|(at, ..)| !found.unjudged.contains(at));
    for (at, _, verdict) in elsewhere {
        if let Verdict::Unjudged(why) = verdict {
            screen.line(format!("passed over: {}: {why}", line.stops[*at].show()));
        }
    }
    for at in &found.disorder {
        screen.line(format!("out of order: {} is {old} although it comes later", line.stops[*at].show()));
    }
    let lost = line.incomplete.iter().filter(|lost| {
        compare_versions(&last.version, &lost.version).is_lt()
            && compare_versions(&lost.version, &first.version).is_lt()
    });
    for lost in lost {
        let missing = lost.missing.join(", ");
        screen
            .line(format!("between them, not to be had: {} {}: the archive lacks {missing}", lost.name, lost.version));
    }
}

fn why(searched: &Searched, at: usize) -> &str {
    match searched.tried.iter().find(|(tried, ..)| *tried == at) {
        Some((_, _, Verdict::Unjudged(why))) => why,
        _ => "not tried",
    }
}

fn tell_wrong(screen: &Screen, line: &Line, searched: &Searched, wrong: Wrong) {
    let (Wrong::End(at) | Wrong::EndUnjudged(at)) = wrong;
    let stop = &line.stops[at];
    let (old, new) = words(line);
    let (said, other) = if at == 0 { (old, new) } else { (new, old) };
    let seen = searched.tried.iter().find(|(tried, ..)| *tried == at).map(|(_, _, verdict)| verdict);
    match (wrong, seen) {
        (Wrong::EndUnjudged(_), _) => {
            screen.line(format!(
                "no change found: {}, which was said to be {said}, cannot be judged: {}",
                stop.show(),
                why(searched, at)
            ));
        }
        (Wrong::End(_), Some(Verdict::Bad(what))) => {
            screen.line(format!("no change found: {}, which was said to be {said}, is {other}: {what}", stop.show()));
        }
        (Wrong::End(_), _) => {
            screen.line(format!("no change found: {}, which was said to be {said}, is {other}", stop.show()));
        }
    }
    let all_other = searched.tried.iter().all(|(tried, _, verdict)| match verdict {
        Verdict::Good => other == "good",
        Verdict::Bad(_) => other == "bad",
        Verdict::Unjudged(_) => *tried != at || matches!(wrong, Wrong::EndUnjudged(_)),
    });
    if matches!(wrong, Wrong::End(_)) && all_other && searched.tried.len() > 1 {
        let far = if at == 0 { line.stops.len() - 1 } else { 0 };
        match line.stops.get(far).filter(|_| !searched.tried.iter().any(|(tried, ..)| *tried == far)) {
            // Of all that was judged none says on which side of it the change is.
            Some(end) => screen.line(format!(
                "every kernel that was judged is {other}; {} was not booted: if it is {said}, --good and --bad are the wrong \
                 way round, else the change lies outside of this line",
                end.show()
            )),
            None => {
                screen.line(format!("every kernel that could be judged is {other}: the change lies outside of this line"));
            }
        }
    }
    screen.line("name another end with --good or --bad, or boot both first with --ends first");
}

/// A fault that does not always show makes every `good` less sure.
fn noise(screen: &Screen, line: &Line, searched: &Searched) {
    for (at, tally, _) in &searched.tried {
        if let Some((passes, tries)) = tally.noise() {
            screen.line(format!(
                "noisy: {} passed {passes} of {tries} boots; one that was called good may be bad: \
                 say how often the fault shows with --rate, or --repeat N",
                line.stops[*at].show()
            ));
        }
    }
}

/// The entries of the package's changelog between the two: the first lines here, all in a file.
fn changelog(matrix: &Matrix, line: &Line, found: &Found, args: &QuestionArgs) -> Result<(), Failure> {
    let screen = &matrix.screen;
    let (last, first) = (&line.stops[found.last_old], &line.stops[found.first_new]);
    let text = match changelog_of(matrix, first) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(()),
        Err(reason) => {
            screen.line(format!("the changelog of {} is not to be had: {reason}", first.show()));
            return Ok(());
        }
    };
    let entries = between(&text, &last.version, &first.version, compare_versions);
    if entries.is_empty() {
        screen.line(format!("the changelog of {} has nothing after {}", first.show(), last.version));
        return Ok(());
    }
    let path = args.out.join("changelog.txt");
    let lines: Vec<&str> = entries.iter().flat_map(|entry| entry.lines.iter().map(String::as_str)).collect();
    whole::write(&path, format!("{}\n", lines.join("\n")).as_bytes())
        .map_err(|e| Failure::new(format!("{}: {e}", path.display())).next("choose another folder with --out DIR"))?;
    let mut versions: Vec<&str> = entries.iter().map(|entry: &Entry| entry.version.as_str()).collect();
    // Between two branches lie a hundred.
    if versions.len() > NAMED {
        let last = versions.split_off(versions.len() - 1);
        versions.truncate(NAMED - 1);
        versions.push("…");
        versions.extend(last);
    }
    screen.line(format!(
        "changelog from {} to {}: {} versions ({}), {} lines, in {}; it begins:",
        last.version,
        first.version,
        entries.len(),
        versions.join(", "),
        lines.len(),
        path.display()
    ));
    lines.iter().filter(|text| !text.is_empty()).take(SHOWN).for_each(|text| screen.line(format!("    {text}")));
    Ok(())
}

/// Kept with the kernel, else fetched.
fn changelog_of(matrix: &Matrix, stop: &Stop) -> Result<Option<String>, String> {
    let kept = stop.candidate.clone().get().ok().and_then(|kernel| kernel.changelog().ok().flatten());
    match (kept, &stop.set) {
        (Some(text), _) => Ok(Some(text)),
        (None, Some(set)) => matrix.archives.changelog(set).map_err(|e| chain(&e)),
        (None, None) => Ok(None),
    }
}

/// What git can do that packages cannot.
fn go_on(screen: &Screen, line: &Line, found: &Found) {
    let (last, first) = (&line.stops[found.last_old], &line.stops[found.first_new]);
    match upstream_tags(&last.version, &first.version) {
        Some((tags, tree)) => {
            let (from, to) = tags.split_once("..").unwrap_or((&tags, &tags));
            screen.line(format!("go on in git with {tags} ({tree}):"));
            if line.fix {
                screen.line(format!("    git bisect start --term-old broken --term-new mended {to} {from}"));
                screen.line("    git bisect run SCRIPT, its last line: kernrig bisect step --fix …");
            } else {
                screen.line(format!("    git bisect start {to} {from}"));
                screen.line("    git bisect run SCRIPT, its last line: kernrig bisect step …");
            }
        }
        None => screen.line(
            "both are of one upstream release, or of none: the change is in the package's own patches or build options",
        ),
    }
}
