//! Help, lists, and what is refused.

use std::process::Stdio;

use crate::{finish, folder, kernrig};

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let folder = folder();
    let (code, stdout, _) = finish(kernrig(&folder).arg("--help"));
    assert_eq!(code, 0);
    for word in [
        "run",
        "repro",
        "list",
        "check",
        "kernels",
        "doctor",
        "init",
        "decode",
        "known",
        "Exit codes:",
        "--mirror",
        "--offline",
    ] {
        assert!(stdout.contains(word), "no {word} in\n{stdout}");
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let folder = folder();
    for arguments in
        [&[][..], &["runn"], &["run", "--deadline", "soon"], &["run", "--smp", "0"], &["list", "--mirror", "x"]]
    {
        let (code, stdout, stderr) = finish(kernrig(&folder).args(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn list_prints_each_test_once() {
    let folder = folder();
    let (code, stdout, _) = finish(kernrig(&folder).arg("list"));
    assert_eq!(code, 0);
    let names: Vec<&str> = kernrig_catalog::TESTS.iter().map(|t| t.name).collect();
    assert_eq!(stdout.lines().collect::<Vec<_>>(), names);
}

#[test]
fn list_takes_globs_and_says_what_a_test_needs() {
    let folder = folder();
    let (code, stdout, _) = finish(kernrig(&folder).args(["list", "--long", "ns::uts::*"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("ns::uts::hostname_is_private") && stdout.contains("CONFIG_UTS_NS"), "{stdout}");
    assert!(!stdout.contains("ns::pid"), "{stdout}");
    let (code, _, stderr) = finish(kernrig(&folder).args(["list", "ns::utz::*"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("ns::utz::*"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = folder();
    let mut command = kernrig(&folder);
    let mut child =
        command.args(["list", "--long"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_could_not_be_printed_is_an_error() {
    let folder = folder();
    for arguments in [&["list"][..], &["--help"], &["init"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a full disk");
        let output = kernrig(&folder).args(arguments).stdout(full).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert_eq!(stderr.matches("standard output").count(), 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn without_a_home_no_folder_is_guessed() {
    let folder = folder();
    let homeless = |command: &mut std::process::Command| {
        finish(command.env_remove("HOME").env_remove("XDG_CACHE_HOME").env_remove("KERNRIG_CACHE"))
    };
    for arguments in [&["kernels", "du"][..], &["doctor"], &["kernels", "list", "--offline"]] {
        let (code, stdout, stderr) = homeless(kernrig(&folder).args(arguments));
        assert_eq!(code, 2, "{arguments:?}");
        assert!(format!("{stdout}{stderr}").contains("--cache DIR"), "{arguments:?}: {stdout}{stderr}");
    }
    assert_eq!(homeless(kernrig(&folder).args(["kernels", "du", "--cache", "here"])).0, 0);
}

#[test]
fn without_qemu_it_says_what_to_install() {
    let folder = folder();
    let (code, _, stderr) = finish(kernrig(&folder).arg("run").env("PATH", "/nowhere"));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("qemu-system-x86"), "{stderr}");
    let (code, stdout, _) = finish(kernrig(&folder).arg("doctor").env("PATH", "/nowhere"));
    assert_eq!(code, 2, "{stdout}");
    assert!(stdout.contains("qemu-system-x86"), "{stdout}");
}

#[test]
fn a_pattern_without_a_kernel_or_a_test_is_an_error() {
    let folder = folder();
    for arguments in [["-k", "debiam-*"], ["-t", "ns::utz::*"], ["--group", "olf"], ["--variant", "mencg"]] {
        let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--offline"]).args(arguments));
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains(arguments[1]), "{arguments:?}: {stderr}");
    }
    for (arguments, meant) in [
        (["-k", "debain-6.1"], "did you mean debian-6.1?"),
        (["-t", "hostname_is_private"], "did you mean ns::uts::hostname_is_private?"),
    ] {
        let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--offline"]).args(arguments));
        assert!(code == 2 && stderr.contains(meant), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_parameter_that_no_test_takes_is_refused_before_anything_boots() {
    let folder = folder();
    for (test, param, words) in [
        ("churn::*", "iteration=5", &["--param iteration", "did you mean iterations?", "seed"][..]),
        ("churn::*", "iterations=0", &["--param iterations=0", "churn::namespaces::uts takes 1 to"]),
        ("ns::uts::*", "iterations=5", &["none of the selected tests has parameters"]),
        ("churn::*", "iterations=many", &["NAME=N"]),
        ("chrun::*", "iterations=5", &["chrun::*", "did you mean churn::"]),
    ] {
        let arguments = ["run", "--dry-run", "--offline", "-t", test, "--param", param];
        let (code, _, stderr) = finish(kernrig(&folder).args(arguments));
        assert_eq!(code, 2, "{param}: {stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{test} {param}: {stderr}");
    }
    let (_, stdout, _) = finish(kernrig(&folder).args(["list", "--long", "churn::namespaces::net"]));
    assert!(stdout.contains("--param iterations=4 (1 to 10000000)"), "{stdout}");
}

#[test]
fn a_dry_run_prints_each_cell_and_boots_nothing() {
    let Some(kernels) = std::env::var_os("KERNRIG_KERNELS") else {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: --dry-run: KERNRIG_KERNELS does not name a folder of kernels\n"),
        )
        .ok();
        return;
    };
    let entries = std::fs::read_dir(kernels).expect("a folder").filter_map(Result::ok).map(|e| e.path());
    let kernel = entries.filter(|p| p.is_dir()).min().expect("a kernel");
    let folder = folder();
    // No PATH, no QEMU: a plan needs none.
    let (code, stdout, stderr) =
        finish(kernrig(&folder).args(["run", "--dry-run", "-k"]).arg(&kernel).env("PATH", "/nowhere"));
    assert_eq!(code, 0, "{stderr}");
    for test in kernrig_catalog::TESTS.iter().filter(|t| !t.selftest) {
        let told =
            |line: &&str| line.split_whitespace().nth(1).map(|word| word.trim_end_matches(':')) == Some(test.name);
        assert_eq!(stdout.lines().filter(told).count(), 1, "{}\n{stdout}", test.name);
    }
    assert!(!folder.path().join("kernrig-out").exists());
}
