//! All objects of an interpreter and the memory they are in.
//!
//! Mirrors what hangs off `PyInterpreterState`: the object allocator, the free lists, the collector's state, the
//! singletons. The operations on it are in the neighbouring modules, one a type. Knows nothing of frames: who holds an
//! object from outside has taken a reference for it.

use memory_trait::journal::Naming;
use memory_trait::{
    Address, Allocator, Event, Fault, FaultKind, Journal, ObjectKey, Observer, Outcome, Reclaimer, Storage,
};
use slotmap::SecondaryMap;

use super::account::{Account, Split};
use super::instances::Attributes;
use super::spares::Spares;
use super::table::Table;
use super::{Body, IMMORTAL, N_INLINE, STATIC_REFCOUNT_3_11, Text};
use crate::cycle::Gc;
use crate::freelists::FreeLists;
use crate::layout::instance::SharedKeys;
use crate::layout::{self, GC_HEADER_BYTES, TextKind};
use crate::machine::tape::{AllocatorCall, CallKind, Tape};
use crate::params::SMALL_REQUEST_THRESHOLD_BYTES;
use crate::refcount::Refcounting;
use crate::{Pymalloc, Version};

/// The integers that exist once. Source: `pycore_global_objects.h:_PY_NSMALLNEGINTS`, `_PY_NSMALLPOSINTS`.
pub(crate) const SMALL_INTS: std::ops::Range<i64> = -5..257;

/// Where static objects are: in the interpreter's own image. Only their difference from heap addresses matters.
const STATIC_BASE: Address = Address(0x5555_5570_0000);

/// The room left for each static object in the image. Unit: bytes.
const STATIC_STRIDE_BYTES: u64 = 64;

/// Objects that exist once and are part of the interpreter.
#[derive(Debug)]
pub(crate) struct Singletons {
    pub(crate) none: ObjectKey,
    pub(crate) truths: [ObjectKey; 2],
    pub(crate) small_ints: Vec<ObjectKey>,
    pub(crate) latin1: Vec<ObjectKey>,
    pub(crate) empty_text: ObjectKey,
    pub(crate) empty_bytes: ObjectKey,
    pub(crate) empty_tuple: ObjectKey,
}

/// A class with `__slots__`.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// What an instance asks for, headers included. Unit: bytes.
    pub(crate) request_bytes: u64,
    /// Bytes before the object proper: the collector's links.
    pub(crate) pre_header_bytes: u64,
    pub(crate) n_fields: usize,
    /// Field numbers by attribute name: the order in which slots are visited and cleared.
    pub(crate) slot_order: Box<[u32]>,
    /// The same where the fields are in the object's record.
    pub(crate) inline_order: [u8; N_INLINE],
    /// What the fields are at first; references owned by the class.
    pub(crate) defaults: Box<[ObjectKey]>,
    /// The same where the fields are in the object's record.
    pub(crate) inline_defaults: [Option<ObjectKey>; N_INLINE],
    /// Whether nobody counts references to those.
    pub(crate) are_defaults_immortal: bool,
    /// Whether it has a `__del__`.
    pub(crate) has_del: bool,
    /// The names of attributes that its instances share, where they have a `__dict__` rather than slots.
    pub(crate) shared_keys: Option<Box<SharedKeys>>,
}

/// The objects of an interpreter.
#[derive(Debug)]
pub(crate) struct Heap<O, A> {
    pub(crate) version: Version,
    pub(crate) journal: Journal<O>,
    pub(crate) objects: Table,
    pub(crate) allocator: Pymalloc<A>,
    pub(crate) limit_bytes: u64,
    bytes_told: u64,
    /// What an `int` of one digit asks for. Unit: bytes.
    pub(super) one_digit_bytes: u64,
    /// Where the calls of the allocator are written down, if anywhere.
    pub(crate) tape: Option<Box<Tape>>,
    pub(crate) account: Account,
    pub(crate) free_lists: FreeLists,
    pub(crate) spares: Spares,
    pub(crate) classes: Vec<Class>,
    /// Blocks of the instances that have attributes rather than slots.
    pub(crate) attributes: SecondaryMap<ObjectKey, Attributes>,
    /// The newest weak reference to each object that has one.
    pub(crate) weakrefs: SecondaryMap<ObjectKey, ObjectKey>,
    pub(crate) singletons: Singletons,
    pub(crate) gc: Gc,
    pub(crate) refcounting: Refcounting,
    /// Who reclaims what dies now.
    pub(crate) reclaimer: Reclaimer,
    /// Objects that died so far; counted for whoever watches.
    pub(crate) n_died: u64,
}

