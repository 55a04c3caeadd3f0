//! QEMU's arguments: the machine as data, as it is run and as one would type it.

use std::path::PathBuf;

use crate::{Accelerator, BootFile, Hold};

/// The kind of machine a kernel is booted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// QEMU's `-machine`.
    pub machine: &'static str,
    /// QEMU's `-cpu`.
    pub cpu: &'static str,
}

impl Machine {
    /// A PC of 1996 with QEMU's plain 64-bit CPU. Its ports, timers and interrupt controllers are known to every kernel
    /// from 2.6.32 on, and to no module.
    ///
    /// The same CPU under every accelerator: under TCG it is the fastest, and under KVM `max` and `host` hand features
    /// and MSRs through that old kernels stumble over, and that nested KVM may not have (QEMU 7.2 then aborts:
    /// "failed to set MSR 0x10a").
    #[must_use]
    pub fn pc(accelerator: Accelerator) -> Self {
        match accelerator {
            Accelerator::Tcg | Accelerator::Kvm => Self { machine: "pc", cpu: "qemu64" },
        }
    }
}

/// A VM that could be started.
#[derive(Clone, Debug)]
pub struct VmSpec {
    /// The QEMU to run.
    pub qemu: PathBuf,
    /// What executes the guest.
    pub accelerator: Accelerator,
    /// The machine to emulate.
    pub machine: Machine,
    /// The kernel, a bzImage.
    pub kernel: BootFile,
    /// What it unpacks as its first root.
    pub initramfs: BootFile,
    /// The kernel's command line.
    pub cmdline: String,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Virtual CPUs.
    pub cpus: u32,
    /// For a VM that somebody is to look into afterwards.
    pub hold: Option<Hold>,
}

/// Descriptors that QEMU inherits, by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) console: i32,
    pub(crate) channel: i32,
    pub(crate) qmp: i32,
}

/// Allowed: nothing. QEMU itself never changes user, spawns, or moves between CPUs.
pub(crate) const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

impl VmSpec {
    /// What a run and a trial by hand have in common.
    fn machine_arguments(&self) -> Vec<String> {
        let Machine { machine, cpu } = self.machine;
        let mut arguments = words(&["-accel", self.accelerator.name(), "-machine", machine, "-cpu", cpu]);
        arguments.extend(["-m".to_owned(), format!("{}M", self.memory_mib)]);
        arguments.extend(["-smp".to_owned(), self.cpus.to_string()]);
        arguments.extend(words(&["-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"]));
        arguments
    }

    pub(crate) fn arguments(&self, ports: Ports) -> Vec<String> {
        let mut arguments = self.machine_arguments();
        arguments.extend(words(&["-sandbox", SANDBOX, "-kernel", &self.kernel.path_in_child()]));
        arguments.extend(words(&["-initrd", &self.initramfs.path_in_child(), "-append", &self.cmdline]));
        // In this order: the first -serial is ttyS0. The console is a pipe: QEMU writes it byte by byte, of which a
        // socket's buffer holds 277 and a pipe's a million, and a kernel waits 10 ms for its port before it writes on
        // regardless and bytes are lost. `append`: else QEMU would truncate it, which a pipe refuses.
        arguments.extend(["-add-fd".to_owned(), format!("fd={},set=1", ports.console)]);
        let console = "file,id=console,path=/dev/fdset/1,append=on".to_owned();
        for (name, chardev) in [("console", console), ("channel", format!("socket,id=channel,fd={}", ports.channel))] {
            arguments.extend(["-chardev".to_owned(), chardev]);
            arguments.extend(["-serial".to_owned(), format!("chardev:{name}")]);
        }
        arguments.extend(["-chardev".to_owned(), format!("socket,id=qmp,fd={}", ports.qmp)]);
        arguments.extend(words(&["-mon", "chardev=qmp,mode=control"]));
        arguments.extend(self.hold.iter().flat_map(Hold::arguments));
        arguments
    }

    /// The same machine as a command to type, with the console on the terminal and nothing on the channel. The
    /// initramfs is named by its path: write it there first, with [`BootFile::save`].
    #[must_use]
    pub fn by_hand(&self) -> String {
        let mut line = vec![self.qemu.to_string_lossy().into_owned()];
        line.extend(self.machine_arguments());
        line.extend(words(&["-kernel", &self.kernel.path().to_string_lossy()]));
        line.extend(words(&["-initrd", &self.initramfs.path().to_string_lossy(), "-append", &self.cmdline]));
        line.extend(words(&["-serial", "mon:stdio", "-serial", "null"]));
        shell_quoted(&line)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Words as a POSIX shell reads them back.
#[must_use]
pub fn shell_quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn spec() -> VmSpec {
        VmSpec {
            qemu: "/usr/bin/qemu-system-x86_64".into(),
            accelerator: Accelerator::Tcg,
            machine: Machine::pc(Accelerator::Tcg),
            kernel: BootFile::from_bytes(Path::new("/root/my kernel/bzImage"), b"").unwrap(),
            initramfs: BootFile::from_bytes(Path::new("initramfs.cpio"), b"").unwrap(),
            cmdline: "console=ttyS0 panic=1".into(),
            memory_mib: 512,
            cpus: 2,
            hold: None,
        }
    }

    #[test]
    fn the_command_by_hand_needs_no_descriptors() {
        let line = spec().by_hand();
        assert!(line.contains("-kernel '/root/my kernel/bzImage' -initrd initramfs.cpio"), "{line}");
        assert!(line.contains("-append 'console=ttyS0 panic=1' -serial mon:stdio"), "{line}");
        assert!(line.contains("-m 512M -smp 2") && !line.contains("/proc/self/fd"), "{line}");
    }

    #[test]
    fn the_console_is_the_first_port_and_the_sandbox_is_on() {
        let arguments = spec().arguments(Ports { console: 7, channel: 8, qmp: 9 });
        let place = |word: &str| arguments.iter().position(|a| a == word).unwrap();
        assert!(place("chardev:console") < place("chardev:channel"));
        assert_eq!(arguments[place("-sandbox") + 1], SANDBOX);
        assert!(arguments.contains(&"socket,id=qmp,fd=9".to_owned()));
    }

    #[test]
    fn quoting_survives_a_shell() {
        let words: Vec<String> = ["a b", "", "it's", "$HOME", "x=1"].map(str::to_owned).into();
        let line = format!("printf '%s\\n' {}", shell_quoted(&words));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), words.join("\n") + "\n");
    }
}
