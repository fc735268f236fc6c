//! A C program written out step by step: raw pointers, locals, globals, `malloc`, and a detector of misuse.
//!
//! [`crate::C`] runs workloads, in which every pointer points to the beginning of an object. A [`Process`] is what lies
//! below that: a pointer goes anywhere, a read or write is of any number of bytes, and a variable is a place on the
//! stack. It is for whoever wants to see what one line of C does to memory, and what is said of it.
//!
//! - Memory is emulated to the byte: the main thread's stack with frames as gcc 12.2 lays them out at `-O0`, the globals,
//!   and the heap of [`Glibc`] with its headers in place. A write beyond a block damages what it would really damage.
//! - What the runtime says is the `Err` of the call at which it says it: glibc's message, or a signal.
//! - What the detector finds is in [`Process::findings`]. It watches and never interferes: addresses and verdicts are
//!   the same with and without it.
//!
//! # How the detector sees
//!
//! A [`Pointer`] carries, beside its address, the object it was made from, as the C standard's pointers do; a shadow
//! memory keeps that for pointers that are stored, with a bit for each byte of whether it was ever written. So there are
//! no red zones and no quarantine, which move blocks about and can be stepped over: a pointer is held against the exact
//! bounds and the lifetime of its own object, whoever lives at its address now. A pointer made from a number belongs to
//! whatever object lies there.
//!
//! Bytes that nobody wrote may be copied; they are reported when a decision or a system call depends on them.
//!
//! Switched off, there are no shadow and no objects, and one test of an `Option` for each step is what it costs.
//!
//! # Left out
//!
//! Further threads, signals, what the C library's own functions leave on the stack below the caller's frame. Of a
//! finished object the name and history are kept until [`FINISHED_MAX`] others have finished; then it is only known that
//! it is over. Differs: a function whose return address was overwritten gets a segmentation fault when it returns,
//! whatever address that is: no code is emulated.
//!
//! ```
//! use c_model::process::{Local, Process};
//!
//! let mut c = Process::builder().build();
//! c.call("main", &[Local::pointer("p")])?;
//! let p = c.malloc(40)?;
//! c.set("p", p)?;
//! c.free(p)?;
//! c.write(p + 20, &[1])?; // nothing stops the program here
//! assert_eq!(
//!     c.findings()[0].to_string(),
//!     "use_after_free in main at step 5: write of 1 byte at offset 20 of malloc#1 \
//!      (40 bytes, born in main at step 2, over in main at step 4)"
//! );
//! let fault = c.free(p).unwrap_err();
//! assert_eq!(fault.message, "free(): double free detected in tcache 2");
//! # Ok::<(), Box<memory_trait::Fault>>(())
//! ```

mod access;
mod finding;
mod frames;
mod heap;
mod leaks;
mod stdio;
mod watch;

use std::ops::{Add, Sub};

use memory_trait::{Address, Fault, FaultKind, Moment, ObjectKey, Outcome, Tick};

use crate::malloc::{self, Glibc};
use crate::memory::PAGE_BYTES;
use crate::params::{ABOVE_MAIN_BYTES, SEGFAULT_MESSAGE, STACK_BYTES, STACK_TOP};

pub use finding::{Access, Finding, Misuse, Owner, Site, Storage};
pub use frames::Local;
pub use leaks::Leaks;
pub use stdio::Buffering;
pub use watch::FINISHED_MAX;

use frames::Frame;
use stdio::Stdout;
use watch::Watch;

/// An address, and the object that it was made from.
///
/// Adding and subtracting bytes keeps the object, wherever the address goes. The default is the null pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    /// Where it points.
    pub address: Address,
    object: ObjectKey,
}

impl Pointer {
    /// The null pointer.
    pub fn null() -> Self {
        Pointer::default()
    }

    /// Whether this is the null pointer.
    pub const fn is_null(self) -> bool {
        self.address.is_null()
    }
}

