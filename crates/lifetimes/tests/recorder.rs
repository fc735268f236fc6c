//! What a recorder makes of events, told by hand.

use lifetimes::{BruteForce, Fates, Recorder, Run, Timeline, Verdict, determinism};
use memory_trait::{
    Address, Collection, Event, FaultLog, FunctionId, Journal, Kind, Label, Line, ObjectId, Place, Program, Reclaimer,
    RecordId, Storage, ThreadId, Tick,
};

struct Told {
    journal: Journal<Recorder>,
}

impl Told {
    fn new() -> Self {
        let mut program = Program::default();
        program.record("Node", &[("next", Kind::Reference)]);
        let recorder = Recorder::new(&program).with_fates().trace_every(1);
        Told { journal: Journal::new(recorder) }
    }

    fn at(&mut self, tick: u64) -> &mut Self {
        self.journal.now.tick = Tick(tick);
        self
    }

    fn tell(&mut self, event: Event<'_>) -> &mut Self {
        self.journal.tell(|| event);
        self
    }

    /// Creates a node; nothing refers to it yet.
    fn born(&mut self, storage: Storage) -> ObjectId {
        let naming = self.journal.name(Label::Record(RecordId(0)));
        let (object, label, ordinal, address) = (naming.object, naming.label, naming.ordinal, Address(64));
        self.tell(Event::Born { object, label, ordinal, storage, address, payload_bytes: 8, total_bytes: 24 });
        object
    }

    fn slot(&mut self, old: Option<ObjectId>, new: Option<ObjectId>) -> &mut Self {
        self.tell(Event::Stored { place: Place::Slot, old, new })
    }

    /// Creates a node in a slot.
    fn held(&mut self) -> ObjectId {
        let object = self.born(Storage::Heap);
        self.slot(None, Some(object));
        object
    }

    fn reclaimed(&mut self, object: ObjectId, by: Reclaimer) -> &mut Self {
        self.tell(Event::Reclaimed { object, by })
    }

    fn finish(self) -> Run {
        self.journal.observer.finish(&Timeline::default(), &FaultLog::default())
    }
}

