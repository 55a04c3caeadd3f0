//! The folder of a run's results: one run at a time, every event on disk before it is shown, nothing stale left behind.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use kernrig_events::Event;
use kernrig_kernels::whole;
use kernrig_report::jsonl;
use rustix::fs::{FlockOperation, flock};

use crate::failure::Failure;

/// The folder of a run's results.
#[derive(Debug)]
pub(crate) struct OutDir {
    path: PathBuf,
    results: File,
    /// Locked as long as it is open.
    _lock: File,
}

impl OutDir {
    /// Takes a folder for a run: what an earlier one left in it is moved to `results.previous.jsonl` or removed, so
    /// that no reader takes old verdicts for new ones.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, e: io::Error| {
            Failure::new(format!("cannot {what} in {}: {e}", path.display()))
                .next("choose another folder with --out DIR")
        };
        fs::create_dir_all(path).map_err(|e| failed("make the folder for results", e))?;
        let lock = File::create(path.join(".lock")).map_err(|e| failed("make a lock file", e))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::new(format!("another kernrig is writing its results to {}", path.display()))
                .next("wait for it, or choose another folder with --out DIR")
        })?;
        forget_consoles(&path.join("consoles")).map_err(|e| failed("remove the consoles of the last run", e))?;
        let results = path.join("results.jsonl");
        if results.exists() {
            fs::rename(&results, path.join("results.previous.jsonl"))
                .map_err(|e| failed("keep the last results", e))?;
        }
        let results = File::create_new(&results).map_err(|e| failed("make results.jsonl", e))?;
        Ok(Self { path: path.to_owned(), results, _lock: lock })
    }

    /// Where the consoles of this run go.
    pub(crate) fn consoles(&self) -> PathBuf {
        self.path.join("consoles")
    }

    /// Appends an event: one line, one write, in the kernel's hands when this returns, so that SIGKILL cannot take
    /// it back.
    pub(crate) fn append(&mut self, event: &Event) -> Result<(), Failure> {
        jsonl::write(&self.results, event).map_err(|e| {
            Failure::new(format!("{}: {e}", self.path.join("results.jsonl").display()))
                .next("verdicts that are not on disk are not shown; make room, or choose another folder with --out DIR")
        })
    }
}

/// Only what kernrig writes is removed.
fn forget_consoles(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ["console", "channel", "initramfs"].iter().any(|ours| ending == *ours))
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A JUnit report: the file that was asked for, and more beside it if one would be too large.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    path: &'a Path,
}

impl<'a> Report<'a> {
    /// Finds out whether it could be written: before anything boots, for a run may take an hour.
    pub(crate) fn at(path: &'a Path) -> Result<Self, Failure> {
        let report = Self { path };
        if path.file_name().is_none() || fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(report.failed("write", io::Error::other("it is no file")));
        }
        make_folder(path).and_then(|()| whole::probe(path)).map_err(|e| report.failed("write", e))?;
        Ok(report)
    }

    /// Removes what an earlier run left: it must not be taken for this one's report, should this one die.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        for number in 1.. {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            match fs::remove_file(self.part(&suffix)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(self.failed("replace", e)),
                Err(_) if number > 1 => break,
                _ => {}
            }
        }
        Ok(())
    }

    fn failed(&self, what: &str, e: io::Error) -> Failure {
        let message = format!("cannot {what} the report {}: {e}", self.path.display());
        Failure::new(message).next("choose another file with --junit FILE")
    }

    /// Writes its parts, each with the suffix that goes before the extension.
    pub(crate) fn write(&self, parts: &[(String, Vec<u8>)]) -> Result<(), Failure> {
        let write = |(suffix, bytes): &(String, Vec<u8>)| whole::write(&self.part(suffix), bytes);
        make_folder(self.path).and_then(|()| parts.iter().try_for_each(write)).map_err(|e| self.failed("write", e))
    }

    fn part(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        name.push(suffix);
        if let Some(extension) = self.path.extension() {
            name.push(".");
            name.push(extension);
        }
        self.path.with_file_name(name)
    }
}

fn make_folder(of: &Path) -> io::Result<()> {
    of.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(text: &str) -> Event {
        Event::Notice { text: text.to_owned() }
    }

    #[test]
    fn a_run_has_its_folder_for_itself_and_finds_nothing_stale_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut first = OutDir::open(&path).unwrap();
        first.append(&notice("first")).unwrap();
        fs::create_dir(first.consoles()).unwrap();
        fs::write(first.consoles().join("old.console"), "x").unwrap();
        fs::write(first.consoles().join("old.initramfs"), "x").unwrap();
        fs::write(first.consoles().join("mine.txt"), "x").unwrap();
        let refused = OutDir::open(&path).unwrap_err().to_string();
        assert!(refused.contains("another kernrig") && refused.contains("--out"), "{refused}");
        drop(first);

        let mut second = OutDir::open(&path).unwrap();
        second.append(&notice("second")).unwrap();
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
        assert!(read("results.jsonl").contains("second") && !read("results.jsonl").contains("first"));
        assert!(read("results.previous.jsonl").contains("first"));
        assert!(!second.consoles().join("old.console").exists());
        assert!(!second.consoles().join("old.initramfs").exists());
        assert!(second.consoles().join("mine.txt").exists(), "only what kernrig writes is removed");
    }

    #[test]
    fn parts_of_an_old_report_are_not_left_beside_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("junit.xml");
        let part = |suffix: &str| (suffix.to_owned(), b"<testsuites/>".to_vec());
        let report = Report::at(&path).unwrap();
        report.write(&[part(""), part("-2"), part("-3")]).unwrap();
        assert!(folder.path().join("junit-3.xml").exists());
        // Also where somebody took the first part away.
        fs::remove_file(&path).unwrap();
        report.forget().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        report.write(&[part("")]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "<testsuites/>");
    }

    #[test]
    fn a_report_that_cannot_be_written_is_refused_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for wrong in [Path::new("/dev/null"), folder.path(), &folder.path().join("file/junit.xml"), Path::new("")] {
            let refused = Report::at(wrong).unwrap_err().to_string();
            assert!(refused.contains("--junit FILE"), "{refused}");
        }
        Report::at(&folder.path().join("new/junit.xml")).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 0);
    }
}
