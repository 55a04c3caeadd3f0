//! Oopses of real kernels with their functions taken away: the kernel alone gives them back.

use std::fs;
use std::path::PathBuf;

use kernrig_kernels::image::BzImage;
use kernrig_symbols::{Survey, Symbols};

use crate::rig::{Finished, kernrig, old_kernels, run, skipped};

/// Makes a kernel panic; gives its console.
fn panicked(kernel: &str) -> (Finished, Vec<u8>) {
    let finished = run(&["-k", kernel, "-t", "selftest::panic"]);
    let folder = finished.out.path().join("consoles");
    let files = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    let mut consoles: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "console")).collect();
    consoles.sort();
    let log = consoles.iter().flat_map(|path| fs::read(path).expect("a console")).collect();
    (finished, log)
}

/// What `kernrig decode` says of a log: title, trust, signature and frames of each report.
fn decoded(log: &[u8], arguments: &[&str]) -> Vec<[String; 4]> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log");
    fs::write(&file, log).expect("the log is written");
    let output =
        kernrig().args(["decode", "--format", "json"]).arg(&file).args(arguments).output().expect("kernrig starts");
    assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let said = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        ["title", "corrupted", "signature", "frames"].map(|field| value["report"][field].to_string())
    };
    text.lines().map(said).collect()
}

/// `fn+0x1/0x2` in a line: where it stands, and its parts.
fn place(line: &str) -> Option<(std::ops::Range<usize>, &str, u64, u64)> {
    let plus = line.find("+0x")?;
    let start = line[..plus].rfind(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c)))? + 1;
    let hex = |text: &str| text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    let (offset, rest) = line[plus + 3..].split_at(hex(&line[plus + 3..]));
    let rest = rest.strip_prefix("/0x")?;
    let size = &rest[..hex(rest)];
    let end = line.len() - rest.len() + size.len();
    Some((start..end, &line[start..plus], u64::from_str_radix(offset, 16).ok()?, u64::from_str_radix(size, 16).ok()?))
}

/// The log as a kernel without symbols would have printed it: of `[<addr>] fn+0x1/0x2` the address stays.
fn without_functions(log: &[u8]) -> Vec<u8> {
    let bare = |line: &str| match place(line) {
        Some((at, ..)) if line.contains(">]") => format!("{}{}", &line[..at.start], &line[at.end..]),
        _ => line.to_owned(),
    };
    String::from_utf8_lossy(log).split_inclusive('\n').map(bare).collect::<String>().into_bytes()
}

#[test]
fn an_old_oops_without_functions_is_decoded_by_its_kernel_alone() {
    for (name, folder) in old_kernels("oopses without functions on old kernels") {
        let kernel = folder.to_str().expect("a path of text");
        let (finished, log) = panicked(kernel);
        finished.expect("selftest::panic", "panic");
        let expected = decoded(&log, &[]);
        assert!(expected.iter().any(|said| said[0].contains("sysrq_handle_crash")), "{name}: {expected:?}");
        let bare = without_functions(&log);
        assert!(!String::from_utf8_lossy(&bare).contains("sysrq_handle_crash"), "{name}");
        assert_ne!(decoded(&bare, &[]), expected, "{name}: nothing was taken away");
        assert_eq!(decoded(&bare, &["--kernel", kernel]), expected, "{name}");
        let map = folder.join("System.map");
        assert_eq!(decoded(&bare, &["--system-map", map.to_str().expect("text")]), expected, "{name}");
    }
}

/// The symbols of a kernel of kernrig's cache.
fn cached(release: &str) -> Symbols {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let user = || std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("kernrig");
    let cache = std::env::var_os("KERNRIG_CACHE").map_or_else(user, PathBuf::from);
    let entries = fs::read_dir(cache.join("entries")).expect("a cache").filter_map(Result::ok);
    let images = entries.filter_map(|e| BzImage::open(&e.path().join("vmlinuz")).ok());
    let image = images.into_iter().find(|image| image.release() == release).expect("the kernel is in the cache");
    Symbols::from_kallsyms(&image.vmlinux().expect("it unpacks")).unwrap_or_else(|e| panic!("{release}: {e}"))
}

/// The log with `0xaddr` for each function of the kernel itself: where that lay the log says.
fn with_addresses(log: &[u8], symbols: &Symbols) -> String {
    let mut survey = Survey::new();
    log.split(|&b| b == b'\n').for_each(|line| survey.line(line, symbols));
    let shift = survey.shift(0).or(survey.shift(1)).expect("the log says how far the kernel was moved");
    let bare = |line: &str| {
        let Some((at, name, offset, size)) = place(line) else { return line.to_owned() };
        let fits = |&link: &u64| symbols.at(link).is_some_and(|place| place.size == size);
        match symbols.addresses(name).find(fits) {
            Some(link) => format!("{}{:#x}{}", &line[..at.start], link + offset + shift, &line[at.end..]),
            None => line.to_owned(),
        }
    };
    String::from_utf8_lossy(log).split_inclusive('\n').map(bare).collect()
}

#[test]
fn an_oops_of_debian_with_addresses_is_decoded_by_its_packages_alone() {
    for kernel in ["debian-5.10", "debian-6.1", "debian-6.12", "debian-7"] {
        let (finished, log) = panicked(kernel);
        if finished.code == 2 && finished.outcomes().count() == 0 {
            skipped(&format!(
                "an oops of {kernel} with addresses: the kernel cannot be had here:\n{}",
                finished.printed
            ));
            continue;
        }
        let expected = decoded(&log, &[]);
        assert!(expected.iter().any(|said| said[3].contains("sysrq_handle_crash")), "{kernel}: {expected:?}");
        let bare = with_addresses(&log, &cached(&finished.release()));
        assert!(!bare.contains("sysrq_handle_crash"), "{kernel}:\n{bare}");
        assert_ne!(decoded(bare.as_bytes(), &[]), expected, "{kernel}: nothing was taken away");
        assert_eq!(decoded(bare.as_bytes(), &["--kernel", kernel]), expected, "{kernel}");
    }
}
