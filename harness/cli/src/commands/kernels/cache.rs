//! `kernrig kernels du` and `prune`: what the cache holds.

use std::time::{Duration, SystemTime};

use kernrig_kernels::cache::{Cache, Used};

use crate::args::Global;
use crate::failure::{Failure, chain};
use crate::machine::cache_folder;
use crate::stdout;

fn open(global: &Global) -> Result<Cache, Failure> {
    Cache::open(&cache_folder(global)?).map_err(|e| Failure::new(chain(&e)))
}

pub(super) fn du(global: &Global) -> Result<u8, Failure> {
    let cache = open(global)?;
    let used = cache.used().map_err(|e| Failure::new(chain(&e)))?;
    used.iter().for_each(|entry| stdout::line(describe(entry)));
    stdout::line(format!("{:>9}  {} in all", size(cache.bytes()), cache.folder().display()));
    Ok(0)
}

pub(super) fn prune(global: &Global, unused_for: Duration) -> Result<u8, Failure> {
    let cache = open(global)?;
    let pruned = cache.prune(|entry| age(entry) < unused_for).map_err(|e| Failure::new(chain(&e)))?;
    pruned.removed.iter().for_each(|entry| stdout::line(describe(entry)));
    for entry in &pruned.in_use {
        stdout::line(format!("{}, kept: a run is using it", describe(entry)));
    }
    stdout::line(format!("{:>9}  given back", size(pruned.bytes)));
    Ok(0)
}

/// One line: size, what it is, when it was last used.
fn describe(entry: &Used) -> String {
    let days = age(entry).as_secs() / (24 * 3600);
    let when = if days == 0 { "today".to_owned() } else { format!("{days} d ago") };
    format!("{:>9}  {} (used {when})", size(entry.bytes), entry.what.join(", "))
}

fn age(entry: &Used) -> Duration {
    SystemTime::now().duration_since(entry.last_used).unwrap_or_default()
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=1_048_575 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes / (1024 * 1024)),
    }
}
