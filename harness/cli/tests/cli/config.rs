//! `kernels.toml`: written by init, and what is said of a wrong one.

use std::fs;

use kernrig_toy_archive::{Deb, Layout, Toy};

use crate::{finish, folder, kernrig};

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_valid_one() {
    let folder = folder();
    fs::write(folder.path().join("kernels.toml"), "[[kernel]]\nname = \"mine\"\nimaeg = \"bzImage\"\n")
        .expect("a file");
    let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run"]));
    assert_eq!(code, 2);
    for word in ["kernels.toml", "3", "imaeg", "image"] {
        assert!(stderr.contains(word), "no {word} in {stderr}");
    }
}

#[test]
fn a_config_that_was_asked_for_and_is_not_there_is_an_error() {
    let folder = folder();
    let (code, _, stderr) = finish(kernrig(&folder).args(["kernels", "list", "--config", "nowhere.toml"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("nowhere.toml"), "{stderr}");
}

#[test]
fn init_writes_a_matrix_that_is_read_and_refuses_to_overwrite_it() {
    let folder = folder();
    let (code, stdout, stderr) = finish(kernrig(&folder).arg("init"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("kernels.toml"), "{stdout}");
    let file = folder.path().join("kernels.toml");
    let written = fs::read_to_string(&file).expect("written");
    assert!(written.contains("[[kernel]]"), "{written}");

    let known = fs::read_to_string(folder.path().join("known-issues.toml")).expect("written");
    assert!(known.contains("[[issue]]"), "{known}");

    fs::write(&file, format!("# mine\n{written}")).expect("edited");
    let (code, _, stderr) = finish(kernrig(&folder).arg("init"));
    assert_eq!(code, 2);
    assert!(stderr.contains("kernels.toml"), "{stderr}");
    assert!(fs::read_to_string(&file).expect("there").starts_with("# mine"), "it was overwritten");

    let (code, stdout, stderr) = finish(kernrig(&folder).args(["kernels", "list", "--offline"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("debian-6.1"), "{stdout}");
}

#[test]
fn a_variant_of_an_impossible_size_is_named_with_its_line() {
    let folder = folder();
    for (key, words) in [("memory = 16", "64 to 1048576"), ("smp = 4096", "1 to 256")] {
        fs::write(folder.path().join("kernels.toml"), format!("[[variant]]\nname = \"big\"\n\n{key}\n"))
            .expect("a file");
        let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run"]));
        assert_eq!(code, 2);
        assert!(stderr.contains("kernels.toml:4: [[variant]] big") && stderr.contains(words), "{stderr}");
    }
}

#[test]
fn a_variant_that_leaves_out_no_test_is_an_error() {
    let folder = folder();
    let variant = "[[variant]]\nname = \"x\"\nleave-out = { tests = \"cgruop1::*\", why = \"y\" }\n";
    fs::write(folder.path().join("kernels.toml"), variant).expect("a file");
    let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--variant", "x", "-k", "./nowhere"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("variant x") && stderr.contains("cgruop1::*"), "{stderr}");
}

/// A matrix with one kernel in an archive that is a folder of this machine and has nothing.
const NOWHERE: &str = r#"
[archive.debian]
url = "file:/nowhere"
[[kernel]]
name = "one"
package = { archive = "debian", suite = "s", name = "linux-image-6.1.*-amd64" }
[[kernel]]
name = "all-{version}"
group = "wide"
every = true
package = { archive = "debian", suite = "s", name = "linux-image-*-amd64" }
"#;

#[test]
fn locked_refuses_what_stands_for_every_version() {
    let folder = folder();
    fs::write(folder.path().join("kernels.toml"), NOWHERE).expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--locked", "--group", "wide"]));
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(stdout.contains("all-{version}: no kernel: --locked"), "{stdout}{stderr}");
}

#[test]
fn a_lock_with_merge_markers_is_refused_by_a_run_and_kept_where_nothing_can_take_its_place() {
    let folder = folder();
    fs::write(folder.path().join("kernels.toml"), NOWHERE).expect("a file");
    let lock = folder.path().join("kernels.lock");
    fs::write(&lock, "<<<<<<< HEAD\n").expect("a file");
    let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run"]));
    assert_eq!(code, 2);
    assert!(stderr.contains("kernels.lock") && stderr.contains("lock --update"), "{stderr}");
    let (code, _, stderr) = finish(kernrig(&folder).args(["kernels", "lock", "--update"]));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("it stays as it is") && stderr.contains("/nowhere"), "{stderr}");
    assert_eq!(fs::read_to_string(&lock).expect("there"), "<<<<<<< HEAD\n");
}

#[test]
fn a_pipe_in_the_hand_is_told_and_not_waited_for() {
    let folder = folder();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["check", "./pipe", "/dev/zero"]));
    assert_eq!(code, 2, "{stdout}");
    assert_eq!(stderr.matches("neither a file nor a folder").count(), 2, "{stderr}");
}

/// A matrix of the kernels of a toy archive.
fn matrix(toy: &Toy, entry: &str) -> tempfile::TempDir {
    let folder = folder();
    let text = format!(
        "[archive.toys]\nurl = \"{}\"\nkeyring = \"{}\"\n\n[[kernel]]\n{entry}\n\
         package = {{ archive = \"toys\", suite = \"toy\", name = \"linux-image-6.*-amd64\" }}\n",
        toy.server.url,
        toy.keys.keyring().display(),
    );
    fs::write(folder.path().join("kernels.toml"), text).expect("a matrix");
    folder
}

#[test]
fn a_lock_with_merge_markers_is_mended_by_an_update() {
    let Some(mut toy) = Toy::new("a_lock_with_merge_markers_is_mended") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1")).publish(&Layout::new());
    let folder = matrix(&toy, "name = \"six\"");
    let lock = folder.path().join("kernels.lock");
    fs::write(&lock, "<<<<<<< HEAD\nversion = 1\n").expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["kernels", "lock", "--update"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("kernels.lock") && stderr.contains("written anew"), "{stderr}");
    assert!(stdout.contains("six: linux-image-6.1.0-9-amd64 6.1.27-1 (new)"), "{stdout}");
    assert!(fs::read_to_string(&lock).expect("there").contains("6.1.27-1"));
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["kernels", "lock", "--update"]));
    assert_eq!((code, stdout.contains("nothing moved")), (0, true), "{stderr}");
}

