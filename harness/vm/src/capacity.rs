//! What this job may use of the machine: affinity and control groups, not the node's own size.

use std::fs;
use std::path::{Path, PathBuf};

/// What this job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Whole CPUs, at least one.
    pub cpus: u32,
    /// Memory that can still be had, in MiB.
    pub memory_mib: u64,
}

/// What this job may use now.
#[must_use]
pub fn capacity() -> Capacity {
    // Not available_parallelism(): it knows the groups too, but not those above a cgroup namespace's mount.
    let affinity = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count());
    capacity_below(Path::new("/"), affinity)
}

/// The same with the files of a machine that is laid out below a folder.
fn capacity_below(root: &Path, affinity: u32) -> Capacity {
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let mounts = mounts(&text("proc/self/mountinfo"));
    let groups = memberships(&text("proc/self/cgroup"));
    let mut cpus = f64::from(affinity.max(1));
    let mut memory = mem_available(&text("proc/meminfo")).unwrap_or(u64::MAX);
    for folder in group_folders(&mounts, &groups) {
        let read =
            |file: &str| fs::read_to_string(root.join(folder.strip_prefix("/").unwrap_or(&folder)).join(file)).ok();
        if let Some(limit) = cpu_limit(&read) {
            cpus = cpus.min(limit);
        }
        if let Some(left) = memory_left(&read) {
            memory = memory.min(left);
        }
    }
    // Rounded down: one VM too few is slow, one too many makes deadlines pass.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the number of CPUs")]
    let cpus = cpus.max(1.0) as u32;
    Capacity { cpus, memory_mib: memory / (1024 * 1024) }
}

/// A mounted hierarchy.
struct Mount {
    /// Folder of the hierarchy that is seen at the mount point.
    root: String,
    point: String,
    /// Controllers of a v1 hierarchy; empty for v2.
    controllers: Vec<String>,
}

/// The cgroup mounts in a `mountinfo` (proc(5)).
fn mounts(mountinfo: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut fields = left.split(' ').skip(3);
        let (root, point) = (fields.next()?.to_owned(), fields.next()?.replace(r"\040", " "));
        let mut fields = right.split(' ');
        let kind = fields.next()?;
        let controllers = match kind {
            "cgroup2" => Vec::new(),
            "cgroup" => fields.nth(1)?.split(',').map(str::to_owned).collect(),
            _ => return None,
        };
        Some(Mount { root, point, controllers })
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// The lines of `/proc/self/cgroup`: controllers (none for v2) and the group's path.
fn memberships(text: &str) -> Vec<(Vec<String>, String)> {
    let membership = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
        Some((controllers, fields.next()?.to_owned()))
    };
    text.lines().filter_map(membership).collect()
}

/// The folder of each group we are in, and of each group above it.
fn group_folders(mounts: &[Mount], groups: &[(Vec<String>, String)]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (controllers, path) in groups {
        let same = |mount: &&Mount| match controllers.first() {
            None => mount.controllers.is_empty(),
            Some(first) => mount.controllers.contains(first),
        };
        let Some(mount) = mounts.iter().find(same) else { continue };
        // In a container the mount shows the container's own group as its root.
        let below = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or("").trim_start_matches('/');
        let deepest = Path::new(&mount.point).join(below);
        let point = Path::new(&mount.point);
        folders.extend(deepest.ancestors().take_while(|folder| folder.starts_with(point)).map(Path::to_owned));
    }
    folders
}

/// CPUs that a group allows: `cpu.max` (v2) or `cpu.cfs_*` (v1).
fn cpu_limit(read: &dyn Fn(&str) -> Option<String>) -> Option<f64> {
    let (quota, period) = match read("cpu.max") {
        Some(text) => {
            let (quota, period) = text.trim().split_once(' ')?;
            (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?)
        }
        None => {
            let number = |file: &str| read(file)?.trim().parse::<f64>().ok();
            (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
        }
    };
    // "max" does not parse, -1 means the same in v1.
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

/// Bytes that a group still allows. Page cache that can be dropped counts as free.
fn memory_left(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
    let (limit, used, cache) = match number("memory.max") {
        Some(limit) => (limit, number("memory.current"), "inactive_file "),
        None => (number("memory.limit_in_bytes")?, number("memory.usage_in_bytes"), "total_inactive_file "),
    };
    let statistics = read("memory.stat").unwrap_or_default();
    let droppable = statistics.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok());
    Some(limit.saturating_sub(used.unwrap_or(0).saturating_sub(droppable.unwrap_or(0))))
}

/// `MemAvailable` of `/proc/meminfo` in bytes; `MemFree` on kernels before 3.14.
fn mem_available(meminfo: &str) -> Option<u64> {
    let field = |name: &str| {
        let rest = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    };
    field("MemAvailable:").or_else(|| field("MemFree:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * 1024 * 1024;

    /// Lays out a machine with 16 GiB available.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let meminfo = ("proc/meminfo", "MemTotal: 33554432 kB\nMemAvailable:   16777216 kB\n");
        for (path, text) in files.iter().chain([&meminfo]) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn without_groups_the_affinity_counts() {
        let root = machine(&[]);
        assert_eq!(capacity_below(root.path(), 6), Capacity { cpus: 6, memory_mib: 16 * 1024 });
        assert_eq!(capacity_below(root.path(), 0).cpus, 1);
    }

    #[test]
    fn v2_limits_hold_from_any_level_above() {
        let root = machine(&[
            ("proc/self/cgroup", "0::/slurm/job_1/step_0\n"),
            ("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/slurm/job_1/step_0/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/slurm/job_1/cpu.max", "250000 100000\n"),
            ("sys/fs/cgroup/slurm/job_1/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/slurm/job_1/memory.current", "3221225472\n"),
            ("sys/fs/cgroup/slurm/job_1/memory.stat", "anon 1\ninactive_file 1073741824\n"),
            ("sys/fs/cgroup/slurm/memory.max", "max\n"),
        ]);
        assert_eq!(capacity_below(root.path(), 8), Capacity { cpus: 2, memory_mib: 2 * 1024 });
        assert_eq!(capacity_below(root.path(), 1).cpus, 1);
    }

    #[test]
    fn v1_limits_hold_in_a_container() {
        let root = machine(&[
            ("proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"),
            (
                "proc/self/mountinfo",
                "40 39 0:30 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                 41 39 0:31 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 0\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(capacity_below(root.path(), 8), Capacity { cpus: 1, memory_mib: 1024 });
    }

    #[test]
    fn no_limit_is_no_limit() {
        let unlimited = |file: &str| match file {
            "memory.limit_in_bytes" => Some("9223372036854771712\n".to_owned()),
            "cpu.cfs_quota_us" => Some("-1\n".to_owned()),
            "cpu.cfs_period_us" => Some("100000\n".to_owned()),
            _ => None,
        };
        assert_eq!(cpu_limit(&unlimited), None);
        assert!(memory_left(&unlimited).unwrap() > 1024 * GIB);
        assert_eq!(cpu_limit(&|file| (file == "cpu.max").then(|| "max 100000\n".to_owned())), None);
        assert_eq!(cpu_limit(&|_| Some("garbage".to_owned())), None);
    }

    #[test]
    fn this_machine_has_something_to_offer() {
        let capacity = capacity();
        assert!(capacity.cpus >= 1 && capacity.memory_mib > 16, "{capacity:?}");
    }
}
