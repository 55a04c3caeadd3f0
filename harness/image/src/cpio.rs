//! The archive a kernel unpacks as its first root: cpio "newc", uncompressed, as every kernel since 2.6 reads it
//! (Documentation/early-userspace/buffer-format.txt). Equal contents make equal bytes.

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive being written. Paths are absolute, and a folder comes before what is in it.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    inodes: u32,
}

impl Archive {
    pub(crate) fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY, 2, (0, 0), &[]);
    }

    pub(crate) fn file(&mut self, path: &str, permissions: u32, contents: &[u8]) {
        self.entry(path, FILE | permissions, 1, (0, 0), contents);
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.entry(path, LINK, 1, (0, 0), target.as_bytes());
    }

    pub(crate) fn device(&mut self, path: &str, permissions: u32, number: (u32, u32)) {
        self.entry(path, CHARACTER_DEVICE | permissions, 1, number, &[]);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.inodes = 0;
        self.entry("TRAILER!!!", 0, 1, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, device: (u32, u32), contents: &[u8]) {
        let name = path.trim_start_matches('/');
        // The format's sizes have 32 bits, and so has all memory a guest is given.
        let size = u32::try_from(contents.len()).expect("a file of an initramfs is far below 4 GiB");
        let name_size = u32::try_from(name.len() + 1).expect("names are short");
        // inode, mode, uid, gid, links, time, size, device of the file, device it is, length of the name, checksum
        let fields = [self.inodes, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(contents);
        self.align();
        self.inodes += 1;
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::Archive;

    fn sample() -> Vec<u8> {
        let mut archive = Archive::default();
        archive.directory("/dev");
        archive.device("/dev/console", 0o600, (5, 1));
        archive.file("/init", 0o755, b"12345");
        archive.file("/empty", 0o644, b"");
        archive.finish()
    }

    #[test]
    fn the_format_is_newc() {
        let bytes = sample();
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(bytes, sample(), "equal contents make equal bytes");
        let text = String::from_utf8_lossy(&bytes);
        let header = "070701000000020000 81ed 0000000000000000 00000001 00000000 00000005".replace(' ', "");
        assert!(text.contains(&header), "{text}");
        assert!(text.contains("TRAILER!!!") && text.contains("init\0\x0012345\0\0\x00070701"), "{text}");
    }

    #[test]
    fn another_reader_agrees() {
        let mut cpio = match Command::new("busybox")
            .args(["cpio", "-t", "-v"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
        {
            Ok(cpio) => cpio,
            Err(error) => {
                return drop(std::io::Write::write_fmt(
                    &mut std::io::stderr(),
                    format_args!("SKIPPED: no busybox ({error})\n"),
                ));
            }
        };
        cpio.stdin.take().unwrap().write_all(&sample()).unwrap();
        let listing = String::from_utf8(cpio.wait_with_output().unwrap().stdout).unwrap();
        let line = |name: &str| listing.lines().find(|l| l.ends_with(name)).unwrap_or_default().to_owned();
        assert!(line("dev/console").starts_with("crw-------"), "{listing}");
        assert!(line("init").starts_with("-rwxr-xr-x"), "{listing}");
        assert!(line(" dev").starts_with("drwxr-xr-x"), "{listing}");
    }
}
