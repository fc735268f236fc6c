//! Writing records to the ring.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::wire::{ARGUMENT_SHIFT, IS_TRUE, IS_WIDE, Op, RING_OFFSET_BYTES, header};

/// The ring, as the recorded process sees it.
#[repr(C)]
pub(crate) struct Ring {
    /// The mapped file.
    file: *mut u64,
    /// Bytes of the ring less one.
    mask: u64,
    /// Bytes written, of records that are not yet whole too.
    head: u64,
    /// Up to here there is room, in memory that is there.
    limit: u64,
    /// So much of the ring has been touched.
    populated: u64,
    reader: u64,
}

/// The most that is written between two looks at whether there is room. Unit: bytes.
const BURST_BYTES: u64 = 4096;

/// How much of the ring is made present at a time. Page faults one by one would cost more than the records. Unit: bytes.
const POPULATE_BYTES: u64 = 128 << 10;

impl Ring {
    /// The ring in a mapped file. `None`: it is none.
    ///
    /// # Safety
    /// `bytes` bytes are mapped at `file`, for good.
    pub(crate) unsafe fn new(file: *mut u64, bytes: u64) -> Option<Ring> {
        // SAFETY: there is at least the header.
        let word = |offset: u64| unsafe { file.byte_add(offset as usize).read() };
        let ring_bytes = word(header::RING_BYTES);
        let fits = ring_bytes.is_power_of_two()
            && ring_bytes > POPULATE_BYTES
            && bytes.checked_sub(RING_OFFSET_BYTES) == Some(ring_bytes);
        (word(header::MAGIC) == crate::wire::MAGIC && fits).then(|| Ring {
            file,
            mask: ring_bytes - 1,
            head: 0,
            limit: 0,
            populated: 0,
            reader: word(header::READER),
        })
    }

    /// A word of the header that both processes see.
    fn shared(&self, offset: u64) -> &AtomicU64 {
        // SAFETY: the header is mapped for good, its words are aligned and only used as atomics from here on.
        unsafe { AtomicU64::from_ptr(self.file.byte_add(offset as usize)) }
    }

    /// Sets a word of the header.
    pub(crate) fn set(&self, offset: u64, value: u64) {
        self.shared(offset).store(value, Ordering::Release);
    }

    /// A word of the header.
    pub(crate) fn get(&self, offset: u64) -> u64 {
        self.shared(offset).load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn word(&mut self, word: u64) {
        let at = RING_OFFSET_BYTES + (self.head & self.mask);
        // SAFETY: the offset is below the ring's size, and `room` has seen to it that the reader is done with the place.
        unsafe { self.file.byte_add(at as usize).write(word) };
        self.head = self.head.wrapping_add(8);
    }

    /// The first word of a record, and the second if the argument needs one.
    #[inline]
    pub(crate) fn begin(&mut self, op: Op, argument: u64) {
        if argument >> (64 - ARGUMENT_SHIFT) == 0 {
            self.word(op as u64 | argument << ARGUMENT_SHIFT);
        } else {
            self.wide(op, argument);
        }
    }

    #[cold]
    fn wide(&mut self, op: Op, argument: u64) {
        self.word(op as u64 | IS_WIDE);
        self.word(argument);
    }

    /// The first word of a record with an answer of 0 or 1.
    pub(crate) fn begin_answered(&mut self, op: Op, argument: u64, answer: bool) {
        self.word(op as u64 | IS_WIDE | if answer { IS_TRUE } else { 0 });
        self.word(argument);
    }

    #[cold]
    pub(crate) fn region(&mut self, region: usize) {
        self.begin(Op::Region, region as u64);
    }

    /// Shows the reader what was written, and waits for room where there is none. False: nobody reads any more.
    #[inline]
    pub(crate) fn publish(&mut self) -> bool {
        self.set(header::HEAD, self.head);
        self.head < self.limit || self.make_room()
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) -> bool {
        // SAFETY: the thread's own errno.
        let errno = unsafe { *libc::__errno_location() };
        let ring_bytes = self.mask + 1;
        if self.populated < ring_bytes && self.head + BURST_BYTES >= self.populated {
            // SAFETY: a part of the ring; if it fails the pages come one by one.
            unsafe {
                let start = self.file.byte_add((RING_OFFSET_BYTES + self.populated) as usize);
                libc::madvise(start.cast(), POPULATE_BYTES as usize, libc::MADV_POPULATE_WRITE);
            }
            self.populated += POPULATE_BYTES;
        }
        let present = if self.populated < ring_bytes { self.populated - BURST_BYTES } else { u64::MAX };
        let is_read = self.wait();
        self.limit = self.limit.min(present);
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = errno };
        is_read
    }

    /// Waits until the reader has made room. False: there is no reader.
    fn wait(&mut self) -> bool {
        loop {
            self.limit = self.get(header::TAIL).wrapping_add(self.mask + 1 - BURST_BYTES);
            if self.head < self.limit {
                return true;
            }
            // SAFETY: no argument.
            if self.reader != unsafe { libc::getppid() } as u64 {
                return false;
            }
            let pause = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
            // SAFETY: reads `pause`, writes nothing.
            unsafe { libc::nanosleep(&raw const pause, core::ptr::null_mut()) };
        }
    }
}
