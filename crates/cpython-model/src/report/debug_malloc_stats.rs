//! The text of `sys._debugmallocstats()`.
//!
//! Source: `obmalloc.c:_PyObject_DebugMallocStats`, `object.c:_PyObject_DebugTypeStats`, 3.8 to 3.13.

use std::fmt;

use memory_trait::{Allocator, Observer};

use crate::obmalloc::ClassStats;
use crate::params::{N_SIZE_CLASSES, POOL_OVERHEAD_BYTES, SMALL_REQUEST_THRESHOLD_BYTES, arena_bytes, pool_bytes};
use crate::{CPython, Pymalloc, Version};

/// What the text says of pymalloc; [`fmt::Display`] writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugMallocStats {
    /// Whose text.
    pub version: Version,
    /// The size classes.
    pub classes: [ClassStats; N_SIZE_CLASSES],
    /// Arenas made so far. Of a heap from a snapshot: since then, and those that were there.
    pub n_arenas_made: u64,
    /// The most arenas at once.
    pub n_arenas_highwater: u64,
    /// Arenas there are.
    pub n_arenas: u64,
    /// Pools without a block in use.
    pub n_free_pools: u64,
    /// Middle and bottom nodes of the radix tree of arenas; 3.8 and 3.9 have none.
    pub n_map_nodes: [u64; 2],
}

/// A line of figures: the name, an equals sign, the figure in groups of three digits.
fn line(f: &mut fmt::Formatter<'_>, name: &str, figure: u64) -> fmt::Result {
    let digits = figure.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    writeln!(f, "{name:<35}={grouped:>21}")
}

/// Bytes of the root, of a middle and of a bottom node of the radix tree. Source: `pycore_obmalloc.h`: 48 bits of an
/// address in 3.10, 64 from 3.11 on.
fn map_node_bytes(version: Version) -> Option<[u64; 3]> {
    match version {
        Version::V3_8 | Version::V3_9 => None,
        Version::V3_10 => Some([8 << 10, 8 << 10, 2 << 10]),
        Version::V3_11 | Version::V3_12 | Version::V3_13 => Some([256 << 10, 256 << 10, 128 << 10]),
    }
}

impl fmt::Display for DebugMallocStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (arena_bytes, pool_bytes) = (arena_bytes(self.version), pool_bytes(self.version));
        writeln!(
            f,
            "Small block threshold = {SMALL_REQUEST_THRESHOLD_BYTES}, in {N_SIZE_CLASSES} size classes.\n\n\
             class   size   num pools   blocks in use  avail blocks\n\
             -----   ----   ---------   -------------  ------------"
        )?;
        let [mut n_pools, mut live_bytes, mut free_bytes, mut quantization_bytes] = [0; 4];
        for (class, stats) in self.classes.iter().enumerate().filter(|(_, stats)| stats.n_pools > 0) {
            let ClassStats { block_bytes, n_pools: of_class, n_live_blocks, n_free_blocks } = *stats;
            writeln!(f, "{class:>5} {block_bytes:>6} {of_class:>11} {n_live_blocks:>15} {n_free_blocks:>13}")?;
            n_pools += of_class;
            live_bytes += n_live_blocks * block_bytes;
            free_bytes += n_free_blocks * block_bytes;
            quantization_bytes += of_class * ((pool_bytes - POOL_OVERHEAD_BYTES) % block_bytes);
        }
        writeln!(f)?;
        line(f, "# arenas allocated total", self.n_arenas_made)?;
        line(f, "# arenas reclaimed", self.n_arenas_made - self.n_arenas)?;
        line(f, "# arenas highwater mark", self.n_arenas_highwater)?;
        line(f, "# arenas allocated current", self.n_arenas)?;
        let total_bytes = self.n_arenas * arena_bytes;
        line(f, &format!("{} arenas * {arena_bytes} bytes/arena", self.n_arenas), total_bytes)?;
        writeln!(f)?;
        line(f, "# bytes in allocated blocks", live_bytes)?;
        line(f, "# bytes in available blocks", free_bytes)?;
        line(f, &format!("{} unused pools * {pool_bytes} bytes", self.n_free_pools), self.n_free_pools * pool_bytes)?;
        line(f, "# bytes lost to pool headers", n_pools * POOL_OVERHEAD_BYTES)?;
        line(f, "# bytes lost to quantization", quantization_bytes)?;
        let alignment_bytes = total_bytes - (n_pools + self.n_free_pools) * pool_bytes;
        line(f, "# bytes lost to arena alignment", alignment_bytes)?;
        line(f, "Total", total_bytes)?;
        let Some([root_bytes, mid_bytes, bot_bytes]) = map_node_bytes(self.version) else { return Ok(()) };
        let [n_mids, n_bots] = self.n_map_nodes;
        writeln!(f, "\narena map counts")?;
        line(f, "# arena map mid nodes", n_mids)?;
        line(f, "# arena map bot nodes", n_bots)?;
        writeln!(f)?;
        line(f, "# bytes lost to arena map root", root_bytes)?;
        line(f, "# bytes lost to arena map mid", n_mids * mid_bytes)?;
        line(f, "# bytes lost to arena map bot", n_bots * bot_bytes)?;
        line(f, "Total", root_bytes + n_mids * mid_bytes + n_bots * bot_bytes)
    }
}

