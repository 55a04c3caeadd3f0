//! klog against what others call the same logs: the folder that `KERNRIG_OOPS_CORPUS` names, or `../shared/oops-corpus`
//! beside the workspace. Its README tells the format. `KERNRIG_OOPS_MISSES=written|held|all` prints each miss.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use kernrig_klog::{Report, parse};

/// The corpus, or nothing and a loud word.
fn corpus(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/oops-corpus");
    let folder = std::env::var_os("KERNRIG_OOPS_CORPUS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Straight to the descriptor: the test harness would swallow it.
    let word = format!("SKIPPED {test}: KERNRIG_OOPS_CORPUS names no folder of oopses\n");
    std::io::stderr().write_all(word.as_bytes()).unwrap();
    None
}

/// A third of the logs was held out while the rules were written: those whose name hashes (FNV-1a) to a multiple of 3.
fn held_out(name: &str) -> bool {
    let seeded = b"kernrig holdout 1:".iter().chain(name.as_bytes());
    seeded.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)) % 3
        == 0
}

#[derive(Debug, Default)]
struct Case {
    name: String,
    titles: Vec<String>,
    corrupted: bool,
    log: String,
}

fn syzkaller(folder: &Path) -> Vec<Case> {
    let mut cases: Vec<Case> = fs::read_dir(folder.join("syzkaller"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let (head, log) = match text.strip_prefix('\n') {
                Some(log) => ("", log),
                None => text.split_once("\n\n").unwrap_or((&text, "")),
            };
            let values = |keys: &[&str]| {
                head.lines()
                    .filter_map(|line| line.split_once(": "))
                    .filter(|(key, _)| keys.contains(key))
                    .map(|(_, value)| value.to_owned())
                    .collect::<Vec<_>>()
            };
            Case {
                name: path.file_name().unwrap().to_string_lossy().into_owned(),
                titles: values(&["TITLE", "ALT"]).into_iter().filter(|title| !title.is_empty()).collect(),
                corrupted: values(&["CORRUPTED"]).first().is_some_and(|value| value == "Y"),
                log: log.split("\nREPORT:").next().unwrap().to_owned(),
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// Right ones of all, for titles, silence and `corrupted`.
#[derive(Debug, Default)]
struct Score {
    titles: (u32, u32),
    silent: (u32, u32),
    corrupted: (u32, u32),
}

impl Score {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>, misses: bool) -> Self {
        let mut score = Self::default();
        let mut families: BTreeMap<String, (u32, u32)> = BTreeMap::new();
        for case in cases {
            let got = parse(&case.log);
            let first = got.first();
            let title = first.map_or("", |report| &report.title);
            let same = |report: &Report| {
                case.titles.contains(&report.title) || report.alternatives.iter().any(|alt| case.titles.contains(alt))
            };
            let count = |(right, all): &mut (u32, u32), is: bool| {
                *right += u32::from(is);
                *all += 1;
            };
            let Some(wanted) = case.titles.first() else {
                count(&mut score.silent, got.is_empty());
                if misses && !got.is_empty() {
                    println!("{}: SILENCE wanted, got {title:?}", case.name);
                }
                continue;
            };
            let named = first.is_some_and(same);
            let trusted = first.is_some_and(|report| report.corrupted == case.corrupted);
            count(&mut score.titles, named);
            count(&mut score.corrupted, trusted);
            count(families.entry(wanted.split(" in ").next().unwrap_or("").to_owned()).or_default(), named);
            if misses && !named {
                println!("{}: TITLE wanted {:?}, got {title:?}", case.name, case.titles);
            }
            if misses && !trusted {
                println!(
                    "{}: CORRUPTED wanted {}, got {:?} {title:?}",
                    case.name,
                    case.corrupted,
                    first.map(|r| r.corrupted)
                );
            }
        }
        if misses {
            for (family, (right, all)) in families.iter().filter(|(_, (right, all))| right < all) {
                println!("{right:4} of {all:3} {family}");
            }
        }
        score
    }
}

fn share((right, all): (u32, u32)) -> f64 {
    f64::from(right) / f64::from(all)
}

#[test]
fn syzkaller_s_titles() {
    let Some(folder) = corpus("syzkaller_s_titles") else { return };
    let cases = syzkaller(&folder);
    let show = std::env::var("KERNRIG_OOPS_MISSES").unwrap_or_default();
    let written = Score::of(cases.iter().filter(|c| !held_out(&c.name)), show == "written" || show == "all");
    let held = Score::of(cases.iter().filter(|c| held_out(&c.name)), show == "held" || show == "all");
    let all = Score::of(cases.iter(), false);
    println!("written: {written:?}\nheld:    {held:?}\nall:     {all:?}");
    assert!(share(all.titles) >= 0.97, "titles: {all:?}");
    assert_eq!(all.silent.0, all.silent.1, "{all:?}");
    assert!(share(all.corrupted) >= 0.95, "corrupted: {all:?}");
}

/// What a log says in its own words, and the kind that is; of several that fit, the first.
const SAID: &[(&str, &str)] = &[
    ("Kernel panic - not syncing: hung_task", "panic"),
    ("WARNING: at ", "WARNING"),
    ("WARNING: CPU: ", "WARNING"),
    ("possible recursive locking", "lockdep"),
    ("possible circular locking", "lockdep"),
    ("inconsistent lock state", "lockdep"),
    ("suspicious RCU usage", "lockdep"),
    ("suspicious rcu_dereference_check", "lockdep"),
    ("lock held when returning", "lockdep"),
    ("Poison overwritten", "slab-corruption"),
    ("Objects remaining", "slab-corruption"),
    ("kernel BUG at", "kernel-BUG"),
    ("NULL pointer dereference", "NULL-deref"),
    ("paging request", "paging-request"),
    ("general protection fault", "GPF"),
];

#[test]
fn satyr_s_oopses() {
    let Some(folder) = corpus("satyr_s_oopses") else { return };
    let expected = fs::read_to_string(folder.join("satyr-expected.tsv")).unwrap();
    let first: BTreeMap<&str, &str> = expected
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
        .map(|(file, rest)| (file, rest.split('\t').next().unwrap_or("")))
        .collect();
    let (mut named, mut right, mut wrong_kinds) = (0, Vec::new(), Vec::new());
    for entry in fs::read_dir(folder.join("satyr")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = parse(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
        assert!(!found.is_empty(), "{name}: no report");
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let said = SAID.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind);
        if said != Some(found[0].kind.as_str()) {
            wrong_kinds.push(format!("{name}: {said:?} is said, {:?} was found", found[0].kind));
        }
        let Some(wanted) = first.get(name.as_str()).filter(|wanted| !wanted.is_empty()) else { continue };
        named += 1;
        let top = found.iter().find_map(|report| report.stack.first()).map(|frame| frame.function.as_str());
        if top == Some(*wanted) {
            right.push(name);
        } else {
            println!("{name}: FIRST wanted {wanted}, got {top:?}");
        }
    }
    println!("satyr: {} of {named} first functions", right.len());
    assert_eq!(wrong_kinds, Vec::<String>::new());
    assert!(right.len() * 100 >= named * 95, "{right:?}");
}

#[test]
fn one_bug_is_one_signature_over_nine_years_of_kernels() {
    let Some(folder) = corpus("one_bug_is_one_signature_over_nine_years_of_kernels") else { return };
    let mut signatures: BTreeMap<String, u32> = BTreeMap::new();
    for entry in fs::read_dir(folder.join("booted")).unwrap() {
        let log = String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned();
        for report in parse(&log).into_iter().filter(|report| report.severity > kernrig_klog::Severity::Warning) {
            assert!(!report.corrupted, "{report:#?}");
            *signatures.entry(report.signature).or_default() += 1;
        }
    }
    let two: Vec<_> = signatures.keys().map(|signature| signature.split(':').nth(1).unwrap_or("")).collect();
    assert_eq!(two, ["d_hash_and_lookup", "mntput_no_expire"], "{signatures:?}");
}
