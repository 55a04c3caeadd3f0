//! Each kind of tampering with an archive is refused, with a message that names what was wrong, and leaves nothing
//! behind that a later run could take for whole.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;

use kernrig_toy_archive::{Deb, Layout, Signer, Toy, edit, family, write};

const DEB: &str = "pool/main/l/linux/linux-image-6.1.0-9-amd64_6.1.27-1_amd64.deb";

/// Publishes a sound archive, tampers with it, and says what the refusal was.
fn refusal(test: &str, layout: &Layout, tamper: impl FnOnce(&Toy)) -> Option<String> {
    let mut toy = Toy::new(test)?;
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(layout);
    tamper(&toy);
    let spec = family("linux-image-6.1.*-amd64");
    let refused = toy.archives().obtain("six", &spec, None).expect_err("it was tampered with").to_string();
    let count = |name: &str| fs::read_dir(toy.cache().join(name)).unwrap().count();
    assert_eq!((count("entries"), count("tmp")), (0, 0), "something stayed behind");
    Some(refused)
}

fn assert_says(refused: &str, words: &[&str]) {
    for word in words {
        assert!(refused.contains(word), "{refused:?} does not say {word:?}");
    }
}

#[test]
fn an_altered_index() {
    let tamper = |toy: &Toy| {
        let path = toy.www("dists/toy/main/binary-amd64/Packages.xz");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let Some(refused) = refusal("an_altered_index", &Layout::new(), tamper) else { return };
    assert_says(&refused, &["Packages.xz", "sha256", "the signed Release says", "altered"]);
}

#[test]
fn an_altered_package() {
    let tamper = |toy: &Toy| {
        let mut bytes = fs::read(toy.www(DEB)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(toy.www(DEB), bytes).unwrap();
    };
    let Some(refused) = refusal("an_altered_package", &Layout::new(), tamper) else { return };
    assert_says(&refused, &[DEB, "sha256", "the signed Packages says", "altered"]);
}

#[test]
fn a_package_that_is_too_short_or_too_long() {
    let shorten = |toy: &Toy| fs::write(toy.www(DEB), &fs::read(toy.www(DEB)).unwrap()[..1000]).unwrap();
    let Some(refused) = refusal("a_truncated_package", &Layout::new(), shorten) else { return };
    assert_says(&refused, &[DEB, "cut off after 1000 of"]);
    let lengthen = |toy: &Toy| fs::write(toy.www(DEB), [fs::read(toy.www(DEB)).unwrap(), vec![0]].concat()).unwrap();
    let Some(refused) = refusal("a_longer_package", &Layout::new(), lengthen) else { return };
    assert_says(&refused, &[DEB, "larger than"]);
}

#[test]
fn a_connection_that_is_cut_off() {
    let Some(mut toy) = Toy::new("a_connection_that_is_cut_off") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout::new());
    toy.server.cut_packages(true);
    let spec = family("linux-image-6.1.*-amd64");
    let refused = toy.archives().obtain("six", &spec, None).unwrap_err().to_string();
    assert_says(&refused, &[DEB]);
    assert!(toy.archives().cache().used().unwrap().is_empty());
    toy.server.cut_packages(false);
    assert_eq!(toy.archives().obtain("six", &spec, None).unwrap().kernel.release, "6.1.0-9-amd64");
}

#[test]
fn an_altered_release() {
    for layout in [Layout::new(), Layout::old()] {
        let tamper = |toy: &Toy| edit(&toy.release(), |text| text.replace("Origin: Toy", "Origin: Boy"));
        let Some(refused) = refusal("an_altered_release", &layout, tamper) else { return };
        assert_says(&refused, &["dists/toy/", "Release", "altered after it was signed"]);
    }
}

#[test]
fn a_signature_by_an_unknown_key() {
    for layout in [Layout::new(), Layout::old()] {
        let layout = Layout { signer: Signer::Stranger, ..layout };
        let Some(refused) = refusal("a_signature_by_an_unknown_key", &layout, |_| {}) else { return };
        assert_says(&refused, &["Release", "signed only by", "toy-keyring.gpg does not hold"]);
    }
}

#[test]
fn no_signature() {
    let detached = |toy: &Toy| fs::remove_file(toy.www("dists/toy/Release.gpg")).unwrap();
    let Some(refused) = refusal("no_signature", &Layout::old(), detached) else { return };
    assert_says(&refused, &["dists/toy", "not signed"]);
    let stripped = |toy: &Toy| {
        edit(&toy.release(), |text| {
            let text = text.split("-----BEGIN PGP SIGNATURE").next().unwrap().to_owned();
            text.split_once("\n\n").unwrap().1.to_owned()
        });
    };
    let Some(refused) = refusal("no_signature", &Layout::new(), stripped) else { return };
    assert_says(&refused, &["InRelease", "not signed"]);
    let empty = |toy: &Toy| write(&toy.www("dists/toy/Release.gpg"), b"");
    let Some(refused) = refusal("no_signature", &Layout::old(), empty) else { return };
    assert_says(&refused, &["Release", "no signature"]);
    let gone = |toy: &Toy| fs::remove_file(toy.release()).unwrap();
    let Some(refused) = refusal("no_signature", &Layout::new(), gone) else { return };
    assert_says(&refused, &["no suite toy"]);
}

#[test]
fn text_outside_of_the_signed_part() {
    let before = |toy: &Toy| edit(&toy.release(), |text| format!("SHA256:\n 00 1 evil\n\n{text}"));
    let Some(refused) = refusal("text_before", &Layout::new(), before) else { return };
    assert_says(&refused, &["InRelease", "text before the signed part"]);
    let after = |toy: &Toy| edit(&toy.release(), |text| text + "SHA256:\n 00 1 evil\n");
    let Some(refused) = refusal("text_after", &Layout::new(), after) else { return };
    assert_says(&refused, &["InRelease", "text after the signed part"]);
}

#[test]
fn a_state_that_has_expired() {
    let layout = Layout { more: "Valid-Until: Sat, 12 Feb 2011 11:12:13 UTC\n".into(), ..Layout::new() };
    let Some(refused) = refusal("a_state_that_has_expired", &layout, |_| {}) else { return };
    assert_says(&refused, &["InRelease", "expired", "12 Feb 2011", "check-valid-until = false"]);
}

#[test]
fn the_release_of_another_suite() {
    let tamper = |toy: &Toy| {
        let text = "Suite: oldstable\nCodename: other\nSHA256:\n";
        toy.sign(&Layout::new(), "toy", text);
    };
    let Some(refused) = refusal("the_release_of_another_suite", &Layout::new(), tamper) else { return };
    assert_says(&refused, &["InRelease", "oldstable (other)", "not of toy"]);
}

#[test]
fn a_package_that_leads_out_of_itself() {
    for path in ["./lib/modules/6.1/../../../../evil.ko", "/lib/modules/6.1/evil.ko", "../evil.ko"] {
        let Some(mut toy) = Toy::new("a_package_that_leads_out_of_itself") else { return };
        toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1").file(path, b"evil".into()));
        toy.publish(&Layout::new());
        let spec = family("linux-image-6.1.*-amd64");
        let refused = toy.archives().obtain("six", &spec, None).unwrap_err().to_string();
        assert_says(&refused, &["linux-image-6.1.0-9-amd64", path, "leads out of the package"]);
        assert!(toy.archives().cache().used().unwrap().is_empty());
    }
}

#[test]
fn links_are_not_followed_out() {
    let Some(mut toy) = Toy::new("links_are_not_followed_out") else { return };
    let outside = toy.cache().with_file_name("outside.ko");
    write(&outside, b"secret");
    let root = "./lib/modules/6.1.0-9-amd64";
    let deb = Deb::whole("6.1.0-9-amd64", "6.1.27-1")
        .link(&format!("{root}/build"), b'2', "/usr/src/linux-headers")
        .link(&format!("{root}/kernel"), b'2', "/tmp")
        .link(&format!("{root}/overlay.ko"), b'2', outside.to_str().unwrap())
        .link(&format!("{root}/copy.ko"), b'1', &format!("{root}/kernel/net/unwanted.ko"));
    toy.add(deb);
    toy.add(Deb::whole("6.2.0-9-amd64", "6.2.27-1").link(&format!("{root}/x.ko"), b'1', "../../../etc/passwd"));
    toy.add(Deb::whole("6.3.0-9-amd64", "6.3.27-1").link(&format!("{root}/x.ko"), b'1', outside.to_str().unwrap()));
    toy.publish(&Layout::new());
    let options = kernrig_kernels::archive::Options { modules: vec!["overlay".into(), "copy".into()], ..toy.options() };
    let archives = toy.archives_with(options, toy.spec());
    let kernel = archives.obtain("six", &family("linux-image-6.1.*-amd64"), None).unwrap().kernel;
    let names: Vec<&str> = kernel.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["copy"], "a hard link within is a copy, a symbolic one is nothing");
    let refused = |name| archives.obtain("six", &family(name), None).unwrap_err().to_string();
    assert_says(&refused("linux-image-6.2.*-amd64"), &["etc/passwd", "leads out of the package"]);
    assert_says(&refused("linux-image-6.3.*-amd64"), &["outside.ko", "leads out of the package"]);
}

