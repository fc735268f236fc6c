//! Snapshots: the lines the model would write, compared with those of the trace as they come.

use heap_trace::{AddressMap, Pointer, SnapshotLine};
use memory_trait::{Address, ThreadId};

use super::{Difference, Recorded, Replay};
use crate::malloc::Glibc;

/// The lines that are still to come, the next one last. Their pointers are absolute.
pub(super) struct SnapshotCheck {
    lines: Vec<SnapshotLine>,
}

impl Replay {
    pub(super) fn begin_snapshot(
        &self,
        line: u64,
        n_events: u64,
        thread: u32,
        brk: u64,
    ) -> Result<SnapshotCheck, Box<Difference>> {
        let different = |expected: String, predicted: String| {
            Err(Box::new(Difference { line, call: "a snapshot".to_owned(), expected, predicted, state: String::new() }))
        };
        if n_events != self.n_events {
            return different(format!("after {n_events} events"), format!("there were {}", self.n_events));
        }
        let predicted = self.glibc.brk.wrapping_sub(self.base);
        if brk != predicted {
            return different(format!("the break at {brk:x}"), format!("{predicted:x}"));
        }
        match lines(&self.glibc, ThreadId(thread)) {
            Ok(lines) => Ok(SnapshotCheck { lines }),
            Err(fault) => different("a snapshot".to_owned(), fault.to_string()),
        }
    }
}

impl SnapshotCheck {
    /// Compares the next line.
    pub(super) fn check(
        &mut self,
        line: u64,
        found: &SnapshotLine,
        map: &AddressMap,
        brk: u64,
    ) -> Result<(), Box<Difference>> {
        let absolute = |pointer: Pointer| match map.address(pointer) {
            Some(Address(at)) => Pointer::Unknown(at),
            None => pointer,
        };
        let predicted = self.lines.pop().unwrap_or(SnapshotLine::End);
        if with_pointers(*found, absolute) == predicted {
            return Ok(());
        }
        let relative = |pointer: Pointer| match pointer {
            Pointer::Unknown(at) => map.pointer(Address(at), brk),
            other => other,
        };
        Err(Box::new(Difference {
            line,
            call: "a snapshot".to_owned(),
            expected: found.to_string(),
            predicted: with_pointers(predicted, relative).to_string(),
            state: String::new(),
        }))
    }
}

/// The line with each pointer replaced.
fn with_pointers(line: SnapshotLine, replace: impl Fn(Pointer) -> Pointer) -> SnapshotLine {
    match line {
        SnapshotLine::Top { chunk, last_remainder, has_fast_chunks } => {
            SnapshotLine::Top { chunk: replace(chunk), last_remainder: replace(last_remainder), has_fast_chunks }
        }
        SnapshotLine::Fastbin { index, chunk, head } => SnapshotLine::Fastbin { index, chunk: replace(chunk), head },
        SnapshotLine::Bin { index, chunk, head } => SnapshotLine::Bin { index, chunk: replace(chunk), head },
        SnapshotLine::TcacheBlock { index, block } => SnapshotLine::TcacheBlock { index, block: replace(block) },
        SnapshotLine::Parameters { .. }
        | SnapshotLine::Arena { .. }
        | SnapshotLine::Binmap { .. }
        | SnapshotLine::TcacheCount { .. }
        | SnapshotLine::End => line,
    }
}

/// All lines of a snapshot in reverse.
fn lines(glibc: &Glibc<Recorded>, thread: ThreadId) -> memory_trait::Outcome<Vec<SnapshotLine>> {
    let at = |address: Address| Pointer::Unknown(address.0);
    let parameters = glibc.parameters();
    let mut lines = vec![SnapshotLine::Parameters {
        n_mmaps: parameters.n_mmaps as u64,
        trim_threshold: parameters.trim_threshold,
        mmap_threshold: parameters.mmap_threshold,
        mmapped_bytes: parameters.mmapped_mem,
    }];
    for (number, arena) in (0..).zip(glibc.arena_states()?) {
        lines.push(SnapshotLine::Arena {
            number,
            system_bytes: arena.system_mem,
            max_system_bytes: arena.max_system_mem,
        });
        lines.push(SnapshotLine::Top {
            chunk: at(arena.top),
            last_remainder: at(arena.last_remainder),
            has_fast_chunks: arena.has_fast_chunks,
        });
        lines.push(SnapshotLine::Binmap { bits: arena.binmap, top_head: arena.top_head });
        for (index, chunks) in arena.fastbins {
            lines.extend(chunks.iter().map(|free| SnapshotLine::Fastbin {
                index: index as u32,
                chunk: at(free.chunk),
                head: free.head,
            }));
        }
        for (index, chunks) in arena.bins {
            lines.extend(chunks.iter().map(|free| SnapshotLine::Bin {
                index: index as u32,
                chunk: at(free.chunk),
                head: free.head,
            }));
        }
    }
    for bin in glibc.tcache_bins(thread)? {
        let index = bin.index as u32;
        lines.push(SnapshotLine::TcacheCount { index, count: bin.count });
        lines.extend(bin.blocks.iter().map(|&block| SnapshotLine::TcacheBlock { index, block: at(block) }));
    }
    lines.push(SnapshotLine::End);
    lines.reverse();
    Ok(lines)
}
