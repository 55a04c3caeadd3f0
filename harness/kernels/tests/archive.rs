//! The whole way from a signed archive to a kernel on disk, on toy archives of today's and of old layouts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;

use kernrig_kernels::archive::{ArchiveSpec, Archives, Options, PackageSpec};
use kernrig_toy_archive::{Deb, Layout, Signer, Toy, family, sha256, write};

fn files_below(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    files.sort();
    files
}

fn module_names(kernel: &kernrig_kernels::Kernel) -> Vec<&str> {
    kernel.modules.iter().map(|module| module.name.as_str()).collect()
}

#[test]
fn todays_layout_with_a_whole_kernel() {
    let Some(mut toy) = Toy::new("todays_layout_with_a_whole_kernel") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"))
        .add(Deb::whole("6.1.0-10-amd64", "6.1.38-1"))
        .add(Deb::whole("6.1.0-11-cloud-amd64", "6.1.40-1"))
        .add(Deb::meta("linux-image-6.1-amd64", "6.1.99-1", "linux-image-6.1.0-10-amd64 (= 6.1.38-1)"));
    toy.publish(&Layout::new());
    let archives = toy.archives();
    let spec = family("linux-image-6.1*-amd64");
    let obtained = archives.obtain("toy-6.1", &spec, None).unwrap();
    let kernel = &obtained.kernel;

    assert_eq!((kernel.name.as_str(), kernel.release.as_str()), ("toy-6.1", "6.1.0-10-amd64"));
    assert_eq!(fs::read(&kernel.image).unwrap(), kernrig_toy_archive::bzimage("6.1.0-10-amd64"));
    assert!(kernel.config.as_ref().unwrap().enabled("PID_NS"));
    assert_eq!(kernel.system_map, None, "a stub is not used");
    assert_eq!(module_names(kernel), ["stp", "bridge"]);
    assert_eq!(kernel.modules[1].needs, ["stp"]);
    assert!(fs::read(&kernel.modules[0].path).unwrap().starts_with(b"\x7fELF"), "modules are decompressed");
    assert_eq!(kernel.packages[0].version, "6.1.38-1");
    assert!(kernel.packages[0].origin.starts_with(&toy.server.url), "{}", kernel.packages[0].origin);
    assert_eq!(obtained.pin.packages[0].sha256, kernel.packages[0].sha256);
    assert_eq!(obtained.pin.seen, "20110205T111213Z");
    assert!(kernel.notes.is_empty(), "{:?}", kernel.notes);

    let kept = files_below(&toy.cache().join("entries"));
    assert_eq!(kept, ["bridge.ko", "config", "entry.toml", "stp.ko", "vmlinuz"], "what is needed and no more");
    assert!(files_below(&toy.cache().join("tmp")).is_empty());

    // Another run takes it from the cache: it asks for the suite, and for no package.
    toy.server.asked();
    let again = toy.archives().obtain("toy-6.1", &spec, None).unwrap();
    assert_eq!(again.kernel.image, kernel.image);
    assert_eq!(toy.server.asked(), ["dists/toy/InRelease"]);

    // In use it stays; afterwards it goes.
    assert_eq!(archives.cache().prune(|_| false).unwrap().in_use.len(), 1);
    drop((obtained, again));
    assert_eq!(archives.cache().prune(|_| false).unwrap().removed.len(), 1);
}

#[test]
fn old_layouts_in_every_packing() {
    for (form, packing) in [(".gz", ".gz"), (".bz2", ".bz2"), ("", ""), (".gz", ".zst")] {
        let Some(mut toy) = Toy::new("old_layouts_in_every_packing") else { return };
        toy.add(Deb::whole("2.6.32-5-amd64", "2.6.32-48squeeze6").packed(packing))
            .add(Deb::whole("2.6.32-5-openvz-amd64", "2.6.32-48squeeze6").packed(packing));
        toy.publish(&Layout { forms: vec![form], ..Layout::old() });
        let obtained = toy.archives().obtain("squeeze", &family("linux-image-2.6.32-*-amd64"), None).unwrap();
        assert_eq!(obtained.kernel.release, "2.6.32-5-amd64", "Packages{form}, data.tar{packing}");
        assert_eq!(module_names(&obtained.kernel), ["stp", "bridge"]);
    }
}

