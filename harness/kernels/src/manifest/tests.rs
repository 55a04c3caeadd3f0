use std::path::{Path, PathBuf};

use super::{Manifest, ManifestError, Reading, Source};

fn read(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("/etc/kernrig/kernels.toml"))
}

/// The error, which must name file and line.
fn error(line: usize, text: &str) -> String {
    let message = read(text).unwrap_err().to_string();
    let place = format!("/etc/kernrig/kernels.toml:{line}: ");
    message.strip_prefix(&place).unwrap_or_else(|| panic!("{place} does not begin {message}")).to_owned()
}

#[test]
fn every_source_is_read() {
    let manifest = read(
        r#"
[archive.debian]
[archive.old]
url = "https://archive.debian.org/debian"
keyring = "keys/old.gpg"
expired-keys = true
check-valid-until = false

[[kernel]]
name = "a"
package = { archive = "debian", suite = "sid", name = "linux-image-6.1.*-amd64", extra = "linux-extra-*" }
[[kernel]]
name = "all-{version}"
group = ["wide", "b"]
every = true
optional = true
cmdline = "quiet"
package = { archive = "old", suite = ["x", "y"], name = "linux-image-*-amd64", components = ["main", "contrib"] }
[[kernel]]
name = "image"
image = "bzImage"
system-map = "/boot/System.map"
[[kernel]]
name = "tree"
tree = "~/src/linux"
[[kernel]]
folder = "../kernels"
[[kernel]]
name = "url"
url = "https://example.org/bzImage"
sha256 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
[[variant]]
name = "big"
smp = 8
memory = 4_096
"#,
    )
    .unwrap();
    let old = manifest.archive("old").unwrap();
    assert!(old.expired_keys && !old.check_valid_until);
    assert_eq!(old.keyring.as_deref(), Some(Path::new("/etc/kernrig/keys/old.gpg")));
    assert!(manifest.archive("debian").unwrap().check_valid_until);

    let kernels = &manifest.kernels;
    assert_eq!(kernels[0].groups, ["default"]);
    let Source::Newest(spec) = &kernels[0].source else { panic!("{:?}", kernels[0]) };
    assert_eq!((spec.suites.as_slice(), spec.extra.as_slice()), (&["sid".into()][..], &["linux-extra-*".into()][..]));
    assert!(kernels[1].optional && kernels[1].cmdline == "quiet");
    let Source::Every(spec) = &kernels[1].source else { panic!("{:?}", kernels[1]) };
    assert_eq!(spec.components, ["main", "contrib"]);
    let Source::Image(files) = &kernels[2].source else { panic!("{:?}", kernels[2]) };
    assert_eq!(files.image, PathBuf::from("/etc/kernrig/bzImage"));
    assert_eq!(files.system_map, Some("/boot/System.map".into()));
    let Source::Tree(tree) = &kernels[3].source else { panic!("{:?}", kernels[3]) };
    assert!(tree.ends_with("src/linux") && !tree.starts_with("~") && !tree.starts_with("/etc"), "{}", tree.display());
    assert_eq!(kernels[4].source, Source::Folder("/etc/kernrig/../kernels".into()));
    let Source::Url(urls) = &kernels[5].source else { panic!("{:?}", kernels[5]) };
    assert_eq!(urls[0].sha256, "a".repeat(64));

    assert_eq!(manifest.groups(), ["default", "wide", "b"]);
    assert_eq!(manifest.variant("big").unwrap().memory_mib, Some(4096));
    assert!(manifest.variant("default").unwrap().cmdline[0].text.contains("cgroup_enable=memory"));
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    let message = error(3, "[[kernel]]\nname = \"mine\"\nimaeg = \"bzImage\"\n");
    assert_eq!(message, r#"[[kernel]] mine: unknown key "imaeg"; did you mean "image"?"#);
    let message = error(2, "[archive.old]\nexpired_key = true\n");
    assert_eq!(message, r#"[archive.old]: unknown key "expired_key"; did you mean "expired-keys"?"#);
    let message = error(1, "[[kernels]]\nname = \"x\"\n");
    assert_eq!(message, r#"unknown key "kernels"; did you mean "kernel"?"#);
    let message = error(2, "[[kernel]]\npackage = { archive = \"a\", suites = \"b\" }\n");
    assert!(message.contains(r#"package: unknown key "suites"; did you mean "suite"?"#), "{message}");
    let message = error(3, "[[variant]]\nname = \"x\"\nfrobnicate = 1\n");
    assert!(message.contains("known here: name, cmdline, smp, memory, since, until, kconfig, leave-out"), "{message}");
}

#[test]
fn wrong_types_are_named_with_the_right_one() {
    for (line, text, words) in [
        (2, "[[kernel]]\nname = 7\nimage = \"x\"", r#""name" must be a string, not integer"#),
        (3, "[[kernel]]\nname = \"x\"\noptional = \"yes\"\nimage = \"x\"", r#""optional" must be true or false"#),
        (3, "[[kernel]]\nname = \"x\"\npackage = \"linux\"", r#""package" must be a table"#),
        (1, "kernel = 3", r#""kernel" must be a list of tables, [[kernel]]"#),
        (1, "[kernel]\nname = \"x\"", r#""kernel" must be a list of tables, [[kernel]]"#),
        (3, "[[variant]]\nname = \"x\"\nsmp = -1", r#""smp" must be a whole number"#),
        (3, "[[variant]]\nname = \"x\"\nmemory = 0", r#""memory" must be 64 to 1048576"#),
        (4, "[[variant]]\nname = \"x\"\ncmdline = \"y\"\nmemory = 63", r#"[[variant]] x: "memory" must be 64 to"#),
        (3, "[[variant]]\nname = \"x\"\nmemory = 5_000_000_000", r#""memory" must be 64 to 1048576"#),
        (3, "[[variant]]\nname = \"x\"\nsmp = 257", r#""smp" must be 1 to 256"#),
        (3, "[[variant]]\nname = \"x\"\nsmp = 0", r#""smp" must be 1 to 256"#),
        (3, "[[variant]]\nname = \"x\"\ncmdline = 7", r#""cmdline" must be a string, or a list of strings and tables"#),
        (3, "[[variant]]\nname = \"x\"\ncmdline = [{ since = \"3.8\" }]", r#"cmdline: "words" is missing"#),
        (3, "[[variant]]\nname = \"x\"\nsince = \"new\"", r#""new" is no kernel version"#),
        (3, "[[variant]]\nname = \"x\"\nkconfig = [\"CONFIG_X\"]", "write it without CONFIG_"),
        (3, "[[variant]]\nname = \"x\"\nleave-out = { tests = \"a::*\" }", r#""why" is missing"#),
        (3, "[[kernel]]\nname = \"x\"\ngroup = [1]\nimage = \"x\"", r#""group" must be a string or a list of strings"#),
    ] {
        let message = error(line, text);
        assert!(message.contains(words), "{message}");
    }
    assert!(error(2, "[[kernel]]\nname = ").contains("string"), "what TOML itself says");
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    const PACKAGE: &str = "package = { archive = \"d\", suite = \"s\", name = \"linux-image-*\" }";
    let entry = |rest: &str| format!("[archive.d]\n[[kernel]]\nname = \"x\"\n{rest}");
    for (line, text, words) in [
        (3, entry(""), "give one of package, image, tree, folder, url"),
        (5, entry("image = \"a\"\ntree = \"b\""), "two sources, image and tree"),
        (5, entry("tree = \"a\"\nconfig = \"b\""), r#""config" goes with "image", not "tree""#),
        (4, entry(&PACKAGE.replace("\"d\"", "\"debian\"")), "there is no archive \"debian\"; describe it"),
        (4, entry("package = { archive = \"d\", name = \"x\" }"), "\"suite\" is missing"),
        (4, entry(&PACKAGE.replace("image-*", "image-6.[12]*")), "has '[' in it"),
        (3, entry(&format!("{PACKAGE}\nevery = true")), "put {version} in it"),
        (4, entry("url = \"http://a\""), "none from the net is used unseen"),
        (5, entry("url = \"http://a\"\nsha256 = \"12\""), "is no SHA-256"),
        (2, "[[kernel]]\nimage = \"x\"".to_owned(), "needs a \"name\""),
        (2, "[[kernel]]\nname = \"a b\"\nimage = \"x\"".to_owned(), "may only have letters"),
        (2, "[archive.x]\nurl = \"ftp://x\"".to_owned(), "must begin with https://"),
        (
            5,
            "[[kernel]]\nname = \"x\"\nimage = \"a\"\n[[kernel]]\nname = \"x\"\nimage = \"b\"".to_owned(),
            "another kernel",
        ),
        (4, "[[variant]]\nname = \"v\"\n[[variant]]\nname = \"v\"".to_owned(), "another variant"),
    ] {
        let message = error(line, &text);
        assert!(message.contains(words), "{words}: {message}");
    }
    let meant =
        "[archive.debian]\n[[kernel]]\nname = \"x\"\npackage = { archive = \"debain\", suite = \"s\", name = \"l\" }";
    assert!(error(4, meant).contains("did you mean \"debian\"?"));
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let message = Manifest::load(Path::new("/nowhere/kernels.toml")).unwrap_err().to_string();
    assert!(
        message.starts_with("/nowhere/kernels.toml: cannot be read") && message.contains("kernrig init"),
        "{message}"
    );
}

#[test]
fn the_shipped_matrix_has_its_groups() {
    let manifest = Manifest::shipped();
    let names = |group: &str| -> Vec<&str> {
        let of_group = manifest.kernels.iter().filter(|k| k.groups.iter().any(|g| g == group));
        of_group.map(|k| k.name.as_str()).collect()
    };
    assert_eq!(names("default"), ["debian-5.10", "debian-6.1", "debian-6.12", "debian-7"]);
    assert_eq!(names("old").len(), 12);
    assert_eq!(names("wide"), ["cloud-{version}"]);
    assert_eq!(manifest.variants[0].name, "default");
    for kernel in &manifest.kernels {
        let (Source::Newest(spec) | Source::Every(spec)) = &kernel.source else { panic!("{}", kernel.name) };
        let archive = manifest.archive(&spec.archive).unwrap();
        let living = archive.url.is_none();
        assert_eq!(archive.check_valid_until && !archive.expired_keys, living, "{}", archive.name);
    }
}

#[test]
fn the_shipped_variants_suit_the_words_to_the_version() {
    let manifest = Manifest::shipped();
    let names: Vec<&str> = manifest.variants.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(
        names,
        ["default", "stock", "memcg", "cgroup-v1", "cgroup-v2", "smp4", "lowmem", "preempt-full", "slub-debug"]
    );
    let words = |variant: &str, release: &str| {
        manifest.variant(variant).unwrap().cmdline_for(&crate::KernelVersion::parse(release).unwrap())
    };
    assert_eq!(words("stock", "6.1"), "");
    assert!(words("slub-debug", "2.6.32.69").ends_with(" slub_debug=FZPU"));
    assert!(words("slub-debug", "6.12.1").ends_with(" slab_debug=FZPU"));
    assert!(words("cgroup-v2", "4.6").contains("cgroup_no_v1=all") && !words("cgroup-v2", "4.5").contains("no_v1"));
    let memcg = &manifest.variant("memcg").unwrap().needs;
    assert_eq!(memcg.kconfig, [["MEMCG", "CGROUP_MEM_RES_CTLR"]]);
    assert_eq!(memcg.until, crate::KernelVersion::parse("5.8"), "both are on by default since");
}

#[test]
fn the_kernels_of_an_every_entry_are_called_by_their_version() {
    let manifest = Manifest::shipped();
    let wide = manifest.kernels.iter().find(|k| matches!(k.source, Source::Every(_))).unwrap();
    assert_eq!(wide.name_of("linux-image-6.12.90+deb13.1-cloud-amd64"), "cloud-6.12.90+deb13.1");
    assert_eq!(wide.name_of("linux-image-5.10.0-32-cloud-amd64"), "cloud-5.10.0-32");
}

#[test]
fn a_payload_says_what_it_needs() {
    let text = r#"
[[payload]]
path = "bin/x"
[[payload]]
name = "y"
path = "/y"
run = "bin/y"
args = ["a b"]
deadline = 5
own-boot = true
result = "ktap"
needs = { since = "3.8", until = "6.1.2", kconfig = ["CONFIG_USER_NS", "MEMCG|RES"], modules = "nf-nat", cmdline = "a=1" }
"#;
    let payloads = read(text).unwrap().payloads;
    assert_eq!((payloads[0].name.as_str(), payloads[0].reading), ("x", Reading::Auto));
    assert_eq!(payloads[0].path, Path::new("/etc/kernrig/bin/x"));
    let y = &payloads[1];
    assert_eq!((y.reading, y.deadline_s, y.own_boot), (Reading::Ktap, 5, true));
    assert_eq!(y.needs.kconfig, [vec!["USER_NS".to_owned()], vec!["MEMCG".to_owned(), "RES".to_owned()]]);
    assert_eq!(y.needs.modules, ["nf_nat"]);
    let until = kernrig_catalog::Version(6, 1, 2);
    assert_eq!((y.needs.until, y.needs.cmdline.as_deref()), (Some(until), Some("a=1")));
}

#[test]
fn what_is_wrong_with_a_payload_is_named_with_its_line() {
    let with = |line: &str| error(3, &format!("[[payload]]\npath = \"x\"\n{line}\n"));
    assert!(error(2, "[[payload]]\nname = \"x\"\n").contains("\"path\" is missing"));
    assert!(with("name = \"a b\"").contains("letters, digits"));
    assert!(with("deadline = 0").contains("1 to 86400"));
    assert!(with("result = \"tap\"").contains("exit, ktap or auto"));
    assert!(with("dedline = 5").contains("deadline"));
    for (needs, words) in [
        ("since = \"new\"", "no version of Linux"),
        ("kconfig = \"USER-NS\"", "no build option"),
        ("modules = \"a/b\"", "no name of a module"),
        ("cmdline = \"a b\"", "one word"),
        ("kernel = \"x\"", "unknown key"),
    ] {
        assert!(with(&format!("needs = {{ {needs} }}")).contains(words), "{needs}");
    }
    assert!(error(4, "[[payload]]\npath = \"x\"\n[[payload]]\npath = \"d/x\"\n").contains("another payload"));
}
