//! An entry drafted from what was seen of a cell.

use kernrig_events::{Outcome, Verdict};
use kernrig_klog::Report;

use crate::Facts;

/// Most functions that a drafted signature asks for.
const FRAMES: usize = 3;

/// An entry for a failure, to be completed by hand: `None` if the cell did not fail.
#[must_use]
pub fn draft(outcome: &Outcome, kernel: &Facts) -> Option<String> {
    let cell = &outcome.cell;
    let verdict = outcome.verdict.bare();
    let signature = match verdict {
        Verdict::Crash { report } => complaints(report, &outcome.reports),
        Verdict::Fail { reason }
        | Verdict::Hang { reason }
        | Verdict::Lost { reason }
        | Verdict::BootFailure { reason } => {
            format!("{{ outcome = {}, reason = {} }}", quoted(verdict.label()), quoted(&literal(reason)))
        }
        _ => return None,
    };
    let version = kernel.upstream().map(ToString::to_string).unwrap_or_default();
    let version = version.split('-').next().unwrap_or_default();
    let mut lines = vec![
        "[[issue]]".to_owned(),
        format!("id = {}", quoted(&format!("new:{}", cell.test))),
        format!("title = {}", quoted(verdict.explanation())),
        "url = \"\"".to_owned(),
        format!("# Seen on {} only: widen it to what you know, as in \">=3.2, <3.8\".", kernel.name().escape_default()),
        format!("affected = [{}]", quoted(&format!("={version}"))),
    ];
    if let Some((flavour, version)) = kernel.package() {
        lines.push(format!(
            "# or: affected = [{{ flavour = {}, range = {} }}]",
            quoted(flavour),
            quoted(&format!("={version}"))
        ));
    }
    lines.push(format!("tests = [{}]", quoted(&cell.test)));
    if cell.variant != "default" {
        lines.push(format!("variants = [{}]", quoted(&cell.variant)));
    }
    lines.extend([
        "shows = \"always\"           # or \"sometimes\"".to_owned(),
        format!("signature = {signature}"),
        "# The commit that fixes it and the versions that have it; `kernrig known check` asks for fix and reason."
            .to_owned(),
        "fix = []".to_owned(),
        "fixed-in = []".to_owned(),
        "reason = \"\"".to_owned(),
    ]);
    Some(lines.join("\n") + "\n")
}

/// A signature for each kind of complaint that counted.
fn complaints(verdict: &Report, reports: &[Report]) -> String {
    let counting = reports.iter().filter(|report| report.benign.is_none());
    let mut signatures: Vec<String> = Vec::new();
    for report in std::iter::once(verdict).chain(counting) {
        let frames: Vec<String> = report.frames.iter().take(FRAMES).map(|name| quoted(name)).collect();
        let frames = if frames.is_empty() { String::new() } else { format!(", all = [{}]", frames.join(", ")) };
        let signature = format!("{{ kinds = [{}]{frames} }}", quoted(&report.kind));
        if !signatures.contains(&signature) {
            signatures.push(signature);
        }
    }
    if let [one] = signatures.as_slice() { one.clone() } else { format!("[{}]", signatures.join(", ")) }
}

/// A pattern that fits the text, whatever its numbers are.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_digit() => {
                if !out.ends_with('*') {
                    out.push('*');
                }
            }
            '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\' => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernrig_events::CellId;

    use super::*;
    use crate::{Date, List, Overlay};

    const OOPS: &str = "BUG: unable to handle kernel NULL pointer dereference at 0000000000000008\n\
        IP: [<ffffffff81015d88>] f+0x1/0x2\nOops: 0000 [#1] SMP\nRIP: 0010:[<ffffffff81015d88>]  [<ffffffff81015d88>] f+0x1/0x2\n\
        Call Trace:\n [<ffffffff81015e6e>] g+0xe/0x20\n [<ffffffff81015e6e>] h+0xe/0x20\n";

    fn outcome(verdict: Verdict, reports: Vec<Report>) -> Outcome {
        // As it is written to disk: what is not there has its default.
        let mut outcome: Outcome = serde_json::from_value(serde_json::json!({
            "cell": { "kernel": "debian-6.1", "variant": "smp4", "test": "ns::pid::x" }, "verdict": "pass",
            "seconds": 0.0, "diagnostics": [], "reports": [], "console": "", "vm": 1,
        }))
        .unwrap();
        assert_eq!(outcome.params, BTreeMap::new());
        (outcome.verdict, outcome.reports) = (verdict, reports);
        outcome
    }

    #[test]
    fn a_draft_explains_what_it_was_made_of() {
        let kernel = Facts::new("6.1.0-56-amd64", [("linux-image-6.1.0-56-amd64", "6.1.192-2")]);
        let oops = kernrig_klog::parse(OOPS);
        assert!(!oops.is_empty());
        let crash = Verdict::Crash { report: Box::new(oops[0].clone()) };
        let fail = Verdict::Fail { reason: "errno 22 \"why\" [x]\n*".to_owned() };
        for (verdict, reports) in [(crash, oops), (fail, Vec::new())] {
            let outcome = outcome(verdict.clone(), reports.clone());
            let text = draft(&outcome, &kernel).unwrap();
            let list = List::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            let CellId { variant, test, .. } = &outcome.cell;
            let overlay = Overlay::new(list, Date::new(2026, 1, 1));
            let laid = overlay.lay(&kernel, variant, test, verdict, &reports);
            assert_eq!(laid.verdict.label(), "known", "{text}");
        }
        assert_eq!(draft(&outcome(Verdict::Pass, Vec::new()), &kernel), None);
    }
}
