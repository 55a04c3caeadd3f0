//! The cache: entries built once, by one of many, whole or not at all, and pruned.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn cache() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    (folder, cache)
}

fn build(folder: &Path) -> Result<Entry, CacheError> {
    fs::write(folder.join("vmlinuz"), "kernel").unwrap();
    Ok(Entry { release: "6.1".into(), image: "vmlinuz".into(), ..Entry::default() })
}

#[test]
fn an_entry_is_built_once_and_found_again() {
    let (_folder, cache) = cache();
    assert!(cache.get("k").unwrap().is_none());
    let (entry, lease) = cache.get_or_build("k", build).unwrap();
    assert_eq!(fs::read_to_string(entry.folder.join(&entry.image)).unwrap(), "kernel");
    assert!(lease.is_held());
    let again = cache.get_or_build("k", |_| -> Result<Entry, CacheError> { panic!("it is there") }).unwrap();
    assert_eq!(again.0, entry);
}

#[test]
fn what_failed_half_way_leaves_nothing() {
    let (_folder, cache) = cache();
    let broken = cache.get_or_build("k", |folder| {
        build(folder)?;
        Err(CacheError { path: "x".into(), source: io::Error::other("disk full") })
    });
    assert!(broken.unwrap_err().to_string().contains("disk full"));
    assert!(cache.get("k").unwrap().is_none());
    assert_eq!(fs::read_dir(cache.tmp()).unwrap().count(), 0);
}

#[test]
fn runs_side_by_side_build_once() {
    let (_folder, cache) = cache();
    let built = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let result = cache.get_or_build("k", |folder| {
                    built.fetch_add(1, Ordering::SeqCst);
                    build(folder)
                });
                assert_eq!(result.unwrap().0.release, "6.1");
            });
        }
    });
    assert_eq!(built.load(Ordering::SeqCst), 1);
}

#[test]
fn pruning_takes_what_nobody_uses() {
    let (_folder, cache) = cache();
    let (_, lease) = cache.get_or_build("used", build).unwrap();
    drop(cache.get_or_build("free", build).unwrap());
    drop(cache.get_or_build("kept", build).unwrap());
    // What a killed run leaves.
    fs::create_dir(cache.tmp().join("dead.x1")).unwrap();
    fs::write(cache.tmp().join("dead.x1/part"), "abc").unwrap();

    let pruned = cache.prune(|used| used.key == "kept").unwrap();
    let keys = |list: &[Used]| list.iter().map(|used| used.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&pruned.removed), ["free"]);
    assert_eq!(keys(&pruned.in_use), ["used"]);
    assert!(!cache.tmp().join("dead.x1").exists());
    drop(lease);
    assert_eq!(keys(&cache.prune(|_| false).unwrap().removed).len(), 2);
    assert!(cache.used().unwrap().is_empty());
}
