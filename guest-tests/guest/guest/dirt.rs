//! What a test must leave as it found it; what it does not is told on, so that the host gives the next test a fresh VM.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::files;
use crate::sys::{self, End, clone, ms};

/// How long a kernel may take to let go of what nobody uses any more: hierarchies and interfaces go by work items.
const LONGEST_MS: u64 = 5_000;

/// What PID 1 sees around a test, by the name of each kind of dirt.
pub(crate) struct Surroundings {
    seen: Vec<(&'static str, String)>,
}

impl Surroundings {
    pub(crate) fn look() -> Self {
        let text = |path: &str| files::read_text(path).unwrap_or_default();
        let names = sys::uname().map(|u| format!("{} {}", u.nodename, u.domainname)).unwrap_or_default();
        let sysv = ["shm", "msg", "sem"].map(|kind| text(&format!("/proc/sysvipc/{kind}")).lines().count());
        let scratch = ["/tmp", "/run", "/dev/shm"].map(|folder| {
            let mut entries = sys::list(folder).unwrap_or_default();
            entries.sort();
            entries
        });
        let seen = Vec::from([
            ("mounts", text("/proc/self/mounts")),
            ("interfaces", interfaces(&text("/proc/net/dev"))),
            ("cgroups", cgroups(&text("/proc/self/cgroup"))),
            ("sysv-ipc", format!("{sysv:?}")),
            ("files", format!("{scratch:?}")),
            ("swap", text("/proc/swaps").lines().map(|l| l.split(' ').next().unwrap_or_default()).collect()),
            ("names", names),
        ]);
        Self { seen }
    }

    /// Kinds that are not as they were, separated by commas; empty if all are. Waits for what goes by itself.
    pub(crate) fn changed(&self) -> String {
        let until = sys::now_ms() + LONGEST_MS;
        loop {
            let now = Self::look();
            let kinds: Vec<&str> =
                self.seen.iter().zip(&now.seen).filter(|(old, new)| old != new).map(|(old, _)| old.0).collect();
            if kinds.is_empty() || sys::now_ms() > until {
                return kinds.join(",");
            }
            sys::sleep_ms(5);
        }
    }
}

fn interfaces(table: &str) -> String {
    table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect::<Vec<_>>().join(" ")
}

/// Hierarchies of v1 that exist, mounted or not, and how many groups v2 has.
fn cgroups(of_init: &str) -> String {
    let mut hierarchies: Vec<&str> = of_init
        .lines()
        .filter(|line| !line.starts_with("0::"))
        .filter_map(|line| line.split_once(':').map(|(_, rest)| rest))
        .collect();
    hierarchies.sort_unstable();
    format!("{} {}", hierarchies.join(" "), v2_groups())
}

fn v2_groups() -> i32 {
    if !files::read_text("/proc/filesystems").is_ok_and(|all| all.contains("cgroup2")) {
        return 0;
    }
    let Ok(pid) = sys::fork(clone::NEWNS) else { return 0 };
    if pid == 0 {
        let _ = sys::mount("none", "/", "", ms::REC | ms::PRIVATE, "");
        let mounted = sys::mount("none", "/run", "cgroup2", 0, "");
        let entries = mounted.and_then(|()| sys::list("/run")).unwrap_or_default();
        let is_folder = |name: &String| {
            sys::lstat(&format!("/run/{name}")).is_ok_and(|stat| stat.mode & sys::S_IFMT == sys::S_IFDIR)
        };
        sys::exit(entries.iter().filter(|name| is_folder(name)).count().min(100) as i32);
    }
    match sys::wait(pid, 0) {
        Ok(Some((_, End::Exit(count)))) => count,
        _ => 0,
    }
}

/// Adds a kind to a list of them.
pub(crate) fn join(kinds: String, more: &str) -> String {
    match (kinds.is_empty(), more.is_empty()) {
        (_, true) => kinds,
        (true, false) => more.to_string(),
        (false, false) => format!("{kinds},{more}"),
    }
}
