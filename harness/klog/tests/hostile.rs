//! A guest writes what it likes on its console: nothing it writes may make klog panic, grow or crawl.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use kernrig_klog::{Found, Stream};

/// A small generator (splitmix64): the same bytes on every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn logs() -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn feed(bytes: &[u8], dice: &mut Dice) -> Vec<Found> {
    let mut stream = Stream::new();
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at((1 + dice.below(200)).min(rest.len()));
        found.extend(stream.push(now));
        if dice.below(20) == 0 {
            found.extend(stream.idle());
        }
        rest = later;
    }
    found.extend(stream.finish());
    found
}

fn check(found: &[Found], bytes: &[u8]) {
    let lines = bytes.iter().filter(|&&b| b == b'\n').count() as u64;
    for f in found {
        let r = &f.report;
        assert!(f.first_line <= f.last_line && f.last_line <= lines, "{f:?}");
        assert!(!r.title.is_empty() && r.title.chars().count() <= 160 && !r.title.contains(char::is_control), "{r:?}");
        assert!(r.text.len() <= 70 * 1024 && !r.text.contains(|c: char| c.is_control() && c != '\n'), "{r:?}");
        assert!(r.frames.len() <= 64 && r.frames.iter().all(|f| f.len() <= 300) && r.signature.len() <= 1024, "{r:?}");
    }
}

#[test]
fn random_bytes() {
    let mut dice = Dice(1);
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..dice.below(5000)).map(|_| dice.next() as u8).collect();
        check(&feed(&bytes, &mut dice), &bytes);
    }
}

/// A log made of others, then broken in some places.
fn mutated(logs: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..1 + dice.below(3) {
        bytes.extend_from_slice(&logs[dice.below(logs.len())]);
    }
    for _ in 0..dice.below(30) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.below(bytes.len());
        match dice.below(7) {
            0 => bytes[at] = dice.next() as u8,
            1 => drop(bytes.drain(at..(at + dice.below(80)).min(bytes.len()))),
            2 => bytes.insert(at, b'\n'),
            3 => bytes.truncate(at + 1),
            4 => drop(bytes.splice(at..at, [0_u8, 0x1b, b'[', 0xff, b'\r'].into_iter().take(1 + dice.below(5)))),
            5 => {
                // Two CPUs at once: a line of another log in between.
                let other = &logs[dice.below(logs.len())];
                let lines: Vec<&[u8]> = other.split_inclusive(|&b| b == b'\n').collect();
                let line = lines.get(dice.below(lines.len().max(1))).copied().unwrap_or_default().to_vec();
                bytes.splice(at..at, line);
            }
            _ => {
                let from = dice.below(bytes.len());
                let piece: Vec<u8> = bytes[from..(from + dice.below(200)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn mutated_splats() {
    let logs = logs();
    let mut dice = Dice(2);
    for _ in 0..600 {
        let bytes = mutated(&logs, &mut dice);
        check(&feed(&bytes, &mut dice), &bytes);
    }
}

/// The fuzzer: `KERNRIG_FUZZ_SECONDS` says how long (`make test`: 60), `KERNRIG_FUZZ_SEED` from where on. Its seeds are
/// the cases and, where it is, the corpus that `KERNRIG_OOPS_CORPUS` names. What fails is printed as a seed.
#[test]
fn for_as_long_as_is_asked() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = number("KERNRIG_FUZZ_SECONDS").unwrap_or(2);
    let mut logs = logs();
    if let Some(corpus) = std::env::var_os("KERNRIG_OOPS_CORPUS") {
        for folder in ["syzkaller", "satyr", "booted"] {
            let Ok(entries) = fs::read_dir(Path::new(&corpus).join(folder)) else { continue };
            let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            paths.sort();
            logs.extend(paths.into_iter().filter_map(|path| fs::read(path).ok()).filter(|log| !log.is_empty()));
        }
    }
    let until = Instant::now() + Duration::from_secs(seconds);
    let first = number("KERNRIG_FUZZ_SEED").unwrap_or(1);
    let mut seed = first;
    while seed == first || Instant::now() < until {
        let run = std::panic::catch_unwind(|| {
            let mut dice = Dice(seed);
            let bytes = mutated(&logs, &mut dice);
            check(&feed(&bytes, &mut dice), &bytes);
            // Where it is cut makes no difference.
            let whole = all(&bytes, bytes.len().max(1));
            assert_eq!(all(&bytes, 1 + dice.below(300)), whole);
        });
        assert!(run.is_ok(), "KERNRIG_FUZZ_SEED={seed} KERNRIG_FUZZ_SECONDS=0 shows it again");
        seed += 1;
    }
    println!("{} logs read in {seconds} s", seed - first);
}

fn all(bytes: &[u8], size: usize) -> Vec<Found> {
    let mut stream = Stream::new();
    let mut found: Vec<_> = bytes.chunks(size).flat_map(|chunk| stream.push(chunk)).collect();
    found.extend(stream.finish());
    found
}

#[test]
fn splats_without_end_stay_within_bounds() {
    let mut endless = b"WARNING: at a.c:1 f+0x1/0x2()\nCall Trace:\n".to_vec();
    for n in 0..30_000 {
        endless.extend_from_slice(format!(" [<ffffffff81000000>] f{n}+0x1/0x2 {}\n", "x".repeat(n % 300)).as_bytes());
    }
    let found = feed(&endless, &mut Dice(3));
    assert!(!found.is_empty());
    check(&found, &endless);
    // One line that never ends, made of what headers are made of.
    let line = b"WARNING: at a.c:1 [    1.000000] BUG: KASAN: a in b [<<<<<<((((".repeat(20_000);
    check(&feed(&line, &mut Dice(4)), &line);
}
