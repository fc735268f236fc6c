//! `list`: how its table of items grows and shrinks.
//!
//! Mirrors `Objects/listobject.c`: `list_resize`, `list_preallocate_exact`, `list_extend`, `list_pop_impl`.

use super::POINTER_BYTES;
use crate::Version;

/// Items a list has room for after a change of its length.
///
/// - `len`: the new length.
/// - `len_before`: the length before, which is not always what the list shows: a list that is being filled from an
///   iterator has been told the expected one.
/// - `capacity`: items it had room for.
///
/// # Source
/// CPython 3.8 and 3.9 to 3.13 `Objects/listobject.c:list_resize`.
pub const fn list_capacity_after(len: u64, len_before: u64, capacity: u64, version: Version) -> u64 {
    if capacity >= len && len >= capacity / 2 {
        return capacity;
    }
    if len == 0 {
        return 0;
    }
    if version as u8 == Version::V3_8 as u8 {
        return len + len / 8 + if len < 9 { 3 } else { 6 };
    }
    let grown = (len + len / 8 + 6) & !3;
    // A list that grows by more than the reserve would be, will not grow soon again.
    if len as i64 - len_before as i64 > grown as i64 - len as i64 { (len + 3) & !3 } else { grown }
}

/// Items that a list without a table gets room for when it is filled from something of known length: an even number
/// from 3.10 on.
///
/// # Source
/// CPython 3.9 and 3.10 to 3.13 `Objects/listobject.c:list_preallocate_exact`.
pub const fn list_capacity_exact(n_items: u64, version: Version) -> u64 {
    if version as u8 >= Version::V3_10 as u8 { n_items.next_multiple_of(2) } else { n_items }
}

/// The hint for iterators that do not know their length. Source: `PyObject_LengthHint(iterable, 8)` in `list_extend`.
pub const LENGTH_HINT_DEFAULT: u64 = 8;

/// A list without its items: its length and its table.
///
/// The table is a block of [`ListShape::table_bytes`] when [`ListShape::has_table`]. A table of no items is still a
/// block, of `malloc`: up to 3.11 a list whose last item is popped keeps such a stub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListShape {
    /// Items in it.
    pub len: u64,
    /// Items it has room for.
    pub capacity: u64,
    /// Whether there is a table at all.
    pub has_table: bool,
}

impl ListShape {
    /// A list of exactly `n_items`: `[a, b]`, `[x] * n`, a slice, a copy, a sum.
    pub const fn exact(n_items: u64) -> Self {
        ListShape { len: n_items, capacity: n_items, has_table: n_items > 0 }
    }

    /// Bytes of its table.
    pub const fn table_bytes(&self) -> u64 {
        self.capacity * POINTER_BYTES
    }

    /// Sets the length as `list_resize` does: append, insert, pop, `*=`, slice assignment that grows.
    pub const fn resize(&mut self, len: u64, version: Version) {
        let capacity = list_capacity_after(len, self.len, self.capacity, version);
        // Nothing is reallocated when nothing changes.
        self.has_table = self.has_table || capacity != self.capacity;
        self.capacity = capacity;
        self.len = len;
    }

    /// Adds an item at the end.
    pub const fn append(&mut self, version: Version) {
        self.resize(self.len + 1, version);
    }

    /// Takes the last item away. From 3.12 on a list that becomes empty gives its table back.
    pub const fn pop(&mut self, version: Version) {
        if self.len == 1 && version as u8 >= Version::V3_12 as u8 {
            self.clear();
        } else {
            self.resize(self.len - 1, version);
        }
    }

    /// Empties it and gives its table back.
    pub const fn clear(&mut self) {
        *self = ListShape { len: 0, capacity: 0, has_table: false };
    }

    /// Replaces a slice so that the length becomes `len`: `del a[:k]`, `a[:] = b`.
    pub const fn assign_slice(&mut self, len: u64, version: Version) {
        if len == 0 {
            self.clear();
        } else if len != self.len {
            self.resize(len, version);
        }
    }

    /// Adds the items of a list or tuple, or of a text or range: `a.extend(b)`, `a += b`, `[*b]`.
    pub const fn extend_sequence(&mut self, n_items: u64, version: Version) {
        if n_items == 0 {
            return;
        }
        if !self.has_table && version as u8 >= Version::V3_10 as u8 {
            self.capacity = list_capacity_exact(n_items, version);
            self.has_table = true;
            self.len = n_items;
        } else {
            self.resize(self.len + n_items, version);
        }
    }

    /// Adds the items of an iterator that expects to give `hint` items and gives `n_items`.
    pub const fn extend_iterator(&mut self, hint: u64, n_items: u64, version: Version) {
        let len = self.len;
        if !self.has_table && version as u8 >= Version::V3_10 as u8 {
            if hint > 0 {
                self.capacity = list_capacity_exact(hint, version);
                self.has_table = true;
            }
        } else {
            self.resize(len + hint, version);
            self.len = len;
        }
        let mut n_left = n_items;
        while n_left > 0 {
            // Up to the capacity nothing changes.
            if self.len < self.capacity {
                let n_fitting = self.capacity - self.len;
                let n = if n_left < n_fitting { n_left } else { n_fitting };
                self.len += n;
                n_left -= n;
            } else {
                self.append(version);
                n_left -= 1;
            }
        }
        if self.len < self.capacity {
            self.resize(self.len, version);
        }
    }

    /// `list(x)` for an `x` that knows its length: a list, a tuple, a text, a range.
    pub const fn from_sized(n_items: u64, version: Version) -> Self {
        let mut list = ListShape { len: 0, capacity: 0, has_table: false };
        if version as u8 >= Version::V3_10 as u8 {
            list.extend_sequence(n_items, version);
        } else {
            list = ListShape { len: n_items, capacity: n_items, has_table: n_items > 0 };
        }
        list
    }

    /// `list(x)` for a set or a dict. 3.13 sizes it as if it grew; before, they are like all that know their length.
    pub const fn from_set_or_dict(n_items: u64, version: Version) -> Self {
        let mut list = ListShape { len: 0, capacity: 0, has_table: false };
        if version as u8 >= Version::V3_13 as u8 {
            list.resize(n_items, version);
            list
        } else {
            ListShape::from_sized(n_items, version)
        }
    }

    /// What `text.split()` gives: room for 12 pieces at first, from 3.12 on for no more than the text's length allows.
    ///
    /// # Source
    /// CPython 3.12 `Objects/stringlib/split.h:PREALLOC_SIZE` and `Objects/unicodeobject.c:split`, which bounds
    /// `maxcount` by the length.
    pub const fn from_split_whitespace(n_pieces: u64, text_chars: u64, version: Version) -> Self {
        let mut n_at_first = 12;
        if version as u8 >= Version::V3_12 as u8 {
            let n_pieces_max = if text_chars == 0 { 1 } else { (text_chars - 1) / 2 + 1 };
            if n_pieces_max < 12 {
                n_at_first = n_pieces_max + 1;
            }
        }
        let len = if n_pieces < n_at_first { n_pieces } else { n_at_first };
        let mut list = ListShape { len, capacity: n_at_first, has_table: true };
        while list.len < n_pieces {
            list.append(version);
        }
        list
    }
}