#[test]
fn an_expired_key_counts_by_a_word_only() {
    let Some(mut toy) = Toy::new("an_expired_key_counts_by_a_word_only") else { return };
    toy.add(Deb::whole("2.6.32-5-amd64", "2.6.32-48"));
    let more = "Valid-Until: Sat, 12 Feb 2011 11:12:13 UTC\n".to_owned();
    toy.publish(&Layout { signer: Signer::Expired, more, ..Layout::old() });
    let resolve = |spec: ArchiveSpec| {
        let archives = toy.archives_with(toy.options(), spec);
        archives.resolve(&family("linux-image-2.6.32-*-amd64")).map(|found| found.complete.len())
    };
    let refused = resolve(toy.spec()).unwrap_err().to_string();
    assert!(refused.contains("expired") && refused.contains("expired-keys = true"), "{refused}");
    let refused = resolve(ArchiveSpec { expired_keys: true, ..toy.spec() }).unwrap_err().to_string();
    assert!(refused.contains("Valid-Until is Sat, 12 Feb 2011"), "{refused}");
    assert!(refused.contains("check-valid-until = false"), "{refused}");
    let old = ArchiveSpec { expired_keys: true, check_valid_until: false, ..toy.spec() };
    assert_eq!(resolve(old).unwrap(), 1);
}

/// As Debian since 6.19: the image package is a head, and an archive may have lost a part.
fn split(toy: &mut Toy, release: &str, version: &str, parts: &[&str]) {
    let all: Vec<String> = ["linux-base", "linux-binary", "linux-modules"]
        .iter()
        .map(|kind| format!("{kind}-{release} (= {version})"))
        .collect();
    toy.add(Deb::meta(&format!("linux-image-{release}"), version, &format!("kmod, {}", all.join(", "))));
    let root = format!("./usr/lib/modules/{release}");
    for part in parts {
        let deb = Deb::new(&format!("linux-{part}-{release}"), version);
        toy.add(match *part {
            "base" => deb.file(&format!("{root}/config"), b"CONFIG_PID_NS=y\n".into()),
            "binary" => deb.file(&format!("{root}/vmlinuz"), kernrig_toy_archive::bzimage(release)),
            _ => deb.modules(&root, release).packed(".zst"),
        });
    }
}

#[test]
fn split_kernels_and_those_that_have_lost_a_part() {
    let Some(mut toy) = Toy::new("split_kernels_and_those_that_have_lost_a_part") else { return };
    split(&mut toy, "7.1.8-amd64", "7.1.8-1", &["binary"]);
    split(&mut toy, "7.3.4-amd64", "7.3.4-1", &["base", "binary", "modules"]);
    split(&mut toy, "7.10.1-amd64", "7.10.1-1", &["base", "modules"]);
    toy.publish(&Layout::new());
    let archives = toy.archives();
    let spec = family("linux-image-7.*-amd64");
    let resolution = archives.resolve(&spec).unwrap();
    assert_eq!(resolution.complete.len(), 1);
    let lost: Vec<String> = resolution.incomplete.iter().map(|one| one.missing.join(" ")).collect();
    assert_eq!(lost, ["linux-binary-7.10.1-amd64", "linux-base-7.1.8-amd64 linux-modules-7.1.8-amd64"]);

    let kernel = archives.obtain("seven", &spec, None).unwrap().kernel;
    assert_eq!(kernel.release, "7.3.4-amd64");
    assert!(kernel.config.unwrap().enabled("PID_NS"));
    assert_eq!(kernel.modules.len(), 2);
    assert_eq!(kernel.packages.len(), 4);

    let none = archives.obtain("seven", &family("linux-image-7.1.*-amd64"), None).unwrap_err().to_string();
    assert!(none.contains("no complete version") && none.contains("lacks linux-base-7.1.8-amd64"), "{none}");
}

#[test]
fn extra_packages_of_the_same_version_are_part_of_the_set() {
    let Some(mut toy) = Toy::new("extra_packages_of_the_same_version_are_part_of_the_set") else { return };
    for (abi, version) in [("17", "3.5.0-17.28"), ("27", "3.5.0-27.46")] {
        let release = format!("3.5.0-{abi}-generic");
        toy.add_to("quantal-updates", Deb::whole(&release, version).packed(".bz2"));
    }
    toy.add(
        Deb::new("linux-image-extra-3.5.0-17-generic", "3.5.0-17.28")
            .modules("./lib/modules/3.5.0-17-generic/extra", "3.5.0-17-generic"),
    );
    toy.publish(&Layout { forms: vec![".bz2"], ..Layout::old() });
    let spec = PackageSpec {
        suites: vec!["quantal-updates".into(), "toy".into()],
        extra: vec!["linux-image-extra-3.5.*-generic".into()],
        ..family("linux-image-3.5.*-generic")
    };
    let resolution = toy.archives().resolve(&spec).unwrap();
    let names: Vec<&str> = resolution.chosen().unwrap().packages.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["linux-image-3.5.0-17-generic", "linux-image-extra-3.5.0-17-generic"]);
    assert_eq!(resolution.incomplete[0].version, "3.5.0-27.46");
    assert_eq!(toy.archives().obtain("quantal", &spec, None).unwrap().kernel.release, "3.5.0-17-generic");
}

