//! Phases 2 to 4: new addresses, references, moves. Mirrors `gc/shared/space.inline.hpp:CompactibleSpace`.

use crate::heap::klass::{KlassId, KlassKind, KlassTable, REFERENT_HALF};
use crate::heap::memory::Narrow;
use crate::heap::object::{self, HEADER_WORDS};
use crate::heap::space::Space;
use crate::heap::tally::Tally;
use crate::heap::{CollectionReport, Mutator, SerialHeap};
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
    /// Marks of the objects that move, in the order in which they are come upon.
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

    fn next_live(&self, from: usize, end: usize) -> Option<usize> {
        if from >= end {
            return None;
        }
        // The bitmap's words, since almost always the next mark is a few bits away.
        let words = self.marks.as_raw_slice();
        let mut at = from / 64;
        let mut bits = words[at] >> (from % 64) << (from % 64);
        while bits == 0 {
            at += 1;
            if at * 64 >= end {
                return None;
            }
            bits = words[at];
        }
        let found = at * 64 + bits.trailing_zeros() as usize;
        (found < end).then_some(found)
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
        let capacity_bytes = self.old.capacity_words() as u64 * 8;
        let mut allowance_words = (capacity_bytes * self.policy.dead_ratio_percent / 100 / 8) as usize;
        let mut target = Target { part: 0, top: self.old.bottom };
        for part in ORDER.into_iter().take(n_parts) {
            let space = self.part(part);
            let mut prefix_is_dense = part == Part::Old && leaves_dead_wood && self.policy.dead_ratio_percent > 0;
            let mut at = space.bottom;
            while at < space.top {
                let live = self.next_live(at, space.top).unwrap_or(space.top);
                if live > at {
                    // A run of dead objects.
                    if prefix_is_dense && at == target.top {
                        if live - at <= allowance_words || !rule(Rule::DeadWoodIsLimited) {
                            allowance_words = allowance_words.saturating_sub(live - at);
                            self.fill(at, live);
                            self.marks.set(at, true);
                            self.cards.note_block(at, live);
                            target.top = live;
                        } else {
                            prefix_is_dense = false;
                        }
                    }
                    at = live;
                    continue;
                }
                let n_words = object::size_words(&self.memory, klasses, at);
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
        let mark = object::ageless(mark);
        if place == object {
            self.memory.set_word(object, mark);
        } else {
            plan.marks.push(mark);
            let forwarding = object::forwarding_mark(&self.memory, place);
            self.memory.set_word(object, forwarding);
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
            while let Some(live) = self.next_live(at, space.top) {
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
        if object::is_forwarded(mark) { self.memory.narrow(object::forwardee(&self.memory, mark)) } else { reference }
    }

    #[inline]
    fn adjust_half(&mut self, half: usize) {
        let reference = self.memory.half(half);
        let adjusted = self.adjusted(reference);
        if adjusted != reference {
            self.memory.set_half(half, adjusted);
        }
    }

    fn adjust_object(&mut self, klasses: &KlassTable, object: usize) -> usize {
        let second = self.memory.word(object + 1);
        let klass = klasses.get(KlassId(second as u32));
        let length = (second >> 32) as u32;
        match klass.kind {
            KlassKind::Numbers { .. } | KlassKind::Box => {}
            KlassKind::References { .. } => {
                let first = (object + HEADER_WORDS) * 2;
                (first..first + length as usize).for_each(|half| self.adjust_half(half));
            }
            KlassKind::Instance | KlassKind::List | KlassKind::Reference(_) => {
                for &(first, n) in &klass.reference_runs {
                    let first = object * 2 + first as usize;
                    (first..first + n as usize).for_each(|half| self.adjust_half(half));
                }
                if let KlassKind::Reference(_) = klass.kind {
                    self.adjust_half(object * 2 + REFERENT_HALF);
                }
            }
        }
        klass.size_words(length)
    }

    /// Phase 4. Objects move, always down or to another space, in the order in which places were given out.
    pub(super) fn move_objects<M: Mutator>(
        &mut self,
        klasses: &KlassTable,
        mutator: &mut M,
        plan: Plan,
        report: &mut CollectionReport,
    ) {
        let (mut young_tally, mut old_tally) = (Tally::default(), Tally::default());
        let mut marks = plan.marks.into_iter();
        for part in ORDER.into_iter().take(plan.n_parts) {
            let space = self.part(part);
            let mut at = space.bottom;
            while let Some(live) = self.next_live(at, space.top) {
                let n_words = object::size_words(&self.memory, klasses, live);
                at = live + n_words;
                let tally = klasses.tally_of(&self.memory, live);
                let mark = self.memory.word(live);
                let mut place = live;
                if object::is_forwarded(mark) {
                    place = object::forwardee(&self.memory, mark);
                    let mark = marks.next().expect("a mark for everything that moves");
                    self.memory.copy(live, place, n_words);
                    self.memory.set_word(place, mark);
                    report.n_moved += 1;
                    report.moved_bytes += tally.total_bytes;
                    if M::WATCHES && object::tag_of(mark) != 0 {
                        mutator.moved(object::tag_of(mark), self.memory.address(live), self.memory.address(place));
                    }
                }
                if self.is_young(place) {
                    young_tally += tally;
                } else {
                    old_tally += tally;
                }
            }
        }
        assert!(marks.next().is_none(), "more marks than objects that moved");
        (self.young_tally, self.old_tally) = (young_tally, old_tally);
        let [old, eden, from, to] = plan.tops;
        (self.old.top, self.eden.top, self.from.top) = (old, eden, from);
        if plan.n_parts == ORDER.len() {
            self.to.top = to;
        }
    }
}
