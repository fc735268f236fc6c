//! Reference counts: taking and dropping references, and the deaths that follow.
//!
//! Mirrors `Py_INCREF`, `Py_DECREF`, the `tp_dealloc` functions and the trashcan. The runtime recurses; here what is
//! still to do stands on an explicit stack, so that a list of a million nodes needs no stack of ours and a death can
//! stop in the middle while a `__del__` runs. The order of everything that can be seen is the runtime's.

pub(crate) mod deaths;
pub(crate) mod trashcan;
pub(crate) mod weakrefs;
pub(crate) mod work;

use memory_trait::{Allocator, Event, ObjectKey, Observer};

use self::trashcan::Trashcan;
use self::work::Work;
use crate::Version;
use crate::object::IMMORTAL;
use crate::object::heap::Heap;
use crate::object::table::Table;

/// Something of the program has to run before the deaths go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The `__del__` of this object. It is alive while that runs.
    Finalizer(ObjectKey),
    /// The callback with this number, of this weak reference.
    Callback {
        /// The weak reference.
        weak: ObjectKey,
        /// The callback's number.
        callback: u64,
    },
}

/// Whether a death may begin on our own stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It is the outermost one: it begins at once.
    AtOnce,
    /// Another one is in progress above: it is put on the stack of work, so that ours does not grow.
    Later,
}

/// The state of deaths in progress.
#[derive(Debug)]
pub(crate) struct Refcounting {
    /// What is still to do, the innermost last.
    pub(crate) work: Vec<Work>,
    /// Where the work of the innermost running finalizer begins; below it everything waits for that to return.
    pub(crate) base: usize,
    /// What the work waits for.
    pub(crate) due: Option<Due>,
    pub(crate) trashcan: Trashcan,
}

impl Refcounting {
    pub(crate) fn new(version: Version) -> Refcounting {
        Refcounting { work: Vec::new(), base: 0, due: None, trashcan: Trashcan::new(version) }
    }
}

/// What a suspended finalizer's surroundings looked like; see [`Heap::enter_due`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspended {
    base: usize,
    reclaimer: memory_trait::Reclaimer,
}

/// Adds `n` references to an object.
#[inline]
pub(crate) fn add_reference(objects: &mut Table, key: ObjectKey, n: u32) {
    let object = &mut objects[key];
    if object.refcount != IMMORTAL {
        object.refcount += n;
    }
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// `Py_INCREF`.
    #[inline]
    pub(crate) fn incref(&mut self, key: ObjectKey) {
        add_reference(&mut self.objects, key, 1);
    }

    /// `Py_INCREF`, so many times.
    #[inline]
    pub(crate) fn incref_by(&mut self, key: ObjectKey, n: u32) {
        add_reference(&mut self.objects, key, n);
    }

    /// `Py_DECREF`: drops a reference, and all that dies of it, until a `__del__` is due or nothing is left to do.
    #[inline]
    pub(crate) fn drop_reference(&mut self, key: ObjectKey) {
        if self.is_last_reference(key) {
            self.die(key);
        }
    }

    /// What happens when the last reference was dropped.
    #[inline(never)]
    pub(crate) fn die(&mut self, key: ObjectKey) {
        if !self.free_number(key) {
            self.die_slowly(key);
        }
    }

    #[inline(never)]
    fn die_slowly(&mut self, key: ObjectKey) {
        if !self.free_scalar(key) {
            self.begin_death(key, Begin::AtOnce);
            self.run();
        }
    }

    /// Drops a reference; what dies of it is freed at once if it is a scalar, else its death is put on the stack of
    /// work. Whether there is such work now.
    #[inline]
    pub(crate) fn release(&mut self, key: ObjectKey) -> bool {
        if !self.is_last_reference(key) || self.free_scalar(key) {
            return false;
        }
        self.begin_death(key, Begin::Later);
        true
    }

    /// Takes one reference off the count; whether it was the last.
    #[inline]
    pub(crate) fn is_last_reference(&mut self, key: ObjectKey) -> bool {
        let object = &mut self.objects[key];
        if object.refcount == IMMORTAL {
            return false;
        }
        debug_assert!(object.refcount > 0, "a reference to a dying {} is dropped", object.type_name());
        object.refcount -= 1;
        object.refcount == 0
    }

    /// Whether work waits for a finalizer or callback.
    #[inline]
    pub(crate) fn is_suspended(&self) -> bool {
        self.refcounting.due.is_some()
    }

    /// What the work waits for begins now: work that comes up meanwhile is done on its own.
    pub(crate) fn enter_due(&mut self) -> Option<(Due, Suspended)> {
        let due = self.refcounting.due.take()?;
        let suspended = Suspended { base: self.refcounting.base, reclaimer: self.reclaimer };
        self.refcounting.base = self.refcounting.work.len();
        self.reclaimer = memory_trait::Reclaimer::Count;
        Some((due, suspended))
    }

    /// What the work waited for has returned. [`Heap::run`] goes on with it.
    pub(crate) fn leave_due(&mut self, suspended: Suspended) {
        assert_eq!(self.refcounting.work.len(), self.refcounting.base, "work of a finalizer outlives it");
        self.refcounting.base = suspended.base;
        self.reclaimer = suspended.reclaimer;
    }

    /// Tells that an object is reclaimed, if the workload knows it.
    #[inline]
    pub(crate) fn tell_reclaimed(&mut self, key: ObjectKey) {
        if O::WATCHES {
            self.n_died += 1;
            if let Some(object) = self.objects.id(key) {
                let by = self.reclaimer;
                self.journal.tell(|| Event::Reclaimed { object, by });
            }
        }
    }
}
