//! Reading and writing the fields of chunks and arenas in emulated memory: what the macros of `malloc.c` are for.

use memory_trait::Address;

use crate::memory::RawMemory;

use super::chunk::{
    BK, BK_NEXTSIZE, FD, FD_NEXTSIZE, FLAGS, NON_MAIN_ARENA, PREV_INUSE, SIZE, arena, bin_at, is_small,
};
use super::stop::{Check, Step, ensure};
use super::{Glibc, System};

impl<S: System> Glibc<S> {
    #[inline]
    pub(super) fn load(&self, at: u64) -> Step<u64> {
        Ok(self.memory.load(at)?)
    }

    #[inline]
    pub(super) fn store(&mut self, at: u64, value: u64) -> Step<()> {
        Ok(self.memory.store(at, value)?)
    }

    /// Reads a field of an arena, bins included.
    #[inline]
    pub(super) fn load_of_arena(&self, at: u64) -> Step<u64> {
        Ok(self.memory.load_of_image(at)?)
    }

    /// Writes a field of an arena, bins included.
    #[inline]
    pub(super) fn store_in_arena(&mut self, at: u64, value: u64) -> Step<()> {
        Ok(self.memory.store_in_image(at, value)?)
    }

    /// The newest chunk of a bin, or the bin itself.
    #[inline]
    pub(super) fn first_of(&self, bin: u64) -> Step<u64> {
        self.load_of_arena(bin.wrapping_add(FD))
    }

    /// The oldest chunk of a bin, or the bin itself.
    #[inline]
    pub(super) fn last_of(&self, bin: u64) -> Step<u64> {
        self.load_of_arena(bin.wrapping_add(BK))
    }

    #[inline]
    pub(super) fn set_first_of(&mut self, bin: u64, to: u64) -> Step<()> {
        self.store_in_arena(bin.wrapping_add(FD), to)
    }

    #[inline]
    pub(super) fn set_last_of(&mut self, bin: u64, to: u64) -> Step<()> {
        self.store_in_arena(bin.wrapping_add(BK), to)
    }

    /// The size field with its flags: `chunksize_nomask`.
    #[inline]
    pub(super) fn head(&self, chunk: u64) -> Step<u64> {
        self.load(chunk.wrapping_add(SIZE))
    }

    /// The size without its flags: `chunksize`.
    #[inline]
    pub(super) fn size(&self, chunk: u64) -> Step<u64> {
        Ok(self.head(chunk)? & !FLAGS)
    }

    /// `set_head`.
    #[inline]
    pub(super) fn set_head(&mut self, chunk: u64, head: u64) -> Step<()> {
        self.store(chunk.wrapping_add(SIZE), head)
    }

    /// `set_head_size`: keeps the flags.
    #[inline]
    pub(super) fn set_head_size(&mut self, chunk: u64, size: u64) -> Step<()> {
        let flags = self.head(chunk)? & FLAGS;
        self.set_head(chunk, flags | size)
    }

    /// `set_foot`.
    #[inline]
    pub(super) fn set_foot(&mut self, chunk: u64, size: u64) -> Step<()> {
        self.store(chunk.wrapping_add(size), size)
    }

    /// `prev_size`.
    #[inline]
    pub(super) fn prev_size(&self, chunk: u64) -> Step<u64> {
        self.load(chunk)
    }

    /// Whether the chunk that is followed by `next` is in use.
    #[inline]
    pub(super) fn is_prev_inuse(&self, next: u64) -> Step<bool> {
        Ok(self.head(next)? & PREV_INUSE != 0)
    }

    /// `set_inuse_bit_at_offset`.
    #[inline]
    pub(super) fn set_inuse(&mut self, chunk: u64, size: u64) -> Step<()> {
        let next = chunk.wrapping_add(size);
        let head = self.head(next)?;
        self.set_head(next, head | PREV_INUSE)
    }

    /// `set_inuse_bit_at_offset`, and `set_non_main_arena` where it is owed: the chunk is about to leave its bin.
    #[inline]
    pub(super) fn set_taken(&mut self, av: u64, chunk: u64, size: u64) -> Step<()> {
        self.set_inuse(chunk, size)?;
        if av != self.main_arena {
            let head = self.head(chunk)?;
            self.set_head(chunk, head | NON_MAIN_ARENA)?;
        }
        Ok(())
    }

