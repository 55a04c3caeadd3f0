//! `kernrig check`: what container engines, or kernrig itself, would miss in a kernel. Nothing is booted.

use kernrig_kernels::Kernel;
use kernrig_readiness::{Finding, GroupReport, KERNRIG, Report, State, Table};
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format, Global, KernelChoice};
use crate::failure::Failure;
use crate::matrix::Matrix;
use crate::resolve::fetch;
use crate::shape::Shape;
use crate::stdout;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// A kernel that was judged.
struct Judged {
    kernel: Kernel,
    cmdline: String,
    report: Report,
}

pub(crate) fn check(global: &Global, args: &CheckArgs) -> Result<u8, Failure> {
    let engines = engines(args)?;
    let matrix = Matrix::load(global, false)?;
    let variants = matrix.variants(std::slice::from_ref(&args.variant))?;
    let shape = variants.first().map(|entry| Shape::new(entry, args.append.as_deref())).transpose()?;
    let chosen = matrix.choose(&KernelChoice { kernels: args.kernels.clone(), group: args.group.clone() })?;
    let names: Vec<String> = chosen.iter().map(|candidate| candidate.name.clone()).collect();
    let mut results: Vec<_> = fetch(chosen).into_iter().collect();
    results.sort_by_key(|(candidate, _)| names.iter().position(|name| *name == candidate.name));
    matrix.screen.clear();

    let mut code = 0;
    let mut documents = Vec::new();
    for (candidate, result) in results {
        let judged = result.map(|kernel| {
            let cmdline =
                shape.as_ref().map(|shape| shape.with(&candidate.cmdline, &kernel.version).cmdline).unwrap_or_default();
            let report = Table::shipped().check(&kernel.version, kernel.config.as_ref(), &cmdline, &engines);
            Judged { kernel, cmdline, report }
        });
        code = code.max(match &judged {
            Ok(judged) => judged.code(),
            Err(_) if candidate.optional => 0,
            Err(_) => 2,
        });
        match (args.format, judged) {
            (Format::Json, Ok(judged)) => documents.push(judged.json()),
            (Format::Json, Err(reason)) => documents.push(json!({ "name": candidate.name, "error": reason })),
            (Format::Table, Ok(judged)) => judged.lines(&args.variant).into_iter().for_each(stdout::line),
            (Format::Table, Err(reason)) => stdout::note(format!("error: {}: no kernel: {reason}", candidate.name)),
        }
    }
    if args.format == Format::Json {
        stdout::line(format!("{:#}", json!({ "kernels": documents })));
    }
    Ok(code)
}

fn engines(args: &CheckArgs) -> Result<Vec<&str>, Failure> {
    let known = Table::shipped().engines();
    if args.boot {
        return Ok(vec![KERNRIG]);
    }
    if let Some(unknown) = args.engine.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::new(format!("--engine {unknown}: there is no such engine"))
            .next(format!("there are {}", known.join(", "))));
    }
    let asked: Vec<&str> = args.engine.iter().map(String::as_str).collect();
    Ok(if asked.is_empty() { Table::shipped().default_engines() } else { asked })
}

impl Judged {
    /// Without build options the version alone is judged, and that proves nothing.
    fn code(&self) -> u8 {
        match (self.report.config, self.report.is_ready()) {
            (false, _) => 2,
            (true, ready) => u8::from(!ready),
        }
    }

    fn json(&self) -> Value {
        let Self { kernel, cmdline, report } = self;
        json!({
            "name": kernel.name,
            "release": kernel.release,
            "cmdline": cmdline,
            "ready": report.config.then(|| report.is_ready()),
            "ready_for": report.config.then(|| {
                let each = report.engines.iter().map(|engine| (engine.clone(), report.is_ready_for(engine).into()));
                each.collect::<serde_json::Map<String, Value>>()
            }),
            "fragment": report.fragment(),
            "turn_on": report.turn_on(),
            "notes": kernel.notes,
            "report": report,
        })
    }

