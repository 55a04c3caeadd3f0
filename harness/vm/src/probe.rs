//! Which accelerator to use: KVM only after it has run a guest.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::user::qemu_user;
use crate::{Accelerator, VmError, qemu_version, run_probe_guest};

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The accelerator to use.
    pub accelerator: Accelerator,
    /// QEMU's version line.
    pub qemu_version: String,
    /// What the user should know, a line each: why not KVM.
    pub notes: Vec<String>,
}

/// On hardware the probe guest needs 0.1 s, QEMU's start included.
const PATIENCE: Duration = Duration::from_secs(2);

const DEVICE: &str = "/dev/kvm";

/// Finds out which accelerator works with a QEMU. The answer is kept in `cache_dir` until the host is booted anew or
/// QEMU changes. `wanted` is the user's word (`KERNRIG_ACCEL`), which is taken untried.
///
/// # Errors
/// When QEMU does not even tell its version.
pub fn probe(qemu: &Path, cache_dir: &Path, wanted: Option<Accelerator>) -> Result<Probe, VmError> {
    let version = qemu_version(qemu)?;
    if let Some(accelerator) = wanted {
        let notes = vec![format!("accelerator {accelerator} as you asked, untried")];
        return Ok(Probe { accelerator, qemu_version: version, notes });
    }
    let key = Key::of(qemu, &version);
    let file = cache_dir.join("accelerator.json");
    let cached = fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str::<Cached>(&text).ok());
    let answer = match cached {
        Some(cached) if cached.key == key => cached,
        _ => {
            let answer = Cached::from_trial(key, try_kvm(qemu));
            // A cache that cannot be written costs two seconds the next time, no more.
            let _ = store(&file, &answer);
            answer
        }
    };
    Ok(Probe { accelerator: answer.accelerator, qemu_version: version, notes: answer.notes })
}

/// Everything the answer depends on.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    boot_id: String,
    qemu: PathBuf,
    version: String,
    uid: u32,
    /// Who may open the device: what the user changes on our advice.
    device: String,
    kernrig: String,
}

impl Key {
    fn of(qemu: &Path, version: &str) -> Self {
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self {
            boot_id: boot_id.trim().to_owned(),
            qemu: qemu.to_owned(),
            version: version.to_owned(),
            uid: rustix::process::geteuid().as_raw(),
            device: access(Path::new(DEVICE)),
            kernrig: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Owner, mode and identity of a device, and the groups by which this process may open it.
fn access(device: &Path) -> String {
    let groups = rustix::process::getgroups().unwrap_or_default();
    match fs::metadata(device) {
        Ok(m) => format!("{:o} {}:{} {} {groups:?}", m.mode(), m.uid(), m.gid(), m.rdev()),
        Err(error) => error.kind().to_string(),
    }
}

#[derive(Serialize, Deserialize)]
struct Cached {
    #[serde(flatten)]
    key: Key,
    accelerator: Accelerator,
    notes: Vec<String>,
}

impl Cached {
    fn from_trial(key: Key, trial: Result<(), String>) -> Self {
        let (accelerator, notes) = match trial {
            Ok(()) => (Accelerator::Kvm, Vec::new()),
            Err(reason) => (Accelerator::Tcg, vec![fallback_note(&reason)]),
        };
        Self { key, accelerator, notes }
    }
}

fn fallback_note(reason: &str) -> String {
    let slowness = Accelerator::Tcg.slowness();
    format!("no KVM: {reason}; QEMU translates instead (TCG), timeouts are {slowness} times longer")
}

fn try_kvm(qemu: &Path) -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the host is no x86-64".to_owned());
    }
    if !Path::new(DEVICE).exists() {
        return Err(format!("this host has no {DEVICE}"));
    }
    run_probe_guest(qemu, Accelerator::Kvm, PATIENCE).map(drop).map_err(|reason| {
        if !reason.contains("Permission denied") {
            return format!("{DEVICE} is there, but {reason}");
        }
        match qemu_user(Accelerator::Kvm) {
            None => format!("you may not open {DEVICE}; join its group"),
            Some(user) => format!(
                "QEMU, which runs as uid {} and not as root, may not open {DEVICE}; give it a group and mode 0660",
                user.uid
            ),
        }
    })
}

fn store(file: &Path, answer: &Cached) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Under a name of its own, then renamed: a run side by side sees the old answer or the new one.
    let draft = folder.join(format!("accelerator.{}.tmp", std::process::id()));
    let written = fs::File::create(&draft)
        .and_then(|mut draft| draft.write_all(serde_json::to_string_pretty(answer)?.as_bytes()))
        .and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::find_qemu;

    #[test]
    fn the_chosen_accelerator_has_run_a_guest_and_the_answer_is_kept() {
        let qemu = find_qemu().unwrap();
        let cache = tempfile::tempdir().unwrap();
        let found = probe(&qemu, cache.path(), None).unwrap();
        run_probe_guest(&qemu, found.accelerator, Duration::from_secs(60)).unwrap();
        assert!(found.accelerator == Accelerator::Kvm || found.notes[0].starts_with("no KVM: "), "{found:?}");

        let file = cache.path().join("accelerator.json");
        let text = fs::read_to_string(&file).unwrap();
        let other = Cached { notes: vec!["from the cache".into()], ..serde_json::from_str::<Cached>(&text).unwrap() };
        store(&file, &other).unwrap();
        assert_eq!(probe(&qemu, cache.path(), None).unwrap().notes, ["from the cache"]);
    }

    #[test]
    fn an_answer_of_another_boot_or_a_torn_one_is_not_believed() {
        let qemu = find_qemu().unwrap();
        let cache = tempfile::tempdir().unwrap();
        let file = cache.path().join("accelerator.json");
        let mut key = Key::of(&qemu, &qemu_version(&qemu).unwrap());
        key.boot_id = "another".into();
        store(&file, &Cached { key, accelerator: Accelerator::Tcg, notes: vec!["stale".into()] }).unwrap();
        assert_ne!(probe(&qemu, cache.path(), None).unwrap().notes, ["stale"]);
        fs::write(&file, "{\"boot_id\":").unwrap();
        assert_ne!(probe(&qemu, cache.path(), None).unwrap().notes, ["stale"]);
    }

    #[test]
    fn an_answer_for_another_mode_of_the_device_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("kvm");
        let missing = access(&device);
        fs::write(&device, "").unwrap();
        let before = access(&device);
        fs::set_permissions(&device, PermissionsExt::from_mode(0o660)).unwrap();
        assert!(missing != before && before != access(&device), "{missing} {before}");
    }

    #[test]
    fn the_users_word_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        let found = probe(&find_qemu().unwrap(), cache.path(), Some(Accelerator::Kvm)).unwrap();
        assert_eq!(found.accelerator, Accelerator::Kvm);
        assert!(fs::read_dir(cache.path()).unwrap().next().is_none(), "nothing was tried, nothing is kept");
    }
}
