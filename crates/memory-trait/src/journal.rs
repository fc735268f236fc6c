//! What every machine keeps beside its memory: the moment, the names of objects, the faults, the observer.

use rustc_hash::FxHashMap;

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
    n_named: FxHashMap<Label, u64>,
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

impl<O: Observer> Journal<O> {
    /// An empty journal.
    pub fn new(observer: O) -> Self {
        Journal {
            now: Moment::default(),
            observer,
            faults: FaultLog::default(),
            n_objects: 0,
            n_named: FxHashMap::default(),
        }
    }

    /// Names the next object that the workload creates. Called once for each creating operation, whatever the runtime
    /// makes of it.
    #[inline]
    pub fn name(&mut self, label: Label) -> Naming {
        let object = ObjectId(self.n_objects);
        self.n_objects += 1;
        let ordinal = self.n_named.entry(label).or_insert(0);
        *ordinal += 1;
        Naming { object, label, ordinal: *ordinal }
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
