//! The seam of objects: what any program does to memory, whatever the language.
//!
//! Three decisions make one trait fit a stack of bytes, a heap of counted references and a heap that moves:
//!
//! - *The machine owns the frames.* Every operand is a [`Slot`] of the current frame. No reference is ever held
//!   outside, because where a variable lives and what it keeps alive is the very thing being modelled.
//! - *The interpreter computes, the machine stores.* Arithmetic happens outside; whether a number needs an object,
//!   and what a read through a dangling pointer really finds, is decided here.
//! - *Containers are the runtime's own*, because `list`, `ArrayList` and a doubling `realloc` vector differ exactly
//!   where it matters.

use crate::calculation::{Calculation, Operand};
use crate::fault::{FaultLog, Outcome};
use crate::program::{Kind, Program};
use crate::units::{ConstantId, FieldIndex, FunctionId, Moment, RecordId, Site, Slot, ThreadId};
use crate::usage::Usage;

/// A machine that runs programs: frames, objects and whoever reclaims them.
///
/// Common to all operations:
///
/// - Slots are of the current thread's current frame. Writing a slot drops what it held *after* the new value is
///   there. A slot starts out unset; reading it before it was written is a fault of the program.
/// - `Err` is a fatal fault: the program has ended, and of the machine only [`Machine::faults`], [`Machine::usage`]
///   and [`Machine::finish`] may be asked. Faults that the runtime does not notice go to [`Machine::faults`] only.
/// - Using null where an object is needed is [`crate::FaultKind::NullDereference`], fatal on every machine.
/// - An index outside the object is [`crate::FaultKind::OutOfBounds`]: fatal where the runtime checks it.
/// - An operation that creates an object takes a name from the journal exactly once, so that names agree between
///   machines.
/// - A slot index or an id that the program does not have is a bug of the caller: it panics.
pub trait Machine {
    /// The model's name in reports and file names: `c`, `cpython`, `jvm`.
    fn name(&self) -> &'static str;

    // --- the program and the clock ---

    /// Takes the shapes of the program. Called once, before everything else.
    fn load_program(&mut self, program: &Program) -> Outcome<()>;

    /// What follows happens at this moment. The thread in it is the one last switched to, at first the main thread.
    fn set_moment(&mut self, now: Moment);

    /// What follows stands at this place of the code: a runtime may rewrite what it has executed before.
    fn at(&mut self, _site: Site) {}

    // --- frames ---

    /// Calls `function` with `arguments`, slots of the calling frame. A named variable is copied into its parameter; a
    /// temporary is used up by the call and *moves* into it, so that the caller does not keep alive what only the
    /// callee needs. What the function returns will be written to `result`, a slot of the calling frame. The first
    /// call makes the bottom frame and has no arguments.
    ///
    /// # Errors
    /// [`crate::FaultKind::StackOverflow`].
    fn call(&mut self, function: FunctionId, arguments: &[Slot], result: Option<Slot>) -> Outcome<()>;

    /// Returns `value`, a slot of the current frame, which is kept until it is in the caller's `result`. All slots of
    /// the frame are dropped, then what is in automatic storage is gone, then the frame. The return of a thread's
    /// bottom frame ends the thread and drops the value.
    fn ret(&mut self, value: Option<Slot>) -> Outcome<()>;

    // --- values in slots ---

    /// Writes a computed integer.
    fn set_int(&mut self, dst: Slot, value: i64) -> Outcome<()>;
    /// Writes a computed float.
    fn set_float(&mut self, dst: Slot, value: f64) -> Outcome<()>;
    /// Writes an integer that was computed like this. Temporaries among the operands are cleared, and whatever is made
    /// on the way is gone, before what `dst` held is dropped.
    fn calculate_int(&mut self, dst: Slot, value: i64, how: Calculation) -> Outcome<()> {
        self.set_int(dst, value)?;
        self.clear_operand(how.a)?;
        self.clear_operand(how.b)
    }
    /// The same for a float.
    fn calculate_float(&mut self, dst: Slot, value: f64, how: Calculation) -> Outcome<()> {
        self.set_float(dst, value)?;
        self.clear_operand(how.a)?;
        self.clear_operand(how.b)
    }
    /// Clears an operand that is used up.
    fn clear_operand(&mut self, operand: Operand) -> Outcome<()> {
        match operand {
            Operand::Temporary(slot) => self.clear(slot),
            _ => Ok(()),
        }
    }
    /// Writes a truth value.
    fn set_bool(&mut self, dst: Slot, value: bool) -> Outcome<()>;
    /// Writes null.
    fn set_null(&mut self, dst: Slot) -> Outcome<()>;
    /// Writes a constant of the program: it exists already, nothing is created for it.
    fn set_constant(&mut self, dst: Slot, constant: ConstantId) -> Outcome<()>;
    /// Writes a copy of another slot's value; a reference now has one more holder.
    fn copy(&mut self, dst: Slot, src: Slot) -> Outcome<()>;
    /// Moves a value: as [`Machine::copy`] followed by [`Machine::clear`] of `src`, with no moment in between.
    fn take(&mut self, dst: Slot, src: Slot) -> Outcome<()>;
    /// Makes a slot unset again. Temporaries are cleared as soon as they are used up, variables when they leave scope.
    /// An automatic slot's record is gone with that, where the language has automatic storage.
    fn clear(&mut self, slot: Slot) -> Outcome<()>;

