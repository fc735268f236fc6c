//! The rules of the allocator, each with a switch in test builds: whoever breaks one has to break a test.
//!
//! [`rule`] is a constant `true` outside of this crate's unit tests, and costs nothing. In them, `tests.rs` switches
//! one rule off at a time and shows that some recording of the real library is then no longer predicted.

#[cfg(test)]
mod tests;

/// Makes the list of rules: an enum, and in tests all its variants.
macro_rules! rules {
    ($($(#[$holds:meta])* $name:ident,)*) => {
        /// A rule of glibc 2.36's malloc that can be left out. The variants say what holds while the rule is on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Rule {
            $($(#[$holds])* $name,)*
        }

        /// Every rule there is.
        #[cfg(test)]
        const RULES: &[Rule] = &[$(Rule::$name,)*];
    };
}

rules! {
    /// malloc looks into the tcache first.
    TcacheServesMalloc,
    /// calloc does not.
    CallocSkipsTcache,
    /// Freed chunks go to the tcache.
    FreeFillsTcache,
    /// Small freed chunks go to the fastbins.
    FreeFillsFastbins,
    /// malloc looks into the fastbin of its size.
    FastbinServes,
    /// What is left in a fastbin moves into the tcache.
    FastbinFillsTcache,
    /// malloc looks into the small bin of its size.
    SmallBinServes,
    /// A small bin gives its oldest chunk.
    SmallBinIsFifo,
    /// What is left in a small bin moves into the tcache.
    SmallBinFillsTcache,
    /// A large request empties the fastbins first.
    LargeRequestConsolidates,
    /// Before the system is asked, the fastbins are emptied.
    LastResortConsolidates,
    /// Exact fits in the unsorted bin go to the tcache before one is returned.
    UnsortedFillsTcache,
    /// A pass over the unsorted bin ends after 10,000 chunks.
    UnsortedLimit,
    /// `tcache_unsorted_limit` ends the search for exact fits.
    TcacheUnsortedLimit,
    /// The last remainder is cut again.
    LastRemainderServes,
    /// Only for small requests.
    LastRemainderIsForSmall,
    /// Only if it is the sole unsorted chunk.
    LastRemainderIsAlone,
    /// Only if a chunk is left.
    LastRemainderLeavesChunk,
    /// A split of a larger bin's chunk for a small request sets it.
    LargerBinSetsLastRemainder,
    /// Only for a small request.
    LargerBinSetsItForSmallOnly,
    /// A split of the large bin of the request's size does not set it.
    LargeBinKeepsLastRemainder,
    /// Its own split sets it.
    OwnSplitSetsLastRemainder,
    /// Large bins descend by size.
    LargeBinIsSorted,
    /// Among equals a chunk is inserted second.
    EqualIsInsertedSecond,
    /// Of equals the second is taken.
    SecondOfEqualIsTaken,
    /// The large bin gives the smallest that fits.
    LargeBinIsBestFit,
    /// What is left over of a chunk is split off.
    SplitLeavesRemainder,
    /// A large request that fits top is not mapped.
    TopBeforeMapping,
    /// Freeing a mapped chunk raises the mmap threshold.
    DynamicThreshold,
    /// And the trim threshold to twice that.
    DynamicTrimThreshold,
    /// But not beyond 32 MiB.
    DynamicThresholdLimit,
    /// `mmap_max` limits the number of mapped chunks.
    MappingsAreLimited,
    /// The break moves by what top lacks.
    BreakMovesByWhatTopLacks,
    /// The break stays at a page's boundary.
    BreakIsAligned,
    /// Or of a huge page, if `hugetlb` is 1.
    BreakIsAlignedToHugePages,
    /// Memory is asked for with `top_pad` more.
    GrowthIsPadded,
    /// top is trimmed when it reaches the threshold.
    TopIsTrimmed,
    /// Only where 64 KiB were merged.
    TrimNeedsLargeFree,
    /// There the fastbins are emptied.
    LargeFreeConsolidates,
    /// 64 KiB, not more.
    LargeFreeIs64Kib,
    /// Trimming keeps one byte more than a smallest chunk.
    TrimSparesOneByte,
    /// Trimming gives whole huge pages back, if `hugetlb` is 1.
    TrimGivesHugePages,
    /// Trimming keeps `top_pad`.
    TrimKeepsPad,
    /// realloc grows into top.
    ReallocGrowsIntoTop,
    /// realloc grows into the next free chunk.
    ReallocGrowsIntoNext,
    /// A new chunk that is the next one is merged in place.
    ReallocMergesNewNext,
    /// realloc's move does not take from the tcache.
    ReallocSkipsTcache,
    /// Shrinking frees what is left over.
    ReallocFreesRest,
    /// memalign does not take from the tcache.
    MemalignSkipsTcache,
    /// memalign does not make a tcache.
    MemalignMakesNoTcache,
    /// memalign asks for room for the alignment and a smallest chunk.
    MemalignAsksForMore,
    /// What is before the aligned block is freed.
    MemalignFreesLead,
    /// And what is behind it.
    MemalignFreesTail,
    /// Alignments are rounded up to powers of two.
    AlignmentIsRounded,
    /// `malloc_consolidate` goes from fastbin 0 to 9.
    ConsolidateAscends,
    /// It merges chunks with their neighbours.
    ConsolidateMerges,
    /// It inserts at the head of the unsorted bin.
    ConsolidateInsertsAtHead,
    /// `malloc_trim` consolidates every arena.
    TrimConsolidatesAll,
    /// `malloc_trim` lowers the break.
    TrimLowersBreak,
    /// But leaves the heaps of threads as large as they are.
    TrimLeavesThreadHeaps,
    /// mallopt consolidates the main arena.
    MalloptConsolidates,
    /// Setting a threshold turns the dynamic one off.
    SettingEndsDynamicThreshold,
    /// After a foreign `sbrk` the old top is freed.
    ForeignBreakFreesTop,
    /// And two fences are left behind it.
    ForeignBreakFences,
    /// And the foreign bytes count as the arena's.
    ForeignBytesCount,
    /// mremap counts the bytes below the chunk.
    MremapCountsOffset,
    /// A mapped block stays mapped however small it becomes.
    MappedStaysMapped,
    /// When the break is refused, memory is mapped instead.
    RefusedBreakIsMapped,
    /// In units of 1 MiB, the first time.
    FallbackIsInMebibytes,
    /// A thread that makes its first call gets an arena of its own.
    ThreadsHaveArenas,
    /// Its first free makes one, too.
    FreeMakesArena,
    /// The number of arenas is limited.
    ArenasAreLimited,
    /// The limit is computed once there are more than `arena_test`.
    LimitIsComputedLate,
    /// Arenas that nobody uses are used first, the last one given up before the others.
    FreeArenasAreReused,
    /// At the limit arenas are used in turn.
    ArenasAreUsedInTurn,
    /// At a thread's end its tcache is freed.
    ExitFreesTcache,
    /// From bin 0 to bin 63.
    ExitFreesBinsInOrder,
    /// Then the structure.
    ExitFreesStructure,
    /// And its arena is given up.
    ExitGivesArenaUp,
    /// A thread heap grows without `top_pad`.
    ThreadHeapGrowsUnpadded,
    /// A thread heap has 32 KiB at least.
    ThreadHeapHasMinimum,
    /// Thread heaps that hold nothing but top are given back.
    EmptyHeapsAreGivenBack,
    /// The end of a thread heap is given back.
    ThreadHeapShrinks,
    /// A thread heap that cannot grow is followed by another.
    SecondHeap,
    /// A call that fails in one arena is tried in another.
    FailureTriesAnotherArena,
    /// The main thread stays in the arena that it got by a failure.
    FailureMovesThread,
    /// The kernel puts a mapping into the first gap from the top that is large enough.
    MappingsFillGaps,
    /// Multiples of 2 MiB are placed at multiples of 2 MiB.
    HugeMappingsAreAligned,
    /// A mapping grows in place where there is room.
    MremapGrowsInPlace,
}

/// Whether a rule holds.
#[cfg(not(test))]
#[inline]
pub(super) const fn rule(_: Rule) -> bool {
    true
}

#[cfg(test)]
thread_local! {
    /// The rule that is off in this thread's tests.
    static OFF: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

/// Whether a rule holds.
#[cfg(test)]
#[inline]
pub(super) fn rule(rule: Rule) -> bool {
    OFF.get() != Some(rule)
}
