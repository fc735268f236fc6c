//! A collection, phase by phase.
//!
//! Mirrors `gc_collect_main`: weak references, callbacks, finalizers, a second look at what they rescued, clearing.
//! Between phases the program may run, so each is an entry on the stack of work.

use memory_trait::{Allocator, Collection, Event, ObjectKey, Observer, Reclaimer};

use super::N_GENERATIONS;
use super::lists::ListId;
use crate::Version;
use crate::layout::{self, TextKind};
use crate::object::heap::Heap;
use crate::object::{Body, Mark};
use crate::refcount::Due;
use crate::refcount::work::{Owner, Work};
use crate::rules::{Rule, rule};

/// What a collection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Calls the next callback of a weak reference to garbage.
    Callbacks,
    /// That callback has returned.
    CallbackReturned(ObjectKey),
    /// The reference taken for the call is gone; did the weak reference survive?
    CallbackDone(ObjectKey),
    /// Calls the next finalizer.
    Finalizers,
    /// Looks again at what is unreachable.
    SecondLook,
    /// Clears the next object of the garbage.
    Clear,
    /// That object is cleared, and the reference taken for it is gone.
    Cleared(ObjectKey),
}

/// The collection in progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    generation: usize,
    n_collected: u64,
    /// Whether the program ran in between, and may have rescued something.
    has_run_code: bool,
    n_died_before: u64,
    event: Collection,
}

