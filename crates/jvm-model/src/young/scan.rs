//! Following the references of one object in a young collection.

use super::Scavenge;
use crate::heap::klass::{Klass, KlassKind, ReferenceKind};
use crate::rules::{Rule, rule};

impl<const WATCHED: bool> Scavenge<'_, WATCHED> {
    /// Words that an object of this class takes.
    #[inline]
    pub(super) fn size_words(&self, object: usize, klass: &Klass) -> usize {
        match klass.instance_words {
            0 => klass.array_words(self.shape.length_of(&self.heap.memory, object)),
            n_words => n_words as usize,
        }
    }

    /// Follows all references of the object at `object` and answers its size in words. `IN_OLD`: it lies in old, and
    /// the cards of references into young are marked.
    #[inline]
    pub(super) fn scan<const IN_OLD: bool>(&mut self, object: usize) -> usize {
        let klasses = self.klasses;
        let klass = klasses.get(self.shape.class_of(&self.heap.memory, object));
        self.scan_within::<IN_OLD>(object, klass, 0, usize::MAX / 2);
        self.size_words(object, klass)
    }

    /// Follows the references of an object that lie between two words.
    #[inline]
    pub(super) fn scan_within<const IN_OLD: bool>(&mut self, object: usize, klass: &Klass, from: usize, end: usize) {
        match klass.kind {
            KlassKind::Numbers { .. } | KlassKind::Box | KlassKind::Filler => {}
            KlassKind::References { .. } => {
                let length = self.shape.length_of(&self.heap.memory, object) as usize;
                self.visit_run::<IN_OLD>(object * 2 + self.shape.elements_half, length, from, end);
            }
            KlassKind::Instance | KlassKind::List | KlassKind::Reference(_) => {
                for &(first, n) in &klass.reference_runs {
                    self.visit_run::<IN_OLD>(object * 2 + first as usize, n as usize, from, end);
                }
                if let KlassKind::Reference(kind) = klass.kind
                    && (from..end).contains(&(object + self.shape.reference_fields.referent / 2))
                {
                    self.scan_referent::<IN_OLD>(object, kind);
                }
            }
        }
    }

    /// Evacuates what `n` references from a half on refer to, those that lie between two words.
    #[inline]
    fn visit_run<const IN_OLD: bool>(&mut self, first: usize, n: usize, from: usize, end: usize) {
        let log2 = self.shape.reference_log2_halves;
        let last = (first + (n << log2)).min(end * 2);
        let mut half = first.max(from * 2);
        while half < last {
            self.visit::<IN_OLD>(half);
            half += 1 << log2;
        }
    }

    /// Evacuates what the reference in a half refers to, if it is in young.
    #[inline]
    pub(super) fn visit<const IN_OLD: bool>(&mut self, half: usize) {
        let reference = self.heap.memory.reference(half);
        if reference == 0 {
            return;
        }
        let object = self.heap.memory.index(reference);
        if object >= self.heap.boundary {
            return;
        }
        let copy = self.evacuated_object(object);
        let narrow = self.heap.memory.narrow(copy);
        self.heap.memory.set_reference(half, narrow);
        if IN_OLD && rule(Rule::CardsStayDirty) && copy < self.heap.boundary {
            self.heap.cards.mark(half / 2);
        }
    }

    /// `InstanceRefKlass::oop_oop_iterate_discovery`: a reference object in young whose referent has not been reached
    /// yet is put aside until everything else has been followed. One in old, or promoted just now, holds its referent
    /// like any field.
    fn scan_referent<const IN_OLD: bool>(&mut self, object: usize, kind: ReferenceKind) {
        let half = object * 2 + self.shape.reference_fields.referent;
        let referent = self.heap.memory.reference(half);
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
