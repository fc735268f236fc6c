//! The heap of HotSpot's Serial collector: eden, two survivor spaces and an old generation in emulated memory.
//!
//! Mirrors `gc/shared/genCollectedHeap.cpp`, `gc/serial/defNewGeneration.cpp` and `gc/serial/tenuredGeneration.cpp` of
//! JDK 17. It knows classes and references, never what a program means by them: roots and everything that wants to be
//! told come through [`Mutator`].
//!
//! ```text
//! low addresses                                                                    high addresses
//! | eden           | from | to | young, reserved | old                    | old, reserved        |
//! ```

pub mod average;
pub mod klass;
pub mod memory;
pub mod object;
pub mod space;
pub mod tally;
pub mod tlab;

mod allocate;
mod collect;
mod resize;
mod resume;

use bitvec::order::Lsb0;
use bitvec::vec::BitVec;
use memory_trait::{Address, Collection, Reclaimer};

use crate::cards::CardTable;
use crate::params::{Flags, SPACE_ALIGNMENT_BYTES, WORD_BYTES};
use crate::references::Discovered;
use crate::rules::{Rule, rule};
use crate::sizing::Sizing;
use crate::young::Survivors;
use average::PaddedAverage;
use klass::{ArrayUse, KlassId, KlassKind, KlassTable};
use memory::{Memory, Narrow};
use space::Space;
use tally::Tally;
use tlab::{Tlab, TlabPolicy};

pub use allocate::HeapExhausted;
pub use collect::{CollectionReport, Spaces};
pub use resume::Resumption;

/// Weight of the newest sample of what a young collection promotes. `adaptiveSizePolicy`, `gcStats.cpp:GCStats`.
const PROMOTED_WEIGHT_PERCENT: u32 = 10;
/// Deviations added to that average. `PromotedPadding`.
const PROMOTED_PADDING: u32 = 3;

/// Who uses the heap: it has the roots, and is told what happens.
pub trait Mutator {
    /// Whether it wants to know of single objects. What is told otherwise costs nothing.
    const WATCHES: bool;

    /// Shows every reference that is not in the heap, each once, in HotSpot's order: thread stacks, then the VM's own.
    /// The collector writes the object's new place over it.
    fn visit_roots(&mut self, visit: &mut impl FnMut(&mut Narrow));

    /// The clock that soft references age by. Unit: milliseconds.
    fn clock_ms(&self) -> u64;

    /// A collection begins.
    fn began(&mut self, collection: Collection);

    /// An object with this tag moved.
    fn moved(&mut self, tag: u64, from: Address, to: Address);

    /// The object with this tag is gone.
    fn reclaimed(&mut self, tag: u64, by: Reclaimer);

    /// The collection ended.
    fn ended(&mut self, collection: Collection, report: &CollectionReport);

    /// The heap grew or shrank.
    fn resized(&mut self, heap_bytes: u64);
}

/// The numbers that the policies go by, in the units they calculate in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) version: crate::Version,
    pub(crate) young_initial_words: usize,
    pub(crate) old_initial_words: usize,
    pub(crate) max_heap_bytes: u64,
    pub(crate) survivor_ratio: u64,
    pub(crate) target_survivor_percent: u64,
    pub(crate) new_ratio: u64,
    pub(crate) min_heap_free_percent: u64,
    pub(crate) max_heap_free_percent: u64,
    pub(crate) shrinks_in_steps: bool,
    pub(crate) min_heap_delta_bytes: u64,
    pub(crate) dead_ratio_percent: u64,
    pub(crate) always_compact_count: u64,
    pub(crate) pretenure_words: usize,
    pub(crate) soft_ref_ms_per_mb: u64,
    pub(crate) is_interpreted: bool,
}

