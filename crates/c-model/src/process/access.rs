//! Reading and writing at any address, and what depends on it.

use memory_trait::{Address, Outcome};

use super::{Access, Misuse, Pointer, Process};
use crate::memory::RawMemory;

impl Process {
    /// Reads `into.len()` bytes. Bytes that nobody wrote may be read; [`Process::branch_on`] is where they are noticed.
    ///
    /// # Errors
    /// A signal, when nothing is mapped there.
    pub fn read(&mut self, at: Pointer, into: &mut [u8]) -> Outcome<()> {
        self.begin();
        if self.watch.is_some() {
            self.examine(at, into.len() as u64, Access::Read(into.len() as u64));
        }
        self.heap.read(at.address, into).map_err(|unmapped| self.signal(unmapped.0))
    }

    /// Writes `bytes`.
    ///
    /// # Errors
    /// A signal, when nothing is mapped there; then nothing is written.
    pub fn write(&mut self, at: Pointer, bytes: &[u8]) -> Outcome<()> {
        self.begin();
        let n = bytes.len() as u64;
        if self.watch.is_some() {
            self.examine(at, n, Access::Write(n));
        }
        self.heap.write(at.address, bytes).map_err(|unmapped| self.signal(unmapped.0))?;
        if let Some(watch) = &mut self.watch {
            watch.written.fill(at.address.0, n, true);
            watch.provenance.clear(at.address.0, n);
        }
        Ok(())
    }

    /// Reads a byte.
    ///
    /// # Errors
    /// As [`Process::read`].
    pub fn load_byte(&mut self, at: Pointer) -> Outcome<u8> {
        let mut byte = [0];
        self.read(at, &mut byte)?;
        Ok(byte[0])
    }

    /// Reads a word of 8 bytes.
    ///
    /// # Errors
    /// As [`Process::read`].
    #[inline]
    pub fn load(&mut self, at: Pointer) -> Outcome<u64> {
        self.begin();
        if self.watch.is_some() {
            self.examine(at, 8, Access::Read(8));
        }
        self.heap.read_u64(at.address).map_err(|unmapped| self.signal(unmapped.0))
    }

    /// Writes a word of 8 bytes.
    ///
    /// # Errors
    /// As [`Process::write`].
    #[inline]
    pub fn store(&mut self, at: Pointer, word: u64) -> Outcome<()> {
        self.begin();
        if self.watch.is_some() {
            self.examine(at, 8, Access::Write(8));
        }
        self.heap.write_u64(at.address, word).map_err(|unmapped| self.signal(unmapped.0))?;
        if let Some(watch) = &mut self.watch {
            watch.written.fill(at.address.0, 8, true);
            watch.provenance.clear(at.address.0, 8);
        }
        Ok(())
    }

    /// Reads a pointer, with the object that it was made from as long as nobody has overwritten it.
    ///
    /// # Errors
    /// As [`Process::read`].
    pub fn load_pointer(&mut self, at: Pointer) -> Outcome<Pointer> {
        let address = Address(self.load(at)?);
        let object = self.watch.as_mut().map(|watch| watch.provenance.get(at.address.0)).unwrap_or_default();
        Ok(Pointer { address, object })
    }

    /// Writes a pointer.
    ///
    /// # Errors
    /// As [`Process::write`].
    pub fn store_pointer(&mut self, at: Pointer, pointer: Pointer) -> Outcome<()> {
        self.store(at, pointer.address.0)?;
        if let Some(watch) = &mut self.watch
            && at.address.0.is_multiple_of(8)
        {
            watch.provenance.set(at.address.0, pointer.object);
        }
        Ok(())
    }

    /// `if (*at)`: whether any of `n` bytes is not zero. The program's way depends on them.
    ///
    /// # Errors
    /// As [`Process::read`].
    pub fn branch_on(&mut self, at: Pointer, n: u64) -> Outcome<bool> {
        let mut bytes = vec![0; n as usize];
        self.read(at, &mut bytes)?;
        let site = self.site();
        if let Some(watch) = &mut self.watch {
            watch.examine_written(at, n, Access::Branch(n), site);
        }
        Ok(bytes.iter().any(|&byte| byte != 0))
    }

    /// `memset(at, value, n)`.
    ///
    /// # Errors
    /// As [`Process::write`].
    pub fn memset(&mut self, at: Pointer, value: u8, n: u64) -> Outcome<()> {
        self.write(at, &vec![value; n as usize])
    }

    /// `*to = *from` for an object of `n` bytes: bytes that nobody wrote stay so, pointers stay what they are.
    ///
    /// # Errors
    /// As [`Process::read`] and [`Process::write`].
    pub fn copy(&mut self, to: Pointer, from: Pointer, n: u64) -> Outcome<()> {
        let mut bytes = vec![0; n as usize];
        self.read(from, &mut bytes)?;
        if self.watch.is_some() {
            self.examine(to, n, Access::Write(n));
        }
        self.heap.write(to.address, &bytes).map_err(|unmapped| self.signal(unmapped.0))?;
        if let Some(watch) = &mut self.watch {
            watch.copied(from.address.0, to.address.0, n);
        }
        Ok(())
    }

    /// `memcpy(to, from, n)`. On x86-64 glibc's is `memmove`: ranges that overlap are copied right, and are an error all
    /// the same.
    ///
    /// # Errors
    /// As [`Process::read`] and [`Process::write`].
    pub fn memcpy(&mut self, to: Pointer, from: Pointer, n: u64) -> Outcome<()> {
        self.copy(to, from, n)?;
        let (start, end) = (to.address.0.min(from.address.0), to.address.0.max(from.address.0));
        if end - start < n {
            let site = self.site();
            if let Some(watch) = &mut self.watch {
                let to = watch.owned(to);
                watch.report(Misuse::Overlap, Access::Copy(n), to.address, to.object, site);
            }
        }
        Ok(())
    }
}
