//! Files as they lie about: plain or compressed, told apart by their first bytes and never by their name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// xz, the .xz file format 1.2.
    Xz,
    /// Zstandard, RFC 8878.
    Zstd,
}

/// The dictionary of an archive may ask for so much, whatever its header says. Unit: KiB. `xz -9` needs 65 MiB.
const XZ_MEMORY_KIB_MAX: u32 = 256 << 10;

impl Compression {
    /// What a file that begins with `head` is compressed with.
    pub fn of(head: &[u8]) -> Self {
        if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            Compression::Xz
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Compression::Zstd
        } else if head.starts_with(&[0x1f, 0x8b]) {
            Compression::Gzip
        } else {
            Compression::None
        }
    }
}

/// Opens a file for reading, decompressed.
///
/// # Errors
/// Whatever opening it and reading its first bytes gives.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    decompress(BufReader::with_capacity(1 << 16, File::open(path)?))
}

/// Reads on from `source`, decompressed.
pub(crate) fn decompress<R: BufRead + 'static>(mut source: R) -> io::Result<Box<dyn BufRead>> {
    Ok(match Compression::of(source.fill_buf()?) {
        Compression::None => Box::new(source),
        Compression::Gzip => buffered(MultiGzDecoder::new(source)),
        Compression::Xz => buffered(XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB_MAX)),
        Compression::Zstd => buffered(ZstdFrames { source, decoder: FrameDecoder::new(), is_in_frame: false }),
    })
}

fn buffered<R: Read + 'static>(source: R) -> Box<dyn BufRead> {
    Box::new(BufReader::with_capacity(1 << 16, source))
}

/// All frames of a Zstandard file, one after the other.
struct ZstdFrames<R: BufRead> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Begins the next frame that has contents; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(early_end(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_in_frame {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.is_in_frame = true;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(early_end)?;
            }
            let n = self.decoder.read(into)?;
            if n > 0 || into.is_empty() {
                return Ok(n);
            }
            let said = self.decoder.get_checksum_from_data();
            if said.is_some() && said != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of the archive is wrong"));
            }
            self.is_in_frame = false;
        }
    }
}

/// The error as one of input and output; an end of the file stays recognisable as one.
fn early_end(error: FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        let is_end = inner.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
        if is_end {
            return io::ErrorKind::UnexpectedEof.into();
        }
        cause = inner.source();
    }
    io::Error::other(error)
}
