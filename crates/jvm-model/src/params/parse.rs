//! From the VM's own spelling to [`Flags`]. Mirrors `arguments.cpp:Arguments::parse_each_vm_init_arg` and
//! `jvmFlagAccess.cpp`; every message is HotSpot's.

use super::error::FlagError;
use super::table::{Place, Spec, TABLE};
use super::{Flags, G, K, M};

/// Least thread stack. Unit: bytes. What 17 and 25 demand on Linux x86-64 (`os_posix.cpp:set_minimum_stack_sizes`).
const MIN_THREAD_STACK_BYTES: u64 = 136 * K;
/// Greatest thread stack. Unit: K. `globals.hpp:ThreadStackSize`.
const MAX_THREAD_STACK_K: u64 = K * K;
/// Bytes of a TLAB that are never handed out. `threadLocalAllocBuffer.cpp:alignment_reserve`, with C2 present.
const TLAB_RESERVE_BYTES: u64 = 576;

impl Flags {
    /// Takes one option: `-Xmx64m`, `-XX:NewRatio=3`, `-XX:+UseTLAB`.
    ///
    /// # Errors
    /// HotSpot's own refusal of this option; or ours, where it would choose another collector.
    pub fn set(&mut self, option: &str) -> Result<(), FlagError> {
        if let Some(flag) = option.strip_prefix("-XX:") {
            return self.set_flag(option, flag);
        }
        if let Some(tail) = option.strip_prefix("-Xmx") {
            self.max_heap_bytes = Some(memory_size(tail, 1).ok_or_else(|| invalid("maximum heap", option))?);
        } else if let Some(tail) = option.strip_prefix("-Xms") {
            let bytes = memory_size(tail, 0).ok_or_else(|| invalid("initial heap", option))?;
            self.min_heap_bytes = Some(bytes);
            self.initial_heap_bytes = Some(bytes);
        } else if let Some(tail) = option.strip_prefix("-Xmn") {
            let bytes = memory_size(tail, 1).ok_or_else(|| invalid("initial young generation", option))?;
            self.new_bytes = Some(bytes);
            self.max_new_bytes = Some(bytes);
        } else if let Some(tail) = option.strip_prefix("-Xss") {
            let bytes = memory_size(tail, 0).ok_or_else(|| invalid("thread stack", option))?;
            if bytes > MAX_THREAD_STACK_K * K {
                return Err(invalid("thread stack", option));
            }
            self.thread_stack_bytes = bytes.div_ceil(K) * K;
        } else if option == "-Xint" {
            self.interpreted = true;
        } else if matches!(option, "-Xmixed" | "-Xcomp" | "-server" | "-ea" | "-esa" | "-da" | "-dsa") {
            self.interpreted = false;
        } else if !["-Xlog", "-Xshare:", "-D", "-verbose"].iter().any(|known| option.starts_with(known)) {
            return Err(FlagError::refused(option, format!("Unrecognized option: {option}")));
        }
        Ok(())
    }

    /// Takes what follows `-XX:`.
    fn set_flag(&mut self, option: &str, flag: &str) -> Result<(), FlagError> {
        let (switch, flag) = match flag.as_bytes().first() {
            Some(b'+') => (Some(true), &flag[1..]),
            Some(b'-') => (Some(false), &flag[1..]),
            _ => (None, flag),
        };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        if let ("UseG1GC" | "UseParallelGC" | "UseZGC" | "UseShenandoahGC" | "UseEpsilonGC", Some(true)) =
            (name, switch)
        {
            return Err(FlagError::not_modelled(option, "the model has the Serial collector only"));
        }
        if let ("AlwaysTenure" | "NeverTenure", Some(is_on)) = (name, switch) {
            self.max_tenuring_threshold = match (name, is_on) {
                ("AlwaysTenure", true) => 0,
                ("NeverTenure", true) => 16,
                _ => self.max_tenuring_threshold,
            };
            return Ok(());
        }
        if let ("ThreadStackSize", None, Some(value)) = (name, switch, value) {
            let improper = FlagError::refused(option, format!("Improperly specified VM option '{flag}'"));
            let kilobytes = memory_size(value, 0).ok_or(improper)?;
            if kilobytes > MAX_THREAD_STACK_K {
                let message =
                    format!("intx {name}={kilobytes} is outside the allowed range [ 0 ... {MAX_THREAD_STACK_K} ]");
                return Err(FlagError::refused(option, message));
            }
            self.thread_stack_bytes = kilobytes * K;
            return Ok(());
        }
        let spec = TABLE
            .iter()
            .find(|spec| spec.name == name && (spec.versions.0..=spec.versions.1).contains(&self.version))
            .ok_or_else(|| self.unknown(option, flag, name))?;
        self.set_spec(option, spec, switch, value)
    }

