//! The kernel image itself: reads a bzImage's header, unpacks its payload, and says what a wrong file looks like.
//!
//! Field names and offsets are those of the x86 boot protocol, `Documentation/arch/x86/boot.rst`.

mod compression;
mod ikconfig;
mod looks;

use std::io::Read;
use std::path::{Path, PathBuf};

use object::elf::EM_X86_64;

use crate::Config;

pub use compression::Compression;
pub use looks::looks_like;

/// A vmlinux is 20 to 80 MB, with all sanitizers built in some 250 MB.
const MAX_VMLINUX: usize = 512 << 20;
/// Real ones are 3 to 20 MB, an allyesconfig some 200 MB.
const MAX_IMAGE: u64 = 512 << 20;

/// Why an image cannot be used. Every message says which file.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file could not be read.
    #[error("cannot read the kernel image {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no bzImage.
    #[error("{} is no x86 bzImage: it looks like {looks}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What it is in all likelihood, and what to give in its stead.
        looks: String,
    },
    /// The end is missing.
    #[error("{} is cut off: its header promises {promised} bytes, there are {have}; fetch or build it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the header speaks of.
        promised: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// It runs on another CPU.
    #[error("{} is a kernel for {found}; kernrig boots x86-64 kernels", path.display())]
    Architecture {
        /// The file.
        path: PathBuf,
        /// What it is for.
        found: String,
    },
    /// Header or payload make no sense.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// An x86-64 bzImage, read whole and looked over.
#[derive(Debug)]
pub struct BzImage {
    path: PathBuf,
    bytes: Vec<u8>,
    release: String,
    payload: Option<(usize, usize)>,
}

impl BzImage {
    /// Reads an image and refuses what no x86-64 machine would boot.
    ///
    /// # Errors
    /// [`ImageError`], which names the file and says what it looks like instead.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let read = |source| ImageError::Read { path: path.to_owned(), source };
        // Opening a pipe would wait for somebody to write to it, and a device may never end.
        if !std::fs::metadata(path).map_err(read)?.is_file() {
            return Err(read(std::io::Error::other("it is no regular file")));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path).map_err(read)?.take(MAX_IMAGE).read_to_end(&mut bytes).map_err(read)?;
        Self::from_bytes(path, bytes)
    }

    /// The same for an image that is in memory already; `path` is for messages.
    ///
    /// # Errors
    /// As [`BzImage::open`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, ImageError> {
        let header = Header::read(&bytes)
            .ok_or_else(|| ImageError::NotAnImage { path: path.to_owned(), looks: looks_like(&bytes) })?;
        let promised = header.promised_len();
        // `syssize` counts units of 16 bytes, rounded up.
        if bytes.len() + 16 <= promised {
            return Err(ImageError::Truncated { path: path.to_owned(), promised, have: bytes.len() });
        }
        let damaged = |what: &str| ImageError::Damaged { path: path.to_owned(), what: what.to_owned() };
        let release =
            header.release(&bytes).ok_or_else(|| damaged("its header holds no kernel version, so no `uname -r`"))?;
        let payload = header.payload(&bytes).map_err(damaged)?;
        let image = Self { path: path.to_owned(), bytes, release, payload };
        image.check_architecture()?;
        Ok(image)
    }

    /// `uname -r` as the header states it.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How the payload is packed; `None` before boot protocol 2.08 (Linux 2.6.26) or for a packer that is not known.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        Compression::detect(self.payload_bytes()?)
    }

    /// The unpacked payload: the vmlinux, an ELF file without debug information.
    ///
    /// # Errors
    /// [`ImageError::Damaged`] when there is none, when it does not unpack, or when the packer is LZO.
    pub fn vmlinux(&self) -> Result<Vec<u8>, ImageError> {
        let (compression, payload) = self.packed()?;
        compression
            .unpack(payload, MAX_VMLINUX)
            .map_err(|e| self.damaged(format!("its {compression} payload does not unpack: {e}")))
    }

    /// The configuration that `CONFIG_IKCONFIG=y` built in; `None` if it was not.
    ///
    /// # Errors
    /// As [`BzImage::vmlinux`].
    pub fn config(&self) -> Result<Option<Config>, ImageError> {
        Ok(ikconfig::find(&self.vmlinux()?))
    }

    /// The header does not tell 32 from 64 bits before protocol 2.12 (Linux 3.8), the ELF file inside always does.
    fn check_architecture(&self) -> Result<(), ImageError> {
        let Ok((compression, payload)) = self.packed() else { return Ok(()) };
        if compression == Compression::Lzo {
            return Ok(());
        }
        let head = compression
            .unpack_head(payload, 20)
            .map_err(|e| self.damaged(format!("its {compression} payload does not unpack: {e}")))?;
        match looks::elf_machine(&head) {
            Some(EM_X86_64) | None => Ok(()),
            Some(other) => Err(ImageError::Architecture { path: self.path.clone(), found: looks::machine_name(other) }),
        }
    }

    fn packed(&self) -> Result<(Compression, &[u8]), ImageError> {
        let payload =
            self.payload_bytes().ok_or_else(|| self.damaged("its header does not say where the payload is".into()))?;
        let compression =
            Compression::detect(payload).ok_or_else(|| self.damaged("its payload is packed in no known way".into()))?;
        Ok((compression, payload))
    }

    fn payload_bytes(&self) -> Option<&[u8]> {
        let (start, end) = self.payload?;
        self.bytes.get(start..end)
    }

    fn damaged(&self, what: String) -> ImageError {
        ImageError::Damaged { path: self.path.clone(), what }
    }
}

