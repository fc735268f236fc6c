//! How a machine is configured: by the VM's own flags, and by methods that are named after them.

use std::fmt;

use memory_trait::{Observer, Unwatched};

use super::host::Host;
use super::statics::Statics;
use super::{Classes, Cursors, Jvm};
use crate::heap::klass::KlassTable;
use crate::heap::memory::Memory;
use crate::heap::{Resumption, SerialHeap};
use crate::layout::Mode;
use crate::params::{FlagError, Flags, M};
use crate::report::{GcLog, LogConfig};
use crate::sizing::Sizing;
use crate::stack::ThreadStack;
use crate::version::Version;

/// The largest heap unless something else is asked for. Unit: bytes. A choice of ours: HotSpot takes a quarter of the
/// machine's memory.
const DEFAULT_MAX_HEAP_BYTES: u64 = 64 * M;

/// Ticks of the workload that count as a millisecond for soft references. A choice of ours: as fast as the interpreter.
const DEFAULT_TICKS_PER_MS: u64 = 100_000;

/// Configures a [`Jvm`].
///
/// Everything has HotSpot's default, but for the heap: at most 64 MiB, and `-Xint`.
///
/// ```
/// use jvm_model::{Jvm, Version};
/// let jvm = Jvm::builder().version(Version::V21).flags("-Xmx32m -Xmn8m -XX:-UseTLAB").build()?;
/// assert_eq!(jvm.heap().committed_bytes(), 32 << 20, "the first heap is a share of the machine's memory");
/// # Ok::<(), jvm_model::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder<O = Unwatched> {
    version: Version,
    options: Vec<String>,
    physical_bytes: Option<u64>,
    ticks_per_ms: u64,
    gc_log: Option<LogConfig>,
    keeps_collections: bool,
    start: Option<Resumption>,
    observer: O,
}

impl Builder<Unwatched> {
    pub(super) fn new() -> Self {
        Builder {
            version: Version::default(),
            options: Vec::new(),
            physical_bytes: None,
            ticks_per_ms: DEFAULT_TICKS_PER_MS,
            gc_log: None,
            keeps_collections: false,
            start: None,
            observer: Unwatched,
        }
    }
}

impl<O: Observer> Builder<O> {
    /// The release of the JDK.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// `-Xmx`.
    #[must_use]
    pub fn max_heap_bytes(self, bytes: u64) -> Self {
        self.flag(format!("-Xmx{bytes}"))
    }

    /// `-Xms`.
    #[must_use]
    pub fn initial_heap_bytes(self, bytes: u64) -> Self {
        self.flag(format!("-Xms{bytes}"))
    }

    /// `-Xmn`: young, all the time.
    #[must_use]
    pub fn young_bytes(self, bytes: u64) -> Self {
        self.flag(format!("-Xmn{bytes}"))
    }

    /// `-XX:MaxTenuringThreshold`: young collections that an object survives in young.
    #[must_use]
    pub fn max_tenuring_threshold(self, collections: u32) -> Self {
        self.flag(format!("-XX:MaxTenuringThreshold={collections}"))
    }

    /// `-Xss`: the stack of a thread.
    #[must_use]
    pub fn stack_bytes(self, bytes: u64) -> Self {
        self.flag(format!("-Xss{bytes}"))
    }

