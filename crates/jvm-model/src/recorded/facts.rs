//! Recorded facts: stack depths, texts of errors, soft references, the order of queues, identity hashes. A line each.
//!
//! Lines about other collectors, compiled code or memory outside the heap are about nothing that the model has; they
//! are counted, and left out.

mod queues;

use std::io::BufRead;

use memory_trait::{FunctionId, Kind, Machine, Moment, Outcome, Program, RecordId, Slot, Tick};
use serde::Deserialize;

use super::{Comparison, RecordedError, Wrong, json_message, lines};
use crate::identity::IdentityHashes;
use crate::params::Flags;
use crate::stack::{ThreadStack, frame_bytes};
use crate::{Jvm, Version};

/// Frames of the recording program between `main` and the recursive method, on the main thread and on a new one. Unit:
/// bytes. Not recorded: the depths allow 305 to 336 and 177 to 208.
const BELOW_BYTES: [u64; 2] = [320, 192];

/// A line.
#[derive(Deserialize)]
struct Row {
    t: String,
    #[serde(default)]
    gc: String,
    #[serde(default)]
    mode: String,
    xss: Option<String>,
    bytes: Option<u64>,
    f: Option<u64>,
    g: Option<u64>,
    #[serde(default)]
    case: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    xmx: String,
    #[serde(default)]
    xms: String,
    #[serde(default, rename = "msPerMB")]
    ms_per_mb: u64,
    #[serde(default, rename = "sleepMs")]
    sleep_ms: u64,
    #[serde(default)]
    gcs: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    first: Vec<String>,
    #[serde(default)]
    flags: String,
    #[serde(default)]
    out: String,
}

/// Compares recorded facts of 17 with the model. Answers as well how many lines are about something that the model does
/// not have.
///
/// # Errors
/// A line that is not what the format says.
pub fn compare_facts(reader: impl BufRead) -> Result<(Comparison, u64), RecordedError> {
    let mut comparison = Comparison { what: "facts", n_exact: 0, n_total: 0, first_wrong: None };
    let mut n_left_out = 0;
    for entry in lines(reader) {
        let (line, text) = entry?;
        let row: Row =
            serde_json::from_str(&text).map_err(|error| RecordedError::at(line, json_message("a fact", &error)))?;
        let Some((expected, predicted)) = row.compared().map_err(|message| RecordedError::at(line, message))? else {
            n_left_out += 1;
            continue;
        };
        comparison.n_total += 1;
        if expected == predicted {
            comparison.n_exact += 1;
        } else if comparison.first_wrong.is_none() {
            let subject = [&row.t, &row.case].map(String::as_str).join(" ").trim().to_owned();
            comparison.first_wrong = Some(Wrong { line, subject, expected, predicted, context: text });
        }
    }
    if comparison.n_total + n_left_out == 0 {
        return Err(RecordedError::at(0, "the file is empty"));
    }
    Ok((comparison, n_left_out))
}

impl Row {
    /// What was recorded and what the model says; `None` for what it does not have.
    fn compared(&self) -> Result<Option<(String, String)>, String> {
        match (&*self.t, &*self.gc) {
            ("soe", _) if self.mode == "int" => self.depths().map(Some),
            ("soft", _) => self.soft().map(Some),
            ("hash", _) => Ok(Some(self.hashes())),
            ("oom" | "oom_overhead", "Serial") => self.text(),
            ("reforder", "Serial") => queues::order(&self.flags, &self.out).map(Some),
            ("soe" | "oom" | "oom_overhead" | "reforder", _) => Ok(None),
            (kind, _) => Err(format!("`{kind}` is no kind of fact")),
        }
    }

    /// `f()` and `g(long, long, Object)`, that call themselves.
    fn depths(&self) -> Result<(String, String), String> {
        let (stack, below) = match (&self.xss, self.bytes) {
            (Some(size), _) => {
                let flags = Flags::parse(Version::V17, [format!("-Xss{size}")]).map_err(|error| error.to_string())?;
                (ThreadStack::of_main(Version::V17, flags.thread_stack_bytes), BELOW_BYTES[0])
            }
            (None, Some(bytes)) => (ThreadStack::of_thread(Version::V17, bytes), BELOW_BYTES[1]),
            (None, None) => return Err("a depth without the size of its stack".to_owned()),
        };
        let depths = [frame_bytes(0), frame_bytes(5)].map(|bytes| Some(stack.depth(below, bytes)));
        Ok((format!("{:?}", [self.f, self.g]), format!("{depths:?}")))
    }

