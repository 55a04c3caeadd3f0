//! `bisect.json` in the folder of results: what was found out, on disk before it is acted on.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kernrig_bisect::{Record, Tally};
use kernrig_kernels::{Kernel, whole};
use sha2::{Digest, Sha256};

use super::args::QuestionArgs;
use super::question::Question;
use crate::failure::Failure;

/// What was found out, and where it is kept.
pub(crate) struct State {
    path: PathBuf,
    record: Record,
}

impl State {
    /// Goes on with what an earlier call has left of the same question; refuses what it left of another.
    pub(crate) fn open(out: &Path, question: BTreeMap<String, String>, restart: bool) -> Result<Self, Failure> {
        let path = out.join("bisect.json");
        let again = "forget it with --restart, or choose another folder with --out DIR";
        let wrong = |what: String| Failure::new(format!("{}: {what}", path.display())).next(again);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) if !restart => text,
            Ok(_) => return Ok(Self { path, record: Record::new(question) }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, record: Record::new(question) });
            }
            Err(e) => return Err(wrong(e.to_string())),
        };
        let record: Record = serde_json::from_str(&text).map_err(|e| wrong(format!("it is not whole: {e}")))?;
        let differs = record.differs(&question);
        if differs.is_empty() {
            return Ok(Self { path, record });
        }
        Err(wrong(format!("it holds a search of something else: {}", differs.join("; "))))
    }

    /// How many kernels an earlier call has tried.
    pub(crate) fn tried(&self) -> usize {
        self.record.len()
    }

    /// What a kernel has shown so far.
    pub(crate) fn tally(&self, name: &str, made_of: &[String]) -> Tally {
        self.record.tally(name, made_of)
    }

    /// Keeps what a kernel has shown so far.
    pub(crate) fn keep(&mut self, name: &str, made_of: &[String], tally: &Tally) -> Result<(), Failure> {
        self.record.keep(name, made_of, tally);
        let written = serde_json::to_vec_pretty(&self.record).map_err(io::Error::other);
        written.and_then(|bytes| whole::write(&self.path, &bytes)).map_err(|e| {
            Failure::new(format!("{}: {e}", self.path.display()))
                .next("what is not on disk cannot be gone on with; make room, or choose another folder with --out DIR")
        })
    }
}

/// What a kernel is made of, so that another of the same name is told from it.
pub(crate) fn made_of(version: &str, packages: &[(String, String)]) -> Vec<String> {
    let packages = packages.iter().map(|(name, sha256)| format!("{name} {sha256}"));
    std::iter::once(version.to_owned()).chain(packages).collect()
}

/// The same of a kernel in the hand, which may have been built anew since: its image's hash is part of it.
pub(crate) fn made_of_files(version: &str, kernel: &Kernel) -> Vec<String> {
    let mut parts: Vec<_> = kernel.packages.iter().map(|p| (p.name.clone(), p.sha256.clone())).collect();
    if kernel.packages.iter().all(|p| p.sha256.is_empty())
        && let Ok(hash) = hash(&kernel.image)
    {
        parts.push(("image".to_owned(), hash));
    }
    made_of(version, &parts)
}

/// The question in words, with the hashes of what the user's own programs and kernrig's guest are.
pub(crate) fn words(args: &QuestionArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut payloads = Vec::new();
    for path in &args.payload.payloads {
        let failed = |e| Failure::new(format!("--payload {}: {e}", path.display()));
        let hash = if path.is_dir() { "a folder".to_owned() } else { hash(path).map_err(failed)? };
        payloads.push(format!("{} {hash}", path.display()));
    }
    payloads.extend(args.payload.args.iter().cloned());
    let guest = hex(&Sha256::digest(kernrig_guest::GUEST));
    let kernrig = format!("{} with guest {}", env!("CARGO_PKG_VERSION"), &guest[..12]);
    Ok(Question::words(args, &payloads.join(" "), &kernrig))
}

fn hash(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use kernrig_bisect::Seen;

    use super::*;

    fn question(tests: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("tests".to_owned(), tests.to_owned())])
    }

    #[test]
    fn the_same_question_goes_on_and_another_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |tests: &str, restart| State::open(folder.path(), question(tests), restart);
        let tally = Tally { tries: vec![Seen::Bad("fail".to_owned())] };
        let made_of = made_of("6.1-1", &[("p".to_owned(), "1".to_owned())]);
        open("a", false).unwrap().keep("k", &made_of, &tally).unwrap();
        let again = open("a", false).unwrap();
        assert_eq!((again.tried(), again.tally("k", &made_of)), (1, tally));
        let refused = open("b", false).err().unwrap().to_string();
        assert!(refused.contains("tests was `a` and is `b`") && refused.contains("--restart"), "{refused}");
        assert_eq!(open("b", true).unwrap().tried(), 0);
        std::fs::write(folder.path().join("bisect.json"), "{\"format\":1").unwrap();
        let torn = open("a", false).err().unwrap().to_string();
        assert!(torn.contains("bisect.json: it is not whole"), "{torn}");
    }
}
