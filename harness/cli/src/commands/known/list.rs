//! `kernrig known list`: the issues, or those of some kernels.

use kernrig_known::{Facts, Issue, Shows};
use serde_json::{Value, json};

use super::args::KnownFormat;
use crate::args::{Global, KernelChoice};
use crate::failure::Failure;
use crate::known_issues::load;
use crate::matrix::Matrix;
use crate::stdout;

pub(super) fn list(global: &Global, choice: &KernelChoice, format: KnownFormat) -> Result<u8, Failure> {
    let (_, list) = load(global)?;
    let of_kernels = !choice.kernels.is_empty() || choice.group.is_some();
    let (kernels, code) = if of_kernels { kernels(global, choice)? } else { (Vec::new(), 0) };
    let mut shown = Vec::new();
    for issue in list.issues() {
        let hit: Vec<&str> =
            kernels.iter().filter(|(_, facts)| issue.affects(facts)).map(|(name, _)| name.as_str()).collect();
        if of_kernels && hit.is_empty() {
            continue;
        }
        match format {
            KnownFormat::Human => human(issue, &hit),
            KnownFormat::Json => shown.push(document(issue, &hit)),
        }
    }
    if format == KnownFormat::Json {
        stdout::line(Value::Array(shown).to_string());
    }
    Ok(code)
}

/// Each kernel with what is known of its version; those that are not to be had are told of.
fn kernels(global: &Global, choice: &KernelChoice) -> Result<(Vec<(String, Facts)>, u8), Failure> {
    let matrix = Matrix::load(global, false)?;
    let mut kernels = Vec::new();
    let mut code = 0;
    for mut candidate in matrix.choose(choice)? {
        match candidate.get() {
            Ok(kernel) => {
                let packages = kernel.packages.iter().map(|p| (p.name.as_str(), p.version.as_str()));
                kernels.push((kernel.name.clone(), Facts::new(&kernel.release, packages)));
            }
            Err(reason) => {
                stdout::note(format!("no kernel {}: {reason}", candidate.name));
                code = if candidate.optional { code } else { 2 };
            }
        }
    }
    matrix.screen.clear();
    Ok((kernels, code))
}

fn human(issue: &Issue, kernels: &[&str]) {
    stdout::line(format!("{}  {}", issue.id, issue.title));
    let shows = match issue.shows {
        Shows::Always => "always",
        Shows::Sometimes => "sometimes",
    };
    let line = |what: &str, text: String| {
        if !text.is_empty() {
            stdout::line(format!("    {what:<9}{text}"));
        }
    };
    line("affects", issue.affected().join("; "));
    line("fixed in", issue.fixed_in().join(", "));
    line("fixed by", issue.fix.join(", "));
    line("shows", format!("{shows}, in {}", issue.tests.texts().collect::<Vec<_>>().join(", ")));
    let rare: Vec<&str> = issue.sometimes_in.texts().collect();
    line("", rare.first().map_or_else(String::new, |_| format!("sometimes in {}", rare.join(", "))));
    line("expires", issue.expires.map_or_else(String::new, |day| day.to_string()));
    line("why", issue.reason.clone());
    line("owner", issue.owner.clone());
    line("ticket", issue.ticket.clone());
    line("see", issue.url.clone());
    line("here", kernels.join(", "));
}

fn document(issue: &Issue, kernels: &[&str]) -> Value {
    json!({
        "id": issue.id,
        "title": issue.title,
        "url": issue.url,
        "affected": issue.affected(),
        "fixed-in": issue.fixed_in(),
        "fix": issue.fix,
        "tests": issue.tests.texts().collect::<Vec<_>>(),
        "variants": issue.variants.texts().collect::<Vec<_>>(),
        "shows": if issue.shows == Shows::Always { "always" } else { "sometimes" },
        "sometimes-in": issue.sometimes_in.texts().collect::<Vec<_>>(),
        "corrupts-memory": issue.corrupts_memory,
        "reason": issue.reason,
        "owner": issue.owner,
        "ticket": issue.ticket,
        "expires": issue.expires.map(|day| day.to_string()),
        "kernels": kernels,
    })
}
