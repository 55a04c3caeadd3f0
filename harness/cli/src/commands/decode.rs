//! `kernrig decode`: the complaints in a kernel log, by their titles.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use kernrig_klog::Stream;

use crate::args::DecodeArgs;
use crate::failure::Failure;
use crate::stdout;

/// Prints a title a line; 1 if there was one.
pub(crate) fn decode(args: &DecodeArgs) -> Result<u8, Failure> {
    let titles = read(&args.file).map_err(|e| {
        Failure::new(format!("cannot read {}: {e}", args.file.display()))
            .next("give a kernel log, or - for standard input")
    })?;
    for title in &titles {
        stdout::line(title);
    }
    Ok(u8::from(!titles.is_empty()))
}

/// Read piece by piece: a log may be larger than memory.
fn read(file: &Path) -> io::Result<Vec<String>> {
    let mut input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
    let mut stream = Stream::new();
    let mut titles = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => titles.extend(stream.push(&chunk[..length])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    titles.extend(stream.finish());
    Ok(titles.into_iter().map(|found| found.report.title).collect())
}
