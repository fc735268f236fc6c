//! Phases 2 to 4: new addresses, references, moves. Mirrors `gc/shared/space.inline.hpp:CompactibleSpace`.

use crate::heap::klass::{KlassKind, KlassTable};
use crate::heap::memory::Narrow;
use crate::heap::object;
use crate::heap::space::Space;
use crate::heap::tally::Census;
use crate::heap::{CollectionReport, Mutator, SerialHeap};
use crate::params::WORD_BYTES;
use crate::rules::{Rule, rule};

/// The spaces in the order in which they are compacted, and into which they are.
const ORDER: [Part; 4] = [Part::Old, Part::Eden, Part::From, Part::To];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Old,
    Eden,
    From,
    To,
}

/// Where the spaces will end.
pub(super) struct Plan {
    tops: [usize; ORDER.len()],
    n_parts: usize,
    /// Marks of objects that move, in the order in which they are come upon: those with a tag that has no room beside
    /// the new place.
    marks: Vec<u64>,
}

/// Where the next live object goes.
struct Target {
    part: usize,
    top: usize,
}

impl SerialHeap {
    fn part(&self, part: Part) -> Space {
        match part {
            Part::Old => self.old,
            Part::Eden => self.eden,
            Part::From => self.from,
            Part::To => self.to,
        }
    }

    /// Phase 2. Writes the new address into the mark of everything that will move. The first dead objects of old may
    /// stay as fillers, in a dense prefix that is not moved: up to `MarkSweepDeadRatio` of old's capacity, except in
    /// every `MarkSweepAlwaysCompactCount`-th collection.
    pub(super) fn plan_compaction(&mut self, klasses: &KlassTable, leaves_nothing: bool, to_top: usize) -> Plan {
        // To-space is part of it only after a failed promotion, when the roles have changed.
        let n_parts = if to_top > self.to.bottom { 4 } else { 3 };
        let mut plan = Plan { tops: ORDER.map(|part| self.part(part).bottom), n_parts, marks: Vec::new() };
        let every = if leaves_nothing { 1 } else { self.policy.always_compact_count.max(1) };
        let leaves_dead_wood = rule(Rule::DeadWoodStays)
            && (!self.n_full_collections.is_multiple_of(every) || !rule(Rule::SomeCollectionsLeaveNothing));
        let capacity_bytes = self.old.capacity_words() as u64 * WORD_BYTES;
        let mut allowance_words = (capacity_bytes * self.policy.dead_ratio_percent / 100 / WORD_BYTES) as usize;
        let mut target = Target { part: 0, top: self.old.bottom };
        for part in ORDER.into_iter().take(n_parts) {
            let space = self.part(part);
            let mut prefix_is_dense = part == Part::Old && leaves_dead_wood && self.policy.dead_ratio_percent > 0;
            let mut at = space.bottom;
            while at < space.top {
                let live = self.marks.next(at, space.top).unwrap_or(space.top);
                if live > at {
                    // A run of dead objects.
                    if prefix_is_dense && at == target.top {
                        if live - at <= allowance_words || !rule(Rule::DeadWoodIsLimited) {
                            allowance_words = allowance_words.saturating_sub(live - at);
                            self.fill(at, live);
                            self.marks.set(at);
                            self.cards.note_block(at, live);
                            target.top = live;
                        } else {
                            prefix_is_dense = false;
                        }
                    }
                    at = live;
                    continue;
                }
                let n_words = self.shape.size_words(&self.memory, klasses, at);
                self.find_place(&mut plan, &mut target, at, n_words);
                at += n_words;
            }
        }
        plan.tops[target.part] = target.top;
        plan
    }

    /// `CompactibleSpace::forward`. Once an object does not fit, its space is left for good.
    fn find_place(&mut self, plan: &mut Plan, target: &mut Target, object: usize, n_words: usize) {
        while n_words > self.part(ORDER[target.part]).end - target.top {
            plan.tops[target.part] = target.top;
            target.part += 1;
            assert!(target.part < plan.n_parts, "an object of {n_words} words at {object} has no place to go");
            target.top = self.part(ORDER[target.part]).bottom;
        }
        let place = target.top;
        target.top += n_words;
        let mark = self.memory.word(object);
        if place == object {
            self.memory.set_word(object, object::ageless(mark));
        } else {
            let (forwarding, is_kept) = self.shape.forwarding_mark_with_tag(mark, place);
            self.memory.set_word(object, forwarding);
            if is_kept {
                plan.marks.push(object::ageless(mark));
            }
        }
        if target.part == 0 {
            self.cards.note_block(place, place + n_words);
        }
    }

