//! `kernels.lock`: repeatable, and not rotten when the mirror withdraws what it pins.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;

use kernrig_kernels::archive::{ArchiveSpec, Archives, Options, PackageSpec};
use kernrig_kernels::lock::{Lock, Pin};
use kernrig_toy_archive::{Deb, Layout, Toy, family, write};

const OLD: &str = "6.1.27-1";

fn spec() -> PackageSpec {
    family("linux-image-6.1.*-amd64")
}

/// An archive with one kernel, a pin of it, and then a newer kernel beside it.
fn pinned(test: &str) -> Option<(Toy, Pin)> {
    let mut toy = Toy::new(test)?;
    toy.add(Deb::whole("6.1.0-9-amd64", OLD));
    toy.publish(&Layout::new());
    let mut lock = Lock::default();
    let (moved, errors) = toy.archives().update(&[("six".to_owned(), spec())], &mut lock);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(moved[0].to_string(), "six: linux-image-6.1.0-9-amd64 6.1.27-1 (new)");
    toy.add(Deb::whole("6.1.0-10-amd64", "6.1.38-1"));
    toy.publish(&Layout::new());
    let pin = lock.get("six").unwrap().clone();
    Some((toy, pin))
}

#[test]
fn the_pin_is_taken_until_it_is_moved() {
    let Some((toy, pin)) = pinned("the_pin_is_taken_until_it_is_moved") else { return };
    toy.server.asked();
    let obtained = toy.archives().obtain("six", &spec(), Some(&pin)).unwrap();
    assert_eq!(obtained.kernel.packages[0].version, OLD);
    assert_eq!(obtained.pin, pin);
    assert_eq!(toy.server.asked(), [pin.packages[0].path.as_str()], "a pin needs no index");

    let mut lock = Lock::default();
    lock.set("six", pin);
    let entries = [("six".to_owned(), spec()), ("none".to_owned(), family("linux-image-9.*-amd64"))];
    let (moved, errors) = toy.archives().update(&entries, &mut lock);
    assert_eq!(moved.len(), 1);
    assert!(moved[0].to_string().contains("6.1.27-1 -> linux-image-6.1.0-10-amd64 6.1.38-1"), "{}", moved[0]);
    assert!(errors[0].to_string().contains("kernel none: no complete version"), "{}", errors[0]);
    assert!(toy.archives().update(&entries[..1], &mut lock).0.is_empty());
}

#[test]
fn a_hash_that_differs_is_an_error() {
    let Some((toy, mut pin)) = pinned("a_hash_that_differs_is_an_error") else { return };
    pin.packages[0].sha256 = "0".repeat(64);
    let refused = toy.archives().obtain("six", &spec(), Some(&pin)).unwrap_err().to_string();
    assert!(refused.contains("kernels.lock says 0000") && refused.contains("6.1.27-1"), "{refused}");
    assert_eq!(fs::read_dir(toy.cache().join("entries")).unwrap().count(), 0);
}

#[test]
fn a_withdrawn_version_gives_way_to_the_newest_and_says_so() {
    let Some((mut toy, pin)) = pinned("a_withdrawn_version_gives_way") else { return };
    toy.withdraw(OLD);
    toy.publish(&Layout::new());
    let obtained = toy.archives().obtain("six", &spec(), Some(&pin)).unwrap();
    assert_eq!(obtained.kernel.packages[0].version, "6.1.38-1");
    let note = &obtained.kernel.notes[0];
    assert!(note.contains("GONE") && note.contains("6.1.27-1") && note.contains("used instead"), "{note}");
    assert!(note.contains("linux-image-6.1.0-10-amd64 6.1.38-1"), "{note}");
    assert_ne!(obtained.pin, pin);

    let locked = toy.archives_with(Options { locked: true, ..toy.options() }, toy.spec());
    let refused = locked.obtain("six", &spec(), Some(&pin)).unwrap_err().to_string();
    assert!(refused.contains("--locked") && refused.contains("linux-image-6.1.0-9-amd64 6.1.27-1"), "{refused}");
    let refused = locked.obtain("other", &spec(), None).unwrap_err().to_string();
    assert!(refused.contains("other") && refused.contains("kernels lock"), "{refused}");
}

#[test]
fn what_is_in_the_cache_needs_no_mirror() {
    let Some((mut toy, pin)) = pinned("what_is_in_the_cache_needs_no_mirror") else { return };
    toy.archives().obtain("six", &spec(), Some(&pin)).unwrap();
    toy.withdraw(OLD);
    toy.server.asked();
    let options = Options { locked: true, offline: true, ..toy.options() };
    let obtained = toy.archives_with(options, toy.spec()).obtain("six", &spec(), Some(&pin)).unwrap();
    assert_eq!(obtained.kernel.packages[0].version, OLD);
    assert!(toy.server.asked().is_empty());
}

#[test]
fn a_withdrawn_package_is_found_elsewhere_by_its_hash() {
    let Some((mut toy, pin)) = pinned("a_withdrawn_package_is_found_elsewhere") else { return };
    let bytes = fs::read(toy.www(&pin.packages[0].path)).unwrap();
    toy.withdraw(OLD);
    toy.publish(&Layout::new());
    // In another archive, at the same place below its own base. What has another hash there is passed over.
    write(&toy.www(&format!("forged/{}", pin.packages[0].path)), b"something else");
    write(&toy.www(&format!("attic/{}", pin.packages[0].path)), &bytes);
    let other =
        |name: &str| ArchiveSpec { name: name.into(), url: Some(format!("{}/{name}", toy.server.url)), ..toy.spec() };
    let archives = Archives::new(toy.options(), vec![toy.spec(), other("forged"), other("attic")]).unwrap();
    let obtained = archives.obtain("six", &spec(), Some(&pin)).unwrap();
    assert_eq!(obtained.kernel.packages[0].version, OLD);
    assert!(obtained.kernel.packages[0].origin.contains("/attic/"), "{}", obtained.kernel.packages[0].origin);
}

#[test]
fn a_withdrawn_package_is_found_in_a_snapshot_of_its_time() {
    let Some((mut toy, mut pin)) = pinned("a_withdrawn_package_is_found_in_a_snapshot") else { return };
    let bytes = fs::read(toy.www(&pin.packages[0].path)).unwrap();
    toy.withdraw(OLD);
    toy.publish(&Layout::new());
    write(&toy.www(&format!("snapshot/20110205T111213Z/{}", pin.packages[0].path)), &bytes);
    // Snapshots are of Debian's archives.
    pin.packages[0].archive = "debian".into();
    let debian = ArchiveSpec { name: "debian".into(), ..toy.spec() };
    let snapshots = vec![format!("{}/snapshot/{{seen}}", toy.server.url)];
    let archives = toy.archives_with(Options { snapshots, ..toy.options() }, debian);
    let spec = PackageSpec { archive: "debian".into(), ..spec() };
    let obtained = archives.obtain("six", &spec, Some(&pin)).unwrap();
    assert!(obtained.kernel.packages[0].origin.contains("/snapshot/20110205T111213Z/"));
}
