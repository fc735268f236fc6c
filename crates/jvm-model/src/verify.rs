//! A check of the whole heap. It shares no code with the collectors: it walks the spaces by itself, and finds what is
//! reachable with a set and a list.
//!
//! What it checks:
//!
//! - every space is objects without a gap but for the rest of open allocation buffers, each of a known class, none
//!   forwarded, none beyond the top;
//! - every reference, in objects and among the roots, is to the start of an object;
//! - the card of every old reference into young is dirty: that of the element in arrays, of the header or of the field
//!   elsewhere;
//! - the sums that [`crate::Jvm`] answers `usage` from are what counting gives.

use std::collections::{BTreeMap, BTreeSet};

use crate::heap::klass::{ArrayUse, KlassId, KlassKind};
use crate::heap::memory::Narrow;
use crate::heap::{Mutator, SerialHeap};
use crate::layout::{FieldType, array_base_bytes, array_bytes};

/// What a check found when all was well.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// The word indices of all objects that can be reached from the roots by strong references.
    pub reachable: BTreeSet<usize>,
    /// All objects, reachable or not, by word index, with their size in words.
    pub objects: BTreeMap<usize, usize>,
}

/// A reference in an object: from which 4-byte half of the heap, and whether it keeps what it refers to.
struct Held {
    half: usize,
    reference: Narrow,
    is_strong: bool,
}

impl SerialHeap {
    /// Checks the whole heap; nothing changes by it.
    ///
    /// # Errors
    /// The first thing that is wrong, in words.
    pub fn verify<M: Mutator>(&self, mutator: &mut M) -> Result<Verified, String> {
        let mut verified = Verified::default();
        self.verify_spaces(&mut verified)?;
        self.verify_references(&verified)?;
        self.verify_tallies(&verified)?;
        let mut roots = Vec::new();
        mutator.visit_roots(&mut |reference| roots.push(*reference));
        roots.extend(self.pending.iter().copied());
        roots.retain(|&reference| reference != 0);
        for &root in &roots {
            self.verify_target(&verified, root).map_err(|error| format!("root: {error}"))?;
        }
        let mut found: Vec<usize> = roots.into_iter().map(|root| self.memory.index(root)).collect();
        while let Some(object) = found.pop() {
            if verified.reachable.insert(object) {
                let held = self.references_of(object);
                found.extend(held.iter().filter(|held| held.is_strong).map(|held| self.memory.index(held.reference)));
            }
        }
        Ok(verified)
    }

    fn verify_spaces(&self, verified: &mut Verified) -> Result<(), String> {
        let open = self.open_buffers();
        let mut spaces = [("eden", self.eden), ("from", self.from), ("to", self.to), ("old", self.old)];
        spaces.sort_by_key(|(_, space)| space.bottom);
        if spaces.windows(2).any(|pair| pair[0].1.end > pair[1].1.bottom) {
            return Err(format!("spaces overlap: {spaces:?}"));
        }
        for (name, space) in spaces {
            if space.top > space.end {
                return Err(format!("{name} is filled to word {} of {}", space.top, space.end));
            }
            let mut at = space.bottom;
            while at < space.top {
                if let Some(&(_, end)) = open.iter().find(|&&(top, _)| top == at) {
                    at = end;
                    continue;
                }
                let mark = self.memory.word(at);
                if mark & 0b111 != 1 {
                    return Err(format!("{name}: the object at word {at} has the mark {mark:#x}"));
                }
                let (klass, length) = self.header(at);
                if klass as usize >= self.klasses.len() {
                    return Err(format!("{name}: the object at word {at} is of class {klass}"));
                }
                let klass = self.klasses.get(KlassId(klass));
                let n_words = match element_of(klass.kind) {
                    Some(element) => array_bytes(element, u64::from(length), self.klasses.mode()) as usize / 8,
                    None => klass.instance_words as usize,
                };
                if !n_words.is_multiple_of(self.klasses.mode().object_alignment_bytes as usize / 8) {
                    return Err(format!("{name}: the object at word {at} is of {n_words} words"));
                }
                verified.objects.insert(at, n_words);
                at += n_words;
            }
            if at != space.top {
                return Err(format!("{name}: the last object ends at word {at}, not at {}", space.top));
            }
        }
        Ok(())
    }

