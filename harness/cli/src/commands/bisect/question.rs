//! What is asked of a kernel, and what the outcomes of a boot answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use kernrig_bisect::Seen;
use kernrig_events::{Outcome, Verdict};
use kernrig_image::Payload;
use kernrig_kernels::Kernel;
use kernrig_kernels::manifest::nearest;
use kernrig_known::Issue;
use kernrig_plan::{BOOT, Decision, Reading, Selection, Suite};

use super::args::QuestionArgs;
use crate::args::Global;
use crate::candidate::Candidate;
use crate::failure::Failure;
use crate::known_issues;
use crate::matrix::Matrix;
use crate::payloads::Payloads;
use crate::shape::Shape;

/// What is asked of a kernel.
pub(crate) struct Question {
    selection: Selection,
    shape: Shape,
    signature: Option<Pattern>,
    known: Option<Issue>,
    boot: bool,
    pub(crate) payloads: Arc<[(Payload, Reading)]>,
}

/// A glob, or a text that may stand anywhere.
struct Pattern {
    text: String,
    glob: Option<GlobMatcher>,
}

impl Question {
    pub(crate) fn new(global: &Global, matrix: &Matrix, args: &QuestionArgs) -> Result<Self, Failure> {
        let known = args.known.as_deref().map(|id| issue(global, id)).transpose()?;
        if known.is_none() && args.tests.is_empty() && args.payload.payloads.is_empty() && !args.boot {
            return Err(Failure::new("nothing is asked of the kernels")
                .next("name tests with -t GLOB, a bug with --known ID, a program with --payload FILE, or say --boot"));
        }
        let payloads = Payloads::declared(&matrix.manifest)?.with(&args.payload)?;
        let asked = match &known {
            _ if args.boot => vec![PLAINEST.to_owned()],
            Some(issue) if args.tests.is_empty() => issue.tests.texts().map(str::to_owned).collect(),
            _ => args.tests.clone(),
        };
        let selection = payloads.select(&asked).map_err(|e| Failure::new(e.to_string()))?;
        let selection = selection.tuned(&args.param).map_err(|e| Failure::new(e.to_string()))?;
        let payloads = payloads.read(&selection)?;
        let entry = matrix.variants(std::slice::from_ref(&args.variant))?.remove(0);
        let shape = Shape::new(&entry, args.append.as_deref())?.sized(args.smp, args.memory);
        let signature = args.signature.as_deref().map(Pattern::new).transpose()?;
        Ok(Self { selection, shape, signature, known, boot: args.boot, payloads })
    }

