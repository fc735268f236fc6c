//! What a JVM's log says of its heap: every collection with the spaces before and after it.
//!
//! Read is the text of `-Xlog:gc,gc+start,gc+heap=debug,gc+heap+coops=debug,gc+age=trace,gc+promotion=debug` and
//! `gc+tlab=trace`, as 17, 21 and 25 write it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What to ask for.
pub(super) const SELECTION: &str =
    "gc,gc+start,gc+heap=trace,gc+heap+coops=debug,gc+age=trace,gc+promotion=info,gc+tlab=trace";

/// Bottom, top, end.
pub(super) type Bounds = [u64; 3];

/// The spaces at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Places {
    pub(super) eden: Bounds,
    pub(super) frm: Bounds,
    pub(super) to: Bounds,
    pub(super) old: Bounds,
}

/// A collection, with the names that recordings have.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Gc {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) cause: String,
    pub(super) before: Places,
    pub(super) after: Places,
    pub(super) thr: Option<u32>,
    pub(super) ages: BTreeMap<u32, u64>,
    pub(super) pf: u32,
    /// When it began.
    #[serde(skip)]
    pub(super) start_ns: u64,
    /// Full collections so far, this one included.
    #[serde(skip)]
    pub(super) n_full: u64,
    /// The main thread's buffers after it: allocation fraction, words of the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tlab: Option<(f32, usize)>,
    #[serde(skip)]
    is_after: bool,
    #[serde(skip)]
    main_thread: Option<u64>,
}

/// A log as a whole.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Least, initial and largest size of young.
    pub(super) young: Bounds,
    /// The same of old.
    pub(super) old: Bounds,
    /// Where the heap begins.
    pub(super) base: u64,
    /// The allocation fraction of the main thread when it took its first buffer, to five digits.
    pub(super) first_fraction: Option<f32>,
    pub(super) collections: Vec<Gc>,
}

fn after<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.split_once(word).map(|(_, rest)| rest)
}

/// The first number of a text, in decimal.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn numbers(text: &str, words: [&str; 3]) -> Option<Bounds> {
    Some([number(after(text, words[0])?)?, number(after(text, words[1])?)?, number(after(text, words[2])?)?])
}

/// The addresses between brackets: the first two and the last.
fn bounds(text: &str) -> Option<Bounds> {
    let inside = after(text, "[0x")?.split(')').next()?;
    let found: Vec<u64> =
        inside.split(", ").filter_map(|hex| u64::from_str_radix(hex.trim_start_matches("0x"), 16).ok()).collect();
    Some([*found.first()?, *found.get(1)?, *found.last()?])
}

impl Log {
    pub(super) fn read(text: &str) -> Log {
        let mut log = Log::default();
        for line in text.lines() {
            log.line(line);
        }
        log
    }

    fn line(&mut self, line: &str) {
        // [123456789ns][debug][gc,heap] GC(3) what it says
        let mut parts = line.splitn(4, ']');
        let (Some(time), Some(tags), Some(rest)) = (parts.next(), parts.nth(1), parts.next()) else { return };
        let is = |wanted: &str| tags.trim_start_matches('[').trim_end() == wanted;
        let rest = rest.trim_start();
        let Some((_, said)) = rest.strip_prefix("GC(").and_then(|rest| rest.split_once(") ")) else {
            self.start(rest);
            return;
        };
        if is("gc,start") {
            self.begin(said, number(time.trim_start_matches('[')).unwrap_or(0));
            return;
        }
        let Some(gc) = self.collections.last_mut() else { return };
        if is("gc,heap") {
            gc.heap(said);
        } else if is("gc,age") {
            gc.age(said);
        } else if is("gc,promotion") && said.starts_with("Promotion failed") {
            gc.pf = 1;
        } else if is("gc,tlab") {
            gc.tlab(said);
        }
    }

    fn start(&mut self, said: &str) {
        if let Some(rest) = after(said, "Heap address: 0x") {
            self.base = u64::from_str_radix(rest.split(',').next().unwrap_or(""), 16).unwrap_or(0);
        } else if let Some(found) = numbers(said, ["Minimum young", "Initial young", "Maximum young"]) {
            self.young = found;
        } else if let Some(found) = numbers(said, ["Minimum old", "Initial old", "Maximum old"]) {
            self.old = found;
        } else if said.starts_with("TLAB: fill") && self.first_fraction.is_none() {
            let alloc = after(said, "alloc:").and_then(|rest| rest.split_whitespace().next());
            self.first_fraction = alloc.and_then(|alloc| alloc.parse().ok());
        }
    }

