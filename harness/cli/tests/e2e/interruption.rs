//! A run that is cut short: no QEMU is left, and what had been shown is on disk.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use kernrig_events::Event;

use crate::rig::{events, kernrig, old_kernel, run};

/// The process ids of QEMUs that belong to this output folder's run: their parent was `pid` when they were seen.
fn qemus_of(pid: u32) -> Vec<u32> {
    let is_qemu = |p: u32| fs::read_to_string(format!("/proc/{p}/comm")).is_ok_and(|c| c.starts_with("qemu-system"));
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(Result::ok);
    tasks
        .filter_map(|t| fs::read_to_string(t.path().join("children")).ok())
        .flat_map(|c| c.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<u32>>())
        .filter(|p| is_qemu(*p))
        .collect()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

fn gone(pid: u32) -> bool {
    // A zombie that its new parent has not reaped yet is gone as well.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |s| s.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

fn start(kernel: &Path, out: &Path) -> Child {
    kernrig()
        .args(["run", "--jobs", "1", "-t", "ns::uts::*", "-t", "ns::ipc::*", "-t", "ns::net::*", "-k"])
        .arg(kernel)
        .arg("--out")
        .arg(out)
        .arg("--junit")
        .arg(out.join("junit.xml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kernrig starts")
}

#[test]
fn sigkill_leaves_no_qemu_and_every_shown_verdict_on_disk() {
    let Some(kernel) = old_kernel("3.5", "SIGKILL at 20 moments") else { return };
    // The moments are spread over a whole run: after so many lines of output, and some before the first.
    let (mut seen_qemus, mut seen_verdicts) = (0, 0);
    for moment in 0..20 {
        let out = tempfile::tempdir().expect("a folder");
        let mut child = start(&kernel, out.path());
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut shown = Vec::new();
        let mut lines = stdout.lines().map_while(Result::ok);
        if moment < 4 {
            wait_until("a QEMU", || !qemus_of(child.id()).is_empty() || child.try_wait().is_ok_and(|s| s.is_some()));
        } else {
            shown.extend(lines.by_ref().take(moment - 2));
        }
        let qemus = qemus_of(child.id());
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
        shown.extend(lines);
        seen_qemus += qemus.len();
        wait_until("QEMU to be gone", || qemus.iter().all(|p| gone(*p)));
        let on_disk: Vec<_> = events(out.path())
            .into_iter()
            .filter_map(|e| if let Event::TestFinished(o) = e { Some(o.cell.test) } else { None })
            .collect();
        for line in shown
            .iter()
            .filter(|l| ["pass", "fail", "skip"].iter().any(|v| l.trim_start().to_lowercase().starts_with(v)))
        {
            seen_verdicts += 1;
            let known = on_disk.iter().any(|t| line.contains(t.as_str()));
            assert!(known, "shown and not on disk at moment {moment}: {line}\n{on_disk:?}");
        }
    }
    assert!(seen_qemus >= 5 && seen_verdicts >= 20, "{seen_qemus} QEMUs and {seen_verdicts} verdicts prove nothing");
    let after = run(&["-k", kernel.to_str().expect("text"), "-t", "ns::uts::*"]);
    assert_eq!(after.code, 0, "the next run is unharmed\n{}", after.printed);
}

#[test]
fn sigterm_reports_what_was_done() {
    let Some(kernel) = old_kernel("2.6.32", "SIGTERM") else { return };
    let out = tempfile::tempdir().expect("a folder");
    let mut child = start(&kernel, out.path());
    wait_until("the first verdict", || {
        events(out.path()).iter().any(|e| matches!(e, Event::TestFinished(o) if o.verdict.label() == "pass"))
    });
    let pid = i32::try_from(child.id()).expect("a pid");
    // SAFETY: kill(2) with a child's pid that has not been reaped.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    let status = child.wait().expect("reaped");
    assert_eq!(status.code(), Some(2));
    let events = events(out.path());
    assert!(matches!(events.last(), Some(Event::RunFinished { interrupted: Some(_), .. })), "{:#?}", events.last());
    let junit = fs::read_to_string(out.path().join("junit.xml")).expect("a report");
    assert!(junit.contains("<testcase"), "{junit}");
}

#[test]
fn a_deadline_starts_nothing_that_would_not_end_in_time() {
    let Some(kernel) = old_kernel("2.6.32", "--deadline") else { return };
    let finished = run(&["-k", kernel.to_str().expect("text"), "-t", "ns::uts::*", "--deadline", "1s"]);
    assert_eq!(finished.code, 2, "{}", finished.printed);
    assert!(!finished.events.iter().any(|e| matches!(e, Event::VmStarted { .. })), "{}", finished.printed);
    assert!(finished.outcomes().all(|o| ["not-reached", "skip"].contains(&o.verdict.label())));
}
