//! What every machine keeps beside its memory: the moment, the names of objects, the faults, the observer.

use crate::event::{Event, Label, ObjectName, Observer};
use crate::fault::{Fault, FaultKind, FaultLog};
use crate::program::Program;
use crate::units::{Moment, ObjectId, Tick};

/// The journal of a machine. It names objects in order of creation, so that all machines give the same names.
#[derive(Clone, Debug, Default)]
pub struct Journal<O> {
    /// The moment that the workload is at.
    pub now: Moment,
    /// Who watches.
    pub observer: O,
    faults: FaultLog,
    n_objects: u64,
    /// How many objects have each label; [`place`] says where.
    n_named: Vec<u64>,
}

/// A new object's identity and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming {
    /// Its identity.
    pub object: ObjectId,
    /// The first half of its name.
    pub label: Label,
    /// The second half, from 1.
    pub ordinal: u64,
}

impl Naming {
    /// The name in words.
    pub fn name(self, program: &Program) -> ObjectName {
        ObjectName { label: self.label.text(program).to_owned(), ordinal: self.ordinal }
    }
}

/// A number for each label, records last. It is asked for with every object, and so no hash.
#[inline]
fn place(label: Label) -> usize {
    match label {
        Label::Array => 0,
        Label::List => 1,
        Label::Map => 2,
        Label::Text => 3,
        Label::Bytes => 4,
        Label::Weak => 5,
        Label::Record(record) => 6 + record.index(),
    }
}

impl<O: Observer> Journal<O> {
    /// An empty journal.
    pub fn new(observer: O) -> Self {
        Journal { now: Moment::default(), observer, faults: FaultLog::default(), n_objects: 0, n_named: Vec::new() }
    }

    /// Names the next object that the workload creates. Called once for each creating operation, whatever the runtime
    /// makes of it.
    #[inline]
    pub fn name(&mut self, label: Label) -> Naming {
        let object = ObjectId(self.n_objects);
        self.n_objects += 1;
        let place = place(label);
        if place >= self.n_named.len() {
            self.n_named.resize(place + 1, 0);
        }
        self.n_named[place] += 1;
        Naming { object, label, ordinal: self.n_named[place] }
    }

    /// Tells the observer. The event is built only when somebody watches.
    #[inline]
    pub fn tell<'e>(&mut self, event: impl FnOnce() -> Event<'e>) {
        if O::WATCHES {
            self.observer.observe(self.now, &event());
        }
    }

    /// Records a fault that the runtime does not notice.
    #[cold]
    pub fn fault(&mut self, kind: FaultKind, object: Option<ObjectName>, reclaimed: Option<Tick>, message: &str) {
        let at = self.now;
        self.record(Fault { kind, at, object, reclaimed, message: message.to_owned(), is_fatal: false });
    }

    /// Records a fault that ends the program, and returns it for the operation's `Err`.
    #[cold]
    pub fn fatal(&mut self, kind: FaultKind, object: Option<ObjectName>, message: &str) -> Box<Fault> {
        let at = self.now;
        let fault = Fault { kind, at, object, reclaimed: None, message: message.to_owned(), is_fatal: true };
        self.record(fault.clone());
        Box::new(fault)
    }

    /// Records a fault made elsewhere (by an allocator), with the journal's moment.
    #[cold]
    pub fn adopt(&mut self, mut fault: Box<Fault>) -> Box<Fault> {
        fault.at = self.now;
        self.record((*fault).clone());
        fault
    }

    fn record(&mut self, fault: Fault) {
        if O::WATCHES {
            self.observer.observe(self.now, &Event::Faulted(&fault));
        }
        self.faults.push(fault);
    }

    /// The faults so far.
    pub fn faults(&self) -> &FaultLog {
        &self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Kind;
    use crate::units::{Line, ThreadId};

    #[derive(Default)]
    struct Lines(Vec<String>);

    impl Observer for Lines {
        fn observe(&mut self, at: Moment, event: &Event<'_>) {
            self.0.push(match event {
                Event::Faulted(fault) => format!("{} {fault}", at.tick),
                event => format!("{} {event:?}", at.tick),
            });
        }
    }

    fn name_of(ordinal: u64) -> ObjectName {
        ObjectName { label: "Node".to_owned(), ordinal }
    }

    #[test]
    fn objects_are_numbered_through_and_named_by_label() {
        let mut program = Program::default();
        let node = program.record("Node", &[("next", Kind::Reference)]);
        let mut journal = Journal::new(crate::Unwatched);
        let names: Vec<String> = [Label::Record(node), Label::List, Label::Record(node), Label::Text, Label::List]
            .map(|label| journal.name(label))
            .iter()
            .map(|naming| format!("{} {}", naming.object.0, naming.name(&program)))
            .collect();
        assert_eq!(names, ["0 Node#1", "1 list#1", "2 Node#2", "3 text#1", "4 list#2"]);
    }

    #[test]
    fn an_event_is_told_with_the_moment_and_not_even_built_when_nobody_watches() {
        let mut watched = Journal::new(Lines::default());
        watched.now.tick = Tick(7);
        watched.tell(|| Event::ThreadEnded);
        assert_eq!(watched.observer.0, ["7 ThreadEnded"]);
        Journal::new(crate::Unwatched).tell(|| unreachable!("nobody watches"));
    }

    #[test]
    fn two_observers_see_the_same_events() {
        let mut journal = Journal::new((Lines::default(), Lines::default()));
        journal.tell(|| Event::HeapResized { heap_bytes: 4096 });
        let (first, second) = journal.observer;
        assert_eq!(first.0, ["0 HeapResized { heap_bytes: 4096 }"]);
        assert_eq!(first.0, second.0);
    }

    #[test]
    fn every_fault_is_told_and_kept_and_only_the_fatal_one_is_returned() {
        let mut journal = Journal::new(Lines::default());
        journal.now = Moment { tick: Tick(3), line: Line(12), thread: ThreadId(0) };
        journal.fault(FaultKind::UseAfterFree, Some(name_of(4)), Some(Tick(2)), "");
        let fatal = journal.fatal(FaultKind::OutOfMemory, None, "no room");
        assert!(fatal.is_fatal);
        assert!(!journal.faults().first()[0].is_fatal);
        assert_eq!(journal.faults().total(), 2);
        assert_eq!(
            journal.observer.0,
            [
                "3 use_after_free of Node#4 at line 12, tick 3 (reclaimed at tick 2)",
                "3 out_of_memory at line 12, tick 3: no room",
            ]
        );
    }

    #[test]
    fn an_adopted_fault_gets_the_moment_of_the_journal() {
        let mut journal = Journal::new(crate::Unwatched);
        journal.now.tick = Tick(9);
        let made = Fault {
            kind: FaultKind::Corruption,
            at: Moment::default(),
            object: None,
            reclaimed: None,
            message: "free(): invalid pointer".to_owned(),
            is_fatal: true,
        };
        let adopted = journal.adopt(Box::new(made));
        assert_eq!(adopted.to_string(), "corruption, tick 9: free(): invalid pointer");
        assert_eq!(journal.faults().count(FaultKind::Corruption), 1);
    }
}
