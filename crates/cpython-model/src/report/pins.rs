//! Who pins an arena: the live blocks that keep it from going back to the system.
//!
//! An arena goes back only when none of its blocks is in use. One small object in a megabyte holds all of it.

use std::fmt;

use memory_trait::{Address, Allocator, Observer};
use rustc_hash::FxHashMap;

use crate::CPython;
use crate::object::Body;
use crate::object::heap::gc_block;
use crate::params::arena_bytes;

/// A live block of an arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Where it is.
    pub address: Address,
    /// Bytes of its size class.
    pub block_bytes: u64,
    /// Whose it is: the name of an object of the workload, or the type of another. `None`: a free list's, or the
    /// interpreter's own.
    pub owner: Option<String>,
}

/// An arena and what keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaPins {
    /// Where the arena is.
    pub arena: Address,
    /// Its bytes, which would go back to the system if nothing was in it.
    pub arena_bytes: u64,
    /// Its live blocks, by address.
    pub pins: Vec<Pin>,
}

impl ArenaPins {
    /// Bytes of the live blocks.
    pub fn live_bytes(&self) -> u64 {
        self.pins.iter().map(|pin| pin.block_bytes).sum()
    }
}

/// `arena 0x7f0000000000: 48 of 1048576 bytes live, in 1 block: Node#17`, at most eight owners.
impl fmt::Display for ArenaPins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 8;
        let n_blocks = self.pins.len();
        let blocks = if n_blocks == 1 { "block" } else { "blocks" };
        let (live_bytes, arena_bytes) = (self.live_bytes(), self.arena_bytes);
        write!(f, "arena {:#x}: {live_bytes} of {arena_bytes} bytes live, in {n_blocks} {blocks}", self.arena.0)?;
        let mut owners: Vec<&str> = Vec::new();
        for owner in self.pins.iter().map(|pin| pin.owner.as_deref().unwrap_or("the interpreter")) {
            if !owners.contains(&owner) {
                owners.push(owner);
            }
            if owners.len() > SHOWN_MAX {
                break;
            }
        }
        for (i, owner) in owners.iter().take(SHOWN_MAX).enumerate() {
            write!(f, "{} {owner}", if i == 0 { ":" } else { "," })?;
        }
        if owners.len() > SHOWN_MAX { write!(f, ", ...") } else { Ok(()) }
    }
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// Each arena with its live blocks and their owners, the emptiest arena first: what would have to die, or to be
    /// somewhere else, for it to go back. Looks at every object.
    pub fn arena_pins(&self) -> Vec<ArenaPins> {
        let owners = self.owners();
        let mut arenas: Vec<ArenaPins> = self
            .pymalloc()
            .arenas()
            .map(|arena| ArenaPins {
                arena,
                arena_bytes: arena_bytes(self.version()),
                pins: self
                    .pymalloc()
                    .live_blocks_of(arena)
                    .map(|block| Pin {
                        address: block.address,
                        block_bytes: block.block_bytes,
                        owner: owners.get(&block.address).cloned(),
                    })
                    .collect(),
            })
            .collect();
        arenas.sort_by_key(|arena| (arena.live_bytes(), arena.arena));
        arenas
    }

    /// The owner of each block of an object: its own, and those of elements and tables.
    fn owners(&self) -> FxHashMap<Address, String> {
        let mut owners = FxHashMap::default();
        for (key, object) in self.heap.objects.iter() {
            let name = match self.heap.objects.name(key) {
                Some(naming) => naming.name(&self.program).to_string(),
                None => object.type_name().to_owned(),
            };
            let own = match object.body.class() {
                Some(class) => Address(object.address.0 - self.heap.classes[class as usize].pre_header_bytes),
                None if object.body.is_gc() && !object.address.is_null() => gc_block(object.address),
                None => object.address,
            };
            let further = match &object.body {
                Body::List(list) => list.block,
                Body::Dict(dict) => dict.block,
                _ => Address::NULL,
            };
            owners.insert(own, name.clone());
            owners.insert(further, name);
        }
        owners
    }
}