/// The configuration inside a kernel's `configs.ko` (`CONFIG_IKCONFIG=m`) or a vmlinux.
#[must_use]
pub fn config_inside(elf: &[u8]) -> Option<Config> {
    ikconfig::find(elf)
}

/// The setup header, as far as it matters here.
struct Header {
    setup_len: usize,
    /// Bytes of the protected-mode part.
    system_len: usize,
    protocol: u16,
    version_at: usize,
    payload_offset: usize,
    payload_len: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.get(0x1fe..0x200)? != [0x55, 0xaa] || bytes.get(0x202..0x206)? != *b"HdrS" {
            return None;
        }
        let setup_sectors = match *bytes.get(0x1f1)? {
            0 => 4,
            n => usize::from(n),
        };
        let protocol = u16_at(bytes, 0x206)?;
        let has_payload = protocol >= 0x0208;
        Some(Self {
            setup_len: (setup_sectors + 1) * 512,
            system_len: u32_at(bytes, 0x1f4)?.saturating_mul(16),
            protocol,
            version_at: usize::from(u16_at(bytes, 0x20e)?) + 0x200,
            payload_offset: if has_payload { u32_at(bytes, 0x248)? } else { 0 },
            payload_len: if has_payload { u32_at(bytes, 0x24c)? } else { 0 },
        })
    }

    fn promised_len(&self) -> usize {
        let payload_end = self.payload_offset.saturating_add(self.payload_len);
        self.setup_len.saturating_add(self.system_len.max(payload_end))
    }

    /// `6.1.0-56-amd64 (debian-kernel@…) #1 SMP …`: the first word.
    fn release(&self, bytes: &[u8]) -> Option<String> {
        let text = bytes.get(self.version_at..self.setup_len)?;
        let word = text.split(|&b| b == 0 || b == b' ').next()?;
        let known = word.first()?.is_ascii_digit() && word.len() < 65 && word.iter().all(u8::is_ascii_graphic);
        known.then(|| String::from_utf8_lossy(word).into_owned())
    }

    fn payload(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, &'static str> {
        if self.protocol < 0x0208 || self.payload_len == 0 {
            return Ok(None);
        }
        let start = self.setup_len.saturating_add(self.payload_offset);
        let end = start.saturating_add(self.payload_len);
        if end > bytes.len() {
            Err("its header places the payload outside of the file")
        } else {
            Ok(Some((start, end)))
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests;
