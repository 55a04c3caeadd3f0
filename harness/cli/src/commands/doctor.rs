//! `kernrig doctor`: whether this machine can do it, and what to install if not.

use std::path::PathBuf;

use kernrig_kernels::manifest::{DEFAULT_GROUP, Source};
use kernrig_vm::{capacity, find_qemu, probe};

use crate::args::Global;
use crate::failure::{Failure, chain};
use crate::machine::{VM_CPUS, VM_MEMORY_MIB, cache_folder};
use crate::matrix::Matrix;
use crate::stdout;

/// What was found out about one thing.
enum Finding {
    Good(String),
    /// Some kernels or speed will be missing.
    Weak(String),
    /// Nothing will run.
    Bad(String),
}

pub(crate) fn doctor(global: &Global) -> Result<u8, Failure> {
    let mut bad = false;
    for (what, finding) in examine(global) {
        let (mark, text) = match finding {
            Finding::Good(text) => ("ok", text),
            Finding::Weak(text) => ("weak", text),
            Finding::Bad(text) => {
                bad = true;
                ("MISSING", text)
            }
        };
        stdout::line(format!("{mark:<8} {what:<14} {text}"));
    }
    Ok(if bad { 2 } else { 0 })
}

fn examine(global: &Global) -> Vec<(String, Finding)> {
    let cache = match cache_folder(global) {
        Ok(cache) => cache,
        // What else there is to find out is kept there.
        Err(failure) => return vec![("cache".to_owned(), Finding::Bad(failure.to_string()))],
    };
    let mut findings = Vec::new();
    let mut add = |what: &str, finding| findings.push((what.to_owned(), finding));
    match find_qemu() {
        Ok(qemu) => match probe(&qemu, &cache, None) {
            Ok(found) => {
                add("qemu", Finding::Good(format!("{}, {}", qemu.display(), found.qemu_version)));
                let name = found.accelerator.name();
                let finding = if found.notes.is_empty() {
                    Finding::Good(format!("{name}: a guest ran under it"))
                } else {
                    Finding::Weak(format!("{name}: {}", found.notes.join("; ")))
                };
                add("accelerator", finding);
            }
            Err(e) => add("qemu", Finding::Bad(chain(&e))),
        },
        Err(e) => add("qemu", Finding::Bad(chain(&e))),
    }
    add("signatures", verifier());
    let room = capacity();
    let jobs = kernrig_run::jobs(room.cpus, room.memory_mib, VM_CPUS, VM_MEMORY_MIB);
    let size = format!("{} CPUs and {} MiB to use: {jobs} VMs side by side", room.cpus, room.memory_mib);
    add("room", if room.memory_mib < u64::from(VM_MEMORY_MIB) { Finding::Weak(size) } else { Finding::Good(size) });
    add("cache", writable(&cache));
    match Matrix::load(global, false) {
        Ok(matrix) => archives(&matrix).into_iter().for_each(|(what, finding)| add(&what, finding)),
        Err(failure) => add("kernels", Finding::Bad(failure.to_string())),
    }
    findings
}

/// One archive after the other, as far as the default group needs it: by what it resolves a kernel to.
fn archives(matrix: &Matrix) -> Vec<(String, Finding)> {
    let mut findings: Vec<(String, Finding)> = Vec::new();
    for entry in matrix.manifest.kernels.iter().filter(|e| e.groups.iter().any(|g| g == DEFAULT_GROUP)) {
        let Source::Newest(spec) = &entry.source else { continue };
        let what = format!("archive {}", spec.archive);
        if findings.iter().any(|(known, _)| *known == what) {
            continue;
        }
        let finding = match matrix.archives.resolve(spec) {
            Ok(found) => match found.chosen() {
                Some(set) => Finding::Good(format!("{} is {} {}", entry.name, set.name(), set.version())),
                None => Finding::Weak(format!("{}: no complete version", entry.name)),
            },
            Err(e) => Finding::Weak(chain(&e)),
        };
        findings.push((what, finding));
    }
    findings
}

/// Archives' signatures are checked by a program that treats subkeys and expiry as apt does.
fn verifier() -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let find = |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    match find("gpgv").or_else(|| find("sqv")) {
        Some(program) => Finding::Good(program.display().to_string()),
        None => Finding::Weak(
            "no gpgv and no sqv: kernels of archives cannot be verified and are not to be had; \
             install one (Debian, Ubuntu: `apt install gpgv`; Fedora: `dnf install gnupg2`; Arch: `pacman -S gnupg`)"
                .to_owned(),
        ),
    }
}

fn writable(cache: &PathBuf) -> Finding {
    let tried = std::fs::create_dir_all(cache).and_then(|()| tempfile::tempfile_in(cache));
    let room = rustix::fs::statvfs(cache).map(|s| s.f_bavail * s.f_frsize / (1 << 30));
    match (tried, room) {
        (Ok(_), Ok(gib)) if gib < 1 => Finding::Weak(format!("{}: less than 1 GiB free", cache.display())),
        (Ok(_), Ok(gib)) => Finding::Good(format!("{}, {gib} GiB free", cache.display())),
        (Ok(_), Err(_)) => Finding::Good(cache.display().to_string()),
        (Err(e), _) => {
            Finding::Bad(format!("cannot write to {}: {e}; choose another folder with --cache DIR", cache.display()))
        }
    }
}
