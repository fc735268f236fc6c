//! What is left at exit, and whether anybody could still have freed it.
//!
//! The search is that of a conservative collector: from every aligned word of the live part of the stack and of the
//! globals, to blocks, and from every word of those on. Whatever looks like an address is taken for one.

use std::collections::BTreeMap;

use memory_trait::{Address, ObjectKey, Outcome};
use rustc_hash::FxHashMap;

use super::{Access, Misuse, Process};
use crate::memory::RawMemory;

/// The blocks that were not freed. The four counts are memcheck's, and mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    /// No pointer leads there: definitely lost. Each is a finding.
    pub n_definite: u64,
    /// Only blocks that are lost lead there: indirectly lost.
    pub n_indirect: u64,
    /// Only pointers to the middle of it, or through such, lead there: possibly lost.
    pub n_possible: u64,
    /// The program could still have freed it.
    pub n_reachable: u64,
}

/// How well a block can be reached; the better one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Indirect,
    Interior,
    Start,
}

impl Process {
    /// `exit(0)`: `stdout` is flushed, and what was not freed is judged. All frames that are on the stack at this moment
    /// still count: a block that a local of `main` points to is reachable. Without a detector the counts are 0.
    ///
    /// # Errors
    /// As [`Process::flush`].
    pub fn exit(&mut self) -> Outcome<Leaks> {
        self.begin();
        self.flush()?;
        let Some(watch) = &self.watch else { return Ok(Leaks::default()) };
        let blocks: BTreeMap<u64, (ObjectKey, u64)> =
            watch.blocks().map(|(key, block)| (block.start, (key, block.bytes))).collect();
        let mut search = Search { process: self, blocks: &blocks, reached: FxHashMap::default() };
        search.scan_roots();
        let lost: Vec<u64> = blocks.keys().copied().filter(|start| !search.reached.contains_key(start)).collect();
        // What a lost block leads to is lost indirectly, unless it comes first itself.
        for &start in &lost {
            if !search.reached.contains_key(&start) {
                search.scan(start, blocks[&start].1, Reach::Indirect, Reach::Indirect);
                // A ring of lost blocks has one that stands for it.
                search.reached.remove(&start);
            }
        }
        let reached = search.reached;
        let mut leaks = Leaks::default();
        let mut definite = Vec::new();
        for (&start, &(key, _)) in &blocks {
            match reached.get(&start) {
                None => definite.push((start, key)),
                Some(Reach::Indirect) => leaks.n_indirect += 1,
                Some(Reach::Interior) => leaks.n_possible += 1,
                Some(Reach::Start) => leaks.n_reachable += 1,
            }
        }
        leaks.n_definite = definite.len() as u64;
        let site = self.site();
        let watch = self.watch.as_mut().expect("just seen");
        for (start, key) in definite {
            watch.report(Misuse::Leak, Access::Exit, Address(start), key, site);
        }
        Ok(leaks)
    }
}

struct Search<'a> {
    process: &'a Process,
    /// Start of each block, its key and its length.
    blocks: &'a BTreeMap<u64, (ObjectKey, u64)>,
    reached: FxHashMap<u64, Reach>,
}

impl Search<'_> {
    fn scan_roots(&mut self) {
        let process = self.process;
        let mut roots = vec![(process.rsp, process.stack.1.saturating_sub(process.rsp))];
        roots.extend(process.globals.iter().map(|global| (global.pointer.address.0, global.bytes)));
        for (start, bytes) in roots {
            self.scan(start, bytes, Reach::Start, Reach::Interior);
        }
    }

    /// Follows every word of a range: a pointer to the beginning of a block reaches it as `start`, one to its middle as
    /// `interior`.
    fn scan(&mut self, from: u64, bytes: u64, start: Reach, interior: Reach) {
        let mut todo = vec![(from, bytes, start, interior)];
        while let Some((from, bytes, start, interior)) = todo.pop() {
            let first = from.next_multiple_of(8);
            for at in (first..(from + bytes).saturating_sub(7)).step_by(8) {
                let Ok(word) = self.process.heap.read_u64(Address(at)) else { continue };
                let Some((&block, &(_, length))) = self.blocks.range(..=word).next_back() else { continue };
                let reach = if word == block { start } else { interior };
                let is_inside = word == block || word - block < length;
                if is_inside && block != from && self.reached.get(&block).is_none_or(|&before| before < reach) {
                    self.reached.insert(block, reach);
                    todo.push((block, length, reach, reach.min(Reach::Interior)));
                }
            }
        }
    }
}