    fn begin(&mut self, said: &str, start_ns: u64) {
        for kind in ["Young", "Full"] {
            let Some(cause) = said.strip_prefix("Pause ").and_then(|rest| rest.strip_prefix(kind)) else { continue };
            let cause = cause.trim();
            let cause = cause.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(cause);
            self.collections.push(Gc { kind: kind.to_owned(), cause: cause.to_owned(), start_ns, ..Gc::default() });
        }
    }
}

impl Gc {
    fn heap(&mut self, said: &str) {
        let said = said.trim_start();
        if said.to_ascii_lowercase().starts_with("heap after gc") {
            self.is_after = true;
            self.n_full = after(said, "(full ").and_then(number).unwrap_or(0);
        }
        let places = if self.is_after { &mut self.after } else { &mut self.before };
        let words: Vec<&str> = said.split_whitespace().take(2).collect();
        let place = match words[..] {
            ["eden", "space"] => &mut places.eden,
            ["from", "space"] => &mut places.frm,
            ["to", "space"] => &mut places.to,
            ["the", "space"] => &mut places.old,
            _ => return,
        };
        if let Some(found) = bounds(said) {
            *place = found;
        }
    }

    fn age(&mut self, said: &str) {
        if let Some(rest) = after(said, "new threshold") {
            self.thr = number(rest).map(|threshold| threshold as u32);
        } else if let Some(rest) = said.trim_start().strip_prefix("- age")
            && let (Some(age), Some(bytes)) = (number(rest), after(rest, ":").and_then(number))
        {
            self.ages.insert(age as u32, bytes);
        }
    }

    /// `TLAB new size: thread: 0x7f [id: 8907] refills 50  alloc: 0.999983 desired_size: 7045 -> 7045`; the main thread
    /// is the oldest.
    fn tlab(&mut self, said: &str) {
        if !said.starts_with("TLAB new size") {
            return;
        }
        let read = || {
            let thread = number(after(said, "[id:")?)?;
            let fraction = after(said, "alloc:")?.split_whitespace().next()?.parse().ok()?;
            let words = number(after(said, "->")?)?;
            Some((thread, fraction, words as usize))
        };
        let Some((thread, fraction, words)) = read() else { return };
        if self.main_thread.is_none_or(|main| thread < main) {
            self.main_thread = Some(thread);
            self.tlab = Some((fraction, words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_read_with_its_spaces_and_ages() {
        let log = Log::read(
            "[6ns][debug][gc,heap,coops] Heap address: 0x00000000fec00000, size: 20 MB, Compressed Oops mode: 32-bit\n\
             [9ns][info ][gc,start     ] GC(0) Pause Young (Allocation Failure)\n\
             [9ns][debug][gc,heap      ] GC(0) Heap before GC invocations=0 (full 4):\n\
             [9ns][debug][gc,heap      ] GC(0)   eden space 5504K,  14% used [0x10, 0x20, 0x30)\n\
             [9ns][debug][gc,age       ] GC(0) Desired survivor size 196608 bytes, new threshold 1 (max threshold 15)\n\
             [9ns][trace][gc,age       ] GC(0) - age   1:     393216 bytes,     393216 total\n\
             [9ns][debug][gc,heap      ] GC(0) Heap after GC invocations=1 (full 4):\n\
             [9ns][debug][gc,heap      ] GC(0)    the space 13696K,   0% used [0x40, 0x48, 0x50, 0x60)\n",
        );
        assert_eq!(log.base, 0xfec0_0000);
        let [gc] = &log.collections[..] else { panic!("{log:?}") };
        assert_eq!(
            Log::read("[10ns][info][gc,start] GC(7) Pause Full (System.gc())").collections[0].cause,
            "System.gc()"
        );
        assert_eq!((&*gc.kind, &*gc.cause, gc.thr, gc.n_full), ("Young", "Allocation Failure", Some(1), 4));
        assert_eq!((gc.before.eden, gc.after.old), ([0x10, 0x20, 0x30], [0x40, 0x48, 0x60]));
        assert_eq!(gc.ages, BTreeMap::from([(1, 393_216)]));
    }
}
