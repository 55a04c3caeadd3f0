//! The terminal, if there is one: bars on it step aside while a line is printed.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kernrig_kernels::archive::Progress as Downloads;

use crate::args::{Color, Global};
use crate::stdout;

/// Without a terminal a download is told of when it begins, and again after so long.
const REMINDER: Duration = Duration::from_secs(15);

/// What lines are printed to and bars are drawn on.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    bars: Option<MultiProgress>,
    beside: bool,
}

impl Screen {
    /// Bars go to standard error, and only where both streams are a terminal: lines on standard output would tear them.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        Self { bars: (terminal && global.color != Color::Never).then(MultiProgress::new), beside: false }
    }

    /// The same for a command whose standard output is for a program to read: lines go to standard error.
    pub(crate) fn beside(self) -> Self {
        Self { bars: None, beside: true }
    }

    /// Prints a line to standard output.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        match &self.bars {
            _ if self.beside => stdout::note(anstream::adapter::strip_str(text.as_ref()).to_string()),
            Some(bars) => bars.suspend(|| stdout::line(text)),
            None => stdout::line(text),
        }
    }

    /// A bar at the bottom; `None` where there is no terminal.
    pub(crate) fn add(&self, bar: ProgressBar, template: &str) -> Option<ProgressBar> {
        let bar = self.bars.as_ref()?.add(bar);
        // The templates are constants; a wrong one shows as a bar of the default kind.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Some(bar)
    }

    /// Takes all bars away.
    pub(crate) fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.clear().ok();
        }
    }

    /// Shows downloads: a bar for each, or lines on standard error.
    pub(crate) fn downloads(&self) -> Downloads {
        let screen = self.clone();
        let going: Mutex<BTreeMap<String, Download>> = Mutex::default();
        Arc::new(move |name, got, total| {
            let mut going = going.lock().unwrap_or_else(PoisonError::into_inner);
            let download = going.entry(name.to_owned()).or_insert_with(|| Download {
                bar: screen.add(ProgressBar::new(total), "fetching {msg} {bytes}/{total_bytes}"),
                told: None,
            });
            download.show(name, got, total);
            if got == total {
                going.remove(name).and_then(|done| done.bar).inspect(ProgressBar::finish_and_clear);
            }
        })
    }
}

/// A download that is going on.
#[derive(Debug)]
struct Download {
    bar: Option<ProgressBar>,
    told: Option<Instant>,
}

impl Download {
    fn show(&mut self, name: &str, got: u64, total: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(name.to_owned());
                bar.set_position(got);
            }
            None if self.told.is_none_or(|told| told.elapsed() >= REMINDER) => {
                let got = self.told.replace(Instant::now()).map(|_| got);
                stdout::note(fetching(name, got, total));
            }
            None => {}
        }
    }
}

/// `fetching linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb 12/26 MB`; at its beginning only how big it is.
fn fetching(name: &str, got: Option<u64>, total: u64) -> String {
    let total = (total > 0).then(|| total.div_ceil(1_000_000).to_string());
    let got = got.map(|got| (got / 1_000_000).to_string());
    let sizes: Vec<String> = got.into_iter().chain(total).collect();
    if sizes.is_empty() { format!("fetching {name}") } else { format!("fetching {name} {} MB", sizes.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::fetching;

    #[test]
    fn a_download_is_told_with_its_size() {
        assert_eq!(fetching("a.deb", None, 25_100_000), "fetching a.deb 26 MB");
        assert_eq!(fetching("a.deb", Some(12_400_000), 25_100_000), "fetching a.deb 12/26 MB");
        assert_eq!(fetching("a.deb", Some(12_400_000), 0), "fetching a.deb 12 MB");
        assert_eq!(fetching("a.deb", None, 0), "fetching a.deb");
    }
}
