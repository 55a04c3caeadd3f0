//! A VM that is kept after its guest's end, for somebody to look into: its monitor and debugger ports, its memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a VM is given so that somebody can look into it: it stays, stopped, when its guest resets or powers off.
///
/// QEMU has no right to make a socket anywhere, so it inherits sockets that are listening already.
#[derive(Clone, Debug, Default)]
pub struct Hold {
    ports: Vec<Port>,
}

#[derive(Clone, Debug)]
struct Port {
    kind: Kind,
    socket: Arc<UnixListener>,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Qmp,
    Monitor,
    Gdb,
}

impl Hold {
    /// Ports for a human and a program (`monitor.sock`, `qmp.sock`) in a folder of this VM alone, and with `gdb` one for
    /// a debugger (`gdb.sock`).
    ///
    /// # Errors
    /// When a socket cannot be made there; its path may have 107 bytes at most.
    pub fn with_ports(folder: &Path, gdb: bool) -> io::Result<Self> {
        let kinds = [(Kind::Qmp, "qmp.sock"), (Kind::Monitor, "monitor.sock"), (Kind::Gdb, "gdb.sock")];
        let port = |(kind, name): (Kind, &str)| {
            let path = folder.join(name);
            UnixListener::bind(&path).map(|socket| Port { kind, socket: Arc::new(socket), path })
        };
        let wanted = kinds.into_iter().filter(|(kind, _)| gdb || *kind != Kind::Gdb);
        Ok(Self { ports: wanted.map(port).collect::<io::Result<_>>()? })
    }

    /// QEMU's monitor for programs.
    #[must_use]
    pub fn qmp(&self) -> Option<&Path> {
        self.path(Kind::Qmp)
    }

    /// QEMU's monitor for humans.
    #[must_use]
    pub fn monitor(&self) -> Option<&Path> {
        self.path(Kind::Monitor)
    }

    /// Where a debugger attaches.
    #[must_use]
    pub fn gdb(&self) -> Option<&Path> {
        self.path(Kind::Gdb)
    }

    fn path(&self, kind: Kind) -> Option<&Path> {
        self.ports.iter().find(|port| port.kind == kind).map(|port| port.path.as_path())
    }

    pub(crate) fn inherited(&self) -> impl Iterator<Item = RawFd> {
        self.ports.iter().map(|port| port.socket.as_raw_fd())
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        // The device lets the guest's driver (qemu_fw_cfg, 4.17) say where its symbols are, and is idle without one.
        let mut arguments = ["-no-shutdown", "-device", "vmcoreinfo"].map(str::to_owned).to_vec();
        for Port { kind, socket, .. } in &self.ports {
            let id = format!("{kind:?}").to_lowercase();
            let fd = socket.as_raw_fd();
            arguments.extend(["-chardev".to_owned(), format!("socket,id=hold-{id},fd={fd},server=on,wait=off")]);
            arguments.extend(match kind {
                Kind::Qmp => ["-mon".to_owned(), format!("chardev=hold-{id},mode=control")],
                Kind::Monitor => ["-mon".to_owned(), format!("chardev=hold-{id},mode=readline")],
                Kind::Gdb => ["-gdb".to_owned(), format!("chardev:hold-{id}")],
            });
        }
        arguments
    }
}

/// Blocks of this size that are all zero become holes.
const BLOCK: usize = 64 * 1024;

/// Copies a stream into a file, with holes where it has nothing but zeros; gives how long it is.
pub(crate) fn copy_with_holes(mut from: impl Read, to: &mut File) -> io::Result<u64> {
    let mut block = vec![0; BLOCK];
    let mut length = 0;
    loop {
        let filled = fill(&mut from, &mut block)?;
        if filled == 0 {
            break;
        }
        length += filled as u64;
        if block[..filled].iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Start(length))?;
        } else {
            to.write_all(&block[..filled])?;
        }
    }
    to.set_len(length)?;
    Ok(length)
}

fn fill(from: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_holes_is_the_same_and_smaller() {
        use std::os::unix::fs::MetadataExt;
        let mut bytes = vec![0; 4 * 1024 * 1024 + 5];
        bytes[3] = 1;
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(copy_with_holes(&bytes[..], &mut file).unwrap(), bytes.len() as u64);
        let mut back = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        assert!(file.metadata().unwrap().blocks() * 512 < 1024 * 1024);
    }

    #[test]
    fn a_debugger_only_has_a_port_where_one_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let hold = Hold::with_ports(folder.path(), false).unwrap();
        assert!(hold.gdb().is_none() && hold.qmp().is_some_and(Path::exists));
        let arguments = hold.arguments().join(" ");
        assert!(arguments.starts_with("-no-shutdown") && !arguments.contains("gdb"), "{arguments}");
    }
}
