//! The operations of a graph program, and how recordings write them.

use std::fmt;

/// An operation; slots and keys by number. `S` is the array of slots, `K` that of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphOperation {
    /// `S[a] = []`
    NewList(usize),
    /// `S[a].append(S[b])`
    Append(usize, usize),
    /// `S[a] = None`
    Drop(usize),
    /// `S[a] = {}`
    NewDict(usize),
    /// `S[a][K[c]] = S[b]`
    SetItem(usize, usize, usize),
    /// `S[a] = (S[b], S[c])`
    NewPair(usize, usize, usize),
    /// `S[a] = Node()`, which has `__slots__` p and q
    NewNode(usize),
    /// `S[a] = Node()`, which has `__slots__` p, q and w
    NewWeakNode(usize),
    /// `S[a].p = S[b]` (0) or `S[a].q = S[b]` (1)
    SetField(usize, usize, usize),
    /// `S[a].pop()`
    Pop(usize),
    /// `S[a].clear()`
    Clear(usize),
    /// `S[a] = Obj()`, whose `__init__` sets x and y to `None`
    NewObject(usize),
    /// `S[a] = S[b]`
    Copy(usize, usize),
    /// `gc.collect(generation)`
    Collect(usize),
    /// `del S[a][K[c]]`
    DeleteItem(usize, usize),
    /// `S[a] = [S[b], S[c]]`
    NewListOfTwo(usize, usize, usize),
    /// `S[a] = {K[c]: S[b]}`
    NewDictOfOne(usize, usize, usize),
    /// `S[a] = (1, 2, n)`, made at run time
    NewTriple(usize),
    /// `S[a] =` a tuple of 20 times `S[b]`
    NewTwenty(usize, usize),
    /// `S[a] = Fin()` with this identity, which its `__del__` logs; it may put itself into a slot then.
    NewFinalizable {
        /// Where it goes.
        a: usize,
        /// What its finalizer logs.
        id: u64,
        /// The slot that rescues it.
        rescue: Option<usize>,
    },
    /// `S[a].w = weakref.ref(S[b], callback)`: the callback logs this number.
    WeakField(usize, usize, u64),
    /// `W[a] = weakref.ref(S[b], callback)`, in a second array of slots.
    WeakSlot(usize, usize, u64),
    /// `W[a] = None`
    DropWeak(usize),
    /// `gc.disable()`
    Disable,
    /// `gc.enable()`
    Enable,
    /// `gc.freeze()`
    Freeze,
    /// `gc.unfreeze()`
    Unfreeze,
    /// `gc.set_threshold(...)`
    SetThreshold([u32; 3]),
    /// `gc.set_debug(gc.DEBUG_SAVEALL)`, or with 0
    SaveAll(bool),
    /// `gc.garbage.clear()`
    ClearGarbage,
}

impl GraphOperation {
    /// The operation that a recording writes as these four numbers; `None` when there is no such operation.
    pub fn from_quad([kind, a, b, c]: [i64; 4]) -> Option<GraphOperation> {
        let (a, b, c) = (place(a)?, place(b)?, place(c)?);
        Some(match kind {
            0 => GraphOperation::NewList(a),
            1 => GraphOperation::Append(a, b),
            2 => GraphOperation::Drop(a),
            3 => GraphOperation::NewDict(a),
            4 => GraphOperation::SetItem(a, b, c),
            5 => GraphOperation::NewPair(a, b, c),
            6 => GraphOperation::NewNode(a),
            7 | 12 => GraphOperation::SetField(a, 0, b),
            8 => GraphOperation::SetField(a, 1, b),
            9 => GraphOperation::Pop(a),
            10 => GraphOperation::Clear(a),
            11 => GraphOperation::NewObject(a),
            13 => GraphOperation::Copy(a, b),
            14 => GraphOperation::Collect(b),
            15 => GraphOperation::DeleteItem(a, c),
            16 => GraphOperation::NewListOfTwo(a, b, c),
            17 => GraphOperation::NewDictOfOne(a, b, c),
            18 => GraphOperation::NewTriple(a),
            19 => GraphOperation::NewTwenty(a, b),
            20 => GraphOperation::Disable,
            21 => GraphOperation::Enable,
            22 => GraphOperation::Freeze,
            23 => GraphOperation::Unfreeze,
            24 => {
                let threshold = |n: usize| u32::try_from(n).ok();
                GraphOperation::SetThreshold([threshold(a)?, threshold(b)?, threshold(c)?])
            }
            25 => GraphOperation::SaveAll(a != 0),
            26 => GraphOperation::ClearGarbage,
            _ => return None,
        })
    }

