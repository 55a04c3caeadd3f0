//! What came of a hunt, for reading and for programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kernrig_events::Outcome;
use serde_json::{Value, json};

use super::hunt::Tally;
use super::interval::wilson;
use super::sighting::complaint;

/// Frames of a stack that are shown; the rest is in the file.
const FRAMES: usize = 12;

/// What came of a hunt on one kernel.
pub(crate) struct Finding {
    /// What was looked for.
    pub(crate) what: String,
    pub(crate) kernel: String,
    pub(crate) release: String,
    /// Of everything that was tried, in order.
    pub(crate) tallies: Vec<Tally>,
    /// Steps that make no sense on this kernel, and why.
    pub(crate) left_out: Vec<(String, String)>,
    pub(crate) sighting: Option<Sighting>,
    pub(crate) seconds: f64,
    /// Why it ended before all was said: the budget, a signal.
    pub(crate) ended_by: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// Where it shows with the least effort.
pub(crate) struct Sighting {
    /// The smallest knobs that were seen to do it.
    pub(crate) at: Tally,
    /// A try that showed it there.
    pub(crate) outcome: Outcome,
    pub(crate) first_after_s: f64,
    /// Tries until then, that one included.
    pub(crate) first_in_try: u32,
    /// What it was called in each try that showed it, anywhere.
    pub(crate) titles: BTreeMap<String, u32>,
    pub(crate) console: Option<PathBuf>,
    pub(crate) repeat: String,
}

impl Finding {
    fn tries(&self) -> u32 {
        self.tallies.iter().map(|tally| tally.tries).sum()
    }

    /// For reading.
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![self.headline()];
        if let Some(sighting) = &self.sighting {
            sighting.tell(&mut lines);
        }
        let other: Vec<&String> = self.tallies.iter().flat_map(|tally| &tally.other).collect();
        if !other.is_empty() {
            lines.push(format!("  showed something else {} times:", other.len()));
            let mut told: Vec<&String> = Vec::new();
            for title in other {
                if !told.contains(&title) {
                    told.push(title);
                    lines.push(format!("    {title}"));
                }
            }
        }
        lines.push("  tried, each time in a VM of its own that was booted cold:".to_owned());
        lines.extend(self.tallies.iter().map(|tally| format!("    {}", told(tally))));
        lines.extend(self.left_out.iter().map(|(step, why)| format!("    left out {step}: {why}")));
        lines.extend(self.ended_by.iter().map(|why| format!("  ended by {why}")));
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines.join("\n")
    }

    fn headline(&self) -> String {
        let place = format!("{} on {} ({})", self.what, self.kernel, self.release);
        match &self.sighting {
            Some(_) => format!("reproduced: {place}"),
            None => format!(
                "not seen: {place}, in {} tries of {} settings, {:.0} s",
                self.tries(),
                self.tallies.len(),
                self.seconds
            ),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "what": self.what,
            "kernel": self.kernel,
            "release": self.release,
            "reproduced": self.sighting.is_some(),
            "boots": "cold",
            "tries": self.tries(),
            "seconds": self.seconds,
            "ended_by": self.ended_by,
            "sighting": self.sighting.as_ref().map(Sighting::json),
            "tried": self.tallies,
            "left_out": self.left_out.iter().map(|(step, why)| json!({"step": step, "why": why})).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

impl Sighting {
    fn tell(&self, lines: &mut Vec<String>) {
        lines.push(format!("  first seen after {:.0} s, in try {}", self.first_after_s, self.first_in_try));
        lines.push(format!("  smallest knobs that do it: {}", told(&self.at)));
        match complaint(&self.outcome) {
            Some(report) => {
                lines.push(format!("  {}", report.title));
                lines.push(format!("    signature {}", report.signature));
                lines.extend(report.frames.iter().take(FRAMES).map(|frame| format!("    {frame}")));
                if report.frames.len() > FRAMES {
                    lines.push(format!("    … {} more", report.frames.len() - FRAMES));
                }
            }
            None => lines.push(format!("  {}: {}", self.outcome.verdict.label(), self.outcome.verdict.explanation())),
        }
        let titles = self.titles.iter().filter(|_| self.titles.len() > 1);
        lines.extend(titles.map(|(title, times)| format!("  showed {times} times as {title}")));
        lines.extend(self.console.iter().map(|path| format!("  console {}", path.display())));
        lines.push(format!("  to repeat it: {}", self.repeat));
    }

    fn json(&self) -> Value {
        let (low, high) = wilson(self.at.shown, self.at.tries);
        json!({
            "knobs": self.at.knobs,
            "shown": self.at.shown,
            "tries": self.at.tries,
            "interval_95": [low, high],
            "verdict": self.outcome.verdict.label(),
            "explanation": self.outcome.verdict.explanation(),
            "report": complaint(&self.outcome),
            "first_after_s": self.first_after_s,
            "first_in_try": self.first_in_try,
            "titles": self.titles,
            "console": self.console,
            "repeat": self.repeat,
        })
    }
}

/// `ns::x workers=8: 4 of 5 (95 %: 38 to 96 %)`.
fn told(tally: &Tally) -> String {
    let (low, high) = wilson(tally.shown, tally.tries);
    let rate = format!("{} of {} (95 %: {:.0} to {:.0} %)", tally.shown, tally.tries, low * 100.0, high * 100.0);
    let void = tally.void.as_ref().map_or_else(String::new, |why| format!("; given up: {why}"));
    format!("{}: {rate}{void}", tally.knobs.words())
}

#[cfg(test)]
mod tests {
    use super::super::knobs::Knobs;
    use super::*;

    #[test]
    fn what_was_not_seen_is_told_with_its_tries() {
        let knobs = Knobs::plain("a::b", "default");
        let tally = Tally { knobs, tries: 3, shown: 0, other: vec!["crash: x".to_owned()], void: None };
        let finding = Finding {
            what: "docker#407".to_owned(),
            kernel: "debian-6.1".to_owned(),
            release: "6.1.0".to_owned(),
            tallies: vec![tally],
            left_out: vec![("a::b variant preempt-full".to_owned(), "needs Linux 5.12".to_owned())],
            sighting: None,
            seconds: 61.2,
            ended_by: Some("the budget of 1m".to_owned()),
            notes: Vec::new(),
        };
        let text = finding.text();
        for words in [
            "not seen: docker#407 on debian-6.1 (6.1.0), in 3 tries of 1 settings, 61 s",
            "showed something else 1 times:\n    crash: x",
            "a::b as it is: 0 of 3 (95 %: 0 to 56 %)",
            "booted cold",
            "ended by the budget of 1m",
            "left out a::b variant preempt-full: needs Linux 5.12",
        ] {
            assert!(text.contains(words), "no {words:?} in\n{text}");
        }
        assert_eq!(finding.json()["reproduced"], false);
        assert_eq!(finding.json()["tried"][0]["knobs"]["test"], "a::b");
    }
}
