//! `kernrig repro` without a VM: what is refused, and what it says to do instead.

use crate::{finish, folder, kernrig};

fn refused(arguments: &[&str]) -> String {
    let folder = folder();
    let (code, stdout, stderr) = finish(kernrig(&folder).arg("repro").args(arguments));
    assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
    assert!(!folder.path().join("kernrig-out").exists(), "{arguments:?}: nothing is begun");
    stderr
}

#[test]
fn what_there_is_not_is_refused_with_what_looks_like_it() {
    for (arguments, words) in [
        (&["docker#408"][..], &["docker#408", "did you mean docker#407", "kernrig known list"][..]),
        (&["ns::utz::*"], &["ns::utz::*", "did you mean ns::uts::*"]),
        (&["zzz"], &["zzz: there is no such known issue, and no test"]),
        (&["docker#407", "-t", "ns::uts::*"], &["docker#407 has no such test", "bug::docker_407::"]),
        (&["docker#407", "--variant", "slubdebug"], &["--variant slubdebug", "slub-debug"]),
        (&["ns::uts::hostname_is_private", "--param", "workers=2"], &["--param workers", "kernrig list --long"]),
        (&["docker#407", "--tries", "0"], &["--tries"]),
        (&["docker#407", "--on-crash", "panic"], &["pause", "gdb", "shell"]),
        (&["docker#407", "-k", "debian-66"], &["--kernel debian-66"]),
        (&[], &["ID|TEST"]),
    ] {
        let stderr = refused(arguments);
        for word in words {
            assert!(stderr.contains(word), "{arguments:?}: no {word:?} in {stderr}");
        }
    }
}

#[test]
fn a_broken_list_is_named_before_anything_begins() {
    let folder = folder();
    std::fs::write(folder.path().join("known-issues.toml"), "[[issue]]\nid = 3\n").expect("a list");
    let (code, _, stderr) = finish(kernrig(&folder).args(["repro", "docker#407"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("known-issues.toml"), "{stderr}");
}

#[test]
fn a_wrong_step_of_an_issue_is_named() {
    let folder = folder();
    let list = "[[issue]]\nid = \"x#1\"\ntitle = \"x\"\naffected = [\"*\"]\ntests = [\"ns::uts::*\"]\n\
        signature = { outcome = \"fail\" }\nreason = \"x\"\nrepro = [{ test = [\"ns::uts::*\"] }]\n";
    std::fs::write(folder.path().join("known-issues.toml"), list).expect("a list");
    let (code, _, stderr) = finish(kernrig(&folder).args(["repro", "x#1"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("x#1") && stderr.contains("step 1 of its repro"), "{stderr}");
}
