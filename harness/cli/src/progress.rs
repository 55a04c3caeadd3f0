//! What a run shows while it goes: bars on a terminal, plain lines without one.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use kernrig_events::{Class, Event, Outcome, PackageInfo, Verdict, place};
use kernrig_report::terminal::{clean_line, line};

use crate::screen::Screen;

/// Longest text of the guest on one line.
const WIDEST: usize = 300;

/// What a run shows.
#[derive(Debug)]
pub(crate) struct Progress {
    screen: Screen,
    bars: Option<Bars>,
    verbose: bool,
}

/// One bar for the whole run, and a line for each VM.
#[derive(Debug)]
struct Bars {
    overall: ProgressBar,
    cells_of_a_kernel: usize,
    vms: BTreeMap<u32, ProgressBar>,
}

impl Progress {
    /// Shows a run on a screen.
    pub(crate) fn new(screen: &Screen, verbose: bool, cells_of_a_kernel: usize) -> Self {
        Self { screen: screen.clone(), bars: Bars::new(screen, cells_of_a_kernel), verbose }
    }

    /// Shows an event that is on disk already.
    pub(crate) fn show(&mut self, event: &Event) {
        if let Some(text) = self.line_of(event) {
            self.screen.line(text);
        }
        if let Some(bars) = &mut self.bars {
            bars.update(event, &self.screen);
        }
    }

    /// Takes the bars away, for the summary.
    pub(crate) fn end(&mut self) {
        self.screen.clear();
        self.bars = None;
    }

    fn line_of(&self, event: &Event) -> Option<String> {
        match event {
            Event::KernelReady(kernel) => {
                let mut lines = vec![line(event)?];
                if self.verbose {
                    let package = |p: &PackageInfo| format!("  from {} {} {}", p.name, p.version, p.sha256);
                    lines.extend(kernel.packages.iter().map(package));
                }
                lines.extend(kernel.notes.iter().map(|note| format!("  note: {note}")));
                let lines: Vec<String> = lines.iter().map(|text| clean_line_indented(text)).collect();
                Some(lines.join("\n"))
            }
            Event::KernelUnavailable { .. } => Some(coloured(line(event)?, Class::Harness)),
            Event::TestFinished(outcome) => {
                let text = line(event).filter(|_| self.tells(outcome))?;
                Some(coloured(text, if outcome.flaky() { Class::Harness } else { outcome.verdict.class() }))
            }
            Event::VmStarted { vm, command, .. } if self.verbose => Some(format!("vm {vm}: {command}")),
            Event::VmEnded { vm, how } if self.verbose => Some(format!("vm {vm} ended: {}", clean_line(how, WIDEST))),
            _ => line(event),
        }
    }

    /// A bar says how many passed; lines are for what did not.
    fn tells(&self, outcome: &Outcome) -> bool {
        let unexpected = matches!(outcome.verdict, Verdict::UnexpectedPass { .. });
        let bad = matches!(outcome.verdict.class(), Class::Bad | Class::Harness);
        self.bars.is_none() || self.verbose || bad || unexpected || outcome.flaky()
    }
}

impl Bars {
    /// `None` where there is no terminal.
    fn new(screen: &Screen, cells_of_a_kernel: usize) -> Option<Self> {
        let overall = screen.add(ProgressBar::new(0), "{wide_bar} {pos}/{len} {elapsed} {msg}")?;
        overall.enable_steady_tick(Duration::from_millis(500));
        Some(Self { overall, cells_of_a_kernel, vms: BTreeMap::new() })
    }

    fn update(&mut self, event: &Event, screen: &Screen) {
        match event {
            Event::RunStarted { cells, .. } => self.overall.set_length(*cells as u64),
            Event::KernelUnavailable { .. } => self.overall.inc(self.cells_of_a_kernel as u64),
            Event::VmStarted { vm, kernel, variant, .. } => {
                let Some(bar) = screen.add(ProgressBar::new_spinner(), "{spinner} {msg}") else { return };
                bar.enable_steady_tick(Duration::from_millis(500));
                bar.set_message(format!("{} boots", place(kernel, variant)));
                self.vms.insert(*vm, bar);
            }
            Event::TestStarted { cell, vm } => {
                if let Some(bar) = self.vms.get(vm) {
                    bar.set_message(format!("{} {}", place(&cell.kernel, &cell.variant), cell.test));
                }
            }
            Event::TestFinished(outcome) if !outcome.cell.test.starts_with("vm::") && outcome.earlier.is_empty() => {
                self.overall.inc(1);
            }
            Event::VmEnded { vm, .. } => {
                if let Some(bar) = self.vms.remove(vm) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}

/// The first word in the colour of its class; taken off again where there is no terminal.
fn coloured(line: String, class: Class) -> String {
    let colour = match class {
        Class::Good => "32",
        Class::Bad => "1;31",
        Class::Neutral => "2",
        Class::Undone => "33",
        Class::Harness => "33",
    };
    let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
    format!("\u{1b}[{colour}m{word}\u{1b}[0m {rest}")
}

/// Cleans a line of the kind `  note: …`, and keeps its indentation.
fn clean_line_indented(text: &str) -> String {
    let bare = text.trim_start_matches(' ');
    format!("{}{}", &text[..text.len() - bare.len()], clean_line(bare, WIDEST))
}
