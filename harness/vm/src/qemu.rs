//! The QEMU of this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, access};

use crate::VmError;

/// The emulator for the one guest architecture there is so far.
const PROGRAM: &str = "qemu-system-x86_64";

/// QEMU, by way of `PATH`.
///
/// # Errors
/// When there is none; the message says what to install.
pub fn find_qemu() -> Result<PathBuf, VmError> {
    find_in(&env::var_os("PATH").unwrap_or_default()).ok_or(VmError::NoQemu { program: PROGRAM })
}

fn find_in(path: &std::ffi::OsStr) -> Option<PathBuf> {
    let usable = |file: &PathBuf| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    env::split_paths(path).map(|folder| folder.join(PROGRAM)).find(usable)
}

/// The version line of a QEMU, `QEMU emulator version 7.2.22 (…)`.
///
/// # Errors
/// When it does not run or does not say.
pub fn qemu_version(qemu: &Path) -> Result<String, VmError> {
    let fail = |reason: String| VmError::Version { qemu: qemu.to_owned(), reason };
    let output = Command::new(qemu).arg("--version").stdin(Stdio::null()).output().map_err(|e| fail(e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    if output.status.success() && line.contains("version") {
        Ok(line.chars().take(200).collect())
    } else {
        let complaint: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(500).collect();
        Err(fail(format!("{}, {complaint:?}", output.status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_qemu_says_what_to_install() {
        assert_eq!(find_in(std::ffi::OsStr::new("/nowhere:/proc")), None);
        let message = VmError::NoQemu { program: PROGRAM }.to_string();
        assert!(message.contains("qemu-system-x86_64") && message.contains("apt install qemu-system-x86"));
    }

    #[test]
    fn a_program_that_is_not_qemu_is_refused() {
        let error = qemu_version(Path::new("/bin/false")).unwrap_err().to_string();
        assert!(error.contains("/bin/false"), "{error}");
    }
}
