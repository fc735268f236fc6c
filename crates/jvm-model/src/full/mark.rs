//! Phase 1: marking, depth first with a stack of our own. Mirrors `gc/serial/markSweep.cpp`.

use crate::heap::klass::{KlassId, KlassKind, KlassTable, REFERENT_HALF, ReferenceKind};
use crate::heap::memory::Narrow;
use crate::heap::object::HEADER_WORDS;
use crate::heap::{Mutator, SerialHeap};

/// Elements of an array of references followed at a time. `ObjArrayMarkingStride`.
const ARRAY_STRIDE: usize = 2048;

/// A marking on its way.
pub(crate) struct Marking<'h> {
    heap: &'h mut SerialHeap,
    klasses: &'h KlassTable,
    stack: Vec<u32>,
    /// Arrays of references, and from which element on they are still to be followed.
    arrays: Vec<(u32, u32)>,
    /// How long a soft reference is kept after its last use; `None`: not at all.
    soft_interval_ms: Option<u64>,
}

impl<'h> Marking<'h> {
    pub(crate) fn new(heap: &'h mut SerialHeap, klasses: &'h KlassTable, clears_soft: bool) -> Self {
        heap.discovered.begin();
        let soft_interval_ms = (!clears_soft).then(|| heap.soft_interval_ms());
        Marking { heap, klasses, stack: Vec::new(), arrays: Vec::new(), soft_interval_ms }
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
        self.heap.marks[self.heap.memory.index(reference)]
    }

    /// Keeps the referent of a reference object after all.
    pub(crate) fn mark_referent(&mut self, reference: usize) {
        self.mark_and_push(self.heap.memory.half(reference * 2 + REFERENT_HALF));
    }

    fn follow_root(&mut self, reference: Narrow) {
        if reference != 0 {
            let object = self.heap.memory.index(reference);
            if !self.heap.marks.replace(object, true) {
                self.follow_object(object);
            }
            self.follow_stack();
        }
    }

    #[inline]
    fn mark_and_push(&mut self, reference: Narrow) {
        if reference != 0 {
            let object = self.heap.memory.index(reference);
            if !self.heap.marks.replace(object, true) {
                self.stack.push(object as u32);
            }
        }
    }

    /// Goes on until there is nothing left to follow; arrays one stretch at a time, when there is nothing else.
    pub(crate) fn follow_stack(&mut self) {
        loop {
            while let Some(object) = self.stack.pop() {
                self.follow_object(object as usize);
            }
            let Some((array, from)) = self.arrays.pop() else { return };
            self.follow_stretch(array as usize, from as usize);
        }
    }

    fn follow_stretch(&mut self, array: usize, from: usize) {
        let length = self.heap.length(array) as usize;
        let end = length.min(from + ARRAY_STRIDE);
        let first = (array + HEADER_WORDS) * 2;
        for half in first + from..first + end {
            self.mark_and_push(self.heap.memory.half(half));
        }
        if end < length {
            self.arrays.push((array as u32, end as u32));
        }
    }

    fn follow_object(&mut self, object: usize) {
        let second = self.heap.memory.word(object + 1);
        let klass = self.klasses.get(KlassId(second as u32));
        match klass.kind {
            KlassKind::Numbers { .. } | KlassKind::Box => {}
            KlassKind::References { .. } => {
                if second >> 32 > 0 {
                    self.arrays.push((object as u32, 0));
                }
            }
            KlassKind::Instance | KlassKind::List | KlassKind::Reference(_) => {
                for &(first, n) in &klass.reference_runs {
                    let first = object * 2 + first as usize;
                    for half in first..first + n as usize {
                        self.mark_and_push(self.heap.memory.half(half));
                    }
                }
                if let KlassKind::Reference(kind) = klass.kind {
                    self.follow_referent(object, kind);
                }
            }
        }
    }

    fn follow_referent(&mut self, object: usize, kind: ReferenceKind) {
        let referent = self.heap.memory.half(object * 2 + REFERENT_HALF);
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
