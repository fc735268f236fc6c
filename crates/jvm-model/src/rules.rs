//! The rules of layout and heap, each with a switch in test builds: whoever breaks one has to break a test.
//!
//! [`rule`] is a constant `true` outside of this crate's unit tests, and costs nothing. In them, `tests.rs` switches
//! one rule off at a time and shows that some recording of a real JVM is then no longer predicted. What no recording
//! shows is not among them: roots on stacks, ages after a full collection.

#[cfg(test)]
mod tests;

/// Makes the list of rules: an enum, and in tests all its variants.
macro_rules! rules {
    ($($(#[$holds:meta])* $name:ident,)*) => {
        /// A rule of `HotSpot` that can be left out. The variants say what holds while the rule is on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Rule {
            $($(#[$holds])* $name,)*
        }

        /// Every rule there is.
        #[cfg(test)]
        const RULES: &[Rule] = &[$(Rule::$name,)*];
    };
}

rules! {
    /// A field goes into a hole that takes it.
    HolesAreFilled,
    /// The smallest such hole.
    SmallestHoleFirst,
    /// Of equal ones the one at the end.
    HighestOfEqualHoles,
    /// Nothing goes into the padding and the holes of a class with something contended.
    PaddingStaysEmpty,
    /// 25 puts references next to those of the superclass.
    ReferencesFollowReferences,
    /// Primitives are placed largest first.
    LargestPrimitivesFirst,
    /// The heap is a multiple of 2 MiB.
    HeapIsAligned,
    /// The first heap holds the generations' first sizes.
    GenerationsBoundFirstHeap,
    /// `NewSize` leaves an alignment for old.
    NewLeavesRoomForOld,
    /// Generations that are too large together are scaled down, or make the heap larger.
    GenerationsFitHeap,
    /// `OldSize` decides about young.
    OldSizeLeavesRest,
    /// Young is a share of the heap by `NewRatio`.
    NewRatioDividesHeap,
    /// In a heap of one size `NewSize` is young's only size.
    FixedHeapFixesNew,
    /// The first sizes of the generations make up the first heap.
    GenerationsMakeUpHeap,
    /// A heap that ends at 4 GiB has references that are addresses.
    LowHeapNeedsNoShift,
    /// Eden is never larger than in the largest young generation.
    EdenIsBounded,
    /// A survivor space is a share of young by `SurvivorRatio`.
    SurvivorsFollowRatio,
    /// What `PretenureSizeThreshold` says is allocated in old.
    PretenureSendsToOld,
    /// What is larger than eden tries old before a collection.
    LargeObjectsTryOld,
    /// When even a full collection leaves eden occupied, from-space is allocated in.
    FromSpaceServesWhenTight,
    /// A buffer with much left in it is kept.
    BufferIsKept,
    /// Each allocation outside makes keeping it less likely.
    WasteLimitGrows,
    /// A buffer keeps room for a filler.
    BuffersHaveReserve,
    /// Unless no hole is smaller than that anyway.
    AlignedBuffersNeedNoReserve,
    /// Buffers follow the thread's share of eden.
    BuffersAreResized,
    /// The share is sampled only when half of eden is used.
    SampleNeedsHalfEden,
    /// Up to 21 the buffer in use counts for the next sample.
    OpenBufferCountsLater,
    /// 17 and 21 take dirty cards from the top down, 25 from the bottom up.
    CardsHaveTheirOrder,
    /// A dirty run goes to the end of its last object.
    RunsAreExtended,
    /// The interpreter marks the card of an element.
    ElementsMarkTheirCard,
    /// And, for a field, that of the header.
    FieldsMarkTheHeader,
    /// A card stays dirty while something on it refers to young.
    CardsStayDirty,
    /// Copies in young are followed before those in old.
    YoungCopiesFirst,
    /// An object grows older by each collection.
    SurvivorsAge,
    /// At the threshold it is promoted.
    ThresholdPromotes,
    /// The threshold follows how many survived.
    ThresholdFollowsSurvivors,
    /// Up to `TargetSurvivorRatio` of a space.
    SurvivorTargetIsShare,
    /// Old grows while objects are promoted.
    OldGrowsForPromotion,
    /// By `MinHeapDeltaBytes` at least.
    OldGrowsByDelta,
    /// A collection that old may have no room for is not tried.
    UnsafeCollectionIsSkipped,
    /// Room for what is promoted on average is enough.
    AveragePromotionIsEnough,
    /// The average is padded by its deviation.
    AverageIsPadded,
    /// What cannot be promoted is followed at once.
    FailedPromotionIsFollowedAtOnce,
    /// After a failed promotion the survivor spaces change places up to 21, and stay in 25.
    FailureSwapsSpaces,
    /// A full collection follows when old has grown.
    GrowthLeadsToFull,
    /// And when the request is still unmet.
    UnmetRequestLeadsToFull,
    /// A full collection leaves dead wood.
    DeadWoodStays,
    /// As much as `MarkSweepDeadRatio` allows.
    DeadWoodIsLimited,
    /// Every so many-th leaves none.
    SomeCollectionsLeaveNothing,
    /// Old grows to `MinHeapFreeRatio`.
    OldGrowsToFreeShare,
    /// And shrinks to `MaxHeapFreeRatio`.
    OldShrinksToFreeShare,
    /// In steps.
    OldShrinksInSteps,
    /// Less than `MinHeapDeltaBytes` is not worth it.
    SmallChangesAreLeft,
    /// Old grows for what nothing else has room for.
    OldGrowsForRequest,
    /// What grew for promotions is taken back.
    PromotionGrowthIsTakenBack,
    /// Young follows old by `NewRatio`.
    YoungFollowsOld,
    /// And has more for each thread.
    ThreadsEnlargeYoung,
    /// A text to which nothing is appended stays the same object.
    EmptyTextIsNotAppended,
    /// A loop over a map has an iterator, and the map a view of its keys.
    LoopsHaveIterators,
    /// A `LinkedHashMap` is larger from 21 on.
    MapsGrewIn21,
    /// Small integers in containers share the boxes of a cache.
    SmallNumbersAreCached,
    /// A list grows by half.
    ListsGrowByHalf,
    /// An object with a finalizer has a `Finalizer`, which keeps it until that has run.
    FinalizersAreObjects,
    /// What only weak references lead to is gone, and they are cleared.
    WeakReferencesAreCleared,
}

/// Whether a rule holds.
#[cfg(not(test))]
#[inline]
pub(crate) const fn rule(_: Rule) -> bool {
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
pub(crate) fn rule(rule: Rule) -> bool {
    OFF.get() != Some(rule)
}
