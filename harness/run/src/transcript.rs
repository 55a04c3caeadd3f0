//! What came out of a VM's ports, on disk as it came: bounded, for a human to read.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Most bytes kept of each port.
const LIMIT: usize = 8 * 1024 * 1024;

/// The files of one VM. Writing them is a service: a full disk does not change a verdict.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    console: Option<Bounded>,
    channel: Option<Bounded>,
}

#[derive(Debug)]
struct Bounded {
    file: File,
    left: usize,
}

impl Transcript {
    /// Opens `STEM.console` and `STEM.channel` in a folder; without a folder nothing is written.
    pub(crate) fn open(folder: Option<&Path>, stem: &str) -> std::io::Result<Self> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        fs::create_dir_all(folder)?;
        let open = |ending: &str| {
            File::create(folder.join(format!("{stem}.{ending}"))).map(|file| Some(Bounded { file, left: LIMIT }))
        };
        Ok(Self { console: open("console")?, channel: open("channel")? })
    }

    pub(crate) fn console(&mut self, bytes: &[u8]) {
        append(&mut self.console, bytes);
    }

    pub(crate) fn channel(&mut self, bytes: &[u8]) {
        append(&mut self.channel, bytes);
    }
}

fn append(to: &mut Option<Bounded>, bytes: &[u8]) {
    let Some(bounded) = to else { return };
    let part = bytes.len().min(bounded.left);
    let whole = bounded.file.write_all(&bytes[..part]).is_ok() && part == bytes.len();
    bounded.left -= part;
    if !whole {
        *to = None;
    }
}
