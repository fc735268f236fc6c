//! A trace as calls alone, with slots in place of addresses: what can be replayed on any allocator.

use std::collections::HashMap;
use std::path::Path;

use heap_trace::{Answer, Pointer, Reader, Record, Request};

/// What `driver.c` looks for at the start of a file: `htcalls1`.
const MAGIC: u64 = 0x3173_6c6c_6163_7468;

/// Functions of the C library, by the numbers that `driver.c` knows them by. The last two it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Function {
    Malloc,
    Calloc,
    Realloc,
    Free,
    Memalign,
    AlignedAlloc,
    PosixMemalign,
    Valloc,
    Pvalloc,
    UsableSize,
    Trim,
    Mallopt,
    /// The break is moved to so many bytes above the first one, by somebody else.
    Break,
    /// The thread `slot` makes the calls that follow.
    Thread,
    /// The thread ends.
    ThreadExit,
}

/// One call. Its block is in `slot`, before the call or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) slot: u32,
    pub(crate) a: u64,
    pub(crate) b: u64,
}

/// The calls of a trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) list: Vec<Call>,
    pub(crate) n_slots: u32,
    /// Calls of the C library among them; switches of threads are not.
    pub(crate) n: u64,
    pub(crate) n_threads: usize,
    /// Calls that were left out: their block is of before the recording.
    pub(crate) n_unknown: u64,
}

/// Slot 0 is never anything but NULL.
const NULL_SLOT: u32 = 0;

#[derive(Default)]
struct Compiler {
    calls: Calls,
    slots: HashMap<Pointer, u32>,
    free_slots: Vec<u32>,
    threads: Vec<u32>,
    thread: u32,
}

impl Calls {
    /// Reads the calls of a trace.
    ///
    /// # Errors
    /// The trace cannot be read, or has more blocks than the compact form has slots.
    pub(crate) fn of_trace(path: &Path) -> Result<Calls, String> {
        let mut trace = Reader::open(path).map_err(|error| error.to_string())?;
        let mut compiler = Compiler::default();
        compiler.calls.n_slots = NULL_SLOT + 1;
        compiler.threads.push(0);
        while let Some(record) = trace.next_record().map_err(|error| error.to_string())? {
            match record {
                Record::Call(call) => compiler.call(call.thread, call.request, call.answer),
                Record::ForeignBreak(to) => compiler.push(Function::Break, NULL_SLOT, to, 0),
                Record::Break(_)
                | Record::Region { .. }
                | Record::Maps(_)
                | Record::Refusals(_)
                | Record::Snapshot { .. }
                | Record::SnapshotLine(_) => {}
            }
        }
        compiler.calls.n_threads = compiler.threads.len();
        Ok(compiler.calls)
    }

    /// One block of `bytes`, allocated and freed `n` times: the shortest way there is through an allocator.
    pub(crate) fn hot_pair(n: u64, bytes: u64) -> Calls {
        let pair = [(Function::Malloc, bytes), (Function::Free, 0)];
        let list = (0..n).flat_map(|_| pair).map(|(function, a)| Call { function, slot: 1, a, b: 0 }).collect();
        Calls { list, n_slots: 2, n: 2 * n, n_threads: 1, n_unknown: 0 }
    }

    /// The bytes that `driver.c` reads.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24 + 24 * self.list.len());
        for word in [MAGIC, u64::from(self.n_slots), self.list.len() as u64] {
            bytes.extend(word.to_le_bytes());
        }
        for call in &self.list {
            bytes.extend((call.function as u32).to_le_bytes());
            bytes.extend(call.slot.to_le_bytes());
            bytes.extend(call.a.to_le_bytes());
            bytes.extend(call.b.to_le_bytes());
        }
        bytes
    }
}

impl Compiler {
    fn push(&mut self, function: Function, slot: u32, a: u64, b: u64) {
        self.calls.n += u64::from(!matches!(function, Function::Break | Function::Thread | Function::ThreadExit));
        self.calls.list.push(Call { function, slot, a, b });
    }

    fn call(&mut self, thread: u32, request: Request, answer: Answer) {
        if thread != self.thread {
            self.thread = thread;
            if !self.threads.contains(&thread) {
                self.threads.push(thread);
            }
            self.push(Function::Thread, thread, 0, 0);
        }
        match request {
            Request::Malloc { bytes } => self.allocate(Function::Malloc, bytes, 0, answer),
            Request::Calloc { n, bytes } => self.allocate(Function::Calloc, n, bytes, answer),
            Request::Memalign { alignment, bytes } => self.allocate(Function::Memalign, alignment, bytes, answer),
            Request::AlignedAlloc { alignment, bytes } => {
                self.allocate(Function::AlignedAlloc, alignment, bytes, answer);
            }
            Request::PosixMemalign { alignment, bytes } => {
                self.allocate(Function::PosixMemalign, alignment, bytes, answer);
            }
            Request::Valloc { bytes } => self.allocate(Function::Valloc, bytes, 0, answer),
            Request::Pvalloc { bytes } => self.allocate(Function::Pvalloc, bytes, 0, answer),
            Request::Realloc { block: Pointer::Null, bytes } => self.allocate(Function::Realloc, bytes, 0, answer),
            Request::Realloc { block, bytes } => self.reallocate(block, bytes, answer),
            Request::Free { block } => self.free(Function::Free, block, 0),
            Request::UsableSize { block } => {
                if let Some(slot) = self.known(block) {
                    self.push(Function::UsableSize, slot, 0, 0);
                }
            }
            Request::Trim { pad } => self.push(Function::Trim, NULL_SLOT, pad, 0),
            Request::Mallopt { option, value } => {
                self.push(Function::Mallopt, NULL_SLOT, i64::from(option) as u64, i64::from(value) as u64);
            }
            Request::ThreadExit => self.push(Function::ThreadExit, NULL_SLOT, 0, 0),
        }
    }

    fn allocate(&mut self, function: Function, a: u64, b: u64, answer: Answer) {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.calls.n_slots += 1;
            self.calls.n_slots - 1
        });
        if let Answer::Block { at, .. } = answer
            && at != Pointer::Null
        {
            self.slots.insert(at, slot);
        }
        self.push(function, slot, a, b);
    }

    fn reallocate(&mut self, block: Pointer, bytes: u64, answer: Answer) {
        if bytes == 0 {
            return self.free(Function::Realloc, block, bytes);
        }
        let Some(slot) = self.known(block) else { return };
        if let Answer::Block { at, .. } = answer
            && at != Pointer::Null
        {
            self.slots.remove(&block);
            self.slots.insert(at, slot);
        }
        self.push(Function::Realloc, slot, bytes, 0);
    }

    fn free(&mut self, function: Function, block: Pointer, bytes: u64) {
        let Some(slot) = self.known(block) else { return };
        self.push(function, slot, bytes, 0);
        if slot != NULL_SLOT {
            self.slots.remove(&block);
            self.free_slots.push(slot);
        }
    }

    /// The slot of a block, if its allocation was recorded.
    fn known(&mut self, block: Pointer) -> Option<u32> {
        let slot = if block == Pointer::Null { Some(NULL_SLOT) } else { self.slots.get(&block).copied() };
        self.calls.n_unknown += u64::from(slot.is_none());
        slot
    }
}
