//! Real kernels beside each other: every real difference is said, with the version that explains it, and no other.

use std::process::{Command, Output};

use serde_json::Value;

use crate::rig::{kernrig, skipped};

/// Groups in which 6.1 and 6.12 differ, and one in which they do not.
const GROUPS: &[&str] = &["-t", "ns::uts::*", "-t", "ns::mount::*mount*", "-t", "cgroup1::memory_limit*"];

/// Exit code and document of `qualify`; `None`, and said so, where a kernel cannot be had.
fn qualify(what: &str, arguments: &[&str]) -> Option<(i32, Value)> {
    let out = tempfile::tempdir().expect("a folder");
    let mut command: Command = kernrig();
    command.args(["qualify", "--format", "json", "--jobs", "1", "--out"]).arg(out.path()).args(arguments).args(GROUPS);
    let Output { status, stdout, stderr } = command.output().expect("kernrig starts");
    let said = String::from_utf8_lossy(&stderr);
    if status.code() == Some(2) && said.contains("no kernel ") {
        skipped(&format!("{what}: a kernel cannot be had here:\n{said}"));
        return None;
    }
    let document = serde_json::from_slice(&stdout).unwrap_or_else(|e| panic!("{e}\n{said}"));
    Some((status.code().unwrap_or(-1), document))
}

fn differences(document: &Value) -> Vec<&Value> {
    let pairs = document["pairs"].as_array().expect("pairs");
    pairs.iter().flat_map(|pair| pair["differences"].as_array().expect("differences")).collect()
}

#[test]
fn every_difference_of_6_1_and_6_12_is_explained_by_a_version() {
    let kernels = ["--baseline-kernel", "debian-6.1", "-k", "debian-6.12"];
    let Some((code, document)) = qualify("qualify of 6.1 against 6.12", &kernels) else { return };
    let all = differences(&document);
    for difference in &all {
        let because = difference["because"].as_array().expect("reasons");
        let by_version = |b: &Value| b.as_str().is_some_and(|text| text.contains("Linux 6."));
        assert!(because.iter().any(by_version), "{difference:#}");
    }
    let of = |change: &str| all.iter().filter(|d| d["change"] == change).count();
    assert!(of("gained-coverage") >= 3 && of("lost-coverage") >= 1, "{document:#}");
    assert_eq!(of("gained-coverage") + of("lost-coverage"), all.len(), "{document:#}");
    assert_eq!(code, 1, "version 1 of cgroups is built without memory there: {document:#}");
}

#[test]
fn a_kernel_beside_its_own_packages_under_another_name_has_no_difference() {
    let kernels = ["--baseline-kernel", "cloud-6.1.0-56", "-k", "debian-6.1"];
    let Some((code, document)) = qualify("qualify of one build twice", &kernels) else { return };
    if differences(&document).is_empty() {
        assert_eq!((code, &document["verdict"]), (0, &Value::from("qualified")));
    } else {
        panic!("{document:#}");
    }
}
