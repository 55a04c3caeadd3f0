//! Payloads of `kernels.toml` and of the command line: tests among the others, and their files where they are to run.

use std::path::Path;
use std::sync::Arc;

use kernrig_catalog::Test;
use kernrig_catalog::protocol::PAYLOAD_GROUP;
use kernrig_image::{Order, Payload};
use kernrig_kernels::manifest::{Manifest, PAYLOAD_DEADLINE_S, PayloadEntry, PayloadNeeds};
use kernrig_kernels::modules;
use kernrig_plan::{Reading, Selection, SelectionError, payload_test};

use crate::args::{PayloadArgs, ResultKind};
use crate::failure::Failure;

/// Every payload there is.
pub(crate) struct Payloads {
    entries: Vec<(PayloadEntry, &'static Test)>,
    /// Tests that run whatever else does: those of the command line.
    wanted: Vec<String>,
}

impl Payloads {
    /// Those of the matrix.
    pub(crate) fn declared(manifest: &Manifest) -> Result<Self, Failure> {
        let mut payloads = Self { entries: Vec::new(), wanted: Vec::new() };
        manifest.payloads.iter().try_for_each(|entry| payloads.add(entry.clone()))?;
        Ok(payloads)
    }

    /// And those of the command line.
    pub(crate) fn with(mut self, args: &PayloadArgs) -> Result<Self, Failure> {
        match args.payloads.len() {
            0 if !args.args.is_empty() => {
                return Err(Failure::new("what follows `--` are a payload's arguments, and there is no payload")
                    .next("give one with --payload FILE"));
            }
            2.. if !args.args.is_empty() || args.run.is_some() => {
                return Err(Failure::new("arguments, or --payload-run, for several payloads: which one is meant?")
                    .next("describe them by [[payload]] in kernels.toml"));
            }
            _ => {}
        }
        for path in &args.payloads {
            let entry = entry(path, args);
            if !path.exists()
                && let Some((known, _)) = self.entries.iter().find(|(known, _)| Path::new(&known.name) == path)
            {
                return Err(Failure::new(format!("--payload {}: there is no such file", path.display()))
                    .next(format!("the payload of kernels.toml is run by -t {PAYLOAD_GROUP}{}", known.name)));
            }
            self.wanted.push(format!("{PAYLOAD_GROUP}{}", entry.name));
            self.add(entry)?;
        }
        Ok(self)
    }

    fn add(&mut self, entry: PayloadEntry) -> Result<(), Failure> {
        if let Some((other, _)) = self.entries.iter().find(|(other, _)| other.name == entry.name) {
            let (one, two) = (other.path.display(), entry.path.display());
            return Err(Failure::new(format!("two payloads have the name {}: {one} and {two}", entry.name))
                .next("rename one, or give it a name by [[payload]] in kernels.toml"));
        }
        let test = payload_test(&entry);
        self.entries.push((entry, test));
        Ok(())
    }

    /// Each as a test.
    pub(crate) fn tests(&self) -> impl Iterator<Item = &'static Test> {
        self.entries.iter().map(|(_, test)| *test)
    }

    /// The tests that patterns ask for, and the payloads of the command line: these alone where no pattern is given.
    pub(crate) fn select(&self, patterns: &[String]) -> Result<Selection, SelectionError> {
        let patterns: Vec<String> = patterns.iter().chain(&self.wanted).cloned().collect();
        Selection::with_payloads(&patterns, self.tests().collect())
    }

    /// Reads the files of those that are to run, and has the kernels bring the modules they ask for.
    pub(crate) fn read(self, selection: &Selection) -> Result<Arc<[(Payload, Reading)]>, Failure> {
        let chosen: Vec<_> = self.entries.into_iter().filter(|(_, test)| selection.has(test)).collect();
        modules::carry_for_payloads(chosen.iter().flat_map(|(entry, _)| entry.needs.modules.clone()).collect());
        let read = |(entry, _): (PayloadEntry, _)| {
            let PayloadEntry { name, path, run, args, reading, needs, .. } = entry;
            let order = Order { name, path, run, args, modules: needs.modules };
            Payload::read(&order).map(|payload| (payload, reading)).map_err(|e| Failure::new(e.to_string()))
        };
        chosen.into_iter().map(read).collect()
    }
}

fn entry(path: &Path, args: &PayloadArgs) -> PayloadEntry {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // What a name may not have in it is of no use for telling payloads apart.
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    PayloadEntry {
        name: name.chars().map(plain).collect::<String>().trim_start_matches('.').to_owned(),
        path: path.to_owned(),
        run: args.run.clone(),
        args: args.args.clone(),
        purpose: format!("what {} says", path.display()),
        deadline_s: args.deadline.unwrap_or(PAYLOAD_DEADLINE_S),
        own_boot: args.own_boot,
        reading: match args.result {
            ResultKind::Auto => Reading::Auto,
            ResultKind::Exit => Reading::Exit,
            ResultKind::Ktap => Reading::Ktap,
        },
        needs: PayloadNeeds {
            modules: args.modules.iter().map(|name| name.trim().replace('-', "_")).collect(),
            ..PayloadNeeds::default()
        },
    }
}
