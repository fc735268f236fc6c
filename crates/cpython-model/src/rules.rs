//! The rules of the interpreter, each with a switch in this crate's unit tests: whoever breaks one has to break a test.
//!
//! [`rule`] is a constant `true` everywhere else, and costs nothing. The tests switch one rule off at a time and show
//! that some recording of a real interpreter is then no longer predicted.

#[cfg(test)]
mod tests;

/// A rule that can be left out. The variants say what holds while the rule is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A pool that serves its class again goes on with its list of free blocks.
    PoolKeepsItsFreeList,
    /// From 3.9 on the last usable arena is kept when it is free.
    LastArenaIsKept,
    /// Usable arenas are sorted by their free pools.
    ArenasAreSorted,
    /// `realloc` moves a block that shrinks by a quarter.
    ReallocMovesWhatShrinks,
    /// A free list has a greatest length.
    FreeListsAreLimited,
    /// Up to 3.12 tuples of twenty are kept and never taken.
    TwentiesAreNeverTaken,
    /// An object from a free list is no allocation.
    FreeListHitsDoNotCount,
    /// Dead lists go to a free list.
    DeadListsAreKept,
    /// Dead dicts do.
    DeadDictsAreKept,
    /// From 3.12 on popping the last item gives the items' block back.
    EmptiedListsFreeTheirItems,
    /// Up to 3.12 the values of an instance are a block of their own.
    ValuesAreABlock,
    /// A list that grows gets room for more than it needs.
    ListsOverAllocate,
    /// A dict that is full gets places for three times its keys.
    DictsGrowThreefold,
    /// A set that is filled to three fifths gets places for four times its keys.
    SetsGrowFourfold,
    /// From 3.10 on a new key takes the last hole it meets on its way.
    SetsFillTheirHoles,
    /// Each new instance of a class leaves room for one attribute less.
    InstancesShrink,
    /// 3.13 makes that room before it lowers the number.
    InstancesAreSizedFirst,
    /// A full collection waits until a quarter of the long-lived objects is new.
    FullCollectionsWait,
    /// From 3.12 on collections wait for the eval breaker.
    CollectionsAreDeferred,
    /// A collection counts for the next older generation.
    OlderGenerationCounts,
    /// Survivors of a middle collection are pending.
    SurvivorsArePending,
    /// After finalizers have run, the garbage is looked at again.
    GarbageIsLookedAtAgain,
    /// Up to 3.12 the free lists of tuples are emptied before that of floats.
    TuplesAreClearedFirst,
    /// A full collection empties the free lists.
    FullCollectionsClearFreeLists,
    /// A collection untracks tuples of what is not tracked.
    TuplesAreUntracked,
    /// A full one does so with dicts.
    DictsAreUntracked,
    /// An object is finalized once in its life.
    FinalizersRunOnce,
    /// A weak reference that is garbage itself has no callback called.
    CallbacksOfGarbageAreSkipped,
    /// Deaths nested too deeply are put off.
    DeepDeathsArePutOff,
    /// 3.13 keeps a single callback in a tuple, too.
    OneCallbackHasATupleToo,
    /// Callbacks are called the newest first.
    NewestCallbackIsFirst,
    /// Lists and tuples drop their items from the last on.
    ItemsDieFromTheLast,
    /// A call of `weakref.ref` makes a tuple of arguments.
    WeakrefsHaveArguments,
    /// So does a call of a class.
    CreationsHaveArguments,
    /// Many arguments of `__init__` are in a block of their own.
    ManyArgumentsNeedAStack,
    /// Before 3.13 a call of `int` makes a tuple of arguments.
    IntsHaveArguments,
    /// A call of `bytes` makes a tuple, too.
    BytesHaveArguments,
    /// Arithmetic of large `int`s asks for more digits than the result has.
    LargeIntsHaveSpareDigits,
    /// Instructions are rewritten when they have run.
    InstructionsAreSpecialised,
    /// From 3.12 on a float that nobody else has takes the result.
    FloatsAreReused,
    /// The digits of a number are computed into a block of their own.
    DigitsAreComputedElsewhere,
    /// From 3.12 on the phases of a collection have names.
    PhasesHaveNames,
    /// Weakly referenced classes have a slot for that.
    WeaklyReferencedHaveASlot,
    /// What goes over a range is an object.
    RangesHaveIterators,
    /// What goes over a container is one, too.
    ContainersHaveIterators,
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
pub(crate) fn rule(rule: Rule) -> bool {
    OFF.get() != Some(rule)
}