fn lines(run: &Run) -> Vec<String> {
    run.lifetimes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_lifetime_has_its_site_its_last_use_its_last_size_and_its_moves() {
    let mut told = Told::new();
    told.journal.now.line = Line(12);
    let object = told.at(3).held();
    told.journal.now.line = Line(13);
    told.at(4).tell(Event::Used { object });
    told.at(5).tell(Event::Used { object }).tell(Event::Resized { object, payload_bytes: 80, total_bytes: 100 });
    told.at(6).tell(Event::Moved { object, from: Address(64), to: Address(128) });
    told.at(7).slot(Some(object), None);
    told.at(9).reclaimed(object, Reclaimer::Young).at(12).tell(Event::ThreadEnded);
    let run = told.finish();
    assert_eq!(lines(&run), ["Node#1: born 3, used 5, unreachable 7, reclaimed 9 by young"]);
    let lifetime = &run.lifetimes[0];
    assert_eq!(
        (lifetime.site_line, lifetime.payload_bytes, lifetime.total_bytes, lifetime.n_moves),
        (Line(12), 80, 100, 1)
    );
    assert_eq!((run.summary.born_payload_bytes, run.summary.born_total_bytes), (8, 24));
    assert_eq!((run.summary.n_moves, run.summary.moved_bytes), (1, 100));
    assert_eq!(run.summary.drag.byte_ticks, 200);
}

#[test]
fn a_reference_on_its_way_within_a_step_is_not_lost() {
    let mut told = Told::new();
    let object = told.at(1).held();
    told.at(2).reclaimed(object, Reclaimer::Free);
    // A frame returns a dangling reference; something else is born in the same step.
    told.at(3).slot(Some(object), None);
    let other = told.born(Storage::Heap);
    told.slot(None, Some(other)).slot(None, Some(object));
    told.at(8).slot(Some(object), None).at(9).tell(Event::ThreadEnded);
    let run = told.finish();
    assert_eq!(lines(&run)[0], "Node#1: born 1, unreachable 8, reclaimed 2 by free");
    assert_eq!((run.summary.deaths.n_early, run.summary.deaths.n_late), (1, 0));
    assert_eq!(run.summary.deaths.early_ticks_max, 6);
    assert_eq!(run.summary.deaths.at_death_share(), Some(1.0));
}

#[test]
fn what_the_last_variables_held_did_not_die_before_the_end() {
    let mut told = Told::new();
    let (early, late) = (told.at(1).held(), told.at(2).held());
    told.at(3).slot(Some(early), None);
    told.at(5).slot(Some(late), None).tell(Event::ThreadEnded);
    // A finalizer runs on, and the exit takes both.
    told.at(8).reclaimed(early, Reclaimer::Exit).reclaimed(late, Reclaimer::Exit);
    let run = told.finish();
    assert_eq!((run.summary.end_tick, run.summary.exit_tick), (Tick(5), Tick(8)));
    assert_eq!((run.summary.deaths.n_died, run.summary.deaths.n_never), (1, 1));
    assert_eq!(run.summary.drag.max_ticks, 5);
    assert_eq!(run.summary.reclaimed.n_exit, 2);
}

#[test]
fn the_end_is_that_of_the_last_thread_or_the_exit() {
    let mut told = Told::new();
    told.at(2).tell(Event::ThreadStarted { thread: ThreadId(1) });
    told.at(4).tell(Event::ThreadEnded);
    let object = told.at(5).held();
    told.at(6).slot(Some(object), None);
    told.at(7).tell(Event::ThreadEnded);
    told.at(9).reclaimed(object, Reclaimer::Exit);
    assert_eq!(told.finish().summary.end_tick, Tick(7));

    let mut told = Told::new();
    let object = told.at(5).held();
    told.at(9).reclaimed(object, Reclaimer::Exit);
    let run = told.finish();
    assert_eq!(run.summary.end_tick, Tick(9), "a program that a fault ended has no other end");
    assert_eq!(lines(&run), ["Node#1: born 5, reachable, reclaimed 9 by exit"]);
}

#[test]
fn a_risen_object_that_is_still_reachable_is_not_cyclic() {
    let mut told = Told::new();
    let object = told.at(1).held();
    told.at(2).tell(Event::Stored { place: Place::Inside { object, index: 0 }, old: None, new: Some(object) });
    told.at(3).slot(Some(object), None);
    told.at(4).born(Storage::Heap);
    // A pass comes here and finds it dead; then its finalizer is called.
    told.at(5).slot(None, Some(object));
    assert_eq!(lines(&told.finish())[0], "Node#1: born 1, reachable, never reclaimed");
}

#[test]
fn static_objects_are_counted_and_not_judged() {
    let mut told = Told::new();
    let object = told.at(1).born(Storage::Static);
    told.slot(None, Some(object)).at(2).slot(Some(object), None);
    told.at(3).tell(Event::ThreadEnded);
    let run = told.finish();
    assert_eq!((run.summary.n_static_objects, run.summary.deaths.n_died), (1, 0));
    let fates = run.fates.expect("fates were asked for");
    assert_eq!(determinism(&[("none", &fates)]).verdict, Verdict::NothingDied);
}

#[test]
fn calls_are_counted_by_thread_and_collections_by_generation() {
    let mut told = Told::new();
    for (thread, stack_bytes) in [(0, 100), (0, 200), (1, 50), (0, 300)] {
        told.journal.now.thread = ThreadId(thread);
        told.tell(Event::Called { function: FunctionId(0), stack_bytes });
    }
    told.tell(Event::Returned { stack_bytes: 200 });
    for (generation, is_full, n_reclaimed) in [(0, false, 5), (2, true, 7), (0, false, 1)] {
        let collection = Collection { generation, is_full, cause: "test" };
        told.tell(Event::CollectionBegan(collection));
        told.tell(Event::CollectionEnded { collection, n_reclaimed, n_moved: 2, moved_bytes: 48 });
    }
    told.tell(Event::HeapResized { heap_bytes: 4096 }).tell(Event::HeapResized { heap_bytes: 0 });
    let summary = told.finish().summary;
    assert_eq!((summary.n_calls, summary.depth_max, summary.stack_peak_bytes), (4, 3, 300));
    let generations: Vec<(u64, u64)> = summary.generations.iter().map(|g| (g.n_collections, g.n_reclaimed)).collect();
    assert_eq!(generations, [(2, 6), (0, 0), (1, 7)]);
    assert_eq!(summary.n_full_collections, 1);
    assert_eq!(summary.usage.heap_peak_bytes, 4096);
}

/// Two objects that die at tick 2 and are reclaimed at these ticks (0: by the exit).
fn fates_of(reclaimed: [u64; 2]) -> Fates {
    let mut told = Told::new();
    told.at(1);
    let objects = [told.held(), told.held()];
    told.at(2).slot(Some(objects[0]), None).slot(Some(objects[1]), None);
    for tick in 3..20 {
        for (object, _) in objects.iter().zip(reclaimed).filter(|&(_, at)| at == tick) {
            told.at(tick).reclaimed(*object, Reclaimer::Full);
        }
    }
    told.at(20).tell(Event::ThreadEnded);
    told.finish().fates.expect("fates were asked for")
}

#[test]
fn a_verdict_is_full_partial_none_or_that_nothing_was_reclaimed() {
    for (first, second, verdict) in [
        ([3, 4], [3, 4], Verdict::Full),
        ([3, 0], [3, 0], Verdict::Full),
        ([3, 4], [3, 5], Verdict::Partial),
        ([3, 4], [3, 0], Verdict::Partial),
        ([3, 4], [4, 5], Verdict::None),
        ([0, 4], [0, 5], Verdict::None),
        ([0, 0], [0, 0], Verdict::NeverReclaimed),
    ] {
        let found = determinism(&[("one", &fates_of(first)), ("other", &fates_of(second))]);
        assert_eq!(found.verdict, verdict, "{first:?} {second:?}");
        assert_eq!(found.n_compared, 2);
    }
}

/// A C program reads memory that nobody wrote and finds in it a pointer to an object that was freed. When that became
/// unreachable, by the recorder and by the naive reference; `has_pass`: whether a birth makes the recorder pass between.
fn revived_by_garbage(has_pass: bool) -> [Option<Tick>; 2] {
    let mut program = Program::default();
    program.record("Node", &[("next", Kind::Reference)]);
    let mut journal = Journal::new((Recorder::new(&program).trace_every(2), BruteForce::new()));
    let bear = |journal: &mut Journal<(Recorder, BruteForce)>| {
        let naming = journal.name(Label::Record(RecordId(0)));
        let (object, label, ordinal, address) = (naming.object, naming.label, naming.ordinal, Address(64));
        let (storage, payload_bytes, total_bytes) = (Storage::Heap, 8, 24);
        journal.tell(|| Event::Born { object, label, ordinal, storage, address, payload_bytes, total_bytes });
        journal.tell(|| Event::Stored { place: Place::Slot, old: None, new: Some(object) });
        object
    };
    journal.now.tick = Tick(1);
    let object = bear(&mut journal);
    journal.now.tick = Tick(2);
    journal.tell(|| Event::Reclaimed { object, by: Reclaimer::Free });
    journal.tell(|| Event::Stored { place: Place::Slot, old: Some(object), new: None });
    if has_pass {
        journal.now.tick = Tick(3);
        bear(&mut journal);
    }
    journal.now.tick = Tick(5);
    journal.tell(|| Event::Stored { place: Place::Slot, old: None, new: Some(object) });
    journal.now.tick = Tick(7);
    journal.tell(|| Event::Stored { place: Place::Slot, old: Some(object), new: None });
    let (recorder, naive) = journal.observer;
    let run = recorder.finish(&Timeline::default(), &FaultLog::default());
    [run.lifetimes[0].unreachable, naive.finish()[0].1]
}

#[test]
fn a_garbage_pointer_does_not_revive_an_object_that_is_over() {
    assert_eq!(revived_by_garbage(true), [Some(Tick(2)), Some(Tick(7))], "the naive reference has it come back");
    assert_eq!(revived_by_garbage(false), [Some(Tick(7)); 2], "it was not over yet: no pass had been");
}