    /// Reads an integer.
    fn int(&mut self, src: Slot) -> Outcome<i64>;
    /// Reads a float.
    fn float(&mut self, src: Slot) -> Outcome<f64>;
    /// Reads a truth value.
    fn bool(&mut self, src: Slot) -> Outcome<bool>;
    /// Whether a reference is null.
    fn is_null(&mut self, src: Slot) -> Outcome<bool>;
    /// Whether two references are to the same object (or both null).
    fn same(&mut self, a: Slot, b: Slot) -> Outcome<bool>;

    // --- records ---

    /// Creates a record on the heap. Its fields are unset: zero and null where the runtime clears memory, whatever was
    /// there before where it does not.
    fn new_record(&mut self, dst: Slot, record: RecordId) -> Outcome<()>;
    /// Creates the record that lives in the slot itself, in automatic storage where the language has that, on the heap
    /// elsewhere. The slot is one whose shape is `automatic`; it refers to the record, as a slot of any other shape
    /// would, and nothing else is ever written to it. A record that is still there is cleared first.
    fn new_local(&mut self, slot: Slot) -> Outcome<()>;
    /// Creates a record on the heap whose fields have these values: as [`Machine::new_record`] followed by a
    /// [`Machine::store`] for each.
    fn create(&mut self, dst: Slot, record: RecordId, fields: &[FieldIndex], values: &[Slot]) -> Outcome<()> {
        self.new_record(dst, record)?;
        fields.iter().zip(values).try_for_each(|(&field, &value)| self.store(dst, field, value))
    }
    /// The same for the record of an automatic slot: as [`Machine::new_local`] followed by the stores.
    fn create_local(&mut self, slot: Slot, fields: &[FieldIndex], values: &[Slot]) -> Outcome<()> {
        self.new_local(slot)?;
        fields.iter().zip(values).try_for_each(|(&field, &value)| self.store(slot, field, value))
    }
    /// Reads a field.
    fn load(&mut self, dst: Slot, object: Slot, field: FieldIndex) -> Outcome<()>;
    /// Writes a field.
    fn store(&mut self, object: Slot, field: FieldIndex, src: Slot) -> Outcome<()>;

    // --- arrays, lists, bytes ---

    /// Creates an array of `n_elements` zeros, `false`s or nulls.
    fn new_array(&mut self, dst: Slot, element: Kind, n_elements: i64) -> Outcome<()>;
    /// The same for a length that is an operand: a temporary is cleared.
    fn create_array(&mut self, dst: Slot, element: Kind, n_elements: i64, length: Operand) -> Outcome<()> {
        self.new_array(dst, element, n_elements)?;
        self.clear_operand(length)
    }
    /// Creates an immutable block of `n_bytes` zeros; its elements are integers.
    fn new_bytes(&mut self, dst: Slot, n_bytes: i64) -> Outcome<()>;
    /// Creates an empty growable list.
    fn new_list(&mut self, dst: Slot, element: Kind) -> Outcome<()>;
    /// Reads an element of an array, a list or bytes.
    fn element(&mut self, dst: Slot, container: Slot, index: i64) -> Outcome<()>;
    /// Writes an element of an array or a list.
    fn set_element(&mut self, container: Slot, index: i64, src: Slot) -> Outcome<()>;
    /// Appends to a list.
    fn push(&mut self, list: Slot, src: Slot) -> Outcome<()>;
    /// Takes the last element of a list; of an empty one, [`crate::FaultKind::Missing`].
    fn pop(&mut self, dst: Slot, list: Slot) -> Outcome<()>;
    /// Elements of an array or list, bytes, keys of a map, or characters (Unicode code points) of a text.
    fn len(&mut self, object: Slot) -> Outcome<i64>;

    // --- maps ---