/// A number made into a pointer.
impl From<Address> for Pointer {
    fn from(address: Address) -> Self {
        Pointer { address, object: ObjectKey::default() }
    }
}

impl Add<u64> for Pointer {
    type Output = Pointer;

    fn add(self, bytes: u64) -> Pointer {
        Pointer { address: Address(self.address.0.wrapping_add(bytes)), ..self }
    }
}

impl Sub<u64> for Pointer {
    type Output = Pointer;

    fn sub(self, bytes: u64) -> Pointer {
        Pointer { address: Address(self.address.0.wrapping_sub(bytes)), ..self }
    }
}

/// A C program's process, driven from outside. Build one with [`Process::builder`].
#[derive(Clone, Debug)]
pub struct Process {
    heap: Glibc,
    watch: Option<Box<Watch>>,
    frames: Vec<Frame>,
    /// The base pointer; a damaged one is kept as it is.
    rbp: u64,
    rsp: u64,
    stack: (u64, u64),
    globals: Vec<Global>,
    globals_end: u64,
    stdout: Stdout,
    step: u64,
}

#[derive(Clone, Debug)]
struct Global {
    name: &'static str,
    pointer: Pointer,
    bytes: u64,
}

/// The parameters of a [`Process`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    heap: malloc::Builder,
    heap_base: Address,
    is_detecting: bool,
    stack_top: Address,
    stack_bytes: u64,
    above_main_bytes: u64,
    buffering: Buffering,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            heap: Glibc::builder(),
            heap_base: malloc::HEAP_BASE,
            is_detecting: true,
            stack_top: STACK_TOP,
            stack_bytes: STACK_BYTES,
            above_main_bytes: ABOVE_MAIN_BYTES,
            buffering: Buffering::default(),
        }
    }
}

impl Builder {
    /// The allocator's parameters; [`Builder::heap_base`] is set over them. Default: glibc's own.
    pub fn allocator(mut self, heap: malloc::Builder) -> Self {
        self.heap = heap;
        self
    }

    /// The break before the first call; the page of globals is below it. Default: that of a process without address
    /// randomisation.
    pub fn heap_base(mut self, base: Address) -> Self {
        self.heap_base = base;
        self
    }

    /// Whether the detector is on. Default: yes.
    pub fn detector(mut self, is_on: bool) -> Self {
        self.is_detecting = is_on;
        self
    }

    /// Where the main thread's stack ends, a multiple of a page. Default: a process without address randomisation.
    pub fn stack_top(mut self, top: Address) -> Self {
        assert!(top.0.is_multiple_of(PAGE_BYTES), "a stack does not end at {top}");
        self.stack_top = top;
        self
    }

    /// `ulimit -s`, in bytes. It counts from the stack's top, whatever lies there. Default: 8 MiB.
    pub fn stack_bytes(mut self, bytes: u64) -> Self {
        self.stack_bytes = bytes;
        self
    }

    /// What is on the stack before `main` is called: environment, arguments, auxiliary vector, the frames of `_start`
    /// and its like. A multiple of 16. Default: one page.
    pub fn above_main_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes.is_multiple_of(16) && bytes > 0, "main is not called with {bytes} bytes above it");
        self.above_main_bytes = bytes;
        self
    }

    /// How `stdout` is buffered. Default: as a pipe's.
    pub fn stdout(mut self, buffering: Buffering) -> Self {
        self.buffering = buffering;
        self
    }

    /// A process about to call `main`.
    pub fn build(self) -> Process {
        assert!(self.above_main_bytes < self.stack_bytes, "there is no stack left for main");
        let mut heap = self.heap.heap_base(self.heap_base).build();
        let stack_bytes = self.stack_bytes / PAGE_BYTES * PAGE_BYTES;
        let low = self.stack_top.0.checked_sub(stack_bytes).expect("a stack lies in the address space");
        heap.memory_mut().map(Address(low), stack_bytes);
        let globals = self.heap_base.0 - PAGE_BYTES;
        heap.memory_mut().map(Address(globals), PAGE_BYTES);
        let rsp = self.stack_top.0 - self.above_main_bytes;
        Process {
            heap,
            watch: self.is_detecting.then(Box::default),
            frames: Vec::new(),
            rbp: 0,
            rsp,
            stack: (low, self.stack_top.0),
            globals: Vec::new(),
            globals_end: globals + GLOBALS_FROM,
            stdout: Stdout::new(self.buffering),
            step: 0,
        }
    }
}

