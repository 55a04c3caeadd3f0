//! `kernrig known check`: entries that cannot mean what they say.

use kernrig_catalog::TESTS;
use kernrig_known::{Finding, Surroundings, check as look};

use crate::args::Global;
use crate::commands::repro::ladder;
use crate::failure::Failure;
use crate::known_issues::{load, today};
use crate::matrix::manifest;
use crate::payloads::Payloads;
use crate::stdout;

/// Cells that stand for the VM itself.
const OWN: [&str; 2] = [kernrig_plan::BOOT, kernrig_plan::END];

pub(super) fn check(global: &Global) -> Result<u8, Failure> {
    let (file, list) = load(global)?;
    let file = file.map_or_else(|| "the list that is compiled in".to_owned(), |file| file.display().to_string());
    let manifest = manifest(global)?.1;
    let payloads = Payloads::declared(&manifest)?;
    let tests = TESTS.iter().chain(payloads.tests()).map(|test| test.name).chain(OWN);
    let around = Surroundings {
        tests: tests.collect(),
        boot: kernrig_plan::BOOT,
        variants: manifest.variants.iter().map(|variant| variant.name.as_str()).collect(),
        kinds: kernrig_klog::kinds().into_iter().collect(),
        today: today(),
    };
    let mut findings = look(&list, &around);
    for issue in list.issues() {
        let steps = ladder(&issue.repro).map(|steps| steps.into_iter().map(|knobs| knobs.variant).collect::<Vec<_>>());
        let wrong = match steps {
            Ok(variants) => variants.into_iter().find(|name| !around.variants.contains(&name.as_str())).map(|name| {
                format!("a step of its repro: there is no variant {name}, but {}", around.variants.join(", "))
            }),
            Err(why) => Some(why),
        };
        findings.extend(wrong.map(|what| Finding { issue: issue.id.clone(), what }));
    }
    for finding in &findings {
        stdout::line(format!("{}: {}", finding.issue, finding.what));
    }
    let issues = list.issues().len();
    stdout::line(match findings.len() {
        0 => format!("{file}: {issues} issues, nothing found"),
        found => format!("{file}: {issues} issues, {found} findings"),
    });
    Ok(u8::from(!findings.is_empty()))
}
