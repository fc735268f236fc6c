//! Whose each block is: every block in use is an object's, or is on a free list of its size.

use memory_trait::{Address, Allocator, Observer};
use rustc_hash::FxHashMap;

use crate::CPython;
use crate::layout;
use crate::object::{Body, Object, STATIC_REFCOUNT_3_11};
use crate::params::{SMALL_REQUEST_THRESHOLD_BYTES, class_bytes, class_of};

/// Smallest table of a dictionary that is kept: 8 places.
const KEPT_KEYS_LOG2: u32 = 3;

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// The blocks in use, as the allocator has them, are those of objects and of free lists, each once.
    pub(super) fn verify_blocks(&self) -> Result<(), String> {
        let pymalloc = self.pymalloc();
        let arenas = pymalloc.arenas().flat_map(|arena| pymalloc.live_blocks_of(arena));
        let mut live: FxHashMap<Address, u64> = arenas.map(|block| (block.address, block.block_bytes)).collect();
        for (key, object) in self.heap.objects.iter() {
            for block in self.blocks_of(key, object) {
                if pymalloc.is_in_arena(block) && live.remove(&block).is_none() {
                    return Err(format!("{} has a block at {block} that is free or another's", self.describe(key)));
                }
            }
        }
        for (list, request_bytes, blocks) in self.kept_blocks() {
            let expected = class_of(request_bytes).map_or(0, class_bytes);
            for block in blocks {
                if request_bytes > SMALL_REQUEST_THRESHOLD_BYTES {
                    continue;
                }
                match live.remove(block) {
                    Some(bytes) if bytes == expected => {}
                    Some(bytes) => return Err(format!("a block of {bytes} bytes at {block} is kept as a {list}")),
                    None => return Err(format!("a block at {block} is kept as a {list}, and is free or another's")),
                }
            }
        }
        match live.keys().min() {
            Some(block) => Err(format!("{} blocks in use are nobody's, the first at {block}", live.len())),
            None => Ok(()),
        }
    }

    /// The blocks of an object: its own, and what it keeps its contents in.
    fn blocks_of(&self, key: memory_trait::ObjectKey, object: &Object) -> Vec<Address> {
        let mut blocks = Vec::new();
        let has_own = object.refcount < STATIC_REFCOUNT_3_11 && !object.address.is_null();
        if has_own && !matches!(object.body, Body::Sentinel) {
            let header_bytes = match &object.body {
                Body::Instance(_) | Body::LargeInstance(_) => {
                    let class = object.body.class().map_or(0, |class| class as usize);
                    self.heap.classes[class].pre_header_bytes
                }
                Body::List(_) | Body::Tuple(_) | Body::Dict(_) | Body::Weak(_) | Body::Iterator(_) => {
                    layout::GC_HEADER_BYTES
                }
                _ => 0,
            };
            blocks.push(Address(object.address.0 - header_bytes));
        }
        match &object.body {
            Body::List(list) => blocks.push(list.block),
            Body::Dict(dict) => blocks.push(dict.block),
            _ => {}
        }
        blocks.extend(self.heap.attributes.get(key).map(|attributes| attributes.values));
        blocks.retain(|block| !block.is_null());
        blocks
    }

    /// The free lists: a name, what a block was asked for as, the blocks.
    fn kept_blocks(&self) -> Vec<(&'static str, u64, &[Address])> {
        let lists = &self.heap.free_lists;
        let keys_bytes = layout::dict_keys_bytes(KEPT_KEYS_LOG2, true, self.version());
        let mut kept: Vec<(&'static str, u64, &[Address])> = vec![
            ("float", layout::FLOAT_BYTES, lists.floats.as_slice()),
            ("list", layout::LIST_BYTES, lists.lists.as_slice()),
            ("dict", layout::DICT_BYTES, lists.dicts.as_slice()),
            ("table of a dict", keys_bytes, lists.dict_keys.as_slice()),
        ];
        let tuples = lists.tuples.iter().enumerate();
        kept.extend(tuples.map(|(i, list)| ("tuple", layout::tuple_bytes(i as u64 + 1), list.as_slice())));
        kept
    }

    /// The data stacks have the slots and bytes of their frames, and as many finalizers run as have frames.
    pub(super) fn verify_stacks(&self) -> Result<(), String> {
        let parked = self.parked.iter().flatten();
        let mut n_finalizers = 0;
        let mut parked_bytes = 0;
        for (stack, is_parked) in std::iter::once((&self.stack, false)).chain(parked.map(|stack| (stack, true))) {
            let (mut n_slots, mut bytes) = (0, 0);
            for (depth, frame) in stack.frames.iter().enumerate() {
                let shape = &self.frame_shapes[frame.function as usize];
                if frame.base != n_slots {
                    return Err(format!("frame {depth} begins at slot {}, not at {n_slots}", frame.base));
                }
                n_slots += shape.n_slots;
                bytes += shape.bytes;
                n_finalizers += usize::from(frame.suspended.is_some());
            }
            if (n_slots, bytes) != (stack.slots.len(), stack.bytes) {
                let (said, said_bytes) = (stack.slots.len(), stack.bytes);
                return Err(format!(
                    "a stack of {said} slots and {said_bytes} bytes has frames of {n_slots} and {bytes}"
                ));
            }
            parked_bytes += if is_parked { bytes } else { 0 };
        }
        if (n_finalizers, parked_bytes) != (self.n_finalizers, self.parked_bytes) {
            let (said, said_bytes) = (self.n_finalizers, self.parked_bytes);
            return Err(format!(
                "{said} finalizers run and {said_bytes} bytes are parked, but {n_finalizers} have frames, of {parked_bytes}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use memory_trait::{Kind, Machine, Program, Slot};

    use super::*;

    /// A machine with a float in use and one that is kept, and what breaks it.
    fn check(break_it: impl FnOnce(&mut CPython), expected: &str) {
        let mut program = Program::default();
        let main = program.function("main", &[], &[("a", Kind::Float), ("b", Kind::Float)]);
        let mut python = CPython::builder().build();
        python.load_program(&program).unwrap();
        python.call(main, &[], None).unwrap();
        python.set_float(Slot(0), 0.5).unwrap();
        python.set_float(Slot(1), 1.5).unwrap();
        python.clear(Slot(1)).unwrap();
        assert_eq!(python.verify(), Ok(()));
        break_it(&mut python);
        let said = python.verify().unwrap_err();
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn a_block_that_is_kept_and_in_use_is_found() {
        let take_over = |python: &mut CPython| {
            let used = python.heap.object(python.slot_value(Slot(0)).unwrap()).address;
            python.heap.free_lists.floats[0] = used;
        };
        check(take_over, "is free or another's");
    }

    #[test]
    fn a_block_of_another_size_in_a_free_list_is_found() {
        let misplace = |python: &mut CPython| {
            let block = python.heap.free_lists.floats.pop().unwrap();
            python.heap.free_lists.lists.push(block);
        };
        check(misplace, "kept as a list");
    }

    #[test]
    fn a_stack_with_other_bytes_than_its_frames_is_found() {
        check(|python| python.stack.bytes += 8, "has frames of");
    }
}