    fn lines(&self, variant: &str) -> Vec<String> {
        let Self { kernel, cmdline, report } = self;
        let mut lines =
            vec![format!("{BOLD}{} ({}), variant {variant}: {cmdline:?}{PLAIN}", kernel.name, kernel.release)];
        lines.extend(kernel.notes.iter().map(|note| format!("  note: {note}")));
        if report.config {
            report.groups.iter().for_each(|group| lines.extend(of_group(group)));
        } else {
            lines.push("  its build options are not to be had: only the version is judged".to_owned());
            lines.push("  give the kernel's .config beside it, or boot it: `kernrig run` probes".to_owned());
        }
        for warning in &report.warnings {
            lines.push(format!("  {YELLOW}warning{PLAIN} ({}) {}", warning.engines.join(", "), warning.text));
        }
        lines.extend(self.summary());
        lines.push(String::new());
        lines
    }

    fn summary(&self) -> Vec<String> {
        let report = &self.report;
        if !report.config {
            return vec![format!("  {YELLOW}not known{PLAIN} whether it is ready for {}", report.engines.join(", "))];
        }
        let mut lines = Vec::new();
        let words = report.turn_on();
        if !words.is_empty() {
            lines.push(format!("  to turn on what is off, boot it with: {}", words.join(" ")));
        }
        let fragment = report.fragment();
        if !fragment.is_empty() {
            lines.push("  to build what is missing, add to its .config:".to_owned());
            lines.extend(fragment.iter().map(|line| (*line).to_owned()));
        }
        let (ready, not): (Vec<&str>, Vec<&str>) =
            report.engines.iter().map(String::as_str).partition(|engine| report.is_ready_for(engine));
        if !not.is_empty() {
            lines.push(format!("  {RED}NOT READY{PLAIN} for {}", not.join(", ")));
        }
        if !ready.is_empty() {
            lines.push(format!("  {GREEN}ready{PLAIN} for {}", ready.join(", ")));
        }
        lines
    }
}

fn of_group(group: &GroupReport) -> Vec<String> {
    let mut lines = vec![format!("  {BOLD}{}{PLAIN}", group.name)];
    lines.extend(group.findings.iter().map(of_finding));
    if !group.none_for.is_empty() {
        lines.push(format!("    {RED}NONE{PLAIN}     {} needs at least one of these", group.none_for.join(", ")));
    }
    lines
}

fn of_finding(finding: &Finding) -> String {
    let (mark, colour) = match (finding.state, finding.is_fatal()) {
        (State::BuiltIn, _) => ("ok", GREEN),
        (State::Module, _) => ("module", GREEN),
        (State::Unknown, _) => ("unknown", YELLOW),
        (State::Off, true) => ("OFF", RED),
        (State::Off, false) => ("off", YELLOW),
        (State::Missing, true) => ("MISSING", RED),
        (State::Missing, false) => ("missing", YELLOW),
    };
    let options: Vec<String> = finding.options.iter().map(|name| format!("CONFIG_{name}")).collect();
    let mut what = options.join(" or ");
    if finding.unset {
        what.push_str(" is not set");
    }
    if let Some(name) = &finding.name {
        what = format!("{what} ({name})");
    }
    let line = format!("    {colour}{mark:<8}{PLAIN} {what:<44}");
    if finding.state.is_there() {
        let on = finding.turn_on.as_ref().map(|words| format!(" off by default, on by {words}"));
        return format!("{line}{}", on.unwrap_or_default()).trim_end().to_owned();
    }
    format!("{line} {}: {}", who(finding), off(finding).unwrap_or(finding.why.clone()))
}

/// `required by docker, wanted by lxc`.
fn who(finding: &Finding) -> String {
    let part =
        |how: &str, engines: &[String]| (!engines.is_empty()).then(|| format!("{how} by {}", engines.join(", ")));
    let parts = [part("required", &finding.required), part("wanted", &finding.wanted)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn off(finding: &Finding) -> Option<String> {
    if finding.state != State::Off {
        return None;
    }
    let by_word = finding.turned_off_by.as_ref().map(|word| format!("built in, turned off by {word}"));
    by_word.or_else(|| finding.turn_on.as_ref().map(|words| format!("built in, off by default; {words} turns it on")))
}