    /// Phase 3. Every reference is made to point where its object will be.
    pub(super) fn adjust_references<M: Mutator>(&mut self, klasses: &KlassTable, mutator: &mut M) {
        mutator.visit_roots(&mut |reference| *reference = self.adjusted(*reference));
        let mut pending = std::mem::take(&mut self.pending);
        for reference in &mut pending {
            *reference = self.adjusted(*reference);
        }
        self.pending = pending;
        for part in ORDER {
            let space = self.part(part);
            let mut at = space.bottom;
            while let Some(live) = self.marks.next(at, space.top) {
                at = live + self.adjust_object(klasses, live);
            }
        }
    }

    #[inline]
    fn adjusted(&self, reference: Narrow) -> Narrow {
        if reference == 0 {
            return 0;
        }
        let mark = self.memory.word(self.memory.index(reference));
        if object::is_forwarded(mark) { self.memory.narrow(self.shape.forwardee(mark)) } else { reference }
    }

    /// Adjusts `n` references from a half on.
    #[inline]
    fn adjust_run(&mut self, first: usize, n: usize) {
        let mut half = first;
        for _ in 0..n {
            let reference = self.memory.reference(half);
            let adjusted = self.adjusted(reference);
            if adjusted != reference {
                self.memory.set_reference(half, adjusted);
            }
            half += 1 << self.shape.reference_log2_halves;
        }
    }

    fn adjust_object(&mut self, klasses: &KlassTable, object: usize) -> usize {
        let klass = klasses.get(self.shape.class_of(&self.memory, object));
        if klass.is_array() {
            let length = self.length(object);
            if let KlassKind::References { .. } = klass.kind {
                self.adjust_run(object * 2 + self.shape.elements_half, length as usize);
            }
            return klass.array_words(length);
        }
        for &(first, n) in &klass.reference_runs {
            self.adjust_run(object * 2 + first as usize, n as usize);
        }
        if let KlassKind::Reference(_) = klass.kind {
            self.adjust_run(object * 2 + self.shape.reference_fields.referent, 1);
        }
        klass.instance_words as usize
    }

    /// Phase 4. Objects move, always down or to another space, in the order in which places were given out.
    pub(super) fn move_objects<M: Mutator>(
        &mut self,
        klasses: &KlassTable,
        mutator: &mut M,
        plan: Plan,
        report: &mut CollectionReport,
    ) {
        let mut counted = std::mem::take(&mut self.counted);
        counted.iter_mut().for_each(Census::clear);
        let mut marks = plan.marks.into_iter();
        for part in ORDER.into_iter().take(plan.n_parts) {
            let space = self.part(part);
            let mut at = space.bottom;
            while let Some(live) = self.marks.next(at, space.top) {
                let klass_id = self.shape.class_of(&self.memory, live);
                let klass = klasses.get(klass_id);
                let length = if klass.is_array() { self.length(live) } else { 0 };
                let n_words = klass.size_words(length);
                at = live + n_words;
                let mark = self.memory.word(live);
                let mut place = live;
                if object::is_forwarded(mark) {
                    place = self.shape.forwardee(mark);
                    let mark = self.shape.mark_of_forwarded(mark);
                    let mark = mark.unwrap_or_else(|| marks.next().expect("a mark for every tag without room"));
                    self.memory.copy(live, place, n_words);
                    self.memory.set_word(place, mark);
                    report.n_moved += 1;
                    report.moved_bytes += n_words as u64 * WORD_BYTES;
                    if M::WATCHES && self.shape.tag_of(mark) != 0 {
                        let (from, to) = (self.memory.address(live), self.memory.address(place));
                        mutator.moved(self.shape.tag_of(mark), from, to);
                    }
                }
                let census = &mut counted[usize::from(!self.is_young(place))];
                if klass.is_array() {
                    census.add_array(klass_id, length, n_words);
                } else {
                    census.add_instance(klass_id);
                    if klass.list_size_half != 0 {
                        let size = self.memory.half(place * 2 + klass.list_size_half as usize);
                        census.add_elements(klass_id, i64::from(size));
                    }
                }
            }
        }
        assert!(marks.next().is_none(), "more marks than objects that moved");
        std::mem::swap(&mut self.young_census, &mut counted[0]);
        std::mem::swap(&mut self.old_census, &mut counted[1]);
        self.counted = counted;
        let [old, eden, from, to] = plan.tops;
        (self.old.top, self.eden.top, self.from.top) = (old, eden, from);
        if plan.n_parts == ORDER.len() {
            self.to.top = to;
        }
    }
}
