//! The detector of a process: which object each pointer belongs to, what was written, and the judgement of each use.
//!
//! It never looks into memory and never changes anything: it is told.

use std::collections::{BTreeMap, VecDeque};

use memory_trait::{Address, ObjectKey};
use slotmap::SlotMap;

use super::Pointer;
use super::finding::{Access, Finding, Misuse, Owner, Site, Storage};
use crate::detector::Written;
use crate::machine::provenance::Provenance;
use crate::memory::PAGE_BYTES;

/// Of how many objects that are over the history is kept: the latest. Unit: objects.
pub const FINISHED_MAX: usize = 1 << 16;

/// How many findings are kept: the first.
const FINDINGS_MAX: usize = 1000;

/// Where the program is.
pub(super) type At = Site;

/// An object, as the detector knows it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    name: &'static str,
    /// For a block: its number. 0 for a variable.
    ordinal: u64,
    pub(super) storage: Storage,
    pub(super) start: u64,
    pub(super) bytes: u64,
    born: Site,
    over: Option<(Site, Misuse)>,
}

impl Object {
    pub(super) const fn is_live(&self) -> bool {
        self.over.is_none()
    }

    /// Whether all of `bytes` bytes at `at` are inside.
    const fn has(&self, at: u64, bytes: u64) -> bool {
        let offset = at.wrapping_sub(self.start);
        offset <= self.bytes && bytes <= self.bytes - offset
    }

    fn owner(&self) -> Owner {
        let name = if self.ordinal == 0 { self.name.to_owned() } else { format!("{}#{}", self.name, self.ordinal) };
        Owner {
            name,
            storage: self.storage,
            address: Address(self.start),
            bytes: self.bytes,
            born: self.born,
            over: self.over.map(|(site, _)| site),
        }
    }
}

/// What the detector knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    objects: SlotMap<ObjectKey, Object>,
    /// The latest object at each address, live or over.
    by_start: BTreeMap<u64, ObjectKey>,
    /// Those that are over, the latest last.
    finished: VecDeque<ObjectKey>,
    n_blocks: u64,
    pub(super) written: Written,
    pub(super) provenance: Provenance,
    findings: Vec<Finding>,
}

impl Watch {
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(super) fn get(&self, key: ObjectKey) -> Option<&Object> {
        self.objects.get(key)
    }

