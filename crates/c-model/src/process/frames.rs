//! Call and return, locals, blocks, `alloca`: the stack as the program sees it.

use memory_trait::{Address, Outcome};

use super::{Access, Misuse, Pointer, Process, Storage};
use crate::layout::frame::{Below, aggregate_alignment, alloca_bytes};
use crate::memory::RawMemory;
use crate::params::{CODE_BASE, FRAME_LINK_BYTES};

/// A local variable or a parameter, as a function declares it.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    name: &'static str,
    bytes: u64,
    alignment_bytes: u64,
    is_scoped: bool,
    is_parameter: bool,
}

impl Local {
    /// A variable of 1, 2, 4 or 8 bytes.
    pub const fn scalar(name: &'static str, bytes: u64) -> Self {
        assert!(bytes.is_power_of_two() && bytes <= 8, "a scalar has 1, 2, 4 or 8 bytes");
        Local { name, bytes, alignment_bytes: bytes, is_scoped: false, is_parameter: false }
    }

    /// A pointer.
    pub const fn pointer(name: &'static str) -> Self {
        Self::scalar(name, 8)
    }

    /// An array of `n` elements of `element_bytes`.
    pub const fn array(name: &'static str, n: u64, element_bytes: u64) -> Self {
        let bytes = n * element_bytes;
        let alignment_bytes = aggregate_alignment(bytes, element_bytes);
        Local { name, bytes, alignment_bytes, is_scoped: false, is_parameter: false }
    }

    /// The variable belongs to a block inside the function: it exists from [`Process::begin_scope`] to
    /// [`Process::end_scope`].
    #[must_use]
    pub const fn scoped(mut self) -> Self {
        self.is_scoped = true;
        self
    }

    /// It is a parameter that came in a register, which the function stores first of all.
    #[must_use]
    pub const fn parameter(mut self) -> Self {
        self.is_parameter = true;
        self
    }

    /// Whether gcc gives it its place after all others: an array of a block, from 32 bytes on.
    ///
    /// # Source
    /// gcc 12.2 `cfgexpand.cc:defer_stack_allocation`, without optimisation. Differs: gcc lets deferred arrays of
    /// blocks that exclude each other share their place; here each has its own.
    const fn is_deferred(&self) -> bool {
        self.is_scoped && self.bytes >= 32
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) function: &'static str,
    return_address: u64,
    /// The base pointer, as the frame was made.
    rbp: u64,
    variables: Vec<Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    local: Local,
    /// From the base pointer.
    offset: i32,
    pointer: Pointer,
}

impl Process {
    /// Calls a function with these locals. A function that itself calls others lowers the stack pointer for them.
    ///
    /// # Errors
    /// A stack overflow, when the return address cannot be pushed. The locals may lie below the stack's end all the
    /// same: then it is their first use that fails, as in the real thing.
    pub fn call(&mut self, function: &'static str, locals: &[Local]) -> Outcome<()> {
        self.enter(function, locals, false)
    }

    /// Calls a function that calls nothing: its locals stay in the red zone as far as they fit.
    ///
    /// # Errors
    /// As [`Process::call`].
    pub fn call_leaf(&mut self, function: &'static str, locals: &[Local]) -> Outcome<()> {
        self.enter(function, locals, true)
    }

    fn enter(&mut self, function: &'static str, locals: &[Local], is_leaf: bool) -> Outcome<()> {
        self.begin();
        let (below, offsets) = place(locals);
        let return_address = CODE_BASE.0 + 16 * (self.frames.len() as u64 + 1);
        for (at, word) in [(self.rsp - 8, return_address), (self.rsp - FRAME_LINK_BYTES, self.rbp)] {
            if self.heap.write_u64(Address(at), word).is_err() {
                return Err(self.overflow(Address(at), FRAME_LINK_BYTES + below.bytes()));
            }
        }
        self.rbp = self.rsp - FRAME_LINK_BYTES;
        self.rsp = self.rbp.wrapping_sub(if is_leaf { below.lowered_bytes_of_leaf() } else { below.bytes() });
        let variables = locals.iter().zip(offsets).map(|(&local, offset)| {
            let pointer = Pointer::from(Address(self.rbp.wrapping_add_signed(i64::from(offset))));
            Variable { local, offset, pointer }
        });
        let variables = variables.collect();
        self.frames.push(Frame { function, return_address, rbp: self.rbp, variables });
        self.begin_variables(|local| !local.is_scoped);
        Ok(())
    }

    #[cold]
    #[expect(clippy::unnecessary_box_returns, reason = "it becomes the error of an `Outcome`, which is boxed")]
    fn overflow(&mut self, at: Address, frame_bytes: u64) -> Box<memory_trait::Fault> {
        let site = self.site();
        let mut fault = self.signal(at);
        fault.kind = memory_trait::FaultKind::StackOverflow;
        if let Some(watch) = &mut self.watch {
            watch.report(Misuse::StackOverflow, Access::Call(frame_bytes), at, Pointer::null().object, site);
        }
        fault
    }