#[test]
fn packages_without_a_kernel_or_with_another_ones() {
    let Some(mut toy) = Toy::new("packages_without_a_kernel_or_with_another_ones") else { return };
    let empty = Deb::new("linux-image-6.1.0-1-amd64", "6.1.1-1").file("./usr/share/doc/x", b"x".into());
    toy.add(Deb { installed: 50_000, ..empty });
    let text = Deb::new("linux-image-6.2.0-1-amd64", "6.2.1-1").file("./boot/vmlinuz-6.2", b"<html>".into());
    toy.add(Deb { installed: 50_000, ..text });
    toy.publish(&Layout::new());
    let refused = |name| toy.archives().obtain("six", &family(name), None).unwrap_err().to_string();
    assert_says(&refused("linux-image-6.1.*-amd64"), &["linux-image-6.1.0-1-amd64", "no vmlinuz"]);
    assert_says(&refused("linux-image-6.2.*-amd64"), &["no x86 bzImage"]);
}

#[test]
fn a_keyring_that_is_not_there() {
    let Some(mut toy) = Toy::new("a_keyring_that_is_not_there") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout::new());
    let refused = |keyring: &str| {
        let spec = kernrig_kernels::archive::ArchiveSpec { keyring: Some(keyring.into()), ..toy.spec() };
        let archives = toy.archives_with(toy.options(), spec);
        archives.resolve(&family("linux-image-6.1.*-amd64")).unwrap_err().to_string()
    };
    assert_says(&refused("/no/ubuntu-archive-keyring.gpg"), &["/no/ubuntu-archive-keyring.gpg", "Ubuntu machine"]);
    assert_says(&refused("/no/mine.gpg"), &["/no/mine.gpg", "keyring"]);
}

