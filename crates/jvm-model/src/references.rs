//! Soft, weak, final and phantom references, while a collection is on its way.
//!
//! Mirrors `gc/shared/referenceProcessor.cpp` and `gc/shared/referencePolicy.cpp`. A collection that comes upon a
//! reference object puts it on a *discovered* list instead of following its referent. When everything else has been
//! followed, the lists are gone through: soft, weak, final, then, after the referents of final references have been
//! followed, phantom. What is cleared (or found to be final) goes to the head of the *pending* list, from which the VM
//! puts references on their queues.
//!
//! Differs: HotSpot links both lists through the references' own `discovered` fields; here they are lists of ours. Its
//! reference handler is a thread of its own and works when it is scheduled; here it works before the next operation
//! of the program.

use crate::full::Marking;
use crate::heap::SerialHeap;
use crate::heap::klass::ReferenceKind;
use crate::heap::memory::Narrow;
use crate::heap::object;
use crate::rules::{Rule, rule};
use crate::young::Scavenge;

/// References discovered by a collection, in order of discovery, by strength.
#[derive(Clone, Debug, Default)]
pub(crate) struct Discovered {
    soft: Vec<usize>,
    weak: Vec<usize>,
    finals: Vec<usize>,
    phantom: Vec<usize>,
    /// Discovery ends when the lists are gone through: what is reached after that holds its referent like a field.
    is_over: bool,
}

impl Discovered {
    /// A collection begins.
    pub(crate) fn begin(&mut self) {
        let lists = [&self.soft, &self.weak, &self.finals, &self.phantom];
        assert!(lists.iter().all(|list| list.is_empty()), "references left from the last collection");
        self.is_over = false;
    }

    pub(crate) fn add(&mut self, kind: ReferenceKind, reference: usize) {
        self.list(kind).push(reference);
    }

    fn list(&mut self, kind: ReferenceKind) -> &mut Vec<usize> {
        match kind {
            ReferenceKind::Soft => &mut self.soft,
            ReferenceKind::Weak => &mut self.weak,
            ReferenceKind::Final => &mut self.finals,
            ReferenceKind::Phantom => &mut self.phantom,
        }
    }

    /// Takes a list, the last discovered first: HotSpot adds at the head.
    fn take(&mut self, kind: ReferenceKind) -> Vec<usize> {
        let mut list = std::mem::take(self.list(kind));
        list.reverse();
        list
    }
}

/// What going through the lists asks of a collection.
trait Tracer {
    fn heap(&mut self) -> &mut SerialHeap;
    fn reaches(&self, reference: Narrow) -> bool;
    /// The referent is alive, or is to be: follows it and writes where it is now.
    fn keep_referent(&mut self, reference: usize);
    /// Follows all that was kept.
    fn follow(&mut self);
}

/// Goes through the discovered lists.
fn process(tracer: &mut impl Tracer, clock_ms: u64) {
    let heap = tracer.heap();
    heap.discovered.is_over = true;
    // The clock that soft references are judged by advances at the end of a collection only.
    heap.soft_clock_ms = heap.soft_clock_ms.max(clock_ms);
    let soft = drop_reached(tracer, ReferenceKind::Soft);
    clear(tracer, &soft);
    let weak = drop_reached(tracer, ReferenceKind::Weak);
    clear(tracer, &weak);
    let finals = drop_reached(tracer, ReferenceKind::Final);
    for &reference in &finals {
        tracer.keep_referent(reference);
        // A reference that is its own successor is not discovered again.
        let heap = tracer.heap();
        let narrow = heap.memory.narrow(reference);
        heap.memory.set_reference(reference * 2 + heap.shape.reference_fields.next, narrow);
    }
    tracer.follow();
    enqueue(tracer, &finals);
    let phantom = drop_reached(tracer, ReferenceKind::Phantom);
    clear(tracer, &phantom);
}

/// Keeps the references whose referents nothing reaches; the others hold theirs as if it were a field.
fn drop_reached(tracer: &mut impl Tracer, kind: ReferenceKind) -> Vec<usize> {
    let mut list = tracer.heap().discovered.take(kind);
    list.retain(|&reference| {
        let heap = tracer.heap();
        let referent = heap.reference(reference, heap.shape.reference_fields.referent);
        let is_reached = tracer.reaches(referent);
        if is_reached {
            tracer.keep_referent(reference);
        }
        !is_reached
    });
    list
}

