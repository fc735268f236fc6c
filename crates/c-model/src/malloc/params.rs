//! The tunable parameters: `mp_`, mallopt's numbers, `GLIBC_TUNABLES`.

use std::fmt;

use super::chunk::{MIN_CHUNK_BYTES, chunk_bytes, tcache, tcache_index};
use super::rules::{Rule, rule};

/// The versions of glibc that are modelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Version {
    /// glibc 2.36 (August 2022), amd64, as Debian 12 builds it.
    #[default]
    V2_36,
}

/// Initial mmap and trim threshold and top pad. Unit: bytes. Source: glibc 2.36 `malloc/malloc.c:DEFAULT_MMAP_THRESHOLD`,
/// `DEFAULT_TRIM_THRESHOLD`, `sysdeps/generic/malloc-machine.h:DEFAULT_TOP_PAD` (the comment in `malloc.c` says 0).
const DEFAULT_BYTES: u64 = 128 * 1024;
/// The mmap threshold never adapts beyond this. Unit: bytes. Source: `malloc/malloc.c:DEFAULT_MMAP_THRESHOLD_MAX`.
pub(crate) const MMAP_THRESHOLD_BYTES_MAX: u64 = 32 << 20;
/// Address space of a thread heap. Unit: bytes. Source: `malloc/arena.c:HEAP_MAX_SIZE`.
pub(crate) const HEAP_BYTES_MAX: u64 = 2 * MMAP_THRESHOLD_BYTES_MAX;
/// The smallest thread heap. Unit: bytes. Source: `malloc/arena.c:HEAP_MIN_SIZE`.
pub(crate) const HEAP_BYTES_MIN: u64 = 32 * 1024;
/// Freeing this much at once empties the fastbins. Unit: bytes. Source: `malloc/malloc.c:FASTBIN_CONSOLIDATION_THRESHOLD`.
pub(crate) const CONSOLIDATION_BYTES: u64 = 65536;
/// A pass over the unsorted bin stops after this many. Unit: chunks. Source: `malloc/malloc.c:MAX_ITERS`.
pub(crate) const UNSORTED_CHUNKS_MAX: u32 = 10_000;
/// Size of transparent huge pages. Unit: bytes. Source: Linux on x86-64, `hpage_pmd_size`.
const THP_PAGE_BYTES: u64 = 2 << 20;
/// The largest request that `M_MXFAST` accepts. Unit: bytes. Source: `malloc/malloc.c:MAX_FAST_SIZE`.
const MAX_FAST_BYTES: u64 = 160;
/// The largest request a tcache bin is for. Unit: bytes. Source: `malloc/malloc.c:MAX_TCACHE_SIZE`.
const MAX_TCACHE_BYTES: u64 = (tcache::N_BINS - 1) * 16 + MIN_CHUNK_BYTES - 8;

/// The parameters of malloc and how full what they limit is: `struct malloc_par`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Top is trimmed when it reaches this. Unit: bytes.
    pub trim_threshold: u64,
    /// Bytes asked for, and kept when trimming, beyond what is needed.
    pub top_pad: u64,
    /// Requests for chunks of at least this are mapped, when neither a bin nor top has the room. Unit: bytes.
    pub mmap_threshold: u64,
    /// More arenas than this have the number of cores looked up. Unit: arenas.
    pub arena_test: u64,
    /// The limit of arenas; 0: eight times the number of cores. Unit: arenas.
    pub arena_max: u64,
    /// How many chunks may be mapped at once.
    pub n_mmaps_max: i32,
    /// Whether the thresholds stopped to adapt, because one was set by hand.
    pub no_dyn_threshold: bool,
    /// Number of tcache bins in use.
    pub tcache_bins: u64,
    /// Chunks in a tcache bin.
    pub tcache_count: u64,
    /// Chunks looked at in the unsorted bin before a cached one is returned; 0: no limit.
    pub tcache_unsorted_limit: u64,
    /// Chunks of at most this go to the fastbins. Unit: bytes of chunk. glibc: `global_max_fast`.
    pub max_fast: u64,
    /// Fresh blocks are filled with the complement of this byte, freed ones with it; 0: neither.
    pub perturb: u8,
    /// Size of transparent huge pages, to whose multiples the end of the main heap is rounded; 0: it is not. Unit: bytes.
    pub thp_page_bytes: u64,
    /// Chunks mapped at this moment.
    pub n_mmaps: i32,
    /// Most chunks that were mapped at once.
    pub max_n_mmaps: i32,
    /// Bytes mapped for chunks.
    pub mmapped_mem: u64,
    /// Most bytes that were mapped for chunks at once.
    pub max_mmapped_mem: u64,
    /// The first address the break gave; 0 before.
    pub sbrk_base: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            trim_threshold: DEFAULT_BYTES,
            top_pad: DEFAULT_BYTES,
            mmap_threshold: DEFAULT_BYTES,
            arena_test: 8,
            arena_max: 0,
            n_mmaps_max: 65536,
            no_dyn_threshold: false,
            tcache_bins: tcache::N_BINS,
            tcache_count: 7,
            tcache_unsorted_limit: 0,
            max_fast: 128,
            perturb: 0,
            thp_page_bytes: 0,
            n_mmaps: 0,
            max_n_mmaps: 0,
            mmapped_mem: 0,
            max_mmapped_mem: 0,
            sbrk_base: 0,
        }
    }
}

