//! What `malloc_stats` writes, byte for byte.

use std::fmt::{self, Write};

use memory_trait::Outcome;

use crate::malloc::{ArenaState, FreeChunk, Glibc, System};

/// The output of `malloc_stats`. Its figures are of 32 bits, as glibc's are: beyond 4 GiB they begin again at 0.
///
/// # Errors
/// The fault that following a damaged list is.
///
/// # Source
/// glibc 2.36 `malloc/malloc.c:__malloc_stats`, `int_mallinfo`. Differs: a fastbin with a misaligned chunk, at which
/// glibc stops the program, is followed as far as it goes.
pub fn malloc_stats<S: System>(glibc: &Glibc<S>) -> Outcome<String> {
    let mut arenas = glibc.arena_states()?;
    if arenas.is_empty() {
        arenas.push(ArenaState::default());
    }
    let mut text = String::new();
    write_all(glibc, &arenas, &mut text).expect("a string takes everything");
    Ok(text)
}

fn write_all<S: System>(glibc: &Glibc<S>, arenas: &[ArenaState], text: &mut String) -> fmt::Result {
    let parameters = glibc.parameters();
    let mut system_bytes = parameters.mmapped_mem as u32;
    let mut used_bytes = system_bytes;
    for (number, arena) in arenas.iter().enumerate() {
        let lists = arena.fastbins.iter().chain(&arena.bins).flat_map(|(_, chunks)| chunks);
        let free_bytes = (arena.top_head & !7) + lists.map(|&FreeChunk { head, .. }| head & !7).sum::<u64>();
        let has = arena.system_mem as u32;
        let uses = arena.system_mem.wrapping_sub(free_bytes) as u32;
        system_bytes = system_bytes.wrapping_add(has);
        used_bytes = used_bytes.wrapping_add(uses);
        writeln!(text, "Arena {number}:\nsystem bytes     = {has:10}\nin use bytes     = {uses:10}")?;
    }
    writeln!(text, "Total (incl. mmap):\nsystem bytes     = {system_bytes:10}\nin use bytes     = {used_bytes:10}")?;
    writeln!(text, "max mmap regions = {:10}", parameters.max_n_mmaps as u32)?;
    writeln!(text, "max mmap bytes   = {:10}", parameters.max_mmapped_mem)
}
