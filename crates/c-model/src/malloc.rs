//! glibc 2.36's malloc, to the last address.
//!
//! Given the calls and what the operating system answered, [`Glibc`] returns the addresses that the real one returns.
//! Chunk headers, free lists, thread caches and arenas live in emulated memory at the places and in the form in which
//! glibc keeps them: a program that writes beyond its blocks damages what it would really damage, and is stopped by
//! the check that would really stop it, at the same call.
//!
//! The modules are the parts of `malloc/malloc.c` and `malloc/arena.c`, under their own names. What is native here and
//! not in emulated memory: `mp_`, the thread-local variables, the list heads of `arena.c`.
//!
//! Differs: no `MALLOC_CHECK_`, no huge pages of a pool, no memory tagging; `fork` is not modelled; a damaged list without an
//! end, on which glibc would hang, stops with [`Check::Endless`].

mod access;
mod arena;
mod calls;
mod check;
mod chunk;
mod free;
mod heaps;
mod int_malloc;
mod mapped;
mod memalign;
mod params;
mod realloc;
pub mod replay;
mod rules;
mod state;
mod stop;
mod sysmalloc;
pub mod system;
mod tcache;
mod trim;
mod walk;

use memory_trait::{Address, Fault, Moment, Outcome, ThreadId};
use rustc_hash::FxHashMap;

use crate::memory::{Memory, RawMemory, Unmapped};
use crate::pages::Pages;

pub use check::{Census, Damage};
pub use params::{Parameters, TUNABLES, UnknownTunable, Version};
pub use replay::Replay;
pub use state::{ArenaState, FreeChunk, HeapState, TcacheBin};
pub use stop::Check;
pub use system::{AddressSpace, Linux, System};
pub use walk::{Extent, Part};

use stop::{Step, Stop, Why};

/// Where the program's heap begins unless said otherwise: a position-independent program without randomisation.
pub(crate) const HEAP_BASE: Address = Address(0x5555_5555_9000);
/// Where the C library's main arena is unless said otherwise.
const MAIN_ARENA: u64 = 0x7fff_f7e1_9c60;
/// What the libraries occupy, for the default operating system: start and length in bytes.
const LIBRARIES: (u64, u64) = (0x7fff_f7c4_4000, Linux::MAPPINGS_END - 0x7fff_f7c4_4000);
/// What marks a block as being in a tcache. glibc draws it at random at start.
const TCACHE_KEY: u64 = 0x9e37_79b9_7f4a_7c15;

/// A thread, as malloc sees it: its thread-local variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Thread {
    /// Address of its `tcache_perthread_struct`; 0: none yet.
    tcache: u64,
    /// Its tcache was given up and is not made again.
    tcache_shutting_down: bool,
    /// Address of its arena; 0: none yet.
    arena: u64,
}

/// Where the bytes of a heap are. Every figure is kept up to date with each call; asking is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Blocks handed out and not given back.
    pub n_live: u64,
    /// Bytes of their chunks: header, what was asked for, rounding; of mapped ones, all their pages.
    pub live_bytes: u64,
    /// Bytes of the allocator's own: tcache structures, arenas and heads of thread heaps.
    pub own_bytes: u64,
    /// Bytes taken from the operating system.
    pub system_bytes: u64,
}

impl Statistics {
    /// Bytes taken from the operating system that belong to nobody: free chunks, cached ones, top, fences.
    pub const fn free_bytes(&self) -> u64 {
        self.system_bytes.saturating_sub(self.live_bytes).saturating_sub(self.own_bytes)
    }
}

/// glibc's malloc on an operating system `S`.
///
/// ```
/// use c_model::Glibc;
/// use memory_trait::Allocator;
///
/// let mut heap = Glibc::builder().build();
/// let a = heap.malloc(24).unwrap();
/// heap.free(a).unwrap();
/// assert_eq!(heap.malloc(20).unwrap(), a, "the thread cache gives back what was freed last");
/// heap.free(a).unwrap();
/// let fault = heap.free(a).unwrap_err();
/// assert_eq!(fault.message, "free(): double free detected in tcache 2");
/// ```
#[derive(Clone, Debug)]
pub struct Glibc<S: System = Linux> {
    memory: Memory,
    system: S,
    parameters: Parameters,
    cores: u64,
    keeps_contents: bool,
    tcache_key: u64,
    main_arena: u64,
    /// The break.
    brk: u64,
    heap_base: u64,
    threads: Vec<Thread>,
    /// Where in `threads` a thread is, by its number.
    thread_index: FxHashMap<u32, usize>,
    /// Places in `threads` that nobody has.
    vacant_threads: Vec<usize>,
    thread: usize,
    thread_id: ThreadId,
    /// The current thread's tcache: a copy, for speed.
    tcache: u64,
    is_initialised: bool,
    is_threaded: bool,
    n_arenas: u64,
    arenas_limit: u64,
    free_list: u64,
    next_to_use: u64,
    /// Where the main heap's runs of memory begin: more than one after a foreign `sbrk`.
    segments: Vec<u64>,
    statistics: Statistics,
}

