//! The observer that writes down lifetimes.
//!
//! # Times
//!
//! All times are ticks, and a tick may contain several events: what matters is what is so at its end. An object
//! becomes *unreachable* at the tick at whose end no chain of references from any slot of any thread leads to it. It is
//! *reclaimed* when its machine says so. The two may come in either order: an object that is freed while references to
//! it are left becomes unreachable later, when the last of them goes; what it referred to loses that reference when it
//! is freed. At the exit, what is still reachable was never unreachable.
//!
//! A finalizer is called with the object in a slot: it is reachable again, and so is all that it leads to, until the
//! finalizer is done with it. What counts is the last time that it became unreachable. The same goes for what a weak
//! reference brings back before its machine has noticed that it was garbage.
//!
//! # How
//!
//! Between two ticks, whenever about as much was born as there was before, the shadow graph is traced and the deaths
//! since are dated (Merlin). What is unreachable and reclaimed is then over: it is counted, kept if wanted, and let go.
//!
//! Differs: a C program that reads memory which nobody wrote, after its former owner was freed and the place given to
//! another object, may find a reference to an object that is over. It stays over, where the naive
//! [`crate::BruteForce`] has it come back; whether it was over yet depends on when the last pass was.

use memory_trait::{Event, FaultLog, Label, Moment, ObjectName, Observer, Program, Tick};

use crate::determinism::Fates;
use crate::lifetime::Lifetime;
use crate::shadow::{Birth, Finished, Shadow};
use crate::summary::Summary;
use crate::tally::Tally;
use crate::timeline::Timeline;

/// Which lifetimes are kept whole. All are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// All.
    #[default]
    All,
    /// Those of the first so many objects in order of birth: the same ones on every machine.
    First(u64),
    /// None.
    None,
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Run {
    /// The lifetimes that were kept, in order of birth.
    pub lifetimes: Vec<Lifetime>,
    /// The run in figures.
    pub summary: Summary,
    /// When each object was reclaimed, if that was asked for.
    pub fates: Option<Fates>,
}

/// Labels in words.
#[derive(Clone, Debug)]
pub(crate) struct Labels {
    program: Program,
}

impl Labels {
    /// The name of an object.
    pub(crate) fn name(&self, label: Label, ordinal: u64) -> ObjectName {
        ObjectName { label: label.text(&self.program).to_owned(), ordinal }
    }
}

/// Watches a run and writes down the lifetime of every object; give it to a machine as its observer, by value or by
/// `&mut`.
#[derive(Debug)]
pub struct Recorder {
    now: Tick,
    shadow: Shadow,
    /// How many threads there are, and how many have ended; the main thread is one.
    n_threads: u64,
    n_ended: u64,
    last_ended: Tick,
    book: Book,
}

/// Where finished lifetimes go.
#[derive(Debug)]
struct Book {
    labels: Labels,
    keep: Keep,
    kept: Vec<Lifetime>,
    tally: Tally,
    fates: Option<Fates>,
}

impl Recorder {
    /// A recorder for a run of `program` that keeps everything.
    pub fn new(program: &Program) -> Self {
        let records = program.records.clone();
        let labels = Labels { program: Program { records, ..Program::default() } };
        Recorder {
            now: Tick::default(),
            shadow: Shadow::default(),
            n_threads: 1,
            n_ended: 0,
            last_ended: Tick::default(),
            book: Book { labels, keep: Keep::All, kept: Vec::new(), tally: Tally::default(), fates: None },
        }
    }

