//! The closure: depth first, so that a module comes after all it needs.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::{ModInfo, ModuleIndex, ModulesError, normal, requests};

/// Modules in load order.
#[derive(Clone, Debug, Default)]
pub struct Closure {
    /// A module comes after all it needs.
    pub members: Vec<Member>,
    /// Roots that are in the folder but can't be loaded from it, one line each with the reason.
    pub left_out: Vec<String>,
}

/// A module of a closure.
#[derive(Clone)]
pub struct Member {
    /// Name with `_`.
    pub name: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// Whether that file is compressed.
    pub packed: bool,
    /// Names of the modules to load before it, all of the closure, in order.
    pub needs: Vec<String>,
    /// What it says of itself.
    pub info: ModInfo,
    /// Plain ELF.
    pub elf: Vec<u8>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}

pub(super) fn of(index: &ModuleIndex, roots: &[&str]) -> Result<Closure, ModulesError> {
    let mut walk = Walk { index, done: Closure::default(), place: HashMap::new(), open: HashSet::new() };
    for root in roots {
        let known = walk.done.members.len();
        match walk.visit(&normal(root)) {
            Ok(()) => {}
            Err(error @ ModulesError::Missing { .. }) => {
                walk.forget_from(known);
                walk.done.left_out.push(format!("module {root} is left out: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(walk.done)
}

struct Walk<'a> {
    index: &'a ModuleIndex,
    done: Closure,
    /// Index in `done.members` by name.
    place: HashMap<String, usize>,
    /// Modules whose needs are being looked at: soft dependencies and requests may go in circles.
    open: HashSet<String>,
}

impl Walk<'_> {
    /// Adds a module and all it needs; a name that is not in the folder is built in or not built.
    fn visit(&mut self, name: &str) -> Result<(), ModulesError> {
        let Some(file) = self.index.file(name).map(PathBuf::from) else { return Ok(()) };
        if self.place.contains_key(name) || !self.open.insert(name.to_owned()) {
            return Ok(());
        }
        let added = self.add(name, file);
        self.open.remove(name);
        let after = added?;
        after.iter().for_each(|soft| self.visit_soft(soft));
        Ok(())
    }

    /// Adds a module whose turn has come, and returns what is to be loaded after it.
    fn add(&mut self, name: &str, file: PathBuf) -> Result<Vec<String>, ModulesError> {
        let elf = self.index.read(&file)?;
        let info = ModInfo::read(&elf).map_err(|what| ModulesError::NotAModule { path: file.clone(), what })?;
        let mut direct: Vec<String> = requests::of(name).flat_map(|wanted| self.resolve(wanted)).collect();
        direct.extend(info.soft_pre.iter().flat_map(|wanted| self.resolve(wanted)));
        direct.iter().for_each(|soft| self.visit_soft(soft));
        for need in info.depends.iter().map(|n| normal(n)) {
            if self.index.file(&need).is_none() || self.open.contains(&need) {
                let dir = self.index.dir().to_owned();
                return Err(ModulesError::Missing { module: name.to_owned(), missing: need, dir });
            }
            self.visit(&need)?;
            direct.push(need);
        }
        let needs = self.all_needs(&direct);
        let after = info.soft_post.iter().flat_map(|wanted| self.resolve(wanted)).collect();
        let packed = file.extension().is_none_or(|e| e != "ko");
        self.place.insert(name.to_owned(), self.done.members.len());
        self.done.members.push(Member { name: name.to_owned(), file, packed, needs, info, elf });
        Ok(after)
    }

    /// A soft dependency that cannot be had is gone without, as modprobe does.
    fn visit_soft(&mut self, name: &str) {
        let known = self.done.members.len();
        if self.visit(name).is_err() {
            self.forget_from(known);
        }
    }

    /// A name from a request or a soft dependency: a module's own, else an alias.
    fn resolve(&self, name: &str) -> Vec<String> {
        let here = |name: &str| self.index.file(name).is_some().then(|| normal(name));
        match here(name) {
            Some(own) => vec![own],
            None => requests::behind(name).iter().filter_map(|n| here(n)).collect(),
        }
    }

    fn all_needs(&self, direct: &[String]) -> Vec<String> {
        let mut all = Vec::new();
        for need in direct {
            let Some(&at) = self.place.get(need) else { continue };
            let member = &self.done.members[at];
            for name in member.needs.iter().chain([&member.name]) {
                if !all.contains(name) {
                    all.push(name.clone());
                }
            }
        }
        all
    }

    fn forget_from(&mut self, count: usize) {
        for member in self.done.members.drain(count..) {
            self.place.remove(&member.name);
        }
    }
}