    /// The flag of chunks of `av`.
    #[inline]
    pub(super) fn arena_flag(&self, av: u64) -> u64 {
        if av == self.main_arena { 0 } else { NON_MAIN_ARENA }
    }

    #[inline]
    pub(super) fn fd(&self, chunk: u64) -> Step<u64> {
        self.load(chunk.wrapping_add(FD))
    }

    #[inline]
    pub(super) fn bk(&self, chunk: u64) -> Step<u64> {
        self.load(chunk.wrapping_add(BK))
    }

    #[inline]
    pub(super) fn set_fd(&mut self, chunk: u64, to: u64) -> Step<()> {
        self.store(chunk.wrapping_add(FD), to)
    }

    #[inline]
    pub(super) fn set_bk(&mut self, chunk: u64, to: u64) -> Step<()> {
        self.store(chunk.wrapping_add(BK), to)
    }

    /// Both links of a chunk: forward, backward.
    #[inline]
    pub(super) fn links(&self, chunk: u64) -> Step<[u64; 2]> {
        Ok(self.memory.load_pair(chunk.wrapping_add(FD))?)
    }

    #[inline]
    pub(super) fn set_links(&mut self, chunk: u64, fd: u64, bk: u64) -> Step<()> {
        Ok(self.memory.store_pair(chunk.wrapping_add(FD), [fd, bk])?)
    }

    /// Not, or not yet, in the skip list of a large bin.
    #[inline]
    pub(super) fn clear_nextsize(&mut self, chunk: u64) -> Step<()> {
        Ok(self.memory.store_pair(chunk.wrapping_add(FD_NEXTSIZE), [0, 0])?)
    }

    #[inline]
    pub(super) fn fd_nextsize(&self, chunk: u64) -> Step<u64> {
        self.load(chunk.wrapping_add(FD_NEXTSIZE))
    }

    #[inline]
    pub(super) fn bk_nextsize(&self, chunk: u64) -> Step<u64> {
        self.load(chunk.wrapping_add(BK_NEXTSIZE))
    }

    #[inline]
    pub(super) fn set_fd_nextsize(&mut self, chunk: u64, to: u64) -> Step<()> {
        self.store(chunk.wrapping_add(FD_NEXTSIZE), to)
    }

    #[inline]
    pub(super) fn set_bk_nextsize(&mut self, chunk: u64, to: u64) -> Step<()> {
        self.store(chunk.wrapping_add(BK_NEXTSIZE), to)
    }

    #[inline]
    pub(super) fn top(&self, av: u64) -> Step<u64> {
        self.load_of_arena(av.wrapping_add(arena::TOP))
    }

    #[inline]
    pub(super) fn set_top(&mut self, av: u64, top: u64) -> Step<()> {
        self.store_in_arena(av.wrapping_add(arena::TOP), top)
    }

    #[inline]
    pub(super) fn system_mem(&self, av: u64) -> Step<u64> {
        self.load_of_arena(av.wrapping_add(arena::SYSTEM_MEM))
    }

    /// The arena has `bytes` more from the operating system.
    pub(super) fn add_system_mem(&mut self, av: u64, bytes: i64) -> Step<()> {
        let had = self.system_mem(av)?;
        self.statistics.system_bytes = self.statistics.system_bytes.wrapping_add_signed(bytes);
        self.store_in_arena(av + arena::SYSTEM_MEM, had.wrapping_add_signed(bytes))
    }

    /// Half of a word of an arena: the fields that are `int`.
    #[inline]
    fn half_of_arena(&self, at: u64) -> Step<u32> {
        if !at.is_multiple_of(4) {
            return self.half_anywhere(at);
        }
        Ok((self.load_of_arena(at & !7)? >> (8 * (at & 4))) as u32)
    }

    #[inline]
    fn set_half_in_arena(&mut self, at: u64, value: u32) -> Step<()> {
        if !at.is_multiple_of(4) {
            return Ok(self.memory.write(Address(at), &value.to_le_bytes())?);
        }
        let (word, shift) = (self.load_of_arena(at & !7)?, 8 * (at & 4));
        self.store_in_arena(at & !7, word & !(0xffff_ffff << shift) | u64::from(value) << shift)
    }