    /// Keeps these lifetimes whole.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.book.keep = keep;
        self
    }

    /// Also notes for each object when it was reclaimed, for [`crate::determinism()`]: 16 bytes an object.
    #[must_use]
    pub fn with_fates(mut self) -> Self {
        self.book.fates = Some(Fates::new(self.book.labels.clone()));
        self
    }

    /// Traces the shadow graph every `n_births` births, instead of when it pays. What is found is the same: a test that
    /// it is needs passes at other times.
    #[must_use]
    pub fn trace_every(mut self, n_births: u64) -> Self {
        self.shadow.pass_births = Some(n_births);
        self
    }

    /// The run is over: what it showed. `timeline`: the samples taken of it; `faults`: the machine's.
    pub fn finish(mut self, timeline: &Timeline, faults: &FaultLog) -> Run {
        let exit = self.now;
        let end = self.end().unwrap_or(exit);
        self.shadow.end(&mut |finished| self.book.enter(finished, end, exit));
        let Book { mut kept, tally, fates, .. } = self.book;
        kept.sort_unstable_by_key(|lifetime| lifetime.object);
        Run { lifetimes: kept, summary: Summary::new(&tally, end, exit, timeline, faults), fates }
    }

    /// When the program ended, as far as is known: when its last thread did. What its variables held until then did
    /// not die before the end.
    fn end(&self) -> Option<Tick> {
        (self.n_ended >= self.n_threads).then_some(self.last_ended)
    }

    /// A step is complete.
    #[cold]
    fn pass(&mut self) {
        let end = self.end().unwrap_or(Tick(u64::MAX));
        let now = self.now;
        self.shadow.pass(&mut |finished| self.book.enter(finished, end, now));
    }
}

impl Book {
    fn enter(&mut self, finished: &Finished<'_>, end: Tick, now: Tick) {
        self.tally.finished(finished, end, now);
        if let Some(fates) = &mut self.fates {
            fates.enter(finished, end);
        }
        let Finished { node, facts, unreachable } = *finished;
        let is_kept = match self.keep {
            Keep::All => true,
            Keep::First(n_objects) => facts.birth.object.0 < n_objects,
            Keep::None => false,
        };
        if is_kept {
            let Birth { object, label, ordinal, site, storage, born } = facts.birth;
            self.kept.push(Lifetime {
                object,
                name: self.labels.name(label, ordinal),
                site_line: site,
                storage,
                born,
                last_used: facts.last_used,
                unreachable,
                reclaimed: node.reclaimed.map(|(tick, _)| tick),
                reclaimed_by: node.reclaimed.map(|(_, by)| by),
                payload_bytes: facts.payload_bytes,
                total_bytes: facts.total_bytes,
                n_moves: facts.n_moves,
                is_cyclic: node.is_cyclic(),
            });
        }
    }
}

impl Observer for Recorder {
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        let Moment { tick, line, thread } = at;
        if tick != self.now {
            debug_assert!(tick > self.now, "tick {tick} after {}", self.now);
            if self.shadow.is_pass_due() {
                self.pass();
            }
            self.now = tick;
        }
        match *event {
            Event::Born { object, label, ordinal, storage, address: _, payload_bytes, total_bytes } => {
                self.book.tally.born(storage, payload_bytes, total_bytes);
                let birth = Birth { object, label, ordinal, site: line, storage, born: tick };
                self.shadow.bear(birth, payload_bytes, total_bytes);
            }
            Event::Used { object } => {
                if let Some(facts) = self.shadow.facts_mut(object) {
                    facts.last_used = Some(tick);
                }
            }
            Event::Resized { object, payload_bytes, total_bytes } => {
                if let Some(facts) = self.shadow.facts_mut(object) {
                    facts.payload_bytes = payload_bytes;
                    facts.total_bytes = total_bytes;
                }
            }
            Event::Stored { place, old, new } => self.shadow.store(tick, place, old, new),
            Event::Moved { object, from: _, to: _ } => {
                if let Some(facts) = self.shadow.facts_mut(object) {
                    facts.n_moves += 1;
                    self.book.tally.moved(facts.total_bytes);
                }
            }
            Event::Reclaimed { object, by } => self.shadow.reclaim(tick, object, by),
            Event::Called { function: _, stack_bytes } => self.book.tally.called(thread, stack_bytes),
            Event::Returned { stack_bytes: _ } => self.book.tally.returned(thread),
            Event::ThreadStarted { thread: _ } => self.n_threads += 1,
            Event::ThreadEnded => {
                self.n_ended += 1;
                self.last_ended = tick;
            }
            Event::CollectionEnded { collection, n_reclaimed, n_moved, moved_bytes } => {
                self.book.tally.collected(collection, n_reclaimed, n_moved, moved_bytes);
            }
            Event::HeapResized { heap_bytes } => self.book.tally.heap_resized(heap_bytes),
            Event::CollectionBegan(_) | Event::Faulted(_) => {}
        }
    }
}