    /// Which of a row of collections, `sleepMs` apart, finds a soft reference cleared: `C`.
    fn soft(&self) -> Result<(String, String), String> {
        let compiled = if self.mode == "int" { "" } else { "-Xmixed" };
        let flags =
            format!("-Xmx{} -Xms{} -XX:SoftRefLRUPolicyMSPerMB={} {compiled}", self.xmx, self.xms, self.ms_per_mb);
        let mut bench = Bench::new(&flags)?;
        let run = |bench: &mut Bench| -> Outcome<String> {
            let jvm = &mut bench.jvm;
            jvm.new_record(A, NODE)?;
            jvm.new_soft(B, A, None)?;
            jvm.set_null(A)?;
            let n_before = jvm.usage().n_objects;
            let mut said = String::new();
            for n_naps in 1..=self.gcs.len() as u64 {
                jvm.set_moment(Moment { tick: Tick(n_naps * self.sleep_ms), ..Moment::default() });
                jvm.collect()?;
                said.push(if jvm.usage().n_objects < n_before { 'C' } else { '.' });
            }
            Ok(said)
        };
        let said = run(&mut bench).map_err(|fault| fault.to_string())?;
        Ok((self.gcs.clone(), said))
    }

    fn hashes(&self) -> (String, String) {
        let hashes = IdentityHashes::of_main_thread().skip(self.offset as usize);
        let said: Vec<String> = hashes.take(self.first.len()).map(|hash| format!("{hash:08x}")).collect();
        (self.first.join(" "), said.join(" "))
    }

    /// The text of an `OutOfMemoryError`.
    fn text(&self) -> Result<Option<(String, String)>, String> {
        let mut bench = Bench::new("-Xmx16m")?;
        let jvm = &mut bench.jvm;
        let max = i64::from(i32::MAX);
        let fault = match (&*self.t, &*self.case) {
            ("oom_overhead", _) | (_, "heap") => bench.fill(),
            (_, "big") => jvm.new_bytes(A, max / 2),
            (_, "new_byte_MAX") => jvm.new_bytes(A, max),
            (_, "new_byte_MAXm1") => jvm.new_bytes(A, max - 1),
            (_, "new_Object_MAXm2") => jvm.new_array(A, Kind::Reference, max - 2),
            // Buffers outside the heap.
            _ => return Ok(None),
        };
        let said = fault.map_or_else(|fault| fault.message, |()| "no error".to_owned());
        let said = said.strip_prefix("java.lang.OutOfMemoryError: ").unwrap_or(&said);
        Ok(Some((self.msg.clone(), said.to_owned())))
    }
}

const A: Slot = Slot(0);
const B: Slot = Slot(1);
const C: Slot = Slot(2);
const D: Slot = Slot(3);
/// A temporary number.
const NUMBER: Slot = Slot(4);
/// `Node { long number; Object item, next, prev }`.
const NODE: RecordId = RecordId(0);
/// `Final { long number }`, with a finalizer.
const FINAL: RecordId = RecordId(1);

/// A machine with a frame.
struct Bench {
    jvm: Jvm,
}

impl Bench {
    fn new(flags: &str) -> Result<Bench, String> {
        let mut program = Program::default();
        let reference = Kind::Reference;
        let fields = [("number", Kind::Int), ("item", reference), ("next", reference), ("prev", reference)];
        program.record("Node", &fields);
        program.record("Final", &fields[..1]);
        let locals = [("a", reference), ("b", reference), ("c", reference), ("d", reference), ("n", Kind::Int)];
        program.function("main", &[], &locals);
        program.function("finalize", &[("self", reference)], &[("n", Kind::Int)]);
        program.records[FINAL.index()].finalizer = Some(FunctionId(1));
        let mut jvm = Jvm::builder().flags(flags).ticks_per_ms(1).build().map_err(|error| error.to_string())?;
        let start = |jvm: &mut Jvm| -> Outcome<()> {
            jvm.load_program(&program)?;
            jvm.call(FunctionId(0), &[], None)?;
            [A, B, C, D].into_iter().try_for_each(|slot| jvm.set_null(slot))
        };
        start(&mut jvm).map_err(|fault| fault.to_string())?;
        Ok(Bench { jvm })
    }

    /// Keeps everything until there is no room.
    fn fill(&mut self) -> Outcome<()> {
        loop {
            self.jvm.new_record(B, NODE)?;
            self.jvm.store(B, queues::NEXT, A)?;
            self.jvm.copy(A, B)?;
            self.jvm.new_bytes(C, 10_000)?;
            self.jvm.store(A, queues::ITEM, C)?;
        }
    }
}