/// The line of a free list; [`fmt::Display`] writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeListLine {
    /// `PyFloatObject`, `3-sized PyTupleObject`.
    pub name: String,
    /// Objects on it.
    pub n_objects: u64,
    /// Bytes of one, without the header of the collector.
    pub object_bytes: u64,
}

impl fmt::Display for FreeListLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FreeListLine { name, n_objects, object_bytes } = self;
        let text = format!("{n_objects} free {name}s * {object_bytes} bytes each");
        line(f, &format!("{text:>48} "), n_objects * object_bytes)
    }
}

impl<A: Allocator> Pymalloc<A> {
    /// What `sys._debugmallocstats()` says of pymalloc. Constant time.
    pub fn debug_malloc_stats(&self) -> DebugMallocStats {
        let stats = self.stats();
        DebugMallocStats {
            version: self.version(),
            classes: self.class_stats(),
            n_arenas_made: stats.n_arenas_made,
            n_arenas_highwater: stats.n_arenas_highwater,
            n_arenas: stats.n_arenas,
            n_free_pools: stats.free_pool_bytes / pool_bytes(self.version()),
            n_map_nodes: self.n_map_nodes(),
        }
    }
}

impl<O: Observer, A: Allocator> CPython<O, A> {
    /// What `sys._debugmallocstats()` prints: pymalloc, then the free lists.
    pub fn debug_malloc_stats_text(&self) -> String {
        let mut text = format!("{}\n", self.pymalloc().debug_malloc_stats());
        for list in self.free_list_lines() {
            text.push_str(&list.to_string());
        }
        text
    }

    fn free_list_lines(&self) -> Vec<FreeListLine> {
        let lists = &self.heap.free_lists;
        let line = |name: &str, n_objects: usize, object_bytes: u64| FreeListLine {
            name: name.to_owned(),
            n_objects: n_objects as u64,
            object_bytes,
        };
        let mut lines = vec![line("PyDictObject", lists.dicts.len(), 48)];
        if self.version() >= Version::V3_13 {
            lines.push(line("PyDictKeysObject", lists.dict_keys.len(), 32));
        }
        lines.push(line("PyFloatObject", lists.floats.len(), 24));
        lines.push(line("PyListObject", lists.lists.len(), 40));
        for (i, tuples) in lists.tuples.iter().enumerate() {
            let n_items = i as u64 + 1;
            lines.push(line(&format!("{n_items}-sized PyTupleObject"), tuples.len(), 24 + 8 * n_items));
        }
        lines
    }
}
