//! `kernrig check`: what would be missing in a kernel, told without booting it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{finish, folder, kernrig};

/// As much of a bzImage as is read without unpacking it: the boot protocol's header with a release.
fn image(folder: &Path, release: &str, config: Option<&str>) -> PathBuf {
    let mut bytes = vec![0_u8; 0x1000];
    bytes[0x1f1] = 4; // setup sectors
    bytes[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x206..0x208].copy_from_slice(&0x20c_u16.to_le_bytes());
    let text = format!("{release} (me@here) #1\0");
    bytes[0x20e..0x210].copy_from_slice(&0x400_u16.to_le_bytes());
    bytes[0x600..0x600 + text.len()].copy_from_slice(text.as_bytes());
    bytes[0x211] = 1; // loaded high
    bytes[0x236..0x238].copy_from_slice(&1_u16.to_le_bytes()); // 64-bit entry
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join("bzImage"), bytes).expect("an image");
    if let Some(config) = config {
        fs::write(folder.join("config"), config).expect("a config");
    }
    folder.to_owned()
}

/// Folders of real kernels by the version that their names begin with.
fn real(version: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("KERNRIG_KERNELS") else {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: check on {version}: KERNRIG_KERNELS does not name a folder of kernels\n"),
        )
        .ok();
        return None;
    };
    let entries = fs::read_dir(root).expect("a folder").filter_map(Result::ok).map(|e| e.path());
    entries.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(version))).min()
}

fn json(arguments: &[&str], kernel: &Path) -> (i32, Value) {
    let folder = folder();
    let (code, stdout, stderr) = finish(
        kernrig(&folder).args(["check", "--format", "json"]).args(arguments).arg(kernel).env("PATH", "/nowhere"),
    );
    let value: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}"));
    (code, value["kernels"][0].clone())
}

#[test]
fn what_is_missing_is_named_and_ends_with_1() {
    let folder = folder();
    let kernel = image(&folder.path().join("k"), "4.9.0", Some("CONFIG_NAMESPACES=y\nCONFIG_VETH=m\n"));
    let (code, stdout, stderr) = finish(kernrig(&folder).arg("check").arg(&kernel));
    assert_eq!(code, 1, "{stdout}{stderr}");
    for words in ["CONFIG_PID_NS=y", "MISSING", "required by docker, lxc", "NOT READY", "needs at least one of these"] {
        assert!(stdout.contains(words), "no {words} in\n{stdout}");
    }
    assert!(!stdout.contains('\x1b') && stdout.contains("ok       CONFIG_NAMESPACES"), "{stdout}");
    assert!(stdout.contains("module   CONFIG_VETH"), "{stdout}");
    let (_, coloured, _) = finish(kernrig(&folder).args(["check", "--color", "always"]).arg(&kernel));
    assert!(coloured.contains("\x1b[31mMISSING"), "{coloured}");
}