#[test]
fn an_armoured_keyring_does() {
    let Some(mut toy) = Toy::new("an_armoured_keyring_does") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.publish(&Layout::new());
    let spec = kernrig_kernels::archive::ArchiveSpec { keyring: Some(toy.keys.armoured()), ..toy.spec() };
    let archives = toy.archives_with(toy.options(), spec);
    assert_eq!(archives.resolve(&family("linux-image-6.1.*-amd64")).unwrap().complete.len(), 1);
}

#[test]
fn a_bad_suite_beside_a_good_one_is_no_reason_to_take_an_older_kernel() {
    let Some(mut toy) = Toy::new("a bad suite beside a good one") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1"));
    toy.add_to("toy-security", Deb::whole("6.1.0-10-amd64", "6.1.38-1"));
    toy.publish(&Layout::new());
    edit(&toy.www("dists/toy-security/InRelease"), |text| text.replace("Origin: Toy", "Origin: T0y"));
    let mut spec = family("linux-image-6.1.*-amd64");
    spec.suites.push("toy-security".into());
    let error = toy.archives().obtain("k", &spec, None).expect_err("altered").to_string();
    assert!(error.contains("toy-security") && error.contains("signature"), "{error}");
    // A suite that is only not there leaves the others.
    spec.suites[1] = "toy-none".into();
    let kernel = toy.archives().obtain("k", &spec, None).unwrap().kernel;
    assert!(kernel.release.contains("6.1.0-9"), "{}", kernel.release);
}

#[test]
fn a_version_that_is_listed_and_gone_gives_way_to_the_next() {
    let Some(mut toy) = Toy::new("a version that is listed and gone") else { return };
    toy.add(Deb::whole("6.1.0-9-amd64", "6.1.27-1")).add(Deb::whole("6.1.0-10-amd64", "6.1.38-1"));
    toy.publish(&Layout::new());
    fs::remove_file(toy.www("pool/main/l/linux/linux-image-6.1.0-10-amd64_6.1.38-1_amd64.deb")).unwrap();
    let kernel = toy.archives().obtain("k", &family("linux-image-6.1.*-amd64"), None).unwrap().kernel;
    assert!(kernel.release.contains("6.1.0-9"), "{}", kernel.release);
    assert!(kernel.notes.iter().any(|n| n.contains("LISTED BUT GONE") && n.contains("6.1.38-1")), "{:?}", kernel.notes);
}

#[test]
fn a_package_in_the_hand_is_read_to_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let cache = kernrig_kernels::cache::Cache::open(&folder.path().join("cache")).unwrap();
    for packing in [".gz", ".xz"] {
        let whole = Deb::whole("6.1.0-9-amd64", "6.1.27-1").packed(packing).build();
        let path = folder.path().join("k.deb");
        write(&path, &whole);
        kernrig_kernels::local::open_debs(None, std::slice::from_ref(&path), &cache).unwrap();
        write(&path, &whole[..whole.len() - 4]);
        let error = kernrig_kernels::local::open_debs(None, &[path], &cache).expect_err(packing).to_string();
        assert!(error.contains("k.deb"), "{error}");
    }
}
