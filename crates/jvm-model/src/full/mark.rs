//! Phase 1: marking, depth first with a stack of our own. Mirrors `gc/serial/markSweep.cpp`.

use crate::heap::klass::{KlassKind, KlassTable, ReferenceKind};
use crate::heap::memory::Narrow;
use crate::heap::object::Shape;
use crate::heap::{Mutator, SerialHeap};

/// Elements of an array of references followed at a time. `ObjArrayMarkingStride`.
const ARRAY_STRIDE: usize = 2048;

/// A marking on its way.
pub(crate) struct Marking<'h> {
    heap: &'h mut SerialHeap,
    klasses: &'h KlassTable,
    shape: Shape,
    stack: Vec<usize>,
    /// Arrays of references, and from which element on they are still to be followed.
    arrays: Vec<(usize, usize)>,
    /// How long a soft reference is kept after its last use; `None`: not at all.
    soft_interval_ms: Option<u64>,
}

impl<'h> Marking<'h> {
    pub(crate) fn new(heap: &'h mut SerialHeap, klasses: &'h KlassTable, clears_soft: bool) -> Self {
        heap.discovered.begin();
        let soft_interval_ms = (!clears_soft).then(|| heap.soft_interval_ms());
        let shape = heap.shape;
        Marking { heap, klasses, shape, stack: Vec::new(), arrays: Vec::new(), soft_interval_ms }
    }

    pub(crate) fn run<M: Mutator>(&mut self, mutator: &mut M) {
        mutator.visit_roots(&mut |reference| self.follow_root(*reference));
        for reference in self.heap.pending.clone() {
            self.follow_root(reference);
        }
        self.process_references(mutator.clock_ms());
        assert!(self.stack.is_empty() && self.arrays.is_empty(), "marking is complete");
    }

    pub(crate) fn heap(&self) -> &SerialHeap {
        self.heap
    }

    pub(crate) fn heap_mut(&mut self) -> &mut SerialHeap {
        self.heap
    }

    pub(crate) fn soft_interval_ms(&self) -> Option<u64> {
        self.soft_interval_ms
    }

    /// Whether an object has been reached.
    pub(crate) fn is_marked(&self, reference: Narrow) -> bool {
        self.heap.marks.get(self.heap.memory.index(reference))
    }

    /// Keeps the referent of a reference object after all.
    pub(crate) fn mark_referent(&mut self, reference: usize) {
        self.mark_and_push(self.heap.reference(reference, self.shape.reference_fields.referent));
    }

    fn follow_root(&mut self, reference: Narrow) {
        if reference != 0 {
            let object = self.heap.memory.index(reference);
            if self.heap.marks.insert(object) {
                self.follow_object(object);
            }
            self.follow_stack();
        }
    }

    #[inline]
    fn mark_and_push(&mut self, reference: Narrow) {
        if reference != 0 {
            let object = self.heap.memory.index(reference);
            if self.heap.marks.insert(object) {
                self.stack.push(object);
            }
        }
    }

    /// Goes on until there is nothing left to follow; arrays one stretch at a time, when there is nothing else.
    pub(crate) fn follow_stack(&mut self) {
        loop {
            while let Some(object) = self.stack.pop() {
                self.follow_object(object);
            }
            let Some((array, from)) = self.arrays.pop() else { return };
            self.follow_stretch(array, from);
        }
    }

    fn follow_stretch(&mut self, array: usize, from: usize) {
        let length = self.heap.length(array) as usize;
        let end = length.min(from + ARRAY_STRIDE);
        for index in from..end {
            self.mark_and_push(self.heap.element(array, index));
        }
        if end < length {
            self.arrays.push((array, end));
        }
    }

    fn follow_object(&mut self, object: usize) {
        let klasses = self.klasses;
        let klass = klasses.get(self.shape.class_of(&self.heap.memory, object));
        match klass.kind {
            KlassKind::Numbers { .. } | KlassKind::Box | KlassKind::Filler => {}
            KlassKind::References { .. } => {
                if self.heap.length(object) > 0 {
                    self.arrays.push((object, 0));
                }
            }
            KlassKind::Instance | KlassKind::List | KlassKind::Reference(_) => {
                for &(first, n) in &klass.reference_runs {
                    let mut half = object * 2 + first as usize;
                    for _ in 0..n {
                        self.mark_and_push(self.heap.memory.reference(half));
                        half += 1 << self.shape.reference_log2_halves;
                    }
                }
                if let KlassKind::Reference(kind) = klass.kind {
                    self.follow_referent(object, kind);
                }
            }
        }
    }

    fn follow_referent(&mut self, object: usize, kind: ReferenceKind) {
        let referent = self.heap.reference(object, self.shape.reference_fields.referent);
        if referent == 0 || self.is_marked(referent) {
            return;
        }
        if self.is_candidate(object, kind) {
            self.heap.discovered.add(kind, object);
        } else {
            self.mark_and_push(referent);
        }
    }
}
