//! What `malloc_info` writes: the XML of the arenas, byte for byte.

use std::fmt::{self, Write};

use memory_trait::Outcome;

use crate::malloc::{ArenaState, FreeChunk, Glibc, System};

/// Whether the thread caches are in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tcaches {
    /// As glibc writes it: what is in the thread caches counts as in use.
    #[default]
    LeftOut,
    /// An element `tcache` for each thread that has blocks in its cache, before the totals. The rest is unchanged.
    Added,
}

/// Chunks of one list.
struct Sizes {
    from: u64,
    to: u64,
    total: u64,
    count: u64,
}

impl Sizes {
    /// The chunks of a fastbin: all are taken to have the size of the first.
    fn of_fastbin(chunks: &[FreeChunk]) -> Self {
        let size = chunks.first().map_or(0, |first| first.head & !7);
        let count = chunks.len() as u64;
        Sizes { from: size.wrapping_sub(15), to: size, total: count * size, count }
    }

    /// The chunks of a bin. glibc adds up their size fields as they are, flags included.
    fn of_bin(chunks: &[FreeChunk]) -> Self {
        let sizes = || chunks.iter().map(|chunk| chunk.head);
        Sizes {
            from: sizes().min().unwrap_or(0),
            to: sizes().max().unwrap_or(0),
            total: sizes().sum(),
            count: chunks.len() as u64,
        }
    }

    fn write(&self, name: &str, text: &mut String) -> fmt::Result {
        let Sizes { from, to, total, count } = self;
        writeln!(text, "  <{name} from=\"{from}\" to=\"{to}\" total=\"{total}\" count=\"{count}\"/>")
    }
}

/// What one arena adds to the totals.
#[derive(Default)]
struct Totals {
    n_fast: u64,
    fast_bytes: u64,
    n_rest: u64,
    rest_bytes: u64,
    system_bytes: u64,
    system_bytes_max: u64,
    heap_bytes: u64,
    accessible_bytes: u64,
}

/// The output of `malloc_info(0, stream)`.
///
/// # Errors
/// The fault that following a damaged list is.
///
/// # Source
/// glibc 2.36 `malloc/malloc.c:__malloc_info`. Differs: a fastbin with a misaligned chunk, at which glibc stops the
/// program, is followed as far as it goes.
pub fn malloc_info<S: System>(glibc: &Glibc<S>, tcaches: Tcaches) -> Outcome<String> {
    let mut arenas = glibc.arena_states()?;
    if arenas.is_empty() {
        // glibc would initialise itself first: a main arena with nothing in it.
        arenas.push(ArenaState::default());
    }
    let mut text = String::from("<malloc version=\"1\">\n");
    let mut totals = Totals::default();
    for (number, arena) in arenas.iter().enumerate() {
        write_arena(number, arena, &mut totals, &mut text).expect("a string takes everything");
    }
    if tcaches == Tcaches::Added {
        write_tcaches(glibc, &mut text)?;
    }
    write_totals(glibc, &totals, &mut text).expect("a string takes everything");
    Ok(text)
}

