//! `/proc/PID/mountinfo`, taken apart as proc(5) has it (2.6.26).

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::files;
use crate::test_api::{OrStop as _, Stop};

/// A line of it, still escaped.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) root: String,
    pub(crate) point: String,
    /// `shared:N`, `master:N`, `propagate_from:N`, `unbindable`
    pub(crate) tags: Vec<String>,
    pub(crate) source: String,
}

impl Mount {
    /// The number in a tag such as `shared:7`.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix(':'))
    }
}

fn parse(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, point) = (left.next()?.to_owned(), left.next()?.to_owned());
    let tags = left.skip(1).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Some(Mount { root, point, tags, source: right.split(' ').nth(1)?.to_owned() })
}

/// The mounts that a process (`self` or a number) sees.
pub(crate) fn of(process: &str) -> Result<Vec<Mount>, Stop> {
    let path = format!("/proc/{process}/mountinfo");
    let text = files::read_text(&path).or_fail(&format!("read {path}"))?;
    let all = text.lines().map(|line| parse(line).ok_or_else(|| Stop::Fail(format!("{path} has a line `{line}`"))));
    all.collect()
}

/// The topmost mount at a place, as a process sees it.
pub(crate) fn at(process: &str, point: &str) -> Result<Mount, Stop> {
    let mut all = of(process)?;
    all.retain(|mount| mount.point == point);
    all.pop().ok_or_else(|| Stop::Fail(format!("/proc/{process}/mountinfo has no mount at {point}")))
}
