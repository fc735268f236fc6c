//! What a generation's bytes are used for: counted by class, summed up when somebody asks.

use std::ops::AddAssign;

use super::klass::{ArrayUse, Klass, KlassId, KlassKind, KlassTable};
use crate::params::WORD_BYTES;

/// Sums over the objects of a generation.
///
/// Whatever is in `total_bytes` and in none of the other sums was lost to alignment, to capacity not in use and to
/// fillers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects; fillers are none.
    pub n_objects: u64,
    /// Fields, elements and characters. Unit: bytes.
    pub payload_bytes: u64,
    /// Headers, and the tables and entries of containers. Unit: bytes.
    pub header_bytes: u64,
    /// Boxes of numbers, headers included. Unit: bytes.
    pub boxed_bytes: u64,
    /// All of it. Unit: bytes.
    pub total_bytes: u64,
}

impl Tally {
    /// What was lost to alignment, spare capacity and fillers. Unit: bytes.
    pub fn rounding_bytes(&self) -> u64 {
        self.total_bytes - self.payload_bytes - self.header_bytes - self.boxed_bytes
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.n_objects += other.n_objects;
        self.payload_bytes += other.payload_bytes;
        self.header_bytes += other.header_bytes;
        self.boxed_bytes += other.boxed_bytes;
        self.total_bytes += other.total_bytes;
    }
}

/// The objects of one class.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    objects: u64,
    /// Of arrays, and those in use of lists.
    elements: u64,
    /// Of arrays alone.
    words: u64,
}

/// The objects of a generation by class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    counts: Vec<Count>,
}

impl Census {
    /// The count of a class, which there may not have been before.
    fn grown(&mut self, klass: KlassId) -> &mut Count {
        let least = klass.0 as usize + 1;
        self.counts.resize(least.max(self.counts.len()), Count::default());
        &mut self.counts[klass.0 as usize]
    }

    /// Counts an object that is no array.
    #[inline]
    pub(crate) fn add_instance(&mut self, klass: KlassId) {
        match self.counts.get_mut(klass.0 as usize) {
            Some(count) => count.objects += 1,
            None => self.grown(klass).objects += 1,
        }
    }

    /// Counts an array.
    #[inline]
    pub(crate) fn add_array(&mut self, klass: KlassId, length: u32, n_words: usize) {
        let add = |count: &mut Count| {
            count.objects += 1;
            count.elements += u64::from(length);
            count.words += n_words as u64;
        };
        match self.counts.get_mut(klass.0 as usize) {
            Some(count) => add(count),
            None => add(self.grown(klass)),
        }
    }

    /// Lists of a class use so many elements more, or fewer.
    pub(crate) fn add_elements(&mut self, klass: KlassId, change: i64) {
        let count = self.grown(klass);
        count.elements = count.elements.wrapping_add_signed(change);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(Count::default());
    }

    /// Counts the others as well.
    pub(crate) fn add(&mut self, other: &Census) {
        self.combine(other, u64::wrapping_add);
    }

    /// Counts the others, who are among these, no longer.
    pub(crate) fn subtract(&mut self, other: &Census) {
        self.combine(other, u64::wrapping_sub);
    }

    fn combine(&mut self, other: &Census, apply: impl Fn(u64, u64) -> u64) {
        if let Some(last) = other.counts.len().checked_sub(1) {
            self.grown(KlassId(last as u32));
        }
        for (count, other) in self.counts.iter_mut().zip(&other.counts) {
            let Count { objects, elements, words } = other;
            count.objects = apply(count.objects, *objects);
            count.elements = apply(count.elements, *elements);
            count.words = apply(count.words, *words);
        }
    }

    /// The sums.
    pub(crate) fn tally(&self, klasses: &KlassTable) -> Tally {
        let mut tally = Tally::default();
        for (index, count) in self.counts.iter().enumerate().filter(|(_, count)| count.objects > 0) {
            tally += tally_of(klasses.get(KlassId(index as u32)), count, klasses.reference_bytes());
        }
        tally
    }
}

fn tally_of(klass: &Klass, count: &Count, reference_bytes: u64) -> Tally {
    let &Count { objects: n_objects, elements: n_elements, words: n_words } = count;
    let (element_bytes, array_use) = match klass.kind {
        KlassKind::Numbers { log2_bytes, array_use } => (1 << log2_bytes, array_use),
        KlassKind::References { array_use } => (reference_bytes, array_use),
        KlassKind::Filler => {
            let total_bytes = n_objects * u64::from(klass.instance_words) * WORD_BYTES;
            return Tally { total_bytes, ..Tally::default() };
        }
        _ => {
            let one = klass.instance_tally;
            return Tally {
                n_objects,
                payload_bytes: n_objects * one.payload_bytes + n_elements * reference_bytes,
                header_bytes: n_objects * one.header_bytes,
                boxed_bytes: n_objects * one.boxed_bytes,
                total_bytes: n_objects * one.total_bytes,
            };
        }
    };
    let mut tally = Tally { total_bytes: n_words * WORD_BYTES, ..Tally::default() };
    if array_use != ArrayUse::Filler {
        tally.n_objects = n_objects;
        tally.header_bytes = n_objects * u64::from(klass.base_bytes);
    }
    match array_use {
        ArrayUse::Payload => tally.payload_bytes = n_elements * element_bytes,
        ArrayUse::Table => tally.header_bytes += n_elements * element_bytes,
        ArrayUse::Capacity | ArrayUse::Filler => {}
    }
    tally
}