impl Running {
    /// Where survivors go.
    fn old(self) -> ListId {
        ListId::Generation((self.generation + 1).min(N_GENERATIONS - 1))
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// Begins a collection: finds the garbage, moves the survivors on, clears weak references. The rest is put on the
    /// stack of work.
    pub(super) fn begin_collection(&mut self, generation: usize, cause: &'static str) {
        debug_assert!(!self.gc.is_collecting, "one collection at a time");
        self.gc.is_collecting = true;
        self.name_phase("start");
        let is_full = generation == N_GENERATIONS - 1;
        let event = Collection { generation: generation as u8, is_full, cause };
        self.journal.tell(|| Event::CollectionBegan(event));
        let running = Running { generation, n_collected: 0, has_run_code: false, n_died_before: self.n_died, event };
        self.gc.running = Some(running);

        if !is_full {
            self.gc.counts[generation + 1] += u32::from(rule(Rule::OlderGenerationCounts));
        }
        self.gc.counts[..=generation].fill(0);
        let young = ListId::Generation(generation);
        for younger in 0..generation {
            self.objects.merge(ListId::Generation(younger), young);
        }
        #[cfg(test)]
        let expected = super::brute_force::garbage(self, young);
        self.gc.n_visited[generation] += self.deduce_unreachable(young, ListId::Unreachable);
        #[cfg(test)]
        super::brute_force::compare(self, expected);
        self.untrack_tuples(young);
        if is_full {
            self.untrack_dicts(young);
            self.gc.long_lived_pending = 0;
            self.gc.long_lived_total = self.list_len(young);
        } else {
            if generation == N_GENERATIONS - 2 {
                self.gc.long_lived_pending += if rule(Rule::SurvivorsArePending) { self.list_len(young) } else { 0 };
            }
            self.objects.merge(young, running.old());
        }
        self.clear_weakrefs_of_garbage();
        self.push_work(Work::Collect(Phase::Callbacks));
    }

    /// Does one phase.
    pub(crate) fn collect_step(&mut self, phase: Phase) {
        match phase {
            Phase::Callbacks => match self.next_callback() {
                Some((weak, callback)) => {
                    self.running().has_run_code = true;
                    self.push_work(Work::Collect(Phase::CallbackReturned(weak)));
                    self.suspend(Due::Callback { weak, callback });
                }
                None => self.push_work(Work::Collect(Phase::Finalizers)),
            },
            Phase::CallbackReturned(weak) => {
                self.push_work(Work::Collect(Phase::CallbackDone(weak)));
                self.release(weak);
            }
            Phase::CallbackDone(weak) => {
                if self.first_of(ListId::Callbacks) == Some(weak) {
                    let old = self.running().old();
                    self.move_to(old, weak);
                } else {
                    self.running().n_collected += 1;
                }
                self.push_work(Work::Collect(Phase::Callbacks));
            }
            Phase::Finalizers => self.next_finalizer(),
            Phase::SecondLook => self.second_look(),
            Phase::Clear => self.clear_next(),
            Phase::Cleared(key) => {
                if self.first_of(ListId::StillUnreachable) == Some(key) {
                    let old = self.running().old();
                    self.objects[key].mark = Mark::None;
                    self.move_to(old, key);
                }
                self.push_work(Work::Collect(Phase::Clear));
            }
        }
    }

    /// `finalize_garbage`.
    fn next_finalizer(&mut self) {
        while let Some(key) = self.first_of(ListId::Unreachable) {
            self.move_to(ListId::Seen, key);
            if self.has_del(key) && !(self.objects[key].is_finalized && rule(Rule::FinalizersRunOnce)) {
                self.objects[key].is_finalized = true;
                self.incref(key);
                self.running().has_run_code = true;
                self.push_work(Work::Collect(Phase::Finalizers));
                self.push_work(Work::Drop(key));
                self.suspend(Due::Finalizer(key));
                return;
            }
        }
        self.objects.merge(ListId::Seen, ListId::Unreachable);
        self.push_work(Work::Collect(Phase::SecondLook));
    }

    /// `handle_resurrected_objects`. Where the program did not run, nothing can have been rescued.
    fn second_look(&mut self) {
        let running = *self.running();
        if running.has_run_code && rule(Rule::GarbageIsLookedAtAgain) {
            for place in self.objects.in_list(ListId::Unreachable).collect::<Vec<_>>() {
                self.objects.at_mut(place).mark = Mark::None;
            }
            self.deduce_unreachable(ListId::Unreachable, ListId::StillUnreachable);
            self.objects.merge(ListId::Unreachable, running.old());
        } else {
            self.objects.merge(ListId::Unreachable, ListId::StillUnreachable);
        }
        let n_garbage = self.list_len(ListId::StillUnreachable);
        self.running().n_collected += n_garbage;
        self.reclaimer = Reclaimer::Cycle;
        self.push_work(Work::Collect(Phase::Clear));
    }

    /// `delete_garbage`, one object: clear it, which usually makes its count zero.
    fn clear_next(&mut self) {
        let Some(key) = self.first_of(ListId::StillUnreachable) else { return self.end_collection() };
        if let Some(garbage) = self.gc.saves_into {
            self.incref(key);
            // Without memory for the list the real one forgets the object, too.
            if self.list_append(garbage, key).is_err() {
                self.is_last_reference(key);
            }
            self.push_work(Work::Collect(Phase::Cleared(key)));
            return;
        }
        self.incref(key);
        self.push_work(Work::Collect(Phase::Cleared(key)));
        self.push_work(Work::Drop(key));
        self.clear_container(key);
    }

    /// `tp_clear`: the object drops all that it refers to.
    pub(crate) fn clear_container(&mut self, key: ObjectKey) {
        match &self.objects[key].body {
            Body::List(_) => {
                let (items, block) = self.list_take(key);
                self.push_work(Work::Items { owner: Owner::Cleared, items, block });
            }
            Body::Dict(_) => {
                let dict = self.dict_take(key);
                self.push_work(Work::Entries { owner: None, dict, next: 0 });
            }
            Body::Instance(_) | Body::LargeInstance(_) => self.push_work(Work::Slots { key, next: 0, dies: false }),
            Body::Weak(_) => {
                self.clear_weak(key);
                self.weak_mut(key).callback = None;
            }
            // A tuple has no `tp_clear`: it dies when what refers to it is cleared.
            _ => {}
        }
    }

    fn end_collection(&mut self) {
        let Running { generation, n_collected, n_died_before, event: collection, .. } =
            self.gc.running.take().expect("a collection is running");
        if collection.is_full && rule(Rule::FullCollectionsClearFreeLists) {
            self.clear_free_lists();
        }
        let stats = &mut self.gc.stats[generation];
        stats.n_collections += 1;
        stats.n_collected += n_collected;
        self.gc.n_collected_last = n_collected;
        self.name_phase("stop");
        self.gc.is_collecting = false;
        self.reclaimer = Reclaimer::Count;
        let n_reclaimed = self.n_died - n_died_before;
        self.journal.tell(|| Event::CollectionEnded { collection, n_reclaimed, n_moved: 0, moved_bytes: 0 });
    }

    /// `invoke_gc_callback`: from 3.12 on the name of the phase is a text, whether or not there are callbacks for it.
    fn name_phase(&mut self, name: &str) {
        if self.version < Version::V3_12 || !rule(Rule::PhasesHaveNames) {
            return;
        }
        // Without memory for it there is an error that nobody asks for.
        if let Ok(block) = self.malloc(layout::str_bytes(TextKind::Ascii, name.len() as u64, self.version)) {
            self.free(block);
        }
    }

    /// `clear_freelists`: tuples and floats, from 3.13 on the other way round, lists, dictionaries, tables.
    fn clear_free_lists(&mut self) {
        let drained = self.free_lists.take_all();
        let tuples = drained.tuples.into_iter().flat_map(|list| list.into_iter().rev());
        let floats = drained.floats.into_iter().rev();
        if self.version < Version::V3_13 && rule(Rule::TuplesAreClearedFirst) {
            tuples.for_each(|block| self.gc_free(block));
            floats.for_each(|block| self.free(block));
        } else {
            floats.for_each(|block| self.free(block));
            tuples.for_each(|block| self.gc_free(block));
        }
        for block in drained.lists.into_iter().rev().chain(drained.dicts.into_iter().rev()) {
            self.gc_free(block);
        }
        for block in drained.dict_keys.into_iter().rev() {
            self.free(block);
        }
    }

    /// `untrack_tuples`: tuples that hold nothing of interest to the collector.
    fn untrack_tuples(&mut self, list: ListId) {
        if !rule(Rule::TuplesAreUntracked) {
            return;
        }
        let mut place = self.objects.at(list.head()).next;
        while place != list.head() {
            let object = self.objects.at(place);
            let next = object.next;
            if let Body::Tuple(items) = &object.body
                && !items.iter().any(|&item| self.objects[item].may_be_tracked())
            {
                self.objects.unlink(place);
            }
            place = next;
        }
    }

    /// `untrack_dicts`: the same for dictionaries, in full collections only.
    fn untrack_dicts(&mut self, list: ListId) {
        if !rule(Rule::DictsAreUntracked) {
            return;
        }
        let mut place = self.objects.at(list.head()).next;
        while place != list.head() {
            let object = self.objects.at(place);
            let next = object.next;
            if let Body::Dict(dict) = &object.body {
                let mut live = dict.entries().iter().filter(|entry| entry.key.is_some());
                if !live.any(|entry| self.objects[entry.value].may_be_tracked()) {
                    self.objects.unlink(place);
                }
            }
            place = next;
        }
    }

    fn has_del(&self, key: ObjectKey) -> bool {
        self.objects[key].body.class().is_some_and(|class| self.classes[class as usize].has_del)
    }

    fn running(&mut self) -> &mut Running {
        self.gc.running.as_mut().expect("a collection is running")
    }
}
