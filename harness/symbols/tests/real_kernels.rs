//! The tables of real kernels against their `System.map`.
//!
//! `KERNRIG_KERNELS` names a folder with one kernel a subfolder; without it the tests say what they skip.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use kernrig_kernels::image::BzImage;
use kernrig_symbols::Symbols;

fn kernels() -> Vec<(String, PathBuf)> {
    let Some(folder) = std::env::var_os("KERNRIG_KERNELS").map(PathBuf::from) else {
        writeln!(
            std::io::stderr(),
            "SKIPPED: symbols of old kernels: KERNRIG_KERNELS does not name a folder of kernels"
        )
        .ok();
        return Vec::new();
    };
    let folders = fs::read_dir(&folder).unwrap_or_else(|e| panic!("KERNRIG_KERNELS={}: {e}", folder.display()));
    let folders = folders.filter_map(Result::ok).map(|e| e.path()).filter(|path| path.join("bzImage").is_file());
    folders.map(|path| (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path)).collect()
}

fn is_text(kind: char) -> bool {
    matches!(kind, 't' | 'T' | 'w' | 'W')
}

#[test]
fn every_function_of_the_tables_is_in_system_map_and_the_reverse() {
    for (name, folder) in kernels() {
        let vmlinux = BzImage::open(&folder.join("bzImage")).unwrap().vmlinux().unwrap();
        let tables = Symbols::from_kallsyms(&vmlinux).unwrap_or_else(|e| panic!("{name}: {e}"));
        let map = Symbols::from_system_map(&fs::read(folder.join("System.map")).unwrap()).unwrap();
        let text = |symbols: &Symbols| -> BTreeSet<(u64, String)> {
            let text = symbols.iter().filter(|&(address, kind, _)| is_text(kind) && symbols.at(address).is_some());
            text.map(|(address, _, name)| (address, name.to_owned())).collect()
        };
        let (from_tables, from_map) = (text(&tables), text(&map));
        assert!(from_tables.len() > 10_000, "{name}: {} functions", from_tables.len());
        let wrong: Vec<_> = from_tables.difference(&from_map).collect();
        assert!(wrong.is_empty(), "{name}: {} are not in System.map: {:x?}", wrong.len(), &wrong[..wrong.len().min(9)]);
        let missing: Vec<_> = from_map.difference(&from_tables).collect();
        assert!(missing.is_empty(), "{name}: {} are missing: {:x?}", missing.len(), &missing[..missing.len().min(9)]);
        let differ: Vec<_> =
            from_tables.iter().filter(|(address, _)| tables.at(*address) != map.at(*address)).collect();
        assert!(
            differ.len() * 1000 < from_tables.len(),
            "{name}: {} have another name or size: {differ:x?}",
            differ.len()
        );
        eprintln!(
            "{name}: {} symbols, {} functions as in System.map, {} of another alias",
            tables.len(),
            from_tables.len(),
            differ.len()
        );
    }
}