    /// The same in an arena that a program has forged.
    #[cold]
    fn half_anywhere(&self, at: u64) -> Step<u32> {
        let mut bytes = [0; 4];
        self.memory.read(Address(at), &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    #[inline]
    pub(super) fn has_fast_chunks(&self, av: u64) -> Step<bool> {
        Ok(self.half_of_arena(av.wrapping_add(arena::HAVE_FASTCHUNKS))? != 0)
    }

    #[inline]
    pub(super) fn set_fast_chunks(&mut self, av: u64, any: bool) -> Step<()> {
        self.set_half_in_arena(av.wrapping_add(arena::HAVE_FASTCHUNKS), u32::from(any))
    }

    #[inline]
    pub(super) fn binmap(&self, av: u64, word: u64) -> Step<u32> {
        self.half_of_arena(av.wrapping_add(arena::BINMAP + 4 * word))
    }

    #[inline]
    pub(super) fn set_binmap(&mut self, av: u64, word: u64, bits: u32) -> Step<()> {
        self.set_half_in_arena(av.wrapping_add(arena::BINMAP + 4 * word), bits)
    }

    /// Whether the arena's memory is one piece: `contiguous`.
    pub(super) fn is_contiguous(&self, av: u64) -> Step<bool> {
        Ok(self.half_of_arena(av.wrapping_add(arena::FLAGS))? & arena::NONCONTIGUOUS == 0)
    }

    /// `set_noncontiguous`.
    pub(super) fn set_noncontiguous(&mut self, av: u64) -> Step<()> {
        let flags = self.half_of_arena(av + arena::FLAGS)?;
        self.set_half_in_arena(av + arena::FLAGS, flags | arena::NONCONTIGUOUS)
    }

    /// Puts a chunk at the front of the unsorted bin; `check` when the bin is damaged.
    #[inline]
    pub(super) fn link_unsorted(&mut self, av: u64, chunk: u64, size: u64, check: Check) -> Step<()> {
        let bck = bin_at(av, 1);
        let fwd = self.first_of(bck)?;
        ensure(self.bk(fwd)? == bck, check)?;
        self.set_links(chunk, fwd, bck)?;
        if !is_small(size) {
            self.clear_nextsize(chunk)?;
        }
        self.set_first_of(bck, chunk)?;
        self.set_bk(fwd, chunk)
    }

    /// Takes a chunk off its bin.
    ///
    /// # Source
    /// glibc 2.36 `malloc/malloc.c:unlink_chunk`. Differs: nothing known.
    pub(super) fn unlink(&mut self, chunk: u64) -> Step<()> {
        let head = self.head(chunk)?;
        ensure(head & !FLAGS == self.prev_size(chunk.wrapping_add(head & !FLAGS))?, Check::UnlinkPrevSize)?;
        let [fd, bk] = self.links(chunk)?;
        ensure(self.bk(fd)? == chunk && self.fd(bk)? == chunk, Check::UnlinkLinks)?;
        self.set_bk(fd, bk)?;
        self.set_fd(bk, fd)?;
        if is_small(head) {
            return Ok(());
        }
        let smaller = self.fd_nextsize(chunk)?;
        if smaller == 0 {
            return Ok(());
        }
        let larger = self.bk_nextsize(chunk)?;
        let links_agree = self.bk_nextsize(smaller)? == chunk && self.fd_nextsize(larger)? == chunk;
        ensure(links_agree, Check::UnlinkNextSize)?;
        if self.fd_nextsize(fd)? != 0 {
            self.set_bk_nextsize(smaller, larger)?;
            return self.set_fd_nextsize(larger, smaller);
        }
        if smaller == chunk {
            self.set_fd_nextsize(fd, fd)?;
            return self.set_bk_nextsize(fd, fd);
        }
        self.set_fd_nextsize(fd, smaller)?;
        self.set_bk_nextsize(fd, larger)?;
        self.set_bk_nextsize(smaller, fd)?;
        self.set_fd_nextsize(larger, fd)
    }
}