    /// All of it in words: what makes verdicts of another call those of this one.
    pub(crate) fn words(args: &QuestionArgs, payload: &str, kernrig: &str) -> BTreeMap<String, String> {
        let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
        let params: Vec<String> = args.param.iter().map(|(name, value)| format!("{name}={value}")).collect();
        [
            ("tests", if args.boot { BOOT.to_owned() } else { args.tests.join(" ") }),
            ("param", params.join(" ")),
            ("payload", payload.to_owned()),
            ("known", args.known.clone().unwrap_or_default()),
            ("signature", args.signature.clone().unwrap_or_default()),
            ("variant", args.variant.clone()),
            ("append", args.append.clone().unwrap_or_default()),
            ("smp", number(args.smp)),
            ("memory", number(args.memory)),
            ("kernrig", kernrig.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What to boot of a kernel; or why it cannot be judged, so that it need not be booted.
    pub(crate) fn suite(&self, candidate: &Candidate, kernel: Kernel) -> Result<Suite, String> {
        let variant = self.shape.with(&candidate.cmdline, &kernel.version);
        let suite = Suite::plan(Arc::new(kernel), variant, &self.selection);
        let skipped = suite.cells.iter().find_map(|cell| match &cell.decision {
            Decision::Skip(reason) if !self.boot => Some(format!("{} is skipped: {reason}", cell.test.name)),
            _ => None,
        });
        skipped.map_or(Ok(suite), Err)
    }

    /// What the outcomes of a boot answer.
    pub(crate) fn seen(&self, outcomes: &[Outcome]) -> Seen {
        let boot = outcomes.iter().find(|o| o.cell.test == BOOT).map(|o| plain(&o.verdict));
        match boot {
            None => return Seen::Harness("it was not booted".to_owned()),
            Some(Verdict::HarnessError { reason } | Verdict::NotReached { reason }) => {
                return Seen::Harness(reason.clone());
            }
            Some(Verdict::BootFailure { reason }) if self.boot => {
                return Seen::Bad(format!("does not boot: {reason}"));
            }
            Some(Verdict::BootFailure { reason }) => return Seen::Unjudged(format!("does not boot: {reason}")),
            Some(_) if self.boot => return Seen::Good,
            Some(_) => {}
        }
        let mut others = None;
        let mut unjudged = None;
        let mut harness = None;
        let mut passed = 0;
        for outcome in outcomes.iter().filter(|o| o.cell.test != BOOT) {
            let verdict = plain(&outcome.verdict);
            let line = || format!("{} {}: {}", verdict.label(), outcome.cell.test, verdict.explanation());
            match verdict {
                Verdict::Pass | Verdict::UnexpectedPass { .. } => passed += 1,
                Verdict::Skip { .. } => unjudged = unjudged.or_else(|| Some(line())),
                Verdict::HarnessError { .. } | Verdict::NotReached { .. } => harness = harness.or_else(|| Some(line())),
                _ if self.is_asked(outcome) => return Seen::Bad(line()),
                _ => others = others.or_else(|| Some(format!("another fault: {}", line()))),
            }
        }
        match (others.or(unjudged), harness) {
            (Some(why), _) => Seen::Unjudged(why),
            (None, Some(why)) => Seen::Harness(why),
            (None, None) if passed == 0 => Seen::Unjudged("no test ran".to_owned()),
            (None, None) => Seen::Good,
        }
    }

    /// Whether a fault is the one that is asked about.
    fn is_asked(&self, outcome: &Outcome) -> bool {
        if let Some(issue) = &self.known {
            return issue.shows_in(&outcome.verdict, &outcome.reports, true);
        }
        let Some(pattern) = &self.signature else { return true };
        let reports = outcome.reports.iter().flat_map(|r| [&r.title, &r.signature].into_iter().chain(&r.alternatives));
        reports.map(String::as_str).chain([plain(&outcome.verdict).explanation()]).any(|text| pattern.fits(text))
    }
}

fn issue(global: &Global, id: &str) -> Result<Issue, Failure> {
    let (_, list) = known_issues::load(global)?;
    list.issues().iter().find(|issue| issue.id == id).cloned().ok_or_else(|| {
        let ids: Vec<&str> = list.issues().iter().map(|issue| issue.id.as_str()).collect();
        let meant = nearest(id, &ids).map(|id| format!("did you mean {id}? ")).unwrap_or_default();
        Failure::new(format!("--known {id}: there is no such issue"))
            .next(format!("{meant}`kernrig known list` prints them all"))
    })
}

/// What runs where nothing but the boot is asked about.
const PLAINEST: &str = "ns::uts::hostname_is_private";

/// A verdict without what is known of the kernel.
fn plain(verdict: &Verdict) -> &Verdict {
    match verdict {
        Verdict::Known { was, .. } => plain(was),
        other => other,
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, Failure> {
        let wild = text.contains(['*', '?', '[', '{']);
        let glob = wild.then(|| GlobBuilder::new(text).build().map(|glob| glob.compile_matcher())).transpose();
        let glob = glob.map_err(|e| {
            Failure::new(format!("--signature {text}: {}", e.kind()))
                .next("a signature is a shell glob, such as '*d_hash_and_lookup*'")
        })?;
        Ok(Self { text: text.to_owned(), glob })
    }

    fn fits(&self, text: &str) -> bool {
        self.glob.as_ref().map_or_else(|| text.contains(&self.text), |glob| glob.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(test: &str, verdict: Verdict) -> Outcome {
        let json = serde_json::json!({
            "cell": { "kernel": "k", "variant": "default", "test": test }, "verdict": "pass", "seconds": 0.0,
            "diagnostics": [], "reports": [], "console": "", "vm": 1,
        });
        Outcome { verdict, ..serde_json::from_value(json).unwrap() }
    }

    fn question(signature: Option<&str>, boot: bool) -> Question {
        let entry = kernrig_kernels::manifest::Manifest::shipped().variant("default").unwrap().clone();
        Question {
            selection: Selection::new(&["ns::uts::*".to_owned()]).unwrap(),
            shape: Shape::new(&entry, None).unwrap(),
            signature: signature.map(|text| Pattern::new(text).unwrap()),
            known: None,
            boot,
            payloads: Arc::new([]),
        }
    }

    fn fail() -> Verdict {
        Verdict::Fail { reason: "mount says EPERM".to_owned() }
    }

    fn known() -> Verdict {
        Verdict::Known { issue: "i".to_owned(), reason: "known".to_owned(), was: Box::new(fail()) }
    }

    #[test]
    fn what_is_asked_about_is_bad_and_anything_else_no_verdict() {
        let boots = || outcome(BOOT, Verdict::Pass);
        let reason = || "why".to_owned();
        let cases = [
            (None, vec![Verdict::Pass], "good"),
            (None, vec![Verdict::Pass, fail()], "bad"),
            (None, vec![known()], "bad"),
            (Some("EPERM"), vec![fail()], "bad"),
            (Some("mount*"), vec![known()], "bad"),
            (Some("EINVAL"), vec![fail()], "unjudged"),
            (Some("EINVAL"), vec![Verdict::Pass], "good"),
            (None, vec![Verdict::Pass, Verdict::Skip { reason: reason() }], "unjudged"),
            (None, vec![Verdict::Skip { reason: reason() }, fail()], "bad"),
            (None, vec![Verdict::HarnessError { reason: reason() }], "harness"),
            (None, vec![Verdict::NotReached { reason: reason() }], "harness"),
            (None, vec![Verdict::Lost { reason: reason() }], "bad"),
            (None, vec![], "unjudged"),
        ];
        for (signature, verdicts, expected) in cases {
            let mut outcomes = vec![boots()];
            outcomes.extend(verdicts.into_iter().map(|verdict| outcome("ns::uts::x", verdict)));
            assert_eq!(word(&question(signature, false).seen(&outcomes)), expected, "{signature:?} {outcomes:?}");
        }
    }

    #[test]
    fn a_known_issue_is_bad_whatever_kernels_it_is_said_to_affect() {
        let list = "[[issue]]\nid = \"i\"\ntitle = \"t\"\naffected = [\"<3.0\"]\ntests = [\"ns::uts::*\"]\nshows = \"always\"\n\
                    signature = { outcome = \"fail\", reason = \"*EPERM*\" }\n";
        let list = kernrig_known::List::parse(list).unwrap();
        let question = Question { known: Some(list.issues()[0].clone()), ..question(None, false) };
        let seen = |verdict| word(&question.seen(&[outcome(BOOT, Verdict::Pass), outcome("ns::uts::x", verdict)]));
        assert_eq!(seen(fail()), "bad");
        assert_eq!(seen(known()), "bad");
        assert_eq!(seen(Verdict::Fail { reason: "EINVAL".to_owned() }), "unjudged");
        assert_eq!(seen(Verdict::Lost { reason: "gone".to_owned() }), "unjudged");
        assert_eq!(seen(Verdict::Pass), "good");
    }

    #[test]
    fn a_kernel_that_does_not_boot_is_judged_only_if_that_is_asked() {
        let failure = [outcome(BOOT, Verdict::BootFailure { reason: "no init".to_owned() })];
        assert_eq!(word(&question(None, false).seen(&failure)), "unjudged");
        assert_eq!(word(&question(None, true).seen(&failure)), "bad");
        let boots = [outcome(BOOT, Verdict::Pass), outcome("ns::uts::x", fail())];
        assert_eq!(word(&question(None, true).seen(&boots)), "good");
        assert_eq!(word(&question(None, true).seen(&[])), "harness");
    }

    fn word(seen: &Seen) -> &'static str {
        match seen {
            Seen::Good => "good",
            Seen::Bad(_) => "bad",
            Seen::Unjudged(_) => "unjudged",
            Seen::Harness(_) => "harness",
        }
    }
}