    /// The same for recordings of the order of finalizers, which number their operations in another way.
    pub fn from_finalizer_quad([kind, a, b, c]: [i64; 4]) -> Option<GraphOperation> {
        if kind == 0 {
            let rescue = if c == -1 { None } else { Some(place(c)?) };
            return Some(GraphOperation::NewFinalizable { a: place(a)?, id: u64::try_from(b).ok()?, rescue });
        }
        let (a, b, c) = (place(a)?, place(b)?, u64::try_from(c).ok()?);
        Some(match kind {
            1 => GraphOperation::SetField(a, 0, b),
            2 => GraphOperation::SetField(a, 1, b),
            3 => GraphOperation::Drop(a),
            4 => GraphOperation::NewList(a),
            5 => GraphOperation::Append(a, b),
            6 => GraphOperation::NewWeakNode(a),
            7 => GraphOperation::WeakField(a, b, c),
            8 => GraphOperation::WeakSlot(a, b, c),
            9 => GraphOperation::Copy(a, b),
            10 => GraphOperation::DropWeak(a),
            11 => GraphOperation::Collect(b),
            12 => GraphOperation::Pop(a),
            _ => return None,
        })
    }
}

impl GraphOperation {
    /// The slot that gets the object this makes, if it makes one.
    pub fn made_slot(&self) -> Option<usize> {
        use GraphOperation as Op;
        match *self {
            Op::NewList(a)
            | Op::NewDict(a)
            | Op::NewPair(a, ..)
            | Op::NewNode(a)
            | Op::NewWeakNode(a)
            | Op::NewObject(a)
            | Op::NewListOfTwo(a, ..)
            | Op::NewDictOfOne(a, ..)
            | Op::NewTriple(a)
            | Op::NewTwenty(a, _)
            | Op::NewFinalizable { a, .. } => Some(a),
            Op::Append(..)
            | Op::Drop(_)
            | Op::SetItem(..)
            | Op::SetField(..)
            | Op::Pop(_)
            | Op::Clear(_)
            | Op::Copy(..)
            | Op::Collect(_)
            | Op::DeleteItem(..)
            | Op::WeakField(..)
            | Op::WeakSlot(..)
            | Op::DropWeak(_)
            | Op::Disable
            | Op::Enable
            | Op::Freeze
            | Op::Unfreeze
            | Op::SetThreshold(_)
            | Op::SaveAll(_)
            | Op::ClearGarbage => None,
        }
    }
}

impl fmt::Display for GraphOperation {
    /// As Python would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use GraphOperation as Op;
        match *self {
            Op::NewList(a) => write!(f, "S[{a}] = []"),
            Op::Append(a, b) => write!(f, "S[{a}].append(S[{b}])"),
            Op::Drop(a) => write!(f, "S[{a}] = None"),
            Op::NewDict(a) => write!(f, "S[{a}] = {{}}"),
            Op::SetItem(a, b, c) => write!(f, "S[{a}][K[{c}]] = S[{b}]"),
            Op::NewPair(a, b, c) => write!(f, "S[{a}] = (S[{b}], S[{c}])"),
            Op::NewNode(a) | Op::NewWeakNode(a) => write!(f, "S[{a}] = Node()"),
            Op::SetField(a, 0, b) => write!(f, "S[{a}].p = S[{b}]"),
            Op::SetField(a, _, b) => write!(f, "S[{a}].q = S[{b}]"),
            Op::Pop(a) => write!(f, "S[{a}].pop()"),
            Op::Clear(a) => write!(f, "S[{a}].clear()"),
            Op::NewObject(a) => write!(f, "S[{a}] = Obj()"),
            Op::Copy(a, b) => write!(f, "S[{a}] = S[{b}]"),
            Op::Collect(generation) => write!(f, "gc.collect({generation})"),
            Op::DeleteItem(a, c) => write!(f, "del S[{a}][K[{c}]]"),
            Op::NewListOfTwo(a, b, c) => write!(f, "S[{a}] = [S[{b}], S[{c}]]"),
            Op::NewDictOfOne(a, b, c) => write!(f, "S[{a}] = {{K[{c}]: S[{b}]}}"),
            Op::NewTriple(a) => write!(f, "S[{a}] = (1, 2, n)"),
            Op::NewTwenty(a, b) => write!(f, "S[{a}] = (S[{b}],) * 20"),
            Op::NewFinalizable { a, id, rescue: None } => write!(f, "S[{a}] = Fin({id})"),
            Op::NewFinalizable { a, id, rescue: Some(slot) } => write!(f, "S[{a}] = Fin({id}), rescued into S[{slot}]"),
            Op::WeakField(a, b, id) => write!(f, "S[{a}].w = weakref.ref(S[{b}], callback {id})"),
            Op::WeakSlot(a, b, id) => write!(f, "W[{a}] = weakref.ref(S[{b}], callback {id})"),
            Op::DropWeak(a) => write!(f, "W[{a}] = None"),
            Op::Disable => write!(f, "gc.disable()"),
            Op::Enable => write!(f, "gc.enable()"),
            Op::Freeze => write!(f, "gc.freeze()"),
            Op::Unfreeze => write!(f, "gc.unfreeze()"),
            Op::SetThreshold([young, middle, old]) => write!(f, "gc.set_threshold({young}, {middle}, {old})"),
            Op::SaveAll(true) => write!(f, "gc.set_debug(gc.DEBUG_SAVEALL)"),
            Op::SaveAll(false) => write!(f, "gc.set_debug(0)"),
            Op::ClearGarbage => write!(f, "gc.garbage.clear()"),
        }
    }
}

fn place(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}
