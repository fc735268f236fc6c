//! The ring that the recorder writes to, read through the file that it is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::wire::{MAGIC, RING_OFFSET_BYTES, VERSION_BYTES, header};

/// Room for about 500,000 calls: what a program does while the reader sleeps. Unit: bytes.
const RING_BYTES: u64 = 4 << 20;

/// How long the reader sleeps when there is nothing to read.
const PAUSE: Duration = Duration::from_millis(2);

/// Pauses between two looks at which program the process is.
const PAUSES_A_LOOK: u32 = 16;

/// A file in memory, if there is a file system for that.
pub(super) struct Ring {
    file: NamedTempFile,
    has_ended: AtomicBool,
}

/// What was recorded.
pub(super) struct Recording {
    /// The records.
    pub(super) records: File,
    /// How long they are. Unit: bytes.
    pub(super) records_bytes: u64,
    /// 0: the recorder was never loaded.
    pub(super) process: u64,
    /// The break before the first event; 0: there was none.
    pub(super) base: u64,
    pub(super) mapped_base: u64,
    pub(super) cores: u64,
    /// 2.36 is 236.
    pub(super) glibc: u64,
    /// Thread heaps are announced when they are made.
    pub(super) has_arena: bool,
    /// The program ended by `exit`.
    pub(super) has_ended: bool,
    /// It is an interpreter of Python, and its allocator was recorded.
    pub(super) has_python: bool,
    pub(super) python_version: String,
    /// What the process became by `exec`.
    pub(super) became: Option<PathBuf>,
}

impl Ring {
    pub(super) fn create(is_python: bool) -> io::Result<Ring> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("heaptwin-ring-");
        let file = builder.tempfile_in("/dev/shm").or_else(|_| builder.tempfile())?;
        // Written and not only made longer: the program shall not wait for pages.
        file.as_file().write_all_at(&vec![0; (RING_OFFSET_BYTES + RING_BYTES) as usize], 0)?;
        let ring = Ring { file, has_ended: AtomicBool::new(false) };
        ring.set(header::RING_BYTES, RING_BYTES)?;
        ring.set(header::IS_PYTHON, u64::from(is_python))?;
        ring.set(header::READER, u64::from(std::process::id()))?;
        ring.set(header::MAGIC, MAGIC)?;
        Ok(ring)
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The program has ended: what is in the ring is all.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    fn set(&self, offset: u64, value: u64) -> io::Result<()> {
        self.file.as_file().write_all_at(&value.to_le_bytes(), offset)
    }

    fn get(&self, offset: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.as_file().read_exact_at(&mut bytes, offset)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn python_version(&self) -> io::Result<String> {
        let mut text = [0; VERSION_BYTES as usize];
        self.file.as_file().read_exact_at(&mut text, header::PYTHON_VERSION)?;
        Ok(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned())
    }

    /// A word that the recorder may be writing right now. The kernel need not copy it in one piece: a value counts when
    /// it was read twice.
    fn get_changing(&self, offset: u64) -> io::Result<u64> {
        let mut value = self.get(offset)?;
        loop {
            match self.get(offset)? {
                again if again == value => return Ok(value),
                again => value = again,
            }
        }
    }

    /// Moves records to `spool` until the program has ended.
    pub(super) fn read_into(&self, spool: File, process: u32) -> io::Result<Recording> {
        let mut to = BufWriter::with_capacity(1 << 18, spool);
        let mut buffer = vec![0; 1 << 18];
        let (mut tail, mut n_pauses) = (0, 0);
        let mut failure = None;
        let mut watch = Watch::new(process);
        loop {
            // Asked before the ring is looked at: what was written before the end is then seen.
            let has_ended = self.has_ended.load(Ordering::Acquire);
            let head = self.get_changing(header::HEAD)?;
            if head < tail || head - tail > RING_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the program has overwritten the ring"));
            }
            while tail < head {
                let at = tail % RING_BYTES;
                let n = (head - tail).min(RING_BYTES - at).min(buffer.len() as u64);
                let part = &mut buffer[..n as usize];
                self.file.as_file().read_exact_at(part, RING_OFFSET_BYTES + at)?;
                if failure.is_none() {
                    // Read on all the same: the program must not wait for a disk that is full.
                    failure = to.write_all(part).err();
                }
                tail += n;
                self.set(header::TAIL, tail)?;
            }
            if has_ended {
                break;
            }
            if n_pauses % PAUSES_A_LOOK == 0 && self.get(header::PROCESS)? != 0 {
                // Both have it open: the name would only be left over if this process were killed.
                let _ = std::fs::remove_file(self.path());
                watch.look();
            }
            n_pauses += 1;
            std::thread::sleep(PAUSE);
        }
        if let Some(error) = failure {
            return Err(error);
        }
        let records = to.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Recording {
            records,
            records_bytes: tail,
            process: self.get(header::PROCESS)?,
            base: self.get(header::BASE)?,
            mapped_base: self.get(header::MAPPED_BASE)?,
            cores: self.get(header::CORES)?,
            glibc: self.get(header::GLIBC)?,
            has_arena: self.get(header::HAS_ARENA)? != 0,
            has_ended: self.get(header::HAS_ENDED)? != 0,
            has_python: self.get(header::HAS_PYTHON)? != 0,
            python_version: self.python_version()?,
            became: watch.became,
        })
    }
}

/// Which program a process is.
struct Watch {
    link: PathBuf,
    first: Option<PathBuf>,
    became: Option<PathBuf>,
}

impl Watch {
    fn new(process: u32) -> Watch {
        Watch { link: PathBuf::from(format!("/proc/{process}/exe")), first: None, became: None }
    }

    fn look(&mut self) {
        if let Ok(now) = std::fs::read_link(&self.link) {
            match &self.first {
                None => self.first = Some(now),
                Some(first) if *first != now => self.became = Some(now),
                Some(_) => {}
            }
        }
    }
}