    /// Creates an empty map. Keys are integers or texts (compared by content); the order is that of insertion.
    fn new_map(&mut self, dst: Slot, key: Kind, value: Kind) -> Outcome<()>;
    /// Reads the value of a key into `dst` and answers true; false, and `dst` untouched, when there is no such key.
    fn get(&mut self, dst: Slot, map: Slot, key: Slot) -> Outcome<bool>;
    /// Writes the value of a key; a new key goes to the end of the order, a known one keeps its place.
    fn put(&mut self, map: Slot, key: Slot, value: Slot) -> Outcome<()>;
    /// Removes a key; whether it was there.
    fn remove(&mut self, map: Slot, key: Slot) -> Outcome<bool>;
    /// Writes the first key at or after `position` in insertion order to `dst`, and answers the position after it;
    /// `None`, and `dst` untouched, at the end. Start with 0; positions are the machine's own.
    fn next_key(&mut self, dst: Slot, map: Slot, position: i64) -> Outcome<Option<i64>>;

    // --- loops ---

    /// A loop over the elements or keys of `container` begins: what goes over them is in `dst`, a temporary, until that
    /// is cleared. It stands for the container in [`Machine::len`], [`Machine::element`] and [`Machine::next_key`].
    fn begin_each(&mut self, dst: Slot, container: Slot) -> Outcome<()> {
        if dst == container { Ok(()) } else { self.copy(dst, container) }
    }
    /// A loop over a range of integers begins; temporaries among the bounds are cleared.
    fn begin_range(&mut self, from: Operand, to: Operand) -> Outcome<()> {
        self.clear_operand(from)?;
        self.clear_operand(to)
    }
    /// The innermost such loop ends.
    fn end_range(&mut self) {}
    /// A loop goes round again: where a runtime looks whether there is something else to do. `is_tested`: whether the
    /// loop's condition stands at this jump.
    fn loop_back(&mut self, _is_tested: bool) -> Outcome<()> {
        Ok(())
    }

    // --- texts ---

    /// Creates a computed text.
    fn new_text(&mut self, dst: Slot, text: &str) -> Outcome<()>;
    /// Creates the text of a number or truth value, as it is printed; a temporary is cleared.
    fn number_text(&mut self, dst: Slot, text: &str, number: Operand) -> Outcome<()> {
        self.new_text(dst, text)?;
        self.clear_operand(number)
    }
    /// Creates the text `a` followed by `b`.
    fn concat(&mut self, dst: Slot, a: Slot, b: Slot) -> Outcome<()>;
    /// Replaces `into` by the characters of a text, as they are in memory.
    fn read_text(&mut self, src: Slot, into: &mut String) -> Outcome<()>;

    // --- reclaiming ---

    /// Gives an object and its own backing store back, not what it refers to: what the language does when told so.
    /// Null is legal. The slot keeps its value. Where this reclaims, a finalizer is due first, and cannot prevent it.
    fn free(&mut self, slot: Slot) -> Outcome<()>;
    /// Asks for a collection of everything, where there is one.
    fn collect(&mut self) -> Outcome<()>;
    /// Creates a weak reference to the object in `target`: one that does not keep it. The weak reference is an object.
    fn new_weak(&mut self, dst: Slot, target: Slot) -> Outcome<()>;
    /// Reads a weak reference: its object, or null when that is gone.
    fn weak_get(&mut self, dst: Slot, weak: Slot) -> Outcome<()>;
    /// If a finalizer is due, calls it (its frame is the current one, the object in its first slot) and answers its
    /// function. Asked after every operation until it answers `None`; what the operation has still to do to reclaim
    /// goes on when the finalizer's frame returns. Also asked after the return of a thread's bottom frame: its
    /// variables may have been the last to hold something; a finalizer's own frame is never a bottom frame. A finalizer
    /// runs once for an object; [`Machine::finish`] runs none.
    fn begin_finalizer(&mut self) -> Outcome<Option<FunctionId>>;

    // --- threads ---

    /// Starts a thread with a bottom frame of `function`; `arguments` of the current frame are passed as in a call.
    /// The current thread stays the current one. What the function returns is dropped.
    fn start_thread(&mut self, function: FunctionId, arguments: &[Slot]) -> Outcome<ThreadId>;
    /// Makes another thread the current one. It is alive; the one left may have just ended.
    fn switch_thread(&mut self, thread: ThreadId) -> Outcome<()>;

    // --- the end, and questions ---

    /// The process exits: what is left is reclaimed by [`crate::Reclaimer::Exit`], leaks are reported.
    fn finish(&mut self);
    /// Where the heap's bytes are now. Constant time.
    fn usage(&self) -> Usage;
    /// What the program did wrong so far.
    fn faults(&self) -> &FaultLog;
}
