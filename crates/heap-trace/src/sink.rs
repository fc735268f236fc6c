//! Files to be written, compressed as their name ends.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::source::Compression;

/// What a Zstandard frame holds at most before it is compressed. Unit: bytes.
const ZSTD_FRAME_BYTES: usize = 4 << 20;

/// The preset of xz: as its command uses.
const XZ_PRESET: u32 = 6;

impl Compression {
    /// What the ending of a file's name asks for: `.xz`, `.zst`, `.gz`, else nothing.
    pub fn by_name(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("xz") => Compression::Xz,
            Some("zst") => Compression::Zstd,
            Some("gz") => Compression::Gzip,
            _ => Compression::None,
        }
    }
}

/// Compresses what is written to it. It must be finished: what is dropped has no end.
pub enum Sink<W: Write> {
    /// Written as it is.
    Plain(W),
    /// gzip.
    Gzip(GzEncoder<W>),
    /// xz.
    Xz(Box<XzWriter<W>>),
    /// Zstandard, frame by frame.
    Zstd {
        /// What is written to.
        to: W,
        /// What is not yet compressed.
        frame: Vec<u8>,
    },
}

impl<W: Write> Sink<W> {
    /// Begins.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn new(to: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Sink::Plain(to),
            Compression::Gzip => Sink::Gzip(GzEncoder::new(to, flate2::Compression::default())),
            Compression::Xz => Sink::Xz(Box::new(XzWriter::new(to, XzOptions::with_preset(XZ_PRESET))?)),
            Compression::Zstd => Sink::Zstd { to, frame: Vec::new() },
        })
    }

    /// Ends the archive and returns what was written to.
    ///
    /// # Errors
    /// Whatever writing gives.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_frame()?;
        let mut to = match self {
            Sink::Plain(to) | Sink::Zstd { to, .. } => to,
            Sink::Gzip(encoder) => encoder.finish()?,
            Sink::Xz(encoder) => encoder.finish()?,
        };
        to.flush()?;
        Ok(to)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        if let Sink::Zstd { to, frame } = self
            && !frame.is_empty()
        {
            to.write_all(&compress_to_vec(frame.as_slice(), CompressionLevel::Fastest))?;
            frame.clear();
        }
        Ok(())
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(to) => to.write(bytes),
            Sink::Gzip(encoder) => encoder.write(bytes),
            Sink::Xz(encoder) => encoder.write(bytes),
            Sink::Zstd { frame, .. } => {
                let n = bytes.len().min(ZSTD_FRAME_BYTES - frame.len());
                frame.extend_from_slice(&bytes[..n]);
                if frame.len() == ZSTD_FRAME_BYTES {
                    self.end_frame()?;
                }
                Ok(n)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(to) | Sink::Zstd { to, .. } => to.flush(),
            Sink::Gzip(encoder) => encoder.flush(),
            Sink::Xz(encoder) => encoder.flush(),
        }
    }
}
