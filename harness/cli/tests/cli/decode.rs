//! `kernrig decode`: titles out, and what the exit code says.

use std::fs;

use crate::{finish, folder, kernrig};

const WARNING: &str = "\
[    1.000000] ------------[ cut here ]------------
[    1.000000] WARNING: CPU: 0 PID: 147 at fs/proc/generic.c:399 proc_register+0x182/0x220
[    1.000000] Modules linked in: pktgen(E+)
[    1.000000] CPU: 0 PID: 147 Comm: insmod Tainted: G            E      6.1.0-13-cloud-amd64 #1
[    1.000000] RIP: 0010:proc_register+0x182/0x220
[    1.000000] Call Trace:
[    1.000000]  <TASK>
[    1.000000]  proc_create_data+0x56/0x80
[    1.000000]  pktgen_init+0x40/0x80 [pktgen]
[    1.000000]  </TASK>
[    1.000000] ---[ end trace 0000000000000000 ]---
";

#[test]
fn a_log_with_a_complaint_ends_with_1_and_prints_its_title() {
    let folder = folder();
    fs::write(folder.path().join("console.log"), WARNING).expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["decode", "console.log"]));
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(stdout.lines().next(), Some("WARNING: proc registration bug in pktgen_init"));
    assert!(stdout.contains("lines 1 to 11") && stdout.contains("task insmod"), "{stdout}");
}

#[test]
fn line_and_json_print_every_report() {
    let folder = folder();
    fs::write(folder.path().join("console.log"), WARNING.repeat(2)).expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["decode", "--format", "line", "console.log"]));
    let line = "WARNING: proc registration bug in pktgen_init\tok\tWARNING\tWARNING:pktgen_init\n";
    assert_eq!((code, stdout), (1, line.repeat(2)), "{stderr}");
    let (code, stdout, stderr) =
        finish(kernrig(&folder).args(["decode", "--format", "json", "console.log", "console.log"]));
    assert_eq!((code, stdout.lines().count()), (1, 4), "{stderr}");
    for line in stdout.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(value["file"], "console.log");
        assert_eq!(value["report"]["stack"][0]["function"], "proc_create_data");
    }
    let (_, stdout, _) = finish(kernrig(&folder).args(["decode", "console.log"]));
    assert!(stdout.ends_with("2 times in all: WARNING: proc registration bug in pktgen_init\n"), "{stdout}");
}

#[test]
fn a_clean_log_ends_with_0() {
    let folder = folder();
    fs::write(folder.path().join("console.log"), "[    0.000000] Linux version 6.1.0\n").expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["decode", "console.log"]));
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    // Standard input of a test is empty.
    assert_eq!(finish(kernrig(&folder).args(["decode", "-"])).0, 0);
}

#[test]
fn a_log_that_cannot_be_read_ends_with_2() {
    let folder = folder();
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["decode", "nowhere.log"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("nowhere.log"), "{stderr}");
}

#[test]
fn a_benign_list_that_cannot_be_read_fails_the_run() {
    let folder = folder();
    fs::write(folder.path().join("benign.toml"), "[[benign]]\nsignature = \"WARNING:f\"\n").expect("a file");
    let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("benign.toml") && stderr.contains("releases"), "{stderr}");
}

#[test]
fn what_is_no_log_ends_with_2_and_is_never_taken_for_a_clean_one() {
    let folder = folder();
    fs::write(folder.path().join("log.gz"), b"\x1f\x8b\x08\0\0\0\0\0").expect("a file");
    for (path, why) in [("log.gz", "zcat"), (".", "directory"), ("nowhere", "No such file")] {
        let (code, stdout, stderr) = finish(kernrig(&folder).args(["decode", path]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    }
}