/// Where in its page the program's first global is: behind what the linker and the start-up code put there.
const GLOBALS_FROM: u64 = 0x40;

impl Process {
    /// Parameters to set before the process starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A global variable of `bytes` zeroes, all in one page of 4096 bytes.
    ///
    /// Differs: the linker decides on the order and place of globals; here they follow each other.
    ///
    /// # Panics
    /// When the page is full.
    pub fn global(&mut self, name: &'static str, bytes: u64) -> Pointer {
        if let Some(global) = self.globals.iter().find(|global| global.name == name) {
            return global.pointer;
        }
        let start = self.globals_end.next_multiple_of(if bytes >= 32 { 32 } else { bytes.next_power_of_two().min(16) });
        self.globals_end = start + bytes;
        assert!(start / PAGE_BYTES == (start + bytes - 1) / PAGE_BYTES, "no room for {name} in the page of globals");
        let mut pointer = Pointer::from(Address(start));
        if let Some(watch) = &mut self.watch {
            let before_main = watch::At { function: "", step: 0 };
            pointer.object = watch.born(Storage::Global, name, start, bytes, true, before_main);
        }
        self.globals.push(Global { name, pointer, bytes });
        pointer
    }

    /// The allocator, for its own reports and checks.
    pub fn allocator(&self) -> &Glibc {
        &self.heap
    }

    /// What the detector has found, in order; the first thousand.
    pub fn findings(&self) -> &[Finding] {
        self.watch.as_ref().map_or(&[], |watch| watch.findings())
    }

    /// Steps of the program so far: calls, accesses, requests.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// A step begins.
    #[inline]
    fn begin(&mut self) {
        self.step += 1;
    }

    /// Where the program is.
    fn site(&self) -> watch::At {
        watch::At { step: self.step, function: self.frames.last().map_or("", |frame| frame.function) }
    }

    /// Reports what the judge found, if anything; never inlined, so that a step without a detector stays short.
    #[cold]
    fn examine(&mut self, pointer: Pointer, bytes: u64, access: Access) {
        let site = self.site();
        let stack = (self.stack.0, self.rsp);
        if let Some(watch) = &mut self.watch {
            watch.examine(pointer, bytes, access, stack, site);
        }
    }

    /// The program is stopped by a signal.
    #[cold]
    #[expect(clippy::unnecessary_box_returns, reason = "it becomes the error of an `Outcome`, which is boxed")]
    fn signal(&self, at: Address) -> Box<Fault> {
        let kind = match at.0 {
            0..PAGE_BYTES => FaultKind::NullDereference,
            at if self.is_below_stack(at) => FaultKind::StackOverflow,
            _ => FaultKind::Segfault,
        };
        let at = Moment { tick: Tick(self.step), ..Moment::default() };
        Box::new(Fault {
            kind,
            at,
            object: None,
            reclaimed: None,
            message: SEGFAULT_MESSAGE.to_owned(),
            is_fatal: true,
        })
    }

    /// Whether an address is where the stack would have to go on.
    fn is_below_stack(&self, at: u64) -> bool {
        at < self.stack.0 && at >= self.rsp.wrapping_sub(128).min(self.stack.0 - PAGE_BYTES)
    }

    fn timed<T>(&self, answer: Outcome<T>) -> Outcome<T> {
        answer.map_err(|mut fault| {
            fault.at.tick = Tick(self.step);
            fault
        })
    }
}
