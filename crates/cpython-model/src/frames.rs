//! Frames: the local variables of Python functions, one flat vector of slots a thread.
//!
//! Mirrors the data stack of 3.11 and later (`_PyInterpreterFrame` in chunks of the thread state). A slot owns a
//! reference. Knows objects only as keys.

use memory_trait::{ObjectKey, Program, Slot};

use crate::Version;
use crate::layout;
use crate::refcount::Suspended;

/// Frames that are there before the program's first: the module's. Measured: in a script, a function that calls itself
/// gets to depth 999 of 1000.
pub(crate) const MODULE_FRAMES: u32 = 1;

/// Frames that are there before a thread's first: `_bootstrap`, `_bootstrap_inner`, `run`, and one for the C functions
/// in between. Measured: a function that calls itself gets to depth 996 of 1000 there.
pub(crate) const THREAD_FRAMES: u32 = 4;

/// What is known of a function's frames.
#[derive(Clone, Debug)]
pub(crate) struct FrameShape {
    pub(crate) n_slots: usize,
    pub(crate) n_parameters: usize,
    /// Which slots are temporaries: places on the evaluation stack.
    pub(crate) is_temporary: Box<[bool]>,
    pub(crate) bytes: u64,
}

impl FrameShape {
    /// The frame of each function of a program.
    pub(crate) fn all(program: &Program, version: Version) -> Vec<FrameShape> {
        let shape = |function: &memory_trait::FunctionShape| {
            let is_temporary: Box<[bool]> = function.slots.iter().map(|slot| slot.name.is_none()).collect();
            let n_temporaries = is_temporary.iter().filter(|&&it| it).count() as u64;
            let n_slots = function.slots.len();
            FrameShape {
                n_slots,
                n_parameters: function.n_parameters,
                bytes: layout::frame_bytes(n_slots as u64 - n_temporaries, n_temporaries, version),
                is_temporary,
            }
        };
        program.functions.iter().map(shape).collect()
    }
}

/// A frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) function: u32,
    /// Where its slots begin.
    pub(crate) base: usize,
    /// Where the caller wants the result.
    pub(crate) result: Option<Slot>,
    /// Present when this is the frame of a finalizer: what waits for its return.
    pub(crate) suspended: Option<Suspended>,
}

/// A thread's frames.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) frames: Vec<Frame>,
    pub(crate) slots: Vec<Option<ObjectKey>>,
    /// What goes over the ranges of loops, the innermost last: on the evaluation stack in the real one.
    pub(crate) ranges: Vec<ObjectKey>,
    /// Bytes of the data stack in use.
    pub(crate) bytes: u64,
    /// Frames of the runtime's own below.
    pub(crate) n_frames_below: u32,
}

impl Stack {
    pub(crate) fn new(n_frames_below: u32) -> Stack {
        Stack { frames: Vec::new(), slots: Vec::new(), ranges: Vec::new(), bytes: 0, n_frames_below }
    }

    /// How deep the recursion is, as `sys.setrecursionlimit` counts.
    #[inline]
    pub(crate) fn depth(&self) -> u32 {
        self.frames.len() as u32 + self.n_frames_below
    }

    /// Pushes a frame with unset slots.
    #[inline]
    pub(crate) fn push(&mut self, function: u32, shape: &FrameShape, result: Option<Slot>) {
        let base = self.slots.len();
        self.slots.resize(base + shape.n_slots, None);
        self.bytes += shape.bytes;
        self.frames.push(Frame { function, base, result, suspended: None });
    }

    /// Pops the current frame, whose slots are unset.
    #[inline]
    pub(crate) fn pop(&mut self, shape: &FrameShape) -> Frame {
        let frame = self.frames.pop().expect("there is a current frame");
        debug_assert!(self.slots[frame.base..].iter().all(Option::is_none), "a frame is popped with slots set");
        self.slots.truncate(frame.base);
        self.bytes -= shape.bytes;
        frame
    }

    /// Where the current frame's slots begin.
    #[inline]
    pub(crate) fn base(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.base)
    }
}
