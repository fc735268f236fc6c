//! `stdout`, as far as it concerns memory: its buffer, and what reaches the kernel.
//!
//! The first output of a program allocates a buffer, and that is a request like any other: it consolidates what lies in
//! the fastbins, and may be the call at which damage done long before is noticed.

use memory_trait::{Allocator, Outcome};

use super::{Access, Pointer, Process};
use crate::memory::RawMemory;

/// How `stdout` is buffered.
///
/// # Source
/// glibc 2.36 `libio/filedoalloc.c:_IO_file_doallocate`: `st_blksize` bytes, or `BUFSIZ` at most for a terminal.
/// Differs: a write that does not fit first empties the buffer; glibc fills it up before it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffering {
    /// A pipe or a file: a buffer of 4096 bytes.
    #[default]
    Pipe,
    /// A terminal: a buffer of 1024 bytes, emptied at each end of a line.
    Terminal,
    /// `setvbuf(stdout, NULL, _IONBF, 0)`: none, every output is a system call.
    Unbuffered,
}

#[derive(Clone, Debug)]
pub(super) struct Stdout {
    buffering: Buffering,
    buffer: Pointer,
    filled_bytes: u64,
    written_bytes: u64,
}

impl Stdout {
    pub(super) fn new(buffering: Buffering) -> Self {
        Stdout { buffering, buffer: Pointer::null(), filled_bytes: 0, written_bytes: 0 }
    }

    const fn buffer_bytes(&self) -> u64 {
        match self.buffering {
            Buffering::Pipe => 4096,
            Buffering::Terminal => 1024,
            Buffering::Unbuffered => 0,
        }
    }
}

impl Process {
    /// `setvbuf(stdout, NULL, mode, 0)`, before any output.
    ///
    /// # Panics
    /// When there was output.
    pub fn set_buffering(&mut self, buffering: Buffering) {
        assert!(self.stdout.buffer.is_null() && self.stdout.written_bytes == 0, "setvbuf comes before any output");
        self.stdout.buffering = buffering;
    }

    /// `puts(text)`, of a literal.
    ///
    /// # Errors
    /// What glibc says when it finds its heap damaged.
    pub fn puts(&mut self, text: &str) -> Outcome<()> {
        self.begin();
        let n = text.len() as u64 + 1;
        self.output(Source::Literal(text), n)?;
        if self.stdout.buffering == Buffering::Terminal { self.flush() } else { Ok(()) }
    }

    /// `fwrite(from, 1, n, stdout)`.
    ///
    /// # Errors
    /// As [`Process::puts`], and a signal when nothing is mapped there.
    pub fn fwrite(&mut self, from: Pointer, n: u64) -> Outcome<()> {
        self.output(Source::Memory(from), n)
    }

    /// `write(1, from, n)`: the kernel sees the bytes. Bytes that nobody wrote are noticed here.
    ///
    /// # Errors
    /// Never: the kernel answers `EFAULT` where nothing is mapped.
    pub fn write_out(&mut self, from: Pointer, n: u64) -> Outcome<()> {
        self.begin();
        self.stdout.written_bytes += n;
        let site = self.site();
        if self.watch.is_some() {
            self.examine(from, n, Access::Syscall(n));
        }
        if let Some(watch) = &mut self.watch {
            watch.examine_written(from, n, Access::Syscall(n), site);
        }
        Ok(())
    }

    fn output(&mut self, source: Source<'_>, n: u64) -> Outcome<()> {
        let room_bytes = self.stdout.buffer_bytes();
        if self.stdout.buffer.is_null() && room_bytes > 0 {
            // The library's own block: the detector knows of no object there.
            let answer = self.heap.malloc(room_bytes);
            self.stdout.buffer = Pointer::from(self.timed(answer)?);
        }
        if self.stdout.filled_bytes + n > room_bytes {
            self.flush()?;
        }
        if n > room_bytes {
            return match source {
                Source::Literal(_) => {
                    self.stdout.written_bytes += n;
                    Ok(())
                }
                Source::Memory(from) => self.write_out(from, n),
            };
        }
        let to = self.stdout.buffer + self.stdout.filled_bytes;
        self.stdout.filled_bytes += n;
        match source {
            Source::Literal(text) => {
                let line = [text.as_bytes(), b"\n"].concat();
                self.heap.write(to.address, &line).map_err(|unmapped| self.signal(unmapped.0))?;
                if let Some(watch) = &mut self.watch {
                    watch.written.fill(to.address.0, n, true);
                }
                Ok(())
            }
            Source::Memory(from) => {
                let mut bytes = vec![0; n as usize];
                self.read(from, &mut bytes)?;
                self.heap.write(to.address, &bytes).map_err(|unmapped| self.signal(unmapped.0))?;
                if let Some(watch) = &mut self.watch {
                    watch.copied(from.address.0, to.address.0, n);
                }
                Ok(())
            }
        }
    }

    /// `fflush(stdout)`.
    ///
    /// # Errors
    /// Never.
    pub fn flush(&mut self) -> Outcome<()> {
        let n = std::mem::take(&mut self.stdout.filled_bytes);
        self.stdout.written_bytes += n;
        let (site, buffer) = (self.site(), self.stdout.buffer);
        if let Some(watch) = &mut self.watch
            && n > 0
        {
            watch.examine_written(buffer, n, Access::Syscall(n), site);
        }
        Ok(())
    }
}

/// What is put out.
#[derive(Clone, Copy)]
enum Source<'a> {
    Literal(&'a str),
    Memory(Pointer),
}
