//! `malloc` and its family as the program calls them.

use memory_trait::{Address, Allocator, Outcome};

use super::{Access, Misuse, Pointer, Process, Storage};

/// An object's size is at most what a difference of pointers can hold. Unit: bytes. Source: C, `PTRDIFF_MAX`.
const OBJECT_BYTES_MAX: u64 = i64::MAX as u64;

impl Process {
    /// `malloc(bytes)`; NULL when that cannot be had.
    ///
    /// # Errors
    /// What glibc says when it finds its heap damaged.
    pub fn malloc(&mut self, bytes: u64) -> Outcome<Pointer> {
        self.begin();
        let answer = self.heap.malloc(bytes);
        self.block(answer, bytes, false)
    }

    /// `calloc(n, bytes)`; NULL when that cannot be had.
    ///
    /// # Errors
    /// As [`Process::malloc`].
    pub fn calloc(&mut self, n: u64, bytes: u64) -> Outcome<Pointer> {
        self.begin();
        let answer = self.heap.calloc(n, bytes);
        self.block(answer, n.saturating_mul(bytes), true)
    }

    /// `aligned_alloc(alignment, bytes)`; NULL when that cannot be had.
    ///
    /// # Errors
    /// As [`Process::malloc`].
    pub fn aligned_alloc(&mut self, alignment: u64, bytes: u64) -> Outcome<Pointer> {
        self.begin();
        let answer = self.heap.memalign(alignment, bytes);
        self.block(answer, bytes, false)
    }

    /// `free(block)`.
    ///
    /// # Errors
    /// What glibc says of a bad pointer or a damaged heap, if it notices.
    pub fn free(&mut self, block: Pointer) -> Outcome<()> {
        self.begin();
        if block.is_null() {
            return Ok(());
        }
        let site = self.site();
        let ends = self.watch.as_mut().and_then(|watch| watch.examine_free(block, Access::Free, site));
        let answer = self.heap.free(block.address);
        self.timed(answer)?;
        if let Some(watch) = &mut self.watch {
            // A bad free that glibc goes along with takes the block from whoever has it now.
            if let Some(ends) = ends.or_else(|| watch.block_at(block.address.0)) {
                watch.over(ends, Misuse::UseAfterFree, site);
                watch.provenance.clear(block.address.0, LINKS_BYTES);
            }
        }
        Ok(())
    }

    /// `realloc(block, bytes)`. By the C standard the old block is over even where the new one begins at its address.
    ///
    /// # Errors
    /// As [`Process::free`] and [`Process::malloc`].
    pub fn realloc(&mut self, block: Pointer, bytes: u64) -> Outcome<Pointer> {
        if block.is_null() {
            return self.malloc(bytes);
        }
        self.begin();
        let site = self.site();
        let ends = self.watch.as_mut().and_then(|watch| watch.examine_free(block, Access::Realloc, site));
        let answer = self.heap.realloc(block.address, bytes);
        let new = self.timed(answer)?;
        let is_over = !new.is_null() || bytes == 0;
        let mut object = Pointer::from(new).object;
        if let Some(watch) = &mut self.watch
            && is_over
        {
            let ends = ends.or_else(|| watch.block_at(block.address.0));
            let kept = ends.and_then(|key| watch.get(key)).map_or(0, |old| old.bytes.min(bytes));
            if let Some(ends) = ends {
                watch.over(ends, Misuse::UseAfterFree, site);
            }
            if !new.is_null() {
                object = watch.moved(block.address.0, new.0, kept, bytes, site);
            }
        } else if !is_over {
            self.report_fishy(bytes);
        }
        Ok(Pointer { address: new, object })
    }

    /// `malloc_usable_size(block)`.
    pub fn usable_size(&mut self, block: Pointer) -> u64 {
        self.heap.usable_size(block.address)
    }

    fn block(&mut self, answer: Outcome<Address>, bytes: u64, is_written: bool) -> Outcome<Pointer> {
        let address = self.timed(answer)?;
        let mut pointer = Pointer::from(address);
        if address.is_null() {
            self.report_fishy(bytes);
        } else if self.watch.is_some() {
            let site = self.site();
            let watch = self.watch.as_mut().expect("just seen");
            pointer.object = watch.born(Storage::Heap, "malloc", address.0, bytes, is_written, site);
        }
        Ok(pointer)
    }

    #[cold]
    fn report_fishy(&mut self, bytes: u64) {
        let site = self.site();
        if let Some(watch) = &mut self.watch
            && bytes > OBJECT_BYTES_MAX
        {
            let nothing = Pointer::null();
            watch.report(Misuse::FishySize, Access::Request(bytes), nothing.address, nothing.object, site);
        }
    }
}

/// What the allocator may write into a free block: two links, and two more in a large one. Unit: bytes.
const LINKS_BYTES: u64 = 32;