    /// The class in an object's header, and the length behind it, which is one only if it is an array.
    fn header(&self, object: usize) -> (u32, u32) {
        let (first, second) = (self.memory.word(object), self.memory.word(object + 1));
        match self.klasses.mode().header_bytes() {
            8 => ((first >> 42) as u32, second as u32),
            12 => (second as u32, (second >> 32) as u32),
            _ => (second as u32, self.memory.word((object + 2).min(self.memory.len_words() - 1)) as u32),
        }
    }

    /// The references in an object that are not null.
    fn references_of(&self, object: usize) -> Vec<Held> {
        let mode = self.klasses.mode();
        let reference_halves = mode.reference_bytes() as usize / 4;
        let (klass, length) = self.header(object);
        let klass = self.klasses.get(KlassId(klass));
        let run = |first: usize, n: usize| (0..n).map(move |index| (first + index * reference_halves, true));
        let mut halves = Vec::new();
        match klass.kind {
            KlassKind::Numbers { .. } => {}
            KlassKind::References { .. } => {
                halves.extend(run(array_base_bytes(FieldType::Reference, mode) as usize / 4, length as usize));
            }
            _ => {
                for &(first, n) in &klass.reference_runs {
                    halves.extend(run(first as usize, n as usize));
                }
                if matches!(klass.kind, KlassKind::Reference(_)) {
                    // `referent` is the first field.
                    let first = mode.header_bytes().next_multiple_of(mode.reference_bytes());
                    halves.push((first as usize / 4, false));
                }
            }
        }
        let held = |(half, is_strong): (usize, bool)| {
            let half = object * 2 + half;
            let (low, high) =
                (self.memory.half(half), if reference_halves == 2 { self.memory.half(half + 1) } else { 0 });
            Held { half, reference: u64::from(high) << 32 | u64::from(low), is_strong }
        };
        halves.into_iter().map(held).filter(|held| held.reference != 0).collect()
    }

    fn verify_target(&self, verified: &Verified, reference: Narrow) -> Result<(), String> {
        let target = self.memory.index(reference);
        if verified.objects.contains_key(&target) {
            return Ok(());
        }
        Err(format!("{reference:#x} is to word {target}, where no object starts"))
    }

    fn verify_references(&self, verified: &Verified) -> Result<(), String> {
        for &object in verified.objects.keys() {
            for held in self.references_of(object) {
                let name = &self.klasses.get(KlassId(self.header(object).0)).name;
                self.verify_target(verified, held.reference)
                    .map_err(|error| format!("{name} at word {object}: {error}"))?;
                if object < self.boundary || self.memory.index(held.reference) >= self.boundary {
                    continue;
                }
                let is_array = name.starts_with('[');
                let is_covered = self.cards.is_dirty(held.half / 2) || !is_array && self.cards.is_dirty(object);
                if !is_covered {
                    return Err(format!("{name} at word {object} refers to young on a clean card"));
                }
            }
        }
        Ok(())
    }

    fn verify_tallies(&self, verified: &Verified) -> Result<(), String> {
        let (mut n_objects, mut total_bytes, mut boxed_bytes) = (0, 0, 0);
        for (&object, &n_words) in &verified.objects {
            let kind = self.klasses.get(KlassId(self.header(object).0)).kind;
            let is_filler = matches!(kind, KlassKind::Filler | KlassKind::Numbers { array_use: ArrayUse::Filler, .. });
            n_objects += u64::from(!is_filler);
            total_bytes += n_words as u64 * 8;
            boxed_bytes += if kind == KlassKind::Box { n_words as u64 * 8 } else { 0 };
        }
        let tally = self.tally();
        let (counted, kept) =
            ((n_objects, total_bytes, boxed_bytes), (tally.n_objects, tally.total_bytes, tally.boxed_bytes));
        if counted != kept {
            return Err(format!("(objects, bytes, boxed bytes) are {counted:?}, the sums say {kept:?}"));
        }
        Ok(())
    }
}

/// The type of an array's elements; `None` for what is no array.
fn element_of(kind: KlassKind) -> Option<FieldType> {
    Some(match kind {
        KlassKind::References { .. } => FieldType::Reference,
        KlassKind::Numbers { log2_bytes: 0, .. } => FieldType::Byte,
        KlassKind::Numbers { log2_bytes: 1, .. } => FieldType::Short,
        KlassKind::Numbers { log2_bytes: 2, .. } => FieldType::Int,
        KlassKind::Numbers { .. } => FieldType::Long,
        _ => return None,
    })
}
