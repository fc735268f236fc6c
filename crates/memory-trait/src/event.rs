//! What can be seen of a run: one small closed set of events that all runtimes have.
//!
//! What only one runtime has (a chunk split, a pool carved, a card dirtied) is that model's own detail and is
//! rendered by it. Observers are monomorphised: with [`Unwatched`] every event is compiled away.

use std::fmt;

use crate::fault::Fault;
use crate::program::Program;
use crate::units::{Address, FunctionId, Moment, ObjectId, RecordId, ThreadId};

/// What sort of object it is: the first half of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A record of this type.
    Record(RecordId),
    /// A fixed array.
    Array,
    /// A growable list.
    List,
    /// A map.
    Map,
    /// A string made at run time.
    Text,
    /// A block of bytes.
    Bytes,
    /// A weak reference.
    Weak,
}

impl Label {
    /// The label in words: the record's name, or `array`, `list`, `map`, `text`, `bytes`, `weak`.
    pub fn text(self, program: &Program) -> &str {
        match self {
            Label::Record(record) => &program.record_shape(record).name,
            Label::Array => "array",
            Label::List => "list",
            Label::Map => "map",
            Label::Text => "text",
            Label::Bytes => "bytes",
            Label::Weak => "weak",
        }
    }
}

/// An object's name, the same on every machine: `Node#17` is the 17th `Node` that the workload created.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The label in words.
    pub label: String,
    /// From 1, counted for each label.
    pub ordinal: u64,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}#{}", self.label, self.ordinal))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for ObjectName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Storage {
    /// On the heap.
    Heap,
    /// In a frame; it dies with the frame.
    Automatic,
    /// In a cache or in the program's own image; it is never reclaimed (a single-character `str` in `CPython`).
    Static,
}

/// Who reclaimed an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Reclaimer {
    /// An explicit `free`.
    Free,
    /// The return of the function whose frame it lived in.
    Scope,
    /// Its reference count reached zero.
    Count,
    /// A collection of cycles.
    Cycle,
    /// A collection of the young generation.
    Young,
    /// A collection of the whole heap.
    Full,
    /// The end of the process.
    Exit,
}

impl Reclaimer {
    /// Every reclaimer, in the order of declaration.
    pub const ALL: [Reclaimer; 7] = [
        Reclaimer::Free,
        Reclaimer::Scope,
        Reclaimer::Count,
        Reclaimer::Cycle,
        Reclaimer::Young,
        Reclaimer::Full,
        Reclaimer::Exit,
    ];

    /// The word used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Reclaimer::Free => "free",
            Reclaimer::Scope => "scope",
            Reclaimer::Count => "count",
            Reclaimer::Cycle => "cycle",
            Reclaimer::Young => "young",
            Reclaimer::Full => "full",
            Reclaimer::Exit => "exit",
        }
    }
}

/// Where a reference is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// In a slot of some frame: a root.
    Slot,
    /// In an object: the field or element `index` of `object`. For a map, twice the number of the entry, plus one for
    /// the value; the number is the machine's own, no two entries have the same one, and an entry keeps it as long as
    /// it is in the map. A weak reference's referent is not told: it is not kept.
    Inside {
        /// The object that keeps it.
        object: ObjectId,
        /// Which field or element.
        index: u64,
    },
}

/// A collection: which generation, how full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The generation collected, 0 the youngest; younger ones are collected with it.
    pub generation: u8,
    /// Whether the whole heap is collected.
    pub is_full: bool,
    /// Why: the runtime's own word (`Allocation Failure`, `threshold`, `System.gc()`).
    pub cause: &'static str,
}

/// Something that happened to memory.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A function was called; the stack of this thread is now this high.
    Called {
        /// The function.
        function: FunctionId,
        /// Bytes of this thread's stack in use.
        stack_bytes: u64,
    },
    /// The current function returned.
    Returned {
        /// Bytes of this thread's stack in use.
        stack_bytes: u64,
    },
    /// A thread began. Its bottom frame's [`Event::Called`] follows, with the new thread in its moment.
    ThreadStarted {
        /// The new thread.
        thread: ThreadId,
    },
    /// The current thread ended: its bottom frame has returned. The main thread's end is told, too.
    ThreadEnded,
    /// The workload created an object. The reference to it that the creating operation writes is told next.
    Born {
        /// Its identity.
        object: ObjectId,
        /// The first half of its name.
        label: Label,
        /// The second half, from 1.
        ordinal: u64,
        /// Where it lives.
        storage: Storage,
        /// Where exactly.
        address: Address,
        /// Bytes the program asked for: fields, elements, characters.
        payload_bytes: u64,
        /// Bytes it takes, with headers, rounding and its own backing store.
        total_bytes: u64,
    },
    /// An object was read from, written to, or asked about. To copy, compare or drop a reference is no use of the
    /// object; to make or read a weak reference uses the weak reference, not its referent.
    Used {
        /// The object.
        object: ObjectId,
    },
    /// An object's own backing store grew or shrank.
    Resized {
        /// The object.
        object: ObjectId,
        /// As in [`Event::Born`], now.
        payload_bytes: u64,
        /// As in [`Event::Born`], now.
        total_bytes: u64,
    },
    /// A reference was written over: in a slot (those of a frame are written over with nothing when it returns) or in a
    /// field or element. Told only where one of the two is an object. An object that is reclaimed loses all that it
    /// referred to without further events: who needs the references it held has followed them from [`Event::Born`] on.
    /// What is written through a dangling reference is in no object, and not told.
    Stored {
        /// Where.
        place: Place,
        /// What was there.
        old: Option<ObjectId>,
        /// What is there now.
        new: Option<ObjectId>,
    },
    /// An object was moved.
    Moved {
        /// The object.
        object: ObjectId,
        /// From here,
        from: Address,
        /// to here.
        to: Address,
    },
    /// An object is gone.
    Reclaimed {
        /// The object.
        object: ObjectId,
        /// By whom.
        by: Reclaimer,
    },
    /// A collection began.
    CollectionBegan(Collection),
    /// That collection ended.
    CollectionEnded {
        /// What [`Event::CollectionBegan`] said.
        collection: Collection,
        /// Objects reclaimed by it, the runtime's own included.
        n_reclaimed: u64,
        /// Objects moved by it.
        n_moved: u64,
        /// Bytes of objects copied or moved by it.
        moved_bytes: u64,
    },
    /// The heap took memory from the operating system or gave some back.
    HeapResized {
        /// Bytes now taken.
        heap_bytes: u64,
    },
    /// The program did something wrong.
    Faulted(&'a Fault),
}

/// Someone who watches a run.
pub trait Observer {
    /// Whether it watches at all; a machine skips all the work for events when not.
    const WATCHES: bool = true;

    /// Takes note of an event. Events come in the order in which things happen.
    fn observe(&mut self, at: Moment, event: &Event<'_>);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwatched;

impl Observer for Unwatched {
    const WATCHES: bool = false;

    #[inline(always)]
    fn observe(&mut self, _at: Moment, _event: &Event<'_>) {}
}

impl<O: Observer> Observer for &mut O {
    const WATCHES: bool = O::WATCHES;

    #[inline]
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        (**self).observe(at, event);
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    const WATCHES: bool = A::WATCHES || B::WATCHES;

    #[inline]
    fn observe(&mut self, at: Moment, event: &Event<'_>) {
        self.0.observe(at, event);
        self.1.observe(at, event);
    }
}