impl<O: Observer, A: Allocator> Heap<O, A> {
    /// A heap in which nothing exists but the static objects.
    pub(crate) fn new(
        version: Version,
        thresholds: [u32; 3],
        limit_bytes: u64,
        allocator: Pymalloc<A>,
        observer: O,
    ) -> Heap<O, A> {
        assert!(version >= Version::V3_11, "objects of CPython {version} are not modelled, only its allocator");
        let one_digit_bytes = layout::int_bytes(SMALL_INTS.end, version);
        let mut objects = Table::new();
        let gc = Gc::new(thresholds, &mut objects);
        let singletons = Singletons::new(version, &mut objects);
        Heap {
            version,
            journal: Journal::new(observer),
            objects,
            one_digit_bytes,
            tape: None,
            bytes_told: allocator.heap_bytes(),
            allocator,
            limit_bytes,
            account: Account::new(Split::boxed(one_digit_bytes, class_bytes_of(one_digit_bytes))),
            free_lists: FreeLists::new(version),
            spares: Spares::default(),
            classes: Vec::new(),
            attributes: SecondaryMap::new(),
            weakrefs: SecondaryMap::new(),
            singletons,
            gc,
            refcounting: Refcounting::new(version),
            reclaimer: Reclaimer::Count,
            n_died: 0,
        }
    }

