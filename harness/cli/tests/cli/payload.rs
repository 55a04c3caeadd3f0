//! Payloads that no guest can run: told before anything is fetched or booted.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::{finish, folder, kernrig};

/// The shortest file that passes for a static program, with the class, type and machine of another where told.
fn program(class: u8, kind: u8, machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1, 0]);
    bytes[16] = kind;
    bytes[18] = machine;
    bytes[20] = 1;
    bytes[24] = 1;
    bytes
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder.join(name).parent().expect("a folder")).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a file");
    let mode = if bytes.starts_with(b"\x7fELF") { 0o755 } else { 0o644 };
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("permissions");
}

#[test]
fn each_misfit_is_told_by_a_message_of_its_own() {
    let folder = folder();
    let path = folder.path();
    write(path, "good", &program(2, 2, 62));
    write(path, "other/good", &program(2, 2, 62));
    write(path, "arm", &program(2, 2, 183));
    write(path, "i386", &program(1, 2, 3));
    write(path, "object", &program(2, 1, 62));
    write(path, "text", b"hello");
    write(path, "downloaded", &program(2, 2, 62));
    fs::set_permissions(path.join("downloaded"), fs::Permissions::from_mode(0o644)).expect("permissions");
    write(path, "script/run", b"#!/bin/sh\n");
    fs::create_dir(path.join("empty")).expect("a folder");
    // The test itself is a program of this host, linked dynamically.
    fs::copy(std::env::current_exe().expect("a path"), path.join("dynamic")).expect("a copy");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--payload", "nowhere"], &["nowhere is not there"]),
        (&["--payload", "text"], &["not executable", "no ELF program"]),
        (&["--payload", "downloaded"], &["not executable", "chmod +x downloaded"]),
        (&["--payload", "dynamic"], &["interpreter /lib64/ld-linux-x86-64.so.2", "-static"]),
        (&["--payload", "arm"], &["AArch64"]),
        (&["--payload", "i386"], &["i386"]),
        (&["--payload", "object"], &["not linked"]),
        (&["--payload", "script"], &["/bin/sh", "#!/payload/script/busybox"]),
        (&["--payload", "empty"], &["empty folder"]),
        (&["--payload", "other"], &["run or test", "--payload-run"]),
        (&["--payload", "other", "--payload-run", "x"], &["other/x is not in the payload"]),
        (&["--payload", "good", "--payload", "other/good"], &["two payloads have the name good"]),
        (&["--payload", "good", "--payload", "arm", "--", "x"], &["which one is meant", "[[payload]]"]),
        (&["--", "x"], &["there is no payload", "--payload FILE"]),
        (&["--payload", "good", "-t", "payload::goood"], &["payload::goood"]),
    ];
    for (arguments, words) in cases {
        let (code, stdout, stderr) = finish(kernrig(&folder).args(["run", "--offline", "--dry-run"]).args(*arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        for word in *words {
            assert!(stderr.contains(word), "{arguments:?}: no {word} in {stderr}");
        }
    }
}

#[test]
fn a_payload_of_the_matrix_is_a_test_like_the_others() {
    let folder = folder();
    let matrix =
        "[[payload]]\nname = \"mine\"\npath = \"x\"\npurpose = \"what I want\"\nneeds = { kconfig = \"USER_NS\" }\n";
    fs::write(folder.path().join("kernels.toml"), matrix).expect("a file");
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["list", "--long", "payload::*"]));
    assert_eq!(code, 0, "{stderr}");
    for word in ["payload::mine\n", "what I want", "CONFIG_USER_NS"] {
        assert!(stdout.contains(word), "no {word} in {stdout}");
    }
    let (code, all, _) = finish(kernrig(&folder).arg("list"));
    assert!(code == 0 && all.ends_with("payload::mine\n"), "{all}");
    let (code, _, stderr) = finish(kernrig(&folder).args(["run", "--dry-run", "--payload", "mine"]));
    assert!(code == 2 && stderr.contains("-t payload::mine"), "{stderr}");
}