/// The parameters of a [`Glibc`].
#[derive(Clone, Debug)]
pub struct Builder {
    version: Version,
    parameters: Parameters,
    cores: u64,
    heap_base: u64,
    main_arena: u64,
    limit_bytes: u64,
    keeps_contents: bool,
    watches_pages: bool,
    tcache_key: u64,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            version: Version::V2_36,
            parameters: Parameters::default(),
            cores: 2,
            heap_base: HEAP_BASE.0,
            main_arena: MAIN_ARENA,
            limit_bytes: 8 << 30,
            keeps_contents: true,
            watches_pages: false,
            tcache_key: TCACHE_KEY,
        }
    }
}

impl Builder {
    /// The version of glibc. Default: the newest that is modelled.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Cores of the machine: there are at most eight arenas for each. Default: 2.
    #[must_use]
    pub fn cores(mut self, cores: u64) -> Self {
        assert!(cores > 0, "a machine has at least one core");
        self.cores = cores;
        self
    }

    /// The break before the first call. Default: that of a process without address randomisation.
    #[must_use]
    pub fn heap_base(mut self, base: Address) -> Self {
        assert!(base.0 >= chunk::PAGE_BYTES && base.0 < 1 << 47, "{base} is no place for a heap");
        self.heap_base = base.0;
        self
    }

    /// Memory that the operating system has for this process, in bytes. Default: 8 GiB.
    #[must_use]
    pub fn limit_bytes(mut self, limit_bytes: u64) -> Self {
        self.limit_bytes = limit_bytes;
        self
    }

    /// Whether blocks have contents: realloc copies, calloc clears. Without, only headers are kept, and replaying a
    /// trace costs no memory for what the recorded program wrote. Default: yes.
    #[must_use]
    pub fn contents(mut self, keeps_contents: bool) -> Self {
        self.keeps_contents = keeps_contents;
        self
    }

    /// Whether it is known which pages are resident: see [`Glibc::pages`]. Default: no; it costs a look at each write.
    #[must_use]
    pub fn pages(mut self, watches_pages: bool) -> Self {
        self.watches_pages = watches_pages;
        self
    }

    /// The word that marks a block as being in a tcache; glibc draws it at random. Default: a constant.
    #[must_use]
    pub fn tcache_key(mut self, key: u64) -> Self {
        self.tcache_key = key;
        self
    }

    /// The tunable parameters the process starts with.
    #[must_use]
    pub fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Applies `GLIBC_TUNABLES`; see [`Parameters::tune`].
    ///
    /// # Errors
    /// The first setting that malloc does not have.
    pub fn tunables(mut self, settings: &str) -> Result<Self, UnknownTunable> {
        self.parameters.tune(settings)?;
        Ok(self)
    }

    /// An allocator at the start of a process.
    pub fn build(self) -> Glibc {
        let linux = Linux::new(self.heap_base, LIBRARIES, self.limit_bytes);
        self.build_on(linux)
    }

    /// An allocator at the start of a process, on an operating system of your own.
    pub fn build_on<S: System>(self, system: S) -> Glibc<S> {
        let Version::V2_36 = self.version;
        let mut memory = Memory::new(self.heap_base, self.main_arena);
        if self.watches_pages {
            memory.watch_pages();
        }
        Glibc {
            memory,
            system,
            parameters: self.parameters,
            cores: self.cores,
            keeps_contents: self.keeps_contents,
            tcache_key: self.tcache_key,
            main_arena: self.main_arena,
            brk: self.heap_base,
            heap_base: self.heap_base,
            threads: vec![Thread::default()],
            thread_index: std::iter::once((0, 0)).collect(),
            vacant_threads: Vec::new(),
            thread: 0,
            thread_id: ThreadId(0),
            tcache: 0,
            is_initialised: false,
            is_threaded: false,
            n_arenas: 1,
            arenas_limit: 0,
            free_list: 0,
            next_to_use: 0,
            segments: Vec::new(),
            statistics: Statistics::default(),
        }
    }
}