#[test]
fn an_engine_that_does_without_is_not_blamed_for_another() {
    let folder = folder();
    let config: String =
        ["NAMESPACES", "IPC_NS", "PID_NS", "CGROUPS", "TMPFS"].map(|name| format!("CONFIG_{name}=y\n")).concat();
    let kernel = image(&folder.path().join("k"), "6.1.0", Some(&config));
    let (code, stdout, stderr) = finish(kernrig(&folder).arg("check").arg(&kernel));
    assert_eq!(code, 1, "{stderr}");
    assert!(stdout.contains("  NOT READY for docker\n  ready for lxc\n"), "{stdout}");
    assert!(stdout.contains("CONFIG_MEMCG (swap accounting)"), "two lines of one option are told apart: {stdout}");
    let (_, value) = json(&[], &kernel);
    assert_eq!(value["ready_for"].to_string(), r#"{"docker":false,"lxc":true}"#);
    let (_, boot, _) = finish(kernrig(&folder).args(["check", "--boot"]).arg(&kernel));
    assert!(boot.contains("ok       CONFIG_CMDLINE_OVERRIDE is not set"), "{boot}");
}

#[test]
fn what_is_off_is_told_with_the_words_that_turn_it_on() {
    let folder = folder();
    let config = "CONFIG_MEMCG=y\nCONFIG_MEMCG_DISABLED=y\nCONFIG_MEMCG_SWAP=y\n";
    let kernel = image(&folder.path().join("k"), "3.16.0-4-amd64", Some(config));
    let words = |value: &Value| value["turn_on"].to_string();
    assert_eq!(words(&json(&["--variant", "stock"], &kernel).1), r#"["cgroup_enable=memory","swapaccount=1"]"#);
    assert_eq!(
        words(&json(&["--variant", "stock", "--append", "swapaccount=1"], &kernel).1),
        r#"["cgroup_enable=memory"]"#
    );
    assert_eq!(words(&json(&[], &kernel).1), "[]", "the default variant turns both on");
}

#[test]
fn without_a_config_there_is_no_verdict() {
    let folder = folder();
    let kernel = image(&folder.path().join("k"), "3.5.0", None);
    let (code, stdout, stderr) = finish(kernrig(&folder).arg("check").arg(&kernel));
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(stdout.contains("only the version is judged") && stdout.contains("older than 3.8"), "{stdout}");
    let (code, value) = json(&[], &kernel);
    assert_eq!((code, &value["ready"]), (2, &Value::Null));
}

#[test]
fn what_kernrig_needs_to_boot_is_a_fragment_to_paste() {
    let folder = folder();
    let kernel = image(&folder.path().join("k"), "6.1.0", Some("CONFIG_64BIT=y\nCONFIG_SERIAL_8250=m\n"));
    let (code, stdout, _) = finish(kernrig(&folder).args(["check", "--boot"]).arg(&kernel));
    assert_eq!(code, 1, "{stdout}");
    for line in ["CONFIG_SERIAL_8250=y", "CONFIG_SERIAL_8250_CONSOLE=y", "CONFIG_BLK_DEV_INITRD=y"] {
        assert!(stdout.lines().any(|l| l == line), "no {line} in\n{stdout}");
    }
    assert!(!stdout.contains("CONFIG_PID_NS"), "{stdout}");
}

#[test]
fn wrong_words_end_with_2_and_one_bad_kernel_hides_no_good_one() {
    let folder = folder();
    let kernel = image(&folder.path().join("k"), "6.1.0", Some("CONFIG_64BIT=y\n"));
    for (arguments, word) in [
        (&["--engine", "dokcer"][..], "docker, lxc, criu"),
        (&["--variant", "mencg"], "mencg"),
        (&["--boot", "--engine", "lxc"], "--engine"),
    ] {
        let (code, _, stderr) = finish(kernrig(&folder).arg("check").args(arguments).arg(&kernel));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
    assert_eq!(finish(kernrig(&folder).arg("check")).0, 2);
    let (code, stdout, stderr) = finish(kernrig(&folder).args(["check", "./nowhere"]).arg(&kernel));
    assert_eq!(code, 2);
    assert!(stderr.contains("nowhere") && stdout.contains("6.1.0"), "{stdout}{stderr}");
}

#[test]
fn the_real_old_kernels_boot_here_and_docker_warns_of_them() {
    for (version, option, warnings) in [("2.6.32", "CGROUP_MEM_RES_CTLR", 4), ("3.5.0", "CGROUP_MEM_RES_CTLR_SWAP", 1)]
    {
        let Some(kernel) = real(version) else { continue };
        let (code, value) = json(&["--boot"], &kernel);
        assert_eq!((code, &value["ready"]), (0, &Value::Bool(true)), "{value:#}");
        let (code, value) = json(&[], &kernel);
        // Both lack rules on local addresses, which Docker writes.
        assert_eq!(code, 1, "{value:#}");
        assert!(value["fragment"].to_string().contains("MATCH_ADDRTYPE"), "{value:#}");
        let of_config = value["report"]["groups"].as_array().into_iter().flatten();
        let findings: Vec<&Value> = of_config.flat_map(|g| g["findings"].as_array()).flatten().collect();
        let found = findings.iter().find(|f| f["options"][0] == option).expect("an option of its time");
        assert_eq!(found["state"], "built-in", "{found}");
        let texts = value["report"]["warnings"].to_string();
        assert_eq!(value["report"]["warnings"].as_array().map(Vec::len), Some(warnings), "{texts}");
        assert!(texts.contains("older than 3.8"), "{texts}");
        // As shipped, Ubuntu's swap accounting is off, and that of 2.6.32 cannot be.
        let (_, stock) = json(&["--variant", "stock"], &kernel);
        let off = if version == "3.5.0" { r#"["swapaccount=1"]"# } else { "[]" };
        assert_eq!(stock["turn_on"].to_string(), off, "{version}");
    }
}

#[test]
fn a_variant_that_means_nothing_on_a_kernel_is_skipped_in_the_plan() {
    let folder = folder();
    let kernel = image(&folder.path().join("k"), "3.5.0", Some("CONFIG_UTS_NS=y\n"));
    for (variant, words) in [
        ("cgroup-v2", "variant cgroup-v2 needs Linux 4.5, this is 3.5.0"),
        ("slub-debug", "variant slub-debug needs CONFIG_SLUB_DEBUG"),
        ("smp4", "variant smp4 needs CONFIG_SMP"),
        ("memcg", "variant memcg needs CONFIG_MEMCG or CONFIG_CGROUP_MEM_RES_CTLR"),
        ("cgroup-v1", "variant cgroup-v1 needs CONFIG_CGROUPS"),
    ] {
        let arguments = ["run", "--dry-run", "-t", "ns::uts::*", "--variant", variant, "-k"];
        let (code, stdout, stderr) = finish(kernrig(&folder).args(arguments).arg(&kernel).env("PATH", "/nowhere"));
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(words) && !stdout.contains("  run "), "{variant}: {stdout}");
    }
    let (_, stdout, _) = finish(
        kernrig(&folder).args(["run", "--dry-run", "-t", "ns::uts::*", "--variant", "lowmem", "-k"]).arg(&kernel),
    );
    assert!(stdout.contains("128 MiB") && stdout.contains("  run "), "{stdout}");
}