/// A tunable that glibc does not have, or not with this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTunable {
    /// The setting as it was written.
    pub setting: String,
    /// What was expected of it.
    pub expected: &'static str,
}

impl fmt::Display for UnknownTunable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tunable `{}`: {}", self.setting, self.expected)
    }
}

impl std::error::Error for UnknownTunable {}

/// The names of malloc's tunables, for who asks. Source: glibc 2.36 `elf/dl-tunables.list`.
pub const TUNABLES: [&str; 13] = [
    "check",
    "top_pad",
    "perturb",
    "mmap_threshold",
    "trim_threshold",
    "mmap_max",
    "arena_max",
    "arena_test",
    "tcache_max",
    "tcache_count",
    "tcache_unsorted_limit",
    "mxfast",
    "hugetlb",
];

impl Parameters {
    /// Applies a string as `GLIBC_TUNABLES` holds it: `glibc.malloc.arena_max=2:glibc.malloc.tcache_count=0`.
    /// The prefix `glibc.malloc.` may be left out.
    ///
    /// # Errors
    /// The first setting that is not of malloc, unknown, or out of range; those before it are applied. glibc ignores
    /// such a setting without a word.
    ///
    /// # Source
    /// glibc 2.36 `malloc/arena.c:ptmalloc_init`, `elf/dl-tunables.list`. `check` does nothing unless
    /// `libc_malloc_debug.so` is preloaded, as there. Differs: `hugetlb` is 0 or 1, since from 2 on it depends on the
    /// system's pool of huge pages; 1 takes for granted that transparent huge pages are on `madvise` (else it does
    /// nothing there), and that somebody has asked for the break before.
    pub fn tune(&mut self, settings: &str) -> Result<(), UnknownTunable> {
        for setting in settings.split(':').filter(|setting| !setting.is_empty()) {
            let unknown = |expected| UnknownTunable { setting: setting.to_owned(), expected };
            let (name, value) = setting.split_once('=').ok_or_else(|| unknown("expected name=value"))?;
            let value = number(value).ok_or_else(|| unknown("the value must be a number of at most 64 bits"))?;
            let ok = match name.strip_prefix("glibc.malloc.").unwrap_or(name) {
                "top_pad" => self.set_top_pad(value),
                "perturb" if value <= 0xff => self.set_perturb(value),
                "mmap_threshold" => self.set_mmap_threshold(value),
                "trim_threshold" => self.set_trim_threshold(value),
                "mmap_max" if i32::try_from(value).is_ok() => self.set_mmap_max(value as i32),
                "arena_max" if value > 0 => set(&mut self.arena_max, value),
                "arena_test" if value > 0 => set(&mut self.arena_test, value),
                "tcache_max" if value <= MAX_TCACHE_BYTES => {
                    set(&mut self.tcache_bins, tcache_index(chunk_bytes(value)) + 1)
                }
                "tcache_count" if u16::try_from(value).is_ok() => set(&mut self.tcache_count, value),
                "tcache_unsorted_limit" => set(&mut self.tcache_unsorted_limit, value),
                "mxfast" => self.set_mxfast(value),
                "check" if value <= 3 => true,
                "hugetlb" if value <= 1 => set(&mut self.thp_page_bytes, value * THP_PAGE_BYTES),
                "hugetlb" => return Err(unknown("huge pages of a pool are not modelled, only 0 and 1 are")),
                name if TUNABLES.contains(&name) => false,
                _ => return Err(unknown("glibc's malloc has no tunable of this name")),
            };
            if !ok {
                return Err(unknown("the value is out of range"));
            }
        }
        Ok(())
    }