#[test]
fn a_version_that_the_pool_has_lost_is_withdrawn_and_no_error() {
    let Some(mut toy) = Toy::new("a_version_that_the_pool_has_lost") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1")).add(Deb::whole("6.1.0-10-amd64", "6.1.38-1"));
    toy.publish(&Layout::new());
    toy.withdraw("6.1.27-1");
    let folder = matrix(&toy, "name = \"all-{version}\"\nevery = true");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "-t", "ns::uts::*"]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("linux-image-6.1.0-9-amd64 6.1.27-1 is withdrawn"), "{stdout}");
    assert!(stdout.contains("all-6.1.0-10 (6.1.0-10-amd64)"), "{stdout}");
}

#[test]
fn packages_in_the_hand_belong_together_by_what_they_call_themselves() {
    let folder = folder();
    let release = "7.3.4-amd64";
    let whole = Deb::whole(release, "7.3.4-1");
    let modules =
        Deb::new(&format!("linux-modules-{release}"), "7.3.4-1").modules(&format!("./lib/modules/{release}"), release);
    let mut image = whole;
    image.files.retain(|(path, _)| !path.contains("/modules/"));
    fs::write(folder.path().join("a.deb"), image.build()).expect("a package");
    fs::write(folder.path().join("b.deb"), modules.build()).expect("a package");
    let arguments = ["run", "--dry-run", "-t", "ns::uts::*", "-k", "./a.deb", "-k", "./b.deb"];
    let (code, stdout, stderr) = finish(kernrig(&folder).args(arguments));
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(stdout.matches("variant default").count(), 1, "{stdout}");
    assert!(stdout.contains("7.3.4-amd64 (7.3.4-amd64)"), "{stdout}");
}