fn clear(tracer: &mut impl Tracer, references: &[usize]) {
    for &reference in references {
        let heap = tracer.heap();
        heap.memory.set_reference(reference * 2 + heap.shape.reference_fields.referent, 0);
    }
    enqueue(tracer, references);
}

/// Puts a list before what is pending already.
fn enqueue(tracer: &mut impl Tracer, references: &[usize]) {
    let narrow: Vec<Narrow> = references.iter().map(|&reference| tracer.heap().memory.narrow(reference)).collect();
    tracer.heap().pending.splice(0..0, narrow);
}

impl SerialHeap {
    /// Whether a reference may be cleared at all: strong use of a soft one within the interval does not,
    /// and a final one is found only once.
    fn is_clearable(&self, reference: usize, kind: ReferenceKind, soft_interval_ms: Option<u64>) -> bool {
        if self.discovered.is_over {
            return false;
        }
        match kind {
            ReferenceKind::Soft => soft_interval_ms
                .is_none_or(|interval| self.soft_clock_ms.saturating_sub(self.soft_timestamp(reference)) > interval),
            ReferenceKind::Final => self.reference(reference, self.shape.reference_fields.next) == 0,
            ReferenceKind::Weak | ReferenceKind::Phantom => rule(Rule::WeakReferencesAreCleared),
        }
    }

    /// When a soft reference was used last.
    fn soft_timestamp(&self, reference: usize) -> u64 {
        self.memory.word(reference + self.shape.reference_fields.timestamp_word)
    }

    /// A soft reference is used now, as the clock says that soft references are judged by.
    pub(crate) fn touch_soft(&mut self, reference: usize) {
        self.memory.set_word(reference + self.shape.reference_fields.timestamp_word, self.soft_clock_ms);
    }

    /// Takes the references that the collections so far cleared or found final, in the order in which the VM's
    /// handler puts them on their queues.
    pub fn take_pending(&mut self) -> Vec<Narrow> {
        std::mem::take(&mut self.pending)
    }

    /// Whether references wait to be put on their queues.
    #[inline]
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

impl<const WATCHED: bool> Scavenge<'_, WATCHED> {
    /// Whether an object is in old, or has been copied.
    pub(crate) fn is_alive(&self, reference: Narrow) -> bool {
        let heap = self.heap();
        let object = heap.memory.index(reference);
        object >= heap.boundary || object::is_forwarded(heap.memory.word(object))
    }

    /// Whether a reference object may lose its referent in this collection.
    pub(crate) fn is_candidate(&self, reference: usize, kind: ReferenceKind) -> bool {
        self.heap().is_clearable(reference, kind, Some(self.soft_interval_ms()))
    }

    /// Goes through what was discovered.
    pub(crate) fn process_references(&mut self, clock_ms: u64) {
        process(self, clock_ms);
    }
}

impl<const WATCHED: bool> Tracer for Scavenge<'_, WATCHED> {
    fn heap(&mut self) -> &mut SerialHeap {
        self.heap_mut()
    }

    fn reaches(&self, reference: Narrow) -> bool {
        self.is_alive(reference)
    }

    fn keep_referent(&mut self, reference: usize) {
        self.evacuate_referent(reference);
    }

    fn follow(&mut self) {
        self.evacuate_followers();
    }
}

impl Marking<'_> {
    /// Whether a reference object may lose its referent in this collection.
    pub(crate) fn is_candidate(&self, reference: usize, kind: ReferenceKind) -> bool {
        self.heap().is_clearable(reference, kind, self.soft_interval_ms())
    }

    /// Goes through what was discovered.
    pub(crate) fn process_references(&mut self, clock_ms: u64) {
        process(self, clock_ms);
    }
}

impl Tracer for Marking<'_> {
    fn heap(&mut self) -> &mut SerialHeap {
        self.heap_mut()
    }

    fn reaches(&self, reference: Narrow) -> bool {
        self.is_marked(reference)
    }

    fn keep_referent(&mut self, reference: usize) {
        self.mark_referent(reference);
    }

    fn follow(&mut self) {
        self.follow_stack();
    }
}