    /// Variables come to be.
    fn begin_variables(&mut self, which: impl Fn(&Local) -> bool) {
        let site = self.site();
        let (Some(watch), Some(frame)) = (&mut self.watch, self.frames.last_mut()) else { return };
        for Variable { local, pointer, .. } in frame.variables.iter_mut().filter(|variable| which(&variable.local)) {
            pointer.object = watch.born(Storage::Stack, local.name, pointer.address.0, local.bytes, false, site);
        }
    }

    /// The block that declares the `scoped` locals of these names begins.
    pub fn begin_scope(&mut self, names: &[&str]) {
        self.begin();
        self.begin_variables(|local| local.is_scoped && names.contains(&local.name));
    }

    /// The block that declares the `scoped` locals of these names ends.
    pub fn end_scope(&mut self, names: &[&str]) {
        self.begin();
        let site = self.site();
        let (Some(watch), Some(frame)) = (&mut self.watch, self.frames.last()) else { return };
        for variable in frame.variables.iter().filter(|variable| names.contains(&variable.local.name)) {
            watch.over(variable.pointer.object, Misuse::UseAfterScope, site);
        }
    }

    /// Returns from the current function.
    ///
    /// # Errors
    /// A segmentation fault, when the return address or the way to it was overwritten.
    pub fn ret(&mut self) -> Outcome<()> {
        self.begin();
        let site = self.site();
        let frame = self.frames.last().expect("a function that returns was called");
        let link = (self.heap.read_u64(Address(self.rbp)), self.heap.read_u64(Address(self.rbp.wrapping_add(8))));
        let (Ok(caller), Ok(return_address)) = link else { return Err(self.signal(Address(self.rbp))) };
        if return_address != frame.return_address {
            return Err(self.signal(Address(return_address)));
        }
        let frame = self.frames.pop().expect("just seen");
        if let Some(watch) = &mut self.watch {
            let end = frame.rbp + FRAME_LINK_BYTES;
            watch.end_stack(self.rsp.wrapping_sub(128), end, site);
        }
        self.rsp = self.rbp + FRAME_LINK_BYTES;
        self.rbp = caller;
        Ok(())
    }

    /// A pointer to a local of the current function.
    ///
    /// # Panics
    /// When it has no local of that name.
    pub fn local(&self, name: &str) -> Pointer {
        let frame = self.frames.last().expect("some function was called");
        let variable = frame.variables.iter().find(|variable| variable.local.name == name);
        let Variable { offset, pointer, .. } = variable.unwrap_or_else(|| panic!("{} has no {name}", frame.function));
        Pointer { address: Address(self.rbp.wrapping_add_signed(i64::from(*offset))), ..*pointer }
    }

    /// `name = pointer`.
    ///
    /// # Errors
    /// As [`Process::write`].
    pub fn set(&mut self, name: &str, pointer: Pointer) -> Outcome<()> {
        self.store_pointer(self.local(name), pointer)
    }

    /// `name = value`, for a local of 1, 2, 4 or 8 bytes.
    ///
    /// # Errors
    /// As [`Process::write`].
    pub fn set_int(&mut self, name: &str, value: u64) -> Outcome<()> {
        let frame = self.frames.last().expect("some function was called");
        let bytes = frame.variables.iter().find(|variable| variable.local.name == name).map(|found| found.local.bytes);
        let bytes = bytes.unwrap_or_else(|| panic!("{} has no {name}", frame.function)) as usize;
        self.write(self.local(name), &value.to_le_bytes()[..bytes])
    }

    /// `alloca(bytes)`: room on the stack until the function returns. Nothing is touched, and nothing checked.
    pub fn alloca(&mut self, bytes: u64) -> Pointer {
        self.begin();
        self.rsp = self.rsp.wrapping_sub(alloca_bytes(bytes));
        let mut pointer = Pointer::from(Address(self.rsp));
        let site = self.site();
        if let Some(watch) = &mut self.watch {
            pointer.object = watch.born(Storage::Stack, "alloca", self.rsp, bytes, false, site);
        }
        pointer
    }

    /// The stack pointer.
    pub const fn stack_pointer(&self) -> Address {
        Address(self.rsp)
    }

    /// The base pointer: as the last frame was made, or as a damaged frame left it.
    pub const fn base_pointer(&self) -> Address {
        Address(self.rbp)
    }
}

/// Places the locals of a frame, as gcc 12.2 does at `-O0`.
fn place(locals: &[Local]) -> (Below, Vec<i32>) {
    let mut below = Below::default();
    let mut offsets = vec![0; locals.len()];
    let mut reserve = |below: &mut Below, index: usize| {
        offsets[index] = below.reserve(locals[index].bytes, locals[index].alignment_bytes);
    };
    let is_local = |index: &usize| !locals[*index].is_parameter;
    let (mut deferred, at_once): (Vec<usize>, Vec<usize>) =
        (0..locals.len()).filter(is_local).partition(|&index| locals[index].is_deferred());
    deferred.sort_by_key(|&index| std::cmp::Reverse(locals[index].bytes));
    for index in at_once.into_iter().chain(deferred) {
        reserve(&mut below, index);
    }
    below.end_locals();
    for index in (0..locals.len()).filter(|index| !is_local(index)) {
        reserve(&mut below, index);
    }
    (below, offsets)
}
