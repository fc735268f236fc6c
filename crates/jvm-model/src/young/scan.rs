//! Following the references of one object in a young collection.

use super::Scavenge;
use crate::heap::klass::{Klass, KlassId, KlassKind, REFERENT_HALF, ReferenceKind};
use crate::heap::object::HEADER_WORDS;
use crate::rules::{Rule, rule};

impl<const WATCHED: bool> Scavenge<'_, WATCHED> {
    /// Follows all references of the object at `object` and answers its size in words. `IN_OLD`: it lies in old, and
    /// the cards of references into young are marked.
    pub(super) fn scan<const IN_OLD: bool>(&mut self, object: usize) -> usize {
        let second = self.heap.memory.word(object + 1);
        let klass = self.klasses.get(KlassId(second as u32));
        let length = (second >> 32) as u32;
        self.scan_within::<IN_OLD>(object, klass, length, 0, usize::MAX);
        klass.size_words(length)
    }

    /// Follows the references of an object that lie between two words.
    #[inline]
    pub(super) fn scan_within<const IN_OLD: bool>(
        &mut self,
        object: usize,
        klass: &Klass,
        length: u32,
        from: usize,
        end: usize,
    ) {
        match klass.kind {
            KlassKind::Numbers { .. } | KlassKind::Box => {}
            KlassKind::References { .. } => {
                let first = (object + HEADER_WORDS) * 2;
                let last = first + length as usize;
                for half in first.max(from * 2)..last.min(end.saturating_mul(2)) {
                    self.visit::<IN_OLD>(half);
                }
            }
            KlassKind::Instance | KlassKind::List | KlassKind::Reference(_) => {
                for &(first, n) in &klass.reference_runs {
                    let first = object * 2 + first as usize;
                    for half in first.max(from * 2)..(first + n as usize).min(end.saturating_mul(2)) {
                        self.visit::<IN_OLD>(half);
                    }
                }
                let referent_word = object + REFERENT_HALF / 2;
                if let KlassKind::Reference(kind) = klass.kind
                    && (from..end).contains(&referent_word)
                {
                    self.scan_referent::<IN_OLD>(object, kind);
                }
            }
        }
    }

    /// Evacuates what the reference in a half refers to, if it is in young.
    #[inline]
    pub(super) fn visit<const IN_OLD: bool>(&mut self, half: usize) {
        let reference = self.heap.memory.half(half);
        if reference == 0 {
            return;
        }
        let copy = self.evacuated(reference);
        if copy != reference {
            self.heap.memory.set_half(half, copy);
        }
        if IN_OLD && rule(Rule::CardsStayDirty) && self.heap.memory.index(copy) < self.heap.boundary {
            self.heap.cards.mark(half / 2);
        }
    }

    /// `InstanceRefKlass::oop_oop_iterate_discovery`: a reference object in young whose referent has not been reached
    /// yet is put aside until everything else has been followed. One in old, or promoted just now, holds its referent
    /// like any field.
    fn scan_referent<const IN_OLD: bool>(&mut self, object: usize, kind: ReferenceKind) {
        let half = object * 2 + REFERENT_HALF;
        let referent = self.heap.memory.half(half);
        if referent == 0 {
            return;
        }
        let is_old = object >= self.heap.boundary;
        if is_old || self.is_alive(referent) || !self.is_candidate(object, kind) {
            self.visit::<IN_OLD>(half);
        } else {
            self.heap.discovered.add(kind, object);
        }
    }
}