fn write_arena(number: usize, arena: &ArenaState, totals: &mut Totals, text: &mut String) -> fmt::Result {
    writeln!(text, "<heap nr=\"{number}\">\n<sizes>")?;
    let (mut n_fast, mut fast_bytes) = (0, 0);
    for (_, chunks) in &arena.fastbins {
        let sizes = Sizes::of_fastbin(chunks);
        n_fast += sizes.count;
        fast_bytes += sizes.total;
        sizes.write("size", text)?;
    }
    // Top counts as one of the rest.
    let (mut n_rest, mut rest_bytes) = (1, arena.top_head & !7);
    let mut unsorted = None;
    for (index, chunks) in &arena.bins {
        let sizes = Sizes::of_bin(chunks);
        n_rest += sizes.count;
        rest_bytes += sizes.total;
        if *index == 1 {
            unsorted = Some(sizes);
        } else {
            sizes.write("size", text)?;
        }
    }
    if let Some(sizes) = unsorted {
        sizes.write("unsorted", text)?;
    }
    let ArenaState { system_mem, max_system_mem, heaps, .. } = arena;
    writeln!(text, "</sizes>")?;
    writeln!(text, "<total type=\"fast\" count=\"{n_fast}\" size=\"{fast_bytes}\"/>")?;
    writeln!(text, "<total type=\"rest\" count=\"{n_rest}\" size=\"{rest_bytes}\"/>")?;
    writeln!(text, "<system type=\"current\" size=\"{system_mem}\"/>")?;
    writeln!(text, "<system type=\"max\" size=\"{max_system_mem}\"/>")?;
    let (heap_bytes, accessible_bytes) = if heaps.is_empty() {
        (*system_mem, *system_mem)
    } else {
        (heaps.iter().map(|heap| heap.bytes).sum(), heaps.iter().map(|heap| heap.accessible_bytes).sum())
    };
    writeln!(text, "<aspace type=\"total\" size=\"{heap_bytes}\"/>")?;
    writeln!(text, "<aspace type=\"mprotect\" size=\"{accessible_bytes}\"/>")?;
    if !heaps.is_empty() {
        writeln!(text, "<aspace type=\"subheaps\" size=\"{}\"/>", heaps.len())?;
    }
    writeln!(text, "</heap>")?;
    totals.n_fast += n_fast;
    totals.fast_bytes += fast_bytes;
    totals.n_rest += n_rest;
    totals.rest_bytes += rest_bytes;
    totals.system_bytes += system_mem;
    totals.system_bytes_max += max_system_mem;
    totals.heap_bytes += heap_bytes;
    totals.accessible_bytes += accessible_bytes;
    Ok(())
}

fn write_tcaches<S: System>(glibc: &Glibc<S>, text: &mut String) -> Outcome<()> {
    for thread in glibc.threads() {
        let bins = glibc.tcache_bins(thread)?;
        if bins.is_empty() {
            continue;
        }
        let (mut n, mut bytes) = (0, 0);
        let mut lines = String::new();
        for bin in &bins {
            let size = 32 + 16 * bin.index;
            let count = bin.blocks.len() as u64;
            let sizes = Sizes { from: size - 15, to: size, total: count * size, count };
            sizes.write("size", &mut lines).expect("a string takes everything");
            n += count;
            bytes += sizes.total;
        }
        write!(
            text,
            "<tcache thread=\"{}\">\n<sizes>\n{lines}</sizes>\n\
             <total type=\"tcache\" count=\"{n}\" size=\"{bytes}\"/>\n</tcache>\n",
            thread.0
        )
        .expect("a string takes everything");
    }
    Ok(())
}

fn write_totals<S: System>(glibc: &Glibc<S>, totals: &Totals, text: &mut String) -> fmt::Result {
    let Totals { n_fast, fast_bytes, n_rest, rest_bytes, system_bytes, system_bytes_max, heap_bytes, accessible_bytes } =
        totals;
    let parameters = glibc.parameters();
    writeln!(text, "<total type=\"fast\" count=\"{n_fast}\" size=\"{fast_bytes}\"/>")?;
    writeln!(text, "<total type=\"rest\" count=\"{n_rest}\" size=\"{rest_bytes}\"/>")?;
    writeln!(text, "<total type=\"mmap\" count=\"{}\" size=\"{}\"/>", parameters.n_mmaps, parameters.mmapped_mem)?;
    writeln!(text, "<system type=\"current\" size=\"{system_bytes}\"/>")?;
    writeln!(text, "<system type=\"max\" size=\"{system_bytes_max}\"/>")?;
    writeln!(text, "<aspace type=\"total\" size=\"{heap_bytes}\"/>")?;
    writeln!(text, "<aspace type=\"mprotect\" size=\"{accessible_bytes}\"/>")?;
    writeln!(text, "</malloc>")
}
