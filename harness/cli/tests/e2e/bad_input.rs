//! Kernels that are none: each is a harness error or a boot failure of its own, and the others still run.

use std::fs;

use crate::rig::{old_kernel, run};

#[test]
fn a_file_that_is_no_kernel_stops_only_itself() {
    let Some(good) = old_kernel("3.5", "a bad kernel beside a good one") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("vmlinuz-bad");
    fs::write(&bad, [0x42; 4096]).expect("a file");
    let truncated = folder.path().join("vmlinuz-cut");
    fs::write(&truncated, &fs::read(good.join("bzImage")).expect("a kernel")[..200_000]).expect("a file");
    let text = |p: &std::path::Path| p.to_str().expect("a path of text").to_owned();
    let finished = run(&["-k", &text(&bad), "-k", &text(&truncated), "-k", &text(&good), "-t", "ns::uts::*"]);
    assert_eq!(finished.code, 2, "{}", finished.printed);
    assert!(
        finished.printed.contains("vmlinuz-bad") && finished.printed.contains("vmlinuz-cut"),
        "{}",
        finished.printed
    );
    for outcome in finished.outcomes() {
        assert!(["pass", "skip"].contains(&outcome.verdict.label()), "{outcome:#?}");
    }
    assert!(finished.outcomes().any(|o| o.verdict.label() == "pass"), "{}", finished.printed);
    assert!(finished.junit().contains("vmlinuz-bad"), "the JUnit file tells of the kernel that could not be had");
}

#[test]
fn a_kernel_that_prints_nothing_is_a_boot_failure() {
    let Some(good) = old_kernel("2.6.32", "a kernel that prints nothing") else { return };
    // A real kernel whose console is sent elsewhere says nothing and never finds its init's channel.
    let finished = run(&[
        "-k",
        good.to_str().expect("a path of text"),
        "-t",
        "ns::uts::*",
        "--append",
        "console=tty0 rdinit=/nothing init=/nothing panic=0",
    ]);
    assert_eq!(finished.code, 1, "the kernel failed, not the harness\n{}", finished.printed);
    let boot = finished.expect("vm::boot", "boot-failure");
    assert!(boot.diagnostics.iter().any(|d| d.contains("qemu-system")), "{boot:#?}");
    for outcome in finished.outcomes().filter(|o| o.cell.test != "vm::boot") {
        assert!(["not-reached", "skip"].contains(&outcome.verdict.label()), "{outcome:#?}");
    }
}
