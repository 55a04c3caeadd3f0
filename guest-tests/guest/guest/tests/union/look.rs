//! What the tests of unions look for, and small files to look at.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, Errno, Fd, open};
use crate::test_api::{Check, OrStop as _, Stop};

pub(super) const LOWER_FILE: &str = "/tmp/lower/file";
pub(super) const UPPER_FILE: &str = "/tmp/upper/file";
pub(super) const MERGED_FILE: &str = "/tmp/merged/file";

/// Fills the lower layer with `file` and `other`.
pub(super) fn lower_file() -> Check {
    files::create(LOWER_FILE, "lower").or_fail("make a file in the lower layer")?;
    files::create("/tmp/lower/other", "other").or_fail("make a file in the lower layer")
}

/// Fills the lower layer with `file`, `other` and the folder `dir` of the files `one` and `two`.
pub(super) fn lower_folder() -> Check {
    lower_file()?;
    sys::mkdir("/tmp/lower/dir", 0o755).or_fail("make a folder in the lower layer")?;
    files::create("/tmp/lower/dir/one", "one").or_fail("make a file in the lower layer")?;
    files::create("/tmp/lower/dir/two", "two").or_fail("make a file in the lower layer")
}

pub(super) fn must_hold(path: &str, text: &str, when: &str) -> Check {
    let found = files::read_text(path).or_fail(&format!("read {path} {when}"))?;
    ensure!(found == text, "{when} {path} holds `{found}`, not `{text}`");
    Ok(())
}

pub(super) fn must_be_gone(path: &str, when: &str) -> Check {
    let found = sys::lstat(path).map(|stat| stat.mode);
    ensure!(found == Err(Errno::ENOENT), "{when} {path} is there: {found:?}");
    Ok(())
}

/// The folder has exactly these names, each once.
pub(super) fn must_list(path: &str, expected: &[&str], when: &str) -> Check {
    let mut names = sys::list(path).or_fail(&format!("list {path} {when}"))?;
    names.sort();
    ensure!(names == expected, "{when} {path} lists {names:?}, not {expected:?}");
    Ok(())
}

/// What of mode, owner and time of change a test compares.
pub(super) type Looks = (u32, (u32, u32), (u64, u64));

pub(super) fn looks(path: &str) -> Result<Looks, Stop> {
    let stat = sys::lstat(path).or_fail(&format!("stat {path}"))?;
    Ok((stat.mode & 0o7777, (stat.uid, stat.gid), stat.mtime()))
}

pub(super) fn append(path: &str, text: &str) -> Check {
    let file =
        sys::open(path, open::WRONLY | open::APPEND | open::CLOEXEC, 0).or_fail(&format!("open {path} to append"))?;
    sys::write_all(file.raw(), text.as_bytes()).or_fail(&format!("append to {path}"))
}

/// All of an open file, from its start.
pub(super) fn whole(file: &Fd) -> Result<String, Stop> {
    sys::plain(sys::nr::LSEEK, [sys::arg(file.raw()), 0, 0]).or_fail("seek")?;
    let bytes: Vec<u8> = files::read_to_end(file).or_fail("read an open file")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
