//! `kernrig repro`: a fault is found, counted and named where it is, and looked for in vain where it is not.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::rig::{kernrig, old_kernel, skipped};

const OLD: &str = "docker#407 on";

/// Exit code, the one finding, and all that was printed.
fn repro(arguments: &[&str]) -> (i32, serde_json::Value, String) {
    let out = tempfile::tempdir().expect("a folder for the output");
    let mut command = kernrig();
    command.args(["repro", "--format", "json", "--out"]).arg(out.path()).args(arguments);
    let Output { status, stdout, stderr } = command.output().expect("kernrig starts");
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    let found: serde_json::Value = serde_json::from_slice(&stdout).unwrap_or_default();
    let kept = std::fs::read_to_string(out.path().join("repro.json")).unwrap_or_default();
    assert_eq!(kept.trim(), String::from_utf8_lossy(&stdout).trim(), "what is kept is what is printed");
    let console = found[0]["sighting"]["console"].as_str();
    assert!(console.is_none_or(|path| Path::new(path).exists()), "{found}");
    (status.code().unwrap_or(-1), found[0].clone(), stderr)
}

fn cannot_be_had(code: i32, stderr: &str) -> bool {
    let absent = code == 2 && stderr.contains("is not to be had");
    if absent {
        skipped(&format!("repro on debian-6.1: the kernel cannot be had here:\n{stderr}"));
    }
    absent
}

#[test]
fn an_oops_that_always_shows_is_counted_and_named() {
    let (code, found, stderr) = repro(&["selftest::oops", "-k", "debian-6.1", "--variant", "default", "--tries", "2"]);
    if cannot_be_had(code, &stderr) {
        return;
    }
    assert_eq!(code, 0, "{found:#}\n{stderr}");
    let sighting = &found["sighting"];
    assert_eq!((&sighting["shown"], &sighting["tries"]), (&2.into(), &2.into()), "{found:#}");
    assert!(sighting["interval_95"][0].as_f64().is_some_and(|low| (0.3..0.4).contains(&low)), "{found:#}");
    assert!(sighting["report"]["title"].as_str().is_some_and(|title| title.contains("dereference")), "{found:#}");
    let repeat = sighting["repeat"].as_str().unwrap_or_default();
    assert!(repeat.starts_with("kernrig repro selftest::oops -k debian-6.1 --variant default"), "{repeat}");
    assert_eq!(found["boots"], "cold");
}

#[test]
fn a_good_test_is_tried_in_vain() {
    let (code, found, stderr) = repro(&["ns::uts::hostname_is_private", "-k", "debian-6.1", "--tries", "2"]);
    if cannot_be_had(code, &stderr) {
        return;
    }
    assert_eq!(code, 1, "{found:#}\n{stderr}");
    assert_eq!((&found["reproduced"], &found["tries"]), (&false.into(), &2.into()), "{found:#}");
}

#[test]
fn another_crash_than_the_one_looked_for_is_not_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = "[[issue]]\nid = \"x#1\"\ntitle = \"x\"\naffected = [\"*\"]\ntests = [\"selftest::oops\"]\n\
        signature = { kinds = [\"WARNING\"], any = [\"no_such_function\"] }\nreason = \"x\"\n";
    std::fs::write(folder.path().join("known-issues.toml"), list).expect("a list");
    let mut command = kernrig();
    command.current_dir(folder.path()).args(["repro", "x#1", "-k", "debian-6.1", "--tries", "1"]);
    let Output { status, stdout, stderr } = command.output().expect("kernrig starts");
    let printed = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if cannot_be_had(status.code().unwrap_or(-1), &printed) {
        return;
    }
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("showed something else 1 times") && printed.contains("0 of 1"), "{printed}");
}

#[test]
fn a_vm_in_the_users_hands_can_be_read_and_is_gone_afterwards() {
    let out = tempfile::tempdir().expect("a folder for the output");
    let mut command = kernrig();
    command.args(["repro", "selftest::oops", "-k", "debian-6.1", "--on-crash", "gdb", "--dump", "--out"]);
    command.arg(out.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("kernrig starts");
    let (mut pid, mut socket, mut printed) = (None, None, String::new());
    for line in BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok) {
        printed.push_str(&line);
        printed.push('\n');
        pid = line.split_once("QEMU has pid ").map(|(_, pid)| pid.to_owned()).or(pid);
        let target = line.split_once("target remote ").and_then(|(_, rest)| rest.split('\'').next());
        socket = target.map(str::to_owned).or(socket);
        if line.starts_with("Enter") {
            let socket = socket.clone().expect("a port for gdb");
            std::os::unix::net::UnixStream::connect(&socket).unwrap_or_else(|e| panic!("{socket}: {e}"));
            child.stdin.take().expect("its input").write_all(b"\n").expect("Enter");
        }
    }
    let output = child.wait_with_output().expect("it ends");
    if cannot_be_had(output.status.code().unwrap_or(-1), &String::from_utf8_lossy(&output.stderr)) {
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let pid = pid.unwrap_or_else(|| panic!("no pid in {printed}"));
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "QEMU is left over");
    assert!(!Path::new(&socket.unwrap_or_default()).exists(), "a socket is left over");
    let memory = std::fs::File::open(out.path().join("memory.elf")).expect("a dump");
    let mut start = [0; 4];
    std::io::Read::read_exact(&mut &memory, &mut start).expect("it is not empty");
    assert_eq!(&start, b"\x7fELF");
}

/// Hunts an issue on an old kernel; `None` without it.
fn on_old(issue: &str, start: &str, more: &[&str]) -> Option<(i32, serde_json::Value, String)> {
    let folder = old_kernel(start, &format!("{OLD} {start}"))?;
    let mut arguments = vec![issue, "-k", folder.to_str().expect("a path of text")];
    arguments.extend(more);
    Some(repro(&arguments))
}

#[test]
fn docker_407_shows_on_kernels_before_3_8_and_its_frames_are_named() {
    for start in ["2.6.32", "3.5"] {
        let Some((code, found, stderr)) = on_old("docker#407", start, &["--for", "2m"]) else { continue };
        assert_eq!(code, 0, "{start}: {found:#}\n{stderr}");
        let frames = found["sighting"]["report"]["frames"].to_string();
        let known = ["d_hash_and_lookup", "proc_flush_task", "mntput_no_expire"];
        assert!(known.iter().any(|frame| frames.contains(frame)), "{start}: {found:#}");
        assert!(found["sighting"]["first_after_s"].as_f64().is_some_and(|s| s < 120.0), "{start}: {found:#}");
    }
}

#[test]
fn a_test_that_history_calls_unsafe_runs_when_it_is_named() {
    let more = ["--variant", "slub-debug", "--tries", "1"];
    let Some((code, found, stderr)) = on_old("ns::pid::exec_by_a_thread_keeps_init", "3.5", &more) else { return };
    assert_eq!(code, 0, "{found:#}\n{stderr}");
    assert!(found["notes"].to_string().contains("run all the same"), "{found:#}");
}