    /// Gives `spec` its value.
    fn set_spec(
        &mut self,
        option: &str,
        spec: &Spec,
        switch: Option<bool>,
        value: Option<&str>,
    ) -> Result<(), FlagError> {
        let name = spec.name;
        let improper = || FlagError::refused(option, format!("Improperly specified VM option '{}'", &option[4..]));
        if matches!(spec.place, Place::Switch(_) | Place::GivenSwitch(_) | Place::Nothing) {
            let missing =
                || FlagError::refused(option, format!("Missing +/- setting for VM option '{}'", &option[4..]));
            let is_on = switch.ok_or_else(missing)?;
            match spec.place {
                Place::Switch(place) => *place(self) = is_on,
                Place::GivenSwitch(place) => *place(self) = Some(is_on),
                _ => {}
            }
            return Ok(());
        }
        if switch.is_some() {
            return Err(FlagError::refused(option, format!("Unexpected +/- setting in VM option '{name}'")));
        }
        let value = value.ok_or_else(improper)?;
        if let Place::Percent(place) = spec.place {
            let percent: f64 = value.parse().map_err(|_| improper())?;
            if !(0.0..=100.0).contains(&percent) {
                let message =
                    format!("double {name}={percent:.6} is outside the allowed range [ 0.000000 ... 100.000000 ]");
                return Err(FlagError::refused(option, message));
            }
            *place(self) = percent;
            return Ok(());
        }
        let number = memory_size(value, 0).ok_or_else(improper)?;
        let (least, greatest) = spec.range;
        if !(least..=greatest).contains(&number) {
            let type_name = spec.type_name(self.version);
            let message =
                format!("{type_name} {name}={number} is outside the allowed range [ {least} ... {greatest} ]");
            return Err(FlagError::refused(option, message));
        }
        match spec.place {
            Place::Number(place) => *place(self) = number,
            Place::Given(place) => *place(self) = Some(number),
            _ => unreachable!("{name} is neither a switch nor a percentage"),
        }
        Ok(())
    }

    /// A name that the table does not have, with the nearest that it has.
    fn unknown(&self, option: &str, flag: &str, name: &str) -> FlagError {
        let near = |spec: &&Spec| strsim::normalized_damerau_levenshtein(spec.name, name) > 0.7;
        let distance = |spec: &&Spec| strsim::damerau_levenshtein(spec.name, name);
        let candidates = TABLE.iter().filter(|spec| (spec.versions.0..=spec.versions.1).contains(&self.version));
        let meant = candidates.filter(near).min_by_key(distance).map(|spec| spec.name.to_owned());
        FlagError { meant, ..FlagError::refused(option, format!("Unrecognized VM option '{flag}'")) }
    }

    /// Holds the values against each other, as HotSpot does once all of them are known.
    ///
    /// # Errors
    /// HotSpot's own refusal. What depends on the size of the heap is refused by [`crate::sizing`].
    pub fn check(&self) -> Result<(), FlagError> {
        let refuse = |message: String| Err(FlagError::refused("", message));
        let (least, greatest) = (self.min_heap_free_ratio, self.max_heap_free_ratio);
        if least > greatest {
            return refuse(format!(
                "MinHeapFreeRatio ({least}) must be less than or equal to MaxHeapFreeRatio ({greatest})"
            ));
        }
        let alignment = self.object_alignment_bytes;
        if !alignment.is_power_of_two() {
            return refuse(format!("ObjectAlignmentInBytes ({alignment}) must be power of 2"));
        }
        let padding = self.contended_padding_bytes;
        if !padding.is_multiple_of(8) {
            return refuse(format!("ContendedPaddingWidth ({padding}) must be a multiple of 8"));
        }
        let (tlab, min_tlab) = (self.tlab_bytes, self.min_tlab_bytes);
        if min_tlab < TLAB_RESERVE_BYTES {
            return refuse(format!(
                "MinTLABSize ({min_tlab}) must be greater than or equal to reserved area in TLAB ({TLAB_RESERVE_BYTES})"
            ));
        }
        if tlab != 0 && tlab < min_tlab {
            return refuse(format!("TLABSize ({tlab}) must be greater than or equal to MinTLABSize ({min_tlab})"));
        }
        if self.thread_stack_bytes != 0 && self.thread_stack_bytes < MIN_THREAD_STACK_BYTES {
            let least = MIN_THREAD_STACK_BYTES / K;
            return refuse(format!("The Java thread stack size specified is too small. Specify at least {least}k"));
        }
        Ok(())
    }
}

fn invalid(what: &str, option: &str) -> FlagError {
    FlagError::refused(option, format!("Invalid {what} size: {option}"))
}

/// Reads `64m`, `0x10000`, `3G`: a number of at least `least` with at most one of the suffixes K, M, G, T.
/// Mirrors `parseInteger.hpp`; `None` also where the number does not fit 64 bits.
fn memory_size(text: &str, least: u64) -> Option<u64> {
    let (radix, digits) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None => (10, text),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let number = u64::from_str_radix(&digits[..end], radix).ok()?;
    let unit = match &digits[end..] {
        "" => 1,
        "k" | "K" => K,
        "m" | "M" => M,
        "g" | "G" => G,
        "t" | "T" => K * G,
        _ => return None,
    };
    number.checked_mul(unit).filter(|&bytes| bytes >= least)
}
