//! Bisecting over real kernels of Debian: a documented change is found, in few boots, and gone on with.

use std::fs;
use std::path::Path;
use std::process::Command;

use kernrig_events::Event;
use kernrig_toy_archive::{Deb, Layout, Toy, bzimage};

use crate::rig::{events, kernrig, skipped};

/// Mended in Debian's 5.10.244-1, by its changelog, and in 6.1 before all that the mirror has: that
/// an unmounted mount's propagation can be changed (12f147ddd6de).
const TEST: &str = "ns::mount::unmounted_one_cannot_be_shared";
const BAD: &str = "cloud-5.10.0-30";
const LAST_BAD: &str = "cloud-5.10.0-32";
const FIRST_GOOD: &str = "cloud-5.10.0-43";
const GOOD: &str = "cloud-6.1.0-52";

fn printed(command: &mut Command) -> (i32, String) {
    let output = command.output().expect("kernrig starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

/// Whether the mirror has the kernels that the change lies between.
fn at_hand(what: &str) -> bool {
    let (_, list) = printed(kernrig().args(["kernels", "list", "--group", "wide"]));
    let missing = [BAD, LAST_BAD, FIRST_GOOD, GOOD].into_iter().find(|name| !list.contains(&format!("{name} ")));
    if let Some(name) = missing {
        skipped(&format!("{what}: the mirror has no {name}"));
    }
    missing.is_none()
}

fn bisect(out: &Path, arguments: &[&str]) -> (i32, String) {
    let ends = ["--bad", BAD, "--good", GOOD, "--accel", "tcg"];
    printed(kernrig().arg("bisect").args(ends).args(arguments).arg("--out").arg(out))
}

fn started(out: &Path) -> usize {
    events(out).iter().filter(|event| matches!(event, Event::VmStarted { .. })).count()
}

#[test]
fn the_first_kernel_of_an_archive_that_was_mended_is_named() {
    if !at_hand("bisecting Debian's kernels") {
        return;
    }
    let out = tempfile::tempdir().expect("a folder");
    let (code, text) = bisect(out.path(), &["-t", TEST]);
    assert_eq!(code, 0, "{text}");
    let length = text.lines().find_map(|line| line.strip_prefix("bisects ")?.split(' ').next()?.parse::<usize>().ok());
    assert!(length.is_some_and(|length| length >= 12), "{text}");
    assert!(text.contains(&format!("first good: {FIRST_GOOD} (5.10.251-5)")), "{text}");
    assert!(text.contains(&format!("last bad: {LAST_BAD} (5.10.223-1): fail {TEST}")), "{text}");
    assert!(text.contains("v5.10.223..v5.10.251 (linux-stable, branch linux-5.10.y)"), "{text}");
    let changelog = fs::read_to_string(out.path().join("changelog.txt")).expect("a changelog");
    assert!(changelog.contains("do_change_type(): refuse to operate on unmounted/not ours mounts"));
    assert!((1..=5).contains(&started(out.path())), "{text}");
    let fetched = text.lines().filter(|line| line.contains("fetching ")).count();
    assert!(fetched <= 12, "{text}");

    let (code, again) = bisect(out.path(), &["-t", TEST]);
    assert_eq!((code, started(out.path())), (0, 0), "what was found out is not found out again: {again}");
    assert!(again.contains(&format!("first good: {FIRST_GOOD} (5.10.251-5)")), "{again}");
    let (code, other) = bisect(out.path(), &["-t", "ns::uts::*"]);
    assert!(code == 2 && other.contains("a search of something else"), "{other}");
}

#[test]
fn a_step_speaks_the_exit_codes_of_git() {
    let step = |arguments: &[&str]| {
        let out = tempfile::tempdir().expect("a folder");
        let mut command = kernrig();
        command.args(["bisect", "step", "--accel", "tcg"]).args(arguments).arg("--out").arg(out.path());
        printed(&mut command)
    };
    let empty = tempfile::tempdir().expect("a folder");
    let folder = format!("{}/", empty.path().display());
    let (code, text) = step(&["-t", TEST, "-k", &folder]);
    assert_eq!(code, 125, "a tree that was not built: {text}");
    for wrong in [&["-t", "ns::utz::*"][..], &["--no-such-option"], &["-k", &folder]] {
        let (code, text) = step(wrong);
        assert_eq!(code, 255, "git would take 2 for bad: {wrong:?} {text}");
    }
    if !at_hand("steps over Debian's kernels") {
        return;
    }
    for (arguments, expected) in [
        (&["-t", TEST, "-k", LAST_BAD][..], 1),
        (&["-t", TEST, "-k", LAST_BAD, "--signature", "EPERM"], 125),
        (&["-t", TEST, "-k", FIRST_GOOD, "--fix"], 1),
        (&["-t", "ns::mount::statmount_describes_a_mount", "-k", FIRST_GOOD], 125),
    ] {
        let (code, text) = step(arguments);
        assert_eq!(code, expected, "{arguments:?}: {text}");
    }
}

#[test]
fn kernels_that_the_archive_has_lost_are_told_and_give_no_verdict() {
    let Some(mut toy) = Toy::new("bisecting an archive with holes") else { return };
    for version in ["6.1.10-1", "6.1.20-1", "6.1.30-1", "6.1.40-1"] {
        let release = format!("6.1.{}-toy", &version[4..6]);
        let mut deb = Deb::new(&format!("linux-image-{release}"), version)
            .file(&format!("./boot/vmlinuz-{release}"), bzimage(&release));
        deb.installed = 100_000;
        toy.add(deb);
    }
    toy.publish(&Layout::new());
    for version in ["6.1.10-1", "6.1.20-1", "6.1.30-1", "6.1.40-1"] {
        // Listed still, and gone.
        toy.withdraw(version);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let matrix = folder.path().join("kernels.toml");
    let text = format!(
        "[archive.toys]\nurl = \"{}\"\nkeyring = \"{}\"\n\n[[kernel]]\nname = \"toy-{{version}}\"\ngroup = \"wide\"\n\
         every = true\npackage = {{ archive = \"toys\", suite = \"toy\", name = \"linux-image-*-toy\" }}\n\n\
         [[variant]]\nname = \"default\"\n",
        toy.server.url,
        toy.keys.keyring().display(),
    );
    fs::write(&matrix, text).expect("a matrix");
    let call = |ends: &[&str]| {
        let mut command = kernrig();
        command.current_dir(folder.path()).arg("--config").arg(&matrix).arg("--cache").arg(folder.path().join("cache"));
        printed(command.args(["bisect", "-t", "ns::uts::*", "--accel", "tcg"]).args(ends))
    };
    let (code, text) = call(&["--good", "6.1.10", "--bad", "6.1.40"]);
    assert_eq!(code, 1, "{text}");
    for name in ["toy-6.1.20", "toy-6.1.30", "toy-6.1.10"] {
        assert!(text.contains(&format!("cannot be judged {name} ")), "{name}: {text}");
    }
    assert!(text.contains("toy-6.1.10 (6.1.10-1), which was said to be good, cannot be judged"), "{text}");
    assert!(text.contains("withdrawn") && text.contains("in 0 boots"), "{text}");
    let (code, text) = call(&["--good", "6.1.10", "--bad", "6.2"]);
    assert!(code == 2 && text.contains("--bad 6.2") && text.contains("go from toy-6.1.10"), "{text}");
    let (code, text) = call(&["--good", "6.1.10", "--bad", "6.1.10-1"]);
    assert!(code == 2 && text.contains("are both toy-6.1.10"), "{text}");
}
