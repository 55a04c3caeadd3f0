//! Logs with bare addresses, read as if the kernel had known its own symbols.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use kernrig_kernels::Kernel;
use kernrig_symbols::{DwarfError, Lines, Rewriter, Survey, Symbols};

use crate::args::{Global, KernelChoice, SymbolArgs};
use crate::failure::{Failure, chain};
use crate::matrix::Matrix;
use crate::stdout;

/// Longer lines are taken in pieces.
const MAX_LINE: u64 = 64 * 1024;
/// A vmlinux with all its debug information has about 1 GiB.
const MAX_VMLINUX: u64 = 8 << 30;

/// Kernels that may be moved have this (since 4.8).
const KASLR: &str = "kernel_randomize_memory";

/// The symbols of the kernel that a log came from.
pub(crate) struct Symboliser {
    symbols: Symbols,
    /// With debug information, which has its own idea of where functions are.
    lines: Option<(Lines, Symbols)>,
    release: Option<String>,
}

/// A log that was read once: what it says of where its kernel lay, and the log itself from its start.
pub(crate) struct Log {
    survey: Survey,
    file: File,
}

impl Symboliser {
    /// By what the arguments name; `None` if they name nothing.
    pub(crate) fn new(global: &Global, args: &SymbolArgs) -> Result<Option<Self>, Failure> {
        let vmlinux = args.vmlinux.as_deref().map(vmlinux).transpose()?;
        let (own, lines) = vmlinux.map_or((None, None), |(symbols, lines)| (Some(symbols), lines));
        let mut release = None;
        let symbols = if let Some(kernel) = &args.kernel {
            let (symbols, of) = kernel_symbols(global, kernel)?;
            release = of;
            symbols
        } else if let Some(symbols) = &own {
            symbols.clone()
        } else if let Some(path) = &args.system_map {
            Symbols::from_system_map(&read(path)?)
                .map_err(|e| Failure::new(format!("--system-map {}: {e}", path.display())))?
        } else {
            return Ok(None);
        };
        Ok(Some(Self { symbols, lines: lines.zip(own), release }))
    }

    /// Opens a log and reads it through: a kernel that panics says last of all where it lay.
    pub(crate) fn open(&self, path: &Path) -> io::Result<Log> {
        let mut file = match path.to_str() {
            Some("-") => spooled(&mut io::stdin().lock())?,
            _ if fs::metadata(path)?.is_file() => File::open(path)?,
            _ => spooled(&mut File::open(path)?)?,
        };
        let (mut survey, mut other) = (Survey::new(), None);
        let mut input = BufReader::new(&file);
        let mut line = Vec::new();
        while next_line(&mut input, &mut line)? {
            survey.line(&line, &self.symbols);
            other = other.or_else(|| self.other_release(&line));
        }
        if let (Some(other), Some(own)) = (other, &self.release) {
            stdout::note(format!(
                "{} is of Linux {other}, the kernel given is {own}: functions may be wrong",
                path.display()
            ));
        }
        if survey.is_at_a_loss() && self.symbols.address(KASLR).is_some() {
            stdout::note(format!(
                "{} does not say how far its kernel was moved (no `Kernel Offset:`): read as if it was not, functions may \
                 be wrong",
                path.display()
            ));
        }
        file.rewind()?;
        Ok(Log { survey, file })
    }

    /// The log with functions where it has addresses.
    pub(crate) fn rewritten<'a>(&'a self, log: &'a Log) -> impl Read + 'a {
        let rewriter = Rewriter::new(&self.symbols, &log.survey);
        Rewritten { input: BufReader::new(&log.file), rewriter, line: Vec::new(), ready: Vec::new(), at: 0 }
    }

    /// A report's text with files, lines and inlined functions; `None` without debug information.
    pub(crate) fn with_lines(&self, text: &str) -> Option<String> {
        self.lines.as_ref().map(|(lines, symbols)| lines.annotate(text, symbols))
    }

    fn other_release(&self, line: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(line);
        let release = text.split_once("Linux version ")?.1.split_ascii_whitespace().next()?;
        (Some(release) != self.release.as_deref()).then(|| release.chars().filter(|c| !c.is_control()).collect())
    }
}

fn vmlinux(path: &Path) -> Result<(Symbols, Option<Lines>), Failure> {
    let failure = |e: &dyn std::error::Error| Failure::new(format!("--vmlinux {}: {}", path.display(), chain(e)));
    let bytes = read(path)?;
    let symbols = Symbols::from_elf(&bytes).map_err(|e| failure(&e))?;
    match Lines::new(&bytes, &symbols) {
        Ok(lines) => Ok((symbols, Some(lines))),
        Err(DwarfError::NoDebugInfo) => {
            stdout::note(format!("--vmlinux {}: {}", path.display(), DwarfError::NoDebugInfo));
            Ok((symbols, None))
        }
        Err(e) => Err(failure(&e)),
    }
}

/// Of a kernel of the matrix or in the hand, or of an unpacked one; with its release.
fn kernel_symbols(global: &Global, name: &str) -> Result<(Symbols, Option<String>), Failure> {
    let failure = |e: &dyn std::error::Error| Failure::new(format!("--kernel {name}: {}", chain(e)));
    let path = Path::new(name);
    if path.is_file() && starts_as_elf(path) {
        let bytes = read(path)?;
        return Symbols::from_kallsyms(&bytes)
            .or_else(|e| Symbols::from_elf(&bytes).map_err(|_| e))
            .map(|symbols| (symbols, None))
            .map_err(|e| failure(&e));
    }
    let kernel = kernel(global, name)?;
    let symbols = kernrig_run::symbols_of(&kernel).map_err(|e| Failure::new(format!("--kernel {name}: {e}")))?;
    Ok((symbols, Some(kernel.release)))
}

fn kernel(global: &Global, name: &str) -> Result<Kernel, Failure> {
    let matrix = Matrix::load(global, false)?;
    let choice = KernelChoice { kernels: vec![name.to_owned()], group: None };
    let mut candidates = matrix.choose(&choice)?;
    match candidates.as_mut_slice() {
        [candidate] => candidate.get().map_err(|reason| Failure::new(format!("--kernel {name}: {reason}"))),
        several => {
            let names: Vec<_> = several.iter().map(|c| c.name.as_str()).take(9).collect();
            Err(Failure::new(format!("--kernel {name} names {} kernels: {}", several.len(), names.join(", ")))
                .next("a log is of one kernel: give one name"))
        }
    }
}

fn starts_as_elf(path: &Path) -> bool {
    let mut head = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *b"\x7fELF"
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failure = |e: io::Error| Failure::new(format!("cannot read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(failure)?.take(MAX_VMLINUX).read_to_end(&mut bytes).map_err(failure)?;
    Ok(bytes)
}

/// What can be read only once, in a file that has no name.
fn spooled(input: &mut dyn Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(input, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// The next line with its end, or a piece of one that is too long.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(input.take(MAX_LINE).read_until(b'\n', line)? > 0)
}

/// The log as it is read the second time.
struct Rewritten<'a> {
    input: BufReader<&'a File>,
    rewriter: Rewriter<'a>,
    line: Vec<u8>,
    ready: Vec<u8>,
    at: usize,
}

impl Read for Rewritten<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.ready.len() {
            self.at = 0;
            self.ready.clear();
            if !next_line(&mut self.input, &mut self.line)? {
                return Ok(0);
            }
            self.ready.extend_from_slice(&self.rewriter.line(&self.line));
        }
        let rest = &self.ready[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
