//! Where the bytes are: running sums, so that `usage()` is constant time.
//!
//! Every block that is handed out is split once, when it is taken, and the same split is subtracted when it goes.
//! What no split accounts for is free.

use memory_trait::Usage;

/// The bytes of a block by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) payload: u64,
    pub(crate) header: u64,
    pub(crate) rounding: u64,
    pub(crate) boxed: u64,
}

impl Split {
    /// An object's block: `payload` of the `request` is what the program asked for, the rest is header.
    #[inline]
    pub(crate) fn object(request: u64, payload: u64, block: u64) -> Split {
        debug_assert!(payload <= request && request <= block, "payload {payload}, request {request}, block {block}");
        Split { payload, header: request - payload, rounding: block - request, boxed: 0 }
    }

    /// A boxed value's block.
    #[inline]
    pub(crate) fn boxed(request: u64, block: u64) -> Split {
        Split { payload: 0, header: 0, rounding: block - request, boxed: request }
    }

    /// All bytes.
    #[inline]
    pub(crate) fn total(self) -> u64 {
        self.payload + self.header + self.rounding + self.boxed
    }
}

/// The sums over all live blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// But for integers of one digit.
    pub(crate) sums: Split,
    n_blocks: u64,
    /// Integers of one digit, the most frequent objects: all alike, so that counting them is enough.
    pub(crate) n_one_digit: u64,
    one_digit: Split,
}

impl Account {
    /// No block yet; an `int` of one digit is split as `one_digit`.
    pub(crate) fn new(one_digit: Split) -> Account {
        Account { sums: Split::default(), n_blocks: 0, n_one_digit: 0, one_digit }
    }

    /// The bytes of all blocks.
    pub(crate) fn total(&self) -> u64 {
        self.sums.total() + self.n_one_digit * self.one_digit.total()
    }

    /// A block was taken.
    #[inline]
    pub(crate) fn take(&mut self, split: Split) {
        self.n_blocks += 1;
        self.sums.payload += split.payload;
        self.sums.header += split.header;
        self.sums.rounding += split.rounding;
        self.sums.boxed += split.boxed;
    }

    /// A block was given back.
    #[inline]
    pub(crate) fn give(&mut self, split: Split) {
        self.n_blocks -= 1;
        self.sums.payload -= split.payload;
        self.sums.header -= split.header;
        self.sums.rounding -= split.rounding;
        self.sums.boxed -= split.boxed;
    }

    /// `bytes` that were spare capacity are in use now.
    #[inline]
    pub(crate) fn fill(&mut self, bytes: u64) {
        self.sums.payload += bytes;
        self.sums.rounding -= bytes;
    }

    /// `bytes` that were in use are spare capacity now.
    #[inline]
    pub(crate) fn vacate(&mut self, bytes: u64) {
        self.sums.payload -= bytes;
        self.sums.rounding += bytes;
    }

    /// The breakdown of a heap of so many bytes.
    pub(crate) fn usage(&self, heap_bytes: u64, stack_bytes: u64) -> Usage {
        let used = self.total();
        assert!(used <= heap_bytes, "{used} bytes in use of a heap of {heap_bytes}");
        Usage {
            n_objects: self.n_blocks + self.n_one_digit,
            payload_bytes: self.sums.payload,
            header_bytes: self.sums.header,
            rounding_bytes: self.sums.rounding + self.n_one_digit * self.one_digit.rounding,
            boxed_bytes: self.sums.boxed + self.n_one_digit * self.one_digit.boxed,
            free_bytes: heap_bytes - used,
            heap_bytes,
            stack_bytes,
        }
    }
}
