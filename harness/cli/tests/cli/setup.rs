//! `ci/setup.sh` on machines that lack everything: what it says before it does anything.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::{finish, folder};

/// The set-up on a machine that has a shell, sed and head, and nothing else but `more`.
fn setup(what: &str, more: &[(&str, &str)]) -> Option<(i32, String, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci/setup.sh");
    if !script.exists() {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: set-up: this crate was unpacked on its own, without ci/setup.sh\n"),
        )
        .ok();
        return None;
    }
    let bin = folder();
    for tool in ["sh", "sed", "head", "dirname", "env"] {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|p| p.join(tool)).find(|p| p.exists()).expect("a plain tool");
        symlink(found, bin.path().join(tool)).expect("a link");
    }
    for (name, script) in more {
        let file = bin.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("executable");
    }
    let mut command = Command::new(bin.path().join("sh"));
    command.arg(script).arg(what).env_clear().env("PATH", bin.path()).env("HOME", "/nonexistent");
    Some(finish(&mut command))
}

#[test]
fn without_a_known_package_manager_it_prints_the_list_and_stops() {
    let Some((code, stdout, stderr)) = setup("test", &[]) else { return };
    assert_eq!((code, stdout.as_str()), (1, ""));
    for word in ["qemu-system-x86", "gpgv", "gcc", "gnupg", "libxml2-utils", "rust"] {
        assert!(stderr.contains(word), "no {word} in {stderr}");
    }
}

#[test]
fn it_says_what_it_installs_before_it_does() {
    let apt = [
        ("id", "echo 0"),
        ("apt-cache", "case $2 in rustc) echo '  Candidate: 1.63.0';; *) echo '  Candidate: 1.96.0+x';; esac"),
        ("apt-get", "echo \"DONE: $*\" >&2"),
    ];
    let Some((code, _, stderr)) = setup("run", &apt) else { return };
    assert_eq!(code, 0, "{stderr}");
    let done = stderr.find("DONE:").expect("it installs");
    for package in ["qemu-system-x86", "gcc", "rustc-web cargo-web"] {
        assert!(stderr.find(package).is_some_and(|at| at < done), "{package} is not named first:\n{stderr}");
    }
    assert!(stderr[done..].contains("--no-install-recommends"), "{stderr}");
    assert!(!stderr.contains("update"), "the lists are there already:\n{stderr}");
}

#[test]
fn the_tests_get_the_lints_of_the_compiler_that_is_taken() {
    let newer = "case $2 in rustc) echo '  Candidate: 1.63.0';; *) echo '  Candidate: 1.96.0+x';; esac";
    let apt = |candidates| [("id", "echo 0"), ("apt-cache", candidates), ("apt-get", "echo \"DONE: $*\" >&2")];
    let Some((code, _, stderr)) = setup("test", &apt(newer)) else { return };
    assert_eq!(code, 0, "{stderr}");
    for package in [" rustc-web cargo-web", " rustfmt-web", " rust-web-clippy", " shellcheck"] {
        assert!(stderr.contains(package), "no {package} in {stderr}");
    }
    let Some((_, _, stderr)) = setup("test", &apt("echo '  Candidate: 1.96.0'")) else { return };
    for package in [" rustc cargo", " rustfmt ", " rust-clippy"] {
        assert!(stderr.contains(package), "no {package} in {stderr}");
    }
    let Some((_, _, stderr)) = setup("run", &apt(newer)) else { return };
    assert!(!stderr.contains("clippy") && !stderr.contains("shellcheck"), "{stderr}");
}

#[test]
fn lints_that_cannot_be_installed_stop_nothing() {
    let there = ["gcc", "qemu-system-x86_64", "gpgv", "gpg", "xmllint"].map(|name| (name, "true"));
    let rust = [("rustc", "echo 'rustc 1.96.0'"), ("cargo", "true"), ("id", "echo 1000")];
    let Some((code, _, stderr)) = setup("test", &[&there[..], &rust].concat()) else { return };
    assert!(stderr.contains("shellcheck"), "{stderr}");
    // The keyring's place is absolute, and not every machine has it.
    let whole = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").exists();
    assert_eq!(code, i32::from(!whole), "{stderr}");
}

#[test]
fn the_lints_of_a_compiler_that_is_there_come_from_where_it_came() {
    let there = [
        ("id", "echo 0"),
        ("rustc", "echo 'rustc 1.96.0'"),
        ("cargo", "[ $1 = --version ]"),
        ("dpkg-query", "case $* in *cargo-web) echo 'install ok installed';; *) exit 1;; esac"),
        ("apt-cache", "echo '  Candidate: 1.96.0'"),
        ("apt-get", "echo \"DONE: $*\" >&2"),
    ];
    let Some((code, _, stderr)) = setup("test", &there) else { return };
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("rustfmt-web") && stderr.contains("rust-web-clippy"), "{stderr}");
    assert!(!stderr.contains("rustc-web"), "{stderr}");
    // rustup has components of its own; the rest is apt's all the same.
    let Some((code, _, stderr)) = setup("test", &[&there[..], &[("rustup", "true")]].concat()) else { return };
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains(" shellcheck") && !stderr.contains("rustfmt"), "{stderr}");
}

#[test]
fn without_root_and_sudo_it_changes_nothing_and_prints_the_command() {
    let apt = [("id", "echo 1000"), ("apt-cache", "echo '  Candidate: 1.96.0'"), ("apt-get", "echo \"DONE: $*\" >&2")];
    let Some((code, _, stderr)) = setup("build", &apt) else { return };
    assert_eq!(code, 1, "{stderr}");
    assert!(!stderr.contains("DONE:") && stderr.contains("apt-get install"), "{stderr}");
    assert!(!stderr.contains("installing:") && !stderr.contains("refreshing"), "{stderr}");
}

#[test]
fn a_compiler_that_is_too_old_everywhere_ends_with_advice() {
    let apt = [
        ("id", "echo 0"),
        ("apt-cache", "echo '  Candidate: 1.63.0'"),
        ("apt-get", "[ \"$1\" = update ] || echo \"DONE: $*\" >&2"),
    ];
    let Some((code, _, stderr)) = setup("build", &apt) else { return };
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("rustup") && !stderr.contains("DONE:"), "{stderr}");
}
