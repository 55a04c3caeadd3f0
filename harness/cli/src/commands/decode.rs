//! `kernrig decode`: the complaints in kernel logs, by their titles.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use kernrig_klog::{Found, Report, Stream};

use crate::args::{DecodeArgs, DecodeFormat, Global};
use crate::failure::Failure;
use crate::stdout;
use crate::symbolise::Symboliser;

/// Different reports that are told apart in one log; what comes after is printed each time.
const MOST_KNOWN: usize = 1000;

/// Frames shown for reading.
const FRAMES_SHOWN: usize = 16;

/// Prints what is found; 1 if there was anything.
pub(crate) fn decode(global: &Global, args: &DecodeArgs) -> Result<u8, Failure> {
    let symbols = Symboliser::new(global, &args.symbols)?;
    let symbols = symbols.as_ref();
    let several = args.files.len() > 1;
    let mut any = false;
    for file in &args.files {
        let mut printer =
            Printer { format: args.format, file: several.then_some(file), symbols, seen: BTreeMap::new() };
        any |= read(file, &mut printer).map_err(|e| {
            Failure::new(format!("cannot read {}: {e}", file.display()))
                .next("give kernel logs, or - for standard input")
        })?;
        printer.finish();
    }
    Ok(u8::from(any))
}

/// Read piece by piece: a log may be larger than memory.
fn read(file: &Path, printer: &mut Printer<'_>) -> io::Result<bool> {
    let log = printer.symbols.map(|symbols| symbols.open(file)).transpose()?;
    let mut input: Box<dyn Read> = match printer.symbols.zip(log.as_ref()) {
        Some((symbols, log)) => Box::new(symbols.rewritten(log)),
        None if file == Path::new("-") => Box::new(io::stdin().lock()),
        None => Box::new(File::open(file)?),
    };
    let mut stream = Stream::new();
    let (mut any, mut first) = (false, true);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let found = match input.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                if let Some(how) = compressed(&chunk[..length]).filter(|_| std::mem::take(&mut first)) {
                    return Err(io::Error::other(format!(
                        "it is compressed: pipe what `{how}` prints into `decode -`"
                    )));
                }
                first = false;
                stream.push(&chunk[..length])
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        any |= !found.is_empty();
        found.iter().for_each(|found| printer.print(found));
    }
    let found = stream.finish();
    found.iter().for_each(|found| printer.print(found));
    Ok(any || !found.is_empty())
}

/// What unpacks a file that begins so: unread, it would pass for a log without a complaint.
fn compressed(start: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] =
        &[(b"\x1f\x8b", "zcat"), (b"\xfd7zXZ\0", "xzcat"), (b"\x28\xb5\x2f\xfd", "zstdcat"), (b"BZh", "bzcat")];
    MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, how)| *how)
}

/// Prints the reports of one log.
struct Printer<'a> {
    format: DecodeFormat,
    file: Option<&'a std::path::PathBuf>,
    symbols: Option<&'a Symboliser>,
    /// Titles by signature, with how often each came.
    seen: BTreeMap<String, (String, u64)>,
}

impl Printer<'_> {
    fn print(&mut self, found: &Found) {
        match self.format {
            DecodeFormat::Line => stdout::line(line(&found.report)),
            DecodeFormat::Json => stdout::line(self.json(&self.with_lines(found))),
            DecodeFormat::Human => self.human(found),
        }
    }

    /// Files and lines in the text alone: titles and signatures are those of any other build.
    fn with_lines(&self, found: &Found) -> Found {
        let mut found = found.clone();
        if let Some(text) = self.symbols.and_then(|symbols| symbols.with_lines(&found.report.text)) {
            found.report.text = text;
        }
        found
    }

    fn json(&self, found: &Found) -> String {
        let mut value = serde_json::json!({
            "first_line": found.first_line + 1,
            "last_line": found.last_line + 1,
            "report": found.report,
        });
        if let (Some(file), Some(object)) = (self.file, value.as_object_mut()) {
            object.insert("file".to_owned(), file.display().to_string().into());
        }
        value.to_string()
    }

    fn human(&mut self, found: &Found) {
        let report = &found.report;
        if let Some((_, times)) = self.seen.get_mut(&report.signature) {
            *times += 1;
            return;
        }
        if self.seen.len() < MOST_KNOWN {
            self.seen.insert(report.signature.clone(), (report.title.clone(), 1));
        }
        stdout::line(&report.title);
        let place = self.file.map_or_else(String::new, |file| format!("{}, ", file.display()));
        stdout::line(format!("  at {place}lines {} to {}", found.first_line + 1, found.last_line + 1));
        if report.corrupted {
            stdout::line("  corrupted: cut short, or the stack is missing or somebody else's");
        }
        stdout::line(format!("  signature {}", report.signature));
        let told = |name: &str, value: &Option<String>| {
            if let Some(value) = value {
                stdout::line(format!("  {name} {value}"));
            }
        };
        told("task", &report.task);
        told("taint", &report.taint);
        if let Some(text) = self.symbols.and_then(|symbols| symbols.with_lines(&report.text)) {
            text.lines().for_each(|line| stdout::line(format!("    {line}")));
            return;
        }
        for frame in report.frames.iter().take(FRAMES_SHOWN) {
            stdout::line(format!("    {frame}"));
        }
        if report.frames.len() > FRAMES_SHOWN {
            stdout::line(format!("    … {} more", report.frames.len() - FRAMES_SHOWN));
        }
    }

    /// How often what was shown once came.
    fn finish(&self) {
        for (title, times) in self.seen.values().filter(|(_, times)| *times > 1) {
            stdout::line(format!("{times} times in all: {title}"));
        }
    }
}

/// Title, trust, kind and signature; none of them has a tab in it.
fn line(report: &Report) -> String {
    let trust = if report.corrupted { "corrupted" } else { "ok" };
    let fields = [report.title.as_str(), trust, &report.kind, &report.signature];
    fields.map(|field| field.replace('\t', " ")).join("\t")
}
