//! Functions for the reports of a kernel that prints none: by its own tables, or by its `System.map`.

use std::fs;
use std::sync::OnceLock;

use kernrig_kernels::Kernel;
use kernrig_kernels::image::BzImage;
use kernrig_klog::Report;
use kernrig_symbols::{Rewriter, Survey, Symbols, has_bare_addresses};

/// The symbols of a kernel: those it carries, else those of its `System.map`.
///
/// # Errors
/// Why there are none, in words.
pub fn symbols_of(kernel: &Kernel) -> Result<Symbols, String> {
    let own = BzImage::open(&kernel.image)
        .and_then(|image| image.vmlinux())
        .map_err(|e| e.to_string())
        .and_then(|vmlinux| Symbols::from_kallsyms(&vmlinux).map_err(|e| e.to_string()));
    own.or_else(|reason| {
        let map = kernel.system_map.as_ref().ok_or_else(|| reason.clone())?;
        let bytes = fs::read(map).map_err(|e| format!("{reason}; {}: {e}", map.display()))?;
        Symbols::from_system_map(&bytes).map_err(|e| format!("{reason}; {}: {e}", map.display()))
    })
}

/// The symbols of the kernel that is tested, read when a report needs them first.
#[derive(Debug, Default)]
pub(crate) struct OwnSymbols(OnceLock<Option<Symbols>>);

impl OwnSymbols {
    /// The reports as they would be if the kernel had printed functions. One that stays unclear stays as it is.
    pub(crate) fn name(&self, reports: &mut [Report], kernel: &Kernel) {
        for report in reports.iter_mut().filter(|report| has_bare_addresses(&report.text)) {
            if let Some(named) = self.0.get_or_init(|| symbols_of(kernel).ok()).as_ref().and_then(|s| named(report, s))
            {
                *report = named;
            }
        }
    }
}

fn named(report: &Report, symbols: &Symbols) -> Option<Report> {
    let mut survey = Survey::new();
    report.text.lines().for_each(|line| survey.line(line.as_bytes(), symbols));
    let mut rewriter = Rewriter::new(symbols, &survey);
    let mut text = String::with_capacity(report.text.len() * 2);
    for line in report.text.lines() {
        text.push_str(&String::from_utf8_lossy(&rewriter.line(line.as_bytes())));
        text.push('\n');
    }
    let [named] = <[Report; 1]>::try_from(kernrig_klog::parse(&text)).ok()?;
    // How bad it was is known better from the whole console.
    (named.kind == report.kind).then_some(Report { severity: report.severity, ..named })
}

#[cfg(test)]
mod tests {
    use kernrig_kernels::cache::Lease;

    use super::*;

    const BASE: u64 = 0xffff_ffff_8100_0000;

    #[test]
    fn a_report_of_addresses_gets_functions_from_system_map() {
        let folder = tempfile::tempdir().unwrap();
        let map = folder.path().join("System.map");
        let symbol = |number: u64| format!("{:016x} T function_{number}\n", BASE + 0x100 * number);
        fs::write(&map, (0..200).map(symbol).collect::<String>()).unwrap();
        let kernel = Kernel {
            name: "mine".to_owned(),
            release: "3.2.0".to_owned(),
            version: kernrig_kernels::KernelVersion::parse("3.2.0").unwrap(),
            image: folder.path().join("bzImage"),
            config: None,
            system_map: Some(map),
            modules: Vec::new(),
            packages: Vec::new(),
            notes: Vec::new(),
            lease: Lease::none(),
        };
        let log = "[    1.000000] BUG: unable to handle kernel NULL pointer dereference at (null)\n\
            [    1.000000] IP: [<ffffffff81000710>] 0xffffffff81000710\n\
            [    1.000000] Oops: 0002 [#1] SMP \n\
            [    1.000000] RIP: 0010:[<ffffffff81000710>]  [<ffffffff81000710>] 0xffffffff81000710\n\
            [    1.000000] Call Trace:\n\
            [    1.000000]  [<ffffffff81000820>] 0xffffffff81000820\n\
            [    1.000000] ---[ end trace 6dcaf7f2300b743b ]---\n";
        let mut reports = kernrig_klog::parse(log);
        OwnSymbols::default().name(&mut reports, &kernel);
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].title, "BUG: unable to handle kernel NULL pointer dereference in function_7");
        assert_eq!(reports[0].frames, ["function_7", "function_8"]);
        let before = reports.clone();
        OwnSymbols::default().name(&mut reports, &kernel);
        assert_eq!(reports, before, "what has functions stays");
    }
}
