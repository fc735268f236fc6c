//! The books on objects: what each key stands for, alive, dead, or never there.
//!
//! A key is the provenance of a pointer. An object that died keeps its entry for as long as some variable or some word
//! of memory still holds its key, so that a stale pointer is recognised and named however late it is used; after that
//! the entry is swept. So the books grow with what is live and with what dangles, not with the length of the run.

use memory_trait::{Address, Kind, Label, ObjectId, ObjectKey, RecordId, Storage, Tick};
use slotmap::SlotMap;

use super::heap::Blocks;

/// What a C compiler would know of a pointer: the type of what it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nobody can tell: the pointer came from bytes that never were one.
    Unknown,
    Record(RecordId),
    Array(Kind),
    Bytes,
    List(Kind),
    Map {
        key: Kind,
        value: Kind,
    },
    Text,
    Weak,
}

impl Shape {
    /// The first half of the names of such objects.
    pub(crate) fn label(self) -> Label {
        match self {
            Shape::Record(record) => Label::Record(record),
            Shape::Array(_) => Label::Array,
            Shape::Bytes => Label::Bytes,
            Shape::List(_) => Label::List,
            Shape::Map { .. } => Label::Map,
            Shape::Text => Label::Text,
            Shape::Weak => Label::Weak,
            Shape::Unknown => unreachable!("an object that was created has a shape"),
        }
    }
}

/// Whether the object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is.
    Live,
    /// It was reclaimed then.
    Dead(Tick),
    /// It never was: this is what a pointer of that type and address would point to if it had been made from an object.
    Wild,
}

/// Numbers of entries; boxed where it is kept, because most objects have none.
pub(crate) type Numbers = Vec<u64>;

/// One object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) address: Address,
    pub(crate) state: State,
    pub(crate) shape: Shape,
    /// What the references inside a container were last seen to point to.
    pub(crate) inner: Shape,
    pub(crate) storage: Storage,
    /// Its place among all objects of the workload.
    id: ObjectId,
    /// The second half of its name; 0 for what the workload did not create (literals, wild pointers).
    pub(crate) ordinal: u64,
    /// Fields, elements, characters. Unit: bytes.
    pub(crate) payload_bytes: u64,
    /// The heads and tables of containers. Unit: bytes.
    pub(crate) own_bytes: u64,
    /// Its block.
    pub(crate) first: Blocks,
    /// Its other blocks.
    pub(crate) backing: Blocks,
    /// The first of the weak references to it; of a weak reference, the next one to the same object.
    pub(crate) weak: ObjectKey,
    /// Of a map that somebody watches, the numbers of its entries, place by place.
    pub(crate) numbers: Option<Box<Numbers>>,
    /// Whether its finalizer has run: it does so once.
    pub(crate) is_finalized: bool,
    is_held: bool,
}

impl Object {
    /// An object of the workload.
    pub(crate) fn new(address: Address, shape: Shape, storage: Storage, id: ObjectId, ordinal: u64) -> Self {
        Object {
            address,
            state: State::Live,
            shape,
            inner: Shape::Unknown,
            storage,
            id,
            ordinal,
            payload_bytes: 0,
            own_bytes: 0,
            first: Blocks::default(),
            backing: Blocks::default(),
            weak: ObjectKey::default(),
            numbers: None,
            is_finalized: false,
            is_held: false,
        }
    }

    /// A string literal.
    pub(crate) fn literal(address: Address, text_bytes: u64) -> Self {
        let mut literal = Object::new(address, Shape::Text, Storage::Static, ObjectId(0), 0);
        literal.payload_bytes = text_bytes;
        literal
    }

    /// What a pointer points to that was not made from any object.
    pub(crate) fn wild(address: Address, shape: Shape) -> Self {
        let mut wild = Object::new(address, shape, Storage::Static, ObjectId(0), 0);
        wild.state = State::Wild;
        wild
    }

    /// Its identity, if the workload created it.
    #[inline]
    pub(crate) fn id(&self) -> Option<ObjectId> {
        (self.ordinal != 0).then_some(self.id)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.state == State::Live
    }
}

/// Dead entries that are not worth a sweep.
const N_GONE_MIN: usize = 2048;

/// All objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    map: SlotMap<ObjectKey, Object>,
    /// The entries of what is not live.
    gone: Vec<ObjectKey>,
    sweep_at: usize,
}

impl Objects {
    #[inline]
    pub(crate) fn get(&self, key: ObjectKey) -> Option<&Object> {
        self.map.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: ObjectKey) -> Option<&mut Object> {
        self.map.get_mut(key)
    }

    /// The identity of what a key stands for.
    #[inline]
    pub(crate) fn id(&self, key: ObjectKey) -> Option<ObjectId> {
        self.map.get(key)?.id()
    }

    pub(crate) fn insert(&mut self, object: Object) -> ObjectKey {
        let is_live = object.is_live();
        let key = self.map.insert(object);
        if !is_live {
            self.gone.push(key);
        }
        key
    }

    /// Takes note that an object died.
    #[inline]
    pub(crate) fn bury(&mut self, key: ObjectKey, now: Tick) {
        let object = self.map.get_mut(key).expect("who dies has lived");
        debug_assert_eq!(object.state, State::Live);
        object.state = State::Dead(now);
        self.gone.push(key);
    }

    /// Whether so many entries are dead that a sweep pays.
    #[inline]
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.gone.len() >= self.sweep_at.max(N_GONE_MIN)
    }

    /// Drops the entries of the dead whose key is not among `held`. The next sweep comes when enough have died to pay for
    /// looking at `n_places` again, the number of places that `held` goes through.
    pub(crate) fn sweep(&mut self, held: impl Iterator<Item = ObjectKey>, n_places: usize) {
        for key in held {
            if let Some(object) = self.map.get_mut(key) {
                object.is_held = true;
            }
        }
        let map = &mut self.map;
        self.gone.retain(|&key| {
            let is_held = map.get(key).is_some_and(|object| object.is_held);
            if !is_held {
                map.remove(key);
            }
            is_held
        });
        // Marks on live objects need no wiping: they are looked at only when the object is dead, and then only after the
        // next marking; the worst that comes of one is that a dead object stays for a sweep longer.
        for &key in &self.gone {
            map[key].is_held = false;
        }
        self.sweep_at = 2 * self.gone.len() + n_places / 8;
    }

    /// The live objects that the workload created, in order of creation.
    pub(crate) fn live(&self) -> Vec<(ObjectId, ObjectKey)> {
        let live = self.map.iter().filter(|(_, object)| object.is_live());
        let mut live: Vec<_> = live.filter_map(|(key, object)| Some((object.id()?, key))).collect();
        live.sort_unstable();
        live
    }

    /// The live heap object whose first block is at `address`. Slow: for the misuse that needs it.
    pub(crate) fn live_at(&self, address: Address) -> Option<ObjectKey> {
        let mut all = self.map.iter();
        let is_it = |object: &Object| {
            object.is_live() && object.storage == Storage::Heap && object.address == address && object.ordinal != 0
        };
        all.find(|(_, object)| is_it(object)).map(|(key, _)| key)
    }

    /// Entries, the dead included.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
}