    /// Sets what `mallopt` sets; the return value is mallopt's.
    ///
    /// # Source
    /// glibc 2.36 `malloc/malloc.c:__libc_mallopt`.
    pub(crate) fn set_option(&mut self, option: i32, value: i32) -> bool {
        let wide = i64::from(value) as u64;
        match option {
            1 => self.set_mxfast(wide),
            -1 => self.set_trim_threshold(wide),
            -2 => self.set_top_pad(wide),
            -3 => self.set_mmap_threshold(wide),
            -4 => self.set_mmap_max(value),
            -6 => self.set_perturb(wide),
            -7 if value > 0 => set(&mut self.arena_test, wide),
            -8 if value > 0 => set(&mut self.arena_max, wide),
            _ => true,
        }
    }

    fn set_mxfast(&mut self, value: u64) -> bool {
        if value > MAX_FAST_BYTES {
            return false;
        }
        self.max_fast = if value <= 7 { 16 } else { (value + 8) & !15 };
        true
    }

    fn set_trim_threshold(&mut self, value: u64) -> bool {
        self.trim_threshold = value;
        self.no_dyn_threshold = rule(Rule::SettingEndsDynamicThreshold);
        true
    }

    fn set_top_pad(&mut self, value: u64) -> bool {
        self.top_pad = value;
        self.no_dyn_threshold = rule(Rule::SettingEndsDynamicThreshold);
        true
    }

    fn set_mmap_threshold(&mut self, value: u64) -> bool {
        self.mmap_threshold = value;
        self.no_dyn_threshold = rule(Rule::SettingEndsDynamicThreshold);
        true
    }

    fn set_mmap_max(&mut self, value: i32) -> bool {
        self.n_mmaps_max = value;
        self.no_dyn_threshold = rule(Rule::SettingEndsDynamicThreshold);
        true
    }

    fn set_perturb(&mut self, value: u64) -> bool {
        self.perturb = value as u8;
        true
    }
}

fn set(field: &mut u64, value: u64) -> bool {
    *field = value;
    true
}

/// A number as the loader reads it: decimal, octal with a leading 0, hexadecimal with a leading 0x.
fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u64::from_str_radix(&text[1..], 8).ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunables_are_read_as_the_loader_reads_them() {
        let mut parameters = Parameters::default();
        parameters.tune("glibc.malloc.arena_max=2:tcache_count=0:mmap_threshold=0x1000:top_pad=010").unwrap();
        assert_eq!((parameters.arena_max, parameters.tcache_count), (2, 0));
        assert_eq!((parameters.mmap_threshold, parameters.top_pad), (4096, 8));
        assert!(parameters.no_dyn_threshold);
        parameters.tune("tcache_max=100").unwrap();
        assert_eq!(parameters.tcache_bins, 6);
    }

    #[test]
    fn a_tunable_that_glibc_does_not_have_is_refused() {
        let mut parameters = Parameters::default();
        let mut refused = |settings: &str| parameters.tune(settings).unwrap_err().to_string();
        assert_eq!(refused("arena_mex=2"), "tunable `arena_mex=2`: glibc's malloc has no tunable of this name");
        assert_eq!(refused("mxfast=161"), "tunable `mxfast=161`: the value is out of range");
        assert_eq!(
            refused("hugetlb=2"),
            "tunable `hugetlb=2`: huge pages of a pool are not modelled, only 0 and 1 are"
        );
        assert_eq!(refused("check=4"), "tunable `check=4`: the value is out of range");
        assert_eq!(refused("mxfast"), "tunable `mxfast`: expected name=value");
        assert_eq!(
            refused("mxfast=99999999999999999999"),
            "tunable `mxfast=99999999999999999999`: the value must be a number of at most 64 bits"
        );
    }

    #[test]
    fn mallopt_takes_a_negative_value_as_a_very_large_one() {
        let mut parameters = Parameters::default();
        assert!(parameters.set_option(-1, -1));
        assert_eq!(parameters.trim_threshold, u64::MAX);
        assert!(!parameters.set_option(1, -1));
        assert!(parameters.set_option(1, 0));
        assert_eq!(parameters.max_fast, 16);
        assert!(parameters.set_option(99, 0), "unknown options succeed and do nothing");
    }
}