/// The heap.
#[derive(Clone, Debug)]
pub struct SerialHeap {
    pub(crate) memory: Memory,
    pub(crate) klasses: KlassTable,
    pub(crate) cards: CardTable,
    pub(crate) policy: Policy,
    pub(crate) eden: Space,
    pub(crate) from: Space,
    pub(crate) to: Space,
    pub(crate) old: Space,
    /// Where young ends, as much of it as is committed; it starts at word 0.
    pub(crate) young_end: usize,
    /// Where old begins, and so where what is reserved for young ends.
    pub(crate) boundary: usize,
    pub(crate) young_tally: Tally,
    pub(crate) old_tally: Tally,
    /// Mark bits of a full collection: one a word.
    pub(crate) marks: BitVec<u64, Lsb0>,
    pub(crate) survivors: Survivors,
    pub(crate) discovered: Discovered,
    /// References cleared or found final by the last collections, in the order of the VM's pending list, for the
    /// mutator to put on their queues. Roots.
    pub(crate) pending: Vec<Narrow>,
    tlabs: Vec<Tlab>,
    thread: usize,
    tlab_policy: TlabPolicy,
    /// Threads counted for the size of young: those that are no daemons.
    n_threads: usize,
    promoted: PaddedAverage,
    old_capacity_at_prologue: usize,
    old_used_at_prologue: usize,
    shrink_percent: u64,
    /// `incremental_collection_failed`: the last young collection was not tried, or failed.
    young_failed: bool,
    /// `should_allocate_from_space`: even a full collection left eden occupied.
    allocates_from_survivors: bool,
    pub(crate) n_full_collections: u64,
    n_collections: u64,
    pub(crate) soft_clock_ms: u64,
    used_bytes_at_gc: u64,
    capacity_bytes_at_gc: u64,
}

impl SerialHeap {
    /// An empty heap with one thread.
    ///
    /// - `flags`: the command line.
    /// - `sizing`: what follows from it for the sizes; references have to be compressed.
    pub fn new(flags: &Flags, sizing: &Sizing, klasses: KlassTable) -> Self {
        let Sizing { heap, young, old, .. } = *sizing;
        assert!(young.initial <= young.max && old.initial <= old.max, "{sizing:?}");
        let words = |bytes: u64| (bytes / WORD_BYTES) as usize;
        let memory = Memory::reserve(&sizing.placement, young.max + old.max);
        let boundary = words(young.max);
        let n_words = memory.len_words();
        let mut heap = SerialHeap {
            memory,
            klasses,
            cards: CardTable::new(boundary, n_words),
            policy: Policy {
                version: flags.version,
                young_initial_words: words(young.initial),
                old_initial_words: words(old.initial),
                max_heap_bytes: heap.max,
                survivor_ratio: flags.survivor_ratio,
                target_survivor_percent: flags.target_survivor_ratio,
                new_ratio: flags.new_ratio,
                min_heap_free_percent: flags.min_heap_free_ratio,
                max_heap_free_percent: flags.max_heap_free_ratio,
                shrinks_in_steps: flags.shrink_heap_in_steps,
                min_heap_delta_bytes: flags.min_heap_delta_bytes.next_multiple_of(SPACE_ALIGNMENT_BYTES),
                dead_ratio_percent: flags.mark_sweep_dead_ratio,
                always_compact_count: flags.mark_sweep_always_compact_count,
                pretenure_words: words(flags.pretenure_size_threshold_bytes),
                soft_ref_ms_per_mb: flags.soft_ref_ms_per_mb,
                is_interpreted: flags.interpreted,
            },
            eden: Space::default(),
            from: Space::default(),
            to: Space::default(),
            old: Space::new(boundary, boundary + words(old.initial)),
            young_end: words(young.initial),
            boundary,
            young_tally: Tally::default(),
            old_tally: Tally::default(),
            marks: BitVec::repeat(false, n_words),
            survivors: Survivors::new(flags.max_tenuring_threshold as u32),
            discovered: Discovered::default(),
            pending: Vec::new(),
            tlabs: Vec::new(),
            thread: 0,
            tlab_policy: TlabPolicy::new(flags),
            n_threads: 1,
            promoted: PaddedAverage::new(PROMOTED_WEIGHT_PERCENT, PROMOTED_PADDING),
            old_capacity_at_prologue: words(old.initial),
            old_used_at_prologue: 0,
            shrink_percent: 0,
            young_failed: false,
            allocates_from_survivors: false,
            n_full_collections: 0,
            n_collections: 0,
            soft_clock_ms: 0,
            used_bytes_at_gc: 0,
            capacity_bytes_at_gc: 0,
        };
        heap.lay_out_young(0);
        heap.tlabs.push(heap.tlab_policy.new_thread(heap.eden.capacity_words(), 1));
        heap
    }