    /// A flag as on the command line; later ones win.
    #[must_use]
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.options.push(flag.into());
        self
    }

    /// Flags as on the command line, separated by spaces.
    #[must_use]
    pub fn flags(mut self, flags: &str) -> Self {
        self.options.extend(flags.split_whitespace().map(str::to_owned));
        self
    }

    /// The memory of the emulated machine, from which HotSpot takes the first size of the heap.
    #[must_use]
    pub fn physical_bytes(mut self, bytes: u64) -> Self {
        self.physical_bytes = Some(bytes);
        self
    }

    /// How many ticks of the workload are a millisecond to soft references; at least 1.
    #[must_use]
    pub fn ticks_per_ms(mut self, ticks: u64) -> Self {
        self.ticks_per_ms = ticks.max(1);
        self
    }

    /// `-Xlog`: writes a log of the collections; see [`Jvm::gc_log`].
    #[must_use]
    pub fn gc_log(mut self, config: LogConfig) -> Self {
        self.gc_log = Some(config);
        self
    }

    /// Keeps what every collection did; see [`Jvm::collections`].
    #[must_use]
    pub fn keep_collections(mut self) -> Self {
        self.keeps_collections = true;
        self
    }

    /// Starts with the heap of a JVM that has come up, and collected everything: what it has in old is there.
    #[must_use]
    pub fn start(mut self, state: Resumption) -> Self {
        self.start = Some(state);
        self
    }

    /// Who watches.
    #[must_use]
    pub fn observer<P: Observer>(self, observer: P) -> Builder<P> {
        let Builder { version, options, physical_bytes, ticks_per_ms, gc_log, keeps_collections, start, observer: _ } =
            self;
        Builder { version, options, physical_bytes, ticks_per_ms, gc_log, keeps_collections, start, observer }
    }

    /// Makes the machine.
    ///
    /// # Errors
    /// What the VM would say when it refuses to start; and a heap that this host has no room for.
    pub fn build(self) -> Result<Jvm<O>, ConfigError> {
        let mut flags = Flags::new(self.version);
        flags.interpreted = true;
        if let Some(bytes) = self.physical_bytes {
            flags.physical_bytes = bytes;
        }
        for option in &self.options {
            flags.set(option).map_err(ConfigError::Flag)?;
        }
        if flags.max_heap_bytes.is_none() {
            // A first heap, or a young generation, beyond that makes it larger.
            let asked = [flags.initial_heap_bytes, flags.min_heap_bytes].into_iter().flatten().max();
            flags.max_heap_bytes = Some(asked.unwrap_or(0).max(DEFAULT_MAX_HEAP_BYTES));
        }
        flags.check().map_err(ConfigError::Flag)?;
        let sizing = Sizing::of(&flags).map_err(|refusal| ConfigError::Refused(refusal.to_string()))?;
        if let Some(refusal) = sizing.boot_refusal() {
            return Err(ConfigError::Refused(refusal.to_string()));
        }
        if !Memory::can_reserve(sizing.heap.max) {
            return Err(ConfigError::Unsupported("a heap of this size on this host, which has no room for it"));
        }
        let mode = Mode::from_flags(&flags);
        let mut klasses = KlassTable::new(&mode);
        let classes = Classes::new(&mut klasses, mode);
        let heap = SerialHeap::new(&flags, &sizing, klasses);
        let stack_bytes = flags.thread_stack_bytes;
        let limits_bytes = [
            ThreadStack::of_main(self.version, stack_bytes).usable_bytes(),
            ThreadStack::of_thread(self.version, stack_bytes).usable_bytes(),
        ];
        let tag_limit = heap.tag_limit();
        let gc_log = self.gc_log.map(|config| GcLog::new(config, &flags, &sizing));
        let mut host = Host::new(self.observer, self.version, limits_bytes, self.ticks_per_ms, tag_limit, gc_log);
        host.collections = self.keeps_collections.then(Vec::new);
        Ok(Jvm {
            flags,
            mode,
            heap,
            host,
            start: self.start,
            classes,
            program: memory_trait::Program::default(),
            statics: Statics::NEW,
            cursors: Cursors::default(),
            n_entries: 0,
            has_exited: false,
        })
    }
}

/// Why there is no machine of that configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A flag that HotSpot, or the model, does not take.
    Flag(FlagError),
    /// Sizes that HotSpot refuses, in its own words.
    Refused(String),
    /// HotSpot has it, the machine does not.
    Unsupported(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Flag(error) => error.fmt(f),
            ConfigError::Refused(words) => f.write_str(words),
            ConfigError::Unsupported(what) => write!(f, "the machine does not have {what}"),
        }
    }
}

impl std::error::Error for ConfigError {}
