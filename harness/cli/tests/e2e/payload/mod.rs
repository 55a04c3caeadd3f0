//! The user's own program as a test: judged, blamed and reported as one of kernrig's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kernrig_events::SubtestResult;

use crate::rig::{Finished, kernrig, old_kernel, old_kernels, run, run_with, skipped};

/// A folder with a static program in it, and kernels.toml with one payload for each way it can behave.
struct Toolbox {
    folder: tempfile::TempDir,
}

const WAYS: &[(&str, &str)] = &[
    ("exits-0", r#"args = ["exit", "0"]"#),
    ("exits-3", r#"args = ["exit", "3"]"#),
    ("exits-4", r#"args = ["exit", "4"]"#),
    ("oops", r#"args = ["oops"]"#),
    ("after-the-oops", r#"args = ["exit", "0"]"#),
    ("panic", r#"args = ["panic"]"#),
    ("segv", r#"args = ["segv"]"#),
    ("spin", "args = [\"spin\"]\ndeadline = 1"),
    ("results", r#"args = ["results"]"#),
    ("failed", r#"args = ["failed"]"#),
    ("short", r#"args = ["short"]"#),
    ("no-ktap", "args = [\"exit\", \"0\"]\nresult = \"ktap\""),
    ("failed-by-exit", "args = [\"failed\"]\nresult = \"exit\""),
    ("flood", r#"args = ["flood"]"#),
    ("daemon", r#"args = ["daemon"]"#),
    ("alone", "args = [\"exit\", \"0\"]\nown-boot = true"),
    ("too-new", "args = [\"exit\", \"0\"]\nneeds = { since = \"99.1\" }"),
    ("too-old", "args = [\"exit\", \"0\"]\nneeds = { until = \"2.6.20\" }"),
    ("no-option", "args = [\"exit\", \"0\"]\nneeds = { kconfig = [\"UTS_NS\", \"NOT_THERE|CONFIG_NOR_THIS\"] }"),
    ("veth", "args = [\"exit\", \"0\"]\nneeds = { kconfig = \"VETH\", modules = \"veth\" }"),
    ("mark", r#"args = ["mark"]"#),
    ("marked", r#"args = ["marked"]"#),
];

impl Toolbox {
    /// `None`, and said so, where there is no C compiler.
    fn new(what_is_skipped: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("tool.c");
        fs::write(&source, include_str!("tool.c")).expect("a file");
        let built = Command::new("cc")
            .args([
                "-static",
                "-nostdlib",
                "-ffreestanding",
                "-fno-stack-protector",
                "-fno-pie",
                "-no-pie",
                "-O1",
                "-o",
            ])
            .arg(folder.path().join("tool"))
            .arg(&source)
            .output();
        match built {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("cc: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                skipped(&format!("{what_is_skipped}: no cc: {error}"));
                return None;
            }
        }
        let way = |(name, more): &(&str, &str)| format!("[[payload]]\nname = \"{name}\"\npath = \"tool\"\n{more}\n\n");
        let payloads: String = WAYS.iter().map(way).collect();
        let matrix = format!("{}\n{payloads}", kernrig_kernels::manifest::SHIPPED);
        fs::write(folder.path().join("kernels.toml"), matrix).expect("a file");
        Some(Self { folder })
    }

    fn tool(&self) -> PathBuf {
        self.folder.path().join("tool")
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        run_with(kernrig().current_dir(self.folder.path()), arguments)
    }

    /// Every way on one kernel.
    fn run_all(&self, kernel: &str) -> Finished {
        self.run(&["-k", kernel, "-t", "payload::*"])
    }
}

fn verdicts(finished: &Finished) {
    eprintln!("{}", finished.printed);
    let expect = |name: &str, label, words: &str| {
        let outcome = finished.expect(&format!("payload::{name}"), label);
        let why = outcome.verdict.explanation();
        assert!(why.contains(words), "{name}: {why:?} does not say {words:?}");
        outcome.clone()
    };
    assert_eq!(finished.code, 1, "{}", finished.printed);
    expect("exits-0", "pass", "");
    expect("exits-3", "fail", "exit code 3");
    expect("exits-4", "skip", "exit code 4");
    let segv = expect("segv", "fail", "killed by SIGSEGV; its last line: here it comes");
    assert!(segv.diagnostics.iter().any(|line| line == "<segv>"), "{segv:#?}");
    expect("spin", "hang", "still running after");
    expect("failed", "fail", "1 of 2 results are not ok: <one>");
    expect("short", "fail", "the plan is 1..2, and 1 results came");
    expect("no-ktap", "fail", "printed no KTAP");
    expect("failed-by-exit", "pass", "");
    expect("alone", "pass", "");
    expect("too-new", "skip", "needs Linux 99.1");
    expect("too-old", "skip", "gone since Linux 2.6.20");
    expect("no-option", "skip", "CONFIG_NOT_THERE or CONFIG_NOR_THIS");
    expect("veth", "pass", "");
    expect("mark", "pass", "");
    expect("marked", "fail", "exit code 1");
    let daemon = expect("daemon", "pass", "");
    assert_eq!(daemon.dirt, ["processes"], "what outlives it is told on");
    assert!(daemon.seconds < 30.0, "and does not prolong it: {daemon:#?}");
    let results = expect("results", "pass", "");
    let parts: Vec<_> = results.subtests.iter().map(|s| (s.name.as_str(), s.result)).collect();
    let ok = SubtestResult::Pass;
    assert_eq!(parts, [("one", ok), ("two::in", SubtestResult::Skip), ("two::on", ok)]);
    let flood = expect("flood", "pass", "");
    let said: usize = flood.diagnostics.iter().map(String::len).sum();
    assert!(said < 40_000 && flood.diagnostics.iter().any(|line| line == "last words"), "{said}");
    misdeeds(finished);
    junit(finished);
}

/// The kernel's complaints are laid at the payload that made it complain, and only there.
fn misdeeds(finished: &Finished) {
    let oops = finished.expect("payload::oops", "crash");
    assert!(!oops.reports.is_empty(), "{oops:#?}");
    let after = finished.expect("payload::after-the-oops", "pass");
    assert_ne!(oops.vm, after.vm, "a VM that has oopsed is not used again");
    let panic = finished.expect("payload::panic", "panic");
    assert!(panic.verdict.explanation().contains("sysrq"), "{panic:#?}");
    let alone = finished.expect("payload::alone", "pass");
    let before = finished.expect("payload::flood", "pass");
    assert_ne!(alone.vm, before.vm, "own-boot means a VM in which nothing ran before");
    for outcome in finished.outcomes().filter(|o| !["payload::oops", "payload::panic"].contains(&&*o.cell.test)) {
        assert!(outcome.reports.is_empty(), "{outcome:#?}");
    }
}

fn junit(finished: &Finished) {
    let junit = finished.junit();
    let case = |name: &str| {
        let at = junit.find(&format!("<testcase name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in\n{junit}"));
        &junit[at..at + junit[at..].find("</testcase>").unwrap_or(junit.len() - at)]
    };
    assert!(case("oops").contains("type=\"crash\"") && case("oops").contains("signature: "), "{}", case("oops"));
    assert!(case("panic").contains("type=\"panic\"") && case("panic").contains("sysrq"), "{}", case("panic"));
    assert!(case("two::in").contains(".payload.results\""), "{}", case("two::in"));
    assert!(case("two::in").contains("message=\"no disk\""), "{}", case("two::in"));
    assert!(!junit.contains(['\u{1b}', '\u{1}']), "control characters in the JUnit file");
}

#[test]
fn payloads_behave_in_every_way_on_debian_6_1() {
    let Some(toolbox) = Toolbox::new("payloads on debian-6.1") else { return };
    let finished = toolbox.run_all("debian-6.1");
    if finished.code == 2 && finished.outcomes().count() == 0 {
        skipped(&format!("payloads on debian-6.1: the kernel cannot be had here:\n{}", finished.printed));
        return;
    }
    verdicts(&finished);
}

#[test]
fn a_bad_cell_is_run_again_in_a_fresh_vm_and_a_flake_is_called_one() {
    let Some(toolbox) = Toolbox::new("retries on debian-6.1") else { return };
    let again = |more: &[&str]| {
        let arguments = ["-k", "debian-6.1", "-t", "payload::mark*", "--retries", "2"];
        toolbox.run(&[&arguments, more].concat())
    };
    let finished = again(&["-t", "payload::exits-3"]);
    if finished.code == 2 && finished.outcomes().count() == 0 {
        skipped(&format!("retries on debian-6.1: the kernel cannot be had here:\n{}", finished.printed));
        return;
    }
    assert_eq!(finished.code, 1, "{}", finished.printed);
    let of = |test: &str| finished.outcomes().filter(|o| o.cell.test == test).collect::<Vec<_>>();
    let flaky = of("payload::marked");
    assert_eq!(flaky.iter().map(|o| o.label()).collect::<Vec<_>>(), ["fail", "flaky"], "each is on disk at once");
    assert_eq!(flaky[1].verdict.label(), "pass");
    assert_eq!(flaky[1].earlier.len(), 1);
    assert!(flaky[1].earlier[0].vm == flaky[0].vm && flaky[1].vm != flaky[0].vm, "{flaky:#?}");
    let bad = of("payload::exits-3");
    let vms: std::collections::BTreeSet<_> = bad.iter().map(|o| o.vm).collect();
    assert!(bad.len() == 3 && vms.len() == 3 && bad[2].earlier.len() == 2 && !bad[2].flaky(), "{bad:#?}");
    for told in [
        "flaky debian-6.1 payload::marked",
        "(attempt 1: fail: exit code 1; its last line: <marked>; attempt 2: pass)",
        "1 flaky",
    ] {
        assert!(finished.printed.contains(told), "{told}:\n{}", finished.printed);
    }
    assert!(finished.junit().contains("flaky: attempt 1: fail"), "{}", finished.junit());

    let passes = again(&[]);
    assert_eq!(passes.code, 0, "{}", passes.printed);
    let fails = again(&["--flaky", "fail"]);
    assert_eq!(fails.code, 1, "{}", fails.printed);
    assert!(fails.junit().contains("type=\"flaky\""), "{}", fails.junit());
}

#[test]
fn payloads_behave_in_every_way_on_every_kernel_at_hand() {
    let Some(toolbox) = Toolbox::new("payloads on old kernels") else { return };
    for (_, folder) in old_kernels("payloads on old kernels") {
        verdicts(&toolbox.run_all(text(&folder)));
    }
}

#[test]
fn a_payload_of_the_command_line_runs_alone_with_its_arguments() {
    let Some(toolbox) = Toolbox::new("a payload of the command line") else { return };
    let tool = toolbox.tool();
    let Some(folder) = old_kernel("3.5", "a payload of the command line") else { return };
    let long = "long ".repeat(300);
    let arguments = ["-k", text(&folder), "--payload", text(&tool), "--", "exit", "0", "a b", "\"$x'", "", &long];
    let finished = run(&arguments);
    let outcome = finished.expect("payload::tool", "pass");
    let tests: Vec<_> = finished.outcomes().map(|o| o.cell.test.as_str()).collect();
    assert_eq!(tests, ["payload::tool", "vm::boot"]);
    let said = |line: &str| assert!(outcome.diagnostics.iter().any(|d| d == line), "no {line} in {outcome:#?}");
    ["<exit>", "<a b>", "<\"$x'>", "<>"].into_iter().for_each(said);
    assert!(outcome.diagnostics.iter().any(|d| d.starts_with("<long long")), "{outcome:#?}");
    let both = run(&["-k", text(&folder), "-t", "ns::uts::*", "--payload", text(&tool), "--", "exit", "0"]);
    assert!(both.outcomes().any(|o| o.cell.test.starts_with("ns::uts::")), "{}", both.printed);
    both.expect("payload::tool", "pass");
}

#[test]
fn a_folder_is_carried_with_its_links_and_its_script_runs() {
    let Some(toolbox) = Toolbox::new("a payload that is a folder") else { return };
    let folder = toolbox.folder.path().join("suite");
    fs::create_dir_all(folder.join("bin")).expect("a folder");
    fs::copy(toolbox.tool(), folder.join("bin/tool")).expect("a copy");
    std::os::unix::fs::symlink("bin/tool", folder.join("tool")).expect("a link");
    let script = folder.join("run");
    fs::write(&script, "#!/payload/suite/tool exit 0\n").expect("a file");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permissions");
    for (_, kernel) in old_kernels("a payload that is a folder") {
        let finished = toolbox.run(&["-k", text(&kernel), "--payload", text(&folder)]);
        // One argument from the line of the script, as Linux has it, and then the script itself.
        let outcome = finished.expect("payload::suite", "pass");
        let said = ["<exit 0>", "</payload/suite/run>"];
        assert!(said.iter().all(|line| outcome.diagnostics.iter().any(|d| d == line)), "{outcome:#?}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