    /// Live blocks of the heap, in order of addresses.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (ObjectKey, &Object)> {
        let objects = self.by_start.values().filter_map(|&key| Some((key, self.objects.get(key)?)));
        objects.filter(|(_, object)| object.storage == Storage::Heap && object.is_live())
    }

    /// An object comes to be; what was at its address before is forgotten there.
    pub(super) fn born(
        &mut self,
        storage: Storage,
        name: &'static str,
        start: u64,
        bytes: u64,
        is_written: bool,
        born: Site,
    ) -> ObjectKey {
        let mut ordinal = 0;
        if storage == Storage::Heap {
            self.n_blocks += 1;
            ordinal = self.n_blocks;
        }
        let key = self.objects.insert(Object { name, ordinal, storage, start, bytes, born, over: None });
        let before: Vec<u64> = self.by_start.range(start..start + bytes.max(1)).map(|(&start, _)| start).collect();
        for start in before {
            self.by_start.remove(&start);
        }
        self.by_start.insert(start, key);
        self.written.fill(start, bytes, is_written);
        self.provenance.clear(start, bytes);
        key
    }

    /// An object is over; `misuse` is what using it is from now on.
    pub(super) fn over(&mut self, key: ObjectKey, misuse: Misuse, site: Site) {
        let Some(object) = self.objects.get_mut(key).filter(|object| object.is_live()) else { return };
        object.over = Some((site, misuse));
        self.finished.push_back(key);
        if self.finished.len() > FINISHED_MAX {
            let oldest = self.finished.pop_front().expect("there are many");
            if let Some(object) = self.objects.remove(oldest)
                && self.by_start.get(&object.start) == Some(&oldest)
            {
                self.by_start.remove(&object.start);
            }
        }
    }

    /// A function has returned: all that lived from `low` up to `end` on the stack is over.
    pub(super) fn end_stack(&mut self, low: u64, end: u64, site: Site) {
        let keys: Vec<ObjectKey> = self.by_start.range(low..end).map(|(_, &key)| key).collect();
        for key in keys {
            self.over(key, Misuse::UseAfterReturn, site);
        }
    }

    /// The object at an address, live or over.
    fn object_at(&self, at: u64) -> Option<ObjectKey> {
        let mut below = self.by_start.range(..=at).rev().take(4).map(|(_, &key)| key);
        below.find(|&key| self.objects.get(key).is_some_and(|object| object.has(at, 1)))
    }

    /// The live block that begins at `start`.
    pub(super) fn block_at(&self, start: u64) -> Option<ObjectKey> {
        let &key = self.by_start.get(&start)?;
        self.objects.get(key).is_some_and(|object| object.is_live() && object.storage == Storage::Heap).then_some(key)
    }

    /// A pointer that belongs to the object that is at its address, if it has none of its own.
    pub(super) fn owned(&self, pointer: Pointer) -> Pointer {
        let is_known = pointer.object != ObjectKey::default();
        if is_known {
            pointer
        } else {
            Pointer { object: self.object_at(pointer.address.0).unwrap_or_default(), ..pointer }
        }
    }

    pub(super) fn report(&mut self, misuse: Misuse, access: Access, address: Address, key: ObjectKey, at: Site) {
        if self.findings.len() < FINDINGS_MAX {
            let owner = self.objects.get(key).map(Object::owner);
            self.findings.push(Finding { misuse, access, at, address, owner });
        }
    }

    /// Judges a use of `bytes` bytes: are they there, of this object, in its lifetime. `stack` is its lowest address and
    /// the stack pointer.
    pub(super) fn examine(&mut self, pointer: Pointer, bytes: u64, access: Access, stack: (u64, u64), at: Site) {
        if bytes == 0 {
            return;
        }
        let pointer = self.owned(pointer);
        let address = pointer.address;
        let misuse = match self.objects.get(pointer.object) {
            _ if address.0 < PAGE_BYTES => Misuse::NullDereference,
            Some(_) if address.0 < stack.0 && address.0 >= stack.1.wrapping_sub(128) => Misuse::StackOverflow,
            Some(Object { over: Some((_, misuse)), .. }) => *misuse,
            Some(object) if object.has(address.0, bytes) => return,
            Some(_) => Misuse::OutOfBounds,
            None if pointer.object == ObjectKey::default() => Misuse::WildPointer,
            None => Misuse::UseAfterFree,
        };
        let of = if misuse == Misuse::StackOverflow { ObjectKey::default() } else { pointer.object };
        self.report(misuse, access, address, of, at);
    }

    /// Reports bytes that nobody has written and that something depends on.
    pub(super) fn examine_written(&mut self, pointer: Pointer, bytes: u64, access: Access, at: Site) {
        if !self.written.is_all(pointer.address.0, bytes) {
            let pointer = self.owned(pointer);
            self.report(Misuse::Uninitialised, access, pointer.address, pointer.object, at);
        }
    }

    /// Judges a `free` or `realloc`; the block that is to end, if all is well.
    pub(super) fn examine_free(&mut self, pointer: Pointer, access: Access, at: Site) -> Option<ObjectKey> {
        let pointer = self.owned(pointer);
        let address = pointer.address.0;
        let misuse = match self.objects.get(pointer.object) {
            Some(object) if object.storage == Storage::Heap && object.start == address => match object.over {
                None => return Some(pointer.object),
                Some(_) => Misuse::DoubleFree,
            },
            None if pointer.object != ObjectKey::default() => Misuse::DoubleFree,
            _ => Misuse::InvalidFree,
        };
        self.report(misuse, access, pointer.address, pointer.object, at);
        None
    }

    /// A block of `bytes` bytes is at `to` after a `realloc` of the one at `from`, of which `kept` bytes were kept.
    pub(super) fn moved(&mut self, from: u64, to: u64, kept: u64, bytes: u64, at: Site) -> ObjectKey {
        let (written, keys) = (self.written.slice(from, kept), self.provenance.slice(from, kept / 8));
        let key = self.born(Storage::Heap, "malloc", to, bytes, false, at);
        self.written.paste(to, &written);
        self.provenance.paste(to, &keys);
        key
    }

    /// `bytes` bytes were copied: what is known of them goes with them.
    pub(super) fn copied(&mut self, from: u64, to: u64, bytes: u64) {
        let written = self.written.slice(from, bytes);
        self.written.paste(to, &written);
        let first = from.next_multiple_of(8) - from;
        let n_words = bytes.saturating_sub(first) / 8;
        let keys = if from % 8 == to % 8 { self.provenance.slice(from + first, n_words) } else { Vec::new() };
        self.provenance.clear(to, bytes);
        self.provenance.paste(to + first, &keys);
    }
}