    /// The classes.
    pub fn klasses(&self) -> &KlassTable {
        &self.klasses
    }

    /// The classes, to add to them.
    pub fn klasses_mut(&mut self) -> &mut KlassTable {
        &mut self.klasses
    }

    /// The memory.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The memory, to write to: numbers only, since references have cards.
    #[inline]
    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Eden, from, to and old as they are.
    pub fn spaces(&self) -> Spaces {
        Spaces { eden: self.eden, from: self.from, to: self.to, old: self.old }
    }

    /// Collections so far, young and full.
    pub fn n_collections(&self) -> u64 {
        self.n_collections
    }

    /// Full collections so far.
    pub fn n_full_collections(&self) -> u64 {
        self.n_full_collections
    }

    /// The age from which objects are promoted now. Unit: young collections survived.
    pub fn tenuring_threshold(&self) -> u32 {
        self.survivors.threshold
    }

    /// What young and old together are used for.
    pub fn tally(&self) -> Tally {
        let mut tally = self.young_tally;
        tally += self.old_tally;
        tally
    }

    /// Bytes taken from the operating system.
    pub fn committed_bytes(&self) -> u64 {
        (self.young_end + self.old.capacity_words()) as u64 * WORD_BYTES
    }

    /// Whether a word lies in young.
    #[inline]
    pub(crate) fn is_young(&self, word: usize) -> bool {
        word < self.boundary
    }

    /// Another thread starts; answers its number.
    pub fn start_thread(&mut self) -> usize {
        self.n_threads += 1;
        self.tlabs.push(self.tlab_policy.new_thread(self.eden.capacity_words(), self.n_threads));
        self.tlabs.len() - 1
    }

    /// Allocation goes on in this thread's buffer.
    pub fn switch_thread(&mut self, thread: usize) {
        assert!(thread < self.tlabs.len(), "thread {thread} of {}", self.tlabs.len());
        self.thread = thread;
    }

    /// The current thread ended: its buffer is filled up.
    pub fn end_thread(&mut self) {
        self.n_threads -= 1;
        self.retire_tlab(self.thread);
    }

    /// The unused rest of each open buffer: from its first free word to its end.
    pub(crate) fn open_buffers(&self) -> Vec<(usize, usize)> {
        let open = self.tlabs.iter().filter(|tlab| tlab.end != 0);
        open.map(|tlab| (tlab.top, tlab.end + tlab::RESERVE_WORDS)).collect()
    }

    /// The buffer of a thread.
    pub fn tlab_mut(&mut self, thread: usize) -> &mut Tlab {
        &mut self.tlabs[thread]
    }

    /// Reads a reference field or element; `half` is its place in 4-byte halves from the object's start.
    #[inline]
    pub fn reference(&self, object: usize, half: usize) -> Narrow {
        self.memory.half(object * 2 + half)
    }

    /// Writes a reference field, and marks the card of the object's *header*, as the interpreter's `putfield` does
    /// whatever the value.
    #[inline]
    pub fn store_field(&mut self, object: usize, half: usize, value: Narrow) {
        self.memory.set_half(object * 2 + half, value);
        if object >= self.boundary {
            self.cards.mark(if rule(Rule::FieldsMarkTheHeader) { object } else { object + half / 2 });
        }
    }

    /// Writes an element of an `Object[]`, and marks the card of the *element*, as the interpreter's `aastore` does,
    /// which skips it for null.
    #[inline]
    pub fn store_element(&mut self, array: usize, index: usize, value: Narrow) {
        let half = (array + object::HEADER_WORDS) * 2 + index;
        self.memory.set_half(half, value);
        if array >= self.boundary && value != 0 {
            self.cards.mark(if rule(Rule::ElementsMarkTheirCard) { half / 2 } else { array });
        }
    }

