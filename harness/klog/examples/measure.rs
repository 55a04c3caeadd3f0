use std::fs;
fn main() {
    let root = "/work/shared/oops-corpus";
    let (mut ok, mut all, mut none_ok, mut none) = (0, 0, 0, 0);
    let mut names: Vec<_> = fs::read_dir(format!("{root}/syzkaller")).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for path in names {
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, log) =
            if text.starts_with('\n') { ("", &text[1..]) } else { text.split_once("\n\n").unwrap_or((&text, "")) };
        let log = log.split("\nREPORT:").next().unwrap();
        let want: Vec<&str> =
            head.lines().filter_map(|l| l.strip_prefix("TITLE: ").or(l.strip_prefix("ALT: "))).collect();
        let got = kernrig_klog::parse(log);
        let first = got.first().map(|r| r.title.clone()).unwrap_or_default();
        let n = path.file_name().unwrap().to_string_lossy().into_owned();
        if want.is_empty() {
            none += 1;
            if got.is_empty() { none_ok += 1 } else { println!("{n}\tNONE\t{first}") }
        } else {
            all += 1;
            if want.contains(&first.as_str()) { ok += 1 } else { println!("{n}\t{}\t{first}", want[0]) }
        }
    }
    println!("titles {ok}/{all}, silent {none_ok}/{none}");
    for dir in ["booted", "satyr"] {
        for e in fs::read_dir(format!("{root}/{dir}")).unwrap() {
            let path = e.unwrap().path();
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            println!("== {}", path.display());
            for r in kernrig_klog::parse(&text) {
                println!("   {:?} {} | {} | {:?} {:?}", r.severity, r.title, r.signature, r.task, r.taint)
            }
        }
    }
}