impl Glibc {
    /// Parameters to set before the process starts.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl<S: System> Glibc<S> {
    /// Where the bytes of the heap are.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// The tunable parameters, and what they limit, at this moment.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Entries of all tables that are kept beside the emulated bytes: of threads, mappings, heaps, runs of the main heap.
    /// They are as many as what is live needs, however long a program has run.
    pub fn n_entries(&self) -> usize {
        self.threads.len() + self.thread_index.len() + self.segments.len() + self.memory.n_entries()
    }

    /// The break at this moment.
    pub fn program_break(&self) -> Address {
        Address(self.brk)
    }

    /// The emulated memory, with the headers in it.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The pages that malloc's own writes and [`Glibc::touch`] have made resident, if they are watched: headers and
    /// links, what calloc clears, what realloc copies, and what the program itself writes.
    pub fn pages(&self) -> Option<&Pages> {
        self.memory.pages()
    }

    /// The program writes `bytes` bytes at `at`, it does not matter what. Nothing happens unless pages are watched.
    pub fn touch(&mut self, at: Address, bytes: u64) {
        self.memory.touch(at.0, bytes);
    }

    /// The emulated memory, to map a stack or global variables beside the heap.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The operating system.
    pub fn system_mut(&mut self) -> &mut S {
        &mut self.system
    }

    /// The process has more than one thread from now on, whoever calls malloc: `__libc_single_threaded` is false.
    pub fn set_threaded(&mut self) {
        self.is_threaded = true;
    }

    /// Somebody else, in the same process, moved the break. False, and nothing happens, when that is below the heap or
    /// more than the host can emulate.
    pub fn move_break(&mut self, to: Address) -> bool {
        let can = to.0 >= self.heap_base && to.0 < 1 << 47 && self.memory.set_break(to.0);
        if can {
            self.brk = to.0;
        }
        can
    }

    /// The `sbrk` system call: the old break, or `None` when the operating system has no more.
    fn sbrk(&mut self, change: i64) -> Option<u64> {
        let old = self.brk;
        if change != 0 {
            let new = old.checked_add_signed(change).filter(|&new| new >= self.heap_base)?;
            if new >= 1 << 47 || !self.system.move_break(old, new) {
                return None;
            }
            if !self.memory.set_break(new) {
                self.system.move_break(new, old);
                return None;
            }
            self.brk = new;
        }
        Some(old)
    }

    /// Whether it matters what is written into blocks: their contents are kept, or pages are watched.
    #[inline]
    fn writes_contents(&self) -> bool {
        self.keeps_contents || self.memory.pages().is_some()
    }

    /// malloc writes `value` into a block.
    fn fill_contents(&mut self, at: u64, value: u8, bytes: u64) -> Step<()> {
        if self.keeps_contents {
            self.memory.fill(at, value, bytes)?;
        } else {
            self.memory.touch(at, bytes);
        }
        Ok(())
    }

    /// malloc copies a block.
    fn copy_contents(&mut self, from: u64, to: u64, bytes: u64) -> Step<()> {
        if self.keeps_contents {
            self.memory.copy(from, to, bytes)?;
        } else {
            self.memory.touch(to, bytes);
        }
        Ok(())
    }

    /// The fault that a stopped call is for the program.
    #[expect(clippy::unnecessary_box_returns, reason = "it becomes the error of an `Outcome`, which is boxed")]
    fn fault(&self, stop: &Stop, block: u64) -> Box<Fault> {
        let why = stop.why();
        let message = match why {
            Why::Segfault(at) => format!("Segmentation fault at {at:#x} (block {block:#x})"),
            Why::Abort(check) => check.message().to_owned(),
        };
        Box::new(Fault {
            kind: why.kind(),
            at: Moment { thread: self.thread_id, ..Moment::default() },
            object: None,
            reclaimed: None,
            message,
            is_fatal: true,
        })
    }

    fn finish<T>(&self, step: Step<T>, block: Address) -> Outcome<T> {
        step.map_err(|stop| self.fault(&stop, block.0))
    }
}

impl<S: System> RawMemory for Glibc<S> {
    #[inline]
    fn read(&self, at: Address, into: &mut [u8]) -> Result<(), Unmapped> {
        self.memory.read(at, into)
    }

    #[inline]
    fn write(&mut self, at: Address, bytes: &[u8]) -> Result<(), Unmapped> {
        self.memory.write(at, bytes)
    }

    #[inline]
    fn read_u64(&self, at: Address) -> Result<u64, Unmapped> {
        self.memory.read_u64(at)
    }

    #[inline]
    fn write_u64(&mut self, at: Address, value: u64) -> Result<(), Unmapped> {
        self.memory.write_u64(at, value)
    }
}
