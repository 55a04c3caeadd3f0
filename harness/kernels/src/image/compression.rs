//! The packers that kernels and modules are packed with, told by their first bytes.

use std::fmt;
use std::io::{self, Read};

/// A packer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// LZMA alone, without the xz container.
    Lzma,
    /// bzip2.
    Bzip2,
    /// LZ4 in the "legacy" frames of `lz4 -l`.
    Lz4,
    /// Zstandard.
    Zstd,
    /// LZO: known, not unpacked (no library under a fitting licence).
    Lzo,
}

impl Compression {
    /// Which packer made this, by its magic number.
    #[must_use]
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        const MAGIC: [(&[u8], Compression); 7] = [
            (&[0x1f, 0x8b, 8], Compression::Gzip),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x5d, 0, 0], Compression::Lzma),
            (b"BZh", Compression::Bzip2),
            (&[2, 0x21, 0x4c, 0x18], Compression::Lz4),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0x89, b'L', b'Z', b'O'], Compression::Lzo),
        ];
        MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, packer)| packer)
    }

    /// Unpacks all of the first stream, within a bound. What follows is left alone: kernels append the unpacked length.
    ///
    /// # Errors
    /// What the decoder said, or that the bound was passed.
    pub fn unpack(self, packed: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        reader(self, packed)?.take(limit as u64 + 1).read_to_end(&mut out)?;
        if out.len() > limit {
            return Err(invalid(format!("it unpacks to more than {} MiB", limit >> 20)));
        }
        Ok(out)
    }

    /// Unpacks at most the first `count` bytes.
    ///
    /// # Errors
    /// What the decoder said.
    pub fn unpack_head(self, packed: &[u8], count: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(count);
        reader(self, packed)?.take(count as u64).read_to_end(&mut out)?;
        Ok(out)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Lzo => "lzo",
        })
    }
}

fn reader<'a>(packer: Compression, packed: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match packer {
        Compression::Gzip => Box::new(flate2::read::GzDecoder::new(packed)),
        Compression::Xz => Box::new(liblzma::read::XzDecoder::new(packed)),
        Compression::Lzma => {
            let stream = liblzma::stream::Stream::new_lzma_decoder(u64::MAX)?;
            Box::new(liblzma::read::XzDecoder::new_stream(packed, stream))
        }
        Compression::Bzip2 => Box::new(bzip2::read::BzDecoder::new(packed)),
        Compression::Lz4 => Box::new(Lz4Legacy::new(packed)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?.single_frame()),
        Compression::Lzo => {
            return Err(invalid("kernrig does not unpack LZO; give the config file beside it".to_owned()));
        }
    })
}

/// `lz4 -l`: a magic number, then blocks, each a little-endian length and at most 8 MiB when unpacked. The stream has
/// no end mark; a kernel's is followed by four bytes of unpacked length, too few for another block.
struct Lz4Legacy<'a> {
    rest: &'a [u8],
    block: Vec<u8>,
    at: usize,
}

impl<'a> Lz4Legacy<'a> {
    const BLOCK: usize = 8 << 20;

    fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed.get(4..).unwrap_or_default(), block: Vec::new(), at: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let Some((length, rest)) = self.rest.split_first_chunk::<4>() else {
            self.rest = &[];
            return Ok(());
        };
        let length = u32::from_le_bytes(*length) as usize;
        if rest.is_empty() {
            self.rest = &[];
            return Ok(());
        }
        let packed = rest.get(..length).ok_or_else(|| invalid("an lz4 block is cut off".to_owned()))?;
        self.block.resize(Self::BLOCK, 0);
        let unpacked = lz4_flex::block::decompress_into(packed, &mut self.block).map_err(|e| invalid(e.to_string()))?;
        self.block.truncate(unpacked);
        self.at = 0;
        self.rest = &rest[length..];
        Ok(())
    }
}

impl Read for Lz4Legacy<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        let count = buf.len().min(self.block.len() - self.at);
        buf[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
