//! Every family of complaint in the kernel's own formats: `families.txt`.

use kernrig_klog::parse;

/// A line of `families.txt` as a console prints it.
fn spelt(line: &str) -> String {
    let Some(frames) = line.strip_prefix("@ ") else { return format!("[   12.345678] {line}\n") };
    let frames = frames.split(' ').map(|name| format!("[   12.345679]  {name}+0x52/0x190\n"));
    std::iter::once("[   12.345679] Call Trace:\n".to_owned()).chain(frames).collect()
}

#[test]
fn every_family_has_its_title() {
    let text = include_str!("families.txt");
    let mut wrong = Vec::new();
    let families: Vec<&str> = text.split("\n= ").skip(1).collect();
    assert!(families.len() > 80);
    for family in families {
        let (wanted, log) = family.split_once('\n').unwrap();
        let log: String = log.trim_end_matches('\n').lines().map(spelt).collect();
        let got = parse(&log);
        let titles: Vec<&str> = got.iter().map(|report| report.title.as_str()).collect();
        if titles != [wanted] || got.iter().any(|report| report.corrupted) {
            wrong.push(format!(
                "{wanted:?}: got {titles:?}, corrupted {:?}, of\n{log}",
                got.iter().map(|r| r.corrupted).collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