    /// Reads an element of an `Object[]`.
    #[inline]
    pub fn element(&self, array: usize, index: usize) -> Narrow {
        self.memory.half((array + object::HEADER_WORDS) * 2 + index)
    }

    /// Copies the first `n_elements` of an `Object[]` to a new one, marking its cards as `System.arraycopy` does.
    pub fn copy_elements(&mut self, from: usize, to: usize, n_elements: usize) {
        for index in 0..n_elements {
            let value = self.element(from, index);
            self.memory.set_half((to + object::HEADER_WORDS) * 2 + index, value);
        }
        if to >= self.boundary && n_elements > 0 {
            let first = to + object::HEADER_WORDS;
            self.cards.mark_range(first, first + n_elements.div_ceil(2));
        }
    }

    /// The class of an object.
    #[inline]
    pub fn klass_of(&self, object: usize) -> KlassId {
        object::klass_of(&self.memory, object)
    }

    /// The length of an array.
    #[inline]
    pub fn length(&self, array: usize) -> u32 {
        object::length_of(&self.memory, array)
    }

    /// The tag of an object.
    #[inline]
    pub fn tag(&self, object: usize) -> u64 {
        object::tag_of(self.memory.word(object))
    }

    /// Words an object takes.
    pub fn size_words(&self, object: usize) -> usize {
        object::size_words(&self.memory, &self.klasses, object)
    }

    /// A list uses `elements` more (or fewer) of its capacity.
    #[inline]
    pub(crate) fn count_list_elements(&mut self, list: usize, elements: i64) {
        let tally = if list < self.boundary { &mut self.young_tally } else { &mut self.old_tally };
        tally.payload_bytes = tally.payload_bytes.wrapping_add_signed(elements * klass::REFERENCE_BYTES as i64);
    }

    /// References that the VM still has to put on their queues.
    pub(crate) fn pending_references(&self) -> &[Narrow] {
        &self.pending
    }

    /// Every object in order of address, reachable or not; what is left of open buffers is passed over.
    pub(crate) fn walk(&self) -> impl Iterator<Item = usize> {
        let mut spaces = [self.eden, self.from, self.to, self.old];
        spaces.sort_unstable_by_key(|space| space.bottom);
        let open = self.open_buffers();
        spaces.into_iter().flat_map(move |space| {
            let open = open.clone();
            let mut next = space.bottom;
            std::iter::from_fn(move || {
                while let Some(&(_, end)) = open.iter().find(|&&(top, end)| top == next && top < end) {
                    next = end;
                }
                let object = (next < space.top).then_some(next)?;
                next += self.size_words(object);
                Some(object)
            })
        })
    }

    /// Makes the heap walkable, and answers every object in order of address, reachable or not.
    pub(crate) fn objects_in_address_order(&mut self) -> Vec<usize> {
        (0..self.tlabs.len()).for_each(|thread| self.retire_tlab(thread));
        let mut spaces = [self.eden, self.from, self.to, self.old];
        spaces.sort_unstable_by_key(|space| space.bottom);
        let mut objects = Vec::new();
        for space in spaces {
            let mut object = space.bottom;
            while object < space.top {
                objects.push(object);
                object += self.size_words(object);
            }
        }
        objects
    }

    /// Makes a hole of at least two words walkable: an `int[]`.
    pub(crate) fn fill(&mut self, from: usize, end: usize) -> Tally {
        let n_words = end - from;
        assert!(n_words >= object::HEADER_WORDS, "a hole of {n_words} words at {from}");
        debug_assert!(matches!(
            self.klasses.get(KlassTable::FILLER).kind,
            KlassKind::Numbers { log2_bytes: 2, array_use: ArrayUse::Filler }
        ));
        let length = ((n_words - object::HEADER_WORDS) * 2) as u32;
        object::write_header(&mut self.memory, from, object::PROTOTYPE, KlassTable::FILLER, length);
        Tally { total_bytes: n_words as u64 * WORD_BYTES, ..Tally::default() }
    }
}
