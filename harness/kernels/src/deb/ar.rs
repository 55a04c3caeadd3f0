//! The outer archive of a `.deb` (deb(5)): `debian-binary`, `control.tar.*`, `data.tar.*` in an ar file.

use std::io::{self, BufRead, BufReader, Read};

/// An unpacked member of a `.deb`: `data.tar` or `control.tar`, however it is packed.
pub(super) fn member<'a>(mut deb: impl BufRead + 'a, wanted: &str) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = [0; 8];
    read_all(&mut deb, &mut magic)?;
    if &magic != b"!<arch>\n" {
        return Err(bad("it does not begin as an ar archive does"));
    }
    loop {
        let mut header = [0; 60];
        read_all(&mut deb, &mut header)?;
        if &header[58..] != b"`\n" {
            return Err(bad("a member's header is damaged"));
        }
        let field = |range| std::str::from_utf8(&header[range]).unwrap_or_default().trim();
        let name = field(0..16).trim_end_matches('/').to_owned();
        let size: u64 = field(48..58).parse().map_err(|_| bad("a member's size is not a number"))?;
        if let Some(packer) = name.strip_prefix(wanted) {
            return decoder(packer, BufReader::with_capacity(128 << 10, Exact { inner: deb, left: size }));
        }
        let padded = size + size % 2;
        if io::copy(&mut (&mut deb).take(padded), &mut io::sink())? != padded {
            return Err(bad("it is cut off"));
        }
    }
}

fn decoder<'a>(packer: &str, data: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match packer {
        "" => Box::new(data),
        ".gz" => Box::new(flate2::bufread::MultiGzDecoder::new(data)),
        ".bz2" => Box::new(bzip2::bufread::MultiBzDecoder::new(data)),
        ".xz" => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(data)),
        ".lzma" => Box::new(liblzma::bufread::XzDecoder::new_stream(data, lzma()?)),
        ".zst" => Box::new(zstd::stream::read::Decoder::with_buffer(data)?),
        other => return Err(bad(&format!("data.tar{other} is packed in a way that is not known"))),
    })
}

fn lzma() -> io::Result<liblzma::stream::Stream> {
    liblzma::stream::Stream::new_lzma_decoder(1 << 30).map_err(io::Error::from)
}

fn read_all(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("it is cut off, or has no data.tar"),
        _ => error,
    })
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A member of known size: the end of the file before its end is an error and no end.
struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(bad("its data.tar is cut off"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deb(member: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"!<arch>\n".to_vec();
        for (name, data) in [("debian-binary", &b"2.0"[..]), (member, data)] {
            file.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, data.len()).bytes());
            file.extend(data);
            file.extend(std::iter::repeat_n(b'\n', data.len() % 2));
        }
        file
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        member(file, "data.tar")?.read_to_end(&mut data)?;
        Ok(data)
    }

    #[test]
    fn the_data_is_found_and_a_cut_is_seen() {
        let file = deb("data.tar", b"hello");
        assert_eq!(read(&file).unwrap(), b"hello");
        assert_eq!(read(&deb("data.tar/", b"hello")).unwrap(), b"hello");
        let cut = read(&file[..file.len() - 3]).unwrap_err().to_string();
        assert!(cut.contains("cut off"), "{cut}");
        assert!(read(&file[..70]).unwrap_err().to_string().contains("cut off"));
        assert!(read(b"PK\x03\x04 a zip").unwrap_err().to_string().contains("ar archive"));
        assert!(read(&deb("data.tar.arj", b"x")).unwrap_err().to_string().contains("arj"));
    }
}