#[test]
fn files_by_url_are_checked_by_the_entrys_own_hash() {
    let Some(toy) = Toy::new("files_by_url_are_checked_by_the_entrys_own_hash") else { return };
    let deb = Deb::whole("3.8.13-1-amd64", "3.8.13-1").build();
    let image = kernrig_toy_archive::bzimage("3.10.4");
    write(&toy.www("k.deb"), &deb);
    write(&toy.www("bzImage"), &image);
    let archives = toy.archives();
    let url = |name: &str, sum: &str| {
        [kernrig_kernels::archive::UrlSpec { url: format!("{}/{name}", toy.server.url), sha256: sum.into() }]
    };
    let kernel = archives.obtain_urls("mine", &url("k.deb", &sha256(&deb))).unwrap();
    assert_eq!((kernel.release.as_str(), kernel.modules.len()), ("3.8.13-1-amd64", 2));
    let bare = archives.obtain_urls("bare", &url("bzImage", &sha256(&image).to_uppercase())).unwrap();
    assert_eq!((bare.release.as_str(), bare.modules.len()), ("3.10.4", 0));
    assert!(bare.notes.iter().any(|note| note.contains("no modules")), "{:?}", bare.notes);
    let wrong = archives.obtain_urls("mine", &url("k.deb", &"0".repeat(64))).unwrap_err().to_string();
    assert!(wrong.contains("k.deb") && wrong.contains("kernels.toml"), "{wrong}");
}

#[test]
fn offline_goes_by_what_is_here() {
    let Some(mut toy) = Toy::new("offline_goes_by_what_is_here") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout::new());
    let spec = family("linux-image-6.1.*-amd64");
    let offline = || toy.archives_with(Options { offline: true, ..toy.options() }, toy.spec());
    let refused = offline().obtain("six", &spec, None).unwrap_err().to_string();
    assert!(refused.contains("--offline"), "{refused}");
    assert!(toy.server.asked().is_empty());

    // Resolved once, the suite is remembered; its signature is checked again.
    toy.archives().resolve(&spec).unwrap();
    assert_eq!(offline().resolve(&spec).unwrap().complete.len(), 1);
    let pin = toy.archives().obtain("six", &spec, None).unwrap().pin;
    toy.server.asked();
    assert_eq!(offline().obtain("six", &spec, Some(&pin)).unwrap().kernel.release, "6.1.0-9-amd64");
    assert!(toy.server.asked().is_empty(), "no network");
}

#[test]
fn runs_side_by_side_fetch_a_package_once() {
    let Some(mut toy) = Toy::new("runs_side_by_side_fetch_a_package_once") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout::new());
    let spec = family("linux-image-6.1.*-amd64");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let archives: Archives = toy.archives();
                assert_eq!(archives.obtain("six", &spec, None).unwrap().kernel.release, "6.1.0-9-amd64");
            });
        }
    });
    assert_eq!(toy.server.asked().iter().filter(|path| path.ends_with(".deb")).count(), 1);
}

/// Debian 13 has `sqv` where there was `gpgv`.
#[test]
fn sqv_does_where_there_is_no_gpgv() {
    let find = |tool: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|file| file.exists())
    };
    let Some(sqv) = find("sqv") else {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED sqv_does_where_there_is_no_gpgv: no sqv here\n"),
        )
        .ok();
        return;
    };
    if find("gpg").is_none() {
        return;
    }
    // This very test program again, with a PATH that has no gpgv.
    let bin = tempfile::tempdir().unwrap();
    for tool in ["gpg", "gpg-agent", "gpgconf", "gpg-connect-agent"].iter().filter_map(|tool| find(tool)).chain([sqv]) {
        std::os::unix::fs::symlink(&tool, bin.path().join(tool.file_name().unwrap())).unwrap();
    }
    for test in ["todays_layout_with_a_whole_kernel", "old_layouts_in_every_packing"] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env("PATH", bin.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed") && !text.contains("SKIPPED"), "{text}");
    }
}

#[test]
fn an_index_that_is_being_updated_is_had_by_its_hash() {
    let Some(mut toy) = Toy::new("an_index_that_is_being_updated_is_had_by_its_hash") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout { more: "Acquire-By-Hash: yes\n".into(), ..Layout::new() });
    let index = toy.www("dists/toy/main/binary-amd64/Packages.xz");
    let bytes = fs::read(&index).unwrap();
    write(&index.with_file_name(format!("by-hash/SHA256/{}", sha256(&bytes))), &bytes);
    fs::write(&index, "the next one").unwrap();
    assert_eq!(toy.archives().resolve(&family("linux-image-6.1.*-amd64")).unwrap().complete.len(), 1);
}