    /// `PyObject_Malloc`.
    ///
    /// # Errors
    /// [`FaultKind::OutOfMemory`] when the heap would exceed its limit.
    #[inline]
    pub(crate) fn malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        let block = self.allocator.malloc_at_hand(request_bytes);
        let block = if block.is_null() { self.malloc_anew(request_bytes)? } else { block };
        self.note(CallKind::Malloc, request_bytes, Address::NULL, block);
        Ok(block)
    }

    /// `PyObject_Calloc`.
    pub(crate) fn calloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        self.check_growth(request_bytes)?;
        let block = match self.allocator.calloc(1, request_bytes) {
            Ok(address) => self.accept_new(address)?,
            Err(fault) => return Err(self.journal.adopt(fault)),
        };
        self.note(CallKind::Calloc, request_bytes, Address::NULL, block);
        Ok(block)
    }

    /// Writes a call down for whoever watches, if that is wanted.
    #[inline]
    fn note(&mut self, kind: CallKind, bytes: u64, block: Address, answer: Address) {
        if O::WATCHES
            && let Some(tape) = &mut self.tape
        {
            let n_collections = self.gc.stats.map(|stats| stats.n_collections);
            let line = self.journal.now.line;
            tape.calls.push(AllocatorCall { kind, bytes, block, answer, line, n_collections });
        }
    }

    /// The same where no pool has a block: the heap may grow.
    #[cold]
    #[inline(never)]
    fn malloc_anew(&mut self, request_bytes: u64) -> Outcome<Address> {
        self.check_growth(request_bytes)?;
        match self.allocator.malloc(request_bytes) {
            Ok(address) => self.accept_new(address),
            Err(fault) => Err(self.journal.adopt(fault)),
        }
    }

    /// `PyObject_Realloc`.
    pub(crate) fn realloc(&mut self, block: Address, request_bytes: u64) -> Outcome<Address> {
        if request_bytes > SMALL_REQUEST_THRESHOLD_BYTES {
            let grows_by = request_bytes.saturating_sub(self.allocator.usable_size(block));
            self.check_room(grows_by)?;
        }
        let moved = match self.allocator.realloc(block, request_bytes) {
            Ok(address) => self.accept(address)?,
            Err(fault) => return Err(self.journal.adopt(fault)),
        };
        let kind = if block.is_null() { CallKind::Malloc } else { CallKind::Realloc };
        self.note(kind, request_bytes, block, moved);
        Ok(moved)
    }

    /// `PyObject_Free`.
    #[inline]
    pub(crate) fn free(&mut self, block: Address) {
        self.note(CallKind::Free, 0, block, Address::NULL);
        if let Err(fault) = self.allocator.free(block) {
            no_such_block(block, &fault);
        }
        self.tell_heap();
    }

    /// Bytes of the block at `address` that was asked for as `request_bytes` and never resized.
    #[inline]
    pub(crate) fn block_bytes(&mut self, address: Address, request_bytes: u64) -> u64 {
        if request_bytes.wrapping_sub(1) < SMALL_REQUEST_THRESHOLD_BYTES {
            class_bytes_of(request_bytes)
        } else {
            self.allocator.usable_size(address)
        }
    }

    /// `_PyObject_GC_New`: memory with room for the collector's links, counted as an allocation; a collection may be
    /// due after it. Answers the block, not the object.
    #[inline]
    pub(crate) fn gc_malloc(&mut self, request_bytes: u64) -> Outcome<Address> {
        let block = self.malloc(request_bytes)?;
        self.gc.count_allocation();
        Ok(block)
    }

    /// `PyObject_GC_Del`.
    #[inline]
    pub(crate) fn gc_free(&mut self, block: Address) {
        self.gc.count_deallocation();
        self.free(block);
    }

    /// Makes an object of a body.
    #[inline]
    pub(crate) fn insert(&mut self, body: Body, address: Address) -> ObjectKey {
        self.objects.insert(body, address)
    }

    /// Takes an object out of the table whose body owns no memory of the host's: nothing is left to drop.
    #[inline]
    pub(super) fn remove(&mut self, key: ObjectKey) {
        let body = self.objects.remove(key);
        debug_assert!(!body.owns_memory(), "{body:?} owns memory");
        std::mem::forget(body);
    }

    /// Gives an object the name that the workload knows it by.
    #[inline]
    pub(crate) fn christen(&mut self, key: ObjectKey, naming: Naming, split: Split) {
        debug_assert!(self.objects.name(key).is_none(), "an object has one name");
        self.name(key, naming, split);
    }

    /// Gives an object a name, or another one where it takes the place of another in the same memory.
    #[inline]
    pub(crate) fn name(&mut self, key: ObjectKey, naming: Naming, split: Split) {
        self.objects.set_name(key, naming);
        let address = self.objects[key].address;
        let Naming { object, label, ordinal } = naming;
        let (payload_bytes, total_bytes) = (split.payload, split.total());
        self.journal.tell(|| Event::Born {
            object,
            label,
            ordinal,
            storage: Storage::Heap,
            address,
            payload_bytes,
            total_bytes,
        });
    }

    /// The workload asked for a new object and was given one that existed: a cached string, an operand. The name is
    /// taken all the same; it stands for something that is never reclaimed as such.
    #[cold]
    pub(crate) fn christen_existing(&mut self, key: ObjectKey, naming: Naming) {
        let address = self.objects[key].address;
        let Naming { object, label, ordinal } = naming;
        let storage = Storage::Static;
        self.journal.tell(|| Event::Born {
            object,
            label,
            ordinal,
            storage,
            address,
            payload_bytes: 0,
            total_bytes: 0,
        });
    }

    /// Tells that an object's own backing store is another size now.
    #[inline]
    pub(crate) fn tell_resized(&mut self, key: ObjectKey, object_split: Split, store: Split) {
        if O::WATCHES
            && let Some(object) = self.objects.id(key)
        {
            let payload_bytes = object_split.payload + store.payload;
            let total_bytes = object_split.total() + store.total();
            self.journal.tell(|| Event::Resized { object, payload_bytes, total_bytes });
        }
    }

    /// Tells that an object was used, if the workload knows it.
    #[inline]
    pub(crate) fn used(&mut self, key: ObjectKey) {
        if O::WATCHES
            && let Some(object) = self.objects.id(key)
        {
            self.journal.tell(|| Event::Used { object });
        }
    }

    /// The object.
    #[inline]
    pub(crate) fn object(&self, key: ObjectKey) -> &super::Object {
        &self.objects[key]
    }

    /// Refuses what would cross the limit, before it is made: an arena, or a large block that no room is left for.
    fn check_growth(&mut self, request_bytes: u64) -> Outcome<()> {
        if request_bytes > SMALL_REQUEST_THRESHOLD_BYTES {
            return self.check_room(request_bytes);
        }
        let heap_bytes = self.allocator.heap_bytes() + self.allocator.arena_bytes_for(request_bytes);
        if heap_bytes > self.limit_bytes { Err(self.out_of_memory()) } else { Ok(()) }
    }

    #[inline]
    fn check_room(&mut self, bytes: u64) -> Outcome<()> {
        let room = self.limit_bytes.saturating_sub(self.allocator.heap_bytes());
        // What is free within the heap may serve the request, so only what cannot be met at all is refused here.
        let spare = self.allocator.heap_bytes().saturating_sub(self.account.total());
        if bytes > room.saturating_add(spare) { Err(self.out_of_memory()) } else { Ok(()) }
    }

    /// Takes a new block, unless it has crossed the limit: whether the allocator below pymalloc would need more memory
    /// for a large block is only known when it has done so. The block goes back then.
    fn accept_new(&mut self, address: Address) -> Outcome<Address> {
        if !address.is_null() && self.allocator.heap_bytes() > self.limit_bytes {
            if let Err(fault) = self.allocator.free(address) {
                no_such_block(address, &fault);
            }
            return Err(self.out_of_memory());
        }
        self.accept(address)
    }

    #[inline]
    fn accept(&mut self, address: Address) -> Outcome<Address> {
        if address.is_null() || self.allocator.heap_bytes() > self.limit_bytes {
            return Err(self.out_of_memory());
        }
        self.tell_heap();
        Ok(address)
    }

    /// `PyErr_NoMemory`.
    #[cold]
    #[expect(clippy::unnecessary_box_returns, reason = "it is the `Err` of an outcome, which is boxed")]
    pub(crate) fn out_of_memory(&mut self) -> Box<memory_trait::Fault> {
        self.journal.fatal(FaultKind::OutOfMemory, None, "MemoryError")
    }

    #[inline]
    fn tell_heap(&mut self) {
        if O::WATCHES {
            let heap_bytes = self.allocator.heap_bytes();
            if heap_bytes != self.bytes_told {
                self.bytes_told = heap_bytes;
                self.journal.tell(|| Event::HeapResized { heap_bytes });
            }
        }
    }
}

#[cold]
#[inline(never)]
fn no_such_block(block: Address, fault: &Fault) -> ! {
    panic!("freeing the block at {block} of a dead object: {fault}")
}

/// The block that pymalloc serves a request with. Unit: bytes.
#[inline]
fn class_bytes_of(request_bytes: u64) -> u64 {
    request_bytes.next_multiple_of(crate::params::ALIGNMENT_BYTES)
}

/// The block of an object of a collected type, given its `id()`.
#[inline]
pub(crate) fn gc_block(address: Address) -> Address {
    Address(address.0 - GC_HEADER_BYTES)
}

impl Singletons {
    fn new(version: Version, objects: &mut Table) -> Singletons {
        let refcount = if version >= Version::V3_12 { IMMORTAL } else { STATIC_REFCOUNT_3_11 };
        let mut n_made = 0;
        let mut make = |body| {
            let key = objects.insert(body, STATIC_BASE.offset(n_made * STATIC_STRIDE_BYTES));
            n_made += 1;
            objects[key].refcount = refcount;
            key
        };
        let text = |chars: String| {
            let n_chars = chars.chars().count() as u64;
            let kind = if chars.is_ascii() { TextKind::Ascii } else { TextKind::Latin1 };
            Body::Text(Box::new(Text { chars, n_chars, kind, hash: None }))
        };
        Singletons {
            none: make(Body::None),
            truths: [make(Body::Bool(false)), make(Body::Bool(true))],
            small_ints: SMALL_INTS.map(|value| make(Body::Int(value))).collect(),
            latin1: (0..=255_u8).map(|code| make(text(char::from(code).to_string()))).collect(),
            empty_text: make(text(String::new())),
            empty_bytes: make(Body::Bytes(0)),
            empty_tuple: make(Body::Tuple(Vec::new())),
        }
    }
}
